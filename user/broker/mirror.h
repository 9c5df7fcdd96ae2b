/* Mirroring (DESIGN section 7): what a shard's slots send to their followers, and what it takes of
 * others' mirroring. Datagrams only, on the address and port number of the internal listener; a
 * hint that nobody answers: whatever is lost is fetched (F9).
 *
 * Every function is called on the shard's loop. Without a cluster, and with mirror.mode=off, there
 * is no socket and all of them do nothing. */
#pragma once

#include "broker/shard.h"

struct mirror;

/* Opens the shard's socket. Never fails: without one nothing is mirrored, and a line says why. */
void mirror_open(struct shard *shard);
void mirror_close(struct shard *shard);

/* The shard's replicas have been told of the image: whom to mirror to changes with it (F8). */
void mirror_apply(struct shard *shard, const struct image *image);

/* callbacks.appended of a replica that leads here: mirrors the batch after this round of events,
 * together with the others of its slot. */
void mirror_appended(struct hosted *hosted, const struct mirror_section *section,
		     int64_t end_offset);
