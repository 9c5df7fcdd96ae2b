/* The brokers' next hops, kept current, and the MAC addresses by which peers are known (S10). */
#pragma once

#include "steer/maps.h"
#include "steer/state.h"

struct hops;

struct hops *hops_new(void);
void hops_free(struct hops *hops); /* NULL is fine */

/* Looks every broker of the current image up, tells the state, and writes bw_peers. */
void hops_look(struct hops *hops, int netlink, struct state *s, const struct maps *maps);
