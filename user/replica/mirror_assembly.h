/* Puts bundles together out of the pieces that one sender's address sends. Bounded: a few bundles
 * at a time; one that stays incomplete goes when room is needed, or when it is too old. */
#pragma once

#include "replica/mirror_bundle.h"

enum {
	MIRROR_ASSEMBLIES = 8, /* of one sender at a time */
	MIRROR_ASSEMBLY_MOST_US = 20 * 1000,
};

struct mirror_building;

struct mirror_assembly { /* zeroed: nothing is here */
	struct mirror_building *buildings[MIRROR_ASSEMBLIES];
};

/* Takes the piece's bytes. Returns TAKEN, or REPLAYED for a piece that is here already. *ret_whole
 * is NULL, or the bundle that it completed: the caller's to mem_free(). *ret_given_up counts the
 * bundles that were dropped for it. */
enum mirror_drop mirror_assembly_take(struct mirror_assembly *assembly,
				      const struct mirror_arrival *arrival, uint64_t now_us,
				      struct mirror_received **ret_whole, unsigned *ret_given_up);
void mirror_assembly_done(struct mirror_assembly *assembly);
