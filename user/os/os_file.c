/* Owns open files: counted descriptors, and whole reads and writes on them.
 *
 * Invariants:
 *  1. A short transfer or EINTR is never the caller's concern: reads end early only at the end of
 *     the file, writes write all or fail.
 *  2. The kernel's error is returned as it is (-ENOSPC, -EIO): what it means for the log is R46's
 *     matter, above.
 *
 * Where a file system knows no RWF_NOWAIT, the cached read is a plain read and everything counts
 * as cached: correct, and slow only there. */
#include "os/os_int.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_flags(unsigned flags)
{
	return O_CLOEXEC | (flags & ENV_OPEN_WRITE ? O_RDWR : O_RDONLY) |
	       (flags & ENV_OPEN_CREATE ? O_CREAT : 0) | (flags & ENV_OPEN_TRUNCATE ? O_TRUNC : 0);
}

int os_file_open(struct env *env, const char *path, unsigned flags, struct env_file **ret)
{
	uint64_t data_device = os_loop_of(env)->process->data_device;
	struct env_file *file;
	struct stat status = {0};
	int fd;

	do
		fd = open(path, open_flags(flags), 0640);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	file = mem_alloc(sizeof(*file));
	file->fd = fd;
	atomic_init(&file->references, 1);
	file->waiting_end = &file->waiting;
	if (fstat(fd, &status) == 0) {
		file->on_data_system = data_device && status.st_dev == data_device;
		file->is_folder = S_ISDIR(status.st_mode);
	}
	*ret = file;
	return 0;
}

struct env_file *os_file_ref(struct env_file *file)
{
	atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
	return file;
}

void os_file_unref(struct env *env, struct env_file *file)
{
	(void)env;
	if (atomic_fetch_sub(&file->references, 1) != 1)
		return;
	close(file->fd);
	mem_free(file);
}

int64_t os_file_size(struct env *env, struct env_file *file)
{
	struct stat status;

	(void)env;
	return fstat(file->fd, &status) < 0 ? -errno : status.st_size;
}

/* ---- reading ---- */

/* preadv2() with flags, until size bytes or the end of the file. */
static ssize_t read_whole(int fd, void *bytes, size_t size, int64_t position, int flags)
{
	size_t done = 0;

	while (done < size) {
		struct iovec piece = {(char *)bytes + done, size - done};
		ssize_t got = preadv2(fd, &piece, 1, position + (int64_t)done, flags);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t os_file_read(struct env *env, struct env_file *file, void *bytes, size_t size,
		     int64_t position)
{
	(void)env;
	return read_whole(file->fd, bytes, size, position, 0);
}

ssize_t os_file_read_cached(struct env *env, struct env_file *file, void *bytes, size_t size,
			    int64_t position)
{
	ssize_t got = read_whole(file->fd, bytes, size, position, RWF_NOWAIT);

	return got == -EOPNOTSUPP ? os_file_read(env, file, bytes, size, position) : got;
}

static bool byte_is_cached(const struct env_file *file, int64_t position)
{
	char byte;

	return read_whole(file->fd, &byte, 1, position, RWF_NOWAIT) != -EAGAIN;
}

bool os_file_is_cached(struct env *env, struct env_file *file, int64_t position, size_t size)
{
	int64_t end = position + (int64_t)size;

	(void)env;
	if (size == 0)
		return true;
	/* The last byte first: a cold piece usually misses its end. */
	if (!byte_is_cached(file, end - 1))
		return false;
	for (int64_t at = position; at < end; at += OS_CACHE_PROBE_BYTES)
		if (!byte_is_cached(file, at))
			return false;
	return true;
}

/* ---- writing ---- */

struct pieces {
	const struct iovec *at;
	int count;
	size_t skip; /* bytes of at[0] that are done */
};

static void pieces_advance(struct pieces *left, size_t size)
{
	left->skip += size;
	while (left->count > 0 && left->skip >= left->at->iov_len) {
		left->skip -= left->at->iov_len;
		left->at++;
		left->count--;
	}
}

static ssize_t write_some(int fd, const struct pieces *left, int64_t position)
{
	int count = left->count < OS_WRITE_PIECES ? left->count : OS_WRITE_PIECES;
	struct iovec batch[OS_WRITE_PIECES];
	ssize_t wrote;

	for (int i = 0; i < count; i++)
		batch[i] = left->at[i];
	batch[0].iov_base = (char *)batch[0].iov_base + left->skip;
	batch[0].iov_len -= left->skip;
	do
		wrote = pwritev(fd, batch, count, position);
	while (wrote < 0 && errno == EINTR);
	if (wrote < 0)
		return -errno;
	return wrote == 0 ? -EIO : wrote;
}

int os_file_write(struct env *env, struct env_file *file, const struct iovec *pieces, int count,
		  int64_t position)
{
	struct pieces left = {.at = pieces, .count = count};

	(void)env;
	pieces_advance(&left, 0);
	while (left.count > 0) {
		ssize_t wrote = write_some(file->fd, &left, position);

		if (wrote < 0)
			return (int)wrote;
		position += wrote;
		pieces_advance(&left, (size_t)wrote);
	}
	return 0;
}

int os_file_truncate(struct env *env, struct env_file *file, int64_t size)
{
	int rc;

	(void)env;
	do
		rc = ftruncate(file->fd, size);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

int os_file_sync(struct env *env, struct env_file *file)
{
	int rc;

	(void)env;
	do
		rc = fsync(file->fd);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}
