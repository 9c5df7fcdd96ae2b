/* Owns folders and names: listing, making them durable, and the locks that keep a second process
 * out. Everything here may wait for a disk. */
#include "os/os_int.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int os_folder_create(struct env *env, const char *path)
{
	struct stat status;

	(void)env;
	if (mkdir(path, 0750) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &status) < 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

static int sync_folder(const char *path, int (*sync_descriptor)(int fd))
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	do
		rc = sync_descriptor(fd);
	while (rc < 0 && errno == EINTR);
	rc = rc < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int os_folder_sync(struct env *env, const char *path)
{
	(void)env;
	return sync_folder(path, fsync);
}

int os_file_system_sync(struct env *env, const char *path)
{
	(void)env;
	return sync_folder(path, syncfs);
}

/* ---- listing ---- */

struct names {
	char **at;
	size_t count;
	size_t capacity;
};

static void names_add(struct names *names, const char *name)
{
	if (names->count == names->capacity) {
		names->capacity = names->capacity ? names->capacity * 2 : 64;
		names->at = mem_resize(names->at, names->capacity * sizeof(*names->at));
	}
	names->at[names->count++] = mem_string(name);
}

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		mem_free(names->at[i]);
	mem_free(names->at);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_read(struct names *names, DIR *folder)
{
	const struct dirent *entry;

	for (errno = 0; (entry = readdir(folder)); errno = 0)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names_add(names, entry->d_name);
	return -errno;
}

int os_folder_list(struct env *env, const char *path, void (*each)(void *context, const char *name),
		   void *context)
{
	DIR *folder = opendir(path);
	struct names names = {0};
	int rc;

	(void)env;
	if (!folder)
		return -errno;
	rc = names_read(&names, folder);
	closedir(folder);
	if (rc == 0 && names.count > 0) {
		qsort(names.at, names.count, sizeof(*names.at), compare_names);
		for (size_t i = 0; i < names.count; i++)
			each(context, names.at[i]);
	}
	names_done(&names);
	return rc;
}

/* ---- locks ---- */

static int open_locked(const char *path)
{
	char *name = mem_format("%s/.lock", path);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	int rc;

	mem_free(name);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	return rc;
}

int os_folder_lock(struct env *env, const char *path)
{
	struct os_process *process = os_loop_of(env)->process;
	struct os_folder_lock *lock;
	int fd = open_locked(path);

	if (fd < 0)
		return fd;
	lock = mem_alloc(sizeof(*lock));
	lock->fd = fd;
	pthread_mutex_lock(&process->folder_locks_lock);
	lock->next = process->folder_locks;
	process->folder_locks = lock;
	pthread_mutex_unlock(&process->folder_locks_lock);
	return 0;
}

void os_folder_unlock_all(struct os_process *process)
{
	while (process->folder_locks) {
		struct os_folder_lock *lock = process->folder_locks;

		process->folder_locks = lock->next;
		close(lock->fd);
		mem_free(lock);
	}
}

/* ---- names ---- */

int os_path_rename(struct env *env, const char *from, const char *to)
{
	(void)env;
	return rename(from, to) < 0 ? -errno : 0;
}

int os_path_remove(struct env *env, const char *path)
{
	(void)env;
	return remove(path) < 0 ? -errno : 0;
}
