/* Owns a partition's folder as a place: whose it is, what lies in it, what is set aside in it.
 * Invariant: nothing that may hold somebody's records is deleted here, but by plog_destroy(). */
#include "plog/plog_int.h"

#include "base/mem.h"
#include "base/small_file.h"

#include <errno.h>
#include <stdio.h>

enum {
	METADATA_LIMIT_BYTES = 4096,
	STRAY_NAMES = 100, /* tried for a folder that is set aside */
	COPY_BYTES = 64 * 1024,
};

#define DELETED_SUFFIX ".deleted"

/* ---- listing ---- */

struct listing {
	const char *suffix;
	struct plog_names *names;
};

static void list_one(void *context, const char *name)
{
	struct listing *listing = context;
	struct plog_names *names = listing->names;
	int64_t offset;

	if (!file_name_parse(name, listing->suffix, &offset))
		return;
	if (names->count == names->capacity) {
		names->capacity = names->capacity ? names->capacity * 2 : 8;
		names->offsets =
			mem_resize(names->offsets, names->capacity * sizeof(*names->offsets));
	}
	names->offsets[names->count++] = offset; /* sorted by name is sorted by offset */
}

int plog_list(struct env *env, const char *folder, const char *suffix, struct plog_names *ret)
{
	struct listing listing = {.suffix = suffix, .names = ret};

	return env_folder_list(env, folder, list_one, &listing);
}

void plog_names_done(struct plog_names *names)
{
	mem_free(names->offsets);
	*names = (struct plog_names){0};
}

int plog_remove_at(struct env *env, const char *folder, int64_t offset, const char *suffix)
{
	char *path = file_name_at(folder, offset, suffix);
	int rc = env_path_remove(env, path);

	mem_free(path);
	return rc == -ENOENT ? 0 : rc;
}

/* ---- whose folder it is ---- */

static int sync_parent(struct env *env, const char *folder)
{
	char *parent = mem_string(folder);
	char *slash = strrchr(parent, '/');
	int rc;

	if (slash && slash != parent)
		*slash = '\0';
	rc = env_folder_sync(env, slash ? parent : ".");
	mem_free(parent);
	return rc;
}

/* partition.metadata: "version: 0", "topic_id: " and 22 characters. */
static int read_topic_id(struct env *env, const char *folder, struct uuid *ret_id)
{
	char *path = file_name_in(folder, METADATA_NAME);
	char id[UUID_TEXT_BYTES] = {0};
	struct buffer text = {0};
	int rc = small_file_read(env, path, METADATA_LIMIT_BYTES, &text);

	if (rc == 0) {
		buffer_put_i8(&text, 0);
		if (sscanf((const char *)text.data, "version: 0 topic_id: %22s", id) != 1 ||
		    uuid_parse(id, ret_id) < 0)
			rc = -EBADMSG;
	}
	buffer_done(&text);
	mem_free(path);
	return rc;
}

static int write_topic_id(struct env *env, const char *folder, struct uuid topic_id, bool sync)
{
	char id[UUID_TEXT_BYTES];
	char *text = mem_format("version: 0\ntopic_id: %s\n", uuid_format(topic_id, id));
	int rc = sync ? small_file_write(env, folder, METADATA_NAME, text, strlen(text))
		      : small_file_write_unsynced(env, folder, METADATA_NAME, text, strlen(text));

	mem_free(text);
	return rc;
}

static void note_name(void *context, const char *name)
{
	(void)name;
	*(bool *)context = true;
}

static bool exists(struct env *env, const char *path)
{
	bool any;

	return env_folder_list(env, path, note_name, &any) == 0;
}

/* The folder of another topic is never served and never deleted. */
static int set_aside(struct env *env, const char *folder, const char *old_id)
{
	int rc = -EEXIST;

	for (int i = 0; i < STRAY_NAMES && rc == -EEXIST; i++) {
		char *stray = i ? mem_format("%s.%s.%d.stray", folder, old_id, i)
				: mem_format("%s.%s.stray", folder, old_id);

		if (!exists(env, stray)) {
			rc = env_path_rename(env, folder, stray);
			env_log(env, LOG_WARN, "%s: of another topic: set aside as %s: %s", folder,
				stray, rc == 0 ? "done" : strerror(-rc));
		}
		mem_free(stray);
	}
	return rc;
}

static int count_logs(struct env *env, const char *folder)
{
	struct plog_names names = {0};
	int rc = plog_list(env, folder, SEGMENT_SUFFIX, &names);
	int count = (int)names.count;

	plog_names_done(&names);
	return rc < 0 ? rc : count;
}

static int create_folder(struct env *env, const char *folder, struct uuid topic_id, bool sync)
{
	int rc = env_folder_create(env, folder);

	if (rc == 0)
		rc = write_topic_id(env, folder, topic_id, sync);
	return rc == 0 && sync ? sync_parent(env, folder) : rc;
}

int plog_claim_folder(struct env *env, const char *folder, struct uuid topic_id, bool sync,
		      bool *ret_created)
{
	char id[UUID_TEXT_BYTES];
	struct uuid found;
	int rc = env_folder_create(env, folder);

	if (rc == 0)
		rc = read_topic_id(env, folder, &found);
	if (rc == 0 && uuid_equal(found, topic_id)) {
		*ret_created = false;
		return 0;
	}
	if (rc == 0)
		rc = set_aside(env, folder, uuid_format(found, id));
	else if (rc == -EBADMSG || (rc == -ENOENT && count_logs(env, folder) > 0))
		rc = set_aside(env, folder, "unknown");
	else if (rc == -ENOENT)
		rc = 0; /* new, or a crash came before its first file */
	if (rc == 0)
		rc = create_folder(env, folder, topic_id, sync);
	if (rc == 0)
		*ret_created = true;
	return rc;
}

