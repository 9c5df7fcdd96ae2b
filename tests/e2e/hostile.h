/* What the files of hostile share: frames that nobody should send, and connections for them. */
#pragma once

#include "plain_client.h"
#include "../unit/wire/fill.h"

/* Which APIs good frames are made of: what a listener serves. */
enum hostile_side { HOSTILE_CLIENT, HOSTILE_PEER };

/* Makes frames, one after the other; the same ones from the same seed. */
struct frame_maker {
	struct filler filler;
	struct arena arena;
	enum hostile_side side;
	const char *name; /* what texts say in the good frame that is being made */
	/* The next good frame that is changed at one byte: API, version and byte go round. */
	size_t api;
	int16_t version;
	size_t place;
	uint64_t made, rounds; /* rounds: how often every byte of every frame had its turn */
};

void frame_maker_init(struct frame_maker *maker, enum hostile_side side, uint64_t seed);
void frame_maker_done(struct frame_maker *maker);

/* Appends one frame: drawn, cut off, of drawn fields, or a good one with a byte changed. */
void frame_make(struct frame_maker *maker, struct buffer *out);

/* The claimed node of our peers: a broker that the cluster does not have. */
enum { HOSTILE_NODE = 77 };
#define HOSTILE_TOPIC "hostile"

/* Performs the brokers' own handshake as HOSTILE_NODE on a new connection. CLUSTER, SECRET (a
 * file) and NODE (whom we talk to) come from the environment. Returns 0 or -1 after a sentence. */
int hostile_handshake(int fd, int8_t purpose, int32_t lane, uint64_t seed);

/* The same by somebody who has another SECRET or CLUSTER and goes on whatever the broker proves.
 * Returns 0 when it is closed without a verdict, -1 when it is believed or kept waiting. */
int hostile_impose(int fd, int8_t purpose);

/* Produces and fetches on one connection until SIGTERM; the exit status. */
int hostile_steady(const char *address);
