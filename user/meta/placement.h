/* Inside meta: which slot a new partition joins, and so on which brokers it lies.
 *
 * Replicas are the first k registered brokers of the slot's order, live ones first. The leader is the
 * slot's holder if it is among them, else the first live one. */
#pragma once

#include "meta/image.h"

struct placement;

/* For partitions with that many replicas; some broker is live and enough are registered. */
struct placement *placement_new(const struct image *image, int32_t replica_count);
void placement_free(struct placement *placement);

struct placed {
	int32_t slot, leader;
	const int32_t *replicas; /* until placement_free() */
};

/* The slot, in round order, whose leader leads least and whose replicas' brokers hold least, counted
 * over all topics and all that this placement has placed. */
struct placed placement_next(struct placement *placement);
/* Replicas by hand: a slot whose holder is the first live of them, the one with fewest partitions; if
 * there is none, the slot with fewest partitions. `replicas` is not copied. */
struct placed placement_by_hand(struct placement *placement, const int32_t *replicas);
