/* What mirroring did, by name: one counter for each reason why something was not mirrored or not
 * taken. Nothing of it is ever answered. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* X(NAME, text, meaning): what a follower does with what it receives. */
#define MIRROR_DROPS(X)                                                                            \
	X(TAKEN, "taken", "was taken")                                                             \
	X(SHORT, "short", "a piece that is shorter or longer than its header says")                \
	X(ODD, "odd", "a header or section that no broker writes")                                 \
	X(STRANGER, "stranger", "a piece from nobody's internal address, or not from the holder")  \
	X(OLD_EPOCH, "old_epoch", "a piece of an earlier move of its slot")                        \
	X(AHEAD, "ahead", "a piece of a move that is not in the image here yet")                   \
	X(SUPERSEDED, "superseded", "a bundle whose other pieces did not come in time")            \
	X(REPLAYED, "replayed", "a piece or bundle that was here before")                          \
	X(FORGED, "forged", "a bundle whose tag is wrong")                                         \
	X(NOT_FOLLOWED, "not_followed", "a section of what the sender does not lead, or not now")  \
	X(UNPROVED, "unproved", "a section for a log that no fetch has compared in this epoch")    \
	X(NO_FIT, "no_fit", "a section that does not begin where the log ends")                    \
	X(NO_MEMORY, "no_memory", "a bundle more than may wait for another loop")

enum mirror_drop {
#define MIRROR_DROP_ENUM(name, text, meaning) MIRROR_DROP_##name,
	MIRROR_DROPS(MIRROR_DROP_ENUM)
#undef MIRROR_DROP_ENUM
		MIRROR_DROP_COUNT
};

/* X(NAME, text, meaning): what a leader does with a batch that it has appended. */
#define MIRROR_SKIPS(X)                                                                            \
	X(SENT, "sent", "was mirrored")                                                            \
	X(LARGE, "large", "is left to fetches for its size")                                       \
	X(NOT_CLONED, "not_cloned", "is left to fetches: the kernel would not make the copies")    \
	X(AWAITED, "awaited", "is left to fetches: followers wait for it with theirs")             \
	X(NOBODY, "nobody", "no follower of the slot is close behind")                             \
	X(OUTSIDE, "outside", "the slot's mirror set has a broker that is no replica of it")       \
	X(UNSENT, "unsent", "the socket did not take it")

enum mirror_skip {
#define MIRROR_SKIP_ENUM(name, text, meaning) MIRROR_SKIP_##name,
	MIRROR_SKIPS(MIRROR_SKIP_ENUM)
#undef MIRROR_SKIP_ENUM
		MIRROR_SKIP_COUNT
};

struct mirror_counts {
	uint64_t drops[MIRROR_DROP_COUNT]; /* TAKEN counts sections */
	uint64_t skips[MIRROR_SKIP_COUNT]; /* of batches */
	uint64_t bundles_sent;             /* to however many */
	uint64_t bundles_cloned;           /* of them: the kernel made the copies */
};

/* Adds `more` to the sum: all are numbers of one kind. */
static inline void mirror_counts_add(struct mirror_counts *sum, const struct mirror_counts *more)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)more;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}
