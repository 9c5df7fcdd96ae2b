/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The mirroring program, TC egress: a piece that this node's broker sends to one follower of a slot
 * goes to all others of the slot's set as well (DESIGN section 7).
 *
 *   from the stack -> parse -> judge -> for each other follower: readdress, clone --+
 *                                    -> restore, count, pass                        |
 *   a clone passes the same hook again, known by its mark <-------------------------+
 *
 * 1. The frame itself leaves as it came, whatever happens to its copies (F9): none of them is owed.
 * 2. At most one copy for each follower of the set leaves, and none of what this node only passes
 *    on or of what is not addressed to one of them.
 * 3. What is no piece is not counted; each piece is counted under one verdict, and its
 *    copies under CLONES or CLONE_FAILED. */
#include "lib/piece.h"

#include <linux/pkt_cls.h>

/* Stack memory at an offset that varies costs CAP_PERFMON (KERNEL.md). */
#define UNROLLED _Pragma("unroll")

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, struct mirror_set);
	__uint(max_entries, STEER_SLOTS_MAX);
} bw_mirrors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct verdict_stats);
	__uint(max_entries, MIRROR_VERDICT_COUNT);
} bw_mirror_verdicts SEC(".maps");

static __always_inline void count_verdict(__u32 verdict, __u64 bytes)
{
	struct verdict_stats *stats = bpf_map_lookup_elem(&bw_mirror_verdicts, &verdict);

	if (!stats)
		return;
	stats->packets++;
	stats->bytes += bytes;
}

static __always_inline __u8 is_from_holder(const struct piece_head *head,
					   const struct mirror_set *set)
{
	__be32 own;

	__builtin_memcpy(&own, set->own_address + 12, sizeof(own));
	return head->ip.saddr == own && head->udp.source == set->own_port;
}

static __always_inline __u8 is_addressee(const struct piece_head *head,
					 const struct mirror_follower *follower)
{
	return head->ip.daddr == follower_address(follower) && head->udp.dest == follower->port;
}

/* MIRROR_CLONED: *ret_set is a copy of the piece's set. */
static __always_inline enum mirror_verdict
judge(const struct piece_head *head, const struct mirror_piece *piece, struct mirror_set *ret_set)
{
	__u32 slot = bpf_ntohs(piece->slot);
	const struct mirror_set *found = bpf_map_lookup_elem(&bw_mirrors, &slot);

	if (!found)
		return MIRROR_NO_SET;
	*ret_set = *found;
	barrier(); /* F4: one copy is read, checked and used */
	if (mirror_check(slot, ret_set) != ret_set->check)
		return MIRROR_TORN;
	if (!is_from_holder(head, ret_set))
		return MIRROR_FOREIGN;
	if (bpf_be64_to_cpu(piece->slot_epoch) != ret_set->slot_epoch)
		return MIRROR_STALE;
	UNROLLED
	for (__u32 i = 0; i < MIRROR_FOLLOWERS_MAX; i++)
		if (i < ret_set->count && is_addressee(head, &ret_set->followers[i]))
			return MIRROR_CLONED;
	return MIRROR_STRAY;
}

/* A subprogram: six times inline it would be too long. */
static __noinline void clone_to(struct __sk_buff *skb, const struct piece_head *head,
				const struct mirror_follower *follower, __u32 if_index)
{
	if (piece_readdress(skb, head, follower) == 0 && bpf_clone_redirect(skb, if_index, 0) == 0)
		count_verdict(MIRROR_CLONES, skb->len);
	else
		count_verdict(MIRROR_CLONE_FAILED, skb->len);
}

SEC("tc")
int bw_mirror_tc(struct __sk_buff *skb)
{
	struct mirror_piece piece;
	struct piece_head head = {};
	struct mirror_set set;
	enum mirror_verdict verdict;
	enum piece_kind kind;
	__u32 mark = skb->mark;

	if (mark == MIRROR_CLONE_MARK) {
		skb->mark = 0;
		return TC_ACT_UNSPEC;
	}
	kind = piece_parse(skb, &head, &piece);
	if (kind == PIECE_NONE)
		return TC_ACT_UNSPEC; /* other people's filters still see it */
	/* Linux 6.1 reads it on branches that are taken by speculation only (bpf/README.md). */
	__builtin_memset(&set, 0, sizeof(set));
	if (skb->ingress_ifindex != 0)
		verdict = MIRROR_FORWARDED;
	else if (kind == PIECE_ODD)
		verdict = MIRROR_ODD;
	else
		verdict = judge(&head, &piece, &set);
	count_verdict(verdict, skb->len);
	if (verdict != MIRROR_CLONED)
		return TC_ACT_UNSPEC;
	skb->mark = MIRROR_CLONE_MARK;
	UNROLLED
	for (__u32 i = 0; i < MIRROR_FOLLOWERS_MAX; i++)
		if (i < set.count && !is_addressee(&head, &set.followers[i]))
			clone_to(skb, &head, &set.followers[i], set.if_index);
	skb->mark = mark;
	/* Only a lack of memory can be in the way of it. */
	if (bpf_skb_store_bytes(skb, 0, &head.ethernet, PIECE_HEAD_BYTES, 0) < 0)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
