/* struct env: everything that the core may ask of the world.
 *
 * One env is one event loop: a shard, or the control thread. A process has several; the simulator
 * has several for each of its brokers, all in one thread. Every function below is called on the
 * loop of its env, and every callback runs there, unless its comment says otherwise. Nothing here
 * blocks but what is marked WAITS, which belongs to start-up, to the control thread's small
 * files, and to tests.
 *
 * Results: 0 or more is success, -errno failure. Objects that a caller hands in (timers, messages,
 * tickets) are its own memory, and stay where they are until their callback has run. */
#pragma once

#include "base/log.h"
#include "base/net_address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct env;
struct env_file;
struct env_socket;

/* ---- timers ---- */

struct env_timer {
	void (*fire)(struct env_timer *timer);
	uint64_t deadline_us;
	size_t heap_place; /* 0 = not running; owned by timer_heap.h */
};

/* ---- messages: posting work to another shard, or to oneself after this round of events ---- */

struct env_message {
	void (*run)(struct env *here, struct env_message *message);
	struct env_message *next; /* the queue's */
};

/* ---- flush tickets: "tell me when this file's bytes are durable" ---- */

struct env_flush {
	struct env_file *file;
	/* result is 0, or the -errno of the flush. Bytes written before env_flush() are meant. */
	void (*done)(struct env_flush *flush, int result);
	struct env *home;        /* set by env_flush() */
	struct env_message back; /* the driver's */
	struct env_flush *next;  /* the driver's */
	int result;              /* the driver's */
};

/* ---- cold reads: bring a piece of a file into the page cache ---- */

struct env_read_ahead {
	struct env_file *file;
	int64_t position;
	size_t size;
	void (*done)(struct env_read_ahead *read, int result);
	struct env *home; /* as above */
	struct env_message back;
	struct env_read_ahead *next;
	int result;
};

/* ---- tasks: work on files and folders that WAITS, for a loop that must not ---- */

struct env_task {
	/* On a helper, with the env of who asked: files, folders, clocks and log lines only. */
	void (*run)(struct env *env, struct env_task *task);
	void (*done)(struct env_task *task); /* on the loop that asked */
	/* Instead of `done` when the process ends before it, whether it has run or not: the loops
	 * run no more. For freeing what is the task's own. */
	void (*dropped)(struct env *env, struct env_task *task);
	struct env *home;                    /* as above */
	struct env_message back;
	struct env_task *prev, *next;
};

enum env_open_flags {
	ENV_OPEN_READ = 0,     /* read only */
	ENV_OPEN_WRITE = 1,    /* read and write */
	ENV_OPEN_CREATE = 2,   /* make it when it is missing */
	ENV_OPEN_TRUNCATE = 4, /* empty it */
};

enum env_socket_events {
	ENV_READABLE = 1,
	ENV_WRITABLE = 2, /* also: a connect came to its end, see env_socket_error() */
};

typedef void env_socket_ready(struct env_socket *socket, unsigned events, void *context);

struct env_listen_options {
	bool any_address; /* IP_FREEBIND: the address need not be on this node (S5) */
	bool shared_port; /* SO_REUSEPORT: one listener for each shard */
	/* Of a shared UDP port: not 0: a datagram goes to the socket that was opened as number
	 * N % chosen_of, N being the 16 bits in network order at byte chosen_at; one that is too
	 * short for that, and what arrives while sockets are missing, to any. */
	unsigned chosen_of, chosen_at;
};

/* What one sender sent: a datagram, or several in one buffer, all but the last of the same size. */
struct env_datagrams {
	struct net_address from;
	const uint8_t *bytes;
	size_t size;          /* never 0 */
	size_t segment_bytes; /* of each datagram but the last; at most size */
};

enum {
	ENV_SEND_DATAGRAMS = 64,         /* in one env_datagrams_send() */
	ENV_SEND_BYTES = 65000,          /* of them together */
	ENV_DATAGRAM_MOST_BYTES = 65535, /* of one that arrives, or of several in one buffer */
};

struct env_ops {
	/* Monotonic, microseconds since boot (CLOCK_BOOTTIME): comparable with valid_until. */
	uint64_t (*now_us)(struct env *env);
	/* Milliseconds since 1970, for timestamps in records and log lines only. */
	int64_t (*wall_ms)(struct env *env);
	void (*random_bytes)(struct env *env, void *bytes, size_t size);

	/* Starts or restarts; a deadline that has passed fires in the next round. */
	void (*timer_start)(struct env *env, struct env_timer *timer, uint64_t deadline_us);
	void (*timer_stop)(struct env *env, struct env_timer *timer);

