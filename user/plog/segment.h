/* One segment of a log: a file of batches and its sparse index.
 *
 * .index, Kafka's layout, big endian: 4 bytes last offset of a batch relative to the segment's
 * base, 4 bytes position of that batch. .timeindex: 8 bytes newest timestamp up to and with that
 * batch, 4 bytes the same relative offset; entry i of one belongs to entry i of the other. Both are
 * written when a segment is sealed or the log closed, are derivable, and are never fsynced. */
#pragma once

#include "base/env.h"
#include "plog/batch_walk.h"

struct index_entry {
	int32_t relative_offset; /* last offset of the batch at position, minus base_offset */
	int32_t position;
	int64_t max_timestamp_ms; /* of all batches up to and with this one */
};

struct segment {
	int64_t base_offset;
	int64_t end_offset;       /* one above the last record's */
	int64_t size_bytes;       /* of sound batches; the file may be longer while it is corrupt */
	int64_t max_timestamp_ms; /* -1: no batch */
	int64_t unflushed_from;   /* lowest offset that no flush covers; SEGMENT_FLUSHED: none */
	int32_t last_epoch;       /* of the last batch, -1: none */
	bool index_saved;
	bool snapshot_dirty;      /* the producers' snapshot at base_offset is not flushed */
	struct env_file *file;
	struct index_entry *index; /* rising in all fields */
	size_t index_count;
	size_t index_capacity;
};

#define SEGMENT_FLUSHED INT64_MAX
enum { SEGMENT_SEALED_INTERVAL_BYTES = 64 * 1024 /* index entries kept in memory once sealed */ };

/* An empty segment with a new file; one of that name is emptied. */
int segment_create(struct env *env, const char *folder, int64_t base_offset,
		   struct segment **ret_segment);
/* The segment whose file is there; nothing is read yet: it counts as empty. */
int segment_open(struct env *env, const char *folder, int64_t base_offset,
		 struct segment **ret_segment);
void segment_free(struct env *env, struct segment *segment);

/* Removes its files and frees it. WAITS. */
int segment_remove(struct env *env, const char *folder, struct segment *segment);

/* Writes whole batches at the end; size_bytes and the rest move by segment_note(). */
int segment_write(struct env *env, struct segment *segment, const void *bytes, size_t size);

/* Does batch follow what is there? Only a log's first may begin below base_offset (R26). */
bool segment_fits(const struct segment *segment, const struct batch *batch, bool first_of_log);

/* The batch lies at the end of what was noted: moves the end, the newest timestamp, the index. */
void segment_note(struct segment *segment, const struct batch *batch, int32_t interval_bytes);

/* Reads the index files and goes through what follows the last entry. WAITS. Returns 0, -EBADMSG
 * when something is no batch or does not follow (the segment then ends before it), or -errno. */
int segment_load(struct env *env, const char *folder, struct segment *segment,
		 int32_t interval_bytes, bool first_of_log);

struct segment_order {        /* what a scan expects of batches beside their CRC */
	int32_t least_epoch;  /* of the first one */
	bool first_of_log;
	bool holes;           /* offsets may be missing between batches */
};

/* Goes through every batch, checks order and CRCs, and rebuilds the index. A batch's CRC covers
 * neither its base offset nor its epoch: where a batch does not follow the one before, but would
 * follow the one before that, the segment ends before both. WAITS. Returns as segment_load(). */
int segment_scan(struct env *env, struct segment *segment, int32_t interval_bytes,
		 const struct segment_order *order);

/* Finds the first batch whose last offset is at or above offset.
 * Returns 1, 0 when there is none, -EAGAIN (cached_only; *ret_position says where), or -errno. */
int segment_find(struct env *env, struct segment *segment, int64_t offset, bool cached_only,
		 struct batch *ret_batch, int64_t *ret_position);

/* The same for the first such batch whose newest timestamp is at or above timestamp_ms; cached
 * pages only. */
int segment_find_timestamp(struct env *env, struct segment *segment, int64_t offset,
			   int64_t timestamp_ms, struct batch *ret_batch, int64_t *ret_position);

/* Cuts the file at position, where a batch begins. WAITS for what it must read. */
int segment_cut(struct env *env, const char *folder, struct segment *segment, int64_t position,
		int32_t interval_bytes);

/* Nothing more will be appended: saves the index and keeps a thinner one in memory. */
int segment_seal(struct env *env, const char *folder, struct segment *segment);
int segment_save_index(struct env *env, const char *folder, struct segment *segment);
