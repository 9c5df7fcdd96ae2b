/* Flows: clients' connections to slots that this broker's kernel ends, whether it holds the slot or
 * forwards them. A host that dies takes them along without a word, and a client that waits for an
 * answer would wait for its time-out: so others know of every flow before its first answer leaves
 * (flow_sharing.h), and the slot's next holder resets it (told_flows.h). */
#pragma once

#include "base/env.h"

struct shard;

struct flow_key { /* hashed as raw bytes: no padding */
	struct net_address client, slot_address;
	int32_t slot;
};
_Static_assert(sizeof(struct flow_key) == 2 * 18 + 4, "flow_key has padding");

struct flow {
	struct flow_key key;
	/* the shard's */
	struct shard *shard;
	struct env_timer most;
	void (*known)(void *owner);
	void *owner;
	bool is_known;
	struct flow *prev, *next; /* shard->flows, until the control thread has let go of it */
	/* between the two: each goes there first, and then perhaps back */
	struct env_message news, end;
	/* the control thread's (flow_sharing.c) */
	uint64_t serial; /* 0: not shared, there was no room */
	bool is_awaited; /* the shard is to be told when others have it */
	struct flow *shared_prev, *shared_next;
	struct flow *awaited_prev, *awaited_next;
};

/* On the shard's loop, all of these. */

/* The connection was accepted: others are told. NULL where nobody could be. */
struct flow *flow_open(struct shard *shard, struct env_socket *client, int32_t slot);
/* Others have it, or FLOW_UNKNOWN_MOST_MS have passed; NULL is known. */
bool flow_is_known(const struct flow *flow);
/* known(owner) is called when it becomes so, never from within; not any more after flow_close(). */
void flow_await(struct flow *flow, void (*known)(void *owner), void *owner);
/* The connection has ended. NULL is fine. */
void flow_close(struct flow *flow);
/* After the loops have ended. */
void flows_done(struct shard *shard);
