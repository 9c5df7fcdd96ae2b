/* Owns files as the loops see them: sim_disk below, with time, tickets and cold pages added.
 *
 * Invariants:
 *  1. A flush covers exactly what was written when the disk took it up, which is at once or a
 *     little later, and is answered later still.
 *  2. A ticket of a process that has ended is never answered; its file is let go.
 *  3. After the end of the process nothing changes on its disk. */
#include "sim/sim_int.h"

#include "base/mem.h"
#include "sim/sim_disk.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

enum {
	FLUSH_LEAST_US = 100,
	FLUSH_MOST_US = 5000,
	FLUSH_SLOW_US = 50000,
	FLUSH_SLOW_ONE_IN = 200,
	MISS_ONE_IN = 200, /* cached reads that find nothing, though they would have */
	WAIT_LEAST_US = 20,
	WAIT_MOST_US = 300,
};

struct sim_lock {
	char *path;
	struct sim_lock *next;
};

static struct sim_disk *disk_of(struct env *env)
{
	return sim_process_here(env)->disk;
}

static bool is_over(struct env *env)
{
	return !sim_process_here(env)->is_running;
}

/* Something that waits for the disk. */
static void wait_for_disk(struct env *env)
{
	struct sim_process *process = sim_process_here(env);
	uint64_t us = sim_random_between(&process->world->random, WAIT_LEAST_US, WAIT_MOST_US);

	if (process->in_task) {
		process->task_us += us * process->disk_slowness;
		return;
	}
	process->loop_waits[env->shard] += sim_loop_of(env)->in_turn;
	sim_loop_spend(env, us);
}

/* ---- files ---- */

int sim_file_open(struct env *env, const char *path, unsigned flags, struct env_file **ret)
{
	return is_over(env) ? -EIO : sim_disk_open(disk_of(env), path, flags, ret);
}

struct env_file *sim_file_ref(struct env_file *file)
{
	return sim_disk_ref(file);
}

void sim_file_unref(struct env *env, struct env_file *file)
{
	(void)env;
	sim_disk_unref(file);
}

int64_t sim_file_size(struct env *env, struct env_file *file)
{
	(void)env;
	return sim_disk_size(file);
}

ssize_t sim_file_read(struct env *env, struct env_file *file, void *bytes, size_t size,
		      int64_t position)
{
	(void)env;
	return sim_disk_read(file, bytes, size, position);
}

static bool draws_a_miss(struct env *env)
{
	return sim_random_one_in(&sim_process_here(env)->world->random, MISS_ONE_IN);
}

ssize_t sim_file_read_cached(struct env *env, struct env_file *file, void *bytes, size_t size,
			     int64_t position)
{
	return draws_a_miss(env) ? -EAGAIN : sim_disk_read_cached(file, bytes, size, position);
}

bool sim_file_is_cached(struct env *env, struct env_file *file, int64_t position, size_t size)
{
	return !draws_a_miss(env) && sim_disk_is_cached(file, position, size);
}

int sim_file_write(struct env *env, struct env_file *file, const struct iovec *pieces, int count,
		   int64_t position)
{
	return is_over(env) ? -EIO : sim_disk_write(file, pieces, count, position);
}

int sim_file_truncate(struct env *env, struct env_file *file, int64_t size)
{
	return is_over(env) ? -EIO : sim_disk_truncate(file, size);
}

int sim_file_sync(struct env *env, struct env_file *file)
{
	wait_for_disk(env);
	return is_over(env) ? -EIO : sim_disk_sync(file);
}

/* ---- folders ---- */

int sim_folder_create(struct env *env, const char *path)
{
	return is_over(env) ? -EIO : sim_disk_folder_create(disk_of(env), path);
}

int sim_folder_sync(struct env *env, const char *path)
{
	wait_for_disk(env);
	return is_over(env) ? -EIO : sim_disk_folder_sync(disk_of(env), path);
}

int sim_file_system_sync(struct env *env, const char *path)
{
	(void)path;
	wait_for_disk(env);
	return is_over(env) ? -EIO : sim_disk_sync_all(disk_of(env));
}

int sim_folder_list(struct env *env, const char *path,
		    void (*each)(void *context, const char *name), void *context)
{
	return sim_disk_folder_list(disk_of(env), path, each, context);
}

int sim_folder_lock(struct env *env, const char *path)
{
	struct sim_process *process = sim_process_here(env);
	struct sim_lock *lock;

	LL_FOREACH(process->locks, lock)
		if (strcmp(lock->path, path) == 0)
			return -EBUSY;
	lock = mem_alloc(sizeof(*lock));
	lock->path = mem_string(path);
	LL_PREPEND(process->locks, lock);
	return 0;
}

static void unlock_all(struct sim_process *process)
{
	struct sim_lock *lock;

	while ((lock = process->locks)) {
		process->locks = lock->next;
		mem_free(lock->path);
		mem_free(lock);
	}
}

int sim_path_rename(struct env *env, const char *from, const char *to)
{
	return is_over(env) ? -EIO : sim_disk_rename(disk_of(env), from, to);
}

int sim_path_remove(struct env *env, const char *path)
{
	return is_over(env) ? -EIO : sim_disk_remove(disk_of(env), path);
}

