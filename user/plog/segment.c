/* Owns a segment's file, what is known of its batches, and the lookups in it.
 *
 * Invariants:
 *  1. [0, size_bytes) of the file are whole batches in offset order; end_offset, max_timestamp_ms
 *     and last_epoch describe exactly those.
 *  2. Index entries name batches in there. An entry that a lookup finds wrong (a page of the index
 *     lost in a power cut) drops the whole index: everything is found without it, only slower.
 * The index's files are segment_index.c's. */
#include "plog/segment.h"

#include "base/mem.h"
#include "plog/file_names.h"
#include "plog/segment_index.h"

#include <errno.h>

/* ---- opening and removing ---- */

static int open_file(struct env *env, const char *folder, int64_t base_offset, unsigned flags,
		     struct segment **ret_segment)
{
	char *path = file_name_at(folder, base_offset, SEGMENT_SUFFIX);
	struct env_file *file;
	int rc = env_file_open(env, path, flags, &file);
	struct segment *segment;

	mem_free(path);
	if (rc < 0)
		return rc;
	segment = mem_alloc(sizeof(*segment));
	segment->file = file;
	segment->base_offset = base_offset;
	segment->end_offset = base_offset;
	segment->max_timestamp_ms = -1;
	segment->last_epoch = -1;
	segment->unflushed_from = SEGMENT_FLUSHED;
	*ret_segment = segment;
	return 0;
}

int segment_create(struct env *env, const char *folder, int64_t base_offset,
		   struct segment **ret_segment)
{
	return open_file(env, folder, base_offset,
			 ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE, ret_segment);
}

int segment_open(struct env *env, const char *folder, int64_t base_offset,
		 struct segment **ret_segment)
{
	return open_file(env, folder, base_offset, ENV_OPEN_WRITE, ret_segment);
}

void segment_free(struct env *env, struct segment *segment)
{
	if (!segment)
		return;
	env_file_unref(env, segment->file);
	mem_free(segment->index);
	mem_free(segment);
}

static int remove_one(struct env *env, const char *folder, int64_t base_offset, const char *suffix)
{
	char *path = file_name_at(folder, base_offset, suffix);
	int rc = env_path_remove(env, path);

	mem_free(path);
	return rc == -ENOENT ? 0 : rc;
}

int segment_remove(struct env *env, const char *folder, struct segment *segment)
{
	int rc = remove_one(env, folder, segment->base_offset, SEGMENT_SUFFIX);

	if (rc == 0)
		rc = remove_one(env, folder, segment->base_offset, INDEX_SUFFIX);
	if (rc == 0)
		rc = remove_one(env, folder, segment->base_offset, TIME_INDEX_SUFFIX);
	segment_free(env, segment);
	return rc;
}

/* ---- appending ---- */

int segment_write(struct env *env, struct segment *segment, const void *bytes, size_t size)
{
	/* env_file_write() only reads what it is given; struct iovec has no const. */
	struct iovec piece = {(void *)(uintptr_t)bytes, size};

	if (segment->unflushed_from == SEGMENT_FLUSHED)
		segment->unflushed_from = segment->end_offset;
	return env_file_write(env, segment->file, &piece, 1, segment->size_bytes);
}

bool segment_fits(const struct segment *segment, const struct batch *batch, bool first_of_log)
{
	int64_t last = batch_last_offset(batch);

	if (last < segment->end_offset || last - segment->base_offset > INT32_MAX)
		return false;
	return batch->base_offset >= segment->end_offset ||
	       (first_of_log && segment->size_bytes == 0);
}

static void index_batch(struct segment *segment, const struct batch *batch, int32_t interval_bytes)
{
	size_t count = segment->index_count;
	int64_t indexed = count ? segment->index[count - 1].position : 0;

	if (segment->size_bytes - indexed < interval_bytes || segment->size_bytes > INT32_MAX)
		return;
	segment_index_push(segment, (struct index_entry){
		.relative_offset = (int32_t)(batch_last_offset(batch) - segment->base_offset),
		.position = (int32_t)segment->size_bytes,
		.max_timestamp_ms = segment->max_timestamp_ms,
	});
	segment->index_saved = false;
}

void segment_note(struct segment *segment, const struct batch *batch, int32_t interval_bytes)
{
	if (batch->max_timestamp_ms > segment->max_timestamp_ms)
		segment->max_timestamp_ms = batch->max_timestamp_ms;
	index_batch(segment, batch, interval_bytes);
	segment->size_bytes += batch->size_bytes;
	segment->end_offset = batch_last_offset(batch) + 1;
	segment->last_epoch = batch->leader_epoch;
}

/* ---- going through the file ---- */

/* Forgets everything from the last index entry's batch on (everything, without entries): what
 * remains is where a scan begins. Only that scan makes end_offset and last_epoch true again. */
