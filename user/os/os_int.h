/* What the files of user/os share. Nobody else includes it but their unit tests.
 *
 * Locks: a loop's fields belong to its thread, but for `inbox` and `asleep`. The flush and read
 * queues have a lock each; no lock is held while another is taken, nor over a system call that can
 * wait for a disk. */
#pragma once

#include "base/timer_heap.h"
#include "os/os_env.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>

enum {
	OS_EVENTS_PER_ROUND = 128,
	OS_FLUSH_HELPERS = 4,
	OS_READ_HELPERS = 2,
	OS_SYNCFS_FROM_FILES = 8,
	OS_LISTEN_BACKLOG = 4096,
	OS_ACCEPT_REST_US = 100000,
	OS_ACCEPT_TRIES = 16,
	OS_CACHE_PROBE_BYTES = 128 * 1024, /* one probed byte stands for so many */
	OS_READ_AHEAD_BYTES = 128 * 1024,
	OS_WRITE_PIECES = 64,
	OS_DATAGRAM_BUFFERS = 8, /* filled by one receive, each with what one sender sent */
	OS_DATAGRAM_QUEUE_BYTES = 4 * 1024 * 1024, /* asked of the kernel, which may give less */
};

#define OS_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* ---- loops (os_loop.c) ---- */

/* What epoll hands back. */
struct os_watch {
	void (*ready)(struct os_watch *watch, uint32_t polled);
};

struct os_messages {
	struct env_message *first;
	struct env_message *last;
};

struct os_loop {
	struct env env;
	struct os_process *process;
	int epoll_fd;
	int wake_fd; /* an eventfd */
	struct os_watch wake;
	struct timer_heap timers;
	uint64_t firing_us; /* while due timers fire: the time of that pass; else 0 */
	struct os_messages own; /* posted by this loop to itself */
	struct env_flush *flushes; /* asked for in this round, newest first */
	struct epoll_event events[OS_EVENTS_PER_ROUND];
	int event_next; /* events[event_next..event_count) are yet to be delivered */
	int event_count;
	_Atomic(struct env_message *) inbox; /* from other threads, newest first */
	atomic_bool asleep; /* may be waiting in epoll: who posts must wake it */
};

static inline struct os_loop *os_loop_of(struct env *env)
{
	return OS_CONTAINER(env, struct os_loop, env);
}

/* Runs the messages that have arrived. */
void os_loop_deliver(struct os_loop *loop);

int os_loop_init(struct os_loop *loop, struct os_process *process, unsigned shard);
void os_loop_done(struct os_loop *loop);
/* One round that waits at most wait_us (UINT64_MAX = for ever). */
void os_loop_turn(struct os_loop *loop, uint64_t wait_us);
/* Runs message on the loop. Any thread. */
void os_loop_push(struct os_loop *loop, struct env_message *message);
void os_loop_wake(struct os_loop *loop);
/* operation is EPOLL_CTL_*. Ends the process when the kernel has no memory for it. */
void os_loop_control(struct os_loop *loop, int operation, int fd, uint32_t polled,
		     struct os_watch *watch);
/* Nothing that this round has polled is delivered to watch any more. */
void os_loop_forget(struct os_loop *loop, const struct os_watch *watch);

uint64_t os_now_us(struct env *env);
int64_t os_wall_ms(struct env *env);
void os_random_bytes(struct env *env, void *bytes, size_t size);
void os_timer_start(struct env *env, struct env_timer *timer, uint64_t deadline_us);
void os_timer_stop(struct env *env, struct env_timer *timer);
void os_post(struct env *env, unsigned shard, struct env_message *message);

/* ---- files (os_file.c) and folders (os_folder.c) ---- */

struct env_file {
	atomic_uint references;
	int fd;
	bool on_data_system; /* syncfs reaches it */
	bool is_folder;      /* fdatasync may leave out new names: flushed by fsync */
	/* The rest is os_flush.c's, under its lock. */
	bool in_flush; /* queued or being flushed */
	struct env_flush *waiting; /* tickets that the next flush answers, oldest first */
	struct env_flush **waiting_end;
	struct env_flush *flushing; /* tickets that the running flush answers */
	struct env_file *queue_next;
};

