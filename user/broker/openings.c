/* Owns logs between the helper that opens them and the shard that will host them (DESIGN section 5:
 * a shard never waits for a disk).
 *
 * Invariants:
 *   1. While a task is under way its list is the helper's; before and after, the shard's loop's.
 *   2. Opening and destroying are tasks of one queue, so a topic that was dropped and made anew
 *      loses its old folder before it gets its new one, whatever shards the two belong to. */
#include "broker/openings.h"

#include "base/container_of.h"
#include "base/mem.h"

#include <errno.h>

/* Fewer logs than that are fsynced one by one: a sync of the file system takes along what others
 * have written. */
enum { TOGETHER_FROM = 16 };

struct opening {
	struct hosted_key key;
	char *folder;
	bool clean, is_taken;
	int result;
	struct plog_opening found;
	struct plog *log;
};

struct openings {
	struct env_task task;
	struct shard *shard; /* NULL: nobody wants them any more */
	void (*done)(struct shard *shard);
	struct plog_options options;
	const char *data_folder; /* the settings', which outlive all loops */
	struct opening *list;
	size_t count, next; /* the one that is probably asked for next */
	bool is_under_way;
};

struct openings *openings_new(struct shard *shard, void (*done)(struct shard *shard))
{
	struct openings *openings = mem_alloc(sizeof(*openings));

	openings->shard = shard;
	openings->done = done;
	openings->options = shard->plog_options;
	openings->data_folder = shard->worker.broker->settings->log_dirs;
	return openings;
}

void openings_add(struct openings *openings, const struct hosted_key *key, char *folder, bool clean)
{
	struct opening *list = mem_resize(openings->list, (openings->count + 1) * sizeof(*list));

	list[openings->count++] = (struct opening){.key = *key, .folder = folder, .clean = clean};
	openings->list = list;
}

size_t openings_count(const struct openings *openings)
{
	return openings->count;
}

/* ---- opening ---- */

/* They are made durable together: a topic's thousand partitions cost two syncs. */
static int settle_all(struct env *env, struct openings *openings)
{
	int rc = env_file_system_sync(env, openings->data_folder);

	for (size_t i = 0; rc == 0 && i < openings->count; i++) {
		struct opening *o = &openings->list[i];

		if (o->result == 0 && o->found.unsettled)
			rc = plog_synced(o->log);
	}
	return rc == 0 ? env_file_system_sync(env, openings->data_folder) : rc;
}

static void open_each(struct env *env, struct openings *openings)
{
	for (size_t i = 0; i < openings->count; i++) {
		struct opening *o = &openings->list[i];

		o->result = plog_open(env, o->folder, o->key.topic_id, &openings->options, o->clean,
				      &o->found, &o->log);
	}
}

static void open_together(struct env *env, struct openings *openings)
{
	bool unsettled = false;
	int rc;

	for (size_t i = 0; i < openings->count; i++) {
		struct opening *o = &openings->list[i];

		o->result = plog_open_unsynced(env, o->folder, o->key.topic_id, &openings->options,
					       o->clean, &o->found, &o->log);
		unsettled |= o->result == 0 && o->found.unsettled;
	}
	rc = unsettled ? settle_all(env, openings) : 0;
	for (size_t i = 0; rc < 0 && i < openings->count; i++) {
		if (openings->list[i].result == 0)
			plog_close(openings->list[i].log);
		openings->list[i].result = rc;
	}
}

static void open_all(struct env *env, struct env_task *task)
{
	struct openings *openings = container_of(task, struct openings, task);

	if (openings->count < TOGETHER_FROM)
		open_each(env, openings);
	else
		open_together(env, openings);
}

static void all_are_open(struct env_task *task)
{
	struct openings *openings = container_of(task, struct openings, task);

	openings->is_under_way = false;
	if (openings->shard)
		openings->done(openings->shard);
	else
		openings_free(openings);
}

static void drop(struct env *env, struct env_task *task)
{
	struct openings *openings = container_of(task, struct openings, task);

	(void)env;
	openings->is_under_way = false;
	openings_free(openings);
}

void openings_start(struct openings *openings)
{
	openings->is_under_way = true;
	openings->task.run = open_all;
	openings->task.done = all_are_open;
	openings->task.dropped = drop;
	env_task(openings->shard->worker.env, &openings->task);
}

int openings_take(struct openings *openings, const struct hosted_key *key,
		  struct plog_opening *ret_opening, struct plog **ret_log)
{
	for (size_t i = 0; i < openings->count; i++) {
		struct opening *o = &openings->list[(openings->next + i) % openings->count];

		if (o->is_taken || o->key.partition != key->partition ||
		    !uuid_equal(o->key.topic_id, key->topic_id))
			continue;
		openings->next += i + 1;
		o->is_taken = true;
		*ret_opening = o->found;
		*ret_log = o->log;
		return o->result;
	}
	return -ENOENT;
}

void openings_free(struct openings *openings)
{
	if (!openings)
		return;
	openings->shard = NULL;
	if (openings->is_under_way)
		return;
	for (size_t i = 0; i < openings->count; i++) {
		if (!openings->list[i].is_taken && openings->list[i].result == 0)
			plog_close(openings->list[i].log);
		mem_free(openings->list[i].folder);
	}
	mem_free(openings->list);
	mem_free(openings);
}

/* ---- destroying ---- */

struct destruction {
	struct env_task task;
	struct uuid topic_id;
	char *folder;
};

static void destroy(struct env *env, struct env_task *task)
{
	struct destruction *d = container_of(task, struct destruction, task);

	plog_destroy(env, d->folder, d->topic_id);
}

static void is_destroyed(struct env_task *task)
{
	struct destruction *d = container_of(task, struct destruction, task);

	mem_free(d->folder);
	mem_free(d);
}

/* The next start finds a folder that no topic has. */
static void is_not_destroyed(struct env *env, struct env_task *task)
{
	(void)env;
	is_destroyed(task);
}

void openings_destroy(struct shard *shard, struct uuid topic_id, char *folder)
{
	struct destruction *d = mem_alloc(sizeof(*d));

	d->task.run = destroy;
	d->task.done = is_destroyed;
	d->task.dropped = is_not_destroyed;
	d->topic_id = topic_id;
	d->folder = folder;
	env_task(shard->worker.env, &d->task);
}
