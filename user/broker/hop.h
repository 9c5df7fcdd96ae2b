/* A piece of a request that has to be done on the shard that owns a partition, and its way back.
 *
 *     hop_go() --message--> run() on the owner ... hop_return() --message--> back() at home
 *
 * When home is the owner, and when the broker's loops have ended, both calls are plain calls.
 * Between run() and hop_return() the piece may wait there as long as it likes; its memory is the
 * request's at home. */
#pragma once

#include "broker/shard.h"
#include "wire/codec.h"

struct hop {
	struct env_message message;
	struct shard *owner;
	struct worker *home;
	void (*run)(struct hop *hop);
	void (*back)(struct hop *hop);
};

void hop_go(struct hop *hop);
void hop_return(struct hop *hop);

/* Where a partition is to be asked for, by the image in force at home. */
struct located {
	const struct image_topic *topic;         /* NULL: unknown */
	const struct image_partition *partition; /* NULL: unknown */
	struct shard *owner;                     /* the shard that would host it here */
};
struct located locate_by_name(const struct worker *worker, struct wire_string topic,
			      int32_t partition);
struct located locate_by_id(const struct worker *worker, struct uuid topic_id, int32_t partition);
