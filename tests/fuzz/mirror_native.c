/* Owns the helpers that the mirroring program calls: bytes of one frame, the checksum that the
 * kernel mends, copies. Helpers get no context of ours, so what they work on is static here. */
#include "fuzz/mirror_native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#include "../../bpf/mirror.bpf.c"
#pragma GCC diagnostic pop

static struct {
	const struct mirror_model *model;
	struct packet frame; /* as it is now */
	bool clone_fails;
	struct mirror_outcome *seen;
	uint32_t failed;
	struct verdict_stats verdicts[MIRROR_VERDICT_COUNT];
} native;

/* ---- helpers ---- */

void *bpf_map_lookup_elem(void *map, const void *key)
{
	uint32_t number;

	memcpy(&number, key, sizeof(number));
	if (map == &bw_mirror_verdicts)
		return number < MIRROR_VERDICT_COUNT ? &native.verdicts[number] : NULL;
	if (map != &bw_mirrors)
		abort();
	for (size_t i = 0; i < native.model->set_count; i++)
		if (native.model->sets[i].slot == number)
			return (void *)(uintptr_t)&native.model->sets[i].set;
	return NULL;
}

static bool is_inside(__u32 offset, __u32 bytes)
{
	return (size_t)offset + bytes <= native.frame.size;
}

long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 bytes)
{
	(void)skb;
	if (!is_inside(offset, bytes)) {
		memset(to, 0, bytes);
		return -EFAULT;
	}
	memcpy(to, native.frame.bytes + offset, bytes);
	return 0;
}

long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 bytes,
			 __u64 flags)
{
	(void)skb;
	if (!is_inside(offset, bytes) || flags != 0)
		return -EFAULT;
	memcpy(native.frame.bytes + offset, from, bytes);
	return 0;
}

/* As the kernel does of a packet that is summed already: 16 bits at a time, 0 stays and does not
 * come about with BPF_F_MARK_MANGLED_0. */
long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags)
{
	uint16_t check;
	uint32_t sum;

	(void)skb;
	if (!is_inside(offset, sizeof(check)) || !(flags & BPF_F_MARK_MANGLED_0))
		return -EFAULT;
	memcpy(&check, native.frame.bytes + offset, sizeof(check));
	if (check == 0)
		return 0;
	sum = (uint16_t)~check;
	for (unsigned i = 0; i < (flags & 15); i += 2) {
		sum += (uint16_t) ~(from >> 8 * i) + (uint32_t)(uint16_t)(to >> 8 * i);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	check = (uint16_t)~sum;
	if (check == 0)
		check = 0xffff;
	memcpy(native.frame.bytes + offset, &check, sizeof(check));
	return 0;
}

long bpf_clone_redirect(struct __sk_buff *skb, __u32 if_index, __u64 flags)
{
	struct mirror_outcome *seen = native.seen;

	/* Without its mark a copy would be copied again. */
	if (seen->copy_count == MIRROR_FOLLOWERS_MAX || flags != 0 ||
	    skb->mark != MIRROR_CLONE_MARK)
		abort();
	if (native.clone_fails) {
		native.failed++;
		return -ENODEV;
	}
	seen->if_index = if_index;
	memcpy(seen->copies[seen->copy_count].bytes, native.frame.bytes, native.frame.size);
	seen->copies[seen->copy_count].size = native.frame.size;
	seen->copy_count++;
	return 0;
}

/* ---- a run ---- */

static bool is_verdict(uint32_t counter)
{
	return counter != MIRROR_CLONES && counter != MIRROR_CLONE_FAILED;
}

static void read_counters(size_t bytes, struct native_mirror *found)
{
	uint64_t counted = 0;

	found->seen.verdict = MIRROR_NOT_COUNTED;
	found->counts_right = native.verdicts[MIRROR_CLONES].packets == found->seen.copy_count &&
			      native.verdicts[MIRROR_CLONE_FAILED].packets == native.failed;
	for (uint32_t i = 0; i < MIRROR_VERDICT_COUNT; i++) {
		struct verdict_stats *stats = &native.verdicts[i];

		found->counts_right &= stats->bytes == stats->packets * bytes;
		if (is_verdict(i) && stats->packets) {
			found->seen.verdict = i;
			counted += stats->packets;
		}
	}
	found->counts_right &= counted <= 1;
}

void native_mirror_run(const struct mirror_model *m, const struct mirror_frame *frame,
		       bool clone_fails, struct native_mirror *ret_found)
{
	struct __sk_buff skb = {
		.len = (__u32)frame->packet.size,
		.mark = frame->mark,
		.ingress_ifindex = frame->came_in,
		.gso_size = frame->is_super_packet ? 1000 : 0,
	};

	native.model = m;
	native.clone_fails = clone_fails;
	native.failed = 0;
	native.seen = &ret_found->seen;
	native.seen->copy_count = 0;
	memset(native.verdicts, 0, sizeof(native.verdicts));
	memcpy(native.frame.bytes, frame->packet.bytes, frame->packet.size);
	native.frame.size = frame->packet.size;
	ret_found->action = bw_mirror_tc(&skb);
	ret_found->seen.mark = skb.mark;
	memcpy(ret_found->left.bytes, native.frame.bytes, native.frame.size);
	ret_found->left.size = native.frame.size;
	read_counters(frame->packet.size, ret_found);
}
