/* Runs whole clusters from seeds: some virtual seconds of random faults under load, then the faults
 * end, and everything acknowledged must be there once, in order, alike on every replica, and the
 * cluster must be alive.
 *
 *	cluster_sim [SEEDS [FIRST [BROKERS]]]
 *
 * Without arguments: 1000 seeds of three brokers, some of one and of six, and a few of each twice.
 * Each seed runs in a process of its own, so that an assertion fails one seed only. A failure
 * prints SEED=n and how to replay it. SIM_VERBOSE=1 shows log lines and faults with virtual times,
 * SIM_TRACE=1 every event, SIM_TWICE=1 runs each seed twice and compares the traces. */
#include "base/mem.h"
#include "sim/sim_apart.h"
#include "sim/sim_cluster.h"
#include "sim/sim_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	PARTITIONS = 4,
	FAULTY_MS = 8000,
	CALM_MS = 3000,
	MOST_FAULT_GAP_MS = 1500,
	MOST_PRODUCE_GAP_MS = 40,
	PATIENCE_STEP_MS = 200,
	PATIENCE_STEPS = 300,
	SEED_MOST_S = 120, /* of real time, for one seed */
	MOST_CALLS_BEFORE_AN_ERROR = 60,
	GATHERING_MS = 2000,
	SHUTDOWN_MS = 2000,
	JOINING_MS = 200, /* who has everything joins the ISR */
	GATHERING_STEPS = 4,
	MOST_FLIPS = 3,
};

static const char topic[] = "orders";

struct scenario {
	struct sim *s;
	struct sim_random random; /* its own: a fault more changes no draw of the world's */
	uint64_t produced;
	unsigned brokers;
	bool power, clean;      /* which kinds of ends this seed has */
	bool disk_errors, rots; /* and of disks */
	/* The only broker whose disk loses what was flushed: acknowledged records lie on two. */
	int32_t unlucky;
	unsigned errors_armed;
};

/* ---- load ---- */

static void produce_some(struct scenario *c)
{
	uint64_t count = sim_random_between(&c->random, 1, 8);
	char text[32];

	for (uint64_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "record-%06llu", (unsigned long long)c->produced++);
		sim_produce(c->s, topic, (int32_t)sim_random_below(&c->random, PARTITIONS), text);
	}
}

static void load_for(struct scenario *c, uint64_t duration_ms)
{
	uint64_t end_us = sim_world_now_us(sim_world_of(c->s)) + duration_ms * 1000;

	while (sim_world_now_us(sim_world_of(c->s)) < end_us) {
		produce_some(c);
		sim_run_ms(c->s, sim_random_between(&c->random, 1, MOST_PRODUCE_GAP_MS));
	}
}

/* ---- faults ---- */

static int32_t draw_broker(struct scenario *c)
{
	return (int32_t)sim_random_between(&c->random, 1, c->brokers);
}

static struct sim_process *draw_process(struct scenario *c)
{
	uint64_t place = sim_random_below(&c->random, c->brokers + 1);

	return place == c->brokers ? sim_client_process(c->s)
				   : sim_broker(c->s, (int32_t)place + 1);
}

static void cut_a_link(struct scenario *c)
{
	struct sim_world *world = sim_world_of(c->s);
	struct sim_process *a = draw_process(c), *b = draw_process(c);

	if (a == b)
		return;
	sim_net_cut(world, a, b);
	if (sim_random_below(&c->random, 3) > 0)
		sim_net_cut(world, b, a);
}

static void isolate(struct scenario *c)
{
	struct sim_process *one = sim_broker(c->s, draw_broker(c));

	for (unsigned i = 1; i <= c->brokers; i++) {
		sim_net_cut(sim_world_of(c->s), one, sim_broker(c->s, (int32_t)i));
		sim_net_cut(sim_world_of(c->s), sim_broker(c->s, (int32_t)i), one);
	}
}

/* One host, or the whole room. */
static void cut_power(struct scenario *c)
{
	bool all = sim_random_below(&c->random, 2);
	int32_t broker = draw_broker(c);

	for (int32_t i = 1; i <= (int32_t)c->brokers; i++)
		if (all || i == broker)
			sim_power_cut(c->s, i);
}

static void end_a_broker(struct scenario *c)
{
	int32_t broker = draw_broker(c);
	uint64_t how = sim_random_below(&c->random, 4);

	if (how == 0 && c->power)
		cut_power(c);
	else if (how == 1 && c->clean)
		sim_stop(c->s, broker);
	else
		sim_crash(c->s, broker);
}

