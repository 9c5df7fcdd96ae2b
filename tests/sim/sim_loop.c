/* Owns one event loop: its rounds, timers and messages, in the order in which user/os runs them:
 *
 *     due timers -> ready sockets -> messages of others, own messages
 *
 * Invariants:
 *  1. Every part of a round is bounded by what was there when the part began.
 *  2. `turn` is in the world's queue whenever there is, or will by a timer be, something to do;
 *     never before busy_until_us, so that a round takes its time.
 *  3. A loop whose process is paused or gone runs nothing. */
#include "sim/sim_int.h"

#include "base/mem.h"

#include <assert.h>
#include <utlist.h>

enum {
	ROUND_US = 1,
	CALLBACK_US = 1,
	POST_LEAST_US = 1,
	POST_MOST_US = 30,
};

/* ---- when the next round is ---- */

static uint64_t world_time_of(const struct sim_loop *loop, uint64_t process_us)
{
	int64_t boot_us = loop->process->boot_us;

	return process_us > (uint64_t)boot_us ? process_us - (uint64_t)boot_us : 0;
}

static bool has_work(const struct sim_loop *loop)
{
	return loop->own.first || loop->inbox.first || loop->ready;
}

static void plan_turn(struct sim_loop *loop)
{
	struct sim_world *world = loop->process->world;
	const struct env_timer *first = timer_heap_first(&loop->timers);
	uint64_t at_us = world->now_us;

	if (loop->in_turn || !loop->process->is_running)
		return;
	if (!has_work(loop)) {
		if (!first) {
			sim_event_stop(world, &loop->turn);
			return;
		}
		at_us = world_time_of(loop, first->deadline_us);
	}
	if (at_us < loop->busy_until_us)
		at_us = loop->busy_until_us;
	if (at_us < world->now_us)
		at_us = world->now_us;
	if (loop->turn.place == 0 || loop->turn.at_us != at_us)
		sim_event_start(world, &loop->turn, at_us);
}

void sim_loop_wake(struct sim_loop *loop)
{
	plan_turn(loop);
}

void sim_loop_spend(struct env *env, uint64_t us)
{
	struct sim_loop *loop = sim_loop_of(env);

	loop->spent_us += us;
	if (!loop->in_turn) /* start-up: the round that has not begun yet is late */
		loop->busy_until_us = loop->process->world->now_us + loop->spent_us;
}

/* ---- clocks, randomness, timers ---- */

static uint64_t now_us(struct env *env)
{
	struct sim_loop *loop = sim_loop_of(env);

	return loop->process->world->now_us + loop->spent_us + (uint64_t)loop->process->boot_us;
}

static int64_t wall_ms(struct env *env)
{
	struct sim_loop *loop = sim_loop_of(env);

	return 1700000000000 + loop->process->wall_shift_ms +
	       (int64_t)((loop->process->world->now_us + loop->spent_us) / 1000);
}

static void random_bytes(struct env *env, void *bytes, size_t size)
{
	sim_random_fill(&sim_process_here(env)->world->random, bytes, size);
}

static void timer_start(struct env *env, struct env_timer *timer, uint64_t deadline_us)
{
	struct sim_loop *loop = sim_loop_of(env);

	if (deadline_us <= loop->firing_us)
		deadline_us = loop->firing_us + 1;
	timer_heap_start(&loop->timers, timer, deadline_us);
	plan_turn(loop);
}

static void timer_stop(struct env *env, struct env_timer *timer)
{
	timer_heap_stop(&sim_loop_of(env)->timers, timer);
}

static void fire_timers(struct sim_loop *loop)
{
	struct env_timer *timer;

	loop->firing_us = now_us(&loop->env);
	while ((timer = timer_heap_take_due(&loop->timers, loop->firing_us))) {
		sim_trace(loop->process->world, "timer", loop->process->number, loop->env.shard,
			  timer->deadline_us);
		loop->spent_us += CALLBACK_US;
		timer->fire(timer);
	}
	loop->firing_us = 0;
}

/* ---- messages ---- */

/* A message between two loops. */
struct sim_post {
	struct sim_event arrives;
	struct sim_loop *to;
	struct env_message *message;
	struct sim_post *prev, *next;
};

static void messages_put(struct sim_messages *messages, struct env_message *message)
{
	message->next = NULL;
	if (messages->first)
		messages->last->next = message;
	else
		messages->first = message;
	messages->last = message;
}

void sim_loop_push(struct sim_loop *loop, struct env_message *message)
{
	messages_put(&loop->inbox, message);
	plan_turn(loop);
}

static void post_arrives(struct sim_event *event)
{
	struct sim_post *post = SIM_CONTAINER(event, struct sim_post, arrives);

	DL_DELETE(post->to->process->posts, post);
	sim_loop_push(post->to, post->message);
	mem_free(post);
}

