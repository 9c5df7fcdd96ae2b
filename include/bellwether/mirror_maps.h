/* The maps between bwsteer and the mirroring program (mirror.bpf.c), pinned beside those of
 * steer_maps.h.
 *
 *   map                 key                  value                     written by  read by
 *   bw_mirrors          slot, __u32          struct mirror_set         bwsteer     program
 *   bw_mirror_verdicts  enum mirror_verdict  struct verdict_stats, CPU program     bwsteer, people
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
	__u8 own_address[16];  /* what the holder sends pieces from; IPv4 mapped */
	__be16 own_port;
	__u8 zero[6];
	struct mirror_follower followers[MIRROR_FOLLOWERS_MAX];
	__u64 check;           /* mirror_check() over slot and all of the above (F4) */
};
_Static_assert(sizeof(struct mirror_set) ==
	       8 + 4 * 2 + 16 + 2 + 6 + 24 * MIRROR_FOLLOWERS_MAX + 8,
	       "mirror_set has padding");

/* F4, as slot_check(): a reader copies the set and believes the copy only if this sum fits. */
static inline __attribute__((always_inline)) __u64 mirror_check(__u32 slot,
								 const struct mirror_set *set)
{
	const __u64 factor = 0x9e3779b97f4a7c15ULL;
	__u64 sum = factor ^ slot, word;

	for (unsigned i = 0; i < (sizeof(*set) - sizeof(set->check)) / sizeof(word); i++) {
		__builtin_memcpy(&word, (const __u8 *)set + i * sizeof(word), sizeof(word));
		sum = (sum ^ word) * factor;
	}
	return sum ^ sum >> 29;
}

/* ---- bw_mirror_verdicts ---- */

/* X(NAME, text, meaning). Frames that are no mirror pieces are not counted: all that the node sends
 * passes here. */
#define MIRROR_VERDICTS(X)                                                                         \
	X(CLONED, "cloned", "was sent to all other followers as well")                             \
	X(CLONES, "clones", "copies that were sent")                                               \
	X(CLONE_FAILED, "clone_failed", "a copy that the kernel did not take")                     \
	X(NO_SET, "no_set", "its slot has no mirror set here")                                     \
	X(STALE, "stale", "has another slot epoch than its set")                                   \
	X(TORN, "torn", "met a set that was being replaced (F4)")                                  \
	X(STRAY, "stray", "is addressed to none of its set's followers")                           \
	X(FORWARDED, "forwarded", "looks like a piece and was not emitted by this node")           \
	X(FOREIGN, "foreign", "looks like a piece and does not come from the holder's address")    \
	X(ODD, "odd", "looks like a piece and is fragmented, short, in IPv6 or has options")

enum mirror_verdict {
#define MIRROR_VERDICT_ENUM(name, text, meaning) MIRROR_##name,
	MIRROR_VERDICTS(MIRROR_VERDICT_ENUM)
#undef MIRROR_VERDICT_ENUM
	MIRROR_VERDICT_COUNT
};

/* A copy carries it in skb->mark on its second way through the hook, which takes it off again. */
enum { MIRROR_CLONE_MARK = 0x42574d43 }; /* "BWMC" */
