/* Leading a partition: appends, the high watermark, and everybody's reads.
 *
 * Owns HW while leading. Invariants:
 *   1. HW never falls within an epoch (R9), and never passes what counts of this log.
 *   2. Consumers get nothing at or above HW (R14).
 *   3. A follower's fetch is recorded only after every check has passed (R3, R6, R24).
 * Who counts for HW is isr.c's matter. */
#include "replica/replica_int.h"

#include <errno.h>

/* Another replica of the partition; NULL: it is none. */
static struct replica_peer *leader_find_peer(const struct replica *r, int32_t id)
{
	for (int32_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].id == id && id != r->options.node_id)
			return &r->peers[i];
	return NULL;
}

void leader_begin(struct replica *r)
{
	plog_begin_epoch(r->log, r->leader_epoch); /* R19 */
	r->epoch_start_offset = plog_end_offset(r->log);
	r->outrun = 0;
	isr_begin_epoch(r);
	replica_flush(r);
}

void leader_advance_high_watermark(struct replica *r)
{
	int64_t least = replica_counted_offset(r);
	uint64_t now_us = env_now_us(r->env);

	if (r->isr_count < r->min_isr) /* R10 */
		return;
	for (int32_t i = 0; i < r->peer_count; i++) {
		const struct replica_peer *peer = &r->peers[i];

		if (peer->id == r->options.node_id || peer->counted_offset >= least)
			continue;
		if (isr_holds_back(r, peer, now_us)) /* R9 */
			least = peer->counted_offset;
	}
	if (least <= r->high_watermark)
		return;
	r->high_watermark = least;
	r->wake[WATCH_CONSUMER] = r->wake[WATCH_FOLLOWER] = true;
}

enum replica_error replica_check_leader(const struct replica *r, int32_t current_leader_epoch)
{
	if (current_leader_epoch >= 0 && current_leader_epoch < r->leader_epoch)
		return REPLICA_FENCED_EPOCH;
	if (current_leader_epoch > r->leader_epoch)
		return REPLICA_UNKNOWN_EPOCH;
	if (r->leader < 0 || r->leader != r->options.node_id)
		return REPLICA_NOT_LEADER;
	return r->storage_failed ? REPLICA_STORAGE : REPLICA_OK;
}

/* ---- producing ---- */

static enum replica_error leader_append_failed(struct replica *r, int result)
{
	if (result == -EILSEQ)
		return REPLICA_OUT_OF_ORDER_SEQUENCE;
	if (result == -ESTALE)
		return REPLICA_INVALID_PRODUCER_EPOCH;
	replica_fail_storage(r, result);
	return REPLICA_STORAGE;
}

static void leader_note_outrun(struct replica *r, int64_t base_offset)
{
	int32_t now = 0;

	for (int32_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].in_isr && r->peers[i].id != r->options.node_id &&
		    r->peers[i].fetch_offset < base_offset)
			now = OUTRUN_ALWAYS;
	r->outrun += (now - r->outrun) / OUTRUN_BATCHES;
}

static void leader_tell_appended(struct replica *r, const uint8_t *bytes,
				 const struct batch *batch, const struct plog_appended *appended)
{
	const struct mirror_section section = {
		.topic_id = r->topic_id,
		.partition = r->partition,
		.leader_epoch = r->leader_epoch,
		.base_offset = appended->base_offset,
		.batches = bytes,
		.size_bytes = (size_t)batch->size_bytes,
	};

	leader_note_outrun(r, appended->base_offset);
	if (r->callbacks.appended)
		r->callbacks.appended(r->callbacks.context, r, &section, appended->last_offset + 1);
}

