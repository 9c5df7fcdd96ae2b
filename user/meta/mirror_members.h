/* Whom the holder of a slot mirrors the slot's records to (DESIGN section 7). One answer for the
 * sender and for what the kernel is told, so that both change together with the assignment (F8). */
#pragma once

#include "meta/image.h"

enum { MIRROR_MEMBERS_MAX = 16 }; /* of one slot; those beyond fetch, as all do */

struct mirror_member {
	int32_t node;
	struct net_address address; /* of its internal listener */
};

/* Of one slot: the unfenced replicas, by rising node id, of those of its partitions that its holder
 * leads. A member need not be a replica of each of them. */
struct mirror_members {
	/* Names slot, slot epoch and members: equal exactly (but for 2^-64) when they are. Never 0,
	 * but when there is no member. */
	uint64_t id;
	int64_t slot_epoch;
	int32_t slot, count;
	struct mirror_member members[MIRROR_MEMBERS_MAX];
};

/* For each slot n of the image that `self` holds its members at place n, for all others none. Goes
 * once through all partitions. mem_free() it. */
struct mirror_members *mirror_members_of(const struct image *image, int32_t self);
