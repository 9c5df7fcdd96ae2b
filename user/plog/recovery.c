/* Owns opening a log: what is believed, what is checked, what is cut (R45, R48).
 *
 *     claim folder --> recovery point --> segments --> judge --> epochs, producers --> settle.c
 *                                         load | scan    |
 *                                                        +--> whole | cut (R45) | corrupt (R48)
 *
 * What is believed after an unclean start:
 *  1. Segments that end at or below the recovery point: their ends only are looked at. All others
 *     are scanned by CRC; their offsets and epochs must follow one another too.
 *  2. The recovery point names the segment that it ends in. The next one, when it begins below the
 *     point, tells of a truncation that the point does not know yet: the point is where it begins,
 *     and bytes of the segment before it that lie above its base are leftovers. (A truncation that
 *     removes segments lowers the point first.) When the named one is gone and older ones are
 *     there, the point is as good as unknown.
 *  3. The epoch file, if it has the checksum that the point was written with (R48a).
 *  4. A producer snapshot at or below the point, if its own CRC holds.
 * When no slot of the point is sound, everything is scanned: a whole log is fine, and anything bad
 * in it counts as below the point. */
#include "plog/plog_int.h"

#include "base/mem.h"
#include "base/small_file.h"
#include "plog/segment_index.h"

#include <errno.h>

enum { EPOCHS_LIMIT_BYTES = 1 << 24 };

struct opening {
	struct plog *log;
	struct plog_names bases; /* of the segments on disk */
	struct recovery_point point;
	int64_t epochs_to;    /* what point.epochs_crc covers */
	int64_t scanned_from; /* base of the first segment that was scanned; INT64_MAX: none */
	bool clean;
	bool unsynced; /* plog_open_unsynced() */
	bool point_known;
	bool bad; /* a bad batch or a hole right behind the last segment loaded */
};

/* ---- the recovery point ---- */

static void move_point(struct opening *o, int64_t offset)
{
	if (offset < o->point.offset)
		o->point.offset = offset;
}

/* Belief 2. */
static void follow_truncation(struct opening *o)
{
	const int64_t *bases = o->bases.offsets;
	size_t after = 0; /* the first base above the point's segment */

	while (after < o->bases.count && bases[after] <= o->point.segment_base)
		after++;
	if (after > 0 && bases[after - 1] == o->point.segment_base && after < o->bases.count)
		move_point(o, bases[after]);
}

static bool is_marked_corrupt(struct plog *log)
{
	char *path = file_name_in(log->folder, CORRUPT_NAME);
	struct env_file *file;
	int rc = env_file_open(log->env, path, ENV_OPEN_READ, &file);

	mem_free(path);
	if (rc == 0)
		env_file_unref(log->env, file);
	return rc != -ENOENT;
}

int plog_mark_corrupt(struct plog *log, bool corrupt)
{
	char *path;
	int rc;

	if (corrupt)
		return small_file_write(log->env, log->folder, CORRUPT_NAME, "", 0);
	path = file_name_in(log->folder, CORRUPT_NAME);
	rc = env_path_remove(log->env, path);
	mem_free(path);
	if (rc == 0 || rc == -ENOENT)
		rc = env_folder_sync(log->env, log->folder);
	return rc;
}

static int load_point(struct opening *o)
{
	struct plog *log = o->log;
	int rc = recovery_point_load(log->env, log->folder, &log->point_file, &o->point);

	o->point_known = rc == 1;
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (is_marked_corrupt(log))
		o->clean = false; /* a clean close of a corrupt log cleans nothing */
	o->epochs_to = o->point.offset;
	follow_truncation(o);
	return 0;
}

/* ---- segments ---- */

/* What a removal of segments waits for (durability.c, invariants 4 and 5), in case that we are the
 * first to remove: a kill leaves it in the page cache only. */
static int sync_start(struct plog *log, int64_t base_offset)
{
	int rc = plog_sync_snapshot(log, base_offset);

	if (rc == 0)
		rc = env_folder_sync(log->env, log->folder);
	return rc == 0 ? env_file_sync(log->env, log->point_file.file) : rc;
}

