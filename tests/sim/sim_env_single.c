/* Owns one simulated loop: its clock, timers, messages and tickets, each in the order they came.
 * Leaves files to sim_disk. Calls that unit tests of logs have no use for (the network) are absent
 * from the table, so using one crashes at once. */
#include "sim/sim_env_single.h"

#include "base/mem.h"
#include "base/timer_heap.h"

#include <assert.h>

enum { SETTLE_ROUNDS = 1000000 };

struct ticket { /* a flush under way */
	struct env_flush *flush;
	struct sim_flush *begun;
	struct ticket *next;
};

struct sim_env_single {
	struct env env;
	struct log log;
	struct sim_disk *disk;
	struct timer_heap timers;
	uint64_t now_us;
	uint64_t random;
	unsigned errors;
	bool hold;
	struct env_message *first, **end;
	struct ticket *tickets, **tickets_end;
};

static struct sim_env_single *of(struct env *env)
{
	return (struct sim_env_single *)(void *)env; /* its first member */
}

/* ---- clock, timers, messages ---- */

static uint64_t now_us(struct env *env)
{
	return of(env)->now_us;
}

static int64_t wall_ms(struct env *env)
{
	return 1700000000000 + (int64_t)(of(env)->now_us / 1000);
}

static void random_bytes(struct env *env, void *bytes, size_t size)
{
	uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++) {
		of(env)->random = of(env)->random * 6364136223846793005u + 1442695040888963407u;
		at[i] = (uint8_t)(of(env)->random >> 56);
	}
}

static void timer_start(struct env *env, struct env_timer *timer, uint64_t deadline_us)
{
	timer_heap_start(&of(env)->timers, timer, deadline_us);
}

static void timer_stop(struct env *env, struct env_timer *timer)
{
	timer_heap_stop(&of(env)->timers, timer);
}

static void post(struct env *env, unsigned shard, struct env_message *message)
{
	struct sim_env_single *single = of(env);

	assert(shard == env->shard);
	message->next = NULL;
	*single->end = message;
	single->end = &message->next;
}

/* ---- files ---- */

static int file_open(struct env *env, const char *path, unsigned flags, struct env_file **ret)
{
	return sim_disk_open(of(env)->disk, path, flags, ret);
}

static void file_unref(struct env *env, struct env_file *file)
{
	(void)env;
	sim_disk_unref(file);
}

static int64_t file_size(struct env *env, struct env_file *file)
{
	(void)env;
	return sim_disk_size(file);
}

static ssize_t file_read(struct env *env, struct env_file *file, void *bytes, size_t size,
			 int64_t position)
{
	(void)env;
	return sim_disk_read(file, bytes, size, position);
}

static ssize_t file_read_cached(struct env *env, struct env_file *file, void *bytes, size_t size,
				int64_t position)
{
	(void)env;
	return sim_disk_read_cached(file, bytes, size, position);
}

static bool file_is_cached(struct env *env, struct env_file *file, int64_t position, size_t size)
{
	(void)env;
	return sim_disk_is_cached(file, position, size);
}

static int file_write(struct env *env, struct env_file *file, const struct iovec *pieces, int count,
		      int64_t position)
{
	(void)env;
	return sim_disk_write(file, pieces, count, position);
}

static int file_truncate(struct env *env, struct env_file *file, int64_t size)
{
	(void)env;
	return sim_disk_truncate(file, size);
}

static int file_sync(struct env *env, struct env_file *file)
{
	(void)env;
	return sim_disk_sync(file);
}

static int folder_create(struct env *env, const char *path)
{
	return sim_disk_folder_create(of(env)->disk, path);
}

static int folder_sync(struct env *env, const char *path)
{
	return sim_disk_folder_sync(of(env)->disk, path);
}

static int file_system_sync(struct env *env, const char *path)
{
	(void)path;
	return sim_disk_sync_all(of(env)->disk);
}

static int folder_list(struct env *env, const char *path,
		       void (*each)(void *context, const char *name), void *context)
{
	return sim_disk_folder_list(of(env)->disk, path, each, context);
}

static int path_rename(struct env *env, const char *from, const char *to)
{
	return sim_disk_rename(of(env)->disk, from, to);
}

static int path_remove(struct env *env, const char *path)
{
	return sim_disk_remove(of(env)->disk, path);
}

static void flush(struct env *env, struct env_flush *flush_ticket)
{
	struct sim_env_single *single = of(env);
	struct ticket *ticket = mem_alloc(sizeof(*ticket));

	flush_ticket->home = env;
	ticket->flush = flush_ticket;
	ticket->begun = sim_disk_flush_begin(flush_ticket->file);
	*single->tickets_end = ticket;
	single->tickets_end = &ticket->next;
}

