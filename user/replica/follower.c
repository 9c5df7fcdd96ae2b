/* Following a leader: what to ask for, and what its answers do to the log.
 *
 * Owns HW while following. Invariants:
 *   1. An answer changes the log only if nothing happened to the log since it was asked for (R25).
 *   2. The log is cut only where both logs part by epoch, never at the local HW (R18).
 *   3. HW moves after the append, and never past LEO (R16).
 *   4. Mirrored bytes are appended only to a log that the leader has compared with its own in this
 *      epoch (R23): else a divergence below them would be hidden behind an epoch that both know. */
#include "replica/replica_int.h"

#include <errno.h>
#include <inttypes.h>

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

bool replica_fetch_position(const struct replica *r, struct replica_position *ret_position)
{
	if (r->role != REPLICA_FOLLOWER)
		return false;
	*ret_position = (struct replica_position){
		.leader = r->leader,
		.leader_epoch = r->leader_epoch,
		.fetch_offset = plog_end_offset(r->log),
		.last_fetched_epoch = plog_last_epoch(r->log), /* R28: asked of the log each time */
		.durable_offset = replica_counted_offset(r),
		.generation = r->generation,
	};
	return true;
}

/* R25, for HW and log start: same leader epoch, and no truncation since. */
static bool follower_is_current(const struct replica *r, const struct replica_position *asked)
{
	return r->role == REPLICA_FOLLOWER && asked->leader == r->leader &&
	       asked->leader_epoch == r->leader_epoch && asked->generation == r->generation;
}

/* R25, for records and truncation: the log also still ends where it did. */
static bool follower_is_unmoved(const struct replica *r, const struct replica_position *asked)
{
	return asked->fetch_offset == plog_end_offset(r->log);
}

/* ---- truncation ---- */

/* Cuts (or, R27, drops) the log; what depends on its end follows. */
static int follower_cut(struct replica *r, int64_t offset, bool reset)
{
	int rc = reset ? plog_reset(r->log, offset) : plog_truncate(r->log, offset);

	r->generation++;
	if (rc < 0) {
		replica_fail_storage(r, rc);
		return rc;
	}
	if (reset)
		r->high_watermark = offset;
	r->high_watermark = least(r->high_watermark, plog_end_offset(r->log));
	replica_flush(r);
	return 0;
}

/* R23: to the last point that both logs may share; the next Fetch finds out whether they do. */
static int follower_truncate(struct replica *r, int32_t diverging_epoch,
			     int64_t diverging_end_offset)
{
	int64_t end_offset = plog_end_offset(r->log);
	int64_t offset = least(diverging_end_offset, end_offset);
	int32_t own_epoch;
	int64_t own_end_offset;

	plog_epoch_end(r->log, diverging_epoch, &own_epoch, &own_end_offset);
	if (own_epoch >= 0)
		offset = least(offset, own_end_offset);
	env_log(r->env, offset < r->high_watermark ? LOG_ERROR : LOG_INFO,
		"%s-%" PRId32 ": truncating from %" PRId64 " to %" PRId64
		" (high watermark %" PRId64 ") as leader %" PRId32 " in epoch %" PRId32 " says",
		r->topic, r->partition, end_offset, offset, r->high_watermark, r->leader,
		r->leader_epoch);
	return follower_cut(r, offset, offset < plog_start_offset(r->log));
}

int replica_follow_reset(struct replica *r, const struct replica_position *asked,
			 int64_t log_start_offset)
{
	int64_t start_offset = plog_start_offset(r->log), end_offset = plog_end_offset(r->log);
	int rc;

	if (!follower_is_current(r, asked) || !follower_is_unmoved(r, asked))
		return 0;
	env_log(r->env, LOG_WARN,
		"%s-%" PRId32 ": the leader's log starts at %" PRId64 ", this one holds %" PRId64
		" to %" PRId64,
		r->topic, r->partition, log_start_offset, start_offset, end_offset);
	if (end_offset >= log_start_offset && end_offset > start_offset)
		return -ERANGE;
	rc = follower_cut(r, log_start_offset, true); /* R27 */
	return rc < 0 ? rc : 1;
}

/* ---- appending ---- */

/* Returns how many bytes the log grew by, or -errno. What came before a bad batch stays. */
static int64_t follower_append(struct replica *r, const uint8_t *records, size_t size, bool exact)
{
	int64_t size_before = plog_size_bytes(r->log);
	int64_t rc = plog_append_as_follower(r->log, records, size, r->leader_epoch, exact);

	if (rc < 0 && rc != -EBADMSG) {
		replica_fail_storage(r, (int)rc);
		return rc;
	}
	if (plog_durable_offset(r->log) < plog_end_offset(r->log))
		replica_flush(r);
	return rc < 0 ? rc : plog_size_bytes(r->log) - size_before;
}

/* R16, R17. What was committed once stays so: a new leader may tell a lower HW for a while. */
static void follower_take_bounds(struct replica *r, const struct replica_response *response)
{
	int64_t high_watermark = least(response->high_watermark, plog_end_offset(r->log));
	int64_t start_offset;

	if (high_watermark > r->high_watermark)
		r->high_watermark = high_watermark;
	start_offset = least(response->log_start_offset, r->high_watermark);
	if (start_offset > plog_start_offset(r->log))
		plog_advance_start(r->log, start_offset);
}

int64_t replica_follow(struct replica *r, const struct replica_position *asked,
		       const struct replica_response *response)
{
	int64_t appended = 0;

	if (!follower_is_current(r, asked))
		return 0;
	if (response->diverging_epoch >= 0) { /* R24: a diverging answer only truncates */
		return follower_is_unmoved(r, asked)
			       ? follower_truncate(r, response->diverging_epoch,
						   response->diverging_end_offset)
			       : 0;
	}
	r->proved_generation = r->generation;
	if (response->records_size > 0 && follower_is_unmoved(r, asked))
		appended = follower_append(r, response->records, response->records_size, false);
	if (appended < 0) {
		if (appended == -EBADMSG)
			env_log(r->env, LOG_ERROR,
				"%s-%" PRId32 ": records fetched from %" PRId32
				" do not fit at %" PRId64,
				r->topic, r->partition, r->leader, plog_end_offset(r->log));
		return appended;
	}
	follower_take_bounds(r, response);
	return appended;
}

enum mirror_drop replica_follow_mirror(struct replica *r, int32_t sender,
				       const struct mirror_section *section, int64_t *ret_bytes)
{
	int64_t size_before = plog_size_bytes(r->log);
	int64_t appended;

	*ret_bytes = 0;
	if (r->role != REPLICA_FOLLOWER || sender != r->leader ||
	    section->leader_epoch != r->leader_epoch) /* R25 */
		return MIRROR_DROP_NOT_FOLLOWED;
	if (r->proved_generation != r->generation)
		return MIRROR_DROP_UNPROVED;
	/* R26, before a CRC costs anything. */
	if (section->base_offset != plog_end_offset(r->log))
		return MIRROR_DROP_NO_FIT;
	appended = follower_append(r, section->batches, section->size_bytes, true); /* F6, F7 */
	if (r->storage_failed)
		return MIRROR_DROP_NOT_FOLLOWED;
	*ret_bytes = plog_size_bytes(r->log) - size_before;
	return appended > 0 ? MIRROR_DROP_TAKEN : MIRROR_DROP_NO_FIT;
}
