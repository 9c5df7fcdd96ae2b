/* What a shard and the control thread have in common: one loop, its connections, its requests and
 * the image that it has applied. */
#pragma once

#include "base/env.h"
#include "broker/broker.h"
#include "broker/counters.h"
#include "broker/traffic.h"
#include "meta/image.h"

struct request;
struct session;

/* Something that waits for facts: asked again after each image, and once more at its deadline. */
struct image_waiter {
	/* Returns true when it is through (and has taken itself apart). */
	bool (*look)(struct image_waiter *waiter, bool deadline);
	struct worker *worker;
	struct env_timer timer;
	struct image_waiter *prev, *next;
};

struct worker {
	struct env *env;
	struct broker *broker;
	struct image *image;      /* never NULL after worker_init() */
	bool is_done;             /* worker_done() runs: nothing is begun any more */
	struct session *sessions; /* a utlist */
	struct request *free_requests;
	unsigned free_request_count;
	struct image_waiter *image_waiters;
	uint8_t *scratch; /* SCRATCH_BYTES */
	struct counters counters;
	struct traffic_table traffic;
	uint64_t refusals_unsaid; /* since the last line in the log */
	uint64_t refusal_said_us; /* 0: never */
	/* A session ended, whoever ended it. May be NULL. */
	void (*session_ended)(struct worker *worker, const struct session *session);
};

void worker_init(struct worker *worker, struct env *env, struct broker *broker);
/* Closes every connection. */
void worker_done(struct worker *worker);

/* Counts a connection that the caller is about to close because of what came over it, and says so
 * in the log when the last such line is REFUSAL_LOG_MS old. */
void worker_note_refusal(struct worker *worker, struct env_socket *socket, enum refusal refusal);

/* Takes another image (its reference is taken over) and asks the waiters. */
void worker_set_image(struct worker *worker, struct image *image);
void worker_await_image(struct worker *worker, struct image_waiter *waiter, uint64_t deadline_us);