int os_file_open(struct env *env, const char *path, unsigned flags, struct env_file **ret);
struct env_file *os_file_ref(struct env_file *file);
void os_file_unref(struct env *env, struct env_file *file);
int64_t os_file_size(struct env *env, struct env_file *file);
ssize_t os_file_read(struct env *env, struct env_file *file, void *bytes, size_t size,
		     int64_t position);
ssize_t os_file_read_cached(struct env *env, struct env_file *file, void *bytes, size_t size,
			    int64_t position);
bool os_file_is_cached(struct env *env, struct env_file *file, int64_t position, size_t size);
int os_file_write(struct env *env, struct env_file *file, const struct iovec *pieces, int count,
		  int64_t position);
int os_file_truncate(struct env *env, struct env_file *file, int64_t size);
int os_file_sync(struct env *env, struct env_file *file);

/* Locks of folders, held until os_folder_unlock_all(). */
struct os_folder_lock {
	int fd;
	struct os_folder_lock *next;
};

int os_folder_create(struct env *env, const char *path);
int os_folder_sync(struct env *env, const char *path);
int os_file_system_sync(struct env *env, const char *path);
int os_folder_list(struct env *env, const char *path, void (*each)(void *context, const char *name),
		   void *context);
int os_folder_lock(struct env *env, const char *path);
void os_folder_unlock_all(struct os_process *process);
int os_path_rename(struct env *env, const char *from, const char *to);
int os_path_remove(struct env *env, const char *path);

/* ---- helpers (os_helpers.c), flush (os_flush.c), read-ahead (os_read_ahead.c), tasks ---- */

/* A lock, its condition and the threads that wait on it. */
struct os_helpers {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t *threads;
	unsigned count;
	bool stopping;
};

void os_thread_set_name(pthread_t thread, const char *name, unsigned number);
void os_helpers_init(struct os_helpers *helpers);
/* Starts count threads named name-0, name-1... that run(context) until `stopping`. 0 or -errno. */
int os_helpers_start(struct os_helpers *helpers, unsigned count, const char *name,
		     void *(*run)(void *context), void *context);
/* Lets the threads end and waits for them. Twice is fine. */
void os_helpers_stop(struct os_helpers *helpers);
void os_helpers_done(struct os_helpers *helpers);

struct os_file_queue {
	struct env_file *first;
	struct env_file **end;
	unsigned count;
};

struct os_flush {
	struct os_helpers helpers; /* its lock guards the rest */
	int data_folder_fd; /* -1 = no syncfs */
	unsigned syncfs_from_files;
	bool syncfs_running;
	struct os_file_queue on_data_system;
	struct os_file_queue elsewhere;
	struct os_flush_counts counts;
};

void os_flush_init(struct os_flush *flush);
int os_flush_start(struct os_flush *flush, const struct os_options *options);
void os_flush_done(struct os_flush *flush);
/* The end of a loop's round: hands over its tickets (newest first). */
void os_flush_submit(struct os_flush *flush, struct env_flush *tickets);
void os_flush_ask(struct env *env, struct env_flush *ticket);

struct os_read_ahead {
	struct os_helpers helpers; /* its lock guards the rest */
	struct env_read_ahead *first;
	struct env_read_ahead **end;
};

void os_read_ahead_init(struct os_read_ahead *reads);
int os_read_ahead_start(struct os_read_ahead *reads, unsigned count);
void os_read_ahead_done(struct os_read_ahead *reads);
void os_read_ahead_ask(struct env *env, struct env_read_ahead *read);

struct os_tasks { /* os_task.c */
	struct os_helpers helpers;   /* one; its lock guards the rest */
	struct env_task *asked;      /* not begun, utlist */
	struct env_task *unanswered; /* begun, utlist */
};

void os_tasks_init(struct os_tasks *tasks);
int os_tasks_start(struct os_tasks *tasks);
void os_tasks_done(struct os_tasks *tasks);
void os_task_ask(struct env *env, struct env_task *task);

