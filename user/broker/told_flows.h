/* What other brokers have told of the clients connected to them (active reset), until it is needed:
 * when a broker is fenced each slot's holder resets its share. One table for each sender, by its
 * proven node id (S9), of FLOWS_MOST flows at most. No I/O. Belongs to the control loop. */
#pragma once

#include "broker/flow.h"
#include "meta/image.h"

struct told_flows;

struct told_flows *told_flows_new(void);
void told_flows_free(struct told_flows *told); /* NULL is fine */

/* The sender begins anew. */
void told_flows_forget(struct told_flows *told, int32_t sender);
/* Returns 0, or -ENOSPC: left out. One that is there already is one. */
int told_flows_open(struct told_flows *told, int32_t sender, const struct flow_key *key);
void told_flows_close(struct told_flows *told, int32_t sender, const struct flow_key *key);
bool told_flows_has(const struct told_flows *told, int32_t sender, const struct flow_key *key);
size_t told_flows_count(const struct told_flows *told, int32_t sender);

/* Another image is in force. The flows of each sender that was live in an earlier image and is
 * fenced in this one are given up: reset() is called for those whose slot `self` holds. Returns for
 * how many. */
size_t told_flows_apply(struct told_flows *told, const struct image *image, int32_t self,
			void (*reset)(void *context, const struct flow_key *key), void *context);
