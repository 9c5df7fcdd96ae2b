/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Parse: what the steering decision needs to know of a frame, read with explicit bounds.
 *
 * Anything unusual is named and left to the stack, never guessed at. No pointer is subtracted from
 * another: that would cost CAP_PERFMON (KERNEL.md). */
#pragma once

#include "bellwether/steer_maps.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The flags fill whole words of the stack, for Linux 6.1 (bpf/README.md). */
struct frame {
	struct slot_key key;         /* where it goes; of an ICMP error: whence its packet came */
	struct peer_key source;
	__u64 is_syn;                /* opens a connection */
	__u64 is_too_big;            /* an ICMP error about a packet that a slot's holder sent */
	__u64 hops;                  /* TTL or hop limit */
};
_Static_assert(__builtin_offsetof(struct frame, is_syn) % 8 == 0, "flags have words of their own");

enum {
	FRAME_PARSED = -1,           /* else an enum steer_verdict */
	CARRIED_MAX = 0xffff,
	PORTS_BYTES = 4,             /* what is read of a TCP header inside an ICMP error */
	IP_FRAGMENT_BITS = 0x3fff,   /* more fragments, and the offset */
	ICMP4_UNREACHABLE = 3,       /* RFC 792 */
	ICMP4_TOO_BIG = 4,           /* its code: fragmentation needed (RFC 1191) */
	ICMP6_TOO_BIG = 2,           /* RFC 4443 */
};

struct icmp_start {                  /* <linux/icmp.h> drags in libc */
	__u8 type, code;
	__be16 checksum;
	__be32 rest;
};

/* In two whole words (bpf/README.md). */
static __always_inline void frame_map_ipv4(__u8 to[16], __be32 address)
{
	__u64 words[2] = {0, bpf_cpu_to_be64(0xffffULL << 32 | bpf_ntohl(address))};

	__builtin_memcpy(to, words, sizeof(words));
}

/* How much the packet carries by its own account: what lies behind is the frame's padding, and
 * ports in the padding are no ports. A length of 0 is a super-packet's above 64 KiB. */
static __always_inline __s32 frame_carried(__be16 length, __s32 header_bytes)
{
	return length ? bpf_ntohs(length) - header_bytes : CARRIED_MAX;
}

static __always_inline int frame_parse_tcp(const struct tcphdr *tcp, const void *end,
					   __s32 carried, struct frame *f)
{
	if ((const void *)(tcp + 1) > end || carried < (__s32)sizeof(*tcp))
		return STEER_PASS_SHORT;
	f->key.port = tcp->dest;
	f->is_syn = tcp->syn && !tcp->ack;
	return FRAME_PARSED;
}

/* The inner header is the holder's own packet: its source is the slot. */
static __always_inline int frame_parse_too_big4(const struct icmp_start *icmp, const void *end,
						__s32 carried, __be32 destination, struct frame *f)
{
	const struct iphdr *inner = (const void *)(icmp + 1);
	const __be16 *ports = (const void *)(inner + 1);

	if ((const void *)inner > end || carried < (__s32)sizeof(*icmp))
		return STEER_PASS_SHORT;
	if (icmp->type != ICMP4_UNREACHABLE || icmp->code != ICMP4_TOO_BIG)
		return STEER_PASS_NOT_TCP;
	if ((const void *)(ports + 2) > end ||
	    carried < (__s32)(sizeof(*icmp) + sizeof(*inner)) + PORTS_BYTES)
		return STEER_PASS_SHORT;
	if (inner->version != 4 || inner->ihl != 5 || inner->protocol != IPPROTO_TCP ||
	    inner->saddr != destination || (inner->frag_off & bpf_htons(IP_FRAGMENT_BITS)))
		return STEER_PASS_NOT_TCP;
	f->key.port = ports[0];
	f->is_too_big = 1;
	return FRAME_PARSED;
}

static __always_inline int frame_parse_ipv4(const struct iphdr *ip, const void *end,
					    struct frame *f)
{
	__s32 carried;

