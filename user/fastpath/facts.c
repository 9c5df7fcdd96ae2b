/* Owns the translation of the metadata image into messages to bwsteer. No state of its own.
 *
 * 1. Messages carry sequence 0 and no padding of their own, so equal facts are equal bytes. */
#include "fastpath/fastpath_int.h"

#include "base/hmac.h"

#include <string.h>

static struct steer_header header_of(uint16_t type)
{
	return (struct steer_header){.type = type, .version = STEER_PROTOCOL_VERSION};
}

static uint32_t node_of(int32_t id)
{
	return id < 0 ? STEER_NOBODY : (uint32_t)id;
}

static bool is_literal(const struct net_address *address)
{
	static const uint8_t none[16];

	return memcmp(address->ip, none, sizeof(none)) != 0;
}

/* ---- slots and brokers ---- */

static void put_slot(struct facts *facts, const struct image *image, const struct image_slot *slot)
{
	struct steer_slot message;

	memset(&message, 0, sizeof(message));
	message.header = header_of(STEER_SLOT);
	message.slot_epoch = (uint64_t)slot->epoch;
	message.slot = (uint32_t)slot->id;
	message.holder = node_of(slot->holder);
	message.successor = node_of(image_slot_successor(image, slot)); /* S12: known beforehand */
	for (int32_t i = 0; i < slot->address_count; i++) {
		const struct net_address *address = &slot->addresses[i].address;
		struct steer_address *to = &message.addresses[message.address_count];

		if (!is_literal(address) || address->port == 0 ||
		    message.address_count == STEER_SLOT_ADDRESSES_MAX)
			continue;
		memcpy(to->ip, address->ip, sizeof(to->ip));
		to->port = address->port;
		message.address_count++;
	}
	buffer_put(&facts->bytes, &message, sizeof(message));
	facts->slots++;
}

/* The first address of its own in each family; a slot's never is among them (S9). */
static void put_broker(struct facts *facts, const struct image_broker *broker)
{
	static const enum image_listener own[] = {IMAGE_INTERNAL, IMAGE_SLOT};
	struct steer_broker message;

	memset(&message, 0, sizeof(message));
	message.header = header_of(STEER_BROKER);
	message.node = (uint32_t)broker->id;
	message.flags = broker->has_steer ? STEER_BROKER_HAS_BWSTEER : 0;
	for (size_t i = 2; i-- > 0;) {
		const struct image_endpoint *endpoint = &broker->endpoints[own[i]];

		if (!endpoint->host || !is_literal(&endpoint->address))
			continue;
		memcpy(net_address_is_ipv4(&endpoint->address) ? message.ipv4 : message.ipv6,
		       endpoint->address.ip, sizeof(message.ipv4));
	}
	buffer_put(&facts->bytes, &message, sizeof(message));
	facts->brokers++;
}

void facts_make(struct facts *facts, const struct image *image, const struct facts *published,
		bool (*is_held)(const void *context, int32_t slot), const void *context)
{
	facts->bytes.size = 0;
	facts->slots = 0;
	facts->brokers = 0;
	for (int32_t i = 0; i < image->slot_count && i < STEER_SLOTS_MAX; i++) {
		if ((uint32_t)i < published->slots && is_held(context, i)) {
			buffer_put(&facts->bytes,
				   published->bytes.data + (size_t)i * sizeof(struct steer_slot),
				   sizeof(struct steer_slot));
			facts->slots++;
		} else {
			put_slot(facts, image, image->slots[i]);
		}
	}
	for (int32_t i = 0; i < image->broker_count; i++)
		if (!image->brokers[i]->fenced)
			put_broker(facts, image->brokers[i]);
}

bool facts_equal(const struct facts *a, const struct facts *b)
{
	return a->slots == b->slots && a->brokers == b->brokers && a->bytes.size == b->bytes.size &&
	       (a->bytes.size == 0 || memcmp(a->bytes.data, b->bytes.data, a->bytes.size) == 0);
}

