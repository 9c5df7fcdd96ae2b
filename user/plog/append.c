/* Owns how batches get into the log. No record is looked at, and but for growing tables nothing is
 * allocated: one write for a batch (leader) or for a run of them (follower).
 *
 * Order of things in here: bytes into the file, then LEO, index, epochs, producers (R47) - with no
 * callback between, so nobody sees half of it. */
#include "plog/plog_int.h"

#include "base/mem.h"

#include <errno.h>

/* ---- the active segment ---- */

int plog_add_segment(struct plog *log)
{
	struct segment *segment;
	int rc = segment_create(log->env, log->folder, plog_end_offset(log), &segment);

	if (rc < 0)
		return rc;
	/* R48a: it counts as flushed only after its folder. */
	log->folder_dirty = true;
	segment->snapshot_dirty = true;
	plog_push_segment(log, segment);
	return 0;
}

int plog_roll(struct plog *log)
{
	int rc = segment_seal(log->env, log->folder, plog_active(log));

	/* A power cut must not keep this segment's name and lose the one before: what a truncation
	 * took would lie in its place again. WAITS, within a flush of a truncation only. */
	if (rc == 0 && log->cut_unflushed)
		rc = env_folder_sync(log->env, log->folder);
	log->cut_unflushed = false;
	if (rc == 0)
		rc = plog_save_snapshot(log, false);
	if (rc == 0)
		rc = plog_add_segment(log);
	if (rc == 0)
		plog_flush(log); /* with flush=async nobody else asks, and recovery has an end */
	return rc;
}

/* Is the active segment, with `gathered` bytes that are on their way, too full for batch? */
static bool is_full(const struct plog *log, int64_t gathered, const struct batch *batch)
{
	const struct segment *active = plog_active(log);
	int64_t used = active->size_bytes + gathered;

	return used > 0 && (used + batch->size_bytes > log->options.segment_bytes ||
			    batch_last_offset(batch) - active->base_offset > INT32_MAX);
}

static void remember_boundary(struct plog *log, const struct batch *batch)
{
	if (!log->tail)
		log->tail = mem_alloc(PLOG_TAIL_BATCHES * sizeof(*log->tail));
	log->tail[log->tail_count++ % PLOG_TAIL_BATCHES] = (struct plog_boundary){
		.base_offset = batch->base_offset,
		.end_offset = batch_last_offset(batch) + 1,
		.position = plog_active(log)->size_bytes,
	};
}

/* The batch's bytes are in the file. */
static void note(struct plog *log, const struct batch *batch)
{
	remember_boundary(log, batch);
	segment_note(plog_active(log), batch, log->options.index_interval_bytes);
	if (batch->leader_epoch > epoch_cache_last(&log->epochs)) {
		epoch_cache_assign(&log->epochs, batch->leader_epoch,
				   batch->base_offset > log->start_offset ? batch->base_offset
									  : log->start_offset);
		log->epochs_dirty = true;
	}
	producer_state_note(&log->producers, batch);
}

/* ---- as leader ---- */

static int check_producer(const struct plog *log, const struct batch *batch,
			  struct plog_appended *ret_appended)
{
	struct producer_answer answer;
	int rc = producer_state_check(&log->producers, batch, plog_end_offset(log) == 0, &answer);

	if (rc == 1)
		*ret_appended = (struct plog_appended){
			.base_offset = answer.base_offset,
			.last_offset = answer.last_offset,
			.duplicate = true,
		};
	return rc;
}

int plog_append_as_leader(struct plog *log, uint8_t *bytes, const struct batch *batch,
			  int32_t leader_epoch, struct plog_appended *ret_appended)
{
	struct batch placed = *batch;
	int rc = plog_check_writable(log);

	if (rc == 0 && leader_epoch < epoch_cache_last(&log->epochs))
		rc = -EINVAL;
	if (rc == 0)
		rc = check_producer(log, batch, ret_appended);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	placed.base_offset = plog_end_offset(log);
	placed.leader_epoch = leader_epoch; /* R1 */
	if (is_full(log, 0, &placed))
		rc = plog_roll(log);
	batch_assign(bytes, placed.base_offset, leader_epoch);
	if (rc == 0)
		rc = segment_write(log->env, plog_active(log), bytes, (size_t)batch->size_bytes);
	if (rc < 0)
		return plog_fail(log, rc); /* R46: also when only a part was written */
	note(log, &placed);
	*ret_appended = (struct plog_appended){
		.base_offset = placed.base_offset,
		.last_offset = batch_last_offset(&placed),
	};
	return 0;
}