	if ((const void *)(ip + 1) > end)
		return STEER_PASS_SHORT;
	if (ip->version != 4)
		return STEER_PASS_NOT_IP;
	if (ip->ihl != 5)
		return STEER_PASS_OPTIONS;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_BITS))
		return STEER_PASS_FRAGMENT;
	carried = frame_carried(ip->tot_len, sizeof(*ip));
	f->hops = ip->ttl;
	frame_map_ipv4(f->key.address, ip->daddr);
	if (ip->protocol == IPPROTO_TCP)
		return frame_parse_tcp((const void *)(ip + 1), end, carried, f);
	if (ip->protocol == IPPROTO_ICMP)
		return frame_parse_too_big4((const void *)(ip + 1), end, carried, ip->daddr, f);
	return STEER_PASS_NOT_TCP;
}

static __always_inline int frame_is_to(const struct frame *f, const __be32 address[4])
{
	__be32 to[4];

	__builtin_memcpy(to, f->key.address, sizeof(to));
	return ((to[0] ^ address[0]) | (to[1] ^ address[1]) | (to[2] ^ address[2]) |
		(to[3] ^ address[3])) == 0;
}

static __always_inline int frame_parse_too_big6(const struct icmp_start *icmp, const void *end,
						__s32 carried, struct frame *f)
{
	const struct ipv6hdr *inner = (const void *)(icmp + 1);
	const __be16 *ports = (const void *)(inner + 1);

	if ((const void *)inner > end || carried < (__s32)sizeof(*icmp))
		return STEER_PASS_SHORT;
	if (icmp->type != ICMP6_TOO_BIG)
		return STEER_PASS_NOT_TCP;
	if ((const void *)(ports + 2) > end ||
	    carried < (__s32)(sizeof(*icmp) + sizeof(*inner)) + PORTS_BYTES)
		return STEER_PASS_SHORT;
	if (inner->version != 6 || inner->nexthdr != IPPROTO_TCP ||
	    !frame_is_to(f, inner->saddr.in6_u.u6_addr32))
		return STEER_PASS_NOT_TCP;
	f->key.port = ports[0];
	f->is_too_big = 1;
	return FRAME_PARSED;
}

/* In bw_slots such an address is an IPv4 slot's; in a frame it is nobody's (RFC 4291). */
static __always_inline int frame_is_mapped(const __be32 address[4])
{
	return (address[0] | address[1] | (address[2] ^ bpf_htonl(0xffff))) == 0;
}

static __always_inline int frame_parse_ipv6(const struct ipv6hdr *ip, const void *end,
					    struct frame *f)
{
	__s32 carried;

	if ((const void *)(ip + 1) > end)
		return STEER_PASS_SHORT;
	if (ip->version != 6)
		return STEER_PASS_NOT_IP;
	if (frame_is_mapped(ip->daddr.in6_u.u6_addr32))
		return STEER_PASS_NO_SLOT;
	f->hops = ip->hop_limit;
	__builtin_memcpy(f->key.address, &ip->daddr, 16);
	carried = frame_carried(ip->payload_len, 0);
	switch (ip->nexthdr) {
	case IPPROTO_TCP:
		return frame_parse_tcp((const void *)(ip + 1), end, carried, f);
	case IPPROTO_ICMPV6:
		return frame_parse_too_big6((const void *)(ip + 1), end, carried, f);
	case IPPROTO_FRAGMENT:
		return STEER_PASS_FRAGMENT;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
		return STEER_PASS_EXTENSION;
	default:
		return STEER_PASS_NOT_TCP;
	}
}

/* Returns FRAME_PARSED with *f filled in, or the verdict. */
static __always_inline int frame_parse(const void *data, const void *end, const __u8 own_mac[6],
				       struct frame *f)
{
	const struct ethhdr *ethernet = data;

	__builtin_memset(f, 0, sizeof(*f));
	if ((const void *)(ethernet + 1) > end)
		return STEER_PASS_SHORT;
	/* A switch floods what it does not know: everybody else's copy is not ours to send on. */
	for (int i = 0; i < ETH_ALEN; i++)
		if (ethernet->h_dest[i] != own_mac[i])
			return STEER_PASS_OTHER_HOST;
	__builtin_memcpy(f->source.mac, ethernet->h_source, ETH_ALEN);
	switch (ethernet->h_proto) {
	case bpf_htons(ETH_P_IP):
		return frame_parse_ipv4((const void *)(ethernet + 1), end, f);
	case bpf_htons(ETH_P_IPV6):
		return frame_parse_ipv6((const void *)(ethernet + 1), end, f);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		return STEER_PASS_VLAN;
	default:
		return STEER_PASS_NOT_IP;
	}
}