static void return_to_index(struct segment *segment)
{
	const struct index_entry none = {.max_timestamp_ms = -1};
	const struct index_entry *last =
		segment->index_count ? &segment->index[segment->index_count - 1] : &none;

	segment->size_bytes = last->position;
	segment->max_timestamp_ms = last->max_timestamp_ms;
	segment->end_offset = segment->base_offset;
	segment->last_epoch = -1;
}

struct scan_end {
	int64_t position;
	int64_t end_offset;
	int32_t epoch;
};

struct scan {
	int32_t interval_bytes;
	struct segment_order order;
	bool check_crc;
	struct scan_end before_last; /* where the segment ended before its last batch */
	bool last_is_odd; /* the last batch is at fault, not the one that does not follow it */
};

/* A load begins at an index entry and can't tell whether there is a hole before its first batch. */
static bool leaves_hole(const struct scan *scan, const struct segment *segment,
			const struct batch *batch)
{
	return scan->check_crc && !scan->order.holes && batch->base_offset > segment->end_offset;
}

static bool follows(const struct scan *scan, const struct segment *segment,
		    const struct batch *batch)
{
	return segment_fits(segment, batch, scan->order.first_of_log) &&
	       batch->leader_epoch >= scan->order.least_epoch;
}

/* A sound batch that does not follow the last one, but would follow the one before that. */
static bool accuses_last(const struct scan *scan, const struct segment *segment,
			 struct batch_walk *walk, const struct batch *batch, int64_t position)
{
	return scan->check_crc && segment->size_bytes > 0 &&
	       batch->base_offset >= scan->before_last.end_offset &&
	       batch->leader_epoch >= scan->before_last.epoch &&
	       batch_walk_check(walk, batch, position) == 1;
}

static int scan_one(struct segment *segment, struct batch_walk *walk, struct scan *scan)
{
	struct batch batch;
	int64_t position;
	int rc = batch_walk_next(walk, &batch, &position);

	if (rc <= 0)
		return rc;
	if (leaves_hole(scan, segment, &batch))
		return -EBADMSG;
	if (!follows(scan, segment, &batch)) {
		scan->last_is_odd = accuses_last(scan, segment, walk, &batch, position);
		return -EBADMSG;
	}
	if (scan->check_crc)
		rc = batch_walk_check(walk, &batch, position);
	if (rc <= 0)
		return rc < 0 ? rc : -EBADMSG;
	scan->before_last = (struct scan_end){segment->size_bytes, segment->end_offset,
					      scan->order.least_epoch};
	scan->order.least_epoch = batch.leader_epoch;
	segment_note(segment, &batch, scan->interval_bytes);
	return 1;
}

static int scan_to(struct env *env, struct segment *segment, int64_t end_position,
		   struct scan *scan)
{
	struct batch_walk walk = {
		.env = env,
		.file = segment->file,
		.position = segment->size_bytes,
		.end_position = end_position,
		.piece = mem_alloc(WALK_SCAN_BYTES),
		.capacity = WALK_SCAN_BYTES,
	};
	int rc;

	do
		rc = scan_one(segment, &walk, scan);
	while (rc > 0);
	mem_free(walk.piece);
	return rc;
}

/* Does the last entry name a batch? The others are checked where they are used. */
static bool last_entry_holds(struct env *env, const struct segment *segment, int64_t file_size)
{
	const struct index_entry *last = &segment->index[segment->index_count - 1];
	uint8_t header[BATCH_HEADER_BYTES];
	struct batch_walk walk = {
		.env = env,
		.file = segment->file,
		.position = last->position,
		.end_position = file_size,
		.piece = header,
		.capacity = sizeof(header),
	};
	struct batch batch;
	int64_t position;

	return batch_walk_next(&walk, &batch, &position) == 1 &&
	       batch_last_offset(&batch) - segment->base_offset == last->relative_offset;
}

int segment_load(struct env *env, const char *folder, struct segment *segment,
		 int32_t interval_bytes, bool first_of_log)
{
	int64_t file_size = env_file_size(env, segment->file);
	struct scan scan = {.interval_bytes = interval_bytes,
			    .order = {.least_epoch = -1, .first_of_log = first_of_log}};

	if (file_size < 0)
		return (int)file_size;
	segment_index_load(env, folder, segment);
	segment->index_saved = segment->index_count > 0;
	if (segment->index_count > 0 && !last_entry_holds(env, segment, file_size))
		segment->index_count = 0;
	return_to_index(segment);
	return scan_to(env, segment, file_size, &scan);
}

static int scan_up_to(struct env *env, struct segment *segment, int64_t end_position,
		      struct scan *scan)
{
	segment->index_count = 0;
	segment->index_saved = false;
	return_to_index(segment);
	return scan_to(env, segment, end_position, scan);
}

