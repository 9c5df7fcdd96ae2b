/* A segment's sparse index in memory and in its two files; segment.h has their layout. */
#pragma once

#include "plog/segment.h"

void segment_index_push(struct segment *segment, struct index_entry entry);

/* Drops entries that are closer than interval_bytes together, and spare memory. */
void segment_index_thin(struct segment *segment, int32_t interval_bytes);

/* Replaces both files, in the page cache. Returns 0 or -errno. */
int segment_index_save(struct env *env, const char *folder, const struct segment *segment);

/* Replaces the index in memory by as many entries of both files as are in order: lost pages
 * read as zeros, which are not. A missing file is an empty index. WAITS. */
void segment_index_load(struct env *env, const char *folder, struct segment *segment);
