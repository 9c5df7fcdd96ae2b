/* The running timers of one loop, soonest first; both the real env and the simulator use it. */
#pragma once

#include "base/env.h"

struct timer_heap {
	struct env_timer **timers; /* a binary heap from place 1 on; place 0 is unused */
	size_t count;
	size_t capacity;
};

void timer_heap_done(struct timer_heap *heap);

/* Starts timer, or moves it when it runs already. */
void timer_heap_start(struct timer_heap *heap, struct env_timer *timer, uint64_t deadline_us);
void timer_heap_stop(struct timer_heap *heap, struct env_timer *timer);

/* The soonest running timer, or NULL. */
struct env_timer *timer_heap_first(const struct timer_heap *heap);

/* Takes the soonest timer out when its deadline is at or before now_us, else returns NULL. */
struct env_timer *timer_heap_take_due(struct timer_heap *heap, uint64_t now_us);
