/* Between metrics.c, which collects, and metrics_text.c, which writes. */
#pragma once

#include "base/exposition.h"
#include "bellwether/steer_facts.h"
#include "broker/control_int.h"
#include "broker/metrics.h"
#include "broker/metrics_shard.h"
#include "fastpath/fastpath.h"

/* A topic with figures of its own. */
struct topic_series {
	struct uuid topic_id; /* the hash's key */
	char *name;
	struct traffic traffic;            /* since this topic has its own */
	int64_t gauges[TOPIC_GAUGE_COUNT]; /* of this round */
	UT_hash_handle hh;
};

/* One shard's answer. */
struct collect {
	struct env_message message;
	struct metrics *metrics;
	struct shard *shard;
	struct shard_figures figures;
};

/* What bwsteer told last. It has its own pace: a bwsteer that hangs stops nothing else. */
struct kernel_query {
	struct fastpath_query query;
	bool is_asked;                                 /* the answer has not come to its end */
	struct steer_stats_slot next[STEER_SLOTS_MAX]; /* what has come of it */
	size_t next_count;
	struct steer_stats_slot slots[STEER_SLOTS_MAX]; /* rising */
	size_t slot_count;
	struct steer_counts next_counts, counts; /* likewise */
	bool has_next_counts, has_counts;        /* this bwsteer tells them. A counter that is not
						  * known is left out: 0 would be a reset */
};

struct metrics {
	struct control *control;
	struct env_timer timer;

	/* a round */
	struct collect *collects; /* by shard */
	unsigned pending;         /* answers that have not come */

	/* what came */
	struct counters counters;
	struct topic_series *topics; /* uthash */
	struct topic_series others;  /* the sum of topics without figures of their own */
	struct traffic *slots;       /* by slot id */
	size_t slot_count;
	int32_t replicas[REPLICA_FOLLOWER + 1];
	int32_t forwards;
	struct kernel_query kernel;
};

/* Writes everything that is known. */
void metrics_write(const struct metrics *metrics, struct buffer *out);
