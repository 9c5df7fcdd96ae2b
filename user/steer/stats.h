/* `bwsteer stats`: what the programs counted, from the pinned maps. */
#pragma once

#include "steer/maps.h"

#include <stdio.h>

/* Prints tables for people, or one JSON object
 * {"verdicts": {NAME: {"packets", "bytes"}}, "mirror": {the same; empty without that program},
 * "slots": [{"slot", "packets", "bytes", "syns", "forwarded"}]}. Slots that saw nothing are left
 * out. Returns 0 or -errno. */
int stats_print(const struct maps *maps, bool json, FILE *to);
