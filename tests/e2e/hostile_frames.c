/* Owns the frames. A good frame is walked from the wire's own tables: names are a topic's that
 * exists, counts are one, numbers small, records a sound batch; so that a change of one byte
 * reaches the handler and does not end in the decoder. */
#include "hostile.h"

#include "broker/api.h"
#include "wire/batch.h"

#include <string.h>

enum { ARENA_BYTES = 1 << 22, DRAWN_MOST_BYTES = 300, SIZE_BYTES = 4, FIRST_PLACE = SIZE_BYTES };

void frame_maker_init(struct frame_maker *maker, enum hostile_side side, uint64_t seed)
{
	*maker = (struct frame_maker){.side = side, .filler = {.state = seed, .most_items = 3}};
	arena_init(&maker->arena, ARENA_BYTES);
	maker->filler.arena = &maker->arena;
	maker->version = -1;
	maker->place = SIZE_MAX;
}

void frame_maker_done(struct frame_maker *maker)
{
	arena_done(&maker->arena);
}

/* ---- good frames ---- */

static void good_struct(struct frame_maker *maker, const struct wire_schema *schema, void *message);

static int64_t good_number(const struct wire_field *field)
{
	if (strcmp(field->name, "broker_id") == 0 || strcmp(field->name, "candidate_id") == 0)
		return HOSTILE_NODE;
	if (strcmp(field->name, "acks") == 0)
		return 1;
	/* Fetches wait for days, for more than there is: until their connections end. */
	if (strcmp(field->name, "max_wait_ms") == 0)
		return INT32_MAX;
	if (strcmp(field->name, "min_bytes") == 0)
		return 1 << 20;
	if (strcmp(field->name, "max_bytes") == 0 ||
	    strcmp(field->name, "partition_max_bytes") == 0)
		return 1000;
	if (strcmp(field->name, "current_leader_epoch") == 0 ||
	    strcmp(field->name, "replica_id") == 0)
		return -1;
	return 0;
}

static struct wire_records good_records(struct frame_maker *maker)
{
	struct buffer bytes = {0};
	struct batch_builder builder;
	struct wire_records records = {0};
	uint8_t *copy;

	batch_begin(&builder, &bytes, 0, 1700000000000);
	batch_add(&builder, "key", 3, "value", 5);
	batch_end(&builder);
	copy = arena_alloc(&maker->arena, bytes.size);
	records.data = memcpy(copy, bytes.data, bytes.size);
	records.size = (int32_t)bytes.size;
	buffer_done(&bytes);
	return records;
}

static void good_value(struct frame_maker *maker, const struct wire_field *field, void *at)
{
	int64_t number = good_number(field);

	switch (field->type) {
	case WIRE_BOOL: /* CreateTopics only looks whether it could */
		*(bool *)at = true;
		break;
	case WIRE_INT8:
		*(int8_t *)at = (int8_t)number;
		break;
	case WIRE_INT16:
	case WIRE_UINT16:
		*(int16_t *)at = (int16_t)number;
		break;
	case WIRE_INT32:
		*(int32_t *)at = (int32_t)number;
		break;
	case WIRE_INT64:
		*(int64_t *)at = number;
		break;
	case WIRE_UUID:
		break;
	case WIRE_STRING:
		*(struct wire_string *)at = wire_string_of(maker->name);
		break;
	case WIRE_BYTES:
		*(struct wire_bytes *)at = (struct wire_bytes){(const uint8_t *)"bytes", 5};
		break;
	case WIRE_RECORDS:
		*(struct wire_records *)at = good_records(maker);
		break;
	case WIRE_STRUCT:
		good_struct(maker, field->element, at);
		break;
	}
}

static void good_field(struct frame_maker *maker, const struct wire_field *field, void *at)
{
	struct wire_array array = {.count = 1};

	if (strcmp(field->name, "transactional_id") == 0)
		return; /* null: else nothing is produced */
	if (!field->is_array) {
		good_value(maker, field, at);
		return;
	}
	array.items = arena_array(&maker->arena, 1, wire_value_size(field));
	good_value(maker, field, array.items);
	memcpy(at, &array, sizeof(array));
}

static void good_struct(struct frame_maker *maker, const struct wire_schema *schema, void *message)
{
	wire_init(schema, message);
	for (size_t i = 0; i < schema->field_count; i++)
		if (wire_field_is_in(&schema->fields[i], maker->filler.version))
			good_field(maker, &schema->fields[i],
				   (char *)message + schema->fields[i].offset);
}

/* ---- APIs that a listener serves ---- */

