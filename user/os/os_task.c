/* Owns tasks between the loop that asks and the loop that is answered. One helper runs them, so
 * that a folder which one task destroys and the next one makes anew meets them in this order. */
#include "os/os_int.h"

#include <utlist.h>

static struct env_task *take(struct os_tasks *tasks)
{
	struct env_task *task = tasks->asked;

	DL_DELETE(tasks->asked, task);
	DL_APPEND(tasks->unanswered, task);
	return task;
}

static void *task_helper(void *context)
{
	struct os_tasks *tasks = context;

	pthread_mutex_lock(&tasks->helpers.lock);
	while (!tasks->helpers.stopping) {
		struct env_task *task;

		if (!tasks->asked) {
			pthread_cond_wait(&tasks->helpers.work, &tasks->helpers.lock);
			continue;
		}
		task = take(tasks);
		pthread_mutex_unlock(&tasks->helpers.lock);
		task->run(task->home, task);
		os_loop_push(os_loop_of(task->home), &task->back);
		pthread_mutex_lock(&tasks->helpers.lock);
	}
	pthread_mutex_unlock(&tasks->helpers.lock);
	return NULL;
}

static void answered_at_home(struct env *here, struct env_message *message)
{
	struct env_task *task = OS_CONTAINER(message, struct env_task, back);
	struct os_tasks *tasks = &os_loop_of(here)->process->tasks;

	pthread_mutex_lock(&tasks->helpers.lock);
	DL_DELETE(tasks->unanswered, task);
	pthread_mutex_unlock(&tasks->helpers.lock);
	task->done(task);
}

void os_task_ask(struct env *env, struct env_task *task)
{
	struct os_tasks *tasks = &os_loop_of(env)->process->tasks;

	task->home = env;
	task->back.run = answered_at_home;
	pthread_mutex_lock(&tasks->helpers.lock);
	DL_APPEND(tasks->asked, task);
	pthread_cond_signal(&tasks->helpers.work);
	pthread_mutex_unlock(&tasks->helpers.lock);
}

void os_tasks_init(struct os_tasks *tasks)
{
	os_helpers_init(&tasks->helpers);
}

int os_tasks_start(struct os_tasks *tasks)
{
	return os_helpers_start(&tasks->helpers, 1, "task", task_helper, tasks);
}

static void drop_all(struct env_task *list)
{
	struct env_task *task, *next;

	DL_FOREACH_SAFE(list, task, next)
		task->dropped(task->home, task);
}

void os_tasks_done(struct os_tasks *tasks)
{
	os_helpers_done(&tasks->helpers);
	drop_all(tasks->asked);
	drop_all(tasks->unanswered);
}
