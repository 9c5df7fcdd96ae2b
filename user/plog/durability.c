/* Owns group commit, the durable offset, and the recovery point.
 *
 * A round, one ticket after the other:
 *
 *  plog_flush --> [recovery point] --> dirty segments --> [snapshots] --> [folder] --> finish_round
 *     |           after a truncation,  oldest first       of new          when files      |
 *     |           or when the log                         segments        came or went    |
 *     |           start moved                                             (R48a)          |
 *     +-- while one runs: `again`                                         durable moves <-+
 *
 * Invariants:
 *  1. durable_offset rises only in finish_round(), to the LEO of the moment when the round began,
 *     and only when nothing was truncated meanwhile.
 *  2. What is written while a ticket is under way is dirty again: a ticket means bytes written
 *     before it.
 *  3. The recovery point is written from durable_offset, never from LEO (R45).
 *  4. What is durable of a segment includes the producers' snapshot at its base: older segments may
 *     go then, and with them what that was made of.
 *  5. Segments below the log start are removed when a recovery point that says so is durable: a
 *     power cut may bring some of their files back, and then they are known to be leftovers. */
#include "plog/plog_int.h"

#include "base/mem.h"

#include <errno.h>

static void ticket_done(struct env_flush *ticket, int result);

/* ---- the recovery point ---- */

static int save_epochs(struct plog *log)
{
	char *path = file_name_in(log->folder, EPOCHS_NAME);
	struct buffer text = {0};
	struct iovec piece;
	struct env_file *file;
	int rc = env_file_open(log->env, path, ENV_OPEN_WRITE | ENV_OPEN_CREATE, &file);

	mem_free(path);
	if (rc < 0)
		return rc;
	epoch_cache_format(&log->epochs, &text);
	piece = (struct iovec){text.data, text.size};
	/* R48a: plain writes. What is torn does not match the recovery point's checksum. */
	rc = env_file_write(log->env, file, &piece, 1, 0);
	if (rc == 0)
		rc = env_file_truncate(log->env, file, (int64_t)text.size);
	if (rc == 0)
		log->epochs_dirty = false;
	env_file_unref(log->env, file);
	buffer_done(&text);
	return rc;
}

int plog_write_point_at(struct plog *log, int64_t offset)
{
	/* The segment of the last durable record: one that begins at offset may lose its name. */
	size_t place = plog_segment_at(log, offset - 1);
	struct recovery_point point = {
		.offset = offset,
		.segment_base = log->segments[place]->base_offset,
		.start_offset = log->start_offset,
		.epochs_crc = epoch_cache_crc_below(&log->epochs, offset),
	};
	int rc = log->epochs_dirty ? save_epochs(log) : 0;

	if (rc == 0)
		rc = recovery_point_write(log->env, log->folder, &log->point_file, &point);
	log->point_dirty = false;
	log->point_written = true;
	log->point_written_us = env_now_us(log->env);
	return rc;
}

int plog_write_point(struct plog *log)
{
	return plog_write_point_at(log, log->durable_offset);
}

static void point_timer_fired(struct env_timer *timer)
{
	struct plog *log = PLOG_OF(timer, point_timer);
	int rc = log->point_dirty && !log->offline ? plog_write_point(log) : 0;

	if (rc < 0)
		plog_fail(log, rc);
}

/* R45: at most ten times a second; the timer sees to it that it is soon. */
static int point_moved(struct plog *log)
{
	uint64_t earliest_us = log->point_written_us + PLOG_POINT_INTERVAL_US;

	log->point_dirty = true;
	if (!log->point_written || env_now_us(log->env) >= earliest_us) {
		env_timer_stop(log->env, &log->point_timer);
		return plog_write_point(log);
	}
	if (!env_timer_is_running(&log->point_timer)) {
		log->point_timer.fire = point_timer_fired;
		env_timer_start(log->env, &log->point_timer, earliest_us);
	}
	return 0;
}

/* ---- rounds ---- */

static void ask(struct plog *log, struct env_file *file)
{
	log->round.ticket.file = file;
	log->round.ticket.done = ticket_done;
	log->pending++;
	env_flush(log->env, &log->round.ticket);
}

static struct segment *first_dirty(const struct plog *log)
{
	for (size_t i = 0; i < log->segment_count; i++)
		if (log->segments[i]->unflushed_from < log->round.target_offset)
			return log->segments[i];
	return NULL;
}

/* Opens a file for one flush. */
static int ask_path(struct plog *log, const char *path)
{
	int rc = env_file_open(log->env, path, ENV_OPEN_READ, &log->round.opened);

	if (rc < 0)
		return rc;
	ask(log, log->round.opened);
	return 1;
}

