/* Owns flush tickets between the loop that asks and the loop that is answered: group commit for all
 * files of the process.
 *
 * A file in here:
 *
 *     idle --add_ticket--> queued --take_*--> flushing --finish--> idle
 *                            ^                              |
 *                            +---- finish, when tickets ----+
 *                                  came meanwhile
 *
 * Invariants:
 *  1. A ticket is answered by a flush that began after the ticket was handed over, so it covers
 *     every byte written before; all tickets that wait for a file share its next flush.
 *  2. A file is flushed by one helper at a time.
 *  3. When syncfs_from_files files wait on the data file system, one syncfs takes them all. While
 *     it runs, files of that system gather for the next round. Fewer are taken one by one, by as
 *     many helpers as are free.
 *  4. A failed flush fails all its tickets, and a failed syncfs all files of its round: the kernel
 *     does not say whose bytes were lost, and does not say it twice.
 *  5. The ticket holds the file until its callback has run.
 *
 * A loop hands its tickets over at the end of a round, together: hundred logs that were written in
 * one round wait for one syncfs, not for a few fdatasyncs and then for a syncfs. */
#include "os/os_int.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* ---- the queue; all under the lock ---- */

static void queue_init(struct os_file_queue *queue)
{
	*queue = (struct os_file_queue){.end = &queue->first};
}

static void queue_put(struct os_file_queue *queue, struct env_file *file)
{
	file->queue_next = NULL;
	*queue->end = file;
	queue->end = &file->queue_next;
	queue->count++;
}

static void put_file(struct os_flush *flush, struct env_file *file)
{
	file->in_flush = true;
	queue_put(file->on_data_system ? &flush->on_data_system : &flush->elsewhere, file);
}

static void add_ticket(struct os_flush *flush, struct env_flush *ticket)
{
	struct env_file *file = ticket->file;

	ticket->next = NULL;
	*file->waiting_end = ticket;
	file->waiting_end = &ticket->next;
	flush->counts.tickets++;
	if (!file->in_flush)
		put_file(flush, file);
}

/* Invariant 1: from here on a new ticket waits for the flush after this one. */
static void begin_flush(struct env_file *file)
{
	file->flushing = file->waiting;
	file->waiting = NULL;
	file->waiting_end = &file->waiting;
}

static struct env_file *take_one(struct os_file_queue *queue)
{
	struct env_file *file = queue->first;

	queue->first = file->queue_next;
	if (--queue->count == 0)
		queue->end = &queue->first;
	file->queue_next = NULL;
	begin_flush(file);
	return file;
}

static struct env_file *take_all(struct os_file_queue *queue)
{
	struct env_file *files = queue->first;

	queue_init(queue);
	for (struct env_file *file = files; file; file = file->queue_next)
		begin_flush(file);
	return files;
}

/* Returns the tickets that are answered, chained. The files may be gone once those are. */
static struct env_flush *finish(struct os_flush *flush, struct env_file *files, int result)
{
	struct env_flush *answered = NULL, **end = &answered;

	while (files) {
		struct env_file *file = files;

		files = file->queue_next;
		*end = file->flushing;
		for (; *end; end = &(*end)->next)
			(*end)->result = result;
		file->flushing = NULL;
		file->in_flush = false;
		if (file->waiting)
			put_file(flush, file);
	}
	return answered;
}

/* ---- the helpers ---- */

static void answer(struct env_flush *ticket)
{
	while (ticket) {
		struct env_flush *next = ticket->next;

		os_loop_push(os_loop_of(ticket->home), &ticket->back);
		ticket = next;
	}
}

