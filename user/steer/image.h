/* One image of the cluster's addressing as a broker publishes it: built message by message, checked
 * as a whole, then never changed (S8: applied as one or not at all). Private to state.c. */
#pragma once

#include "bellwether/steer_facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
	struct steer_image_begin begin;
	struct steer_slot *slots; /* by rising id once the image is sealed */
	struct steer_broker *brokers;
	struct steer_leader *leaders;
	struct steer_mirror_set *mirrors;
	size_t slot_count, broker_count, leader_count, mirror_count;
	size_t leader_room, mirror_room;
};

/* Returns 0, or -E2BIG when begin promises more than the limits allow. */
int image_new(const struct steer_image_begin *begin, struct image **ret_image);
void image_free(struct image *image);

/* Each returns 0 or -EINVAL: a bad value, or more than begin promised. */
int image_add_slot(struct image *image, const struct steer_slot *slot);
int image_add_broker(struct image *image, const struct steer_broker *broker);
int image_add_leader(struct image *image, const struct steer_leader *leader);
int image_add_mirror(struct image *image, const struct steer_mirror_set *set);

/* Checks what only the whole can show: nothing missing, no id and no address twice, mirror
 * sets of slots that are there. */
int image_seal(struct image *image, const struct steer_image_end *end);

/* NULL when there is none. Slots are found once the image is sealed. */
const struct steer_slot *image_slot(const struct image *image, uint32_t slot);
const struct steer_broker *image_broker(const struct image *image, uint32_t node);
