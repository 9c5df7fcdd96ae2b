/* Frames that leave the node, drawn and spoilt, against mirror sets of all sorts: the mirroring
 * program, run by the kernel, and the model must agree on each one's verdict and counter, on the
 * frame itself, which leaves as it was, and on every byte of every copy. Needs root.
 *
 *	mirror_million_test [FRAMES [SEED]]    1000000 frames from seed 1
 *
 * Copies leave by one end of a veth pair, where they are read. Frames come in worlds as in
 * steer_million_test.c; a failure prints what brings it back. */
#include "bpf/mirror_draw.h"
#include "bpf/veth.h"
#include "steer/skeleton.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORLD_FRAMES = 50, CPUS_MAX = 1024, CAME_IN_BY = 1 /* lo */ };

struct run {
	struct mirror_bpf *programs;
	struct veth veth;
	int tap, cpus;
	struct mirror_model model;
	uint64_t world_seed;
	struct verdict_stats sums[MIRROR_VERDICT_COUNT]; /* what the counters must say */
	unsigned long tried, not_run, copies, seen[MIRROR_VERDICT_COUNT + 1];
};

static void must(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-rc));
		exit(1);
	}
}

static _Noreturn void fail(const struct run *run, const char *what,
			   const struct mirror_frame *frame, const struct packet *found,
			   const struct packet *expected, unsigned verdict)
{
	fprintf(stderr, "%s; the model says %s; mark %x%s\n", what, mirror_verdict_name(verdict),
		frame->mark, frame->came_in ? ", came in" : "");
	packet_print("in", &frame->packet);
	if (found)
		packet_print("found", found);
	if (expected)
		packet_print("expected", expected);
	fprintf(stderr, "the program and the model disagree about a frame, SEED=%llu\n",
		(unsigned long long)run->world_seed);
	fprintf(stderr, "again: build/tests/bpf/mirror_million_test %d %llu\n", WORLD_FRAMES,
		(unsigned long long)run->world_seed);
	exit(1);
}

/* ---- counters ---- */

static struct verdict_stats read_verdict(const struct run *run, uint32_t verdict)
{
	struct verdict_stats cpus[CPUS_MAX], sum = {0};
	int map = bpf_map__fd(run->programs->maps.bw_mirror_verdicts);

	must(bpf_map_lookup_elem(map, &verdict, cpus), "reading a verdict");
	for (int i = 0; i < run->cpus; i++) {
		sum.packets += cpus[i].packets;
		sum.bytes += cpus[i].bytes;
	}
	return sum;
}

static void note(struct verdict_stats *sum, size_t packets, size_t bytes)
{
	sum->packets += packets;
	sum->bytes += packets * bytes;
}

static bool is_counted(const struct run *run, uint32_t verdict)
{
	struct verdict_stats found = read_verdict(run, verdict);

	return memcmp(&found, &run->sums[verdict], sizeof(found)) == 0;
}

/* That nothing else was counted besides is seen when the world ends. */
static void check_counters(struct run *run)
{
	for (uint32_t verdict = 0; verdict < MIRROR_VERDICT_COUNT; verdict++)
		if (!is_counted(run, verdict)) {
			fprintf(stderr, "%s is counted wrongly after this world, SEED=%llu\n",
				mirror_verdict_name(verdict), (unsigned long long)run->world_seed);
			exit(1);
		}
}

/* ---- one frame ---- */

/* Returns the action, or NOT_RUN (rig.h) for what the kernel makes no skb of. */
static int run_frame(const struct run *run, const struct mirror_frame *frame,
		     struct packet *ret_out, uint32_t *ret_mark)
{
	struct __sk_buff context = {
		.mark = frame->mark,
		.ingress_ifindex = frame->came_in ? CAME_IN_BY : 0,
	};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->packet.bytes,
		    .data_size_in = (__u32)frame->packet.size, .data_out = ret_out->bytes,
		    .data_size_out = sizeof(ret_out->bytes), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .ctx_out = &context,
		    .ctx_size_out = sizeof(context));
	int program = bpf_program__fd(run->programs->progs.bw_mirror_tc);
	int rc = bpf_prog_test_run_opts(program, &options);

	if (rc < 0)
		return rc;
	ret_out->size = options.data_size_out;
	*ret_mark = context.mark;
	return (int)options.retval;
}

static bool next_copy(const struct run *run, struct packet *ret_copy)
{
	ssize_t size = recv(run->tap, ret_copy->bytes, sizeof(ret_copy->bytes), MSG_DONTWAIT);

	ret_copy->size = size < 0 ? 0 : (size_t)size;
	return size >= 0;
}

