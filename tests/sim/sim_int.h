/* What the files of the simulated world share. Nobody else includes it.
 *
 *     sim_world.c    clock, event queue, trace
 *     sim_process.c  processes: their starts and ends, log lines
 *     sim_loop.c     one loop: rounds, timers, messages; the table of env functions
 *     sim_files.c    files by way of sim_disk, flush tickets, cold reads
 *     sim_net.c      links, routes, listeners, how connections begin
 *     sim_stream.c   connections: bytes and ends
 *     sim_datagrams.c  UDP, and what a hostile network makes of it */
#pragma once

#include "base/buffer.h"
#include "base/timer_heap.h"
#include "sim/sim_world.h"

enum {
	SIM_MOST_LOOPS = 8,
	SIM_MOST_ADDRESSES = 8,
	SIM_MOST_PROCESSES = 32,
};

#define SIM_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct sim_holder {
	struct net_address address;
	struct sim_process *process;
	struct sim_holder *next;
};

struct sim_world {
	uint64_t now_us, next_sequence, events;
	struct sim_random random;
	uint64_t hash;
	bool verbose, trace;
	struct sim_event **queue;
	size_t queued, queue_capacity;

	struct sim_process *processes[SIM_MOST_PROCESSES];
	unsigned process_count;

	bool cut[SIM_MOST_PROCESSES][SIM_MOST_PROCESSES]; /* [from][to] */
	struct sim_connection *connections;               /* utlist, oldest first */
	struct sim_holder *holders;
	uint64_t next_connection;
	struct sim_datagram_faults datagram_faults;
	struct sim_datagram *datagrams; /* under way, utlist */
	struct sim_datagram *overheard; /* some that were sent before, utlist */
	unsigned overheard_count;
};

void sim_write_line(struct sim_world *world, const char *who, const char *level, const char *line);

/* ---- loops ---- */

struct sim_messages {
	struct env_message *first, *last;
};

struct sim_loop {
	struct env env;
	struct sim_process *process;
	struct sim_event turn; /* the next round */
	uint64_t busy_until_us;
	uint64_t spent_us; /* in this round, so far */
	bool in_turn;
	bool wants_turn; /* came due while the process was paused */
	struct timer_heap timers;
	uint64_t firing_us; /* while due timers fire: that moment; else 0 */
	struct sim_messages own, inbox;
	struct env_socket *ready, *round; /* sockets with something to do: next round, this round */
	uint64_t last_post_us[SIM_MOST_LOOPS]; /* when the last message to that loop arrives */
};

void sim_loop_init(struct sim_loop *loop, struct sim_process *process, unsigned shard);
void sim_loop_done(struct sim_loop *loop);
/* A round is due, at once or at the latest then. */
void sim_loop_wake(struct sim_loop *loop);
void sim_loop_push(struct sim_loop *loop, struct env_message *message);
/* Lets the round take longer: something WAITed. */
void sim_loop_spend(struct env *env, uint64_t us);

static inline struct sim_loop *sim_loop_of(struct env *env)
{
	return SIM_CONTAINER(env, struct sim_loop, env);
}

extern const struct env_ops sim_ops;

/* ---- processes ---- */

struct sim_lock;
struct sim_post;
struct sim_ticket;

struct sim_process {
	struct sim_world *world;
	char *name;
	unsigned number;
	struct net_address addresses[SIM_MOST_ADDRESSES]; /* port 0 */
	unsigned address_count;
	struct sim_disk *disk;
	struct log log;
	int64_t boot_us; /* its clock minus the world's */
	int64_t wall_shift_ms;
	unsigned disk_slowness;
	uint16_t next_port;

	bool host_is_up, is_running, is_paused, is_exiting;
	struct sim_program program;
	struct sim_loop *loops; /* of the running program, or of the one that is being freed */
	struct sim_event exit;
	struct env_socket *sockets;          /* every one of the program, utlist */
	struct sim_listener *listeners;      /* utlist */
	struct sim_port *ports;              /* utlist */
	struct sim_post *posts;              /* on their way between loops, utlist */
	struct sim_ticket *tickets;          /* flushes, reads and tasks under way, utlist */
	bool in_task;                        /* what waits for the disk is a task's, not a loop's */
	uint64_t task_us;                    /* that it has waited */
	unsigned loop_waits[SIM_MOST_LOOPS]; /* for the disk, in a round of that loop */
	struct sim_lock *locks;              /* folders that it has locked */
};

static inline struct sim_process *sim_process_here(struct env *env)
{
	return sim_loop_of(env)->process;
}

void sim_processes_free(struct sim_world *world);