static void pause_or_resume(struct scenario *c)
{
	struct sim_process *process = sim_broker(c->s, draw_broker(c));

	if (sim_process_is_paused(process))
		sim_process_resume(process);
	else
		sim_process_pause(process);
}

/* R46: a write or a flush fails soon, and the broker ends. */
static void fail_a_disk(struct scenario *c)
{
	bool flush = sim_random_below(&c->random, 2);
	int32_t broker = flush ? c->unlucky : draw_broker(c);
	int rc = sim_random_below(&c->random, 2) ? -EIO : -ENOSPC;
	unsigned skip = (unsigned)sim_random_below(&c->random, MOST_CALLS_BEFORE_AN_ERROR);

	sim_say(sim_world_of(c->s), "the disk of b%d: a %s fails soon", broker,
		flush ? "flush" : "write");
	sim_disk_fail_next(sim_process_disk(sim_broker(c->s, broker)),
			   flush ? SIM_SYNC : SIM_WRITE, skip, rc);
	c->errors_armed++;
}

static char *log_path(int partition)
{
	return mem_format("/data/%s-%d/00000000000000000000.log", topic, partition);
}

static int64_t log_size(struct scenario *c, int32_t broker, int partition)
{
	struct sim_disk *disk = sim_process_disk(sim_broker(c->s, broker));
	char *path = log_path(partition);
	struct env_file *file;
	int64_t size = 0;

	if (sim_disk_open(disk, path, ENV_OPEN_READ, &file) == 0) {
		size = sim_disk_size(file);
		sim_disk_unref(file);
	}
	mem_free(path);
	return size;
}

static int64_t longest_log(struct scenario *c, int partition)
{
	int64_t longest = 0;

	for (unsigned b = 1; b <= c->brokers; b++) {
		int64_t size = log_size(c, (int32_t)b, partition);

		longest = size > longest ? size : longest;
	}
	return longest;
}

static bool all_have(struct scenario *c, const int64_t sizes[PARTITIONS])
{
	for (int p = 0; p < PARTITIONS; p++)
		for (unsigned b = 1; b <= c->brokers; b++)
			if (log_size(c, (int32_t)b, p) < sizes[p])
				return false;
	return true;
}

/* All are there and have what anybody had when they came. False: a connection is stuck for long. */
static bool gather(struct scenario *c)
{
	int64_t sizes[PARTITIONS];

	sim_net_mend_all(sim_world_of(c->s));
	for (int i = 0; i < GATHERING_STEPS; i++) {
		for (unsigned b = 1; b <= c->brokers; b++)
			sim_process_resume(sim_broker(c->s, (int32_t)b));
		sim_start_all(c->s);
		load_for(c, GATHERING_MS / GATHERING_STEPS);
	}
	for (int p = 0; p < PARTITIONS; p++)
		sizes[p] = longest_log(c, p);
	for (int i = 0; i < GATHERING_STEPS && !all_have(c, sizes); i++)
		load_for(c, GATHERING_MS / GATHERING_STEPS);
	load_for(c, JOINING_MS);
	return all_have(c, sizes);
}

static void flip_some(struct scenario *c)
{
	uint64_t count = sim_random_between(&c->random, 1, MOST_FLIPS);
	struct sim_disk *disk = sim_process_disk(sim_broker(c->s, c->unlucky));

	while (count-- > 0) {
		int partition = (int)sim_random_below(&c->random, PARTITIONS);
		int64_t size = log_size(c, c->unlucky, partition);
		char *path = log_path(partition);

		if (size > 0) {
			int64_t at = (int64_t)sim_random_below(&c->random, (uint64_t)size);

			sim_say(sim_world_of(c->s), "rot on b%d: %s at %lld of %lld", c->unlucky,
				path, (long long)at, (long long)size);
			sim_disk_flip(disk, path, at);
		}
		mem_free(path);
	}
}

/* R45, R48: bits flip on one disk while its broker is down. The others have everything by then. */
static void rot(struct scenario *c)
{
	if (!gather(c))
		return;
	if (c->power && sim_random_below(&c->random, 2)) {
		for (unsigned i = 1; i <= c->brokers; i++)
			sim_power_cut(c->s, (int32_t)i);
	} else {
		sim_crash(c->s, c->unlucky);
		sim_run_ms(c->s, sim_random_below(&c->random, 2) * 1000);
	}
	flip_some(c);
	sim_start_all(c->s);
}