static struct api_versions_range range_of(const struct frame_maker *maker, size_t api)
{
	return maker->side == HOSTILE_PEER ? api_table[api].brokers : api_table[api].clients;
}

static void put_request(struct frame_maker *maker, size_t api, int16_t version,
			const void *message, struct buffer *out)
{
	struct wire_output frame = {0};

	wire_encode_request(api_table[api].wire, version, 7, "hostile", message, &frame);
	buffer_put(out, frame.bytes.data, frame.bytes.size);
	wire_output_done(&frame);
	(void)maker;
}

static void put_good(struct frame_maker *maker, size_t api, int16_t version, struct buffer *out)
{
	const struct wire_schema *schema = api_table[api].wire->request;
	void *message = arena_alloc(&maker->arena, schema->size);

	maker->filler.version = version;
	/* The topic stays, so that the other frames have one. */
	maker->name = api_table[api].wire == &wire_delete_topics ? "doomed" : HOSTILE_TOPIC;
	good_struct(maker, schema, message);
	put_request(maker, api, version, message, out);
}

/* The next version that is served, and the first API again after the last. */
static void next_version(struct frame_maker *maker)
{
	maker->place = FIRST_PLACE;
	if (++maker->version < range_of(maker, maker->api).first)
		maker->version = range_of(maker, maker->api).first;
	while (maker->version > range_of(maker, maker->api).last) {
		maker->rounds += maker->api + 1 == api_count;
		maker->api = (maker->api + 1) % api_count;
		maker->version = range_of(maker, maker->api).first;
	}
}

static void put_changed(struct frame_maker *maker, struct buffer *out)
{
	struct filler *f = &maker->filler;
	size_t start = out->size;
	uint8_t *at;

	if (maker->place == SIZE_MAX)
		next_version(maker);
	put_good(maker, maker->api, maker->version, out);
	at = out->data + start + maker->place;
	switch (fill_below(f, 4)) {
	case 0:
		*at ^= (uint8_t)(1 << fill_below(f, 8));
		break;
	case 1:
		*at = 0xff;
		break;
	case 2:
		*at = 0x7f;
		break;
	default:
		*at = (uint8_t)fill_random(f);
	}
	if (start + ++maker->place == out->size)
		maker->place = SIZE_MAX;
}

/* ---- other frames ---- */

static void draw_served(struct frame_maker *maker, size_t *ret_api, int16_t *ret_version)
{
	struct api_versions_range range;

	do {
		*ret_api = fill_below(&maker->filler, api_count);
		range = range_of(maker, *ret_api);
	} while (range.last < 0);
	*ret_version = (int16_t)(range.first +
				 (int16_t)fill_below(&maker->filler,
						     (uint64_t)(range.last - range.first + 1)));
}

static void put_drawn_bytes(struct frame_maker *maker, struct buffer *out)
{
	struct filler *f = &maker->filler;
	size_t size = fill_below(f, DRAWN_MOST_BYTES);

	buffer_put_i32(out, (int32_t)size);
	for (size_t i = 0; i < size; i++) /* small lengths are common, or nothing would decode */
		buffer_put_i8(out, (int8_t)(fill_below(f, 3) ? fill_below(f, 4) : fill_random(f)));
}

static void put_drawn_fields(struct frame_maker *maker, struct buffer *out)
{
	const struct wire_schema *schema;
	int16_t version;
	size_t api;

	draw_served(maker, &api, &version);
	schema = api_table[api].wire->request;
	maker->filler.version = version;
	put_request(maker, api, version, fill_message(&maker->filler, schema), out);
}

static void put_cut(struct frame_maker *maker, struct buffer *out)
{
	size_t api, start = out->size;
	int16_t version;

	draw_served(maker, &api, &version);
	put_good(maker, api, version, out);
	out->size = start + fill_below(&maker->filler, out->size - start);
	/* Half of them are whole frames whose fields are cut off. */
	if (out->size >= start + SIZE_BYTES && fill_below(&maker->filler, 2))
		bytes_store_u32(out->data + start, (uint32_t)(out->size - start - SIZE_BYTES));
}

void frame_make(struct frame_maker *maker, struct buffer *out)
{
	arena_reset(&maker->arena);
	maker->made++;
	switch (fill_below(&maker->filler, 8)) {
	case 0:
		put_drawn_bytes(maker, out);
		break;
	case 1:
	case 2:
		put_drawn_fields(maker, out);
		break;
	case 3:
		put_cut(maker, out);
		break;
	default:
		put_changed(maker, out);
	}
}
