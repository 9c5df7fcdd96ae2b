/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Parse and rewrite: a mirror piece in an Ethernet frame, and the frame addressed to another
 * follower. All that leaves the node passes here, so what is no piece must be seen to be none
 * early; and the bytes may lie outside of the linear part, so they are copied. */
#pragma once

#include "bellwether/mirror_maps.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	PIECE_IP_FRAGMENT_BITS = 0x3fff, /* more fragments, and the offset */
	PIECE_IPV4_PLAIN = 0x45,         /* version 4, no options */
	PIECE_IPV6_NEXT = 6,             /* where the next header's number is */
};

enum { PIECE_HEAD_BYTES = 14 + 20 + 8 };

struct piece_head {  /* what a copy changes, in one store of all but `align` and `rest` */
	__u16 align; /* so that the rest can be read in words */
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	__u32 rest; /* 0: a copy of it is made in whole words */
};
_Static_assert(sizeof(struct piece_head) == 2 + PIECE_HEAD_BYTES + 4, "piece_head has padding");

enum piece_kind { PIECE_NONE, PIECE_ODD, PIECE_PLAIN };

/* Is there the header of a piece that wants to be cloned, or the beginning of one? */
static __always_inline enum piece_kind piece_load(struct __sk_buff *skb, __u32 offset,
						  struct mirror_piece *ret_piece)
{
	if (bpf_skb_load_bytes(skb, offset, ret_piece, sizeof(*ret_piece)) == 0) {
		if (ret_piece->magic != bpf_htonl(MIRROR_MAGIC) ||
		    !(ret_piece->flags & bpf_htons(MIRROR_CLONE)))
			return PIECE_NONE;
		return PIECE_PLAIN;
	}
	if (bpf_skb_load_bytes(skb, offset, &ret_piece->magic, sizeof(ret_piece->magic)) == 0 &&
	    ret_piece->magic == bpf_htonl(MIRROR_MAGIC))
		return PIECE_ODD; /* cut short */
	return PIECE_NONE;
}

static __always_inline enum piece_kind
piece_parse_ipv4(struct __sk_buff *skb, struct piece_head *head, struct mirror_piece *ret_piece)
{
	__u32 header_bytes = (*(__u8 *)&head->ip & 15) * 4;
	enum piece_kind kind;

	if (head->ip.protocol != IPPROTO_UDP)
		return PIECE_NONE;
	kind = piece_load(skb, ETH_HLEN + header_bytes + sizeof(struct udphdr), ret_piece);
	if (kind == PIECE_PLAIN && (*(__u8 *)&head->ip != PIECE_IPV4_PLAIN ||
				    (head->ip.frag_off & bpf_htons(PIECE_IP_FRAGMENT_BITS))))
		return PIECE_ODD;
	return kind;
}

/* PIECE_PLAIN: both are filled in. Followers have IPv4 addresses as yet, so a piece in IPv6 is odd.
 */
static __always_inline enum piece_kind
piece_parse(struct __sk_buff *skb, struct piece_head *ret_head, struct mirror_piece *ret_piece)
{
	if (bpf_skb_load_bytes(skb, 0, &ret_head->ethernet, PIECE_HEAD_BYTES) < 0)
		return PIECE_NONE;
	if (ret_head->ethernet.h_proto == bpf_htons(ETH_P_IP))
		return piece_parse_ipv4(skb, ret_head, ret_piece);
	if (ret_head->ethernet.h_proto == bpf_htons(ETH_P_IPV6) &&
	    ((__u8 *)&ret_head->ip)[PIECE_IPV6_NEXT] == IPPROTO_UDP &&
	    piece_load(skb, ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct udphdr), ret_piece))
		return PIECE_ODD;
	return PIECE_NONE;
}

/* ---- checksums ---- */

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* RFC 1624: what the sum of some words becomes when an address among them is another. */
static __always_inline __u16 sum_replace(__u16 sum, __be32 from, __be32 to)
{
	__be32 gone = ~from;

	return fold(sum + (gone & 0xffff) + (gone >> 16) + (to & 0xffff) + (to >> 16));
}

/* ---- rewriting ---- */

static __always_inline __be32 follower_address(const struct mirror_follower *follower)
{
	__be32 address;

	__builtin_memcpy(&address, follower->address + 12, sizeof(address));
	return address;
}

/* Addresses the frame, whose head is *head, to another follower. Returns 0, or what the kernel
 * says.
 *
 * The UDP checksum of a GSO super-packet is always that of the pseudo header, not complemented,
 * whether the skb is marked so or not (KERNEL.md), so bpf_l4_csum_replace(), which asks the mark,
 * is not to be trusted with it: the rest is summed when it is segmented. Of a plain packet only
 * the kernel knows which of the two forms it has. */
static __always_inline long piece_readdress(struct __sk_buff *skb, const struct piece_head *head,
					    const struct mirror_follower *follower)
{
	const __u32 checksum_at = ETH_HLEN + sizeof(struct iphdr) + 6;
	__be32 address = follower_address(follower);
	struct piece_head next = *head;
	long rc;

	__builtin_memcpy(next.ethernet.h_dest, follower->next_mac, ETH_ALEN);
	next.ip.check = ~sum_replace(~head->ip.check, head->ip.daddr, address);
	next.udp.dest = follower->port;
	barrier(); /* Linux 6.1 wants the beginning of a stack word written last (bpf/README.md) */
	next.ip.daddr = address;
	if (skb->gso_size != 0)
		next.udp.check = sum_replace(head->udp.check, head->ip.daddr, address);
	rc = bpf_skb_store_bytes(skb, 0, &next.ethernet, PIECE_HEAD_BYTES, 0);
	if (rc == 0 && skb->gso_size == 0)
		rc = bpf_l4_csum_replace(skb, checksum_at, head->ip.daddr, address,
					 BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | sizeof(address));
	if (rc == 0 && skb->gso_size == 0)
		rc = bpf_l4_csum_replace(skb, checksum_at, head->udp.dest, follower->port,
					 BPF_F_MARK_MANGLED_0 | sizeof(follower->port));
	return rc;
}
