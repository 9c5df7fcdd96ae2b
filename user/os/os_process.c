/* Owns the process: its loops, their threads, its signals.
 *
 *     new --run--> loops run --stop--> threads joined, run returns --free--> gone
 *
 * Invariants:
 *  1. SIGTERM and SIGINT are blocked before the first thread exists, so that they reach the control
 *     loop only, through a signalfd.
 *  2. No helper or loop runs when its loops' memory is freed. */
#include "os/os_int.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct env_ops os_ops = {
	.now_us = os_now_us,
	.wall_ms = os_wall_ms,
	.random_bytes = os_random_bytes,
	.timer_start = os_timer_start,
	.timer_stop = os_timer_stop,
	.post = os_post,
	.file_open = os_file_open,
	.file_ref = os_file_ref,
	.file_unref = os_file_unref,
	.file_size = os_file_size,
	.file_read = os_file_read,
	.file_read_cached = os_file_read_cached,
	.file_is_cached = os_file_is_cached,
	.file_write = os_file_write,
	.file_truncate = os_file_truncate,
	.file_sync = os_file_sync,
	.folder_create = os_folder_create,
	.folder_sync = os_folder_sync,
	.file_system_sync = os_file_system_sync,
	.folder_list = os_folder_list,
	.folder_lock = os_folder_lock,
	.path_rename = os_path_rename,
	.path_remove = os_path_remove,
	.flush = os_flush_ask,
	.read_ahead = os_read_ahead_ask,
	.task = os_task_ask,
	.listen = os_listen,
	.accept = os_accept,
	.connect = os_connect,
	.socket_watch = os_socket_watch,
	.socket_receive = os_socket_receive,
	.socket_send = os_socket_send,
	.socket_send_file = os_socket_send_file,
	.socket_cork = os_socket_cork,
	.socket_unsent = os_socket_unsent,
	.socket_error = os_socket_error,
	.socket_local = os_socket_local,
	.socket_peer = os_socket_peer,
	.socket_close = os_socket_close,
	.socket_detach = os_socket_detach,
	.socket_attach = os_socket_attach,
	.datagrams_open = os_datagrams_open,
	.datagrams_send = os_datagrams_send,
	.datagrams_receive = os_datagrams_receive,
};

static struct os_loop *control_loop(struct os_process *process)
{
	return &process->loops[process->loop_count - 1];
}

/* ---- signals ---- */

