/* A simulated disk under a simulated page cache, for one broker: what was written and not flushed
 * is lost at a power cut, wholly or page by page, and a kill -9 loses nothing.
 *
 * The functions up to sim_disk_flush_end() do the file part of struct env_ops; an env's operations
 * pass their arguments on. All files of a disk are its memory. Deterministic: what a power cut
 * takes depends on the seed alone.
 *
 * The model is that of a journalling file system:
 *   pages    of 4096 bytes; one that was written since its last flush may be old or new after a
 *            power cut, each by itself (a lost page that never was on disk reads as zeros);
 *   sizes    growth reaches the disk in any part; a truncation reaches it or not, and bytes above
 *            it never mix with newer ones but in the page that it cuts;
 *   folders  creations, removals and renames since the folder's last sync reach the disk as a
 *            prefix or as any subset of them, each whole. */
#pragma once

#include "base/env.h"

struct sim_disk;

struct sim_disk *sim_disk_new(void);
void sim_disk_free(struct sim_disk *disk);

int sim_disk_open(struct sim_disk *disk, const char *path, unsigned flags, struct env_file **ret);
struct env_file *sim_disk_ref(struct env_file *file);
void sim_disk_unref(struct env_file *file);
int64_t sim_disk_size(struct env_file *file);
ssize_t sim_disk_read(struct env_file *file, void *bytes, size_t size, int64_t position);
ssize_t sim_disk_read_cached(struct env_file *file, void *bytes, size_t size, int64_t position);
bool sim_disk_is_cached(struct env_file *file, int64_t position, size_t size);
int sim_disk_write(struct env_file *file, const struct iovec *pieces, int count, int64_t position);
int sim_disk_truncate(struct env_file *file, int64_t size);
int sim_disk_sync(struct env_file *file); /* a file or, opened for reading, a folder */
void sim_disk_warm(struct env_file *file, int64_t position, size_t size); /* read ahead */
int sim_disk_folder_create(struct sim_disk *disk, const char *path);
int sim_disk_folder_sync(struct sim_disk *disk, const char *path);
int sim_disk_sync_all(struct sim_disk *disk); /* as one sync, of every file and folder */
int sim_disk_folder_list(struct sim_disk *disk, const char *path,
			 void (*each)(void *context, const char *name), void *context);
int sim_disk_rename(struct sim_disk *disk, const char *from, const char *to);
int sim_disk_remove(struct sim_disk *disk, const char *path);

/* A flush in two steps: begin takes what is written now, end makes exactly that durable. Until then
 * a power cut may or may not keep it. The file is held. */
struct sim_flush *sim_disk_flush_begin(struct env_file *file);
int sim_disk_flush_end(struct sim_flush *flush);

/* ---- what a test does to it ---- */

enum sim_crash {
	SIM_KILL,  /* the process is gone, the page cache stays */
	SIM_POWER, /* the page cache goes; `seed` chooses what had reached the disk */
};

/* Afterwards open files give -EIO and may only be unref'd; flushes that were begun end so, too. */
void sim_disk_crash(struct sim_disk *disk, enum sim_crash how, uint64_t seed);

enum sim_disk_call { SIM_WRITE, SIM_SYNC, SIM_TRUNCATE, SIM_RENAME, SIM_CALLS };

/* The call after `skip` more of that kind fails with -errno. A write that fails leaves its first
 * half (a torn write); a failed flush drops its pages from what later flushes flush, as Linux
 * does: they stay readable and are lost at a power cut. */
void sim_disk_fail_next(struct sim_disk *disk, enum sim_disk_call call, unsigned skip, int rc);

/* Reads of cached pages give -EAGAIN until sim_disk_warm() or a plain read. */
void sim_disk_drop_cache(struct sim_disk *disk);

/* Changes a byte on disk and in the cache: rot. Returns 0 or -ENOENT. */
int sim_disk_flip(struct sim_disk *disk, const char *path, int64_t position);

/* So many calls of a kind were made so far. */
uint64_t sim_disk_calls(const struct sim_disk *disk, enum sim_disk_call call);
