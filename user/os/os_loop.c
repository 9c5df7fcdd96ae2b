/* Owns one event loop: its epoll set, its timers, and the messages posted to it.
 *
 * A round:  wait in epoll -> due timers -> polled events -> messages (inbox, own) -> flushes leave
 *
 * Invariants:
 *  1. Every part of a round is bounded by what was there when the part began: a timer that restarts
 *     itself, or a message that posts itself, runs again in the next round.
 *  2. A loop that has work of its own waiting does not wait in epoll.
 *  3. No post is lost to sleep: the loop says `asleep` and then looks into the inbox; a sender puts
 *     into the inbox and then looks at `asleep` (both sequentially consistent, so at least one of
 *     them sees the other). Only a sender that finds it asleep pays for the eventfd.
 *  4. events[event_next..event_count) name watches that exist: who closes or detaches one takes
 *     it out (os_loop_forget).
 *
 * CLOCK_BOOTTIME is read each time: the vDSO answers it in 23 ns, as it does CLOCK_MONOTONIC
 * (measured: x86-64, Linux 6.18, clock source tsc).
 *
 * Leaves to others: what an event means (os_socket.c), threads and stopping (os_process.c). */
#include "os/os_int.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* ---- clocks, randomness, timers ---- */

uint64_t os_now_us(struct env *env)
{
	struct timespec now;

	(void)env;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int64_t os_wall_ms(struct env *env)
{
	struct timespec now;

	(void)env;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void os_random_bytes(struct env *env, void *bytes, size_t size)
{
	char *at = bytes;

	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);

		if (got < 0 && errno != EINTR) {
			env_log(env, LOG_ERROR, "getrandom: %s", strerror(errno));
			abort(); /* ids and nonces made without it would be guessable */
		}
		if (got > 0) {
			at += got;
			size -= (size_t)got;
		}
	}
}

void os_timer_start(struct env *env, struct env_timer *timer, uint64_t deadline_us)
{
	struct os_loop *loop = os_loop_of(env);

	/* Invariant 1: what starts in a pass is not due in it. */
	if (deadline_us <= loop->firing_us)
		deadline_us = loop->firing_us + 1;
	timer_heap_start(&loop->timers, timer, deadline_us);
}

void os_timer_stop(struct env *env, struct env_timer *timer)
{
	timer_heap_stop(&os_loop_of(env)->timers, timer);
}

static void fire_timers(struct os_loop *loop)
{
	struct env_timer *timer;

	if (!timer_heap_first(&loop->timers))
		return;
	loop->firing_us = os_now_us(&loop->env);
	while ((timer = timer_heap_take_due(&loop->timers, loop->firing_us)))
		timer->fire(timer);
	loop->firing_us = 0;
}

/* ---- messages ---- */

