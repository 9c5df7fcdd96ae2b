/* Inside meta: which slot a new partition joins, and so on which brokers it lies.
 *
 * Replicas are the first k registered brokers of the slot's order, live ones first. The leader is
 * the slot's holder if it is among them, else the first live one. */
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

/* Chooses slots for `count` new partitions: one after the other in round order, each time one whose
 * leader leads least (then: that leads the fewest slots, whose brokers hold least), counted over
 * all topics; then moves those whose brokers hold too much. */
void placement_spread(struct placement *placement, int32_t count, int32_t *ret_slots);
/* What a partition of that slot is. */
struct placed placement_in(const struct placement *placement, int32_t slot);
/* Replicas by hand: a slot whose holder is the first live of them, the one with fewest partitions;
 * if there is none, the slot with fewest partitions. `replicas` is not copied. */
struct placed placement_by_hand(struct placement *placement, const int32_t *replicas);
