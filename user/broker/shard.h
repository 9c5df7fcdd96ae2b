/* A shard: one loop that owns its slots and their partitions outright. No locks: other loops reach
 * it by messages only. */
#pragma once

#include "broker/forward.h"
#include "broker/worker.h"
#include "replica/replica.h"

#include <uthash.h>

struct fetcher;
struct openings;
struct flow;
struct forward;
struct mirror;
struct slot_listener;
struct view;

struct hosted_key {
	struct uuid topic_id;
	int32_t partition;
};

/* A replica that this shard hosts. */
struct hosted {
	struct hosted_key key;
	struct replica *replica;
	char *folder;
	int32_t slot; /* by the image that was applied last */
	struct shard *shard;
	bool is_corrupt; /* R48: found so when it was opened */
	UT_hash_handle hh;
};

struct producer_ids { /* the rest of this shard's block (controller_allocate_producer_ids) */
	int64_t next, end;
	struct id_waiting *waiting; /* utlist, api_init_producer_id.c */
	bool asked;
};

struct shard {
	struct worker worker;
	unsigned number;
	struct hosted *hosted;       /* uthash */
	struct image *coming;        /* the next image, while its logs are being opened; or NULL */
	struct image *next_image;    /* the newest that has come since; or NULL */
	struct openings *openings;   /* those logs */
	bool is_closing;             /* no image is applied any more */
	struct env_message *closing; /* to be run when the logs have been opened; or NULL */
	struct slot_listener *slots; /* one for each slot of this shard, utlist */
	struct forward *forwards;    /* connections to slots held elsewhere, utlist */
	struct flow *flows;          /* all connections to slots, utlist */
	struct env_timer forward_report;
	bool forward_report_due;
	struct mirror *mirror;    /* NULL: nothing is mirrored, or before mirror_open() */
	struct fetcher *fetchers; /* one for each leader that we follow here, utlist */
	struct producer_ids producer_ids;
	struct replica_options replica_options;
	struct plog_options plog_options;
	struct env_timer tick;
	struct env_socket *listeners[IMAGE_LISTENERS]; /* shard 0 only */
	unsigned next_adopter;                         /* connections are dealt out in turn */
};

struct shard *shard_new(struct broker *broker, struct env *env, unsigned number);
/* Opens the plain and slot-view listeners (shard 0), for those who wait in them: they are accepted
 * from the first image on in which this broker is unfenced, so that nobody is told of topics that
 * do not exist yet here. Returns 0 or -errno after an error line. */
int shard_listen(struct shard *shard);
void shard_begin_to_accept(struct shard *shard);
/* Flushes and closes its logs (R38): a clean shutdown. Returns 0 or the first failure. */
int shard_close_logs(struct shard *shard);
/* The end, in two steps, each for all shards: replicas go first, and what waited on them for a
 * request of another shard is answered there. After the loops have ended; NULL is fine. */
void shard_stop(struct shard *shard);
void shard_free(struct shard *shard);

/* On the shard's loop: the next image, whose reference is taken over (S8: the control thread is
 * told when it has been applied, by control_image_applied()). The logs that it needs are opened
 * first, elsewhere; of the images that come meanwhile the newest is applied next. */
void shard_apply(struct shard *shard, struct image *image);
/* No image is applied from now on. Runs the message, here or once the logs have been opened that
 * were being opened: the time for shard_close_logs(). */
void shard_begin_to_close(struct shard *shard, struct env_message *message);
/* An abrupt end: what is being opened is dropped. */
void shard_forget_coming(struct shard *shard);

/* On the shard's loop. NULL when it does not host it. */
struct hosted *shard_find(struct shard *shard, struct uuid topic_id, int32_t partition);

/* R48, said by an operator: cuts a corrupt log where the damage begins, and serves it again.
 * Returns 0 with the offsets that are dropped, or -errno (-EINVAL: it is not corrupt). */
int shard_accept_loss(struct hosted *hosted, int64_t *ret_dropped_from, int64_t *ret_dropped_to);

/* From any loop: hands a detached socket over to become a session with this view. `early` bytes (or
 * NULL) were received already; they are copied. */
void shard_adopt(struct env *from, struct shard *shard, struct env_socket *socket,
		 const struct view *view, const void *early, size_t early_size);
