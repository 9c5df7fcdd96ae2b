/* A copy of what a shard knows, made on its loop for the control thread. */
#pragma once

#include "broker/shard.h"

/* X(ID, NAME, SUM, HELP): the samples bellwether_topic_NAME of a topic's partitions here. Several
 * become one as SUM says: all together, the least (of those that are not 0), or the most. A figure
 * for each partition would grow without bounds: people look for the topic that lags, and ask bwctl
 * which partition of it does. */
#define TOPIC_GAUGES(X)                                                                            \
	X(LOG_BYTES, "log_bytes", ALL, "Size of the logs that this broker has of the topic")       \
	X(REPLICAS, "replicas", ALL, "Partitions of which this broker has a replica")              \
	X(LED, "led_partitions", ALL, "Partitions that this broker leads")                         \
	X(UNDER_REPLICATED, "under_replicated_partitions", ALL,                                    \
	  "Partitions led here whose ISR is smaller than their set of replicas")                   \
	X(UNDER_MIN_ISR, "under_min_isr_partitions", ALL,                                          \
	  "Partitions led here that take no acks=all: their ISR is below min.insync.replicas")     \
	X(LEAST_ISR, "least_isr_replicas", LEAST,                                                  \
	  "Size of the smallest ISR of the partitions led here; 0 when none is")                   \
	X(MAX_LAG, "max_replica_lag_records", MOST,                                                \
	  "Records by which the last follower of a partition led here is behind")

enum topic_gauge {
#define TOPIC_GAUGE_ENUM(id, name, sum, help) TOPIC_##id,
	TOPIC_GAUGES(TOPIC_GAUGE_ENUM)
#undef TOPIC_GAUGE_ENUM
		TOPIC_GAUGE_COUNT
};

struct topic_figures {
	struct uuid topic_id;   /* the hash's key */
	struct traffic traffic; /* since the last copy */
	int64_t gauges[TOPIC_GAUGE_COUNT];
	UT_hash_handle hh;
};

struct shard_figures {
	struct counters counters;
	struct topic_figures *topics; /* uthash */
	struct traffic *slots;        /* by slot id */
	size_t slot_count;
	int32_t replicas[REPLICA_FOLLOWER + 1]; /* by role */
	int32_t forwards;                       /* connections being carried */
};

/* On the shard's loop. */
void shard_figures_take(struct shard *shard, struct shard_figures *ret_figures);
void shard_figures_done(struct shard_figures *figures);

/* The row of a topic; made empty when there is none. */
struct topic_figures *topic_figures_get(struct topic_figures **topics, struct uuid topic_id);
/* Puts the gauges of two sets of partitions together. */
void topic_gauges_merge(int64_t into[static TOPIC_GAUGE_COUNT],
			const int64_t from[static TOPIC_GAUGE_COUNT]);