enum replica_error replica_append(struct replica *r, uint8_t *bytes, const struct batch *batch,
				  bool all_replicas, struct plog_appended *ret_appended)
{
	int64_t end_offset_before = plog_end_offset(r->log);
	enum replica_error error = replica_check_leader(r, -1);
	int rc;

	if (error != REPLICA_OK)
		return error;
	if (all_replicas && r->isr_count < r->min_isr) /* R13, first half */
		return REPLICA_NOT_ENOUGH;
	rc = plog_append_as_leader(r->log, bytes, batch, r->leader_epoch, ret_appended);
	if (rc < 0)
		return leader_append_failed(r, rc);
	if (ret_appended->duplicate)
		return REPLICA_OK;
	leader_tell_appended(r, bytes, batch, ret_appended);
	isr_note_append(r, end_offset_before);
	replica_flush(r);
	r->wake[WATCH_FOLLOWER] = true;
	replica_settle(r);
	return REPLICA_OK;
}

/* ---- mirroring ---- */

bool replica_has_replica(const struct replica *r, int32_t broker)
{
	return leader_find_peer(r, broker) != NULL;
}

bool replica_outruns_fetches(const struct replica *r)
{
	return r->outrun > OUTRUN_ALWAYS / 2;
}

bool replica_mirror_to(struct replica *r, int32_t follower, const struct mirror_section *section,
		       int64_t end_offset)
{
	struct replica_peer *peer = leader_find_peer(r, follower);

	if (!peer || peer->fetch_offset < 0 || peer->fetched_broker_epoch != peer->broker_epoch ||
	    grace_is_paused(&peer->grace, env_now_us(r->env)) ||
	    (section->base_offset > peer->fetch_offset &&
	     section->base_offset > peer->mirrored_offset) ||
	    peer->mirrored_bytes + (int64_t)section->size_bytes > MIRROR_WINDOW_BYTES)
		return false;
	peer->mirrored_offset = end_offset;
	peer->mirrored_bytes += (int64_t)section->size_bytes;
	grace_note_mirrored(&peer->grace, env_now_us(r->env), section->base_offset, end_offset);
	return true;
}

void leader_note_mirror_fetch(struct replica_peer *peer, int64_t fetch_offset)
{
	int64_t under_way = peer->mirrored_offset - peer->fetch_offset;
	int64_t left = peer->mirrored_offset - fetch_offset;

	/* Offsets are acknowledged, the window counts bytes: records are taken as equally long. */
	if (left <= 0 || fetch_offset < peer->fetch_offset) /* or its log was cut */
		peer->mirrored_offset = peer->mirrored_bytes = 0;
	else if (left < under_way)
		peer->mirrored_bytes = peer->mirrored_bytes / under_way * left +
				       peer->mirrored_bytes % under_way * left / under_way;
	peer->fetch_offset = fetch_offset;
}

/* ---- reading ---- */

static void leader_read_bounds(const struct replica *r, struct replica_read *ret_read)
{
	*ret_read = (struct replica_read){
		.high_watermark = r->high_watermark,
		.log_start_offset = plog_start_offset(r->log),
		.last_stable_offset = r->high_watermark, /* without transactions all is stable */
	};
}

static enum replica_error leader_read_log(struct replica *r, int64_t offset, int64_t bound_offset,
					  int32_t max_bytes, bool whole_first,
					  struct plog_slice *ret_slice)
{
	int rc = plog_read(r->log, offset, bound_offset, max_bytes, whole_first, ret_slice);

	if (rc >= 0)
		return REPLICA_OK;
	if (rc == -EAGAIN)
		return REPLICA_COLD;
	return rc == -ERANGE ? REPLICA_OFFSET_OUT_OF_RANGE : REPLICA_STORAGE;
}

enum replica_error replica_read(struct replica *r, int32_t current_leader_epoch, int64_t offset,
				int32_t max_bytes, bool whole_first, struct replica_read *ret_read)
{
	enum replica_error error = replica_check_leader(r, current_leader_epoch);

	if (error != REPLICA_OK)
		return error;
	leader_read_bounds(r, ret_read);
	/* R14: from HW to LEO it is empty, not out of range. */
	return leader_read_log(r, offset, ret_read->high_watermark, max_bytes, whole_first,
			       &ret_read->slice);
}

