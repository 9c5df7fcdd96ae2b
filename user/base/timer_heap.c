/* Owns the order of running timers. Invariants: timers[i]->heap_place == i, and no timer is
 * sooner than the one at half its place. */
#include "base/timer_heap.h"

#include "base/mem.h"

void timer_heap_done(struct timer_heap *heap)
{
	mem_free(heap->timers);
	*heap = (struct timer_heap){0};
}

static void put(struct timer_heap *heap, size_t place, struct env_timer *timer)
{
	heap->timers[place] = timer;
	timer->heap_place = place;
}

static void sift(struct timer_heap *heap, size_t place)
{
	struct env_timer *timer = heap->timers[place];

	while (place > 1 && timer->deadline_us < heap->timers[place / 2]->deadline_us) {
		put(heap, place, heap->timers[place / 2]);
		place /= 2;
	}
	for (size_t child = place * 2; child <= heap->count; child = place * 2) {
		if (child < heap->count &&
		    heap->timers[child + 1]->deadline_us < heap->timers[child]->deadline_us)
			child++;
		if (timer->deadline_us <= heap->timers[child]->deadline_us)
			break;
		put(heap, place, heap->timers[child]);
		place = child;
	}
	put(heap, place, timer);
}

void timer_heap_start(struct timer_heap *heap, struct env_timer *timer, uint64_t deadline_us)
{
	timer->deadline_us = deadline_us;
	if (timer->heap_place == 0) {
		if (heap->count + 1 >= heap->capacity) {
			heap->capacity = heap->capacity ? heap->capacity * 2 : 32;
			heap->timers =
				mem_resize(heap->timers, heap->capacity * sizeof(*heap->timers));
		}
		put(heap, ++heap->count, timer);
	}
	sift(heap, timer->heap_place);
}

void timer_heap_stop(struct timer_heap *heap, struct env_timer *timer)
{
	size_t place = timer->heap_place;
	struct env_timer *last;

	if (place == 0)
		return;
	timer->heap_place = 0;
	last = heap->timers[heap->count--];
	if (last != timer) {
		put(heap, place, last);
		sift(heap, place);
	}
}

struct env_timer *timer_heap_first(const struct timer_heap *heap)
{
	return heap->count ? heap->timers[1] : NULL;
}

struct env_timer *timer_heap_take_due(struct timer_heap *heap, uint64_t now_us)
{
	struct env_timer *first = timer_heap_first(heap);

	if (!first || first->deadline_us > now_us)
		return NULL;
	timer_heap_stop(heap, first);
	return first;
}
