/* Owns taking records away again: at the end (R18, R22), at the start (R17), or all (R27).
 *
 * Truncation keeps whole batches, and the log goes on in a new file (plog.c, invariant 4). It waits
 * for a disk where it must read a cold page, and when it removes a segment; both are rare. */
#include "plog/plog_int.h"

#include <errno.h>

/* Puts an empty file of the same base in the place of the only segment: the list is never empty. */
static int renew_segment(struct plog *log)
{
	struct segment *only = plog_active(log), *empty;
	int rc = plog_remove_at(log->env, log->folder, only->base_offset, SEGMENT_SUFFIX);

	if (rc == 0)
		rc = segment_create(log->env, log->folder, only->base_offset, &empty);
	if (rc < 0)
		return rc;
	plog_push_segment(log, empty);
	segment_free(log->env, plog_shift_segment(log));
	return 0;
}

static int remove_last_segment(struct plog *log)
{
	if (log->segment_count == 1)
		return renew_segment(log);
	return segment_remove(log->env, log->folder, plog_pop_segment(log));
}

/* Where names of segments go and come back, the recovery point could not tell which is which
 * (recovery.c, belief 2): it is lowered first, durably, to the segment that stays or is renewed. */
static int lower_point(struct plog *log, int64_t base_offset)
{
	int64_t durable = log->durable_offset;
	int rc = plog_write_point_at(log, durable < base_offset ? durable : base_offset);

	return rc == 0 ? env_file_sync(log->env, log->point_file.file) : rc;
}

/* Removes the segments above `place` and what lies from position on in that one. */
static int drop_from(struct plog *log, size_t place, int64_t position)
{
	struct segment *segment = log->segments[place];
	int rc = 0;

	while (rc == 0 && log->segment_count > place + 1)
		rc = remove_last_segment(log);
	if (rc == 0 && position == 0)
		rc = remove_last_segment(log);
	else if (rc == 0 && position < segment->size_bytes)
		rc = segment_cut(log->env, log->folder, segment, position,
				 log->options.index_interval_bytes);
	log->tail_count = 0;
	if (rc == 0 && plog_active(log)->size_bytes > 0)
		rc = plog_add_segment(log);
	return rc;
}

static int drop_end(struct plog *log, int64_t offset)
{
	size_t place = plog_segment_at(log, offset);
	struct segment *segment = log->segments[place];
	int64_t position = 0;
	struct batch batch;
	bool removes;
	int rc = segment_find(log->env, segment, offset, false, &batch, &position);

	if (rc < 0)
		return rc;
	if (rc == 0)
		position = segment->size_bytes;
	removes = position == 0 || place + 1 < log->segment_count;
	rc = removes ? lower_point(log, segment->base_offset) : 0;
	if (rc == 0)
		rc = drop_from(log, place, position);
	/* A file that a power cut brings back must never follow what is appended from now on, and
	 * the end of an empty log is its file's name. */
	return rc == 0 && removes ? env_folder_sync(log->env, log->folder) : rc;
}

/* Offsets, epochs, producers and the recovery point after the segments were cut. */
static int follow_end(struct plog *log)
{
	int64_t end_offset = plog_end_offset(log);
	int rc;

	if (log->start_offset > end_offset)
		log->start_offset = end_offset; /* a batch that began before the log start went */
	if (log->durable_offset > end_offset)
		log->durable_offset = end_offset;
	log->epochs_dirty |= epoch_cache_truncate_end(&log->epochs, end_offset);
	rc = plog_remove_snapshots_above(log, end_offset);
	if (rc == 0)
		rc = plog_rebuild_producers(log, end_offset);
	/* R48a: the next report of a durable offset waits for both. */
	log->folder_dirty = true;
	log->cut_unflushed = true;
	log->point_must_flush = true;
	return rc == 0 ? plog_write_point(log) : rc;
}

int plog_truncate(struct plog *log, int64_t offset)
{
	int rc = plog_check_writable(log);

	if (rc < 0)
		return rc;
	if (offset < log->start_offset)
		return plog_reset(log, offset);
	if (offset >= plog_end_offset(log)) {
		/* R22: an epoch that began here without a record goes all the same. */
		log->epochs_dirty |= epoch_cache_truncate_end(&log->epochs, offset);
		return 0;
	}
	plog_void_round(log);
	rc = drop_end(log, offset);
	if (rc == 0)
		rc = follow_end(log);
	if (rc < 0)
		return plog_fail(log, rc);
	plog_flush(log);
	return 0;
}