/* ---- tickets ---- */

/* A flush, a cold read or a task under way. */
struct sim_ticket {
	struct sim_event step;
	struct sim_process *process;
	struct env_flush *flush; /* one of the three */
	struct env_read_ahead *read;
	struct env_task *task;
	bool has_run;            /* the task has, and its time is passing */
	struct sim_flush *begun; /* once the disk has taken the flush up */
	struct sim_ticket *prev, *next;
};

static uint64_t draw_delay_us(struct sim_process *process)
{
	struct sim_random *random = &process->world->random;
	uint64_t most_us =
		sim_random_one_in(random, FLUSH_SLOW_ONE_IN) ? FLUSH_SLOW_US : FLUSH_MOST_US;

	return sim_random_between(random, FLUSH_LEAST_US, most_us) * process->disk_slowness;
}

static void flush_answered(struct env *here, struct env_message *message)
{
	struct env_flush *flush = SIM_CONTAINER(message, struct env_flush, back);
	struct env_file *file = flush->file;

	flush->done(flush, flush->result);
	sim_file_unref(here, file);
}

static void read_answered(struct env *here, struct env_message *message)
{
	struct env_read_ahead *read = SIM_CONTAINER(message, struct env_read_ahead, back);
	struct env_file *file = read->file;

	read->done(read, read->result);
	sim_file_unref(here, file);
}

static void task_answered(struct env *here, struct env_message *message)
{
	struct env_task *task = SIM_CONTAINER(message, struct env_task, back);

	(void)here;
	task->done(task);
}

/* Between the rounds of loops, whose time it does not take. */
static void task_run(struct sim_ticket *ticket)
{
	struct sim_process *process = ticket->process;

	process->in_task = true;
	process->task_us = 0;
	ticket->task->run(ticket->task->home, ticket->task);
	process->in_task = false;
	ticket->has_run = true;
	sim_event_start(process->world, &ticket->step, process->world->now_us + process->task_us);
}

static void ticket_step(struct sim_event *event)
{
	struct sim_ticket *ticket = SIM_CONTAINER(event, struct sim_ticket, step);
	struct sim_process *process = ticket->process;

	if (ticket->flush && !ticket->begun) {
		ticket->begun = sim_disk_flush_begin(ticket->flush->file);
		sim_event_start(process->world, event,
				process->world->now_us + draw_delay_us(process));
		return;
	}
	if (ticket->task && !ticket->has_run) {
		task_run(ticket);
		return;
	}
	DL_DELETE(process->tickets, ticket);
	if (ticket->flush) {
		ticket->flush->result = sim_disk_flush_end(ticket->begun);
		sim_trace(process->world, "flushed", process->number, ticket->flush->home->shard,
			  (uint64_t)-ticket->flush->result);
		sim_loop_push(sim_loop_of(ticket->flush->home), &ticket->flush->back);
	} else if (ticket->task) {
		sim_loop_push(sim_loop_of(ticket->task->home), &ticket->task->back);
	} else {
		sim_disk_warm(ticket->read->file, ticket->read->position, ticket->read->size);
		ticket->read->result = 0;
		sim_loop_push(sim_loop_of(ticket->read->home), &ticket->read->back);
	}
	mem_free(ticket);
}

static struct sim_ticket *ticket_new(struct env *env, uint64_t delay_us)
{
	struct sim_process *process = sim_process_here(env);
	struct sim_ticket *ticket = mem_alloc(sizeof(*ticket));

	ticket->step.run = ticket_step;
	ticket->process = process;
	DL_APPEND(process->tickets, ticket);
	sim_event_start(process->world, &ticket->step,
			process->world->now_us + sim_loop_of(env)->spent_us + delay_us);
	return ticket;
}

void sim_flush(struct env *env, struct env_flush *flush)
{
	struct sim_process *process = sim_process_here(env);

	if (is_over(env))
		return;
	sim_disk_ref(flush->file);
	flush->home = env;
	flush->back.run = flush_answered;
	ticket_new(env, sim_random_below(&process->world->random, FLUSH_LEAST_US))->flush = flush;
}

void sim_read_ahead(struct env *env, struct env_read_ahead *read)
{
	if (is_over(env))
		return;
	sim_disk_ref(read->file);
	read->home = env;
	read->back.run = read_answered;
	ticket_new(env, draw_delay_us(sim_process_here(env)))->read = read;
}

/* In the order of asking, as the delay is the same for all. */
void sim_task(struct env *env, struct env_task *task)
{
	if (is_over(env))
		return;
	task->home = env;
	task->back.run = task_answered;
	ticket_new(env, FLUSH_LEAST_US)->task = task;
}

void sim_files_cancel(struct sim_process *process)
{
	struct sim_ticket *ticket, *next;

	DL_FOREACH_SAFE(process->tickets, ticket, next) {
		sim_event_stop(process->world, &ticket->step);
		if (ticket->begun)
			sim_disk_flush_end(ticket->begun);
		if (ticket->task)
			ticket->task->dropped(ticket->task->home, ticket->task);
		else
			sim_disk_unref(ticket->flush ? ticket->flush->file : ticket->read->file);
		mem_free(ticket);
	}
	process->tickets = NULL;
	unlock_all(process);
}