/* Segments below the log start. Without a sound snapshot none was removed yet, and none is. */
static int remove_leftovers(struct opening *o)
{
	struct plog *log = o->log;
	size_t drop = 0;
	int rc = 0;

	while (drop + 1 < o->bases.count && o->bases.offsets[drop + 1] <= o->point.start_offset)
		drop++;
	if (drop == 0 || !plog_has_snapshot(log, o->bases.offsets[drop]))
		return 0;
	rc = sync_start(log, o->bases.offsets[drop]);
	for (size_t i = 0; rc == 0 && i < drop; i++) {
		int64_t base_offset = o->bases.offsets[i];

		rc = plog_remove_at(log->env, log->folder, base_offset, SEGMENT_SUFFIX);
		if (rc == 0)
			rc = plog_remove_at(log->env, log->folder, base_offset, INDEX_SUFFIX);
		if (rc == 0)
			rc = plog_remove_at(log->env, log->folder, base_offset, TIME_INDEX_SUFFIX);
	}
	o->bases.count -= drop;
	memmove(o->bases.offsets, o->bases.offsets + drop,
		o->bases.count * sizeof(*o->bases.offsets));
	return rc;
}

/* Belief 2: is the segment that the point names missing, and not because the log start moved? */
static bool point_is_lost(const struct opening *o)
{
	const int64_t *bases = o->bases.offsets;
	size_t above = 0;

	while (above < o->bases.count && bases[above] <= o->point.segment_base)
		above++;
	return above > 0 && bases[above - 1] != o->point.segment_base;
}

static bool must_scan(const struct opening *o, size_t i)
{
	if (o->clean)
		return false;
	return !o->point_known || i + 1 == o->bases.count ||
	       o->bases.offsets[i + 1] > o->point.offset;
}

static int check_segment(struct opening *o, size_t i, struct segment *segment, int32_t least_epoch)
{
	struct plog *log = o->log;
	int32_t interval_bytes = log->options.index_interval_bytes;

	if (!must_scan(o, i))
		return segment_load(log->env, log->folder, segment, interval_bytes, i == 0);
	if (o->scanned_from > segment->base_offset)
		o->scanned_from = segment->base_offset;
	segment->unflushed_from = segment->base_offset; /* R38: what is kept is fsynced */
	segment->snapshot_dirty = i > 0;
	return segment_scan(log->env, segment, interval_bytes, &(struct segment_order){
		.least_epoch = least_epoch,
		.first_of_log = i == 0,
		.holes = log->options.compacted,
	});
}

/* Belief 2: what lies above the successor's base was truncated before that was made. */
static int cut_leftover(struct plog *log, struct segment *segment, int64_t next_base)
{
	int64_t position = segment->size_bytes;
	struct batch batch = {.base_offset = next_base};
	int rc = 1;

	if (segment->end_offset > next_base)
		rc = segment_find(log->env, segment, next_base, false, &batch, &position);
	/* After a hole, the first batch that went may begin higher. One that begins lower was never
	 * truncated by us: then the segments overlap. */
	if (rc <= 0 || batch.base_offset < next_base)
		return rc < 0 ? rc : 0;
	segment->unflushed_from = segment->base_offset;
	return segment_cut(log->env, log->folder, segment, position,
			   log->options.index_interval_bytes);
}

/* Does segment end where its successor begins? */
static int join_segments(struct opening *o, struct segment *segment, bool sound, int64_t next_base)
{
	struct plog *log = o->log;
	bool longer =
		segment->end_offset > next_base || (segment->end_offset == next_base && !sound);
	int rc = longer ? cut_leftover(log, segment, next_base) : 0;

	if (rc < 0)
		return rc;
	o->bad = segment->end_offset != next_base;
	return o->bad ? 0 : segment_seal(log->env, log->folder, segment);
}

/* Loads or scans segment number i. Sets o->bad when something is wrong right behind it. */
static int load_segment(struct opening *o, size_t i)
{
	struct plog *log = o->log;
	int32_t least_epoch = i ? plog_active(log)->last_epoch : -1;
	struct segment *segment;
	int rc = segment_open(log->env, log->folder, o->bases.offsets[i], &segment);

	if (rc < 0)
		return rc;
	plog_push_segment(log, segment);
	rc = check_segment(o, i, segment, least_epoch);
	if (rc < 0 && rc != -EBADMSG)
		return rc;
	if (i + 1 < o->bases.count)
		return join_segments(o, segment, rc == 0, o->bases.offsets[i + 1]);
	o->bad = rc == -EBADMSG;
	return 0;
}