static void signal_came(struct os_watch *watch, uint32_t polled)
{
	struct os_process *process = OS_CONTAINER(watch, struct os_process, signals);
	struct signalfd_siginfo info;

	(void)polled;
	if (read(process->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (process->options.signalled)
		process->options.signalled(process, (int)info.ssi_signo, process->options.context);
	else
		os_process_stop(process);
}

static void block_signals(struct os_process *process, sigset_t *ret_blocked)
{
	sigemptyset(ret_blocked);
	sigaddset(ret_blocked, SIGTERM);
	sigaddset(ret_blocked, SIGINT);
	pthread_sigmask(SIG_BLOCK, ret_blocked, &process->mask_before);
	signal(SIGPIPE, SIG_IGN); /* sendfile(2) knows no MSG_NOSIGNAL */
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is a failed write (R46), not a sudden end */
}

static int watch_signals(struct os_process *process, const sigset_t *blocked)
{
	process->signal_fd = signalfd(-1, blocked, SFD_NONBLOCK | SFD_CLOEXEC);
	if (process->signal_fd < 0)
		return -errno;
	process->signals.ready = signal_came;
	os_loop_control(control_loop(process), EPOLL_CTL_ADD, process->signal_fd, EPOLLIN,
			&process->signals);
	return 0;
}

/* ---- life ---- */

static void set_defaults(struct os_process *process, const struct os_options *options)
{
	struct os_options *o = &process->options;

	*o = *options;
	o->flush_helpers = o->flush_helpers ? o->flush_helpers : OS_FLUSH_HELPERS;
	o->read_helpers = o->read_helpers ? o->read_helpers : OS_READ_HELPERS;
	o->syncfs_from_files = o->syncfs_from_files ? o->syncfs_from_files : OS_SYNCFS_FROM_FILES;
	os_log_init(&process->log, STDERR_FILENO, o->log_level);
	if (!o->log)
		o->log = &process->log.log;
}

static struct os_process *process_new(const struct os_options *options, unsigned loops)
{
	struct os_process *process = mem_alloc(sizeof(*process));

	set_defaults(process, options);
	process->signal_fd = -1;
	process->loop_count = loops;
	process->loops = mem_alloc(loops * sizeof(*process->loops));
	process->threads = mem_alloc(loops * sizeof(*process->threads));
	pthread_mutex_init(&process->folder_locks_lock, NULL);
	os_flush_init(&process->flush);
	os_read_ahead_init(&process->reads);
	os_tasks_init(&process->tasks);
	for (unsigned i = 0; i < loops; i++) {
		process->loops[i].epoll_fd = process->loops[i].wake_fd = -1;
		process->loops[i].env = (struct env){.ops = &os_ops, .log = process->options.log};
	}
	return process;
}

static int find_data_device(struct os_process *process)
{
	struct stat status;

	if (!process->options.data_folder)
		return 0;
	if (stat(process->options.data_folder, &status) < 0)
		return -errno;
	process->data_device = status.st_dev;
	return 0;
}

int os_process_new(const struct os_options *options, unsigned loops,
		   struct os_process **ret_process)
{
	struct os_process *process = process_new(options, loops);
	sigset_t blocked;
	int rc = 0;

	assert(loops > 0); /* the last is the control loop */
	block_signals(process, &blocked);
	for (unsigned i = 0; rc == 0 && i < loops; i++)
		rc = os_loop_init(&process->loops[i], process, i);
	if (rc == 0)
		rc = watch_signals(process, &blocked);
	if (rc == 0)
		rc = find_data_device(process);
	if (rc == 0)
		rc = os_flush_start(&process->flush, &process->options);
	if (rc == 0)
		rc = os_read_ahead_start(&process->reads, process->options.read_helpers);
	if (rc == 0)
		rc = os_tasks_start(&process->tasks);
	if (rc < 0)
		goto fail;
	*ret_process = process;
	return 0;
fail:
	os_process_free(process);
	return rc;
}

void os_process_free(struct os_process *process)
{
	if (!process)
		return;
	os_flush_done(&process->flush);
	os_read_ahead_done(&process->reads);
	os_tasks_done(&process->tasks);
	for (unsigned i = 0; i < process->loop_count; i++)
		os_loop_done(&process->loops[i]);
	if (process->signal_fd >= 0)
		close(process->signal_fd);
	os_folder_unlock_all(process);
	pthread_mutex_destroy(&process->folder_locks_lock);
	pthread_sigmask(SIG_SETMASK, &process->mask_before, NULL);
	mem_free(process->threads);
	mem_free(process->loops);
	mem_free(process);
}

struct env *os_process_env(struct os_process *process, unsigned shard)
{
	return &process->loops[shard].env;
}

void os_process_flush_counts(struct os_process *process, struct os_flush_counts *ret_counts)
{
	pthread_mutex_lock(&process->flush.helpers.lock);
	*ret_counts = process->flush.counts;
	pthread_mutex_unlock(&process->flush.helpers.lock);
}

/* ---- running ---- */

/* What is under way between loops at their end goes to and fro a few times at most. */
enum { SETTLE_ROUNDS = 16 };

static void *run_loop(void *context)
{
	struct os_loop *loop = context;
	struct os_process *process = loop->process;

	if (process->start)
		process->start(&loop->env, process->start_context);
	while (!atomic_load(&process->stopping))
		os_loop_turn(loop, UINT64_MAX);
	return NULL;
}

int os_process_run(struct os_process *process, void (*start)(struct env *env, void *context),
		   void *context)
{
	unsigned started = 0;
	int rc = 0;

	process->start = start;
	process->start_context = context;
	while (rc == 0 && started < process->loop_count - 1) {
		rc = -pthread_create(&process->threads[started], NULL, run_loop,
				     &process->loops[started]);
		if (rc == 0) {
			os_thread_set_name(process->threads[started], "shard", started);
			started++;
		}
	}
	if (rc == 0)
		run_loop(control_loop(process));
	else
		os_process_stop(process);
	while (started > 0)
		pthread_join(process->threads[--started], NULL);
	return rc;
}

void os_process_settle(struct os_process *process)
{
	for (int round = 0; round < SETTLE_ROUNDS; round++)
		for (unsigned i = 0; i < process->loop_count; i++)
			os_loop_deliver(&process->loops[i]);
}

void os_process_turn(struct os_process *process, uint64_t wait_us)
{
	os_loop_turn(control_loop(process), wait_us);
}

void os_process_stop(struct os_process *process)
{
	atomic_store(&process->stopping, true);
	for (unsigned i = 0; i < process->loop_count; i++)
		os_loop_wake(&process->loops[i]);
}
