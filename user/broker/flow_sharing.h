/* Tells other brokers which clients are connected here (active reset): of each slot the two who
 * come next, so that one of them is the holder after this broker. Runs on the control loop. */
#pragma once

#include "broker/flow.h"
#include "meta/image.h"

struct control;
struct flow_sharing;

/* How many brokers are told of a slot's flows. */
enum { FLOW_TOLD = 2 };

struct flow_counts {
	uint64_t told;     /* changes that others have acknowledged, for each of them */
	uint64_t left_out; /* connections that others were not told of: FLOWS_MOST, or theirs */
};

struct flow_sharing *flow_sharing_new(struct control *control);
void flow_sharing_free(struct flow_sharing *sharing); /* NULL is fine */
struct flow_counts flow_sharing_counts(const struct flow_sharing *sharing);

/* Another image is in force: who comes next may be somebody else. */
void flow_sharing_apply(struct flow_sharing *sharing, struct image *image);

/* From flow.c. When everybody to be told who is connected has the flow, flow_tell_known(). */
void flow_sharing_open(struct control *control, struct flow *flow);
void flow_sharing_close(struct control *control, struct flow *flow);
void flow_tell_known(struct env *from, struct flow *flow);

/* Who is told of a slot's flows: the holder, unless that is self, and then its successors in the
 * slot's order, live ones. Returns how many there are. */
int32_t flow_sharing_targets(const struct image *image, const struct image_slot *slot, int32_t self,
			     int32_t ret_nodes[static FLOW_TOLD]);