/* The file that a log begins in is missing: what lies behind it is behind a hole. */
static int add_first_segment(struct opening *o)
{
	struct plog *log = o->log;
	int64_t start_offset = o->point_known ? o->point.start_offset : 0;
	struct plog_names *bases = &o->bases;
	struct segment *segment;
	int rc;

	if (bases->count > 0 && (bases->offsets[0] <= start_offset || !o->point_known))
		return 0;
	rc = segment_create(log->env, log->folder, start_offset, &segment);
	if (rc < 0)
		return rc;
	segment_free(log->env, segment);
	plog_names_done(bases);
	return plog_list(log->env, log->folder, SEGMENT_SUFFIX, bases);
}

static int load_segments(struct opening *o)
{
	int rc = o->point_known ? remove_leftovers(o) : 0;

	if (o->point_known && point_is_lost(o))
		o->point_known = false;
	if (rc == 0)
		rc = add_first_segment(o);
	for (size_t i = 0; rc == 0 && !o->bad && i < o->bases.count; i++)
		rc = load_segment(o, i);
	return rc;
}

/* ---- judging ---- */

static int judge(struct opening *o, struct plog_opening *ret)
{
	struct plog *log = o->log;
	int64_t end_offset = plog_end_offset(log);
	bool lost = o->point_known ? end_offset < o->point.offset : o->bad;
	int rc;

	if (!o->bad && !lost)
		return is_marked_corrupt(log) ? plog_mark_corrupt(log, false) : 0;
	if (!lost && !o->clean) {
		ret->cut = true;
		rc = plog_cut_rest(log, &ret->cut_bytes);
		env_log(log->env, LOG_WARN, "%s: cut at offset %lld: %lld bytes set aside",
			log->folder, (long long)end_offset, (long long)ret->cut_bytes);
		return rc;
	}
	/* R48 */
	log->corrupt = true;
	log->lost_to = end_offset;
	if (o->point_known && o->point.offset > log->lost_to)
		log->lost_to = o->point.offset;
	if (o->bases.offsets[o->bases.count - 1] > log->lost_to)
		log->lost_to = o->bases.offsets[o->bases.count - 1];
	ret->corrupt = true;
	ret->corrupt_offset = end_offset;
	env_log(log->env, LOG_ERROR, "%s: corrupt at offset %lld", log->folder,
		(long long)end_offset);
	return plog_mark_corrupt(log, true);
}

/* ---- epochs and producers ---- */

static void note_epoch(struct plog *log, const struct batch *batch)
{
	int64_t base_offset = batch->base_offset;

	if (batch->leader_epoch <= epoch_cache_last(&log->epochs))
		return;
	epoch_cache_assign(&log->epochs, batch->leader_epoch,
			   base_offset > log->start_offset ? base_offset : log->start_offset);
	log->epochs_dirty = true;
}

static bool load_epochs(struct opening *o)
{
	struct plog *log = o->log;
	char *path = file_name_in(log->folder, EPOCHS_NAME);
	struct buffer text = {0};
	int rc = small_file_read(log->env, path, EPOCHS_LIMIT_BYTES, &text);

	if (rc == 0)
		rc = epoch_cache_parse(&log->epochs, text.data, text.size);
	buffer_done(&text);
	mem_free(path);
	/* A log that never had an epoch has no file. */
	return o->point_known &&
	       epoch_cache_crc_below(&log->epochs, o->epochs_to) == o->point.epochs_crc;
}

static int rebuild_epochs(struct opening *o)
{
	struct plog *log = o->log;
	int64_t from_offset = o->scanned_from;
	int rc = 0;

	if (!load_epochs(o)) {
		log->epochs.count = 0;
		from_offset = log->segments[0]->base_offset;
	}
	if (from_offset < INT64_MAX) {
		epoch_cache_truncate_end(&log->epochs, from_offset);
		log->epochs_dirty = true;
		rc = plog_replay(log, from_offset, note_epoch);
	}
	log->epochs_dirty |= epoch_cache_truncate_end(&log->epochs, plog_end_offset(log) + 1);
	log->epochs_dirty |= epoch_cache_truncate_start(&log->epochs, log->start_offset);
	return rc;
}