static int flush_file(const struct env_file *file)
{
	int rc;

	do
		rc = file->is_folder ? fsync(file->fd) : fdatasync(file->fd);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

/* Called with the lock held, which it gives up meanwhile. */
static void run_flush(struct os_flush *flush, struct env_file *files, bool whole_system)
{
	struct env_flush *answered;
	uint64_t began_us, took_us;
	int result;

	pthread_mutex_unlock(&flush->helpers.lock);
	began_us = os_now_us(NULL);
	if (whole_system)
		result = syncfs(flush->data_folder_fd) < 0 ? -errno : 0;
	else
		result = flush_file(files);
	took_us = os_now_us(NULL) - began_us;
	pthread_mutex_lock(&flush->helpers.lock);
	if (whole_system) {
		flush->syncfs_running = false;
		flush->counts.syncfs++;
		histogram_add(&flush->counts.syncfs_time, took_us);
		pthread_cond_broadcast(&flush->helpers.work);
	} else {
		flush->counts.fdatasyncs++;
		histogram_add(&flush->counts.fdatasync_time, took_us);
	}
	flush->counts.failures += result < 0;
	answered = finish(flush, files, result);
	pthread_mutex_unlock(&flush->helpers.lock);
	answer(answered);
	pthread_mutex_lock(&flush->helpers.lock);
}

static void *flush_helper(void *context)
{
	struct os_flush *flush = context;
	struct os_file_queue *data = &flush->on_data_system;

	pthread_mutex_lock(&flush->helpers.lock);
	while (!flush->helpers.stopping) {
		if (flush->elsewhere.count > 0) {
			run_flush(flush, take_one(&flush->elsewhere), false);
		} else if (flush->syncfs_running || data->count == 0) {
			pthread_cond_wait(&flush->helpers.work, &flush->helpers.lock);
		} else if (data->count >= flush->syncfs_from_files) {
			flush->syncfs_running = true;
			run_flush(flush, take_all(data), true);
		} else {
			run_flush(flush, take_one(data), false);
		}
	}
	pthread_mutex_unlock(&flush->helpers.lock);
	return NULL;
}

/* ---- the loops' side ---- */

static void answered_at_home(struct env *here, struct env_message *message)
{
	struct env_flush *ticket = OS_CONTAINER(message, struct env_flush, back);
	struct env_file *file = ticket->file;

	ticket->done(ticket, ticket->result);
	os_file_unref(here, file);
}

void os_flush_ask(struct env *env, struct env_flush *ticket)
{
	struct os_loop *loop = os_loop_of(env);

	os_file_ref(ticket->file);
	ticket->home = env;
	ticket->back.run = answered_at_home;
	ticket->next = loop->flushes;
	loop->flushes = ticket;
}

void os_flush_submit(struct os_flush *flush, struct env_flush *tickets)
{
	struct env_flush *oldest = NULL;

	while (tickets) {
		struct env_flush *next = tickets->next;

		tickets->next = oldest;
		oldest = tickets;
		tickets = next;
	}
	pthread_mutex_lock(&flush->helpers.lock);
	while (oldest) {
		struct env_flush *next = oldest->next;

		add_ticket(flush, oldest);
		oldest = next;
	}
	if (flush->elsewhere.count + flush->on_data_system.count > 1)
		pthread_cond_broadcast(&flush->helpers.work);
	else
		pthread_cond_signal(&flush->helpers.work);
	pthread_mutex_unlock(&flush->helpers.lock);
}

void os_flush_init(struct os_flush *flush)
{
	os_helpers_init(&flush->helpers);
	flush->data_folder_fd = -1;
	queue_init(&flush->on_data_system);
	queue_init(&flush->elsewhere);
}

int os_flush_start(struct os_flush *flush, const struct os_options *options)
{
	if (options->data_folder) {
		flush->data_folder_fd =
			open(options->data_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (flush->data_folder_fd < 0)
			return -errno;
	}
	flush->syncfs_from_files = options->syncfs_from_files;
	return os_helpers_start(&flush->helpers, options->flush_helpers, "flush", flush_helper,
				flush);
}

void os_flush_done(struct os_flush *flush)
{
	os_helpers_done(&flush->helpers);
	if (flush->data_folder_fd >= 0)
		close(flush->data_folder_fd);
}
