/* The mirror sets: which of those that the broker asks for belong in bw_mirrors now, what is there,
 * and what the broker has been told of it. One thread; no clock. */
#pragma once

#include "bellwether/mirror_maps.h"
#include "steer/state.h"

struct mirrors;

struct mirrors *mirrors_new(void);
void mirrors_free(struct mirrors *m); /* NULL is fine */

/* A new broker knows nothing of what the one before was told. */
void mirrors_forget_told(struct mirrors *m);

/* Decides what is wanted: sets of slots that this node holds, under a lease and in a session, all
 * of whose next hops are known and on the program's interface, if_index. 0: no program is there. */
void mirrors_decide(struct mirrors *m, const struct state *s, uint32_t if_index, uint64_t now_us);
/* Brings the map there, one whole element after the other (F4); -1: there is none. What cannot be
 * replaced is removed (F8). Returns 0 or the first -errno; what failed is tried again. */
int mirrors_write(struct mirrors *m, int map);
/* The next thing that the broker has to be told; false: nothing. */
bool mirrors_next_news(struct mirrors *m, struct steer_mirror_state *ret_news);
