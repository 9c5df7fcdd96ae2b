/* What each metadata record means: an image and a batch give the next image.
 *
 * 1. All of a batch or nothing: records are applied to a draft, which is dropped on a failure.
 * 2. A record that contradicts the image (names what is not there, repeats what is, breaks a bound
 *    below) is -EBADMSG: two brokers that went on from it might differ.
 * 3. A partition's ISR is never empty and within its replicas; its leader is in it, or -1.
 * 4. slot.partition_count is the number of partitions whose slot it is.
 * 5. Leader epochs and partition epochs (R8) only rise; producer ids too.
 *
 * Whether a change is wise is the controller's matter. */
#include "meta/image_int.h"

#include "base/mem.h"
#include "wire/message_metadata_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- brokers ---- */

static void broker_take_endpoints(struct image_broker *b,
				  const struct register_broker_record *record)
{
	for (int32_t i = 0; i < record->endpoints.count; i++) {
		const struct register_broker_record_endpoint *from = &record->endpoints.items[i];

		for (enum image_listener l = 0; l < IMAGE_LISTENERS; l++) {
			if (!wire_string_equal(from->name, wire_string_of(image_listener_name(l))))
				continue;
			mem_free(b->endpoints[l].host);
			b->endpoints[l] = image_endpoint_of(from->host.data,
							    (size_t)from->host.size, from->port);
		}
	}
}

static void broker_take_cuts(struct image_broker *b, const struct register_broker_record *record)
{
	b->cut_count = record->cut_partitions.count;
	if (b->cut_count == 0)
		return;
	b->cuts = mem_alloc((size_t)b->cut_count * sizeof(*b->cuts));
	for (int32_t i = 0; i < b->cut_count; i++) {
		const struct register_broker_record_cut_partition *from =
			&record->cut_partitions.items[i];

		b->cuts[i] = (struct image_cut){
			.topic_id = from->topic_id,
			.partition = from->partition,
			.last_epoch = from->last_epoch,
			.end_offset = from->end_offset,
		};
	}
	qsort(b->cuts, (size_t)b->cut_count, sizeof(*b->cuts), image_cut_compare);
}

static char *text_of(struct wire_string from)
{
	char *text;

	if (!from.data)
		return NULL;
	text = mem_alloc((size_t)from.size + 1);
	memcpy(text, from.data, (size_t)from.size);
	return text;
}

static int apply_register_broker(struct image *draft, int64_t offset,
				 const struct register_broker_record *record)
{
	const struct image_broker *old = image_find_broker(draft, record->broker_id);
	int64_t epoch = record->broker_epoch >= 0 ? record->broker_epoch : offset;
	struct image_broker *b;

	/* R5: a broker epoch names one uptime. */
	if (record->broker_id < 0 || record->broker_id >= IMAGE_SLOT_ID_BASE ||
	    (old && epoch <= old->epoch))
		return -EBADMSG;
	b = mem_alloc(sizeof(*b));
	b->references = 1;
	b->id = record->broker_id;
	b->epoch = epoch;
	b->incarnation = record->incarnation_id;
	b->directory_id = record->directory_id;
	b->rack = text_of(record->rack);
	b->fenced = record->fenced;
	b->shutting_down = record->in_controlled_shutdown;
	b->kept_places = record->durable && record->fenced;
	broker_take_endpoints(b, record);
	broker_take_cuts(b, record);
	image_add_broker(draft, b);
	return 0;
}

/* The broker for writing, if this is its epoch; else NULL. */
static struct image_broker *broker_of_epoch(struct image *draft, int32_t id, int64_t epoch)
{
	int32_t place = image_broker_place(draft, id);

	return place < 0 || draft->brokers[place]->epoch != epoch ? NULL
								  : image_own_broker(draft, place);
}

static int apply_fence_broker(struct image *draft, const struct fence_broker_record *record)
{
	struct image_broker *b = broker_of_epoch(draft, record->id, record->epoch);

	if (!b)
		return -EBADMSG;
	b->fenced = true;
	b->kept_places = record->kept_places;
	return 0;
}

