/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Act: the frame's new MAC addresses and one hop less. Addresses, ports and the TCP checksum stay
 * as the client wrote them, so frames with a partial checksum survive (KERNEL.md). */
#pragma once

#include "lib/frame.h"

/* One less in the high byte of a word: RFC 1624 says to add 0x0100 to the complemented sum. */
static __always_inline void rewrite_ttl(struct iphdr *ip)
{
	__u32 sum = (__u32)ip->check + bpf_htons(0x0100);

	ip->check = (__sum16)(sum + (sum >= 0xffff));
	ip->ttl--;
}

/* Returns 0, or -1 when the frame is shorter than it was when it was parsed. */
static __always_inline int rewrite(void *data, void *end, const struct slot_value *slot)
{
	struct ethhdr *ethernet = data;
	struct iphdr *ipv4 = (void *)(ethernet + 1);
	struct ipv6hdr *ipv6 = (void *)(ethernet + 1);

	if ((void *)(ipv4 + 1) > end)
		return -1;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		rewrite_ttl(ipv4);
	} else {
		if ((void *)(ipv6 + 1) > end)
			return -1;
		ipv6->hop_limit--;
	}
	__builtin_memcpy(ethernet->h_dest, slot->next_mac, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, slot->own_mac, ETH_ALEN);
	return 0;
}