static void post_message(struct env *env, unsigned shard, struct env_message *message)
{
	struct sim_loop *loop = sim_loop_of(env);
	struct sim_world *world = loop->process->world;
	uint64_t at_us = world->now_us + loop->spent_us;
	struct sim_post *post;

	assert(shard < loop->process->program.loops);
	if (!loop->process->is_running)
		return;
	if (shard == env->shard) {
		messages_put(&loop->own, message);
		plan_turn(loop);
		return;
	}
	at_us += sim_random_between(&world->random, POST_LEAST_US, POST_MOST_US);
	if (at_us < loop->last_post_us[shard])
		at_us = loop->last_post_us[shard];
	loop->last_post_us[shard] = at_us;
	post = mem_alloc(sizeof(*post));
	*post = (struct sim_post){.arrives.run = post_arrives,
				  .to = &loop->process->loops[shard],
				  .message = message};
	DL_APPEND(loop->process->posts, post);
	sim_event_start(world, &post->arrives, at_us);
}

void sim_posts_cancel(struct sim_process *process)
{
	struct sim_post *post, *next;

	DL_FOREACH_SAFE(process->posts, post, next) {
		sim_event_stop(process->world, &post->arrives);
		mem_free(post);
	}
	process->posts = NULL;
}

static void run_messages(struct sim_loop *loop, struct env_message *message)
{
	while (message) {
		struct env_message *next = message->next;

		loop->spent_us += CALLBACK_US;
		message->run(&loop->env, message);
		message = next;
	}
}

static void deliver_messages(struct sim_loop *loop)
{
	struct env_message *own = loop->own.first, *others = loop->inbox.first;

	loop->own = loop->inbox = (struct sim_messages){0};
	run_messages(loop, others);
	run_messages(loop, own);
}

/* ---- sockets ---- */

static void deliver_events(struct sim_loop *loop)
{
	struct env_socket *socket;

	loop->round = loop->ready;
	loop->ready = NULL;
	DL_FOREACH2(loop->round, socket, ready_next)
	socket->in_list = &loop->round;
	while ((socket = loop->round)) {
		sim_socket_unlist(socket);
		loop->spent_us += CALLBACK_US;
		/* Puts it where the next round finds it; what it has to tell is told now. */
		sim_socket_update(socket);
		if (socket->in_list)
			socket->ready(socket, sim_socket_events(socket), socket->context);
	}
}

/* ---- a round ---- */

static void turn(struct sim_event *event)
{
	struct sim_loop *loop = SIM_CONTAINER(event, struct sim_loop, turn);
	struct sim_process *process = loop->process;
	struct sim_world *world = process->world;

	if (process->is_paused) {
		loop->wants_turn = true;
		return;
	}
	sim_trace(world, "round", process->number, loop->env.shard, world->queued);
	loop->in_turn = true;
	loop->spent_us = ROUND_US;
	fire_timers(loop);
	deliver_events(loop);
	deliver_messages(loop);
	loop->in_turn = false;
	loop->busy_until_us = world->now_us + loop->spent_us;
	loop->spent_us = 0;
	plan_turn(loop);
}

void sim_loop_init(struct sim_loop *loop, struct sim_process *process, unsigned shard)
{
	*loop = (struct sim_loop){
		.env = {.ops = &sim_ops, .log = &process->log, .shard = shard},
		.process = process,
		.turn.run = turn,
	};
}

void sim_loop_done(struct sim_loop *loop)
{
	sim_event_stop(loop->process->world, &loop->turn);
	timer_heap_done(&loop->timers);
}

const struct env_ops sim_ops = {
	.now_us = now_us,
	.wall_ms = wall_ms,
	.random_bytes = random_bytes,
	.timer_start = timer_start,
	.timer_stop = timer_stop,
	.post = post_message,
	.file_open = sim_file_open,
	.file_ref = sim_file_ref,
	.file_unref = sim_file_unref,
	.file_size = sim_file_size,
	.file_read = sim_file_read,
	.file_read_cached = sim_file_read_cached,
	.file_is_cached = sim_file_is_cached,
	.file_write = sim_file_write,
	.file_truncate = sim_file_truncate,
	.file_sync = sim_file_sync,
	.folder_create = sim_folder_create,
	.folder_sync = sim_folder_sync,
	.file_system_sync = sim_file_system_sync,
	.folder_list = sim_folder_list,
	.folder_lock = sim_folder_lock,
	.path_rename = sim_path_rename,
	.path_remove = sim_path_remove,
	.flush = sim_flush,
	.read_ahead = sim_read_ahead,
	.task = sim_task,
	.listen = sim_listen,
	.accept = sim_accept,
	.connect = sim_connect,
	.socket_watch = sim_socket_watch,
	.socket_receive = sim_socket_receive,
	.socket_send = sim_socket_send,
	.socket_send_file = sim_socket_send_file,
	.socket_cork = sim_socket_cork,
	.socket_unsent = sim_socket_unsent,
	.socket_error = sim_socket_error,
	.socket_local = sim_socket_local,
	.socket_peer = sim_socket_peer,
	.socket_close = sim_socket_close,
	.socket_detach = sim_socket_detach,
	.socket_attach = sim_socket_attach,
	.datagrams_open = sim_datagrams_open,
	.datagrams_send = sim_datagrams_send,
	.datagrams_receive = sim_datagrams_receive,
};