static int apply_unfence_broker(struct image *draft, const struct unfence_broker_record *record)
{
	struct image_broker *b = broker_of_epoch(draft, record->id, record->epoch);

	if (!b)
		return -EBADMSG;
	b->fenced = b->kept_places = false;
	return 0;
}

static int change_flag(int8_t change, bool *flag)
{
	if (change < METADATA_CLEAR || change > METADATA_SET)
		return -EBADMSG;
	if (change != METADATA_KEEP)
		*flag = change == METADATA_SET;
	return 0;
}

static int apply_broker_change(struct image *draft, const struct broker_change_record *record)
{
	struct image_broker *b = broker_of_epoch(draft, record->broker_id, record->broker_epoch);
	int rc = b ? 0 : -EBADMSG;

	if (rc == 0)
		rc = change_flag(record->fenced, &b->fenced);
	if (rc == 0)
		rc = change_flag(record->in_controlled_shutdown, &b->shutting_down);
	if (rc == 0)
		rc = change_flag(record->has_steer, &b->has_steer);
	return rc;
}

/* R45: the replica is whole again, as far as this partition goes. */
static void forget_cut(struct image *draft, int32_t broker, struct uuid topic_id, int32_t partition)
{
	int32_t place = image_broker_place(draft, broker);
	const struct image_cut *cut;
	struct image_broker *b;
	int32_t at;

	cut = place < 0 ? NULL : image_broker_cut(draft->brokers[place], topic_id, partition);
	if (!cut)
		return;
	at = (int32_t)(cut - draft->brokers[place]->cuts);
	b = image_own_broker(draft, place);
	memmove(b->cuts + at, b->cuts + at + 1, (size_t)(b->cut_count - at - 1) * sizeof(*b->cuts));
	b->cut_count--;
}

/* ---- topics ---- */

static int apply_topic(struct image *draft, const struct topic_record *record)
{
	struct image_topic *t;

	if (record->name.size == 0 || memchr(record->name.data, 0, (size_t)record->name.size) ||
	    uuid_is_zero(record->topic_id) ||
	    image_find_topic(draft, record->name.data, (size_t)record->name.size) ||
	    image_find_topic_by_id(draft, record->topic_id))
		return -EBADMSG;
	t = mem_alloc(sizeof(*t));
	t->references = 1;
	t->name = text_of(record->name);
	t->id = record->topic_id;
	image_add_topic(draft, t);
	return 0;
}

static int apply_remove_topic(struct image *draft, const struct remove_topic_record *record)
{
	struct image_topic *t = image_find_topic_by_id(draft, record->topic_id);

	if (!t)
		return -EBADMSG;
	for (int32_t i = 0; i < t->partition_count; i++) {
		const struct image_partition *p = t->partitions[i];

		image_own_slot(draft, p->slot)->partition_count--;
		for (int32_t r = 0; r < p->replica_count; r++)
			forget_cut(draft, p->replicas[r], t->id, i);
	}
	image_remove_topic(draft, t);
	return 0;
}

static void setting_put(struct image_topic *t, const struct config_record *record)
{
	for (int32_t i = 0; i < t->setting_count; i++) {
		if (!wire_string_equal(record->name, wire_string_of(t->settings[i].name)))
			continue;
		mem_free(t->settings[i].value);
		t->settings[i].value = text_of(record->value);
		if (t->settings[i].value)
			return;
		mem_free(t->settings[i].name);
		t->setting_count--;
		memmove(t->settings + i, t->settings + i + 1,
			(size_t)(t->setting_count - i) * sizeof(*t->settings));
		return;
	}
	if (!record->value.data)
		return;
	t->settings =
		mem_resize(t->settings, (size_t)(t->setting_count + 1) * sizeof(*t->settings));
	t->settings[t->setting_count++] = (struct image_setting){
		.name = text_of(record->name),
		.value = text_of(record->value),
	};
}

