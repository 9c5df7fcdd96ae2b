/* The follower's loop (REPLICATION.md: each asks its leader for records, persists them, and asks
 * again, for ever): one connection from this shard to each broker that leads something that is
 * followed here. */
#pragma once

#include "broker/shard.h"

struct fetcher;

/* On the shard's loop, when its replicas have been told of the image. */
void fetchers_apply(struct shard *shard, const struct image *image);
void fetchers_done(struct shard *shard);

/* This replica's end (not by the fetcher's hand) or its durable offset has moved: its leader is to
 * know at once. */
void fetcher_position_moved(struct shard *shard, const struct replica *replica);