static bool are_equal(const struct packet *a, const struct packet *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static void check_copies(struct run *run, const struct mirror_frame *frame,
			 const struct mirror_outcome *expected)
{
	struct packet found;

	for (size_t i = 0; i < expected->copy_count; i++) {
		if (!next_copy(run, &found))
			fail(run, "a copy is missing", frame, NULL, &expected->copies[i],
			     expected->verdict);
		if (!are_equal(&found, &expected->copies[i]))
			fail(run, "another copy", frame, &found, &expected->copies[i],
			     expected->verdict);
	}
	if (next_copy(run, &found))
		fail(run, "a copy too many", frame, &found, NULL, expected->verdict);
	run->copies += expected->copy_count;
}

static void try_frame(struct run *run, const struct mirror_frame *frame)
{
	static struct mirror_outcome expected;
	size_t bytes = frame->packet.size;
	struct packet out;
	uint32_t mark = 0;
	int action = run_frame(run, frame, &out, &mark);

	if (action == -EINVAL && bytes < 14 + 40) {
		run->not_run++;
		return;
	}
	must(action == TC_ACT_UNSPEC ? 0 : action, "a run");
	mirror_model_judge(&run->model, frame, &expected);
	run->tried++;
	run->seen[expected.verdict]++;
	if (action != TC_ACT_UNSPEC || mark != expected.mark || !are_equal(&out, &frame->packet))
		fail(run, "the frame itself", frame, &out, &frame->packet, expected.verdict);
	check_copies(run, frame, &expected);
	note(&run->sums[MIRROR_CLONES], expected.copy_count, bytes);
	if (expected.verdict == MIRROR_NOT_COUNTED)
		return;
	note(&run->sums[expected.verdict], 1, bytes);
	if (!is_counted(run, expected.verdict))
		fail(run, "another verdict", frame, NULL, NULL, expected.verdict);
}

static void try_world(struct run *run, uint64_t seed, unsigned long frames)
{
	int map = bpf_map__fd(run->programs->maps.bw_mirrors);
	struct mirror_model *m = &run->model;
	struct sim_random random = {seed};
	struct mirror_frame frame;

	run->world_seed = seed;
	mirror_draw_world(&random, run->veth.far, m);
	for (size_t i = 0; i < m->set_count; i++)
		must(bpf_map_update_elem(map, &m->sets[i].slot, &m->sets[i].set, BPF_NOEXIST),
		     "writing a set");
	for (unsigned long i = 0; i < frames; i++) {
		mirror_draw_frame(&random, m, &frame);
		try_frame(run, &frame);
	}
	check_counters(run);
	for (size_t i = 0; i < m->set_count; i++)
		must(bpf_map_delete_elem(map, &m->sets[i].slot), "deleting a set");
}

/* A comparison in which something never happens says nothing about it. */
static bool report(const struct run *run, unsigned long frames, unsigned long seed)
{
	bool all_seen = run->copies > 0;

	printf("%lu frames from SEED=%lu, %lu runs, %lu that make no skb, %lu copies\n", frames,
	       seed, run->tried, run->not_run, run->copies);
	for (uint32_t i = 0; i <= MIRROR_VERDICT_COUNT; i++) {
		if (i == MIRROR_CLONES || i == MIRROR_CLONE_FAILED) /* no frame's verdict */
			continue;
		printf("%10lu %s\n", run->seen[i], mirror_verdict_name(i));
		all_seen &= run->seen[i] > 0;
	}
	if (!all_seen && frames >= 100000)
		puts("a verdict was never given: the frames that were drawn are too tame");
	return all_seen || frames < 100000;
}

int main(int argc, char **argv)
{
	unsigned long frames = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	static struct run run;

	if (geteuid() != 0) {
		puts("network namespaces and BPF programs need root");
		return 77;
	}
	veth_up(&run.veth);
	run.tap = veth_tap(&run.veth);
	run.cpus = libbpf_num_possible_cpus();
	run.programs = mirror_bpf__open_and_load();
	if (!run.programs || run.cpus > CPUS_MAX)
		return 1;
	for (unsigned long done = 0; done < frames; done += WORLD_FRAMES)
		try_world(&run, seed + done / WORLD_FRAMES,
			  frames - done < WORLD_FRAMES ? frames - done : WORLD_FRAMES);
	mirror_bpf__destroy(run.programs);
	veth_down(&run.veth);
	return report(&run, frames, seed) ? 0 : 1;
}
