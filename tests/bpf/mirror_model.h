/* What the mirroring program must do with a frame that leaves the node, said a second time: a
 * specification that runs, written from DESIGN section 7 and the contracts mirror_maps.h and
 * mirror_packet.h, byte by byte, with nothing of bpf/ in it. mirror_million_test and mirror_fuzz
 * compare it with the real program. Pure. */
#pragma once

#include "bellwether/mirror_maps.h"
#include "bpf/packets.h"

enum { MIRROR_MODEL_SETS_MAX = 4, MIRROR_NOT_COUNTED = MIRROR_VERDICT_COUNT };

struct mirror_model { /* what the node knows */
	struct {
		uint32_t slot; /* none twice */
		struct mirror_set set;
	} sets[MIRROR_MODEL_SETS_MAX];
	size_t set_count;
};

struct mirror_frame {
	struct packet packet;
	uint32_t mark;
	bool came_in;         /* from another node: this one only passes it on */
	bool is_super_packet; /* UDP GSO: the device will cut it up and sum it */
};

struct mirror_outcome {    /* the frame itself leaves as it was, whatever is here */
	unsigned verdict;  /* enum mirror_verdict or MIRROR_NOT_COUNTED */
	uint32_t mark;     /* afterwards */
	uint32_t if_index; /* where copies leave */
	size_t copy_count;
	struct packet copies[MIRROR_FOLLOWERS_MAX];
};

void mirror_model_judge(const struct mirror_model *m, const struct mirror_frame *frame,
			struct mirror_outcome *ret_outcome);
const char *mirror_verdict_name(unsigned verdict);