/* ---- leaders ---- */

void leader_walk_begin(struct leader_walk *walk, struct image *from, struct image *to)
{
	*walk = (struct leader_walk){
		.from = from ? image_ref(from) : NULL,
		.to = image_ref(to),
		.gone_done = !from,
	};
}

void leader_walk_done(struct leader_walk *walk)
{
	image_unref(walk->from);
	image_unref(walk->to);
	*walk = (struct leader_walk){0};
}

static void put_leader(struct buffer *out, const struct image_topic *topic,
		       const struct image_partition *partition, bool gone)
{
	struct steer_leader message;
	size_t size = strlen(topic->name);

	memset(&message, 0, sizeof(message));
	message.header = header_of(STEER_LEADER);
	if (size >= STEER_TOPIC_BYTES) /* Kafka's limit is 249 */
		size = STEER_TOPIC_BYTES - 1;
	memcpy(message.key.topic, topic->name, size);
	message.key.partition = (uint32_t)partition->id;
	message.value.slot = (uint32_t)partition->slot;
	message.value.leader = node_of(partition->leader);
	message.value.leader_epoch = (uint32_t)partition->leader_epoch;
	message.gone = gone;
	buffer_put(out, &message, sizeof(message));
}

static bool same_leader(const struct image_partition *a, const struct image_partition *b)
{
	return a->slot == b->slot && a->leader == b->leader && a->leader_epoch == b->leader_epoch;
}

static bool is_known(const struct image_topic *old, const struct image_partition *partition)
{
	return old && partition->id < old->partition_count &&
	       same_leader(old->partitions[partition->id], partition);
}

/* Deleted topics come first: a new one may have the name of an old one. */
static uint32_t put_gone(struct leader_walk *walk, struct buffer *out, uint32_t most)
{
	uint32_t count = 0;

	for (; walk->topic < walk->from->topic_count; walk->topic++, walk->partition = 0) {
		const struct image_topic *topic = walk->from->topics[walk->topic];

		if (image_find_topic_by_id(walk->to, topic->id))
			continue;
		for (; walk->partition < topic->partition_count; walk->partition++) {
			if (count == most)
				return count;
			put_leader(out, topic, topic->partitions[walk->partition], true);
			count++;
		}
	}
	walk->gone_done = true;
	walk->topic = 0;
	return count;
}

static uint32_t put_changed(struct leader_walk *walk, struct buffer *out, uint32_t most)
{
	uint32_t count = 0;

	for (; walk->topic < walk->to->topic_count; walk->topic++, walk->partition = 0) {
		const struct image_topic *topic = walk->to->topics[walk->topic];
		const struct image_topic *old =
			walk->from ? image_find_topic_by_id(walk->from, topic->id) : NULL;

		if (old == topic)
			continue;
		for (; walk->partition < topic->partition_count; walk->partition++) {
			if (is_known(old, topic->partitions[walk->partition]))
				continue;
			if (count == most)
				return count;
			put_leader(out, topic, topic->partitions[walk->partition], false);
			count++;
		}
	}
	return count;
}

uint32_t leader_walk_put(struct leader_walk *walk, struct buffer *out, uint32_t most)
{
	uint32_t count = walk->gone_done ? 0 : put_gone(walk, out, most);

	return walk->gone_done ? count + put_changed(walk, out, most - count) : count;
}

/* ---- the contract's small print ---- */

void steer_cluster_id(const char *text, uint8_t ret_id[static 16])
{
	static const char key[] = "bellwether cluster id";
	uint8_t tag[HMAC_BYTES];
	struct uuid id;

	if (uuid_parse(text, &id) == 0 && !uuid_is_zero(id)) {
		memcpy(ret_id, id.bytes, sizeof(id.bytes));
		return;
	}
	hmac_sha256(key, sizeof(key) - 1, text, strlen(text), tag);
	memcpy(ret_id, tag, 16);
}
