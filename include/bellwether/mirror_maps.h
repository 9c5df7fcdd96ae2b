/* The maps between bwsteer and the mirroring program (mirror.bpf.c), pinned beside those of
 * steer_maps.h.
 *
 *   map                 key                 value                        written by  read by
 *   bw_mirrors          slot, __u32         struct mirror_set            bwsteer     program
 *   bw_mirror_verdicts  enum mirror_verdict struct verdict_stats, CPU    program     people
 *
 * A set is there only while this node holds the slot. A failed lookup is always correct: the frame
 * goes on to the one follower that it is addressed to. */
#pragma once

#include "bellwether/mirror_packet.h"
#include "bellwether/steer_maps.h"

struct mirror_follower {
	__u8 address[16];      /* IPv6, or IPv4 mapped into it */
	__be16 port;
	__u8 next_mac[6];      /* of the follower on this interface */
};
_Static_assert(sizeof(struct mirror_follower) == 16 + 2 + 6, "mirror_follower has padding");

struct mirror_set {
	__u64 slot_epoch;      /* only pieces of this epoch are cloned */
	__u32 if_index;        /* where all followers are */
	__u32 count;           /* of followers, at most MIRROR_FOLLOWERS_MAX; the rest is zero */
	struct mirror_follower followers[MIRROR_FOLLOWERS_MAX];
	__u64 check;           /* as in struct slot_value, over slot and all of the above (F4) */
};
_Static_assert(sizeof(struct mirror_set) == 8 + 4 * 2 + 24 * MIRROR_FOLLOWERS_MAX + 8,
	       "mirror_set has padding");

/* ---- bw_mirror_verdicts ---- */

/* X(NAME, text, meaning). Frames that are no mirror pieces of this node's are not counted: all that
 * the node sends passes here. */
#define MIRROR_VERDICTS(X)                                                                         \
	X(CLONED, "cloned", "was sent to all other followers as well")                             \
	X(CLONES, "clones", "copies that were sent")                                               \
	X(CLONE_FAILED, "clone_failed", "a copy that the kernel did not take")                     \
	X(NO_SET, "no_set", "its slot has no mirror set here")                                     \
	X(STALE, "stale", "has another slot epoch than its set")                                   \
	X(TORN, "torn", "met a set that was being replaced (F4)")                                  \
	X(FORWARDED, "forwarded", "looks like a piece and was not emitted by this node")           \
	X(ODD, "odd", "looks like a piece and is fragmented, short or has options")

enum mirror_verdict {
#define MIRROR_VERDICT_ENUM(name, text, meaning) MIRROR_##name,
	MIRROR_VERDICTS(MIRROR_VERDICT_ENUM)
#undef MIRROR_VERDICT_ENUM
	MIRROR_VERDICT_COUNT
};

/* ---- const volatile data of the program, set before load ---- */

struct mirror_config {
	__u8 own_address[16];  /* what pieces are sent from; IPv4 mapped */
	__be16 own_port;
	__u16 zero;
};
_Static_assert(sizeof(struct mirror_config) == 16 + 2 + 2, "mirror_config has padding");