static void disk_fault(struct scenario *c)
{
	if (c->rots && sim_random_below(&c->random, 2))
		rot(c);
	else if (c->disk_errors)
		fail_a_disk(c);
}

static void repair_something(struct scenario *c)
{
	int32_t broker = draw_broker(c);

	sim_process_resume(sim_broker(c->s, broker));
	sim_start(c->s, broker);
	if (sim_random_below(&c->random, 2))
		sim_net_mend_all(sim_world_of(c->s));
}

static void one_fault(struct scenario *c)
{
	struct sim_process *process = sim_broker(c->s, draw_broker(c));

	switch (sim_random_below(&c->random, 12)) {
	case 0:
	case 1:
		end_a_broker(c);
		break;
	case 2:
		pause_or_resume(c);
		break;
	case 3:
		cut_a_link(c);
		break;
	case 4:
		isolate(c);
		break;
	case 5:
		sim_net_drop_connections(sim_world_of(c->s), process,
					 sim_random_between(&c->random, 1, 4));
		break;
	case 6:
		sim_process_set_disk_slowness(process,
					      (unsigned)sim_random_between(&c->random, 1, 40));
		break;
	case 7:
		sim_process_shift_wall_clock(
			process, (int64_t)sim_random_below(&c->random, 7200000) - 3600000);
		break;
	case 8:
		disk_fault(c);
		break;
	default:
		repair_something(c);
		break;
	}
}

static void heal(struct scenario *c)
{
	sim_say(sim_world_of(c->s), "---- all is healed ----");
	sim_net_mend_all(sim_world_of(c->s));
	for (unsigned i = 1; i <= c->brokers; i++) {
		struct sim_process *broker = sim_broker(c->s, (int32_t)i);

		sim_process_resume(broker);
		sim_process_set_disk_slowness(broker, 1);
		/* What was to fail and has not: succeeds. */
		sim_disk_fail_next(sim_process_disk(broker), SIM_WRITE, 0, 0);
		sim_disk_fail_next(sim_process_disk(broker), SIM_SYNC, 0, 0);
	}
	sim_run_ms(c->s, 10);
	sim_start_all(c->s);
}

/* ---- one seed ---- */

static unsigned complain(const char *what)
{
	printf("  %s\n", what);
	return 1;
}

/* Waits for acknowledgements, and starts who was stopped cleanly in the last moment of the faults
 * and is down only now: it may be all that some partition's ISR consists of. */
static bool comes_alive(struct scenario *c)
{
	for (int i = 0; i < PATIENCE_STEPS && sim_unacked(c->s) > 0; i++) {
		sim_start_all(c->s);
		sim_run_ms(c->s, PATIENCE_STEP_MS);
	}
	if (c->clean) /* the last one that was told to stop may still be on its way out */
		load_for(c, SHUTDOWN_MS);
	sim_start_all(c->s);
	return sim_wait_all_acked(c->s);
}

static unsigned live_and_check(struct scenario *c)
{
	unsigned findings = 0;

	heal(c);
	if (!comes_alive(c))
		findings += complain(
			"not-alive: records stay unacknowledged a minute after the faults");
	load_for(c, CALM_MS);
	if (!sim_wait_all_acked(c->s))
		findings += complain("not-alive: records stay unacknowledged without faults");
	if (sim_bad_ends(c->s) > c->errors_armed)
		findings += complain("bad-end: a broker ended by itself, or did not start");
	return findings + sim_check(c->s);
}

