/* Fills any message with values drawn from a seed, and compares two of them: walks over the same
 * tables as the codec. For the unit tests of user/wire and tests/fuzz/wire_fuzz.c. */
#pragma once

#include "wire/codec_int.h"
#include "wire/messages.h"

struct filler {
	uint64_t state;
	struct arena *arena;
	int16_t version;
	int32_t most_items; /* in an array */
};

/* splitmix64 */
static inline uint64_t fill_random(struct filler *f)
{
	uint64_t z = f->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint64_t fill_below(struct filler *f, uint64_t limit)
{
	return fill_random(f) % limit;
}

/* Small numbers, the ends of the range, and anything between. */
static inline int64_t fill_number(struct filler *f)
{
	uint64_t bits = fill_random(f);

	switch (fill_below(f, 4)) {
	case 0:
		return (int64_t)(bits % 5) - 2;
	case 1:
		return INT64_MAX;
	case 2:
		return INT64_MIN;
	default:
		return (int64_t)bits;
	}
}

static inline struct wire_bytes fill_bytes(struct filler *f, const struct wire_field *field)
{
	size_t size = fill_below(f, 4) == 0 ? fill_below(f, 300) : fill_below(f, 8);
	uint8_t *data;

	if (wire_field_is_nullable_in(field, f->version) && fill_below(f, 4) == 0)
		return (struct wire_bytes){0};
	data = arena_alloc(f->arena, size + 1);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)fill_random(f);
	return (struct wire_bytes){.data = data, .size = (int32_t)size};
}

static inline void fill_struct(struct filler *f, const struct wire_schema *schema, void *message);

static inline void fill_value(struct filler *f, const struct wire_field *field, void *at)
{
	struct wire_bytes bytes;

	switch (field->type) {
	case WIRE_BOOL:
		*(bool *)at = fill_below(f, 2);
		break;
	case WIRE_INT8:
		*(int8_t *)at = (int8_t)fill_number(f);
		break;
	case WIRE_INT16:
		*(int16_t *)at = (int16_t)fill_number(f);
		break;
	case WIRE_UINT16:
		*(uint16_t *)at = (uint16_t)fill_number(f);
		break;
	case WIRE_INT32:
		*(int32_t *)at = (int32_t)fill_number(f);
		break;
	case WIRE_INT64:
		*(int64_t *)at = fill_number(f);
		break;
	case WIRE_UUID:
		for (size_t i = 0; i < sizeof(struct uuid); i++)
			((uint8_t *)at)[i] = (uint8_t)fill_random(f);
		break;
	case WIRE_STRING:
		bytes = fill_bytes(f, field);
		*(struct wire_string *)at = (struct wire_string){
			.data = (const char *)bytes.data, .size = bytes.size};
		break;
	case WIRE_BYTES:
		*(struct wire_bytes *)at = fill_bytes(f, field);
		break;
	case WIRE_RECORDS:
		bytes = fill_bytes(f, field);
		*(struct wire_records *)at =
			(struct wire_records){.data = bytes.data, .size = bytes.size};
		break;
	case WIRE_STRUCT:
		fill_struct(f, field->element, at);
		break;
	}
}

static inline void fill_array(struct filler *f, const struct wire_field *field, void *at)
{
	struct wire_array array = {.count = (int32_t)fill_below(f, (uint64_t)f->most_items + 1)};
	size_t size = wire_value_size(field);

	if (wire_field_is_nullable_in(field, f->version) && fill_below(f, 4) == 0)
		array.count = -1;
	if (array.count > 0)
		array.items = arena_array(f->arena, (size_t)array.count, size);
	for (int32_t i = 0; i < array.count; i++)
		fill_value(f, field, (char *)array.items + (size_t)i * size);
	memcpy(at, &array, sizeof(array));
}

/* What the version does not have, and half of the tagged fields, keep what wire_init() gave. */
static inline void fill_struct(struct filler *f, const struct wire_schema *schema, void *message)
{
	wire_init(schema, message);
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct wire_field *field = &schema->fields[i];
		char *at = (char *)message + field->offset;

		if (!wire_field_is_in(field, f->version) ||
		    (field->is_tagged && fill_below(f, 2) == 0))
			continue;
		if (field->is_array)
			fill_array(f, field, at);
		else
			fill_value(f, field, at);
	}
}

static inline void *fill_message(struct filler *f, const struct wire_schema *schema)
{
	void *message = arena_alloc(f->arena, schema->size);

	fill_struct(f, schema, message);
	return message;
}

/* ---- comparing ---- */

static inline bool fill_same_struct(const struct wire_schema *schema, const void *a,
				    const void *b);

static inline bool fill_same_bytes(const void *a, int32_t a_size, const void *b, int32_t b_size)
{
	if (!a || !b)
		return !a && !b;
	return a_size == b_size && memcmp(a, b, (size_t)a_size) == 0;
}

static inline bool fill_same_value(const struct wire_field *field, const void *a, const void *b)
{
	const struct wire_string *as = a, *bs = b;
	const struct wire_bytes *ab = a, *bb = b;
	const struct wire_records *ar = a, *br = b;

	switch (field->type) {
	case WIRE_STRING:
		return fill_same_bytes(as->data, as->size, bs->data, bs->size);
	case WIRE_BYTES:
		return fill_same_bytes(ab->data, ab->size, bb->data, bb->size);
	case WIRE_RECORDS:
		return fill_same_bytes(ar->data, ar->size, br->data, br->size);
	case WIRE_STRUCT:
		return fill_same_struct(field->element, a, b);
	default:
		return memcmp(a, b, wire_value_size(field)) == 0;
	}
}

static inline bool fill_same_field(const struct wire_field *field, const void *a, const void *b)
{
	struct wire_array one, other;
	size_t size = wire_value_size(field);

	if (!field->is_array)
		return fill_same_value(field, a, b);
	memcpy(&one, a, sizeof(one));
	memcpy(&other, b, sizeof(other));
	for (int32_t i = 0; i < one.count && one.count == other.count; i++)
		if (!fill_same_value(field, (char *)one.items + (size_t)i * size,
				     (char *)other.items + (size_t)i * size))
			return false;
	return one.count == other.count;
}

static inline bool fill_same_struct(const struct wire_schema *schema, const void *a, const void *b)
{
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct wire_field *field = &schema->fields[i];

		if (!fill_same_field(field, (const char *)a + field->offset,
				     (const char *)b + field->offset))
			return false;
	}
	return true;
}
