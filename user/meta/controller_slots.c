/* Where slots go (S1): held by a live broker while there is one, moved together with the elections
 * of their partitions, brought home, given away.
 *
 * slots.c plans orders; here they meet the image. */
#include "meta/controller_int.h"

#include "base/mem.h"
#include "meta/slots.h"

#include <string.h>

void decision_move_slot(struct decision *d, int32_t slot, int32_t holder)
{
	struct slot_change_record record;

	if (d->after->slots[slot]->holder == holder)
		return;
	wire_init(&slot_change_record_schema, &record);
	record.slot_id = slot;
	record.holder = holder;
	decision_add(d, METADATA_SLOT_CHANGE, &record);
}

void decision_release_slots(struct decision *d, int32_t broker, bool keep_last)
{
	for (int32_t i = 0; i < d->before->slot_count; i++) {
		const struct image_slot *slot = d->after->slots[i];
		int32_t successor;

		if (slot->holder != broker)
			continue;
		successor = image_slot_successor(d->after, slot);
		if (successor != -1 || !keep_last)
			decision_move_slot(d, i, successor);
	}
}

static int32_t first_live(const struct image *image, const struct image_slot *slot)
{
	for (int32_t i = 0; i < slot->order_count; i++)
		if (image_broker_is_live(image, slot->order[i]))
			return slot->order[i];
	return -1;
}

void decision_settle_slots(struct decision *d)
{
	for (int32_t i = 0; i < d->before->slot_count; i++) {
		const struct image_slot *slot = d->after->slots[i];
		int32_t first = first_live(d->after, slot);

		if (first == -1)
			continue;
		if (slot->partition_count == 0 || !image_broker_is_live(d->after, slot->holder))
			decision_move_slot(d, i, first);
	}
}

/* ---- orders ---- */

static void change_order(struct decision *d, const struct image_slot *slot, int32_t *order,
			 int32_t count)
{
	struct slot_change_record record;

	if (count == slot->order_count &&
	    memcmp(order, slot->order, (size_t)count * sizeof(*order)) == 0)
		return;
	wire_init(&slot_change_record_schema, &record);
	record.slot_id = slot->id;
	record.order.items = order;
	record.order.count = count;
	decision_add(d, METADATA_SLOT_CHANGE, &record);
}

/* All registered brokers, and those in the slot's order that have not come yet; rising by id. Room
 * for both counts together is needed. */
static int32_t planned_brokers(const struct image *image, const struct image_slot *slot,
			       struct slots_broker *ret_brokers)
{
	int32_t count = 0;

	for (int32_t i = 0; i < image->broker_count; i++)
		ret_brokers[count++] =
			(struct slots_broker){image->brokers[i]->id, image->brokers[i]->rack};
	for (int32_t i = 0; i < slot->order_count; i++) {
		int32_t place = count;

		if (image_find_broker(image, slot->order[i]))
			continue;
		while (place > 0 && ret_brokers[place - 1].id > slot->order[i])
			place--;
		memmove(ret_brokers + place + 1, ret_brokers + place,
			(size_t)(count - place) * sizeof(*ret_brokers));
		ret_brokers[place] = (struct slots_broker){slot->order[i], NULL};
		count++;
	}
	return count;
}

static void plan_anew(struct decision *d, const struct image_slot *slot)
{
	size_t room = (size_t)(d->after->broker_count + slot->order_count);
	struct slots_broker *brokers = mem_alloc(room * sizeof(*brokers));
	int32_t count = planned_brokers(d->after, slot, brokers);
	int32_t *order = mem_alloc(room * sizeof(*order));

	slots_order(brokers, count, slot->id, order);
	change_order(d, slot, order, count);
	mem_free(order);
	mem_free(brokers);
}

static void append_to_order(struct decision *d, const struct image_slot *slot, int32_t broker)
{
	int32_t *order = mem_alloc((size_t)(slot->order_count + 1) * sizeof(*order));

	memcpy(order, slot->order, (size_t)slot->order_count * sizeof(*order));
	order[slot->order_count] = broker;
	change_order(d, slot, order, slot->order_count + 1);
	mem_free(order);
}

void decision_plan_slots(struct decision *d, int32_t broker)
{
	for (int32_t i = 0; i < d->before->slot_count; i++) {
		const struct image_slot *slot = d->after->slots[i];

		if (slot->partition_count == 0)
			plan_anew(d, slot);
		else if (!image_list_has(slot->order, slot->order_count, broker))
			append_to_order(d, slot, broker);
	}
}

