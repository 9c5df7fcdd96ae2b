/* One partition of a Fetch: read, and watched for news, on the shard that owns it. */
#pragma once

#include "broker/hop.h"
#include "broker/request.h"
#include "wire/message_fetch.h"

/* Zeroed, then filled down to the line. Its hops' `back` is the caller's; `owner` NULL means that
 * nobody here can be asked, and `error` says why. */
struct fetch_part {
	struct hop hop;    /* reading and watching */
	struct hop recall; /* ends a watch */
	struct uuid topic_id;
	struct fetch_request_partition asked;
	int32_t follower; /* -1: a consumer */
	int64_t broker_epoch;
	bool leaves_mirrored; /* see struct replica_fetch */
	/* ---- what a read gives; the slice's file is the part's until fetch_part_release() ---- */
	enum kafka_error error;
	struct replica_fetched fetched;
	/* ---- fetch_part.c's, on the owner ---- */
	struct hosted *hosted;
	struct replica_watch watch;
	bool is_watching;
	int cold_tries;
	struct env_read_ahead ahead;
};

/* What hops run on the owner. fetch_part_read() comes back when it has read; fetch_part_watch()
 * when there is something that the last read has not seen, at once if that is so already;
 * fetch_part_recall(), which is the recall's, sends the part back first if it still watches. */
void fetch_part_read(struct hop *hop);
void fetch_part_watch(struct hop *hop);
void fetch_part_recall(struct hop *recall);

/* At home, after a read. */
static inline int64_t fetch_part_bytes(const struct fetch_part *part)
{
	return part->fetched.read.slice.file ? part->fetched.read.slice.size_bytes : 0;
}
void fetch_part_release(struct env *env, struct fetch_part *part);
/* What the answer says of it; its records when they are wanted and there are any. */
void fetch_part_fill(const struct request *request, const struct fetch_part *part, bool records,
		     struct fetch_response_partition *answer);
