/* Whole brokers in the simulated world, and words to tell stories about them:
 *
 *	sim_produce(s, "orders", 0, "a");
 *	sim_wait_acked(s, 1);
 *	sim_crash(s, sim_leader_of(s, "orders", 0));
 *	sim_run_until_leader(s, "orders", 0);
 *	CHECK_EQ(sim_count(s, "orders", 0), 1);
 *
 * Brokers are 1, 2, 3 ... with two, three or one shard in turn and a control loop each, with
 * addresses as in the lab (DESIGN section 9, layout `shared`), formatted as `bellwether --format`
 * does. Nobody announces the slot addresses unless a test says so: F9. */
#pragma once

#include "replica/mirror_counts.h"
#include "sim/sim_history.h"
#include "sim/sim_world.h"

struct sim;

enum { SIM_MOST_BROKERS = 6 };

struct sim_cluster_options {
	uint64_t seed;
	bool verbose, trace;
	unsigned brokers;            /* 1, 3 to SIM_MOST_BROKERS; 0 = 3 */
	bool slot_view;              /* clients bootstrap from the slots' address */
	const char *const *settings; /* "name=value", ends with NULL; may be NULL */
};

/* A formatted cluster of which no broker runs yet, and a client. */
struct sim *sim_new(const struct sim_cluster_options *options);
void sim_free(struct sim *s);

struct sim_world *sim_world_of(struct sim *s);
struct sim_history *sim_history_of(struct sim *s);
struct sim_process *sim_broker(struct sim *s, int32_t broker);
struct sim_process *sim_client_process(struct sim *s);
unsigned sim_broker_count(const struct sim *s);

/* ---- brokers come and go ---- */
void sim_start(struct sim *s, int32_t broker); /* nothing when it runs */
void sim_start_all(struct sim *s);
void sim_crash(struct sim *s, int32_t broker); /* kill -9 */
void sim_power_cut(struct sim *s, int32_t broker);
void sim_stop(struct sim *s, int32_t broker); /* SIGTERM: a clean shutdown begins */
/* Exit statuses other than 0 of programs that ended by themselves, and starts that failed. */
unsigned sim_bad_ends(const struct sim *s);

/* How often shards that run now have waited for a disk (DESIGN section 5: never). */
unsigned sim_shard_waits(const struct sim *s);
/* What the brokers that run now have mirrored and taken. */
struct mirror_counts sim_mirror_counts(const struct sim *s);

/* ---- clients ---- */

/* Creates the topic and waits until each partition has a leader. False: it took too long. */
bool sim_create_topic(struct sim *s, const char *topic, int32_t partitions, int16_t factor);
void sim_produce(struct sim *s, const char *topic, int32_t partition, const char *text);
int64_t sim_acked(const struct sim *s);
int64_t sim_unacked(const struct sim *s);

/* ---- waiting, in virtual time; each gives up after a minute and says so by false ---- */
bool sim_wait_acked(struct sim *s, int64_t count);
bool sim_wait_all_acked(struct sim *s);
bool sim_run_until_leader(struct sim *s, const char *topic, int32_t partition);
void sim_run_ms(struct sim *s, uint64_t duration_ms);

/* The broker that leads, as a fresh Metadata answer says; -1 when none is known. */
int32_t sim_leader_of(struct sim *s, const char *topic, int32_t partition);
/* How many records a reader that begins at offset 0 finds. */
int64_t sim_count(struct sim *s, const char *topic, int32_t partition);

/* Active reset: how many connections to slots have been answered and are known to no broker but the
 * one that accepted them. */
unsigned sim_unknown_flows(struct sim *s);
/* How many clients' connections that broker has told others of: the most that one of them knows. */
size_t sim_told_flows(struct sim *s, int32_t broker);

/* ---- the judgement ---- */

/* Reads everything, then checks the history, and the logs of all brokers record by record below
 * what was read. Prints each finding. Returns how many there are. Faults should be over. */
unsigned sim_check(struct sim *s);
