/* Reading and writing the pinned maps. Descriptors only: who loaded them does not matter, so
 * `bwsteer stats` uses the same functions. */
#pragma once

#include "steer/state.h"

struct maps {
	/* descriptors, or -1 */
	int slots, peers, leaders, cluster, verdicts, slot_stats, resets;
	int mirrors, mirror_verdicts;
};

#define MAPS_NONE                                                                                  \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1, -1, -1, -1                                                 \
	}

/* Opens the pins of an instance; those of the mirroring program may be missing. Returns 0 or
 * -errno. */
int maps_open(const char *instance, struct maps *ret_maps);
void maps_close(struct maps *maps);

/* S8: empties everything unless it is this cluster's, and notes whose it is. Returns 1 when they
 * were emptied, 0 when they were this cluster's already, or -errno. */
int maps_take_over(const struct maps *maps, const uint8_t cluster_id[16]);
/* Puts the entries of an earlier life into the state. */
void maps_load_entries(const struct maps *maps, struct state *s);

/* Writes what the state wants and the map does not have, removes what it no longer wants. Each
 * element is replaced whole (F4). Returns 0 or the first -errno; what failed is tried again. */
int maps_write_entries(const struct maps *maps, struct state *s);
int maps_write_leaders(const struct maps *maps, const struct steer_leader *leaders, size_t count,
		       bool delta);
/* Replaces the set of peers' MAC addresses. */
int maps_write_peers(const struct maps *maps, const struct peer_key *peers, const uint32_t *nodes,
		     size_t count);

/* Active reset, as bwsteer counts it; it begins at 0 with each bwsteer. Return 0 or -errno. */
int maps_write_resets(const struct maps *maps, const struct reset_stats *stats);
int maps_read_resets(const struct maps *maps, struct reset_stats *ret_stats);

/* Sums over all CPUs. Return 0 or -errno. */
int maps_read_verdict(const struct maps *maps, uint32_t verdict, struct verdict_stats *ret_sum);
int maps_read_mirror_verdict(const struct maps *maps, uint32_t verdict,
			     struct verdict_stats *ret_sum);
int maps_read_slot(const struct maps *maps, uint32_t slot, struct slot_stats *ret_sum);