/* Belief 4. What the first segment's says is known from nowhere else. */
static int64_t snapshot_limit(const struct opening *o)
{
	int64_t first_base = o->log->segments[0]->base_offset;
	int64_t end_offset = plog_end_offset(o->log);
	int64_t limit = o->clean ? end_offset : o->point.offset;

	if (limit > end_offset)
		limit = end_offset;
	return limit < first_base || !o->point_known ? first_base : limit;
}

static bool is_segment_base(const struct plog *log, int64_t offset)
{
	return log->segments[plog_segment_at(log, offset)]->base_offset == offset;
}

/* Those of earlier clean closes. */
static int remove_idle_snapshots(struct plog *log)
{
	struct plog_names names = {0};
	int rc = plog_list(log->env, log->folder, SNAPSHOT_SUFFIX, &names);

	for (size_t i = 0; rc == 0 && i < names.count; i++)
		if (!is_segment_base(log, names.offsets[i]) &&
		    names.offsets[i] != plog_end_offset(log))
			rc = plog_remove_snapshot(log, names.offsets[i]);
	plog_names_done(&names);
	return rc;
}

static int rebuild_state(struct opening *o)
{
	struct plog *log = o->log;
	int64_t limit = snapshot_limit(o);
	int rc;

	log->start_offset = log->segments[0]->base_offset;
	if (o->point_known && o->point.start_offset > log->start_offset)
		log->start_offset = o->point.start_offset;
	if (log->start_offset > plog_end_offset(log))
		log->start_offset = plog_end_offset(log); /* what was deleted stays deleted */
	rc = rebuild_epochs(o);
	if (rc == 0 && !log->corrupt)
		rc = plog_remove_snapshots_above(log, limit);
	if (rc == 0)
		rc = plog_rebuild_producers(log, limit);
	if (rc == 0 && !log->corrupt)
		rc = remove_idle_snapshots(log);
	return rc;
}

/* ---- opening ---- */

static int open_log(struct opening *o, struct plog_opening *ret)
{
	struct plog *log = o->log;
	int rc = plog_list(log->env, log->folder, SEGMENT_SUFFIX, &o->bases);

	if (rc == 0)
		rc = load_point(o);
	if (rc == 0 && o->bases.count == 0 && !o->point_known)
		ret->created = true; /* also when a crash came into its creation */
	if (rc == 0)
		rc = load_segments(o);
	if (rc == 0)
		rc = judge(o, ret);
	if (rc == 0)
		rc = rebuild_state(o);
	if (rc < 0)
		return rc;
	log->durable_offset = plog_end_offset(log);
	if (log->corrupt || (o->clean && !ret->created))
		return 0;
	if (!o->clean && log->options.flush_ack)
		rc = plog_write_again(log, o->point_known ? o->point.offset : 0);
	ret->unsettled = o->unsynced;
	return rc < 0 || o->unsynced ? rc : plog_settle(log);
}

static int open_folder(struct env *env, const char *folder, struct uuid topic_id,
		       const struct plog_options *options, bool clean, bool unsynced,
		       struct plog_opening *ret_opening, struct plog **ret_log)
{
	struct plog *log = mem_alloc(sizeof(*log));
	struct opening o = {
		.log = log, .clean = clean, .unsynced = unsynced, .scanned_from = INT64_MAX};
	struct plog_opening found = {0};
	int rc;

	log->env = env;
	log->folder = mem_string(folder);
	log->topic_id = topic_id;
	log->options = *options;
	producer_state_init(&log->producers, options->producer_expiry_ms);
	rc = plog_claim_folder(env, folder, topic_id, !unsynced, &found.created);
	if (rc == 0)
		rc = open_log(&o, &found);
	plog_names_done(&o.bases);
	if (rc < 0) {
		plog_close(log);
		return rc;
	}
	*ret_opening = found;
	*ret_log = log;
	return 0;
}

int plog_open(struct env *env, const char *folder, struct uuid topic_id,
	      const struct plog_options *options, bool clean, struct plog_opening *ret_opening,
	      struct plog **ret_log)
{
	return open_folder(env, folder, topic_id, options, clean, false, ret_opening, ret_log);
}

int plog_open_unsynced(struct env *env, const char *folder, struct uuid topic_id,
		       const struct plog_options *options, bool clean,
		       struct plog_opening *ret_opening, struct plog **ret_log)
{
	return open_folder(env, folder, topic_id, options, clean, true, ret_opening, ret_log);
}
