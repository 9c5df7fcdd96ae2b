/* Goes through the batches of a segment file by their headers, reading in pieces: one call to the
 * system for many small batches, and never more than a piece for a large one. */
#pragma once

#include "base/env.h"
#include "wire/batch.h"

enum {
	WALK_READ_BYTES = 4096,      /* a piece for looking something up */
	WALK_SCAN_BYTES = 64 * 1024, /* a piece for going through a whole segment */
};

struct batch_walk {
	struct env *env;
	struct env_file *file;
	int64_t position;     /* of the next batch */
	int64_t end_position; /* where the batches end */
	bool cached_only;     /* -EAGAIN instead of waiting for the disk */
	uint8_t *piece;       /* the caller's memory, of `capacity` bytes */
	size_t capacity;
	int64_t piece_position;
	size_t piece_size;
};

/* Takes the next batch's header (ret_batch->bytes is NULL) and moves past the batch.
 * Returns 1, 0 at the end, -EBADMSG when no whole batch is there (nothing moved), -EAGAIN, or
 * -errno. */
int batch_walk_next(struct batch_walk *walk, struct batch *ret_batch, int64_t *ret_position);

/* Reads the batch at position again and checks its CRC. Returns 1, 0 when it does not hold, or
 * -errno. */
int batch_walk_check(struct batch_walk *walk, const struct batch *batch, int64_t position);