static int apply_config(struct image *draft, const struct config_record *record)
{
	enum { RESOURCE_TOPIC = 2 };
	struct image_topic *t;

	if (record->resource_type != RESOURCE_TOPIC || record->name.size == 0)
		return -EBADMSG;
	t = image_find_topic(draft, record->resource_name.data, (size_t)record->resource_name.size);
	if (!t)
		return -EBADMSG;
	setting_put(image_own_topic(draft, t->id), record);
	return 0;
}

/* ---- partitions ---- */

static bool list_is_set(const int32_t *list, int32_t count)
{
	for (int32_t i = 0; i < count; i++)
		if (list[i] < 0 || image_list_has(list, i, list[i]))
			return false;
	return count > 0;
}

/* Invariant 3. */
static bool partition_is_sound(const struct image_partition *p)
{
	if (!list_is_set(p->replicas, p->replica_count) || !list_is_set(p->isr, p->isr_count))
		return false;
	for (int32_t i = 0; i < p->isr_count; i++)
		if (!image_partition_has_replica(p, p->isr[i]))
			return false;
	return p->leader == -1 || image_partition_in_isr(p, p->leader);
}

static int apply_partition(struct image *draft, const struct partition_record *record)
{
	struct image_topic *t = image_find_topic_by_id(draft, record->topic_id);
	struct image_partition *p;

	if (!t || record->partition_id != t->partition_count ||
	    !image_find_slot(draft, record->slot))
		return -EBADMSG;
	p = mem_alloc(sizeof(*p));
	p->references = 1;
	p->id = record->partition_id;
	p->slot = record->slot;
	p->leader = record->leader;
	p->leader_epoch = record->leader_epoch;
	p->partition_epoch = record->partition_epoch;
	p->replica_count = record->replicas.count;
	p->isr_count = record->isr.count;
	p->replicas =
		image_copy_items(record->replicas.items, record->replicas.count, sizeof(int32_t));
	p->isr = image_copy_items(record->isr.items, record->isr.count, sizeof(int32_t));
	if (!partition_is_sound(p)) {
		image_partition_unref(p);
		return -EBADMSG;
	}
	t = image_own_topic(draft, t->id);
	t->partitions = mem_resize(t->partitions,
				   (size_t)(t->partition_count + 1) * sizeof(*t->partitions));
	t->partitions[t->partition_count++] = p;
	image_own_slot(draft, p->slot)->partition_count++;
	return 0;
}

static void partition_take_isr(struct image *draft, const struct image_topic *t,
			       struct image_partition *p,
			       const struct partition_change_record *record)
{
	for (int32_t i = 0; i < record->isr.count; i++)
		if (!image_partition_in_isr(p, record->isr.items[i]))
			forget_cut(draft, record->isr.items[i], t->id, p->id);
	mem_free(p->isr);
	p->isr = image_copy_items(record->isr.items, record->isr.count, sizeof(int32_t));
	p->isr_count = record->isr.count;
}

static int apply_partition_change(struct image *draft, const struct partition_change_record *record)
{
	struct image_topic *t = image_find_topic_by_id(draft, record->topic_id);
	struct image_partition *p = t ? image_find_partition(t, record->partition_id) : NULL;

	if (!p || (record->slot != -1 && !image_find_slot(draft, record->slot)))
		return -EBADMSG;
	t = image_own_topic(draft, t->id);
	p = image_own_partition(t, p->id);
	p->partition_epoch++;
	if (record->slot != -1) {
		image_own_slot(draft, p->slot)->partition_count--;
		image_own_slot(draft, record->slot)->partition_count++;
		p->slot = record->slot;
	}
	if (record->replicas.count >= 0) {
		mem_free(p->replicas);
		p->replicas = image_copy_items(record->replicas.items, record->replicas.count,
					       sizeof(int32_t));
		p->replica_count = record->replicas.count;
	}
	if (record->isr.count >= 0)
		partition_take_isr(draft, t, p, record);
	if (record->leader != METADATA_UNCHANGED) {
		p->leader = record->leader;
		p->leader_epoch++;
		forget_cut(draft, p->leader, t->id, p->id);
	}
	return partition_is_sound(p) ? 0 : -EBADMSG;
}

