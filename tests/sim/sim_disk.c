/* Owns what becomes of a simulated disk's nodes (sim_node.h) in calls, crashes and faults.
 *
 * Invariants:
 *  1. A page without SIM_PAGE_DIRTY is the same in now and kept, but for pages that a failed flush
 *     gave up.
 *  2. A folder's kept names with its pending changes applied in order are its names now.
 *  3. A node lives as long as a name, an open file, a flush or a pending change holds it. */
#include "sim/sim_disk.h"

#include "base/mem.h"
#include "sim/sim_node.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct env_file {
	struct sim_disk *disk;
	struct sim_node *node;
	unsigned references;
	unsigned generation;
	bool writable;
};

struct sim_flush {
	struct env_file *file;
	struct sim_content taken;
	uint8_t *pages; /* which were dirty */
	int64_t truncated_at;
	int rc;
	bool superseded;        /* a later flush of the file has ended, and covered this one */
	struct sim_flush *next; /* the one begun before */
};

struct fault {
	bool armed;
	unsigned skip;
	int rc;
};

struct sim_disk {
	struct sim_node *root;
	struct sim_flush *flushes; /* begun */
	struct fault faults[SIM_CALLS];
	uint64_t calls[SIM_CALLS];
	unsigned generation;
	uint64_t random;
};

/* ---- small things ---- */

