/* The internal listener's handshake (S9): both sides prove the cluster secret, and who they are,
 * before anything else is read.
 *
 *     client                                server
 *       HandshakeHello  ------------------->        who, what for, nonce
 *                       <-------------------        who, nonce, server's proof
 *       HandshakeProof  ------------------->        client's proof
 *                       <-------------------        verdict
 *
 * A proof is HMAC-SHA-256 under the secret over a label for the side, both nonces, the cluster id,
 * both node ids, both incarnations, purpose and lane. */
#pragma once

#include "base/hmac.h"
#include "broker/broker.h"
#include "broker/limits.h"
#include "wire/messages.h"

/* Which of a broker's connections to another one this is. */
enum peer_lane {
	/* Clients of slots, for active reset. Below all others: a broker that does not know it
	 * takes it for one of the control thread's, which it is. */
	LANE_FLOWS = -1,
	LANE_QUORUM,    /* the metadata log's fetches: they wait */
	LANE_CONTROL,   /* requests to the controller: they wait for a commit */
	LANE_HEARTBEAT, /* heartbeats: they never wait */
	LANE_VOTE,      /* votes: a pre-vote may wait for evidence */
	LANE_EVIDENCE,  /* dials (S11): the handshake is all */
	LANE_FORWARD,   /* a client's connection */
	LANE_FETCH,     /* + n: the fetches of shard n */
};

struct handshake {
	int32_t client_node, server_node;
	struct uuid client_incarnation, server_incarnation, client_directory;
	int8_t purpose;
	int32_t lane;
	uint8_t client_nonce[HANDSHAKE_NONCE_BYTES], server_nonce[HANDSHAKE_NONCE_BYTES];
};

/* What the client says first; fills the client's side of h. */
void handshake_hello(struct handshake *h, struct env *env, const struct identity *identity,
		     int8_t purpose, int32_t lane, struct wire_output *out);

/* Client: the server's answer. Returns 0 and appends the client's proof, or -EPERM: wrong secret or
 * not who we meant (expected_node). The server's side of h is filled in either case but for
 * -EBADMSG. */
int handshake_take_hello(struct handshake *h, const struct identity *identity,
			 int32_t expected_node, const uint8_t *frame, size_t size,
			 struct wire_output *out);

/* Client: the verdict. 0 or -EPERM. */
int handshake_take_verdict(const uint8_t *frame, size_t size);

/* Server: the hello. Returns 0 and appends the answer, or -EPERM (another cluster) or -EBADMSG. */
int handshake_answer_hello(struct handshake *h, struct env *env, const struct identity *identity,
			   const uint8_t *frame, size_t size, struct wire_output *out);

/* Server: the client's proof. Returns 0 and appends the verdict, or -EPERM or -EBADMSG. */
int handshake_answer_proof(const struct handshake *h, const struct identity *identity,
			   const uint8_t *frame, size_t size, struct wire_output *out);
