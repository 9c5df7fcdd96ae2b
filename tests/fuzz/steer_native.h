/* The steering programs as they are loaded into the kernel, compiled for user space: both entry
 * points, on maps that hold what a model knows. A read or write outside the frame ends the process:
 * each frame lies between pages that nobody may touch. One thread. */
#pragma once

#include "bpf/steer_model.h"

struct native_frame {
	const struct packet *in;
	bool by_tc;          /* else by XDP */
	bool vlan_taken_off; /* TC only */
	size_t linear_bytes; /* TC only: the rest lies in fragments of the skb until pulled */
};

/* What model_outcome says of a frame, found out by running the program; `slot` is meaningless. */
struct native_outcome {
	struct model_outcome seen; /* verdict: STEER_VERDICT_COUNT unless exactly one was counted */
	int action;
	bool counts_right;  /* the frame's bytes, and the slot's packet, SYN and forwarding */
	uint32_t sum_added; /* TC: told to the kernel for the NIC's checksum */
};

void native_run(const struct model *m, const struct native_frame *frame,
		struct native_outcome *ret_outcome);
