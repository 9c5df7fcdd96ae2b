/* The mirroring program as it is loaded into the kernel, compiled for user space, on sets that a
 * model knows. One thread. */
#pragma once

#include "bpf/mirror_model.h"

struct native_mirror {
	struct mirror_outcome seen; /* verdict: MIRROR_NOT_COUNTED also when two were counted */
	struct packet left;         /* the frame itself */
	int action;
	bool counts_right; /* bytes, and a count for each copy */
};

/* clone_fails: the kernel takes no copy. */
void native_mirror_run(const struct mirror_model *m, const struct mirror_frame *frame,
		       bool clone_fails, struct native_mirror *ret_found);
