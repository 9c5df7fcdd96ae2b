/* Owns cold reads between the loop that asks and the loop that is answered. A helper reads the
 * piece into the page cache and is done when all of it was there once: readahead(2) starts the
 * disk, reading through the piece waits for it and learns of errors. The request holds the file
 * until its callback has run. */
#include "os/os_int.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int warm(const struct env_read_ahead *read, char *scratch)
{
	int64_t at = read->position, end = read->position + (int64_t)read->size;

	/* Failure is no matter: then the reads below go to the disk in order. */
	readahead(read->file->fd, at, read->size);
	while (at < end) {
		size_t size = end - at < OS_READ_AHEAD_BYTES ? (size_t)(end - at)
							     : OS_READ_AHEAD_BYTES;
		ssize_t got = pread(read->file->fd, scratch, size, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		at += got;
	}
	return 0;
}

static struct env_read_ahead *take(struct os_read_ahead *reads)
{
	struct env_read_ahead *read = reads->first;

	reads->first = read->next;
	if (!reads->first)
		reads->end = &reads->first;
	return read;
}

static void *read_helper(void *context)
{
	struct os_read_ahead *reads = context;
	char scratch[OS_READ_AHEAD_BYTES];

	pthread_mutex_lock(&reads->helpers.lock);
	while (!reads->helpers.stopping) {
		struct env_read_ahead *read;

		if (!reads->first) {
			pthread_cond_wait(&reads->helpers.work, &reads->helpers.lock);
			continue;
		}
		read = take(reads);
		pthread_mutex_unlock(&reads->helpers.lock);
		read->result = warm(read, scratch);
		os_loop_push(os_loop_of(read->home), &read->back);
		pthread_mutex_lock(&reads->helpers.lock);
	}
	pthread_mutex_unlock(&reads->helpers.lock);
	return NULL;
}

static void answered_at_home(struct env *here, struct env_message *message)
{
	struct env_read_ahead *read = OS_CONTAINER(message, struct env_read_ahead, back);
	struct env_file *file = read->file;

	read->done(read, read->result);
	os_file_unref(here, file);
}

void os_read_ahead_ask(struct env *env, struct env_read_ahead *read)
{
	struct os_read_ahead *reads = &os_loop_of(env)->process->reads;

	os_file_ref(read->file);
	read->home = env;
	read->back.run = answered_at_home;
	read->next = NULL;
	pthread_mutex_lock(&reads->helpers.lock);
	*reads->end = read;
	reads->end = &read->next;
	pthread_cond_signal(&reads->helpers.work);
	pthread_mutex_unlock(&reads->helpers.lock);
}

void os_read_ahead_init(struct os_read_ahead *reads)
{
	os_helpers_init(&reads->helpers);
	reads->end = &reads->first;
}

int os_read_ahead_start(struct os_read_ahead *reads, unsigned count)
{
	return os_helpers_start(&reads->helpers, count, "read", read_helper, reads);
}

void os_read_ahead_done(struct os_read_ahead *reads)
{
	os_helpers_done(&reads->helpers);
}
