/* Who waits for a partition: produce requests for a record to be safe, parked reads for news.
 *
 * Owns both kinds of list. Invariants:
 *   1. Waiters of a kind are in order of last_offset, so those that are due stand in front.
 *   2. A waiter or watch is out of its list before it is called: it may come back, and so may
 *      everything else, from within the call.
 *   3. A watch set during a wake-up is not called by that wake-up (`since`), so each one ends. */
#include "replica/replica_int.h"

#include <utlist.h>

static bool waiter_is_due(const struct replica *r, const struct replica_waiter *w)
{
	if (r->role != REPLICA_LEADER)
		return true;
	if (w->all_replicas)
		return w->last_offset < r->high_watermark;
	return w->last_offset < replica_counted_offset(r);
}

static enum replica_error waiter_verdict(const struct replica *r, const struct replica_waiter *w)
{
	if (r->storage_failed)
		return REPLICA_STORAGE;
	if (r->role != REPLICA_LEADER)
		return REPLICA_NOT_LEADER;
	/* R13, second half. */
	if (w->all_replicas && isr_maximal_count(r) < r->min_isr)
		return REPLICA_NOT_ENOUGH_AFTER;
	return REPLICA_OK;
}

static void waiter_remove(struct replica_waiter **list, struct replica_waiter *w)
{
	DL_DELETE(*list, w);
	w->prev = w->next = NULL;
}

/* From the back: what was appended last ends last, but for a duplicate's original offset. */
static void waiter_insert(struct replica_waiter **list, struct replica_waiter *w)
{
	struct replica_waiter *before = *list ? (*list)->prev : NULL;

	while (before && before->last_offset > w->last_offset)
		before = before == *list ? NULL : before->prev;
	DL_APPEND_ELEM(*list, before, w);
}

void replica_await(struct replica *r, struct replica_waiter *w)
{
	w->prev = w->next = NULL;
	if (waiter_is_due(r, w))
		w->done(w, waiter_verdict(r, w));
	else
		waiter_insert(&r->waiters[w->all_replicas ? WAIT_COMMITTED : WAIT_DURABLE], w);
}

void replica_cancel(struct replica *r, struct replica_waiter *w)
{
	if (w->prev)
		waiter_remove(&r->waiters[w->all_replicas ? WAIT_COMMITTED : WAIT_DURABLE], w);
}

static void waiters_deliver_kind(struct replica *r, struct replica_waiter **list)
{
	struct replica_waiter *w;

	while ((w = *list) && waiter_is_due(r, w)) {
		waiter_remove(list, w);
		w->done(w, waiter_verdict(r, w));
	}
}

void replica_watch(struct replica *r, struct replica_watch *watch)
{
	replica_unwatch(r, watch);
	watch->since = r->wake_count;
	DL_APPEND(r->watches[watch->is_follower ? WATCH_FOLLOWER : WATCH_CONSUMER], watch);
}

void replica_unwatch(struct replica *r, struct replica_watch *watch)
{
	if (!watch->prev)
		return;
	DL_DELETE(r->watches[watch->is_follower ? WATCH_FOLLOWER : WATCH_CONSUMER], watch);
	watch->prev = watch->next = NULL;
}

static void watches_wake(struct replica *r, int kind)
{
	uint64_t round = ++r->wake_count;
	struct replica_watch *watch;

	r->wake[kind] = false;
	while ((watch = r->watches[kind]) && watch->since < round) {
		replica_unwatch(r, watch);
		watch->ready(watch);
	}
}

void waiters_deliver(struct replica *r)
{
	for (int kind = 0; kind < WAIT_KINDS; kind++)
		waiters_deliver_kind(r, &r->waiters[kind]);
	for (int kind = 0; kind < WATCH_KINDS; kind++) {
		if (r->wake[kind])
			watches_wake(r, kind);
	}
}
