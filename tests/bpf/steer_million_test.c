/* A million frames, drawn and spoilt, for nodes that know all sorts of things: both entry points of
 * the steering programs, run by the kernel, and the model must agree on each one's verdict and
 * counter, on every byte that comes out, and on the slots' counters. Needs root.
 *
 *	steer_million_test [FRAMES [SEED]]    1000000 frames from seed 1
 *
 * Frames come in worlds of WORLD_FRAMES; a world has a seed of its own, the first one's is SEED. A
 * failure prints what brings it back: the world's seed, and the frame. */
#include "bpf/rig.h"
#include "bpf/steer_draw.h"

#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WORLD_FRAMES = 50, GRACES = 2, SLOTS_COUNTED = DRAW_SLOTS };

/* No time passes that could change a verdict: expired entries are all within the grace, or none
 * is. (Where grace ends to the nanosecond is steer_fuzz's affair: there the test owns the clock.)
 */
static const uint64_t graces_ns[GRACES] = {0, 1ULL << 62};

struct run {
	struct rig rigs[GRACES];
	struct model model;
	uint64_t world_seed;
	/* what the counters must say, since the programs were loaded */
	struct verdict_stats verdicts[GRACES][STEER_VERDICT_COUNT];
	struct slot_stats slots[GRACES][SLOTS_COUNTED];
	unsigned long tried, not_run, seen[STEER_VERDICT_COUNT];
};

static uint64_t boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static void must(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-rc));
		exit(1);
	}
}

/* ---- a failure ---- */

static void say_how_to_replay(const struct run *run, const char *what)
{
	fprintf(stderr, "%s, SEED=%llu\nagain: build/tests/bpf/steer_million_test %d %llu\n", what,
		(unsigned long long)run->world_seed, WORLD_FRAMES,
		(unsigned long long)run->world_seed);
}

static _Noreturn void fail_frame(const struct run *run, enum entry_point entry, const char *what,
				 const struct packet *in, const struct packet *out,
				 const struct model_outcome *expected)
{
	fprintf(stderr, "%s: %s; the model says %s\n", model_entry_name(entry), what,
		model_verdict_name(expected->verdict));
	packet_print("in", in);
	packet_print("out", out);
	packet_print("expected", &expected->out);
	say_how_to_replay(run, "the program and the model disagree about a frame");
	exit(1);
}

/* ---- one frame ---- */

/* Says which verdict was counted instead of the model's. */
static _Noreturn void fail_verdict(const struct run *run, int grace, enum entry_point entry,
				   const struct packet *in, const struct packet *out,
				   const struct model_outcome *expected)
{
	struct verdict_stats found[STEER_VERDICT_COUNT];
	const struct verdict_stats *sums = run->verdicts[grace];
	char what[128];

	must(rig_read_verdicts(&run->rigs[grace], found), "reading the verdicts");
	for (uint32_t i = 0; i < STEER_VERDICT_COUNT; i++) {
		if (memcmp(&found[i], &sums[i], sizeof(found[i])) == 0)
			continue;
		snprintf(what, sizeof(what), "counted %llu packets, %llu bytes as %s",
			 (unsigned long long)(found[i].packets - sums[i].packets),
			 (unsigned long long)(found[i].bytes - sums[i].bytes),
			 model_verdict_name((enum steer_verdict)i));
		fail_frame(run, entry, what, in, out, expected);
	}
	fail_frame(run, entry, "counted nothing", in, out, expected);
}

/* That nothing else was counted besides is seen when the world ends: all counters are dear. */
static void check_verdict(struct run *run, int grace, enum entry_point entry,
			  const struct packet *in, const struct packet *out,
			  const struct model_outcome *expected)
{
	struct verdict_stats *sum = &run->verdicts[grace][expected->verdict];
	struct verdict_stats found;

	must(maps_read_verdict(&run->rigs[grace].maps, expected->verdict, &found),
	     "reading a verdict");
	if (found.packets != sum->packets + 1 || found.bytes != sum->bytes + in->size)
		fail_verdict(run, grace, entry, in, out, expected);
	*sum = found;
}

static void note_slot(struct run *run, int grace, size_t bytes,
		      const struct model_outcome *expected)
{
	struct slot_stats *sum;

	if (!expected->met_slot || expected->slot >= SLOTS_COUNTED)
		return;
	sum = &run->slots[grace][expected->slot];
	sum->packets++;
	sum->bytes += bytes;
	sum->syns += expected->is_syn;
	sum->forwarded += model_is_steered(expected->verdict);
}

