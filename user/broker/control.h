/* The control thread: the metadata quorum, the image and its way to the shards, this broker's
 * registration, and, while it leads, the controller. Nothing slow runs on it. */
#pragma once

#include "broker/worker.h"

struct control;

/* Opens the metadata log (WAITS) and the internal listener. Returns 0 or -errno after an error
 * line. */
int control_open(struct broker *broker, struct env *env, struct control **ret_control);
/* Begins a clean shutdown: gives leadership away (R41), then ends the process. */
void control_stop(struct control *control);
void control_free(struct control *control); /* NULL is fine */

/* The controller as far as known, -1 unknown. From any loop. */
int32_t control_leader_id(const struct control *control);

/* From a shard's loop: it has applied the image that ends at `offset`. */
void control_image_applied(struct broker *broker, struct env *from, int64_t offset);

/* From a shard's loop: R46, R48. With one data directory the broker cannot go on. */
void control_storage_failed(struct broker *broker, struct env *from, const char *topic,
			    int32_t partition, int result);
