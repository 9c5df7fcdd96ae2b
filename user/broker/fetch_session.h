/* Incremental fetch sessions (KIP-227) between brokers: the leader remembers what a follower has
 * asked for, so that a Fetch lists only what has changed and its answer only what there is to say.
 *
 * A session belongs to one connection of a proven peer and to that peer's broker epoch (R6), and
 * ends with either. A connection has at most one. It holds no partition that this broker does not
 * host. What a follower says of a partition, for as long as it does not list it again:
 *
 *     listed --nothing to say--> watched --HW or log start moved--> told, and still watched
 *       |                           |
 *       +---------------------------+--records, a diverging epoch--> told: silent until
 *                                   |                                listed again
 *                                   +--an error--> told, and no longer in the session
 *
 * So a follower lists again what came with records, a diverging epoch or an error, whatever became
 * of it; that is stricter than KIP-227, and why no batch travels twice while several Fetches
 * are under way. Clients' sessions are declined (id 0). */
#pragma once

#include "broker/request.h"

struct fetch_session;

/* On the connection's loop. Takes a follower's Fetch that begins a session (epoch 0) or goes on
 * with one, and hurries the older ones of its connection. Returns false, and has done nothing, when
 * it wants none (id 0, epoch -1). */
bool fetch_session_takes(struct request *request);

/* The connection has ended; its requests have been hurried. NULL is fine. */
void fetch_session_end(struct fetch_session *session);
