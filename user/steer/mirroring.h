/* The mirroring program: loaded, attached beside steering, and gone when this process is. */
#pragma once

#include "base/log.h"
#include "steer/attach.h"

struct mirroring;

/* Removes a stale filter of an earlier life; unless is_wanted is false, loads and attaches then and
 * empties the map of sets. What stands in the way is logged with its remedy, and the brokers do
 * without: user space sends to each follower. */
struct mirroring *mirroring_new(const char *interface, uint32_t if_index, const char *instance,
				bool is_wanted, struct log *log);
/* Detaches; NULL is fine. Pinned maps stay. */
void mirroring_free(struct mirroring *m);

bool mirroring_is_attached(const struct mirroring *m);
/* Somebody may have taken the program off the interface (F10): looks, and logs it. */
void mirroring_check(struct mirroring *m, struct log *log);
/* Descriptors of bw_mirrors and bw_mirror_verdicts into *maps, -1 without a program. */
void mirroring_maps(const struct mirroring *m, struct maps *maps);
