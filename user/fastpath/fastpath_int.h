/* What the files of user/fastpath share. */
#pragma once

#include "base/buffer.h"
#include "bellwether/steer_facts.h"
#include "meta/image.h"

enum {
	/* One image carries at most so many leaders, so that no change of a slot waits behind more.
	 */
	FASTPATH_LEADERS_PER_IMAGE = 512,
	FASTPATH_RECONNECT_MS = 200,
	/* Datagrams taken in one round. */
	FASTPATH_ANSWERS_PER_ROUND = 32,
};

/* The messages of one image, back to back: SLOT n at place n, then BROKERs, then MIRROR_SETs. */
struct facts {
	struct buffer bytes;
	uint32_t slots, brokers;
};

/* The facts of image; those of the slots that is_held() names are taken from `published` if it has
 * them (S4). */
void facts_make(struct facts *facts, const struct image *image, const struct facts *published,
		bool (*is_held)(const void *context, int32_t slot), const void *context);
bool facts_equal(const struct facts *a, const struct facts *b);

/* The LEADER messages that turn one image's leaders into another's, piece by piece. */
struct leader_walk {
	struct image *from; /* NULL: nothing is known */
	struct image *to;   /* NULL: no walk is under way */
	bool gone_done;     /* the topics that are deleted have been gone through */
	int32_t topic, partition;
};

void leader_walk_begin(struct leader_walk *walk, struct image *from, struct image *to);
void leader_walk_done(struct leader_walk *walk);
/* Appends up to `most` messages; returns how many: 0 is the end. */
uint32_t leader_walk_put(struct leader_walk *walk, struct buffer *out, uint32_t most);

/* 16 bytes for a cluster id of any text. */
void steer_cluster_id(const char *text, uint8_t ret_id[static 16]);
