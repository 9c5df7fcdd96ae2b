/* Draws what the steering programs may meet: what a node knows, and a frame for it. Frames are
 * mostly plausible: real headers, of which some are changed, cut, tagged or stuffed, since bytes
 * that are all random seldom come past the first check. The same seed draws the same. */
#pragma once

#include "bpf/steer_model.h"
#include "sim/sim_random.h"

/* Entries with every flag and age, some torn; a few peers. own_mac, now_ns and grace_ns are given
 * in *m. Nothing expires between now_ns and an hour later. */
void draw_world(struct sim_random *random, struct model *m);
/* At most DRAW_BYTES_MAX bytes, at least 14. */
void draw_frame(struct sim_random *random, const struct model *m, struct packet *ret_frame);

enum { DRAW_BYTES_MAX = 512, DRAW_SLOTS = 4 /* slot ids are below it, or above all */ };