	/* Runs the message on loop `shard` of the same process. From any loop; never blocks; order
	 * is kept between one sender and one receiver. To oneself: after this round of events. */
	void (*post)(struct env *env, unsigned shard, struct env_message *message);

	/* Files. Paths are relative to the process's working folder or absolute. A file is counted:
	 * file_open gives one reference; ref and unref may be called on any thread. */
	int (*file_open)(struct env *env, const char *path, unsigned flags, struct env_file **ret);
	struct env_file *(*file_ref)(struct env_file *file);
	void (*file_unref)(struct env *env, struct env_file *file);
	int64_t (*file_size)(struct env *env, struct env_file *file);
	/* Reads up to size bytes; fewer only at the end of the file. WAITS for a disk on a miss. */
	ssize_t (*file_read)(struct env *env, struct env_file *file, void *bytes, size_t size,
			     int64_t position);
	/* The same from the page cache only: -EAGAIN on a miss. */
	ssize_t (*file_read_cached)(struct env *env, struct env_file *file, void *bytes,
				    size_t size, int64_t position);
	/* Is this piece in the page cache (probed, not proved)? */
	bool (*file_is_cached)(struct env *env, struct env_file *file, int64_t position,
			       size_t size);
	/* Writes everything into the page cache, or fails; a failure may leave a part written. */
	int (*file_write)(struct env *env, struct env_file *file, const struct iovec *pieces,
			  int count, int64_t position);
	int (*file_truncate)(struct env *env, struct env_file *file, int64_t size);
	int (*file_sync)(struct env *env, struct env_file *file); /* WAITS */

	/* Folders. All WAIT, all are rare. */
	int (*folder_create)(struct env *env, const char *path); /* 0 also when it is there */
	int (*folder_sync)(struct env *env, const char *path);
	int (*folder_list)(struct env *env, const char *path,
			   void (*each)(void *context, const char *name),
			   void *context); /* sorted by name, without . and .. */
	/* Everything that was written on that path's file system, names too; the price does not
	 * grow with the number of files. */
	int (*file_system_sync)(struct env *env, const char *path);
	int (*folder_lock)(struct env *env, const char *path); /* for the process's life; -EBUSY */
	int (*path_rename)(struct env *env, const char *from, const char *to);
	int (*path_remove)(struct env *env, const char *path); /* a file or an empty folder */

	/* Answers by callback on this loop; the file is held until then. Many tickets at once are
	 * served by one round: a few by parallel fdatasync, many by one syncfs (KERNEL: 30 times
	 * cheaper for a hundred logs). */
	void (*flush)(struct env *env, struct env_flush *flush);
	void (*read_ahead)(struct env *env, struct env_read_ahead *read);

	/* All tasks of the process, of whatever loop, run one after the other in the order in which
	 * they were asked for. */
	void (*task)(struct env *env, struct env_task *task);

	/* TCP, never blocking, TCP_NODELAY always. A new socket watches nothing, except that a
	 * listener watches ENV_READABLE and a connecting one ENV_WRITABLE. Events are level
	 * triggered: a ready callback repeats while there is something to do. */
	int (*listen)(struct env *env, const struct net_address *address,
		      struct env_listen_options options, env_socket_ready *ready, void *context,
		      struct env_socket **ret);
	int (*accept)(struct env *env, struct env_socket *listener, env_socket_ready *ready,
		      void *context, struct env_socket **ret); /* -EAGAIN when nobody waits */
	int (*connect)(struct env *env, const struct net_address *to, env_socket_ready *ready,
		       void *context, struct env_socket **ret);
	void (*socket_watch)(struct env *env, struct env_socket *socket, unsigned events);
	/* 0 at the end of the stream, -EAGAIN when nothing is there. */
	ssize_t (*socket_receive)(struct env *env, struct env_socket *socket, void *bytes,
				  size_t size);
	/* How many bytes left, perhaps fewer than offered; -EAGAIN when the queue is full. */
	ssize_t (*socket_send)(struct env *env, struct env_socket *socket,
			       const struct iovec *pieces, int count);
	ssize_t (*socket_send_file)(struct env *env, struct env_socket *socket,
				    struct env_file *file, int64_t position, size_t size);
	/* Corked, sends that follow each other share packets: the peer is not woken for a part.
	 * What fills no packet leaves when the cork is drawn. */
	void (*socket_cork)(struct env *env, struct env_socket *socket, bool corked);
	/* Bytes sent that the peer's kernel has not acknowledged. */
	size_t (*socket_unsent)(struct env *env, struct env_socket *socket);
	/* 0, -EINPROGRESS while connecting, or why the connection failed (-ECONNREFUSED...). */
	int (*socket_error)(struct env *env, struct env_socket *socket);
	/* What the connection was accepted on, or its own end of a connect; and the other end. */
	void (*socket_local)(struct env_socket *socket, struct net_address *ret);
	void (*socket_peer)(struct env_socket *socket, struct net_address *ret);
	/* No callback comes after it. Unread or unsent bytes may turn a close into a reset; `reset`
	 * always sends one. */
	void (*socket_close)(struct env *env, struct env_socket *socket, bool reset);
	/* Between detach on one loop and attach on another a socket belongs to nobody and has no
	 * events: that is how a connection moves to the shard that owns its slot. */
	void (*socket_detach)(struct env *env, struct env_socket *socket);
	void (*socket_attach)(struct env *env, struct env_socket *socket, env_socket_ready *ready,
			      void *context);