static void try_frame(struct run *run, int grace, enum entry_point entry, const struct packet *in,
		      const struct model_outcome *expected)
{
	struct packet out;
	int action = rig_run(&run->rigs[grace], entry, in, &out);

	if (action == NOT_RUN) {
		run->not_run++;
		return;
	}
	run->tried++;
	run->seen[expected->verdict]++;
	check_verdict(run, grace, entry, in, &out, expected);
	note_slot(run, grace, in->size, expected);
	if (action != model_action(entry, expected->verdict, expected->if_index))
		fail_frame(run, entry, "another action", in, &out, expected);
	if (out.size != expected->out.size || memcmp(out.bytes, expected->out.bytes, out.size) != 0)
		fail_frame(run, entry, "another packet", in, &out, expected);
}

/* ---- a world ---- */

static void empty_map(int map, const void *keys, size_t count, size_t key_bytes)
{
	for (size_t i = 0; i < count; i++)
		bpf_map_delete_elem(map, (const uint8_t *)keys + i * key_bytes);
}

static void forget_world(struct run *run, const struct maps *maps)
{
	empty_map(maps->slots, run->model.entries, run->model.entry_count,
		  sizeof(run->model.entries[0]));
	for (size_t i = 0; i < run->model.peer_count; i++) {
		struct peer_key peer = {0};

		memcpy(peer.mac, run->model.peers[i], 6);
		bpf_map_delete_elem(maps->peers, &peer);
	}
}

static void learn_world(const struct run *run, const struct maps *maps)
{
	const uint32_t node = 3;

	for (size_t i = 0; i < run->model.entry_count; i++) {
		const struct model_entry *entry = &run->model.entries[i];

		must(bpf_map_update_elem(maps->slots, &entry->key, &entry->value, BPF_NOEXIST),
		     "writing an entry");
	}
	for (size_t i = 0; i < run->model.peer_count; i++) {
		struct peer_key peer = {0};

		memcpy(peer.mac, run->model.peers[i], 6);
		must(bpf_map_update_elem(maps->peers, &peer, &node, BPF_NOEXIST), "writing a peer");
	}
}

static void check_counters(const struct run *run, int grace)
{
	const struct rig *rig = &run->rigs[grace];
	struct verdict_stats verdicts[STEER_VERDICT_COUNT];
	struct slot_stats slots[SLOTS_COUNTED];

	must(rig_read_verdicts(rig, verdicts), "reading the verdicts");
	for (uint32_t slot = 0; slot < SLOTS_COUNTED; slot++)
		must(maps_read_slot(&rig->maps, slot, &slots[slot]), "reading a slot");
	if (memcmp(verdicts, run->verdicts[grace], sizeof(verdicts)) == 0 &&
	    memcmp(slots, run->slots[grace], sizeof(slots)) == 0)
		return;
	say_how_to_replay(run, "the counters of verdicts or slots are wrong after this world");
	exit(1);
}

static void try_world(struct run *run, uint64_t seed, unsigned long frames)
{
	struct sim_random random = {seed};
	int grace = (int)sim_random_below(&random, GRACES);
	struct model_outcome expected;
	struct packet in;

	run->world_seed = seed;
	run->model.grace_ns = graces_ns[grace];
	run->model.now_ns = boot_ns();
	draw_world(&random, &run->model);
	learn_world(run, &run->rigs[grace].maps);
	for (unsigned long i = 0; i < frames; i++) {
		draw_frame(&random, &run->model, &in);
		model_judge(&run->model, &in, false, &expected);
		for (int entry = XDP; entry < ENTRY_POINTS; entry++)
			try_frame(run, grace, (enum entry_point)entry, &in, &expected);
	}
	check_counters(run, grace);
	forget_world(run, &run->rigs[grace].maps);
}

/* A comparison in which something never happens says nothing about it. */
static bool report(const struct run *run, unsigned long frames, unsigned long seed)
{
	bool all_seen = true;

	printf("%lu frames from SEED=%lu, %lu runs", frames, seed, run->tried);
	printf(", %lu that make no skb\n", run->not_run);
	for (uint32_t i = 0; i < STEER_VERDICT_COUNT; i++) {
		printf("%10lu %s\n", run->seen[i], model_verdict_name((enum steer_verdict)i));
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
		puts("loading BPF programs needs root");
		return 77;
	}
	packet_mac(run.model.own_mac, MAC_NODE);
	for (int grace = 0; grace < GRACES; grace++)
		must(rig_load(graces_ns[grace], &run.rigs[grace]), "loading the programs");
	for (unsigned long done = 0; done < frames; done += WORLD_FRAMES)
		try_world(&run, seed + done / WORLD_FRAMES,
			  frames - done < WORLD_FRAMES ? frames - done : WORLD_FRAMES);
	for (int grace = 0; grace < GRACES; grace++)
		rig_unload(&run.rigs[grace]);
	return report(&run, frames, seed) ? 0 : 1;
}
