/* What a client is shown of the cluster (S6, S7): real brokers, or slots as if they were brokers.
 */
#pragma once

#include "broker/request.h"

struct view_node {
	int32_t id;
	const char *host; /* the image's */
	uint16_t port;
	const char *rack; /* or NULL */
};

/* The nodes that this view lists, in the request's arena; returns how many. */
int32_t view_nodes(struct request *request, struct view_node **ret_nodes);

/* The leader's id in this view: a broker, a slot (1000 + n), or -1. */
int32_t view_leader_id(const struct request *request, const struct image_partition *partition);

/* `controller_id` of answers: the controller; in the slot view the answering broker. */
int32_t view_controller_id(const struct request *request);
