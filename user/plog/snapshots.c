/* Owns the files of producer snapshots, and going through the log again from one of them.
 *
 * A snapshot is named by the log end offset it was taken at: at each roll (the new segment's base)
 * and at a clean close. One that fails its CRC is passed over for an older one and more replay.
 *
 * Invariant: every segment's base but a log's first has a snapshot, and it is durable before the
 * segments before it may go: what their producers did is known nowhere else then. A replay that
 * passes a base writes the one that is missing. */
#include "plog/plog_int.h"

#include "base/mem.h"
#include "base/small_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { SNAPSHOT_LIMIT_BYTES = 1 << 30, SNAPSHOT_NAME_BYTES = 40 };

static int write_unsynced(struct plog *log, const char *name, const struct buffer *bytes)
{
	char *path = file_name_in(log->folder, name);
	struct iovec piece = {bytes->data, bytes->size};
	struct env_file *file;
	int rc = env_file_open(log->env, path,
			       ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE, &file);

	mem_free(path);
	if (rc < 0)
		return rc;
	log->folder_dirty = true;
	rc = env_file_write(log->env, file, &piece, 1, 0);
	env_file_unref(log->env, file);
	return rc;
}

static int save_at(struct plog *log, int64_t offset, bool wait)
{
	char name[SNAPSHOT_NAME_BYTES];
	struct buffer bytes = {0};
	int rc;

	snprintf(name, sizeof(name), "%020" PRId64 SNAPSHOT_SUFFIX, offset);
	producer_state_format(&log->producers, offset, &bytes);
	rc = wait ? small_file_write(log->env, log->folder, name, bytes.data, bytes.size)
		  : write_unsynced(log, name, &bytes);
	buffer_done(&bytes);
	return rc;
}

int plog_save_snapshot(struct plog *log, bool wait)
{
	return save_at(log, plog_end_offset(log), wait);
}

int plog_sync_snapshot(struct plog *log, int64_t offset)
{
	char *path = file_name_at(log->folder, offset, SNAPSHOT_SUFFIX);
	struct env_file *file;
	int rc = env_file_open(log->env, path, ENV_OPEN_READ, &file);

	mem_free(path);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc; /* gone by hand: an older one will do */
	rc = env_file_sync(log->env, file);
	env_file_unref(log->env, file);
	return rc;
}

int plog_sync_snapshots(struct plog *log)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < log->segment_count; i++) {
		const struct segment *segment = log->segments[i];

		if (segment->snapshot_dirty || segment->base_offset > log->durable_offset)
			rc = plog_sync_snapshot(log, segment->base_offset);
	}
	return rc;
}

int plog_remove_snapshot(struct plog *log, int64_t offset)
{
	return plog_remove_at(log->env, log->folder, offset, SNAPSHOT_SUFFIX);
}

int plog_remove_snapshots_above(struct plog *log, int64_t offset)
{
	struct plog_names names = {0};
	int rc = plog_list(log->env, log->folder, SNAPSHOT_SUFFIX, &names);

	for (size_t i = names.count; rc == 0 && i > 0 && names.offsets[i - 1] > offset; i--)
		rc = plog_remove_snapshot(log, names.offsets[i - 1]);
	plog_names_done(&names);
	return rc;
}

/* ---- replay ---- */

static int replay_segment(struct plog *log, struct segment *segment, int64_t from_offset,
			  uint8_t *piece, void (*each)(struct plog *log, const struct batch *batch))
{
	struct batch_walk walk = {
		.env = log->env,
		.file = segment->file,
		.end_position = segment->size_bytes,
		.piece = piece,
		.capacity = WALK_SCAN_BYTES,
	};
	struct batch batch;
	int64_t position;
	int rc = 1;

	if (from_offset > segment->base_offset)
		rc = segment_find(log->env, segment, from_offset, false, &batch, &walk.position);
	while (rc == 1) {
		rc = batch_walk_next(&walk, &batch, &position);
		if (rc == 1)
			each(log, &batch);
	}
	return rc == -EBADMSG ? -EIO : rc;
}

static int save_base(struct plog *log, struct segment *segment)
{
	segment->snapshot_dirty = true;
	return save_at(log, segment->base_offset, false);
}

static int replay(struct plog *log, int64_t from_offset,
		  void (*each)(struct plog *log, const struct batch *batch), bool save_snapshots)
{
	uint8_t *piece = mem_alloc(WALK_SCAN_BYTES);
	int rc = 0;

	for (size_t i = 0; i < log->segment_count && rc == 0; i++) {
		struct segment *segment = log->segments[i];

		if (save_snapshots && segment->base_offset > from_offset)
			rc = save_base(log, segment);
		if (rc == 0 && segment->end_offset > from_offset)
			rc = replay_segment(log, segment, from_offset, piece, each);
	}
	mem_free(piece);
	return rc;
}

int plog_replay(struct plog *log, int64_t from_offset,
		void (*each)(struct plog *log, const struct batch *batch))
{
	return replay(log, from_offset, each, false);
}

static void note_producer(struct plog *log, const struct batch *batch)
{
	producer_state_note(&log->producers, batch);
}

static bool load_snapshot(struct plog *log, int64_t offset)
{
	char *path = file_name_at(log->folder, offset, SNAPSHOT_SUFFIX);
	struct buffer bytes = {0};
	int rc = small_file_read(log->env, path, SNAPSHOT_LIMIT_BYTES, &bytes);

	if (rc == 0)
		rc = producer_state_parse(&log->producers, offset, bytes.data, bytes.size);
	if (rc < 0)
		env_log(log->env, LOG_WARN, "%s: not a sound snapshot: %s", path, strerror(-rc));
	buffer_done(&bytes);
	mem_free(path);
	return rc == 0;
}

bool plog_has_snapshot(struct plog *log, int64_t offset)
{
	bool sound;

	producer_state_clear(&log->producers);
	sound = load_snapshot(log, offset);
	producer_state_clear(&log->producers);
	return sound;
}

int plog_rebuild_producers(struct plog *log, int64_t limit)
{
	int64_t from_offset = log->segments[0]->base_offset;
	struct plog_names names = {0};
	int rc = plog_list(log->env, log->folder, SNAPSHOT_SUFFIX, &names);

	producer_state_clear(&log->producers);
	for (size_t i = names.count; rc == 0 && i > 0; i--) {
		if (names.offsets[i - 1] > limit || !load_snapshot(log, names.offsets[i - 1]))
			continue;
		from_offset = names.offsets[i - 1];
		break;
	}
	plog_names_done(&names);
	return rc == 0 ? replay(log, from_offset, note_producer, !log->corrupt) : rc;
}
