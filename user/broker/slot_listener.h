/* The listeners of a shard's slots (S3, S5): open on every broker, whoever holds the slot, for as
 * long as the image names the address. Also S4's release of a slot that moved away. On the shard's
 * loop. */
#pragma once

#include "broker/shard.h"

/* Brings listeners in line with an image that is about to come into force (shard->worker.image is
 * still the one before), and begins to release (S4) what this broker held and holds no more. The
 * shard's replicas have been told before: they lead no longer. */
void slot_listeners_apply(struct shard *shard, const struct image *image);

/* Closes listeners and forwarded connections. The loop does not run any more. */
void slot_listeners_done(struct shard *shard);
