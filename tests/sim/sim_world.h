/* The simulated world: a seed, a virtual clock, one queue of events, and processes on it that use
 * struct env exactly as they would in production. Everything runs in the calling thread.
 *
 * A process is a host of its own: addresses, a disk that outlives it, and, while it runs, some
 * loops (each a struct env). Time passes only between events; each round of a loop costs a little.
 * Times given here are the world's, in µs from 0; each process's own clock is off by a boot time of
 * its own, so that comparing clocks of two brokers is found out.
 *
 * The same seed and the same calls give the same trace hash, on any machine. */
#pragma once

#include "base/env.h"
#include "sim/sim_random.h"

struct sim_disk;
struct sim_process;
struct sim_world;

/* ---- the world ---- */

struct sim_world_options {
	uint64_t seed;
	bool verbose; /* log lines and faults go to standard error too, with virtual time */
	bool trace;   /* and every event: two runs that should be alike can be compared */
};

struct sim_world *sim_world_new(const struct sim_world_options *options);
/* Ends all processes (their `gone` is called) and frees everything. NULL is fine. */
void sim_world_free(struct sim_world *world);

uint64_t sim_world_now_us(const struct sim_world *world);
struct sim_random *sim_world_random(struct sim_world *world);
/* Over every event so far: two runs that agree here did the same. */
uint64_t sim_world_hash(const struct sim_world *world);
uint64_t sim_world_events(const struct sim_world *world);

/* Runs the next event. False when there is none. */
bool sim_world_step(struct sim_world *world);
/* Runs everything due up to and at `until_us`, and leaves the clock there. */
void sim_world_run_until(struct sim_world *world, uint64_t until_us);
void sim_world_run_for(struct sim_world *world, uint64_t duration_us);
/* Runs until done() says so, looking after each event; at most limit_us. Returns whether it did. */
bool sim_world_run_while_not(struct sim_world *world, bool (*done)(void *context), void *context,
			     uint64_t limit_us);

/* Something that is to happen: embedded in what it belongs to. */
struct sim_event {
	void (*run)(struct sim_event *event);
	uint64_t at_us, sequence;
	size_t place; /* in the queue; 0 = not in it */
};
/* Starts or moves; times in the past are now. */
void sim_event_start(struct sim_world *world, struct sim_event *event, uint64_t at_us);
void sim_event_stop(struct sim_world *world, struct sim_event *event);

/* Adds to the trace hash. Numbers only that the seed determines: never a pointer. */
void sim_trace(struct sim_world *world, const char *kind, uint64_t a, uint64_t b, uint64_t c);
/* A line of the trace. */
void sim_say(struct sim_world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- processes ---- */

struct sim_program {
	unsigned loops;
	/* Starts the program; it may WAIT. 0, or -errno: it ended at once, and `gone` follows. */
	int (*start)(struct sim_process *process, void *context);
	/* The process has ended. `exited`: by itself, so what runs after its loops is to run now.
	 * Its env still takes calls (closing sockets and files, stopping timers); none of them has
	 * an effect any more. Otherwise it was killed, and nothing of it ran after that: its memory
	 * is gone, in one way or another. */
	void (*gone)(struct sim_process *process, bool exited, void *context);
	void *context;
};

/* A host that is up, on which nothing runs. Addresses are texts; the first is where its connections
 * come from. It belongs to the world. */
struct sim_process *sim_process_new(struct sim_world *world, const char *name,
				    const char *const *addresses, unsigned address_count);

/* Boots the host when it is down, and starts the program. Returns what program->start did. */
int sim_process_start(struct sim_process *process, const struct sim_program *program);
/* The program ends by itself once this round is over: exit(). */
void sim_process_exit(struct sim_process *process);
/* kill -9: the page cache stays; sockets are closed by the kernel a little later, one by one. */
void sim_process_kill(struct sim_process *process);
/* Power off: unflushed pages are lost by chance, and the network hears nothing. */
void sim_process_power_cut(struct sim_process *process);
/* SIGSTOP and SIGCONT: the kernel goes on accepting and acknowledging. */
void sim_process_pause(struct sim_process *process);
void sim_process_resume(struct sim_process *process);

bool sim_process_is_running(const struct sim_process *process); /* paused counts too */
bool sim_process_is_paused(const struct sim_process *process);
bool sim_process_host_is_up(const struct sim_process *process);
const char *sim_process_name(const struct sim_process *process);
unsigned sim_process_number(const struct sim_process *process);
struct sim_world *sim_process_world(const struct sim_process *process);
struct sim_disk *sim_process_disk(struct sim_process *process);
/* Loop `shard` of the running program. */
struct env *sim_process_env(struct sim_process *process, unsigned shard);
struct sim_process *sim_process_of(struct env *env);

/* Puts a durable file on its disk, with the folders above it. */
void sim_process_put_file(struct sim_process *process, const char *path, const void *bytes,
			  size_t size);
/* Flushes and cold reads take `times` as long. */
void sim_process_set_disk_slowness(struct sim_process *process, unsigned times);
/* How often loop `shard` of this life has waited for the disk, the program's start left out. */
unsigned sim_process_loop_waits(const struct sim_process *process, unsigned shard);
void sim_process_shift_wall_clock(struct sim_process *process, int64_t shift_ms);

/* ---- the network ---- */

/* Nothing from `from` reaches `to`, in this direction; connections between them hang. */
void sim_net_cut(struct sim_world *world, struct sim_process *from, struct sim_process *to);
void sim_net_mend(struct sim_world *world, struct sim_process *from, struct sim_process *to);
void sim_net_mend_all(struct sim_world *world);
/* Each connection of the process is reset with a chance of one in `times`. */
void sim_net_drop_connections(struct sim_world *world, struct sim_process *process, uint64_t times);
/* Who announces the address; NULL = nobody: each connect goes to one of its listeners at random
 * (F9: steering is a hint). Listening on it needs any_address. The port counts. */
void sim_world_set_holder(struct sim_world *world, const struct net_address *address,
			  struct sim_process *process);

/* What happens to UDP datagrams; each with a chance of one in so many, 0 = never. */
struct sim_datagram_faults {
	unsigned lost_one_in;
	unsigned doubled_one_in;
	unsigned late_one_in;     /* by up to 50 ms: others overtake it */
	unsigned corrupt_one_in;  /* a few bits are turned, or its end is missing */
	unsigned replayed_one_in; /* one that was sent before comes again, to anybody */
	unsigned forged_one_in;   /* the same changed, from anybody */
};
void sim_net_set_datagram_faults(struct sim_world *world, struct sim_datagram_faults faults);
