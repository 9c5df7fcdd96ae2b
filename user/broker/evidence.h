/* Death by evidence (S11): is that broker dead? Asked of its kernel and of itself, by dialling its
 * internal listener. On the control thread. */
#pragma once

#include "broker/handshake.h"

struct evidence;

enum evidence_verdict {
	EVIDENCE_DEAD,    /* refused, or three SYNs in a row unanswered */
	EVIDENCE_REBORN,  /* another incarnation answered: the one that we know is dead */
	EVIDENCE_ALIVE,   /* the incarnation that we know answered */
	EVIDENCE_NOTHING, /* neither could be had within the session time-out */
};

struct evidence_options {
	struct env *env;
	const struct identity *identity;
	uint64_t unanswered_us, again_us, most_us;
	void (*verdict)(void *context, int32_t node_id, enum evidence_verdict verdict);
	void *context;
};

/* For one node; nothing is dialled yet. */
struct evidence *evidence_new(const struct evidence_options *options, int32_t node_id);
void evidence_free(struct evidence *evidence); /* not from within verdict; NULL is fine */

/* Begins to dial, unless it does so already. incarnation NULL: any that answers is alive. */
void evidence_seek(struct evidence *evidence, const struct net_address *address,
		   const struct uuid *incarnation);
bool evidence_is_seeking(const struct evidence *evidence);
