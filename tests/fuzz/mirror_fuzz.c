/* The mirroring program in user space, on frames that nobody should send, against the model.
 *
 *	mirror_fuzz [COUNT [SEED]]    COUNT frames (2000000), then one line
 *
 * What the kernel's test run cannot give is here: super-packets, copies that the kernel does not
 * take. Built with -DFUZZ_ENGINE and clang's -fsanitize=fuzzer (`make fuzz`) the engine brings the
 * frames; the first bytes choose the rest. */
#include "bpf/mirror_draw.h"
#include "fuzz/mirror_native.h"

#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHOICE_BYTES = 2, FRAMES_PER_WORLD = 20, IF_INDEX = 7, FRAME_MAX = 600 };

static _Noreturn void fail(const char *what, const struct mirror_frame *frame,
			   const struct packet *found, const struct packet *expected)
{
	fprintf(stderr, "mirror_fuzz: %s (mark %x%s%s)\n", what, frame->mark,
		frame->came_in ? ", came in" : "", frame->is_super_packet ? ", super-packet" : "");
	packet_print("in", &frame->packet);
	packet_print("found", found);
	packet_print("expected", expected);
	abort();
}

static bool are_equal(const struct packet *a, const struct packet *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static unsigned compare(const struct mirror_model *m, const struct mirror_frame *frame,
			bool clone_fails)
{
	static struct mirror_outcome expected;
	static struct native_mirror found;
	const struct packet *in = &frame->packet;
	size_t copies;

	mirror_model_judge(m, frame, &expected);
	native_mirror_run(m, frame, clone_fails, &found);
	copies = clone_fails ? 0 : expected.copy_count;
	if (found.seen.verdict != expected.verdict) {
		fprintf(stderr, "%s instead of %s\n", mirror_verdict_name(found.seen.verdict),
			mirror_verdict_name(expected.verdict));
		fail("another verdict", frame, in, in);
	}
	if (found.action != TC_ACT_UNSPEC || found.seen.mark != expected.mark ||
	    !are_equal(&found.left, in))
		fail("the frame itself", frame, &found.left, in);
	if (found.seen.copy_count != copies || !found.counts_right)
		fail("number of copies, or counters", frame, in, in);
	for (size_t i = 0; i < copies; i++)
		if (found.seen.if_index != expected.if_index ||
		    !are_equal(&found.seen.copies[i], &expected.copies[i]))
			fail("another copy", frame, &found.seen.copies[i], &expected.copies[i]);
	return expected.verdict;
}

#ifdef FUZZ_ENGINE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Now and then the engine gets a drawn frame to work on: by itself it seldom meets a set. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct sim_random random = {seed};
	struct mirror_frame frame;
	struct mirror_model m;

	if (max_size < CHOICE_BYTES + FRAME_MAX || !sim_random_one_in(&random, 16))
		return LLVMFuzzerMutate(data, size, max_size);
	sim_random_fill(&random, data, CHOICE_BYTES);
	mirror_draw_world(&(struct sim_random){data[0]}, IF_INDEX, &m);
	mirror_draw_frame(&random, &m, &frame);
	memcpy(data + CHOICE_BYTES, frame.packet.bytes, frame.packet.size);
	return CHOICE_BYTES + frame.packet.size;
}

/* The world is one of 256, drawn; the frame is the engine's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mirror_frame frame = {.mark = 7};
	struct mirror_model m;

	if (size < CHOICE_BYTES + 14 || size > CHOICE_BYTES + FRAME_MAX)
		return 0;
	mirror_draw_world(&(struct sim_random){data[0]}, IF_INDEX, &m);
	frame.is_super_packet = data[1] & 1;
	frame.came_in = (data[1] & 0xe) == 0xe;
	frame.packet.size = size - CHOICE_BYTES;
	memcpy(frame.packet.bytes, data + CHOICE_BYTES, frame.packet.size);
	compare(&m, &frame, (data[1] & 0xf0) == 0xf0);
	return 0;
}

#else

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 2000000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	unsigned long seen[MIRROR_VERDICT_COUNT + 1] = {0}, missing = 0;
	struct sim_random random = {seed};
	struct mirror_model m;

	for (unsigned long i = 0; i < count; i++) {
		struct mirror_frame frame;

		if (i % FRAMES_PER_WORLD == 0)
			mirror_draw_world(&random, IF_INDEX, &m);
		mirror_draw_frame(&random, &m, &frame);
		frame.is_super_packet = sim_random_one_in(&random, 3);
		seen[compare(&m, &frame, sim_random_one_in(&random, 16))]++;
	}
	for (unsigned i = 0; i <= MIRROR_VERDICT_COUNT; i++)
		missing += seen[i] == 0 && i != MIRROR_CLONES && i != MIRROR_CLONE_FAILED;
	printf("mirror_fuzz: %lu frames, %lu verdicts never given, SEED=%lu\n", count, missing,
	       seed);
	return missing == 0 || count < 100000 ? 0 : 1;
}

#endif
