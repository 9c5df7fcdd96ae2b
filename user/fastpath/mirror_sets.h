/* Inside fastpath: the mirror sets that bwsteer was told, and which of them the kernel clones to.
 */
#pragma once

#include "fastpath/fastpath_int.h"

#include <stdatomic.h>

struct mirror_sets {
	uint64_t told[STEER_SLOTS_MAX];           /* ids (mirror_members.h); 0: none */
	_Atomic uint64_t cloned[STEER_SLOTS_MAX]; /* the same, in place; shards read it */
};

/* Appends a MIRROR_SET for each slot that `self` holds and that has members which the kernel can
 * send to. From here on nothing is cloned but to these (F8). */
void mirror_sets_put(struct mirror_sets *sets, const struct image *image, int32_t self,
		     struct facts *facts);
void mirror_sets_take(struct mirror_sets *sets, const struct steer_mirror_state *state);
/* bwsteer is gone. */
void mirror_sets_forget(struct mirror_sets *sets);
