/* Active reset: which client gets its next forged SYN, and when. No I/O and no clock.
 *
 * Each client gets two: the first soon after this node became the holder, when the other nodes'
 * bwsteers have had time to learn of it too (the answer travels by the announcer's entry); the
 * second RESET_AGAIN_US later, because Linux sends one challenge ACK in 500 ms for each socket. */
#pragma once

#include "bellwether/steer_maps.h"
#include "steer/state.h"

enum {
	RESET_AFTER_US = 10 * 1000,
	RESET_AGAIN_US = 600 * 1000,
	/* A client that is named again in this time has had its SYNs. */
	RESET_REMEMBERED_US = 10 * 1000 * 1000,
	/* So many clients are remembered at most, and so many SYNs leave in a round's time. */
	RESET_FLOWS_MOST = 32768,
	RESET_ROUND_US = 5 * 1000,
	RESET_SYNS_PER_ROUND = 64,
};

struct flow_resets;

struct flow_resets *flow_resets_new(void);
void flow_resets_free(struct flow_resets *resets); /* NULL is fine */

/* What the broker named. Clients that may not be reset, those known already and those for whom
 * there is no room are counted and left out. */
void flow_resets_add(struct flow_resets *resets, const struct state *s,
		     const struct steer_flow *flow, uint64_t now_us);

/* The next SYN that is due: true with *ret_flow, to be sent at once and then told by
 * flow_resets_sent(). One whose slot has left this node meanwhile is dropped. */
bool flow_resets_next(struct flow_resets *resets, const struct state *s, uint64_t now_us,
		      struct steer_flow *ret_flow);
void flow_resets_sent(struct flow_resets *resets, int rc);

/* When something will be due; UINT64_MAX: nothing. */
uint64_t flow_resets_deadline_us(const struct flow_resets *resets);
const struct reset_stats *flow_resets_stats(const struct flow_resets *resets);