/* ---- everything ---- */

static int remove_all(struct plog *log, const char *suffix)
{
	struct plog_names names = {0};
	int rc = plog_list(log->env, log->folder, suffix, &names);

	/* From the end: what a crash leaves is a log that was truncated. */
	for (size_t i = names.count; rc == 0 && i > 0; i--)
		rc = plog_remove_at(log->env, log->folder, names.offsets[i - 1], suffix);
	plog_names_done(&names);
	return rc;
}

static int remove_files(struct plog *log)
{
	static const char *const suffixes[] = {SNAPSHOT_SUFFIX, TIME_INDEX_SUFFIX, INDEX_SUFFIX,
					       SEGMENT_SUFFIX};
	/* First nothing is promised any more, durably: no crash from here on looks like a loss. */
	const struct recovery_point nothing = {0};
	int rc = recovery_point_write(log->env, log->folder, &log->point_file, &nothing);

	if (rc == 0)
		rc = env_file_sync(log->env, log->point_file.file);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes) && rc == 0; i++)
		rc = remove_all(log, suffixes[i]);
	return rc;
}

static int start_anew(struct plog *log, int64_t offset)
{
	struct segment *segment;
	int rc = segment_create(log->env, log->folder, offset, &segment);

	if (rc < 0)
		return rc;
	while (log->segment_count > 0)
		segment_free(log->env, plog_pop_segment(log));
	plog_push_segment(log, segment);
	/* R27: together. */
	log->start_offset = offset;
	log->durable_offset = offset;
	log->epochs.count = 0;
	log->epochs_dirty = true;
	producer_state_clear(&log->producers);
	return 0;
}

static int unmark_corrupt(struct plog *log)
{
	int rc = log->corrupt ? plog_mark_corrupt(log, false) : 0;

	if (rc == 0)
		log->corrupt = false;
	return rc;
}

int plog_reset(struct plog *log, int64_t offset)
{
	int rc;

	if (log->offline)
		return -EROFS;
	plog_void_round(log);
	rc = remove_files(log);
	if (rc == 0)
		rc = start_anew(log, offset);
	if (rc == 0)
		rc = unmark_corrupt(log);
	if (rc == 0)
		rc = plog_settle(log);
	return rc < 0 ? plog_fail(log, rc) : 0;
}

int plog_accept_loss(struct plog *log, int64_t *ret_dropped_from, int64_t *ret_dropped_to)
{
	int64_t cut_bytes, end_offset = plog_end_offset(log);
	int rc;

	if (!log->corrupt)
		return -EINVAL;
	rc = plog_remove_snapshots_above(log, end_offset);
	if (rc == 0)
		rc = plog_cut_rest(log, &cut_bytes);
	if (rc == 0)
		rc = plog_settle(log);
	/* Last: a crash before leaves a log that is corrupt, or whole and scanned again. */
	if (rc == 0)
		rc = unmark_corrupt(log);
	if (rc < 0)
		return plog_fail(log, rc);
	*ret_dropped_from = end_offset;
	*ret_dropped_to = log->lost_to;
	return 0;
}

/* ---- the start ---- */

int plog_advance_start(struct plog *log, int64_t offset)
{
	int rc = plog_check_writable(log);

	if (rc < 0)
		return rc;
	if (offset > plog_end_offset(log))
		return -EINVAL;
	if (offset <= log->start_offset)
		return 0;
	if (offset == plog_end_offset(log) && plog_active(log)->size_bytes > 0)
		rc = plog_roll(log); /* so that all of it can go */
	log->start_offset = offset;
	log->epochs_dirty |= epoch_cache_truncate_start(&log->epochs, offset);
	if (rc == 0)
		rc = plog_write_point(log);
	if (rc < 0)
		return plog_fail(log, rc);
	log->point_must_flush = true; /* then the segments go: durability.c, invariant 5 */
	plog_flush(log);
	return 0;
}
