/* A connection that we make to another broker's internal listener: handshake, then requests whose
 * answers come in order. Used by the control thread and by shards, each with its own. */
#pragma once

#include "broker/handshake.h"

struct peer;

struct peer_call {
	/* rc 0: frame is the response after its size (header and body), valid during the call; else
	 * -errno: the connection broke, the request may or may not have been carried out. */
	void (*done)(struct peer_call *call, int rc, const uint8_t *frame, size_t size);
	int32_t correlation_id;
	struct peer_call *prev, *next; /* the peer's */
};

struct peer_options {
	struct env *env;
	const struct identity *identity;
	int32_t node_id; /* who must answer */
	struct net_address address;
	int8_t purpose;
	int32_t lane;
	uint64_t silence_us; /* an answer is overdue after it: the connection is given up; 0: never
			      */
	/* The handshake is done: requests flow. May be NULL. */
	void (*ready)(void *context, const struct uuid *incarnation);
	/* The connection could not be made or broke; every call has been told. `incarnation` is who
	 * answered the hello, or NULL. The next call, or peer_connect(), tries again. May be NULL.
	 */
	void (*broken)(void *context, int rc, const struct uuid *incarnation);
	void *context;
};

/* Does not connect yet. */
struct peer *peer_new(const struct peer_options *options);
/* Calls under way are told -ECANCELED. Not from within its own callbacks' `broken`. NULL is fine.
 */
void peer_free(struct peer *peer);

void peer_connect(struct peer *peer);
void peer_disconnect(struct peer *peer, int rc);
bool peer_is_ready(const struct peer *peer);

/* Sends a request, connecting first when needed. call->done is never called from within. */
void peer_send(struct peer *peer, const struct wire_api *api, int16_t version, const void *request,
	       struct peer_call *call);

/* Purpose forward: after the handshake the bare socket, detached from this loop; the peer is then
 * empty and is to be freed. Only in or after `ready`. */
struct env_socket *peer_take_socket(struct peer *peer);
