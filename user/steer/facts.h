/* Reads a broker's datagrams (bellwether/steer_facts.h) and turns each into a fact for the state.
 * Pure; every length, type and version is checked here and nowhere else. */
#pragma once

#include "steer/state.h"

/* What the daemon has to do after a message, besides deciding again. */
enum facts_effect {
	FACTS_NOTHING,
	FACTS_HELLO,    /* prepare the maps for the cluster, state_hello(), answer HELLO_ACK */
	FACTS_IMAGE,    /* an image was applied: leaders, next hops; then ACK */
	FACTS_ACK,      /* carry the decision out, then ACK */
	FACTS_STATS,    /* answer STATS from first_slot on */
	FACTS_COUNTS,   /* answer COUNTS */
	FACTS_RESETS,   /* active reset: hand them to flow_resets_add() */
};

struct facts_outcome {
	enum facts_effect effect;
	uint32_t sequence;
	int32_t result;          /* for the ACK */
	struct steer_hello hello;
	uint32_t first_slot;
	struct steer_reset_flows resets;
};

/* in_session: a HELLO came before on this connection. Returns 0 with *ret filled in, or -EPROTO
 * for what closes the connection, with a reason in *ret_reason (a literal). */
int facts_take(struct state *s, bool in_session, const void *bytes, size_t size, uint64_t now_us,
	       struct facts_outcome *ret, const char **ret_reason);
