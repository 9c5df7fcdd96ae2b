/* Owns the index entries. Invariant: relative_offset and position rise strictly from entry to
 * entry, max_timestamp_ms never falls. */
#include "plog/segment_index.h"

#include "base/mem.h"
#include "base/small_file.h"
#include "plog/file_names.h"

enum {
	INDEX_ENTRY_BYTES = 8,
	TIME_ENTRY_BYTES = 12,
	INDEX_FILE_LIMIT_BYTES = 1 << 30,
};

void segment_index_push(struct segment *segment, struct index_entry entry)
{
	if (segment->index_count == segment->index_capacity) {
		segment->index_capacity = segment->index_capacity ? segment->index_capacity * 2 : 8;
		segment->index = mem_resize(segment->index,
					    segment->index_capacity * sizeof(*segment->index));
	}
	segment->index[segment->index_count++] = entry;
}

void segment_index_thin(struct segment *segment, int32_t interval_bytes)
{
	int64_t kept_position = 0;
	size_t kept = 0;

	for (size_t i = 0; i < segment->index_count; i++) {
		if (segment->index[i].position - kept_position < interval_bytes)
			continue;
		kept_position = segment->index[i].position;
		segment->index[kept++] = segment->index[i];
	}
	segment->index_count = kept;
	segment->index_capacity = kept;
	segment->index = mem_resize(segment->index, kept * sizeof(*segment->index));
}

/* ---- files ---- */

static int save_file(struct env *env, const char *folder, int64_t base_offset, const char *suffix,
		     const struct buffer *bytes)
{
	char *path = file_name_at(folder, base_offset, suffix);
	struct iovec piece = {bytes->data, bytes->size};
	struct env_file *file;
	int rc = env_file_open(env, path, ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE,
			       &file);

	mem_free(path);
	if (rc < 0)
		return rc;
	if (bytes->size > 0)
		rc = env_file_write(env, file, &piece, 1, 0);
	env_file_unref(env, file);
	return rc;
}

int segment_index_save(struct env *env, const char *folder, const struct segment *segment)
{
	struct buffer offsets = {0}, times = {0};
	int rc;

	for (size_t i = 0; i < segment->index_count; i++) {
		buffer_put_i32(&offsets, segment->index[i].relative_offset);
		buffer_put_i32(&offsets, segment->index[i].position);
		buffer_put_i64(&times, segment->index[i].max_timestamp_ms);
		buffer_put_i32(&times, segment->index[i].relative_offset);
	}
	rc = save_file(env, folder, segment->base_offset, INDEX_SUFFIX, &offsets);
	if (rc == 0)
		rc = save_file(env, folder, segment->base_offset, TIME_INDEX_SUFFIX, &times);
	buffer_done(&offsets);
	buffer_done(&times);
	return rc;
}

static void load_file(struct env *env, const char *folder, int64_t base_offset, const char *suffix,
		      struct buffer *ret_bytes)
{
	char *path = file_name_at(folder, base_offset, suffix);

	/* Whatever is wrong with it: the index is derivable, and the log file will tell. */
	if (small_file_read(env, path, INDEX_FILE_LIMIT_BYTES, ret_bytes) < 0)
		ret_bytes->size = 0;
	mem_free(path);
}

static bool is_in_order(const struct segment *segment, const struct index_entry *entry,
			int32_t time_relative_offset)
{
	const struct index_entry *last;

	if (entry->relative_offset != time_relative_offset || entry->position <= 0)
		return false;
	if (segment->index_count == 0)
		return entry->relative_offset >= 0;
	last = &segment->index[segment->index_count - 1];
	return entry->relative_offset > last->relative_offset &&
	       entry->position > last->position &&
	       entry->max_timestamp_ms >= last->max_timestamp_ms;
}

void segment_index_load(struct env *env, const char *folder, struct segment *segment)
{
	struct buffer offsets = {0}, times = {0};
	struct reader o, t;

	load_file(env, folder, segment->base_offset, INDEX_SUFFIX, &offsets);
	load_file(env, folder, segment->base_offset, TIME_INDEX_SUFFIX, &times);
	o = reader_of(offsets.data, offsets.size);
	t = reader_of(times.data, times.size);
	segment->index_count = 0;
	while (reader_left(&o) >= INDEX_ENTRY_BYTES && reader_left(&t) >= TIME_ENTRY_BYTES) {
		struct index_entry entry = {.relative_offset = reader_i32(&o)};

		entry.position = reader_i32(&o);
		entry.max_timestamp_ms = reader_i64(&t);
		if (!is_in_order(segment, &entry, reader_i32(&t)))
			break;
		segment_index_push(segment, entry);
	}
	buffer_done(&offsets);
	buffer_done(&times);
}