/* ---- files ---- */

/* Tickets under way, and locks. After sim_disk_crash(), so that what was begun proves nothing. */
void sim_files_cancel(struct sim_process *process);
void sim_posts_cancel(struct sim_process *process);

int sim_file_open(struct env *env, const char *path, unsigned flags, struct env_file **ret);
struct env_file *sim_file_ref(struct env_file *file);
void sim_file_unref(struct env *env, struct env_file *file);
int64_t sim_file_size(struct env *env, struct env_file *file);
ssize_t sim_file_read(struct env *env, struct env_file *file, void *bytes, size_t size,
		      int64_t position);
ssize_t sim_file_read_cached(struct env *env, struct env_file *file, void *bytes, size_t size,
			     int64_t position);
bool sim_file_is_cached(struct env *env, struct env_file *file, int64_t position, size_t size);
int sim_file_write(struct env *env, struct env_file *file, const struct iovec *pieces, int count,
		   int64_t position);
int sim_file_truncate(struct env *env, struct env_file *file, int64_t size);
int sim_file_sync(struct env *env, struct env_file *file);
int sim_folder_create(struct env *env, const char *path);
int sim_folder_sync(struct env *env, const char *path);
int sim_file_system_sync(struct env *env, const char *path);
int sim_folder_list(struct env *env, const char *path,
		    void (*each)(void *context, const char *name), void *context);
int sim_folder_lock(struct env *env, const char *path);
int sim_path_rename(struct env *env, const char *from, const char *to);
int sim_path_remove(struct env *env, const char *path);
void sim_flush(struct env *env, struct env_flush *flush);
void sim_read_ahead(struct env *env, struct env_read_ahead *read);
void sim_task(struct env *env, struct env_task *task);

/* ---- the network ---- */

struct sim_datagram;
struct sim_end;
struct sim_listener;
struct sim_port;

/* A descriptor: the program's hold on a listener, on one end of a connection, or on a UDP port. */
struct env_socket {
	struct sim_process *process;
	struct sim_loop *loop; /* NULL while detached */
	env_socket_ready *ready;
	void *context;
	unsigned watched;
	struct env_socket *prev, *next; /* the process's */
	struct env_socket *ready_prev, *ready_next;
	struct env_socket **in_list; /* the loop's list that holds it, or NULL */

	struct sim_end *end; /* all three NULL: the process is gone */
	struct sim_listener *listener;
	struct sim_port *port;
	int error; /* the first that it told, as env_socket_error() keeps it */
	struct net_address local, peer;
};

/* The kernel's half of a listener. */
struct sim_listener {
	struct sim_process *process;
	struct env_socket *socket;
	struct net_address address;
	struct env_listen_options options;
	struct sim_connection *waiting; /* accept queue, utlist by queue_prev and queue_next */
	struct sim_event late_close;    /* of a process that ended */
	struct sim_listener *prev, *next;
};

enum sim_end_state {
	SIM_DIALLING, /* of a connecting end: SYN sent; of the other: SYN received */
	SIM_OPEN,
	SIM_CLOSED, /* the program has let go; what it sent still leaves, then a FIN */
	SIM_GONE,   /* the kernel knows nothing of it: reset, timed out, or the host went down */
};

/* The kernel's half of a connection. */
struct sim_end {
	struct sim_connection *connection;
	struct sim_process *process;
	struct env_socket *socket; /* NULL before accept and after close */
	enum sim_end_state state;
	int error; /* why it died, for the program */
	bool error_told;
	struct buffer incoming; /* not yet read, from `read_at` on */
	size_t read_at;
	bool eof;                  /* the peer's FIN is behind the last byte */
	struct buffer outgoing;    /* not yet acknowledged */
	size_t delivered;          /* of it: arrived, acknowledgement lost */
	bool fin_sent;             /* the FIN has arrived */
	size_t window;             /* most bytes of outgoing, and of incoming */
	struct sim_event transmit; /* the next segment, or its repetition, arrives */
	uint64_t stuck_since_us;   /* unanswered since; 0 = not stuck */
	unsigned repetitions;
	struct sim_event late_close; /* of a process that ended */
};

enum sim_stage { SIM_SYN, SIM_SYN_ACK, SIM_ACK, SIM_REFUSAL, SIM_ESTABLISHED };

struct sim_connection {
	struct sim_world *world;
	uint64_t number;
	struct net_address from, to;
	struct sim_end ends[2];        /* who dialled, who listened */
	struct sim_listener *listener; /* until it is accepted */
	bool is_waiting;               /* in its accept queue */
	bool is_pinned;                /* somebody is about to look at it again: not freed */
	struct sim_connection *queue_prev, *queue_next;
	struct sim_connection *prev, *next;
	enum sim_stage stage;
	struct sim_event handshake;
	unsigned syn_repetitions;
	struct sim_event reset; /* on its way to end number reset_to */
	unsigned reset_to;
};