static unsigned run_scenario(uint64_t seed, unsigned brokers, uint64_t *ret_hash)
{
	struct scenario c = {.random = {seed ^ 0x5ca1ab1e}, .brokers = brokers};
	struct sim_cluster_options options = {.seed = seed,
					      .brokers = brokers,
					      .verbose = getenv("SIM_VERBOSE") != NULL,
					      .trace = getenv("SIM_TRACE") != NULL};
	/* R35: how long a replica may lag: as shipped, or so little that ISRs often shrink. */
	static const char *const lags[][2] = {{NULL}, {"replica.lag.time.max.ms=2000", NULL}};
	const struct sim_datagram_faults hostile = {.lost_one_in = 10,
						    .doubled_one_in = 10,
						    .late_one_in = 10,
						    .corrupt_one_in = 10,
						    .replayed_one_in = 5,
						    .forged_one_in = 5};
	uint64_t end_us;
	unsigned findings = 0;

	options.settings = lags[sim_random_below(&c.random, 2)];
	options.slot_view = brokers > 1 && sim_random_below(&c.random, 2);
	c.power = sim_random_below(&c.random, 2);
	c.clean = sim_random_below(&c.random, 2);
	c.disk_errors = sim_random_below(&c.random, 2);
	c.rots = brokers >= 3 && sim_random_below(&c.random, 2);
	c.unlucky = draw_broker(&c);
	c.s = sim_new(&options);
	if (sim_random_below(&c.random, 2)) /* F9, until the end */
		sim_net_set_datagram_faults(sim_world_of(c.s), hostile);
	sim_start_all(c.s);
	if (!sim_create_topic(c.s, topic, PARTITIONS, (int16_t)(brokers < 3 ? 1 : 3)))
		findings += complain("not-alive: a new cluster made no topic");
	end_us = sim_world_now_us(sim_world_of(c.s)) + (uint64_t)FAULTY_MS * 1000;
	while (findings == 0 && sim_world_now_us(sim_world_of(c.s)) < end_us) {
		load_for(&c, sim_random_between(&c.random, 10, MOST_FAULT_GAP_MS));
		one_fault(&c);
	}
	if (findings == 0)
		findings = live_and_check(&c);
	*ret_hash = sim_world_hash(sim_world_of(c.s));
	if (getenv("SIM_VERBOSE"))
		fprintf(stderr, "seed %llu: %lld acknowledged, %llu events, %.3f s, hash %016llx\n",
			(unsigned long long)seed, (long long)sim_acked(c.s),
			(unsigned long long)sim_world_events(sim_world_of(c.s)),
			(double)sim_world_now_us(sim_world_of(c.s)) / 1e6,
			(unsigned long long)*ret_hash);
	sim_free(c.s);
	return findings;
}

/* ---- many seeds ---- */

struct seed_run {
	uint64_t seed;
	unsigned brokers;
	bool twice;
};

static unsigned run_seed(const struct seed_run *run)
{
	uint64_t hash, again;
	unsigned findings = run_scenario(run->seed, run->brokers, &hash);

	if (run->twice) {
		run_scenario(run->seed, run->brokers, &again);
		if (hash != again)
			findings += complain("nondeterministic: the same seed, another trace");
	}
	return findings;
}

static bool run_one(void *context)
{
	const struct seed_run *run = context;

	return run_seed(run) == 0;
}

struct score {
	uint64_t passed, failed;
};

/* The first `twice` of the seeds run twice, and must leave the same trace. */
static void run_seeds(const char *program, uint64_t seeds, uint64_t first, unsigned brokers,
		      uint64_t twice, struct score *score)
{
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		struct seed_run run = {seed, brokers, seed < first + twice};

		if (sim_run_apart(run_one, &run, SEED_MOST_S)) {
			score->passed++;
			continue;
		}
		score->failed++;
		printf("SEED=%llu failed; replay: SIM_VERBOSE=1 %s 1 %llu %u\n",
		       (unsigned long long)seed, program, (unsigned long long)seed, brokers);
	}
}

/* SIM_SHARE=n: one in n, for slow builds. */
static void run_usual_seeds(const char *program, struct score *score)
{
	const char *text = getenv("SIM_SHARE");
	uint64_t share = text ? strtoull(text, NULL, 10) : 1;

	if (share == 0)
		share = 1;
	run_seeds(program, 1000 / share, 1, 3, 10, score);
	run_seeds(program, 40 / share, 1, 1, 3, score);
	run_seeds(program, 10 / share, 1, 6, 1, score);
}

int main(int argc, char **argv)
{
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	unsigned brokers = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 3;
	struct score score = {0};

	if (seeds == 0 || brokers == 0 || brokers > SIM_MOST_BROKERS) {
		fprintf(stderr, "usage: cluster_sim [SEEDS [FIRST [BROKERS, at most %d]]]\n",
			SIM_MOST_BROKERS);
		return 2;
	}
	if (argc > 1)
		run_seeds(argv[0], seeds, first, brokers, getenv("SIM_TWICE") ? seeds : 0, &score);
	else
		run_usual_seeds(argv[0], &score);
	printf("%llu passed, %llu failed\n", (unsigned long long)score.passed,
	       (unsigned long long)score.failed);
	return score.failed > 0;
}