void controller_seed(const struct controller_seed *seed, struct change *change)
{
	struct feature_level_record feature = {
		.name = wire_string_of(IMAGE_FEATURE),
		.feature_level = IMAGE_FEATURE_LEVEL,
	};
	struct slots_broker *brokers = mem_alloc((size_t)seed->broker_count * sizeof(*brokers));
	int32_t *order = mem_alloc((size_t)seed->broker_count * sizeof(*order));
	int32_t per_slot = seed->addresses ? seed->addresses_per_slot : 0;
	struct slot_record_address *addresses =
		mem_alloc((size_t)(per_slot + 1) * sizeof(*addresses));

	for (int32_t i = 0; i < seed->broker_count; i++) {
		int32_t place = i;

		for (; place > 0 && brokers[place - 1].id > seed->brokers[i]; place--)
			brokers[place] = brokers[place - 1];
		brokers[place] = (struct slots_broker){seed->brokers[i], NULL};
	}
	change_add(change, METADATA_FEATURE_LEVEL, &feature);
	for (int32_t slot = 0; slot < seed->slot_count; slot++) {
		struct slot_record record = {.slot_id = slot, .holder = -1};
		int32_t count = 0;

		slots_order(brokers, seed->broker_count, slot, order);
		for (; count < per_slot; count++) {
			const struct image_endpoint *from =
				&seed->addresses[slot * per_slot + count];

			if (!from->host)
				break;
			addresses[count] = (struct slot_record_address){wire_string_of(from->host),
									from->address.port};
		}
		record.order.items = order;
		record.order.count = seed->broker_count;
		record.addresses.items = addresses;
		record.addresses.count = count;
		change_add(change, METADATA_SLOT, &record);
	}
	mem_free(addresses);
	mem_free(order);
	mem_free(brokers);
}

/* ---- moves ---- */

/* Makes `broker` lead every partition of the slot that it may lead; the others stay away. */
static void prefer_in_slot(struct decision *d, int32_t slot, int32_t broker)
{
	for (int32_t t = 0; t < d->before->topic_count; t++) {
		const struct image_topic *topic = d->before->topics[t];

		for (int32_t p = 0; p < topic->partition_count; p++)
			if (topic->partitions[p]->slot == slot)
				decision_prefer(d, topic, p, broker);
	}
}

enum kafka_error controller_move_slot(const struct image *image,
				      const struct controller_options *options, int32_t slot,
				      int32_t to, struct change *change, const char **ret_sentence)
{
	const struct image_slot *s = image_find_slot(image, slot);
	struct decision d;

	if (!s) {
		*ret_sentence = "there is no slot with this number";
		return KAFKA_INVALID_REQUEST;
	}
	if (to == -1)
		to = s->order[0];
	if (!image_broker_is_live(image, to)) {
		*ret_sentence = "that broker is not registered, fenced or shutting down";
		return KAFKA_BROKER_NOT_AVAILABLE;
	}
	if (!image_list_has(s->order, s->order_count, to)) {
		*ret_sentence = "that broker is not in the slot's order";
		return KAFKA_BROKER_NOT_AVAILABLE;
	}
	d = decision_begin(image, options, change);
	decision_move_slot(&d, slot, to);
	prefer_in_slot(&d, slot, to);
	decision_done(&d);
	return KAFKA_NONE;
}

/* ret_can_go[slot]: its home is live and in the ISR of all its partitions. */
static void find_homecomers(const struct image *image, bool *ret_can_go)
{
	for (int32_t i = 0; i < image->slot_count; i++)
		ret_can_go[i] = image_broker_is_live(image, image->slots[i]->order[0]);
	for (int32_t t = 0; t < image->topic_count; t++)
		for (int32_t p = 0; p < image->topics[t]->partition_count; p++) {
			const struct image_partition *partition = image->topics[t]->partitions[p];
			int32_t home = image->slots[partition->slot]->order[0];

			ret_can_go[partition->slot] &= image_partition_in_isr(partition, home);
		}
}

enum kafka_error controller_rebalance(const struct image *image,
				      const struct controller_options *options,
				      struct change *change)
{
	bool *can_go = mem_alloc((size_t)image->slot_count * sizeof(*can_go) + 1);
	struct decision d = decision_begin(image, options, change);

	find_homecomers(image, can_go);
	for (int32_t i = 0; i < image->slot_count; i++)
		if (can_go[i])
			decision_move_slot(&d, i, image->slots[i]->order[0]);
	for (int32_t t = 0; t < image->topic_count; t++)
		for (int32_t p = 0; p < image->topics[t]->partition_count; p++) {
			const struct image_partition *partition = image->topics[t]->partitions[p];

			decision_prefer(&d, image->topics[t], p,
					d.after->slots[partition->slot]->holder);
		}
	decision_done(&d);
	mem_free(can_go);
	return KAFKA_NONE;
}

/* The next broker of the order after the holder that is live and has a bwsteer; -1: none. */
static int32_t steered_successor(const struct image *image, const struct image_slot *slot)
{
	int32_t begin = 0;

	for (int32_t i = 0; i < slot->order_count; i++)
		if (slot->order[i] == slot->holder)
			begin = i + 1;
	for (int32_t i = 0; i < slot->order_count; i++) {
		int32_t next = slot->order[(begin + i) % slot->order_count];

		if (image_broker_is_live(image, next) && image_find_broker(image, next)->has_steer)
			return next;
	}
	return -1;
}

enum kafka_error controller_yield_slots(const struct image *image,
					const struct controller_options *options, int32_t broker_id,
					struct change *change)
{
	struct decision d = decision_begin(image, options, change);

	for (int32_t i = 0; i < image->slot_count; i++) {
		int32_t next;

		if (image->slots[i]->holder != broker_id)
			continue;
		next = steered_successor(image, image->slots[i]);
		if (next == -1 || next == broker_id)
			continue;
		decision_move_slot(&d, i, next);
		prefer_in_slot(&d, i, next);
	}
	decision_done(&d);
	return KAFKA_NONE;
}