static inline struct sim_end *sim_end_peer(struct sim_end *end)
{
	struct sim_connection *connection = end->connection;

	return &connection->ends[end == &connection->ends[0]];
}

void sim_net_free(struct sim_world *world);
bool sim_net_has_address(const struct sim_process *process, const struct net_address *address);
bool sim_net_is_loopback(const struct net_address *address);
void sim_end_init(struct sim_end *end, struct sim_connection *connection,
		  struct sim_process *process);
struct sim_connection *sim_connection_new(struct sim_world *world, struct sim_process *from,
					  const struct net_address *to);
/* Begins to dial. */
void sim_connection_dial(struct sim_connection *connection);
bool sim_net_passes(const struct sim_process *from, const struct sim_process *to);
uint64_t sim_net_latency_us(const struct sim_process *from, const struct sim_process *to);
/* The process ended: its sockets are closed by the kernel, one by one. */
void sim_net_close_later(struct sim_process *process);
void sim_net_close_now(struct sim_process *process);
/* The host went down: nothing of its connections is left, and nobody is told. */
void sim_net_forget(struct sim_process *process);
void sim_sockets_free(struct sim_process *process);

struct env_socket *sim_socket_new(struct env *env, env_socket_ready *ready, void *context);
void sim_socket_free(struct env_socket *socket);
/* What the socket has to tell may have changed. */
void sim_socket_update(struct env_socket *socket);
void sim_socket_unlist(struct env_socket *socket);
unsigned sim_socket_events(const struct env_socket *socket);
void sim_listener_close(struct sim_listener *listener);
void sim_connection_establish(struct sim_connection *connection);
void sim_connection_free_if_over(struct sim_connection *connection);
/* The end learns of a failure and dies; its program is told. */
void sim_end_fail(struct sim_end *end, int error);
/* The end is gone, and nobody is told. */
void sim_end_forget(struct sim_end *end);
/* The end is gone and its peer hears a reset, when the link lets it. */
void sim_end_reset(struct sim_end *end);
/* The program lets go of it: FIN after what was sent, or a reset when bytes are unread. */
void sim_end_close(struct sim_end *end);
void sim_end_send(struct sim_end *end);

/* The port and what waits in it are gone. NULL is fine. */
void sim_port_close(struct sim_port *port);
bool sim_port_has_datagrams(const struct sim_port *port);
void sim_datagrams_free(struct sim_world *world);
int sim_datagrams_open(struct env *env, const struct net_address *address,
		       struct env_listen_options options, env_socket_ready *ready, void *context,
		       struct env_socket **ret);
int sim_datagrams_send(struct env *env, struct env_socket *socket, const struct net_address *to,
		       const struct iovec *pieces, int count, size_t segment_bytes);
int sim_datagrams_receive(struct env *env, struct env_socket *socket, struct env_datagrams *ret,
			  int most);

int sim_listen(struct env *env, const struct net_address *address,
	       struct env_listen_options options, env_socket_ready *ready, void *context,
	       struct env_socket **ret);
int sim_accept(struct env *env, struct env_socket *listener, env_socket_ready *ready, void *context,
	       struct env_socket **ret);
int sim_connect(struct env *env, const struct net_address *to, env_socket_ready *ready,
		void *context, struct env_socket **ret);
void sim_socket_watch(struct env *env, struct env_socket *socket, unsigned events);
ssize_t sim_socket_receive(struct env *env, struct env_socket *socket, void *bytes, size_t size);
ssize_t sim_socket_send(struct env *env, struct env_socket *socket, const struct iovec *pieces,
			int count);
ssize_t sim_socket_send_file(struct env *env, struct env_socket *socket, struct env_file *file,
			     int64_t position, size_t size);
void sim_socket_cork(struct env *env, struct env_socket *socket, bool corked);
size_t sim_socket_unsent(struct env *env, struct env_socket *socket);
int sim_socket_error(struct env *env, struct env_socket *socket);
void sim_socket_local(struct env_socket *socket, struct net_address *ret);
void sim_socket_peer(struct env_socket *socket, struct net_address *ret);
void sim_socket_close(struct env *env, struct env_socket *socket, bool reset);
void sim_socket_detach(struct env *env, struct env_socket *socket);
void sim_socket_attach(struct env *env, struct env_socket *socket, env_socket_ready *ready,
		       void *context);
