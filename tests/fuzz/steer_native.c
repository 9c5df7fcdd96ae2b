/* Owns the helpers that the programs call, and the memory that their frames lie in.
 *
 * 1. BPF programs address frames by 32 bits of the context: the frame's page lies below 4 GiB.
 * 2. Helpers get no context of ours, so what they answer from is static here.
 * 3. Everything that a program writes is read back: the frame, and two tables of counters. */
#include "fuzz/steer_native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wint-to-pointer-cast"
#pragma GCC diagnostic ignored "-Wunused-function"
/* The program has its configuration as constant data, which a loader fills in before; here it is
 * what this points to. */
#define bw_config (*native_config)
#include "../../bpf/steer.bpf.c"
#undef bw_config
#pragma GCC diagnostic pop

enum {
	LOW_ADDRESS = 0x10000000,
	PAGE_BYTES = 4096,
	ROOM_BYTES = (PACKET_BYTES_MAX + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES,
	NO_INTERFACE = 0,
};

static struct {
	uint8_t *room_end; /* frames end here, where the guard page begins */
	uint8_t *data;     /* the frame, and how much of it is linear */
	size_t linear_bytes;
	const struct native_frame *frame;
	const struct model *model;
	uint32_t redirected_to, sum_added;
	struct verdict_stats verdicts[STEER_VERDICT_COUNT];
	struct slot_stats slots[STEER_SLOTS_MAX];
	struct slot_stats *slot_met;
} native;

/* ---- memory ---- */

static void make_room(void)
{
	size_t bytes = PAGE_BYTES + ROOM_BYTES + PAGE_BYTES;
	uint8_t *at = mmap((void *)(uintptr_t)LOW_ADDRESS, bytes, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (at == MAP_FAILED || mprotect(at + PAGE_BYTES, ROOM_BYTES, PROT_READ | PROT_WRITE) < 0) {
		perror("memory below 4 GiB");
		exit(2);
	}
	native.room_end = at + PAGE_BYTES + ROOM_BYTES;
}

/* Lays so much of the frame before the guard page. What was changed in the part that lay there
 * already comes along. */
static void lay_out(size_t bytes)
{
	uint8_t *data = native.room_end - bytes;

	memmove(data, native.data, native.linear_bytes);
	memcpy(data + native.linear_bytes, native.frame->in->bytes + native.linear_bytes,
	       bytes - native.linear_bytes);
	native.data = data;
	native.linear_bytes = bytes;
}

/* ---- helpers ---- */

static void *lookup_slot(const struct slot_key *key)
{
	for (size_t i = 0; i < native.model->entry_count; i++)
		if (memcmp(&native.model->entries[i].key, key, sizeof(*key)) == 0)
			return (void *)(uintptr_t)&native.model->entries[i].value;
	return NULL;
}

static void *lookup_peer(const struct peer_key *key)
{
	for (size_t i = 0; i < native.model->peer_count; i++)
		if (key->zero == 0 && memcmp(native.model->peers[i], key->mac, 6) == 0)
			return (void *)(uintptr_t)&native.model->peers[i];
	return NULL;
}

void *bpf_map_lookup_elem(void *map, const void *key)
{
	uint32_t index;

	if (map == &bw_slots)
		return lookup_slot(key);
	if (map == &bw_peers)
		return lookup_peer(key);
	memcpy(&index, key, sizeof(index));
	if (map == &bw_verdicts)
		return index < STEER_VERDICT_COUNT ? &native.verdicts[index] : NULL;
	if (map != &bw_slot_stats)
		abort();
	native.slot_met = index < STEER_SLOTS_MAX ? &native.slots[index] : NULL;
	return native.slot_met;
}

__u64 bpf_ktime_get_boot_ns(void)
{
	return native.model->now_ns;
}

long bpf_redirect(__u32 if_index, __u64 flags)
{
	if (flags != 0)
		abort();
	native.redirected_to = if_index;
	return native.frame->by_tc ? (int)TC_ACT_REDIRECT : (int)XDP_REDIRECT;
}

__u64 bpf_xdp_get_buff_len(struct xdp_md *frame)
{
	(void)frame;
	return native.frame->in->size;
}

long bpf_skb_pull_data(struct __sk_buff *skb, __u32 bytes)
{
	if (bytes > native.frame->in->size)
		return -1;
	if (bytes > native.linear_bytes)
		lay_out(bytes);
	skb->data = (__u32)(uintptr_t)native.data;
	skb->data_end = (__u32)(uintptr_t)native.room_end;
	return 0;
}

__s64 bpf_csum_update(struct __sk_buff *skb, __u32 sum)
{
	(void)skb;
	native.sum_added = sum;
	return sum;
}

/* ---- a run ---- */

static int run_tc(const struct native_frame *frame)
{
	struct __sk_buff skb = {
		.len = (__u32)frame->in->size,
		.protocol = 0,
		.vlan_present = frame->vlan_taken_off,
		.ifindex = HERE,
		.ingress_ifindex = HERE,
	};
	uint16_t protocol;

	memcpy(&protocol, frame->in->bytes + 12, sizeof(protocol));
	skb.protocol = protocol;
	lay_out(frame->linear_bytes);
	skb.data = (__u32)(uintptr_t)native.data;
	skb.data_end = (__u32)(uintptr_t)native.room_end;
	return bw_steer_tc(&skb);
}

static int run_xdp(const struct native_frame *frame)
{
	struct xdp_md context = {.ingress_ifindex = HERE};

	lay_out(frame->in->size);
	context.data = (__u32)(uintptr_t)native.data;
	context.data_end = (__u32)(uintptr_t)native.room_end;
	return bw_steer_xdp(&context);
}

static enum steer_verdict counted(size_t bytes, bool *ret_right)
{
	enum steer_verdict verdict = STEER_VERDICT_COUNT;
	uint64_t packets = 0;

	*ret_right = true;
	for (uint32_t i = 0; i < STEER_VERDICT_COUNT; i++) {
		struct verdict_stats *stats = &native.verdicts[i];

		packets += stats->packets;
		if (stats->packets)
			verdict = (enum steer_verdict)i;
		*ret_right &= stats->bytes == stats->packets * bytes;
		*stats = (struct verdict_stats){0};
	}
	return packets == 1 ? verdict : STEER_VERDICT_COUNT;
}

static void read_slot(size_t bytes, struct native_outcome *o)
{
	struct slot_stats stats = {0};

	if (native.slot_met) {
		stats = *native.slot_met;
		*native.slot_met = (struct slot_stats){0};
	}
	o->seen.met_slot = stats.packets == 1;
	o->seen.is_syn = stats.syns == 1;
	o->counts_right &=
		stats.packets <= 1 && stats.syns <= stats.packets &&
		stats.bytes == stats.packets * bytes &&
		stats.forwarded == (native.slot_met && model_is_steered(o->seen.verdict));
}

void native_run(const struct model *m, const struct native_frame *frame,
		struct native_outcome *ret_outcome)
{
	struct steer_config config = {.grace_ns = m->grace_ns};
	struct native_outcome *o = ret_outcome;
	size_t size = frame->in->size;

	if (!native.room_end)
		make_room();
	memcpy(config.own_mac, m->own_mac, sizeof(config.own_mac));
	native_config = &config;
	native.model = m;
	native.frame = frame;
	native.data = native.room_end;
	native.linear_bytes = 0;
	native.redirected_to = NO_INTERFACE;
	native.sum_added = 0;
	native.slot_met = NULL;
	o->action = frame->by_tc ? run_tc(frame) : run_xdp(frame);
	memcpy(o->seen.out.bytes, native.data, native.linear_bytes);
	memcpy(o->seen.out.bytes + native.linear_bytes, frame->in->bytes + native.linear_bytes,
	       size - native.linear_bytes);
	o->seen.out.size = size;
	o->seen.if_index = o->action == XDP_TX && !frame->by_tc ? HERE : native.redirected_to;
	o->seen.verdict = counted(size, &o->counts_right);
	o->sum_added = native.sum_added;
	read_slot(size, o);
}
