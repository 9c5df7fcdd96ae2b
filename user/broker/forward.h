/* S5: a slot connection that arrives where the slot is not held is carried to the holder's internal
 * listener in user space. The kernel path is an accelerator; this is what is always right. */
#pragma once

#include "broker/worker.h"

struct flow;
struct shard;

/* ---- on the shard's loop ---- */

/* Takes over a (detached or new) client connection to a slot that another broker holds, and its
 * flow (or NULL): no answer goes to the client before the flow is known. */
void forward_new(struct shard *shard, struct env_socket *client, int32_t slot, struct flow *flow);
/* Another image has come into force: connections follow their slots. */
void forwards_follow(struct shard *shard);
void forwards_done(struct shard *shard);
/* Connections that are carried or held at this moment. */
int32_t forwards_count(const struct shard *shard);

/* ---- on the control loop ---- */

/* A connection to the internal listener whose handshake said `forward`; attached to this loop.
 * Reads its preface (`early` is what came with the handshake) and hands it to the slot's shard. */
void forward_arrived(struct worker *control, struct env_socket *socket, const uint8_t *early,
		     size_t early_size);

/* ---- either ---- */

/* Closes the connections that wait on this loop for their preface or for an image. */
void forward_arrivals_done(struct worker *worker);