enum replica_error replica_list_end(struct replica *r, int32_t current_leader_epoch,
				    int64_t *ret_offset)
{
	enum replica_error error = replica_check_leader(r, current_leader_epoch);

	if (error != REPLICA_OK)
		return error;
	if (r->high_watermark < r->epoch_start_offset) /* R15 */
		return REPLICA_OFFSET_NOT_AVAILABLE;
	*ret_offset = r->high_watermark;
	return REPLICA_OK;
}

enum replica_error replica_epoch_end(struct replica *r, int32_t current_leader_epoch, int32_t epoch,
				     int32_t *ret_epoch, int64_t *ret_end_offset)
{
	enum replica_error error = replica_check_leader(r, current_leader_epoch);

	if (error == REPLICA_OK)
		plog_epoch_end(r->log, epoch, ret_epoch, ret_end_offset);
	return error;
}

/* ---- a follower's fetch ---- */

/* R23: where the follower's log leaves mine, told by its last epoch. */
static enum replica_error leader_find_divergence(const struct replica *r,
						 const struct replica_fetch *fetch,
						 struct replica_fetched *ret_fetched)
{
	int32_t epoch;
	int64_t end_offset;

	if (fetch->fetch_offset < plog_start_offset(r->log)) /* R27: even when epochs diverge */
		return REPLICA_OFFSET_OUT_OF_RANGE;
	if (fetch->last_fetched_epoch >= 0) {
		plog_epoch_end(r->log, fetch->last_fetched_epoch, &epoch, &end_offset);
		if (epoch < 0)
			return REPLICA_OFFSET_OUT_OF_RANGE;
		if (epoch < fetch->last_fetched_epoch || end_offset < fetch->fetch_offset) {
			ret_fetched->diverging_epoch = epoch;
			ret_fetched->diverging_end_offset = end_offset;
			return REPLICA_OK;
		}
	}
	return fetch->fetch_offset > plog_end_offset(r->log) ? REPLICA_OFFSET_OUT_OF_RANGE
							     : REPLICA_OK;
}

/* R2, R3, R6, in this order. */
static enum replica_error leader_admit(struct replica *r, const struct replica_fetch *fetch,
				       struct replica_peer **ret_peer)
{
	enum replica_error error = replica_check_leader(r, fetch->current_leader_epoch);
	struct replica_peer *peer;

	if (error != REPLICA_OK)
		return error;
	peer = leader_find_peer(r, fetch->follower);
	if (!peer)
		return REPLICA_NOT_ASSIGNED;
	if (fetch->broker_epoch < peer->broker_epoch ||
	    fetch->broker_epoch < peer->fetched_broker_epoch)
		return REPLICA_STALE_BROKER_EPOCH;
	*ret_peer = peer;
	return REPLICA_OK;
}

enum replica_error replica_serve_follower(struct replica *r, const struct replica_fetch *fetch,
					  struct replica_fetched *ret_fetched)
{
	struct replica_peer *peer;
	enum replica_error error = leader_admit(r, fetch, &peer);

	if (error != REPLICA_OK)
		return error;
	*ret_fetched = (struct replica_fetched){.diverging_epoch = -1, .diverging_end_offset = -1};
	leader_read_bounds(r, &ret_fetched->read);
	error = leader_find_divergence(r, fetch, ret_fetched);
	if (error != REPLICA_OK || ret_fetched->diverging_epoch >= 0) /* R24: nothing is recorded */
		return error;
	isr_note_fetch(r, peer, fetch);
	leader_advance_high_watermark(r); /* so that this answer tells of it */
	leader_read_bounds(r, &ret_fetched->read);
	if (fetch->leaves_mirrored)
		ret_fetched->held_until_us =
			grace_hold_until(&peer->grace, env_now_us(r->env), fetch->fetch_offset);
	if (ret_fetched->held_until_us == 0)
		error = leader_read_log(r, fetch->fetch_offset, plog_end_offset(r->log),
					fetch->max_bytes, fetch->whole_first,
					&ret_fetched->read.slice);
	replica_settle(r);
	return error;
}
