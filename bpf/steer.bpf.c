/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The steering program: sends a frame for a slot's address to the node that holds the slot (S10).
 *
 * One decision (parse, decide, count, act), two ways in: XDP on NICs with a native driver, TC
 * ingress on virtual links. Invariants:
 * 1. What is stale, absent, unresolved, foreign or odd goes up the stack untouched; without these
 *    programs everything still works, only slower (F10).
 * 2. A steered frame changes in its MAC addresses, its TTL and the IPv4 checksum, nowhere else.
 * 3. Every frame is counted under exactly one verdict. */
#include "lib/decide.h"
#include "lib/rewrite.h"

#include <linux/pkt_cls.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct slot_key);
	__type(value, struct slot_value);
	__uint(max_entries, STEER_ENTRIES_MAX);
} bw_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct peer_key);
	__type(value, __u32);
	__uint(max_entries, STEER_PEERS_MAX);
} bw_peers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC); /* five megabytes that small clusters do not need */
	__type(key, struct leader_key);
	__type(value, struct leader_value);
	__uint(max_entries, STEER_LEADERS_MAX);
} bw_leaders SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct cluster_value);
	__uint(max_entries, 1);
} bw_cluster SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct verdict_stats);
	__uint(max_entries, STEER_VERDICT_COUNT);
} bw_verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct slot_stats);
	__uint(max_entries, STEER_SLOTS_MAX);
} bw_slot_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct reset_stats);
	__uint(max_entries, 1);
} bw_resets SEC(".maps");

const volatile struct steer_config bw_config;

static __always_inline void count_verdict(__u32 verdict, __u64 bytes)
{
	struct verdict_stats *stats = bpf_map_lookup_elem(&bw_verdicts, &verdict);

	if (!stats)
		return;
	stats->packets++;
	stats->bytes += bytes;
}

static __always_inline void count_slot(__u32 slot, const struct frame *f, __u64 bytes,
				       enum steer_verdict verdict)
{
	struct slot_stats *stats = bpf_map_lookup_elem(&bw_slot_stats, &slot);

	if (!stats)
		return;
	stats->packets++;
	stats->bytes += bytes;
	stats->syns += f->is_syn;
	stats->forwarded += verdict_is_steered(verdict);
}

/* Looks the frame's slot up into *ret_slot and judges it. */
static __always_inline enum steer_verdict judge(const struct frame *f, __u64 bytes,
						struct slot_value *ret_slot)
{
	const struct slot_value *found = bpf_map_lookup_elem(&bw_slots, &f->key);
	enum steer_verdict verdict;
	__u8 from_peer;

	if (!found)
		return STEER_PASS_NO_SLOT;
	*ret_slot = *found;
	barrier(); /* F4: one copy is read, checked and used */
	from_peer = bpf_map_lookup_elem(&bw_peers, &f->source) != NULL;
	verdict = decide(f, ret_slot, from_peer, bpf_ktime_get_boot_ns(), bw_config.grace_ns);
	if (verdict != STEER_PASS_TORN)
		count_slot(ret_slot->slot, f, bytes, verdict);
	return verdict;
}

/* Counts, rewrites if the verdict is to steer, and fills *ret_slot in then. */
static __always_inline enum steer_verdict steer(void *data, void *end, __u64 bytes,
						struct slot_value *ret_slot)
{
	__u8 own_mac[6];
	struct frame f;
	int verdict;

	for (int i = 0; i < 6; i++)
		own_mac[i] = bw_config.own_mac[i];
	verdict = frame_parse(data, end, own_mac, &f);
	if (verdict == FRAME_PARSED)
		verdict = judge(&f, bytes, ret_slot);
	if (verdict_is_steered(verdict) && rewrite(data, end, ret_slot) < 0)
		verdict = STEER_PASS_SHORT;
	count_verdict(verdict, bytes);
	return verdict;
}

SEC("xdp.frags")
int bw_steer_xdp(struct xdp_md *context)
{
	void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
	struct slot_value slot = {};
	enum steer_verdict verdict = steer(data, end, bpf_xdp_get_buff_len(context), &slot);

	if (verdict == STEER_DROP_TTL)
		return XDP_DROP;
	if (!verdict_is_steered(verdict))
		return XDP_PASS;
	if (slot.if_index == context->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect(slot.if_index, 0);
}

enum tc_header_bytes {
	TC_IPV4_BYTES = 14 + 20 + 20,
	TC_IPV6_BYTES = 14 + 40 + 20,
	TC_LONGEST_BYTES = 14 + 40 + 8 + 40 + 4, /* "too big" of IPv6 */
};

/* Can the headers be read? Of TCP no more is wanted: what lies behind in a super-packet would have
 * to be copied. Only constants are added to pointers: a computed offset costs CAP_PERFMON. */
static __always_inline __u8 tc_headers_are_linear(const __u8 *data, const __u8 *end, __u8 is_ipv6)
{
	__u8 next6, protocol4;

	if (data + TC_LONGEST_BYTES <= end)
		return 1;
	if (data + TC_IPV4_BYTES > end)
		return 0;
	next6 = data[20];
	protocol4 = data[23];
	barrier(); /* or clang makes one load of the two, at a computed offset */
	if (is_ipv6)
		return next6 != IPPROTO_ICMPV6 && data + TC_IPV6_BYTES <= end;
	return protocol4 != IPPROTO_ICMP;
}

/* Headers that lie in fragments of the skb are brought to where they can be read. */
static __always_inline void tc_pull_headers(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (!tc_headers_are_linear(data, end, skb->protocol == bpf_htons(ETH_P_IPV6)))
		bpf_skb_pull_data(skb, skb->len < TC_LONGEST_BYTES ? skb->len : TC_LONGEST_BYTES);
}

SEC("tc")
int bw_steer_tc(struct __sk_buff *skb)
{
	struct slot_value slot = {};
	enum steer_verdict verdict;

	if (skb->vlan_present) { /* a tag that the NIC or the stack has taken off */
		count_verdict(STEER_PASS_VLAN, skb->len);
		return TC_ACT_UNSPEC;
	}
	tc_pull_headers(skb);
	verdict = steer((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len, &slot);
	if (verdict == STEER_DROP_TTL)
		return TC_ACT_SHOT;
	if (!verdict_is_steered(verdict))
		return TC_ACT_UNSPEC; /* other people's filters still see it */
	/* The NIC's sum over an IPv6 packet counts the hop limit; IPv4's corrects itself. */
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		bpf_csum_update(skb, (__u16)~bpf_htons(1));
	return bpf_redirect(slot.if_index, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