/* ---- sockets (os_socket.c, os_listen.c, os_datagrams.c) ---- */

struct os_datagrams;

struct env_socket {
	struct os_watch watch;
	struct os_loop *loop; /* NULL while detached */
	env_socket_ready *ready;
	void *context;
	int fd;
	unsigned watched; /* what its owner wants */
	uint32_t polled;  /* what epoll was told; 0 = not in it */
	bool connecting;
	int error; /* the first failure seen, -errno: the kernel reports it only once */
	struct net_address peer;
	/* Of a listener only: it rests after running out of descriptors. */
	struct env_timer rest;
	bool starved; /* said so, and nothing was accepted since */
	struct os_datagrams *datagrams; /* NULL: TCP */
	bool one_by_one; /* the kernel refused to cut what it sends into datagrams */
};

union os_socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

socklen_t os_address_to_kernel(const struct net_address *address, union os_socket_address *ret);
void os_address_from_kernel(const union os_socket_address *address, struct net_address *ret);
/* Takes fd over; it watches nothing. */
struct env_socket *os_socket_new(struct os_loop *loop, int fd, env_socket_ready *ready,
				 void *context);
/* Tells epoll what is wanted now. */
void os_socket_update(struct env_socket *socket);
/* Sets what env_listen_options says. 0 or -errno. */
int os_socket_set_options(int fd, bool ipv6, struct env_listen_options options);

int os_listen(struct env *env, const struct net_address *address, struct env_listen_options options,
	      env_socket_ready *ready, void *context, struct env_socket **ret);
int os_accept(struct env *env, struct env_socket *listener, env_socket_ready *ready, void *context,
	      struct env_socket **ret);
int os_connect(struct env *env, const struct net_address *to, env_socket_ready *ready,
	       void *context, struct env_socket **ret);
void os_socket_watch(struct env *env, struct env_socket *socket, unsigned events);
ssize_t os_socket_receive(struct env *env, struct env_socket *socket, void *bytes, size_t size);
ssize_t os_socket_send(struct env *env, struct env_socket *socket, const struct iovec *pieces,
		       int count);
ssize_t os_socket_send_file(struct env *env, struct env_socket *socket, struct env_file *file,
			    int64_t position, size_t size);
void os_socket_cork(struct env *env, struct env_socket *socket, bool corked);
size_t os_socket_unsent(struct env *env, struct env_socket *socket);
int os_socket_error(struct env *env, struct env_socket *socket);
void os_socket_local(struct env_socket *socket, struct net_address *ret);
void os_socket_peer(struct env_socket *socket, struct net_address *ret);
void os_socket_close(struct env *env, struct env_socket *socket, bool reset);
void os_socket_detach(struct env *env, struct env_socket *socket);
void os_socket_attach(struct env *env, struct env_socket *socket, env_socket_ready *ready,
		      void *context);

int os_datagrams_open(struct env *env, const struct net_address *address,
		      struct env_listen_options options, env_socket_ready *ready, void *context,
		      struct env_socket **ret);
int os_datagrams_send(struct env *env, struct env_socket *socket, const struct net_address *to,
		      const struct iovec *pieces, int count, size_t segment_bytes);
int os_datagrams_receive(struct env *env, struct env_socket *socket, struct env_datagrams *ret,
			 int most);

/* ---- the process (os_process.c) ---- */

struct os_process {
	struct os_options options;
	struct os_log log;
	struct os_loop *loops;
	pthread_t *threads; /* of all loops but the control loop */
	unsigned loop_count;
	void (*start)(struct env *env, void *context);
	void *start_context;
	atomic_bool stopping;
	int signal_fd;
	struct os_watch signals;
	sigset_t mask_before; /* what the calling thread blocked before os_process_new() */
	uint64_t data_device; /* st_dev of the data folder; 0 = none */
	struct os_flush flush;
	struct os_read_ahead reads;
	struct os_tasks tasks;
	pthread_mutex_t folder_locks_lock;
	struct os_folder_lock *folder_locks;
};