static uint64_t draw(struct sim_disk *disk, uint64_t below)
{
	uint64_t z = disk->random += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

static int count_call(struct sim_disk *disk, enum sim_disk_call call)
{
	struct fault *fault = &disk->faults[call];

	disk->calls[call]++;
	if (!fault->armed || fault->skip-- > 0)
		return 0;
	fault->armed = false;
	return fault->rc;
}

/* ---- the disk ---- */

struct sim_disk *sim_disk_new(void)
{
	struct sim_disk *disk = mem_alloc(sizeof(*disk));

	disk->root = sim_node_new(true);
	return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
	if (!disk)
		return;
	while (disk->flushes)
		sim_disk_flush_end(disk->flushes);
	sim_node_unref(disk->root);
	mem_free(disk);
}

static int open_node(struct sim_disk *disk, const char *path, unsigned flags, struct sim_node **ret)
{
	char *name;
	struct sim_node *folder = sim_node_find_parent(disk->root, path, &name);
	struct sim_node *node = folder ? sim_node_find(disk->root, path) : NULL;
	int rc = node ? 0 : -ENOENT;

	if (node && node->is_folder && (flags & ENV_OPEN_WRITE))
		rc = -EISDIR;
	if (folder && !node && (flags & ENV_OPEN_CREATE)) {
		node = sim_node_new(false);
		sim_folder_change(folder, NULL, name, node);
		sim_node_unref(node); /* its name holds it */
		rc = 0;
	}
	mem_free(name);
	*ret = node;
	return rc;
}

int sim_disk_open(struct sim_disk *disk, const char *path, unsigned flags, struct env_file **ret)
{
	struct env_file *file;
	struct sim_node *node;
	int rc = open_node(disk, path, flags, &node);

	if (rc < 0)
		return rc;
	file = mem_alloc(sizeof(*file));
	*file = (struct env_file){disk, sim_node_ref(node), 1, disk->generation,
				  (flags & ENV_OPEN_WRITE) != 0};
	if ((flags & ENV_OPEN_TRUNCATE) && node->now.size > 0)
		sim_disk_truncate(file, 0);
	*ret = file;
	return 0;
}

struct env_file *sim_disk_ref(struct env_file *file)
{
	file->references++;
	return file;
}

void sim_disk_unref(struct env_file *file)
{
	if (--file->references > 0)
		return;
	sim_node_unref(file->node);
	mem_free(file);
}

static bool is_stale(const struct env_file *file)
{
	return file->generation != file->disk->generation;
}

int64_t sim_disk_size(struct env_file *file)
{
	return is_stale(file) ? -EIO : file->node->now.size;
}

void sim_disk_warm(struct env_file *file, int64_t position, size_t size)
{
	for (int64_t page = position / SIM_PAGE_BYTES;
	     page < sim_pages_of(position + (int64_t)size) &&
	     page < sim_pages_of(file->node->now.size);
	     page++)
		file->node->pages[page] &= (uint8_t)~SIM_PAGE_COLD;
}

bool sim_disk_is_cached(struct env_file *file, int64_t position, size_t size)
{
	for (int64_t page = position / SIM_PAGE_BYTES;
	     page < sim_pages_of(position + (int64_t)size) &&
	     page < sim_pages_of(file->node->now.size);
	     page++)
		if (file->node->pages[page] & SIM_PAGE_COLD)
			return false;
	return true;
}

ssize_t sim_disk_read(struct env_file *file, void *bytes, size_t size, int64_t position)
{
	const struct sim_content *now = &file->node->now;
	int64_t left = now->size - position;

	if (is_stale(file))
		return -EIO;
	if (file->node->is_folder)
		return -EISDIR;
	if (left <= 0 || size == 0)
		return 0;
	if ((int64_t)size > left)
		size = (size_t)left;
	memcpy(bytes, now->bytes + position, size);
	sim_disk_warm(file, position, size);
	return (ssize_t)size;
}

ssize_t sim_disk_read_cached(struct env_file *file, void *bytes, size_t size, int64_t position)
{
	if (!is_stale(file) && !sim_disk_is_cached(file, position, size))
		return -EAGAIN;
	return sim_disk_read(file, bytes, size, position);
}

/* ---- writing ---- */

static void grow(struct sim_node *node, int64_t size)
{
	int64_t before = sim_pages_of(node->now.capacity);

	sim_content_grow(&node->now, size);
	node->pages = mem_resize(node->pages, (size_t)sim_pages_of(node->now.capacity));
	memset(node->pages + before, 0, (size_t)(sim_pages_of(node->now.capacity) - before));
}

static void write_piece(struct sim_node *node, const uint8_t *bytes, int64_t size, int64_t position)
{
	if (size == 0)
		return;
	grow(node, position + size);
	memcpy(node->now.bytes + position, bytes, (size_t)size);
	if (position + size > node->now.size)
		node->now.size = position + size;
	for (int64_t page = position / SIM_PAGE_BYTES; page < sim_pages_of(position + size); page++)
		node->pages[page] = SIM_PAGE_DIRTY;
}

int sim_disk_write(struct env_file *file, const struct iovec *pieces, int count, int64_t position)
{
	int rc = is_stale(file) ? -EIO : count_call(file->disk, SIM_WRITE);

	if (!is_stale(file) && !file->writable)
		return -EBADF;
	if (is_stale(file))
		return rc;
	for (int i = 0; i < count; i++) {
		int64_t size = (int64_t)pieces[i].iov_len;

		if (rc < 0)
			size /= 2; /* a torn write */
		write_piece(file->node, pieces[i].iov_base, size, position);
		if (rc < 0)
			return rc;
		position += size;
	}
	return 0;
}

int sim_disk_truncate(struct env_file *file, int64_t size)
{
	struct sim_node *node = file->node;
	int rc = is_stale(file) ? -EIO : count_call(file->disk, SIM_TRUNCATE);

	if (rc < 0)
		return rc;
	if (size < node->now.size && size < node->truncated_at)
		node->truncated_at = size;
	grow(node, size);
	sim_content_cut(&node->now, size);
	if (size % SIM_PAGE_BYTES != 0)
		node->pages[size / SIM_PAGE_BYTES] |= SIM_PAGE_DIRTY;
	for (int64_t page = sim_pages_of(size); page < sim_pages_of(node->now.capacity); page++)
		node->pages[page] = 0;
	return 0;
}

/* ---- flushing ---- */

/* A flush waits for what earlier ones are still writing. */
static void cover_earlier(struct sim_flush *flush)
{
	for (struct sim_flush *e = flush->next; e; e = e->next) {
		if (e->file->node != flush->file->node || e->rc < 0 || e->superseded)
			continue;
		for (int64_t page = 0; page < sim_pages_of(e->taken.capacity); page++)
			if (page < sim_pages_of(flush->file->node->now.capacity))
				flush->pages[page] |= e->pages[page];
		if (e->truncated_at < flush->truncated_at)
			flush->truncated_at = e->truncated_at;
	}
}

static void supersede_earlier(struct sim_flush *flush)
{
	for (struct sim_flush *e = flush->next; e; e = e->next)
		e->superseded |= e->file->node == flush->file->node;
}

struct sim_flush *sim_disk_flush_begin(struct env_file *file)
{
	struct sim_flush *flush = mem_alloc(sizeof(*flush));
	struct sim_node *node = file->node;
	size_t pages = (size_t)sim_pages_of(node->now.capacity);

	flush->file = sim_disk_ref(file);
	flush->rc = is_stale(file) ? -EIO : count_call(file->disk, SIM_SYNC);
	flush->truncated_at = node->truncated_at;
	sim_content_copy(&flush->taken, &node->now);
	flush->pages = mem_alloc(pages);
	for (size_t page = 0; page < pages; page++) {
		flush->pages[page] = node->pages[page] & SIM_PAGE_DIRTY;
		node->pages[page] &= (uint8_t)~SIM_PAGE_DIRTY;
	}
	if (!node->is_folder)
		node->truncated_at = INT64_MAX;
	flush->next = file->disk->flushes;
	file->disk->flushes = flush;
	cover_earlier(flush);
	return flush;
}

static void keep_flushed(struct sim_node *node, const struct sim_flush *flush)
{
	if (flush->truncated_at < node->kept.size)
		sim_content_cut(&node->kept, flush->truncated_at);
	for (int64_t page = 0; page < sim_pages_of(flush->taken.size); page++)
		if (flush->pages[page])
			sim_content_copy_page(&node->kept, &flush->taken, page);
	/* Pages that a failed flush gave up are not in it, and may be its end. */
	sim_content_grow(&node->kept, flush->taken.size);
	node->kept.size = flush->taken.size;
}

static void sync_folder(struct sim_node *folder)
{
	sim_names_copy(&folder->names_kept, &folder->names_now);
	sim_folder_forget_changes(folder);
}

static void take_out(struct sim_disk *disk, struct sim_flush *flush)
{
	struct sim_flush **at = &disk->flushes;

	while (*at && *at != flush)
		at = &(*at)->next;
	if (*at)
		*at = flush->next;
}

int sim_disk_flush_end(struct sim_flush *flush)
{
	struct sim_node *node = flush->file->node;
	int rc = is_stale(flush->file) ? -EIO : flush->rc;

	if (rc == 0 && node->is_folder)
		sync_folder(node);
	else if (rc == 0 && !flush->superseded)
		keep_flushed(node, flush);
	if (rc == 0)
		supersede_earlier(flush);
	take_out(flush->file->disk, flush);
	sim_disk_unref(flush->file);
	mem_free(flush->taken.bytes);
	mem_free(flush->pages);
	mem_free(flush);
	return rc;
}

int sim_disk_sync(struct env_file *file)
{
	return sim_disk_flush_end(sim_disk_flush_begin(file));
}

/* ---- folders ---- */

int sim_disk_folder_create(struct sim_disk *disk, const char *path)
{
	char *name;
	struct sim_node *folder = sim_node_find_parent(disk->root, path, &name);
	struct sim_node *node = folder ? sim_node_find(disk->root, path) : NULL;
	int rc = !folder ? -ENOENT : node && !node->is_folder ? -EEXIST : 0;

	if (folder && !node) {
		node = sim_node_new(true);
		sim_folder_change(folder, NULL, name, node);
		sim_node_unref(node);
	}
	mem_free(name);
	return rc;
}

int sim_disk_folder_sync(struct sim_disk *disk, const char *path)
{
	struct sim_node *folder = sim_node_find(disk->root, path);
	int rc = folder && folder->is_folder ? count_call(disk, SIM_SYNC) : -ENOENT;

	if (rc == 0)
		sync_folder(folder);
	return rc;
}

static int sync_below(struct sim_disk *disk, struct sim_node *node)
{
	struct env_file file = {disk, node, 1, disk->generation, false};
	int rc = sim_disk_sync(&file);

	for (size_t i = 0; rc == 0 && i < node->names_now.count; i++)
		rc = sync_below(disk, node->names_now.entries[i].node);
	return rc;
}

int sim_disk_sync_all(struct sim_disk *disk)
{
	return sync_below(disk, disk->root);
}

int sim_disk_folder_list(struct sim_disk *disk, const char *path,
			 void (*each)(void *context, const char *name), void *context)
{
	struct sim_node *folder = sim_node_find(disk->root, path);
	struct sim_names copy = {0};

	if (!folder)
		return -ENOENT;
	if (!folder->is_folder)
		return -ENOTDIR;
	sim_names_copy(&copy, &folder->names_now); /* each may change the folder */
	for (size_t i = 0; i < copy.count; i++)
		each(context, copy.entries[i].name);
	sim_names_done(&copy);
	return 0;
}

int sim_disk_rename(struct sim_disk *disk, const char *from, const char *to)
{
	char *old_name, *new_name;
	struct sim_node *folder = sim_node_find_parent(disk->root, from, &old_name);
	struct sim_node *node = folder ? sim_node_find(disk->root, from) : NULL;
	struct sim_node *there = sim_node_find(disk->root, to);
	int rc = count_call(disk, SIM_RENAME);

	assert(sim_node_find_parent(disk->root, to, &new_name) == folder ||
	       !node); /* the model has no others */
	if (!node)
		rc = -ENOENT;
	else if (there && there->is_folder && there->names_now.count > 0)
		rc = -ENOTEMPTY;
	if (rc == 0)
		sim_folder_change(folder, old_name, new_name, node);
	mem_free(old_name);
	mem_free(new_name);
	return rc;
}

int sim_disk_remove(struct sim_disk *disk, const char *path)
{
	char *name;
	struct sim_node *folder = sim_node_find_parent(disk->root, path, &name);
	struct sim_node *node = folder ? sim_node_find(disk->root, path) : NULL;
	int rc = node ? 0 : -ENOENT;

	if (node && node->is_folder && node->names_now.count > 0)
		rc = -ENOTEMPTY;
	if (rc == 0)
		sim_folder_change(folder, name, NULL, NULL);
	mem_free(name);
	return rc;
}

/* ---- crashes and faults ---- */

/* A flush that did not end has proved nothing: its pages are as if it had not begun. */
static void undo_flush(struct sim_flush *flush)
{
	struct sim_node *node = flush->file->node;

	if (flush->superseded)
		return;
	for (int64_t page = 0; page < sim_pages_of(flush->taken.capacity); page++)
		if (flush->pages[page] && page < sim_pages_of(node->now.capacity) && flush->rc == 0)
			node->pages[page] |= SIM_PAGE_DIRTY;
	if (flush->truncated_at < node->truncated_at)
		node->truncated_at = flush->truncated_at;
}

/* What of `now` had reached the disk. */
static void lose_pages(struct sim_disk *disk, struct sim_node *node)
{
	int64_t cut_page = node->truncated_at / SIM_PAGE_BYTES;
	bool size_kept = draw(disk, 2) == 0;
	int64_t grown = node->now.size - node->kept.size;

	if (size_kept && node->truncated_at < node->kept.size)
		sim_content_cut(&node->kept, node->truncated_at);
	for (int64_t page = 0; page < sim_pages_of(node->now.size); page++)
		if ((node->pages[page] & SIM_PAGE_DIRTY) && (size_kept || page < cut_page) &&
		    draw(disk, 2) == 0)
			sim_content_copy_page(&node->kept, &node->now, page);
	if (size_kept && draw(disk, 2) == 0)
		node->kept.size = node->now.size;
	else if (size_kept && grown > 0)
		node->kept.size += (int64_t)draw(disk, (uint64_t)grown + 1);
	/* Nothing lies behind the end. */
	grown = node->kept.size;
	sim_content_grow(&node->kept, grown);
	memset(node->kept.bytes + grown, 0, (size_t)(node->kept.capacity - grown));
}

static void lose_names(struct sim_disk *disk, struct sim_node *folder)
{
	bool prefix = draw(disk, 2) == 0;
	size_t keep = folder->change_count ? draw(disk, folder->change_count + 1) : 0;

	for (size_t i = 0; i < folder->change_count; i++)
		if (prefix ? i < keep : draw(disk, 2) == 0)
			sim_names_change(&folder->names_kept, &folder->changes[i]);
	sim_folder_forget_changes(folder);
	sim_names_copy(&folder->names_now, &folder->names_kept);
}

static void cut_power(struct sim_disk *disk, struct sim_node *node)
{
	if (node->is_folder) {
		lose_names(disk, node);
		for (size_t i = 0; i < node->names_now.count; i++)
			cut_power(disk, node->names_now.entries[i].node);
		return;
	}
	lose_pages(disk, node);
	node->truncated_at = INT64_MAX;
	sim_content_copy(&node->now, &node->kept);
	node->pages = mem_resize(node->pages, (size_t)sim_pages_of(node->now.capacity));
	memset(node->pages, 0, (size_t)sim_pages_of(node->now.capacity));
}

void sim_disk_crash(struct sim_disk *disk, enum sim_crash how, uint64_t seed)
{
	disk->random = seed;
	for (struct sim_flush *flush = disk->flushes; flush; flush = flush->next)
		undo_flush(flush);
	disk->generation++;
	memset(disk->faults, 0, sizeof(disk->faults));
	if (how == SIM_POWER)
		cut_power(disk, disk->root);
}

void sim_disk_fail_next(struct sim_disk *disk, enum sim_disk_call call, unsigned skip, int rc)
{
	disk->faults[call] = (struct fault){.armed = true, .skip = skip, .rc = rc};
}

static void cool(struct sim_node *node)
{
	for (size_t i = 0; i < node->names_now.count; i++)
		cool(node->names_now.entries[i].node);
	for (int64_t page = 0; page < sim_pages_of(node->now.size); page++)
		node->pages[page] |= SIM_PAGE_COLD;
}

void sim_disk_drop_cache(struct sim_disk *disk)
{
	cool(disk->root);
}

int sim_disk_flip(struct sim_disk *disk, const char *path, int64_t position)
{
	struct sim_node *node = sim_node_find(disk->root, path);

	if (!node || position >= node->now.size)
		return -ENOENT;
	node->now.bytes[position] ^= 0x40;
	if (position < node->kept.size)
		node->kept.bytes[position] ^= 0x40;
	return 0;
}

uint64_t sim_disk_calls(const struct sim_disk *disk, enum sim_disk_call call)
{
	return disk->calls[call];
}
