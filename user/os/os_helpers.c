/* Owns the life of helper threads: they are few, they wait for disks, and they run nothing but what
 * os_flush.c, os_read_ahead.c and os_task.c give them. */
#include "os/os_int.h"

#include "base/mem.h"

#include <stdio.h>

enum { OS_THREAD_NAME_BYTES = 16 /* the kernel's limit */ };

void os_thread_set_name(pthread_t thread, const char *name, unsigned number)
{
	char whole[OS_THREAD_NAME_BYTES];

	snprintf(whole, sizeof(whole), "%.11s-%u", name, number % 1000);
	pthread_setname_np(thread, whole);
}

void os_helpers_init(struct os_helpers *helpers)
{
	*helpers = (struct os_helpers){0};
	pthread_mutex_init(&helpers->lock, NULL);
	pthread_cond_init(&helpers->work, NULL);
}

int os_helpers_start(struct os_helpers *helpers, unsigned count, const char *name,
		     void *(*run)(void *context), void *context)
{
	helpers->threads = mem_alloc(count * sizeof(*helpers->threads));
	while (helpers->count < count) {
		int rc = pthread_create(&helpers->threads[helpers->count], NULL, run, context);

		if (rc)
			return -rc;
		os_thread_set_name(helpers->threads[helpers->count], name, helpers->count);
		helpers->count++;
	}
	return 0;
}

void os_helpers_stop(struct os_helpers *helpers)
{
	pthread_mutex_lock(&helpers->lock);
	helpers->stopping = true;
	pthread_cond_broadcast(&helpers->work);
	pthread_mutex_unlock(&helpers->lock);
	while (helpers->count > 0)
		pthread_join(helpers->threads[--helpers->count], NULL);
}

void os_helpers_done(struct os_helpers *helpers)
{
	os_helpers_stop(helpers);
	mem_free(helpers->threads);
	pthread_cond_destroy(&helpers->work);
	pthread_mutex_destroy(&helpers->lock);
}
