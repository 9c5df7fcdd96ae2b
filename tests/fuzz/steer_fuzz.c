/* The steering programs in user space, on frames that nobody should send, against the model.
 *
 *	steer_fuzz [COUNT [SEED]]    COUNT frames (2000000), then one line
 *
 * What the kernel's test run cannot give is here: the time is the test's own, to the nanosecond
 * around an entry's end; frames lie in pieces (skb fragments); the NIC has taken a VLAN tag off. A
 * read outside the frame ends the process. Built with -DFUZZ_ENGINE and clang's -fsanitize=fuzzer
 * (`make fuzz`) the engine brings the frames; the first bytes choose the rest. */
#include "bpf/steer_draw.h"
#include "fuzz/steer_native.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHOICE_BYTES = 4, START_NS = 1000000000, GRACE_NS = 1000, FRAMES_PER_WORLD = 20 };

static _Noreturn void fail(const char *what, const struct native_frame *frame,
			   const struct native_outcome *found, const struct model_outcome *expected)
{
	fprintf(stderr, "steer_fuzz: %s (%s, %zu bytes linear): %s, the model says %s\n", what,
		model_entry_name(frame->by_tc ? TC : XDP), frame->linear_bytes,
		model_verdict_name(found->seen.verdict), model_verdict_name(expected->verdict));
	packet_print("in", frame->in);
	packet_print("out", &found->seen.out);
	packet_print("expected", &expected->out);
	abort();
}

/* One's complement sum of everything behind the Ethernet header: what a NIC hands up. */
static uint16_t sum_behind_ethernet(const struct packet *p, uint32_t sum)
{
	for (size_t i = 14; i < p->size; i++)
		sum += (uint32_t)p->bytes[i] << (i & 1 ? 0 : 8);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum == 0xffff ? 0 : sum);
}

/* The NIC's sum must still be right after a hop is taken off, or the receiver drops the packet. */
static bool sum_is_kept(const struct native_frame *frame, const struct native_outcome *found)
{
	uint16_t added = __builtin_bswap16((uint16_t)found->sum_added);

	return sum_behind_ethernet(&found->seen.out, 0) == sum_behind_ethernet(frame->in, added);
}

static enum steer_verdict compare(const struct model *m, const struct native_frame *frame)
{
	struct model_outcome expected;
	struct native_outcome found;

	model_judge(m, frame->in, frame->by_tc && frame->vlan_taken_off, &expected);
	native_run(m, frame, &found);
	if (found.seen.verdict != expected.verdict)
		fail("another verdict", frame, &found, &expected);
	if (found.action !=
		    model_action(frame->by_tc ? TC : XDP, expected.verdict, expected.if_index) ||
	    found.seen.if_index != expected.if_index)
		fail("another action", frame, &found, &expected);
	if (memcmp(found.seen.out.bytes, expected.out.bytes, frame->in->size) != 0)
		fail("another packet", frame, &found, &expected);
	if (!found.counts_right)
		fail("wrong counters", frame, &found, &expected);
	if (expected.met_slot && expected.slot < STEER_SLOTS_MAX &&
	    (!found.seen.met_slot || found.seen.is_syn != expected.is_syn))
		fail("the slot's counters", frame, &found, &expected);
	if (frame->by_tc && !sum_is_kept(frame, &found))
		fail("the NIC's checksum", frame, &found, &expected);
	return expected.verdict;
}

/* Now is around an entry's end, or the end of its grace. */
static void draw_now(struct sim_random *random, struct model *m)
{
	const uint64_t around[] = {0, 1, GRACE_NS, GRACE_NS + 1};
	const struct model_entry *entry;

	m->now_ns = START_NS;
	if (m->entry_count == 0 || sim_random_one_in(random, 2))
		return;
	entry = &m->entries[sim_random_below(random, m->entry_count)];
	m->now_ns = entry->value.valid_until_ns + around[sim_random_below(random, 4)];
}

static struct native_frame frame_of(const struct packet *in, uint32_t choice)
{
	size_t linear = choice >> 8 & 0x7f;

	return (struct native_frame){
		.in = in,
		.by_tc = choice & 1,
		.vlan_taken_off = (choice & 0x3e) == 0,
		.linear_bytes =
			choice & 0x40 || linear < 14 || linear > in->size ? in->size : linear,
	};
}

#ifdef FUZZ_ENGINE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* The world is one of 256, drawn; the frame is the engine's. */
static void draw_engine_world(const uint8_t *data, struct model *ret_model)
{
	*ret_model = (struct model){.now_ns = START_NS, .grace_ns = GRACE_NS};
	packet_mac(ret_model->own_mac, MAC_NODE);
	draw_world(&(struct sim_random){data[0]}, ret_model);
	draw_now(&(struct sim_random){data[1]}, ret_model);
}

/* Now and then the engine gets a drawn frame to work on: by itself it seldom meets an entry. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct sim_random random = {seed};
	struct packet frame;
	struct model m;

	if (max_size < CHOICE_BYTES + DRAW_BYTES_MAX || !sim_random_one_in(&random, 16))
		return LLVMFuzzerMutate(data, size, max_size);
	sim_random_fill(&random, data, CHOICE_BYTES);
	draw_engine_world(data, &m);
	draw_frame(&random, &m, &frame);
	memcpy(data + CHOICE_BYTES, frame.bytes, frame.size);
	return CHOICE_BYTES + frame.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct native_frame frame;
	struct packet in;
	struct model m;

	if (size < CHOICE_BYTES + 14 || size > CHOICE_BYTES + DRAW_BYTES_MAX)
		return 0;
	draw_engine_world(data, &m);
	in.size = size - CHOICE_BYTES;
	memcpy(in.bytes, data + CHOICE_BYTES, in.size);
	frame = frame_of(&in, bytes_load_u16(data + 2));
	compare(&m, &frame);
	return 0;
}

#else

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 2000000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	unsigned long seen[STEER_VERDICT_COUNT] = {0}, missing = 0;
	struct sim_random random = {seed};
	struct model m = {.grace_ns = GRACE_NS};

	packet_mac(m.own_mac, MAC_NODE);
	for (unsigned long i = 0; i < count; i++) {
		struct native_frame frame;
		struct packet in;

		if (i % FRAMES_PER_WORLD == 0) {
			m.now_ns = START_NS;
			draw_world(&random, &m);
		}
		draw_now(&random, &m);
		draw_frame(&random, &m, &in);
		frame = frame_of(&in, (uint32_t)sim_random_next(&random));
		seen[compare(&m, &frame)]++;
	}
	for (int i = 0; i < STEER_VERDICT_COUNT; i++)
		missing += seen[i] == 0;
	printf("steer_fuzz: %lu frames, %lu verdicts never given, SEED=%lu\n", count, missing,
	       seed);
	return missing == 0 || count < 100000 ? 0 : 1;
}

#endif
