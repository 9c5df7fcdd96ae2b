/* The file that says up to where a log was flushed (R45): two slots written in turn, so that a torn
 * write leaves the other one. */
#pragma once

#include "base/env.h"

struct recovery_point {
	int64_t offset;       /* everything below it is durable */
	int64_t segment_base; /* of the segment that holds the record below it, see recovery.c */
	int64_t start_offset; /* the log start when it was written */
	uint32_t epochs_crc;  /* of the epoch cache below offset */
};

struct recovery_point_file {
	struct env_file *file; /* NULL until first written */
	uint64_t sequence;     /* of the newest slot */
};

/* Reads FOLDER/recovery-point. Returns 1 and the newest sound slot, 0 when there is none (the point
 * is unknown), -ENOENT, or -errno. WAITS. */
int recovery_point_load(struct env *env, const char *folder, struct recovery_point_file *ret_file,
			struct recovery_point *ret_point);

/* Writes the other slot, into the page cache: does not wait. Opens the file when needed. Returns 0
 * or -errno. */
int recovery_point_write(struct env *env, const char *folder, struct recovery_point_file *file,
			 const struct recovery_point *point);

void recovery_point_done(struct env *env, struct recovery_point_file *file);
