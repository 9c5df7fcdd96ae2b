/* The quorum's use of its plog: runs of whole batches in and out, and what the step function sees
 * of the log. Control thread. */
#pragma once

#include "plog/plog.h"
#include "quorum/quorum_step.h"

enum { QUORUM_RECORDS_BYTES = 1024 * 1024 }; /* read at once: a response, a round of applying */

/* Opens the metadata log. Returns 0, -errno, or -EBADMSG when it cannot be trusted (R45, R52); a
 * sentence has been logged then. WAITS. */
int quorum_log_open(struct env *env, const char *folder, bool clean, struct plog **ret_log);

struct quorum_log_view quorum_log_view(const struct plog *log);

/* Reads batches from `offset` on, below bound_offset, into ret_bytes, replacing what it held; the
 * first is whole, the last may be cut short. Returns 0 or -errno. WAITS on cold pages (rare: a node
 * that was away for long). */
int quorum_log_read(struct env *env, struct plog *log, int64_t offset, int64_t bound_offset,
		    struct buffer *ret_bytes);

/* Appends whole batches that stand exactly at the end of the log, in one write. Returns 0 when all
 * are in, -EBADMSG when only those before a bad one are, or -errno: the log is offline. */
int quorum_log_append(struct plog *log, const uint8_t *bytes, size_t size, int32_t epoch);

/* A leader's first record: a control batch with Kafka's LeaderChangeMessage. */
void quorum_log_leader_change(const struct quorum_state *s, int64_t offset, int64_t timestamp_ms,
			      struct buffer *out);
