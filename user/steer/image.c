/* Owns the checks on a published image. Every number here came over a socket.
 *
 * 1. An image holds at most what its BEGIN promised, and that is below the limits.
 * 2. A sealed image names each slot, each broker and each slot address once.
 * 3. Its mirror sets are of slots that it names, one of each. */
#include "steer/image.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

enum { BROKERS_MAX = STEER_PEERS_MAX, NODE_MAX = 999, LEADERS_PROMISED_MAX = 1 << 22 };

int image_new(const struct steer_image_begin *begin, struct image **ret_image)
{
	struct image *image;

	if (begin->slots > STEER_SLOTS_MAX || begin->brokers > BROKERS_MAX ||
	    begin->leaders > LEADERS_PROMISED_MAX)
		return -E2BIG;
	image = mem_alloc(sizeof(*image));
	image->begin = *begin;
	image->slots = mem_alloc(sizeof(*image->slots) * (begin->slots + 1));
	image->brokers = mem_alloc(sizeof(*image->brokers) * (begin->brokers + 1));
	*ret_image = image;
	return 0;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	mem_free(image->slots);
	mem_free(image->brokers);
	mem_free(image->leaders);
	mem_free(image->mirrors);
	mem_free(image);
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size == 0;
}

static bool is_mapped_ipv4(const uint8_t ip[16])
{
	return is_zero(ip, 10) && ip[10] == 0xff && ip[11] == 0xff;
}

/* Only plain unicast goes onto a NIC: no wildcard, loopback, multicast or broadcast. */
static bool is_unicast(const uint8_t ip[16])
{
	if (is_mapped_ipv4(ip))
		return ip[12] != 0 && ip[12] != 127 && ip[12] < 224;
	return !is_zero(ip, 15) && ip[0] != 0xff;
}

int image_add_slot(struct image *image, const struct steer_slot *slot)
{
	if (image->slot_count >= image->begin.slots || slot->slot >= STEER_SLOTS_MAX ||
	    slot->address_count > STEER_SLOT_ADDRESSES_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < slot->address_count; i++)
		if (slot->addresses[i].port == 0 || !is_unicast(slot->addresses[i].ip))
			return -EINVAL;
	image->slots[image->slot_count++] = *slot;
	return 0;
}

int image_add_broker(struct image *image, const struct steer_broker *broker)
{
	if (image->broker_count >= image->begin.brokers || broker->node > NODE_MAX ||
	    image_broker(image, broker->node))
		return -EINVAL;
	if ((!is_zero(broker->ipv4, 16) && !is_mapped_ipv4(broker->ipv4)) ||
	    is_mapped_ipv4(broker->ipv6))
		return -EINVAL;
	image->brokers[image->broker_count++] = *broker;
	return 0;
}

/* What the map cannot hold is counted and left out: nothing depends on it. */
int image_add_leader(struct image *image, const struct steer_leader *leader)
{
	const char *topic = leader->key.topic;
	size_t size = strnlen(topic, STEER_TOPIC_BYTES);

	if (image->leader_count >= image->begin.leaders || size == 0 || size == STEER_TOPIC_BYTES ||
	    !is_zero((const uint8_t *)topic + size, STEER_TOPIC_BYTES - size))
		return -EINVAL;
	image->leader_count++;
	if (image->leader_count > STEER_LEADERS_MAX)
		return 0;
	if (image->leader_count > image->leader_room) {
		image->leader_room = image->leader_room ? image->leader_room * 2 : 64;
		image->leaders =
			mem_resize(image->leaders, image->leader_room * sizeof(*image->leaders));
	}
	image->leaders[image->leader_count - 1] = *leader;
	return 0;
}

/* The program knows IPv4 alone. */
static bool can_be_mirrored_to(const struct steer_address *address)
{
	return address->port != 0 && is_mapped_ipv4(address->ip) && is_unicast(address->ip);
}

int image_add_mirror(struct image *image, const struct steer_mirror_set *set)
{
	if (image->mirror_count >= STEER_SLOTS_MAX || set->slot >= STEER_SLOTS_MAX ||
	    set->id == 0 || set->count == 0 || set->count > MIRROR_FOLLOWERS_MAX ||
	    !can_be_mirrored_to(&set->own))
		return -EINVAL;
	for (uint32_t i = 0; i < set->count; i++)
		if (set->followers[i].node > NODE_MAX ||
		    !can_be_mirrored_to(&set->followers[i].address))
			return -EINVAL;
	if (image->mirror_count == image->mirror_room) {
		image->mirror_room = image->mirror_room ? image->mirror_room * 2 : 16;
		image->mirrors =
			mem_resize(image->mirrors, image->mirror_room * sizeof(*image->mirrors));
	}
	image->mirrors[image->mirror_count++] = *set;
	return 0;
}

static int compare_slots(const void *a, const void *b)
{
	uint32_t left = ((const struct steer_slot *)a)->slot;
	uint32_t right = ((const struct steer_slot *)b)->slot;

	return (left > right) - (left < right);
}

struct seen_address {
	struct steer_address address;
	UT_hash_handle hh;
};

static bool addresses_are_unique(const struct image *image)
{
	struct seen_address *table = NULL, *seen, *next;
	bool unique = true;

	for (size_t i = 0; i < image->slot_count; i++) {
		for (uint32_t j = 0; j < image->slots[i].address_count; j++) {
			const struct steer_address *address = &image->slots[i].addresses[j];

			HASH_FIND(hh, table, address, sizeof(*address), seen);
			unique = unique && !seen;
			if (seen)
				continue;
			seen = mem_alloc(sizeof(*seen));
			seen->address = *address;
			HASH_ADD(hh, table, address, sizeof(*address), seen);
		}
	}
	HASH_ITER(hh, table, seen, next) {
		HASH_DEL(table, seen);
		mem_free(seen);
	}
	return unique;
}

static bool mirrors_fit(const struct image *image)
{
	bool seen[STEER_SLOTS_MAX] = {false};

	for (size_t i = 0; i < image->mirror_count; i++) {
		uint32_t slot = image->mirrors[i].slot;

		if (seen[slot] || !image_slot(image, slot))
			return false;
		seen[slot] = true;
	}
	return true;
}

int image_seal(struct image *image, const struct steer_image_end *end)
{
	if (end->metadata_offset != image->begin.metadata_offset ||
	    image->slot_count != image->begin.slots ||
	    image->broker_count != image->begin.brokers ||
	    image->leader_count != image->begin.leaders)
		return -EINVAL;
	qsort(image->slots, image->slot_count, sizeof(*image->slots), compare_slots);
	for (size_t i = 1; i < image->slot_count; i++)
		if (image->slots[i].slot == image->slots[i - 1].slot)
			return -EINVAL;
	return addresses_are_unique(image) && mirrors_fit(image) ? 0 : -EINVAL;
}

const struct steer_slot *image_slot(const struct image *image, uint32_t slot)
{
	const struct steer_slot key = {.slot = slot};

	return bsearch(&key, image->slots, image->slot_count, sizeof(*image->slots),
		       compare_slots);
}

const struct steer_broker *image_broker(const struct image *image, uint32_t node)
{
	for (size_t i = 0; i < image->broker_count; i++)
		if (image->brokers[i].node == node)
			return &image->brokers[i];
	return NULL;
}