void os_loop_wake(struct os_loop *loop)
{
	uint64_t one = 1;

	while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void os_loop_push(struct os_loop *loop, struct env_message *message)
{
	struct env_message *newest = atomic_load_explicit(&loop->inbox, memory_order_relaxed);

	do
		message->next = newest;
	while (!atomic_compare_exchange_weak(&loop->inbox, &newest, message));
	if (atomic_load(&loop->asleep) && atomic_exchange(&loop->asleep, false))
		os_loop_wake(loop);
}

void os_post(struct env *env, unsigned shard, struct env_message *message)
{
	struct os_loop *loop = os_loop_of(env);

	assert(shard < loop->process->loop_count);
	if (shard != env->shard) {
		os_loop_push(&loop->process->loops[shard], message);
		return;
	}
	message->next = NULL;
	if (loop->own.first)
		loop->own.last->next = message;
	else
		loop->own.first = message;
	loop->own.last = message;
}

static void run_messages(struct os_loop *loop, struct env_message *message)
{
	while (message) {
		struct env_message *next = message->next;

		message->run(&loop->env, message);
		message = next;
	}
}

static struct env_message *reverse(struct env_message *newest)
{
	struct env_message *oldest = NULL;

	while (newest) {
		struct env_message *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

void os_loop_deliver(struct os_loop *loop)
{
	struct env_message *own = loop->own.first, *others = NULL;

	loop->own = (struct os_messages){0};
	if (atomic_load_explicit(&loop->inbox, memory_order_relaxed))
		others = reverse(atomic_exchange(&loop->inbox, NULL));
	run_messages(loop, others);
	run_messages(loop, own);
}

/* ---- events ---- */

void os_loop_control(struct os_loop *loop, int operation, int fd, uint32_t polled,
		     struct os_watch *watch)
{
	struct epoll_event event = {.events = polled, .data.ptr = watch};

	if (epoll_ctl(loop->epoll_fd, operation, fd, &event) == 0)
		return;
	/* Out of kernel memory, or a bug of ours; either way nobody would hear of this socket. */
	env_log(&loop->env, LOG_ERROR, "epoll_ctl: %s", strerror(errno));
	abort();
}

void os_loop_forget(struct os_loop *loop, const struct os_watch *watch)
{
	for (int i = loop->event_next; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
}

static void deliver_events(struct os_loop *loop)
{
	while (loop->event_next < loop->event_count) {
		const struct epoll_event *event = &loop->events[loop->event_next++];
		struct os_watch *watch = event->data.ptr;

		if (watch)
			watch->ready(watch, event->events);
	}
}

static uint64_t time_to_wait(struct os_loop *loop, uint64_t wait_us)
{
	const struct env_timer *first = timer_heap_first(&loop->timers);
	uint64_t now_us;

	if (loop->own.first || loop->flushes)
		return 0;
	if (!first)
		return wait_us;
	now_us = os_now_us(&loop->env);
	if (first->deadline_us <= now_us)
		return 0;
	return first->deadline_us - now_us < wait_us ? first->deadline_us - now_us : wait_us;
}

static void poll_events(struct os_loop *loop, uint64_t wait_us)
{
	bool sleeps = wait_us > 0;
	struct timespec wait;

	if (sleeps) {
		atomic_store(&loop->asleep, true);
		if (atomic_load(&loop->inbox) || atomic_load(&loop->process->stopping))
			wait_us = 0;
	}
	wait.tv_sec = (time_t)(wait_us / 1000000);
	wait.tv_nsec = (long)(wait_us % 1000000) * 1000;
	loop->event_next = 0;
	loop->event_count = epoll_pwait2(loop->epoll_fd, loop->events, OS_EVENTS_PER_ROUND,
					 wait_us == UINT64_MAX ? NULL : &wait, NULL);
	if (sleeps)
		atomic_store(&loop->asleep, false);
	if (loop->event_count < 0) {
		assert(errno == EINTR);
		loop->event_count = 0;
	}
}

void os_loop_turn(struct os_loop *loop, uint64_t wait_us)
{
	struct env_flush *flushes;

	poll_events(loop, time_to_wait(loop, wait_us));
	fire_timers(loop);
	deliver_events(loop);
	os_loop_deliver(loop);
	flushes = loop->flushes;
	loop->flushes = NULL;
	if (flushes)
		os_flush_submit(&loop->process->flush, flushes);
}

/* ---- life ---- */

static void woken(struct os_watch *watch, uint32_t polled)
{
	(void)watch;
	(void)polled;
}

int os_loop_init(struct os_loop *loop, struct os_process *process, unsigned shard)
{
	loop->process = process;
	loop->env.shard = shard;
	loop->wake.ready = woken;
	loop->wake_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return -errno;
	/* Edge triggered: each write is an event of its own, and nobody needs to read it. */
	os_loop_control(loop, EPOLL_CTL_ADD, loop->wake_fd, EPOLLIN | EPOLLET, &loop->wake);
	return 0;
}

void os_loop_done(struct os_loop *loop)
{
	timer_heap_done(&loop->timers);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
}
