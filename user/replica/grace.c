/* The short grace that a mirrored batch has before a fetch brings it (DESIGN section 7): else it
 * would travel twice.
 *
 * Invariants:
 *   1. A fetch offset is held once, for one grace: however much is mirrored meanwhile, what the
 *      mirror has lost is fetched then.
 *   2. A follower that no mirror reaches waits three graces, then less and less often.
 *   3. After a miss nothing is held until the follower is past all that was mirrored by then: who
 *      lags catches up by fetching alone. */
#include "replica/replica_int.h"

static uint64_t grace_us(const struct grace *g)
{
	uint64_t us = g->turn_round_us * 2;

	if (us < GRACE_LEAST_US)
		return GRACE_LEAST_US;
	return us < GRACE_MOST_US ? us : GRACE_MOST_US;
}

void grace_note_mirrored(struct grace *g, uint64_t now_us, int64_t base_offset, int64_t end_offset)
{
	if (base_offset != g->to_offset)
		g->from_offset = base_offset;
	g->to_offset = end_offset;
	if (g->timed_us == 0) {
		g->timed_us = now_us;
		g->timed_offset = end_offset;
	}
}

/* From the mirroring to the fetch that acknowledges it (F7); the mean leans to what is new. */
static void grace_measure(struct grace *g, uint64_t now_us, int64_t fetch_offset)
{
	uint64_t us = now_us - g->timed_us;

	if (g->timed_us == 0 || fetch_offset < g->timed_offset)
		return;
	g->timed_us = 0;
	g->misses = 0;
	g->turn_round_us = g->turn_round_us ? (g->turn_round_us * 7 + us) / 8 : us;
}

static void grace_miss(struct grace *g, uint64_t now_us)
{
	unsigned more = ++g->misses - GRACE_MISSES;

	g->from_offset = g->to_offset;
	g->timed_us = 0;
	if (g->misses < GRACE_MISSES)
		return;
	if (more > GRACE_PAUSE_DOUBLES)
		more = GRACE_PAUSE_DOUBLES;
	g->paused_until_us = now_us + ((uint64_t)GRACE_PAUSE_US << more);
}

bool grace_is_paused(const struct grace *g, uint64_t now_us)
{
	return now_us < g->paused_until_us;
}

uint64_t grace_hold_until(struct grace *g, uint64_t now_us, int64_t fetch_offset)
{
	grace_measure(g, now_us, fetch_offset);
	if (fetch_offset < g->from_offset || fetch_offset >= g->to_offset)
		return 0;
	if (g->held_until_us == 0 || g->held_offset != fetch_offset) {
		g->held_offset = fetch_offset;
		g->held_until_us = now_us + grace_us(g);
	}
	if (now_us < g->held_until_us)
		return g->held_until_us;
	grace_miss(g, now_us);
	return 0;
}
