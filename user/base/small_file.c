/* Owns the order of steps that makes replacing a file atomic (R44), and nothing between calls. */
#include "base/small_file.h"

#include "base/mem.h"

#include <errno.h>

static int write_file(struct env *env, const char *path, const void *bytes, size_t size, bool sync)
{
	/* env_file_write() only reads what it is given; struct iovec has no const. */
	struct iovec piece = {(void *)(uintptr_t)bytes, size};
	struct env_file *file;
	int rc = env_file_open(env, path, ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE,
			       &file);

	if (rc < 0)
		return rc;
	rc = env_file_write(env, file, &piece, 1, 0);
	if (rc == 0 && sync)
		rc = env_file_sync(env, file);
	env_file_unref(env, file);
	return rc;
}

static int replace(struct env *env, const char *folder, const char *name, const void *bytes,
		   size_t size, bool sync)
{
	char *path = mem_format("%s/%s", folder, name);
	char *temporary = mem_format("%s.tmp", path);
	int rc = write_file(env, temporary, bytes, size, sync);

	if (rc == 0)
		rc = env_path_rename(env, temporary, path);
	if (rc == 0 && sync)
		rc = env_folder_sync(env, folder);
	mem_free(temporary);
	mem_free(path);
	return rc;
}

int small_file_write(struct env *env, const char *folder, const char *name, const void *bytes,
		     size_t size)
{
	return replace(env, folder, name, bytes, size, true);
}

int small_file_write_unsynced(struct env *env, const char *folder, const char *name,
			      const void *bytes, size_t size)
{
	return replace(env, folder, name, bytes, size, false);
}

static int read_all(struct env *env, struct env_file *file, size_t limit, struct buffer *ret_bytes)
{
	int64_t size = env_file_size(env, file);
	ssize_t got;

	if (size < 0)
		return (int)size;
	if ((uint64_t)size > limit)
		return -EFBIG;
	got = env_file_read(env, file, buffer_reserve(ret_bytes, (size_t)size), (size_t)size, 0);
	if (got < 0)
		return (int)got;
	ret_bytes->size += (size_t)got;
	return 0;
}

int small_file_read(struct env *env, const char *path, size_t limit, struct buffer *ret_bytes)
{
	struct env_file *file;
	int rc = env_file_open(env, path, ENV_OPEN_READ, &file);

	if (rc < 0)
		return rc;
	rc = read_all(env, file, limit, ret_bytes);
	env_file_unref(env, file);
	return rc;
}
