/* What clients' records have passed through a loop, by topic and by slot. Like counters.h: each
 * worker owns its table and is its only writer.
 *
 * A topic's traffic is handed on in pieces, traffic_take(): the sum over all loops is kept by who
 * collects, and so outlives whatever happens to partitions here. */
#pragma once

#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

/* X(ID, NAME, MEANING): the samples bellwether_topic_NAME_total and bellwether_slot_NAME_total.
 * Records that leave are not counted: nobody looks into their batches. */
#define TRAFFIC(X)                                                                                 \
	X(RECORDS_IN, "records_in", "Records appended for producers")                              \
	X(BYTES_IN, "bytes_in", "Bytes of record batches appended for producers")                  \
	X(BYTES_OUT, "bytes_out", "Bytes of record batches sent to consumers")                     \
	X(PRODUCE_REQUESTS, "produce_requests",                                                    \
	  "Produced batches that were answered, one for each partition of a request")              \
	X(PRODUCE_FAILURES, "produce_failures", "Produced batches that were refused or timed out") \
	X(FETCH_REQUESTS, "fetch_requests",                                                        \
	  "Answers to consumers that carried records, one for each partition of a request")

enum traffic_kind {
#define TRAFFIC_ENUM(id, name, meaning) TRAFFIC_##id,
	TRAFFIC(TRAFFIC_ENUM)
#undef TRAFFIC_ENUM
		TRAFFIC_COUNT
};

struct traffic {
	uint64_t counts[TRAFFIC_COUNT];
};

struct topic_traffic {        /* since the last traffic_take() */
	struct uuid topic_id; /* the hash's key */
	bool is_idle;
	struct traffic traffic;
	UT_hash_handle hh;
};

struct traffic_table {                /* zeroed: empty, and nothing is counted */
	bool is_counted;              /* somebody takes it */
	struct topic_traffic *topics; /* uthash */
	struct traffic *slots;        /* by slot id */
	size_t slot_count;
};

void traffic_done(struct traffic_table *table);

/* Counts more for a partition's topic and slot. */
void traffic_add(struct traffic_table *table, struct uuid topic_id, int32_t slot,
		 const struct traffic *more);

/* Calls `each` for every topic that had traffic since the last time. */
void traffic_take(struct traffic_table *table,
		  void (*each)(void *context, struct uuid topic_id, const struct traffic *traffic),
		  void *context);

void traffic_merge(struct traffic *into, const struct traffic *from);