	/* UDP, never blocking. It watches ENV_READABLE at first, like a listener. With shared_port
	 * each loop may have a socket on the address; who gets a datagram is a hint. */
	int (*datagrams_open)(struct env *env, const struct net_address *address,
			      struct env_listen_options options, env_socket_ready *ready,
			      void *context, struct env_socket **ret);
	/* Sends the pieces' bytes as datagrams of segment_bytes each; the last may be shorter. At
	 * most ENV_SEND_DATAGRAMS and ENV_SEND_BYTES. 0 or -errno (-EAGAIN: the queue is full);
	 * what the network then loses nobody is told. */
	int (*datagrams_send)(struct env *env, struct env_socket *socket,
			      const struct net_address *to, const struct iovec *pieces, int count,
			      size_t segment_bytes);
	/* What has arrived, from any sender: writes up to `most` and returns how many, 0 when
	 * nothing is there. The bytes are the socket's, until the next call for it. */
	int (*datagrams_receive)(struct env *env, struct env_socket *socket,
				 struct env_datagrams *ret, int most);
};

struct env {
	const struct env_ops *ops;
	struct log *log;
	unsigned shard; /* this loop's number in its process; the control thread is the last */
};

/* ---- the same as plain calls ---- */

static inline uint64_t env_now_us(struct env *env)
{
	return env->ops->now_us(env);
}

static inline int64_t env_wall_ms(struct env *env)
{
	return env->ops->wall_ms(env);
}

static inline void env_random_bytes(struct env *env, void *bytes, size_t size)
{
	env->ops->random_bytes(env, bytes, size);
}

static inline void env_timer_start(struct env *env, struct env_timer *timer, uint64_t deadline_us)
{
	env->ops->timer_start(env, timer, deadline_us);
}

static inline void env_timer_after(struct env *env, struct env_timer *timer, uint64_t delay_us)
{
	env->ops->timer_start(env, timer, env->ops->now_us(env) + delay_us);
}

static inline void env_timer_stop(struct env *env, struct env_timer *timer)
{
	env->ops->timer_stop(env, timer);
}

static inline bool env_timer_is_running(const struct env_timer *timer)
{
	return timer->heap_place != 0;
}

static inline void env_post(struct env *env, unsigned shard, struct env_message *message)
{
	env->ops->post(env, shard, message);
}

static inline int env_file_open(struct env *env, const char *path, unsigned flags,
				struct env_file **ret)
{
	return env->ops->file_open(env, path, flags, ret);
}

static inline struct env_file *env_file_ref(struct env *env, struct env_file *file)
{
	return env->ops->file_ref(file);
}

static inline void env_file_unref(struct env *env, struct env_file *file)
{
	if (file)
		env->ops->file_unref(env, file);
}

static inline int64_t env_file_size(struct env *env, struct env_file *file)
{
	return env->ops->file_size(env, file);
}

static inline ssize_t env_file_read(struct env *env, struct env_file *file, void *bytes,
				    size_t size, int64_t position)
{
	return env->ops->file_read(env, file, bytes, size, position);
}

static inline ssize_t env_file_read_cached(struct env *env, struct env_file *file, void *bytes,
					   size_t size, int64_t position)
{
	return env->ops->file_read_cached(env, file, bytes, size, position);
}

static inline bool env_file_is_cached(struct env *env, struct env_file *file, int64_t position,
				      size_t size)
{
	return env->ops->file_is_cached(env, file, position, size);
}

static inline int env_file_write(struct env *env, struct env_file *file, const struct iovec *pieces,
				 int count, int64_t position)
{
	return env->ops->file_write(env, file, pieces, count, position);
}

static inline int env_file_truncate(struct env *env, struct env_file *file, int64_t size)
{
	return env->ops->file_truncate(env, file, size);
}

static inline int env_file_sync(struct env *env, struct env_file *file)
{
	return env->ops->file_sync(env, file);
}

static inline int env_folder_create(struct env *env, const char *path)
{
	return env->ops->folder_create(env, path);
}