/* ---- slots ---- */

static void slot_take_addresses(struct image_slot *s, const struct slot_record_address *addresses,
				int32_t count)
{
	for (int32_t i = 0; i < s->address_count; i++)
		mem_free(s->addresses[i].host);
	mem_free(s->addresses);
	s->address_count = count;
	s->addresses = count > 0 ? mem_alloc((size_t)count * sizeof(*s->addresses)) : NULL;
	for (int32_t i = 0; i < count; i++)
		s->addresses[i] = image_endpoint_of(
			addresses[i].host.data, (size_t)addresses[i].host.size, addresses[i].port);
}

static void slot_take_order(struct image_slot *s, const int32_t *order, int32_t count)
{
	mem_free(s->order);
	s->order = image_copy_items(order, count, sizeof(*order));
	s->order_count = count;
}

static bool holder_is_sound(const struct image_slot *s)
{
	return s->holder == -1 || image_list_has(s->order, s->order_count, s->holder);
}

static int apply_slot(struct image *draft, int64_t offset, const struct slot_record *record)
{
	struct image_slot *s;

	if (record->slot_id != draft->slot_count || record->slot_id >= IMAGE_MOST_SLOTS ||
	    !list_is_set(record->order.items, record->order.count))
		return -EBADMSG;
	s = mem_alloc(sizeof(*s));
	s->references = 1;
	s->id = record->slot_id;
	s->epoch = offset;
	s->holder = record->holder;
	slot_take_order(s, record->order.items, record->order.count);
	slot_take_addresses(s, record->addresses.items, record->addresses.count);
	draft->slots =
		mem_resize(draft->slots, (size_t)(draft->slot_count + 1) * sizeof(*draft->slots));
	draft->slots[draft->slot_count++] = s;
	return holder_is_sound(s) ? 0 : -EBADMSG;
}

static int apply_slot_change(struct image *draft, int64_t offset,
			     const struct slot_change_record *record)
{
	struct image_slot *s = image_find_slot(draft, record->slot_id);

	if (!s ||
	    (record->order.count >= 0 && !list_is_set(record->order.items, record->order.count)))
		return -EBADMSG;
	s = image_own_slot(draft, s->id);
	if (record->order.count >= 0)
		slot_take_order(s, record->order.items, record->order.count);
	if (record->addresses.count >= 0)
		slot_take_addresses(s, record->addresses.items, record->addresses.count);
	if (record->holder != METADATA_UNCHANGED) {
		/* S1: the slot epoch is the metadata offset of the last move. */
		s->holder = record->holder;
		s->epoch = offset;
	}
	return holder_is_sound(s) ? 0 : -EBADMSG;
}

/* ---- the rest ---- */

static int apply_producer_ids(struct image *draft, const struct producer_ids_record *record)
{
	/* Never given twice: a reused id with sequence 0 would be taken for a duplicate. */
	if (record->next_producer_id <= draft->next_producer_id)
		return -EBADMSG;
	draft->next_producer_id = record->next_producer_id;
	return 0;
}

static int apply_feature_level(struct image *draft, const struct feature_level_record *record)
{
	if (!wire_string_equal(record->name, wire_string_of(IMAGE_FEATURE)) ||
	    record->feature_level > IMAGE_FEATURE_LEVEL)
		return -EBADMSG;
	if (!record->mirror_secret.data)
		return 0;
	if (record->mirror_secret.size != IMAGE_MIRROR_SECRET_BYTES)
		return -EBADMSG;
	memcpy(draft->mirror_secret, record->mirror_secret.data, IMAGE_MIRROR_SECRET_BYTES);
	draft->has_mirror_secret = true;
	return 0;
}

