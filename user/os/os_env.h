/* The real env: a process of event loops on epoll, its sockets, its files, and the threads that
 * wait for disks on the loops' behalf.
 *
 * Who calls: the mains and tests. os_process_new(), os_process_run(), os_process_turn() and
 * os_process_free() belong to one thread. Before run and after it that thread may call the env
 * functions of every loop; in between each loop's own thread does (base/env.h).
 *
 * Beyond env.h the real env promises: a message or event of a loop never runs before that loop's
 * start function; a socket that was attached watches nothing; connect and listen report what the
 * kernel refuses at once as their result; when the process has no file descriptors left a listener
 * rests for 100 ms, its callers waiting in the kernel's backlog. */
#pragma once

#include "base/env.h"
#include "base/histogram.h"

struct os_process;

struct os_options {
	/* Threads that flush files and threads that read cold pieces ahead; 0 = 4 and 2. */
	unsigned flush_helpers;
	unsigned read_helpers;
	/* So many files waiting for a flush are flushed by one syncfs; 0 = 8. */
	unsigned syncfs_from_files;
	/* The folder whose file system syncfs flushes; it must exist. Files that live elsewhere are
	 * flushed one by one, and all are when it is NULL. */
	const char *data_folder;
	/* Where log lines go; NULL = standard error, up to log_level. */
	struct log *log;
	enum log_level log_level;
	/* SIGTERM or SIGINT came; runs on the control loop. NULL = os_process_stop(). */
	void (*signalled)(struct os_process *process, int signal_number, void *context);
	void *context;
};

/* Makes a process of `loops` event loops (at least one) and starts its helpers. The last loop is
 * the control loop. SIGTERM and SIGINT are blocked in the calling thread and read by the control
 * loop; SIGPIPE and SIGXFSZ are ignored for good. Returns 0 or -errno. */
int os_process_new(const struct os_options *options, unsigned loops,
		   struct os_process **ret_process);

/* Loop number `shard`, below the number of loops. */
struct env *os_process_env(struct os_process *process, unsigned shard);

/* Runs each loop on a thread of its own, the control loop on the calling one, until
 * os_process_stop(). `start` (may be NULL) is called on each loop's thread before its first round.
 * Returns 0, or -errno when a thread could not be started: then no loop runs any more. */
int os_process_run(struct os_process *process, void (*start)(struct env *env, void *context),
		   void *context);

/* For tests and start-up: one round of the control loop, which waits at most wait_us for something
 * to do. Not while os_process_run() runs. */
void os_process_turn(struct os_process *process, uint64_t wait_us);

/* After os_process_run(): runs the messages that were still under way between the loops, so that
 * what they carry is given back. Waits for nothing. */
void os_process_settle(struct os_process *process);

/* Lets every loop end after its round. From any thread, and from a signal handler. */
void os_process_stop(struct os_process *process);

/* Ends the helpers and frees the loops. Tickets that are under way are never answered; sockets and
 * files are their owners' to give back before. NULL is fine. */
void os_process_free(struct os_process *process);

/* What the flush helpers did so far. From any thread. */
struct os_flush_counts {
	uint64_t tickets;
	uint64_t fdatasyncs;
	uint64_t syncfs;
	uint64_t failures; /* of either */
	struct histogram fdatasync_time, syncfs_time;
};
void os_process_flush_counts(struct os_process *process, struct os_flush_counts *ret_counts);

/* ---- the log sink of a process ---- */

struct os_log {
	struct log log;
	int fd;
};

/* Lines up to `level` are written to fd as `2026-01-31T23:59:59.123Z level text`, one write(2) for
 * each, with control characters made harmless. Any thread. */
void os_log_init(struct os_log *log, int fd, enum log_level level);