int segment_scan(struct env *env, struct segment *segment, int32_t interval_bytes,
		 const struct segment_order *order)
{
	int64_t file_size = env_file_size(env, segment->file);
	struct scan scan = {.interval_bytes = interval_bytes, .order = *order, .check_crc = true};
	int rc = file_size < 0 ? (int)file_size : scan_up_to(env, segment, file_size, &scan);

	if (rc == -EBADMSG && scan.last_is_odd) {
		scan.order = *order;
		rc = scan_up_to(env, segment, scan.before_last.position, &scan);
		rc = rc == 0 ? -EBADMSG : rc;
	}
	return rc;
}

/* ---- looking things up ---- */

/* What a lookup wants: the first batch that reaches both. */
struct wanted {
	int64_t offset;
	int64_t timestamp_ms; /* INT64_MIN: any */
};

static bool entry_is_below(const struct segment *segment, const struct index_entry *entry,
			   const struct wanted *wanted)
{
	return segment->base_offset + entry->relative_offset <= wanted->offset ||
	       entry->max_timestamp_ms < wanted->timestamp_ms;
}

/* How many entries lie below what is wanted; the search starts at the last of them. */
static size_t entries_below(const struct segment *segment, const struct wanted *wanted)
{
	size_t low = 0, high = segment->index_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entry_is_below(segment, &segment->index[middle], wanted))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int walk_to(struct batch_walk *walk, const struct wanted *wanted, struct batch *ret_batch,
		   int64_t *ret_position)
{
	struct batch batch;
	int rc;

	do {
		rc = batch_walk_next(walk, &batch, ret_position);
		if (rc < 0)
			*ret_position = walk->position;
		if (rc <= 0)
			return rc;
	} while (batch_last_offset(&batch) < wanted->offset ||
		 batch.max_timestamp_ms < wanted->timestamp_ms);
	*ret_batch = batch;
	return 1;
}

static int find(struct env *env, struct segment *segment, struct wanted wanted, bool cached_only,
		struct batch *ret_batch, int64_t *ret_position)
{
	size_t below = entries_below(segment, &wanted);
	uint8_t piece[WALK_READ_BYTES];
	struct batch_walk walk = {
		.env = env,
		.file = segment->file,
		.position = below ? segment->index[below - 1].position : 0,
		.end_position = segment->size_bytes,
		.cached_only = cached_only,
		.piece = piece,
		.capacity = sizeof(piece),
	};
	int rc = walk_to(&walk, &wanted, ret_batch, ret_position);

	if (rc != -EBADMSG || below == 0)
		return rc == -EBADMSG ? -EIO : rc;
	segment->index_count = 0; /* invariant 2 */
	walk.position = 0;
	rc = walk_to(&walk, &wanted, ret_batch, ret_position);
	return rc == -EBADMSG ? -EIO : rc;
}

int segment_find(struct env *env, struct segment *segment, int64_t offset, bool cached_only,
		 struct batch *ret_batch, int64_t *ret_position)
{
	struct wanted wanted = {.offset = offset, .timestamp_ms = INT64_MIN};

	return find(env, segment, wanted, cached_only, ret_batch, ret_position);
}

int segment_find_timestamp(struct env *env, struct segment *segment, int64_t offset,
			   int64_t timestamp_ms, struct batch *ret_batch, int64_t *ret_position)
{
	struct wanted wanted = {.offset = offset, .timestamp_ms = timestamp_ms};

	return find(env, segment, wanted, true, ret_batch, ret_position);
}

/* ---- cutting and sealing ---- */

int segment_cut(struct env *env, const char *folder, struct segment *segment, int64_t position,
		int32_t interval_bytes)
{
	struct scan scan = {.interval_bytes = interval_bytes,
			    .order = {.least_epoch = -1, .first_of_log = true}};
	int rc = env_file_truncate(env, segment->file, position);

	while (segment->index_count > 0 &&
	       segment->index[segment->index_count - 1].position >= position)
		segment->index_count--;
	segment->index_saved = false;
	return_to_index(segment);
	if (rc == 0)
		rc = scan_to(env, segment, position, &scan);
	segment->unflushed_from = segment->base_offset; /* the new size is to be flushed */
	return rc == 0 ? segment_seal(env, folder, segment) : rc;
}

int segment_save_index(struct env *env, const char *folder, struct segment *segment)
{
	int rc = segment->index_saved ? 0 : segment_index_save(env, folder, segment);

	if (rc == 0)
		segment->index_saved = true;
	return rc;
}

int segment_seal(struct env *env, const char *folder, struct segment *segment)
{
	int rc = segment_save_index(env, folder, segment);

	segment_index_thin(segment, SEGMENT_SEALED_INTERVAL_BYTES);
	return rc;
}
