/* Owns making the whole of a log durable at once: after it was recovered, and when it is closed or
 * begun anew. (What is appended becomes durable in rounds: durability.c.)
 *
 *     [write again what a failed flush may have given up] --> fsync all --> point --> fsync
 *
 * The fsyncs are the log's own, or one for the file system when many logs are recovered. */
#include "plog/plog_int.h"

#include "base/mem.h"

#include <errno.h>

static int write_segment_again(struct plog *log, struct segment *segment, int64_t position,
			       uint8_t *piece)
{
	while (position < segment->size_bytes) {
		int64_t left = segment->size_bytes - position;
		size_t size = left < WALK_SCAN_BYTES ? (size_t)left : WALK_SCAN_BYTES;
		ssize_t count = env_file_read(log->env, segment->file, piece, size, position);
		struct iovec bytes = {piece, size};
		int rc;

		if (count != (ssize_t)size)
			return count < 0 ? (int)count : -EIO;
		rc = env_file_write(log->env, segment->file, &bytes, 1, position);
		if (rc < 0)
			return rc;
		position += count;
	}
	return 0;
}

/* R46: when a flush fails the kernel marks its pages clean, and no later flush writes them. They
 * are still there to be read when only the broker was started again, and a power cut would take
 * them: so they are made dirty. What lies below the recovery point was flushed once with success.
 */
int plog_write_again(struct plog *log, int64_t offset)
{
	uint8_t *piece = mem_alloc(WALK_SCAN_BYTES);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < log->segment_count; i++) {
		struct segment *segment = log->segments[i];
		int64_t position = 0;
		struct batch batch;

		if (segment->end_offset <= offset)
			continue;
		if (segment->base_offset < offset)
			rc = segment_find(log->env, segment, offset, false, &batch, &position);
		if (rc >= 0)
			rc = write_segment_again(log, segment, position, piece);
		segment->unflushed_from = segment->base_offset;
	}
	mem_free(piece);
	return rc;
}

static int sync_segments(struct plog *log)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < log->segment_count; i++) {
		struct segment *segment = log->segments[i];

		/* What a ticket under way covers is not durable before it comes back. */
		if (segment->unflushed_from != SEGMENT_FLUSHED ||
		    segment->end_offset > log->durable_offset)
			rc = env_file_sync(log->env, segment->file);
	}
	return rc;
}

int plog_synced(struct plog *log)
{
	for (size_t i = 0; i < log->segment_count; i++) {
		log->segments[i]->unflushed_from = SEGMENT_FLUSHED;
		log->segments[i]->snapshot_dirty = false;
	}
	log->folder_dirty = false;
	log->point_must_flush = false;
	log->durable_offset = plog_end_offset(log);
	return plog_write_point(log);
}

int plog_settle(struct plog *log)
{
	bool point_is_new = !log->point_file.file;
	int rc = sync_segments(log);

	if (rc == 0)
		rc = plog_sync_snapshots(log);
	if (rc == 0)
		rc = env_folder_sync(log->env, log->folder);
	if (rc == 0)
		rc = plog_synced(log);
	if (rc == 0)
		rc = env_file_sync(log->env, log->point_file.file);
	/* Its name, too: a torn tail without a known point counts as corrupt. */
	return rc == 0 && point_is_new ? env_folder_sync(log->env, log->folder) : rc;
}