/* ---- cutting (R45) ---- */

static int copy_rest(struct env *env, struct env_file *from, int64_t position, struct env_file *to,
		     int64_t *ret_bytes)
{
	uint8_t *piece = mem_alloc(COPY_BYTES);
	int64_t done = 0;
	ssize_t got;

	while ((got = env_file_read(env, from, piece, COPY_BYTES, position + done)) > 0) {
		struct iovec bytes = {piece, (size_t)got};
		int rc = env_file_write(env, to, &bytes, 1, done);

		if (rc < 0) {
			mem_free(piece);
			return rc;
		}
		done += got;
	}
	mem_free(piece);
	*ret_bytes = done;
	return (int)got;
}

static int keep_rest(struct plog *log, struct segment *segment, int64_t *ret_bytes)
{
	char *path = file_name_at(log->folder, segment->end_offset, CUT_SUFFIX);
	struct env_file *kept;
	int rc = env_file_open(log->env, path,
			       ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE, &kept);

	mem_free(path);
	if (rc < 0)
		return rc;
	rc = copy_rest(log->env, segment->file, segment->size_bytes, kept, ret_bytes);
	if (rc == 0)
		rc = env_file_sync(log->env, kept);
	env_file_unref(log->env, kept);
	return rc;
}

static int cut_segment(struct plog *log, struct segment *segment, int64_t *ret_bytes)
{
	int64_t file_size = env_file_size(log->env, segment->file);
	int rc = 0;

	*ret_bytes = 0;
	if (file_size <= segment->size_bytes)
		return file_size < 0 ? (int)file_size : 0;
	rc = keep_rest(log, segment, ret_bytes);
	/* The kept bytes have a durable name before the log loses them. */
	if (rc == 0)
		rc = env_folder_sync(log->env, log->folder);
	if (rc == 0)
		rc = env_file_truncate(log->env, segment->file, segment->size_bytes);
	return rc == 0 ? env_file_sync(log->env, segment->file) : rc;
}

static int64_t size_of(struct env *env, const char *path)
{
	struct env_file *file;
	int64_t size_bytes = env_file_open(env, path, ENV_OPEN_READ, &file);

	if (size_bytes < 0)
		return size_bytes;
	size_bytes = env_file_size(env, file);
	env_file_unref(env, file);
	return size_bytes;
}

static int set_segment_aside(struct plog *log, int64_t base_offset, int64_t *cut_bytes)
{
	char *path = file_name_at(log->folder, base_offset, SEGMENT_SUFFIX);
	char *aside = file_name_at(log->folder, base_offset, ASIDE_SUFFIX);
	int64_t size_bytes = size_of(log->env, path);
	int rc = size_bytes < 0 ? (int)size_bytes : 0;

	if (rc == 0)
		rc = size_bytes > 0 ? env_path_rename(log->env, path, aside)
				    : env_path_remove(log->env, path);
	if (rc == 0)
		rc = plog_remove_at(log->env, log->folder, base_offset, INDEX_SUFFIX);
	if (rc == 0)
		rc = plog_remove_at(log->env, log->folder, base_offset, TIME_INDEX_SUFFIX);
	*cut_bytes += size_bytes;
	mem_free(aside);
	mem_free(path);
	return rc;
}

int plog_cut_rest(struct plog *log, int64_t *ret_cut_bytes)
{
	struct segment *last = plog_active(log);
	struct plog_names names = {0};
	int rc = cut_segment(log, last, ret_cut_bytes);

	if (rc == 0)
		rc = plog_list(log->env, log->folder, SEGMENT_SUFFIX, &names);
	/* From the end: a crash in between leaves no hole that was not there. */
	for (size_t i = names.count; rc == 0 && i > 0; i--)
		if (names.offsets[i - 1] > last->base_offset)
			rc = set_segment_aside(log, names.offsets[i - 1], ret_cut_bytes);
	plog_names_done(&names);
	return rc == 0 ? env_folder_sync(log->env, log->folder) : rc;
}

/* ---- destroying ---- */

struct removal {
	struct env *env;
	const char *folder;
	int rc;
};

static void remove_one(void *context, const char *name)
{
	struct removal *removal = context;
	char *path = file_name_in(removal->folder, name);
	int rc = env_path_remove(removal->env, path);

	if (rc < 0)
		removal->rc = rc;
	mem_free(path);
}

static int remove_folder(struct env *env, const char *folder)
{
	struct removal removal = {.env = env, .folder = folder};
	int rc = env_folder_list(env, folder, remove_one, &removal);

	if (rc == 0)
		rc = removal.rc;
	return rc == 0 ? env_path_remove(env, folder) : rc;
}

int plog_destroy(struct env *env, const char *folder, struct uuid topic_id)
{
	char *deleted = mem_format("%s" DELETED_SUFFIX, folder);
	int rc = exists(env, deleted) ? remove_folder(env, deleted) : 0;
	struct uuid owner;

	if (rc == 0 && read_topic_id(env, folder, &owner) == 0 && !uuid_equal(owner, topic_id))
		rc = -ENOENT; /* a topic of the same name has come */
	if (rc == 0)
		rc = env_path_rename(env, folder, deleted);
	if (rc == -ENOENT)
		rc = 0; /* only a leftover was there */
	else if (rc == 0)
		rc = sync_parent(env, folder);
	if (rc == 0 && exists(env, deleted))
		rc = remove_folder(env, deleted);
	mem_free(deleted);
	return rc;
}