static void read_ahead_done(struct env *here, struct env_message *message)
{
	struct env_read_ahead *read =
		(struct env_read_ahead *)(void *)((char *)message -
						  offsetof(struct env_read_ahead, back));

	sim_disk_warm(read->file, read->position, read->size);
	sim_disk_unref(read->file);
	(void)here;
	read->done(read, 0);
}

static void read_ahead(struct env *env, struct env_read_ahead *read)
{
	sim_disk_ref(read->file);
	read->home = env;
	read->back.run = read_ahead_done;
	post(env, env->shard, &read->back);
}

static void task_run(struct env *here, struct env_message *message)
{
	struct env_task *task =
		(struct env_task *)(void *)((char *)message - offsetof(struct env_task, back));

	task->run(here, task);
	task->done(task);
}

static void task_ask(struct env *env, struct env_task *task)
{
	task->home = env;
	task->back.run = task_run;
	post(env, env->shard, &task->back);
}

static const struct env_ops operations = {
	.now_us = now_us,
	.wall_ms = wall_ms,
	.random_bytes = random_bytes,
	.timer_start = timer_start,
	.timer_stop = timer_stop,
	.post = post,
	.file_open = file_open,
	.file_ref = sim_disk_ref,
	.file_unref = file_unref,
	.file_size = file_size,
	.file_read = file_read,
	.file_read_cached = file_read_cached,
	.file_is_cached = file_is_cached,
	.file_write = file_write,
	.file_truncate = file_truncate,
	.file_sync = file_sync,
	.folder_create = folder_create,
	.folder_sync = folder_sync,
	.file_system_sync = file_system_sync,
	.folder_list = folder_list,
	.path_rename = path_rename,
	.path_remove = path_remove,
	.flush = flush,
	.read_ahead = read_ahead,
	.task = task_ask,
};

/* ---- the loop ---- */

static void count_errors(struct log *log, enum log_level level, const char *line)
{
	struct sim_env_single *single =
		(void *)((char *)log - offsetof(struct sim_env_single, log));

	(void)line;
	single->errors += level == LOG_ERROR;
}

struct sim_env_single *sim_env_single_new(struct sim_disk *disk)
{
	struct sim_env_single *single = mem_alloc(sizeof(*single));

	single->log = (struct log){.write = count_errors, .level = LOG_DEBUG};
	single->env = (struct env){.ops = &operations, .log = &single->log};
	single->disk = disk;
	single->now_us = 1000000;
	single->end = &single->first;
	single->tickets_end = &single->tickets;
	return single;
}

struct env *sim_env_single_env(struct sim_env_single *single)
{
	return &single->env;
}

bool sim_env_single_flush_one(struct sim_env_single *single)
{
	struct ticket *ticket = single->tickets;
	struct env_flush *done;
	int rc;

	if (!ticket)
		return false;
	single->tickets = ticket->next;
	if (!single->tickets)
		single->tickets_end = &single->tickets;
	done = ticket->flush;
	rc = sim_disk_flush_end(ticket->begun);
	mem_free(ticket);
	done->done(done, rc);
	return true;
}

static bool run_message(struct sim_env_single *single)
{
	struct env_message *message = single->first;

	if (!message)
		return false;
	single->first = message->next;
	if (!single->first)
		single->end = &single->first;
	message->run(&single->env, message);
	return true;
}

static bool run_timer(struct sim_env_single *single)
{
	struct env_timer *timer = timer_heap_take_due(&single->timers, single->now_us);

	if (timer)
		timer->fire(timer);
	return timer != NULL;
}

void sim_env_single_settle(struct sim_env_single *single)
{
	for (int round = 0; round < SETTLE_ROUNDS; round++) {
		bool busy = run_message(single) || run_timer(single);

		if (!busy && (single->hold || !sim_env_single_flush_one(single)))
			return;
	}
	assert(!"the loop never comes to rest");
}

void sim_env_single_advance(struct sim_env_single *single, uint64_t microseconds)
{
	single->now_us += microseconds;
	sim_env_single_settle(single);
}

void sim_env_single_hold_flushes(struct sim_env_single *single, bool hold)
{
	single->hold = hold;
}

unsigned sim_env_single_errors(const struct sim_env_single *single)
{
	return single->errors;
}

void sim_env_single_free(struct sim_env_single *single)
{
	/* What a crash leaves under way is answered: its owner frees itself then. */
	single->hold = false;
	sim_env_single_settle(single);
	timer_heap_done(&single->timers);
	mem_free(single);
}