static struct segment *first_without_snapshot(const struct plog *log)
{
	for (size_t i = 0; i < log->segment_count; i++)
		if (log->segments[i]->snapshot_dirty &&
		    log->segments[i]->base_offset <= log->round.target_offset)
			return log->segments[i];
	return NULL;
}

/* Invariant 4. */
static int ask_snapshot(struct plog *log, struct segment *segment)
{
	char *path = file_name_at(log->folder, segment->base_offset, SNAPSHOT_SUFFIX);
	int rc = ask_path(log, path);

	segment->snapshot_dirty = false;
	mem_free(path);
	return rc;
}

/* Asks for the next flush of the round. Returns 1 when there is one, 0 when all is done. */
static int next_flush(struct plog *log)
{
	struct segment *dirty;

	if (log->point_must_flush) {
		log->point_must_flush = false;
		ask(log, log->point_file.file);
		return 1;
	}
	dirty = first_dirty(log);
	if (dirty) {
		dirty->unflushed_from = SEGMENT_FLUSHED;
		ask(log, dirty->file);
		return 1;
	}
	while ((dirty = first_without_snapshot(log))) {
		int rc = ask_snapshot(log, dirty);

		if (rc != -ENOENT) /* gone by hand: an older one will do */
			return rc;
	}
	if (!log->folder_dirty)
		return 0;
	log->folder_dirty = false;
	return ask_path(log, log->folder);
}

/* Invariants 4 and 5: a round does not end before the recovery point that knows the log start and
 * the snapshots are flushed. */
static int remove_old_segments(struct plog *log)
{
	int rc = 0;

	while (rc == 0 && log->segment_count > 1 && !log->segments[1]->snapshot_dirty &&
	       log->segments[0]->end_offset <= log->start_offset) {
		struct segment *first = plog_shift_segment(log);

		rc = plog_remove_snapshot(log, first->base_offset);
		if (rc == 0)
			rc = segment_remove(log->env, log->folder, first);
		else
			segment_free(log->env, first);
	}
	return rc;
}

/* Returns 1, 0 when there is nothing to flush, or -errno. */
static int begin_round(struct plog *log)
{
	int rc;

	log->round.again = false;
	log->round.void_ = false;
	log->round.target_offset = plog_end_offset(log);
	rc = next_flush(log);
	log->round.running = rc > 0;
	return rc;
}

/* All tickets of the round are back. Sets *moved when the durable offset has moved. */
static int end_round(struct plog *log, bool *moved)
{
	int rc = 0;

	log->round.running = false;
	if (log->round.void_)
		return 0;
	log->cut_unflushed = false; /* it began after that, and flushed the folder */
	if (log->round.target_offset > log->durable_offset) {
		*moved = true;
		log->durable_offset = log->round.target_offset;
		rc = point_moved(log);
	}
	return rc == 0 ? remove_old_segments(log) : rc;
}

static void finish_round(struct plog *log)
{
	bool moved = false;
	int rc = end_round(log, &moved);

	/* What was written behind the target while the round ran may be flushed by its last tickets
	 * already: then the next round ends as soon as it begins. */
	while (rc == 0 && (log->round.again || log->round.void_)) {
		rc = begin_round(log);
		if (rc == 0)
			rc = end_round(log, &moved);
	}
	if (rc < 0)
		plog_fail(log, rc);
	else if (moved && log->durable)
		log->durable(log->context, 0); /* last: it may do anything to the log */
}

static void ticket_done(struct env_flush *ticket, int result)
{
	struct plog *log = PLOG_OF(ticket, round.ticket);
	int rc;

	log->pending--;
	env_file_unref(log->env, log->round.opened);
	log->round.opened = NULL;
	if (log->closing) {
		plog_release(log);
		return;
	}
	if (log->offline)
		return;
	if (result < 0)
		rc = result;
	else
		rc = log->round.void_ ? 0 : next_flush(log); /* a void round ends here */
	if (rc < 0)
		plog_fail(log, rc); /* R46: also when it was only a flush */
	else if (rc == 0)
		finish_round(log);
}

void plog_void_round(struct plog *log)
{
	log->round.void_ = log->round.running;
}

void plog_flush(struct plog *log)
{
	int rc = plog_check_writable(log);

	if (rc < 0)
		return;
	if (log->round.running)
		log->round.again = true;
	else
		rc = begin_round(log);
	if (rc < 0)
		plog_fail(log, rc);
}
