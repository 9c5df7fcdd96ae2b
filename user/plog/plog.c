/* Owns the log as an object: its life, its list of segments, its offsets and epochs, and what
 * happens when a write fails.
 *
 * Invariants (of all files here):
 *  1. start <= durable <= LEO; the recovery point on disk never passes durable (R45).
 *  2. segments[i].end_offset == segments[i + 1].base_offset; the last one is written, no other.
 *  3. Offline (R46) and corrupt (R48) logs are never written, but by plog_accept_loss() and
 *     plog_reset().
 *  4. After every truncation the log goes on in a new file: bytes that a power cut brings back can
 *     never lie under new ones, and the new file's name tells that there was a truncation. */
#include "plog/plog_int.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>

/* ---- segments ---- */

void plog_push_segment(struct plog *log, struct segment *segment)
{
	if (log->segment_count == log->segment_capacity) {
		log->segment_capacity = log->segment_capacity ? log->segment_capacity * 2 : 2;
		log->segments =
			mem_resize(log->segments, log->segment_capacity * sizeof(*log->segments));
	}
	log->segments[log->segment_count++] = segment;
	log->tail_count = 0;
}

struct segment *plog_pop_segment(struct plog *log)
{
	log->tail_count = 0;
	return log->segments[--log->segment_count];
}

struct segment *plog_shift_segment(struct plog *log)
{
	struct segment *first = log->segments[0];

	log->segment_count--;
	memmove(log->segments, log->segments + 1, log->segment_count * sizeof(*log->segments));
	return first;
}

size_t plog_segment_at(const struct plog *log, int64_t offset)
{
	size_t low = 0, high = log->segment_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (log->segments[middle]->base_offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ---- failure and end ---- */

int plog_check_writable(const struct plog *log)
{
	return log->offline || log->corrupt ? -EROFS : 0;
}

static void say_failed(struct env *here, struct env_message *message)
{
	struct plog *log = PLOG_OF(message, failure);

	(void)here;
	log->pending--;
	if (!log->closing && log->durable)
		log->durable(log->context, log->failure_result);
	plog_release(log);
}

int plog_fail(struct plog *log, int rc)
{
	assert(rc < 0);
	if (log->offline)
		return rc;
	log->offline = true;
	log->failure_result = rc;
	env_timer_stop(log->env, &log->point_timer);
	env_log(log->env, LOG_ERROR, "%s: %s: the log is offline", log->folder, strerror(-rc));
	/* Posted: the caller may be in the middle of what must not be called back into. */
	log->failure.run = say_failed;
	log->pending++;
	env_post(log->env, log->env->shard, &log->failure);
	return rc;
}

void plog_release(struct plog *log)
{
	if (!log->closing || log->pending > 0)
		return;
	while (log->segment_count > 0)
		segment_free(log->env, plog_pop_segment(log));
	mem_free(log->segments);
	env_file_unref(log->env, log->round.opened);
	recovery_point_done(log->env, &log->point_file);
	epoch_cache_done(&log->epochs);
	producer_state_done(&log->producers);
	mem_free(log->tail);
	mem_free(log->folder);
	mem_free(log);
}

void plog_close(struct plog *log)
{
	if (!log)
		return;
	env_timer_stop(log->env, &log->point_timer);
	log->closing = true;
	plog_release(log);
}

static int write_all(struct plog *log)
{
	int rc = segment_save_index(log->env, log->folder, plog_active(log));

	if (rc == 0)
		rc = plog_save_snapshot(log, true);
	return rc == 0 ? plog_settle(log) : rc;
}

int plog_close_clean(struct plog *log)
{
	/* A corrupt log is marked as such on disk: closing it is clean. */
	int rc = log->corrupt ? 0 : plog_check_writable(log);

	if (rc == 0 && !log->corrupt)
		rc = write_all(log);
	plog_close(log);
	return rc;
}

/* ---- offsets ---- */

void plog_on_durable(struct plog *log, void (*durable)(void *context, int result), void *context)
{
	log->durable = durable;
	log->context = context;
}

int64_t plog_start_offset(const struct plog *log)
{
	return log->start_offset;
}

int64_t plog_end_offset(const struct plog *log)
{
	return plog_active(log)->end_offset;
}

int64_t plog_durable_offset(const struct plog *log)
{
	return log->durable_offset;
}

int64_t plog_size_bytes(const struct plog *log)
{
	int64_t size_bytes = 0;

	for (size_t i = 0; i < log->segment_count; i++)
		size_bytes += log->segments[i]->size_bytes;
	return size_bytes;
}

struct uuid plog_topic_id(const struct plog *log)
{
	return log->topic_id;
}

bool plog_is_corrupt(const struct plog *log)
{
	return log->corrupt;
}

bool plog_is_offline(const struct plog *log)
{
	return log->offline;
}

/* ---- epochs ---- */

void plog_begin_epoch(struct plog *log, int32_t leader_epoch)
{
	if (leader_epoch <= epoch_cache_last(&log->epochs))
		return;
	/* R19: also when no record follows. */
	epoch_cache_assign(&log->epochs, leader_epoch, plog_end_offset(log));
	log->epochs_dirty = true;
}

int32_t plog_last_epoch(const struct plog *log)
{
	return epoch_cache_last(&log->epochs);
}

void plog_epoch_end(const struct plog *log, int32_t leader_epoch, int32_t *ret_epoch,
		    int64_t *ret_end_offset)
{
	epoch_cache_end_of(&log->epochs, leader_epoch, plog_end_offset(log), ret_epoch,
			   ret_end_offset);
}

int32_t plog_epoch_of(const struct plog *log, int64_t offset)
{
	return epoch_cache_at(&log->epochs, offset);
}