static inline int env_folder_sync(struct env *env, const char *path)
{
	return env->ops->folder_sync(env, path);
}

static inline int env_folder_list(struct env *env, const char *path,
				  void (*each)(void *context, const char *name), void *context)
{
	return env->ops->folder_list(env, path, each, context);
}

static inline int env_file_system_sync(struct env *env, const char *path)
{
	return env->ops->file_system_sync(env, path);
}

static inline int env_folder_lock(struct env *env, const char *path)
{
	return env->ops->folder_lock(env, path);
}

static inline int env_path_rename(struct env *env, const char *from, const char *to)
{
	return env->ops->path_rename(env, from, to);
}

static inline int env_path_remove(struct env *env, const char *path)
{
	return env->ops->path_remove(env, path);
}

static inline void env_flush(struct env *env, struct env_flush *flush)
{
	env->ops->flush(env, flush);
}

static inline void env_read_ahead(struct env *env, struct env_read_ahead *read)
{
	env->ops->read_ahead(env, read);
}

static inline void env_task(struct env *env, struct env_task *task)
{
	env->ops->task(env, task);
}

static inline int env_listen(struct env *env, const struct net_address *address,
			     struct env_listen_options options, env_socket_ready *ready,
			     void *context, struct env_socket **ret)
{
	return env->ops->listen(env, address, options, ready, context, ret);
}

static inline int env_accept(struct env *env, struct env_socket *listener, env_socket_ready *ready,
			     void *context, struct env_socket **ret)
{
	return env->ops->accept(env, listener, ready, context, ret);
}

static inline int env_connect(struct env *env, const struct net_address *to,
			      env_socket_ready *ready, void *context, struct env_socket **ret)
{
	return env->ops->connect(env, to, ready, context, ret);
}

static inline void env_socket_watch(struct env *env, struct env_socket *socket, unsigned events)
{
	env->ops->socket_watch(env, socket, events);
}

static inline ssize_t env_socket_receive(struct env *env, struct env_socket *socket, void *bytes,
					 size_t size)
{
	return env->ops->socket_receive(env, socket, bytes, size);
}

static inline ssize_t env_socket_send(struct env *env, struct env_socket *socket,
				      const struct iovec *pieces, int count)
{
	return env->ops->socket_send(env, socket, pieces, count);
}

static inline ssize_t env_socket_send_file(struct env *env, struct env_socket *socket,
					   struct env_file *file, int64_t position, size_t size)
{
	return env->ops->socket_send_file(env, socket, file, position, size);
}

static inline void env_socket_cork(struct env *env, struct env_socket *socket, bool corked)
{
	env->ops->socket_cork(env, socket, corked);
}

static inline size_t env_socket_unsent(struct env *env, struct env_socket *socket)
{
	return env->ops->socket_unsent(env, socket);
}

static inline int env_socket_error(struct env *env, struct env_socket *socket)
{
	return env->ops->socket_error(env, socket);
}

static inline void env_socket_local(struct env *env, struct env_socket *socket,
				    struct net_address *ret)
{
	env->ops->socket_local(socket, ret);
}

static inline void env_socket_peer(struct env *env, struct env_socket *socket,
				   struct net_address *ret)
{
	env->ops->socket_peer(socket, ret);
}

static inline void env_socket_close(struct env *env, struct env_socket *socket)
{
	if (socket)
		env->ops->socket_close(env, socket, false);
}

static inline void env_socket_reset(struct env *env, struct env_socket *socket)
{
	if (socket)
		env->ops->socket_close(env, socket, true);
}

static inline void env_socket_detach(struct env *env, struct env_socket *socket)
{
	env->ops->socket_detach(env, socket);
}

static inline void env_socket_attach(struct env *env, struct env_socket *socket,
				     env_socket_ready *ready, void *context)
{
	env->ops->socket_attach(env, socket, ready, context);
}

static inline int env_datagrams_open(struct env *env, const struct net_address *address,
				     struct env_listen_options options, env_socket_ready *ready,
				     void *context, struct env_socket **ret)
{
	return env->ops->datagrams_open(env, address, options, ready, context, ret);
}

static inline int env_datagrams_send(struct env *env, struct env_socket *socket,
				     const struct net_address *to, const struct iovec *pieces,
				     int count, size_t segment_bytes)
{
	return env->ops->datagrams_send(env, socket, to, pieces, count, segment_bytes);
}

static inline int env_datagrams_receive(struct env *env, struct env_socket *socket,
					struct env_datagrams *ret, int most)
{
	return env->ops->datagrams_receive(env, socket, ret, most);
}

#define env_log(env, level, ...) log_line((env)->log, level, __VA_ARGS__)
