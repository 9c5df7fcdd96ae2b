/* Owns the rule who is mirrored to. Stateless: an image in, sets out. */
#include "meta/mirror_members.h"

#include "base/bytes.h"
#include "base/hmac.h"
#include "base/mem.h"

#include <string.h>

static bool has_literal_address(const struct image_endpoint *endpoint)
{
	static const uint8_t none[16];

	return endpoint->host && memcmp(endpoint->address.ip, none, sizeof(none)) != 0;
}

/* Keeps the members sorted; one that is there already or finds no room is left out. */
static void add_member(struct mirror_members *set, const struct image_broker *broker)
{
	int32_t at = set->count;

	while (at > 0 && set->members[at - 1].node > broker->id)
		at--;
	if ((at > 0 && set->members[at - 1].node == broker->id) || set->count == MIRROR_MEMBERS_MAX)
		return;
	memmove(&set->members[at + 1], &set->members[at],
		(size_t)(set->count - at) * sizeof(*set->members));
	set->members[at] = (struct mirror_member){
		.node = broker->id,
		.address = broker->endpoints[IMAGE_INTERNAL].address,
	};
	set->count++;
}

static void add_replicas(struct mirror_members *set, const struct image *image,
			 const struct image_partition *partition)
{
	for (int32_t i = 0; i < partition->replica_count; i++) {
		const struct image_broker *broker =
			image_find_broker(image, partition->replicas[i]);

		if (broker && broker->id != partition->leader && !broker->fenced &&
		    has_literal_address(&broker->endpoints[IMAGE_INTERNAL]))
			add_member(set, broker);
	}
}

static uint64_t id_of(const struct mirror_members *set)
{
	static const char key[] = "bellwether mirror members";
	uint8_t text[16 + MIRROR_MEMBERS_MAX * 22], tag[HMAC_BYTES], *at = text + 16;
	uint64_t id;

	bytes_store_u64(text, (uint64_t)set->slot_epoch);
	bytes_store_u64(text + 8, (uint64_t)set->slot);
	for (int32_t i = 0; i < set->count; i++, at += 22) {
		bytes_store_u32(at, (uint32_t)set->members[i].node);
		memcpy(at + 4, set->members[i].address.ip, 16);
		bytes_store_u16(at + 20, set->members[i].address.port);
	}
	hmac_sha256(key, sizeof(key) - 1, text, (size_t)(at - text), tag);
	id = bytes_load_u64(tag);
	return id ? id : 1;
}

struct mirror_members *mirror_members_of(const struct image *image, int32_t self)
{
	struct mirror_members *sets = mem_alloc((size_t)(image->slot_count + 1) * sizeof(*sets));

	for (int32_t t = 0; t < image->topic_count; t++) {
		const struct image_topic *topic = image->topics[t];

		for (int32_t p = 0; p < topic->partition_count; p++) {
			const struct image_partition *partition = topic->partitions[p];
			const struct image_slot *slot = image_find_slot(image, partition->slot);

			if (partition->leader == self && slot && slot->holder == self)
				add_replicas(&sets[slot->id], image, partition);
		}
	}
	for (int32_t i = 0; i < image->slot_count; i++) {
		sets[i].slot = i;
		sets[i].slot_epoch = image->slots[i]->epoch;
		sets[i].id = sets[i].count > 0 ? id_of(&sets[i]) : 0;
	}
	return sets;
}
