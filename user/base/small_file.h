/* Small state files that must be whole or absent (R44): votes, epochs, ids, checkpoints. */
#pragma once

#include "base/buffer.h"
#include "base/env.h"

/* Replaces `name` in `folder` by size bytes: writes NAME.tmp, fsyncs it, renames it, fsyncs the
 * folder. After a crash at any moment the file is the old one or the new one. WAITS.
 * Returns 0 or -errno; a .tmp may then be left behind and is overwritten by the next write. */
int small_file_write(struct env *env, const char *folder, const char *name, const void *bytes,
		     size_t size);

/* The same without the fsyncs, where the caller makes the whole file system durable before anything
 * rests on it; a power cut before that may leave rubbish under the name. */
int small_file_write_unsynced(struct env *env, const char *folder, const char *name,
			      const void *bytes, size_t size);

/* Appends the whole file to ret_bytes. WAITS. Returns 0, -ENOENT, -EFBIG when it holds more than
 * limit bytes, or -errno. */
int small_file_read(struct env *env, const char *path, size_t limit, struct buffer *ret_bytes);
