/* One connection: frames in, answers out, in order.
 *
 * Requests are started as they arrive and answered in the order of their arrival; the ones that are
 * done early wait in the session. Belongs to the loop of its worker. */
#pragma once

#include "broker/request.h"

struct flow;
struct session;

/* Takes the (attached elsewhere or new) socket over. */
struct session *session_new(struct worker *worker, struct env_socket *socket,
			    const struct view *view);

/* A client's connection to a slot: takes the flow (or NULL) over. No answer leaves before the flow
 * is known. Before anything is received. */
void session_own_flow(struct session *session, struct flow *flow);

/* Bytes that were received before the session was made (forwarded connections). */
void session_feed(struct session *session, const uint8_t *bytes, size_t size);

/* Ends it; requests under way are hurried, and forgotten when they are done. */
void session_close(struct session *session);
void session_reset(struct session *session);

/* S4: ends early what can be answered truthfully, lets the answers leave (at most release_us), then
 * resets the connection. */
void session_release(struct session *session, uint64_t release_us);

/* Ends early what waits on this request's connection and came before it: a follower's newer Fetch
 * supersedes the one that is parked. */
void session_hurry_older(const struct request *request);

const struct view *session_view(const struct session *session);
/* Where its fetch session is kept (fetch_session.h). */
struct fetch_session **session_fetch_session(struct session *session);
struct session *session_next(const struct session *session);