int image_apply_record(struct image *draft, int64_t offset, int16_t type, const void *record)
{
	switch ((enum metadata_record_type)type) {
	case METADATA_REGISTER_BROKER:
		return apply_register_broker(draft, offset, record);
	case METADATA_FENCE_BROKER:
		return apply_fence_broker(draft, record);
	case METADATA_UNFENCE_BROKER:
		return apply_unfence_broker(draft, record);
	case METADATA_BROKER_CHANGE:
		return apply_broker_change(draft, record);
	case METADATA_TOPIC:
		return apply_topic(draft, record);
	case METADATA_REMOVE_TOPIC:
		return apply_remove_topic(draft, record);
	case METADATA_CONFIG:
		return apply_config(draft, record);
	case METADATA_PARTITION:
		return apply_partition(draft, record);
	case METADATA_PARTITION_CHANGE:
		return apply_partition_change(draft, record);
	case METADATA_SLOT:
		return apply_slot(draft, offset, record);
	case METADATA_SLOT_CHANGE:
		return apply_slot_change(draft, offset, record);
	case METADATA_PRODUCER_IDS:
		return apply_producer_ids(draft, record);
	case METADATA_FEATURE_LEVEL:
		return apply_feature_level(draft, record);
	case METADATA_VOTERS: /* the quorum's own matter */
	case METADATA_NO_OP:
		return 0;
	}
	return -EBADMSG;
}

/* ---- batches ---- */

/* Every record's struct, aligned for any of them. */
union any_record {
	struct register_broker_record register_broker;
	struct fence_broker_record fence_broker;
	struct unfence_broker_record unfence_broker;
	struct broker_change_record broker_change;
	struct topic_record topic;
	struct remove_topic_record remove_topic;
	struct config_record config;
	struct partition_record partition;
	struct partition_change_record partition_change;
	struct slot_record slot;
	struct slot_change_record slot_change;
	struct producer_ids_record producer_ids;
	struct feature_level_record feature_level;
	struct voters_record voters;
	struct no_op_record no_op;
};

static int apply_value(struct image *draft, const struct batch_record *record, struct arena *arena)
{
	struct reader in = reader_of(record->value, record->value ? (size_t)record->value_size : 0);
	uint32_t frame = reader_uvarint(&in);
	uint32_t type = reader_uvarint(&in);
	uint32_t version = reader_uvarint(&in);
	const struct wire_schema *schema;
	union any_record any;
	int rc;

	if (in.failed || frame != IMAGE_FRAME_VERSION || type > INT16_MAX ||
	    version > IMAGE_RECORD_VERSION)
		return -EBADMSG;
	schema = metadata_record_schema((int16_t)type);
	if (!schema || schema->size > sizeof(any))
		return -EBADMSG;
	rc = wire_decode(schema, IMAGE_RECORD_VERSION, true, &in, arena, &any);
	if (rc == 0 && reader_left(&in) != 0)
		rc = -EBADMSG;
	return rc < 0 ? -EBADMSG : image_apply_record(draft, record->offset, (int16_t)type, &any);
}

int image_apply(const struct image *image, const struct batch *batch, struct image **ret_image)
{
	enum { RECORD_ARENA_BYTES = 16 << 20 }; /* far above what our own records need */
	struct reader records = batch_records(batch);
	struct batch_record record;
	enum batch_result result;
	struct image *draft;
	struct arena arena;
	int rc = 0;

	if (batch->base_offset < image->offset ||
	    (batch->attributes & (BATCH_CODEC_MASK | BATCH_CONTROL)))
		return -EBADMSG;
	draft = image_draft(image);
	arena_init(&arena, RECORD_ARENA_BYTES);
	while (rc == 0 && (result = batch_next_record(batch, &records, &record)) != BATCH_END) {
		rc = result == BATCH_OK ? apply_value(draft, &record, &arena) : -EBADMSG;
		arena_reset(&arena);
	}
	arena_done(&arena);
	if (rc < 0) {
		image_unref(draft);
		return rc;
	}
	draft->offset = batch_last_offset(batch) + 1;
	*ret_image = draft;
	return 0;
}