/* ---- as follower ---- */

/* A run of fetched batches as it is checked; nothing is written yet. */
struct run {
	struct reader in;
	int64_t next_offset; /* LEO as it will be */
	int64_t size_bytes;
	int32_t last_epoch;
	int32_t leader_epoch;
	bool exact;
	bool empty_log; /* the first batch may begin before a log start inside it */
};

enum run_stop { RUN_OVER, RUN_SEGMENT_FULL, RUN_BROKEN };

static bool is_welcome(const struct run *run, const struct batch *batch)
{
	int64_t base = batch->base_offset;

	/* R26, and an epoch that falls can only be another leader's history. */
	if (batch->leader_epoch > run->leader_epoch || batch->leader_epoch < run->last_epoch)
		return false;
	if (batch_last_offset(batch) - run->next_offset > INT32_MAX)
		return false; /* an index could not say it */
	if (base < run->next_offset)
		return run->empty_log && !run->exact &&
		       batch_last_offset(batch) >= run->next_offset;
	return base == run->next_offset || !run->exact;
}

/* Takes batches off the run as long as they are good and fit into the active segment. */
static enum run_stop gather(const struct plog *log, struct run *run)
{
	run->size_bytes = 0;
	for (;;) {
		struct reader before = run->in;
		struct batch batch;
		enum batch_result result = batch_next(&run->in, &batch);

		if (result == BATCH_END || result == BATCH_PARTIAL)
			return RUN_OVER;
		if (result != BATCH_OK || !is_welcome(run, &batch))
			return RUN_BROKEN;
		if (is_full(log, run->size_bytes, &batch)) {
			run->in = before;
			return RUN_SEGMENT_FULL;
		}
		run->size_bytes += batch.size_bytes;
		run->next_offset = batch_last_offset(&batch) + 1;
		run->last_epoch = batch.leader_epoch;
		run->empty_log = false;
	}
}

static int write_run(struct plog *log, const uint8_t *bytes, int64_t size_bytes)
{
	int rc = segment_write(log->env, plog_active(log), bytes, (size_t)size_bytes);
	struct batch batch;

	if (rc < 0)
		return rc;
	for (int64_t at = 0; at < size_bytes; at += batch.size_bytes) {
		batch_peek(bytes + at, (size_t)(size_bytes - at), &batch); /* gather() did it */
		note(log, &batch);
	}
	return 0;
}

/* Writes the run, a segment at a time: an empty segment takes at least one batch. */
static int append_run(struct plog *log, struct run *run, enum run_stop *ret_stop)
{
	int rc = 0;

	do {
		const uint8_t *from = run->in.at;

		*ret_stop = gather(log, run);
		if (run->size_bytes > 0)
			rc = write_run(log, from, run->size_bytes);
		if (rc == 0 && *ret_stop == RUN_SEGMENT_FULL)
			rc = plog_roll(log);
	} while (rc == 0 && *ret_stop == RUN_SEGMENT_FULL);
	return rc;
}

int64_t plog_append_as_follower(struct plog *log, const uint8_t *bytes, size_t size,
				int32_t leader_epoch, bool exact)
{
	int64_t before = plog_end_offset(log);
	struct run run = {
		.in = reader_of(bytes, size),
		.next_offset = before,
		.last_epoch = epoch_cache_last(&log->epochs),
		.leader_epoch = leader_epoch,
		.exact = exact,
		.empty_log = log->segment_count == 1 && plog_active(log)->size_bytes == 0,
	};
	enum run_stop stop;
	int rc = plog_check_writable(log);

	if (rc < 0)
		return rc;
	rc = append_run(log, &run, &stop);
	if (rc < 0)
		return plog_fail(log, rc);
	if (stop == RUN_BROKEN || plog_end_offset(log) == before)
		return -EBADMSG;
	return plog_end_offset(log) - before;
}
