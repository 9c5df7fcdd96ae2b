/* Owns which slot's mirror set is in the kernel, as bwsteer says.
 *
 * 1. cloned[slot] is 0 or told[slot]: a set that was replaced is not believed in from the moment
 *    its successor is made, and what bwsteer says of an older one is ignored (F8).
 * 2. Written by the control loop alone; a shard that reads it a moment too late sends a piece to
 * one follower instead of all, and the others fetch (F9). */
#include "fastpath/mirror_sets.h"

#include "base/mem.h"
#include "meta/mirror_members.h"

#include <string.h>

static struct steer_address address_of(const struct net_address *address)
{
	struct steer_address to = {.port = address->port};

	memcpy(to.ip, address->ip, sizeof(to.ip));
	return to;
}

/* The program knows IPv4 and a limited number of followers; all others user space sends to. */
static bool kernel_can_send_to(const struct mirror_members *members)
{
	bool can = members->count > 0 && members->count <= MIRROR_FOLLOWERS_MAX;

	for (int32_t i = 0; can && i < members->count; i++)
		can = net_address_is_ipv4(&members->members[i].address);
	return can;
}

static void put_set(struct facts *facts, const struct mirror_members *members,
		    const struct net_address *own)
{
	struct steer_mirror_set message;

	memset(&message, 0, sizeof(message));
	message.header = (struct steer_header){
		.type = STEER_MIRROR_SET,
		.version = STEER_PROTOCOL_VERSION,
	};
	message.id = members->id;
	message.slot_epoch = (uint64_t)members->slot_epoch;
	message.slot = (uint32_t)members->slot;
	message.count = (uint32_t)members->count;
	message.own = address_of(own);
	for (int32_t i = 0; i < members->count; i++) {
		message.followers[i].node = (uint32_t)members->members[i].node;
		message.followers[i].address = address_of(&members->members[i].address);
	}
	buffer_put(&facts->bytes, &message, sizeof(message));
}

void mirror_sets_put(struct mirror_sets *sets, const struct image *image, int32_t self,
		     struct facts *facts)
{
	const struct image_broker *broker = image_find_broker(image, self);
	const struct net_address *own = broker ? &broker->endpoints[IMAGE_INTERNAL].address : NULL;
	bool can = own && net_address_is_ipv4(own);
	struct mirror_members *members = mirror_members_of(image, self);

	for (int32_t i = 0; i < STEER_SLOTS_MAX; i++) {
		bool is_sent = can && i < image->slot_count && kernel_can_send_to(&members[i]);
		uint64_t id = is_sent ? members[i].id : 0;

		if (sets->told[i] != id) /* invariant 1 */
			atomic_store(&sets->cloned[i], 0);
		sets->told[i] = id;
		if (is_sent)
			put_set(facts, &members[i], own);
	}
	mem_free(members);
}

void mirror_sets_take(struct mirror_sets *sets, const struct steer_mirror_state *state)
{
	if (state->slot < STEER_SLOTS_MAX && state->id != 0 && state->id == sets->told[state->slot])
		atomic_store(&sets->cloned[state->slot], state->in_place ? state->id : 0);
}

void mirror_sets_forget(struct mirror_sets *sets)
{
	for (int32_t i = 0; i < STEER_SLOTS_MAX; i++) {
		atomic_store(&sets->cloned[i], 0);
		sets->told[i] = 0;
	}
}
