/* Decodes: walks a schema's table over the bytes of a reader. Owns nothing.
 *
 * Invariants:
 *  1. A length is compared with the bytes that remain before anything is taken or allocated for
 *     it; for an array that is its count times the fewest bytes that an element can take.
 *  2. After a failure the reader stays failed and no loop goes round again. Every turn of a loop
 *     takes at least one byte or writes into an array that invariant 1 has bounded.
 *  3. Recursion is as deep as the tables are nested, whatever the bytes say. */
#include "wire/codec_int.h"

#include <errno.h>

struct decoder {
	struct reader *in;
	struct arena *arena;
	int16_t version;
	bool flexible;
	bool is_full; /* the arena's limit was met; the reader has failed too */
};

static void decode_struct(struct decoder *d, const struct wire_schema *schema, void *ret_message);

static size_t least_struct_size(const struct decoder *d, const struct wire_schema *schema);

/* The fewest bytes that one value of the field's type takes on the wire. */
static size_t least_value_size(const struct decoder *d, const struct wire_field *f)
{
	switch (f->type) {
	case WIRE_BOOL:
	case WIRE_INT8:
		return 1;
	case WIRE_INT16:
	case WIRE_UINT16:
		return 2;
	case WIRE_INT32:
		return 4;
	case WIRE_INT64:
		return 8;
	case WIRE_UUID:
		return 16;
	case WIRE_STRING:
		return d->flexible ? 1 : 2;
	case WIRE_BYTES:
	case WIRE_RECORDS:
		return d->flexible ? 1 : 4;
	case WIRE_STRUCT:
		return least_struct_size(d, f->element);
	}
	return 1;
}

static size_t least_struct_size(const struct decoder *d, const struct wire_schema *schema)
{
	size_t size = d->flexible ? 1 : 0; /* the number of tagged fields */

	for (size_t i = 0; i < schema->field_count; i++) {
		const struct wire_field *f = &schema->fields[i];

		if (f->is_tagged || !wire_field_is_in(f, d->version))
			continue;
		if (f->is_array)
			size += d->flexible ? 1 : 4;
		else
			size += least_value_size(d, f);
	}
	return size ? size : 1; /* nothing would be a bomb: see invariant 1 */
}

/* Reads how long something is: -1 is null. plain_bytes is the width of the length where versions
 * are not flexible, least_bytes what one unit of it takes. Gives 0 when it fails. */
static int32_t decode_length(struct decoder *d, const struct wire_field *f, int plain_bytes,
			     size_t least_bytes)
{
	int64_t length;

	if (d->flexible)
		length = (int64_t)reader_uvarint(d->in) - 1;
	else if (plain_bytes == 2)
		length = reader_i16(d->in);
	else
		length = reader_i32(d->in);
	if (length == -1 && wire_field_is_nullable_in(f, d->version))
		return -1;
	if (length >= 0 && (uint64_t)length <= reader_left(d->in) / least_bytes &&
	    length <= INT32_MAX)
		return (int32_t)length;
	d->in->failed = true;
	return 0;
}

static struct wire_bytes decode_bytes(struct decoder *d, const struct wire_field *f,
				      int plain_bytes)
{
	int32_t size = decode_length(d, f, plain_bytes, 1);

	if (size < 0)
		return (struct wire_bytes){0};
	return (struct wire_bytes){.data = reader_take(d->in, (size_t)size), .size = size};
}

static void decode_value(struct decoder *d, const struct wire_field *f, void *at)
{
	struct wire_bytes bytes;

	switch (f->type) {
	case WIRE_BOOL:
		*(bool *)at = reader_i8(d->in) != 0;
		break;
	case WIRE_INT8:
		*(int8_t *)at = reader_i8(d->in);
		break;
	case WIRE_INT16:
		*(int16_t *)at = reader_i16(d->in);
		break;
	case WIRE_UINT16:
		*(uint16_t *)at = (uint16_t)reader_i16(d->in);
		break;
	case WIRE_INT32:
		*(int32_t *)at = reader_i32(d->in);
		break;
	case WIRE_INT64:
		*(int64_t *)at = reader_i64(d->in);
		break;
	case WIRE_UUID:
		bytes.data = reader_take(d->in, sizeof(struct uuid));
		if (bytes.data)
			memcpy(at, bytes.data, sizeof(struct uuid));
		break;
	case WIRE_STRING:
		bytes = decode_bytes(d, f, 2);
		*(struct wire_string *)at =
			(struct wire_string){.data = (const char *)bytes.data, .size = bytes.size};
		break;
	case WIRE_BYTES:
		*(struct wire_bytes *)at = decode_bytes(d, f, 4);
		break;
	case WIRE_RECORDS:
		bytes = decode_bytes(d, f, 4);
		*(struct wire_records *)at =
			(struct wire_records){.data = bytes.data, .size = bytes.size};
		break;
	case WIRE_STRUCT:
		decode_struct(d, f->element, at);
		break;
	}
}

static void decode_array(struct decoder *d, const struct wire_field *f, void *at)
{
	struct wire_array array = {.count = decode_length(d, f, 4, least_value_size(d, f))};
	size_t size = wire_value_size(f);

	if (array.count > 0 && !d->in->failed) {
		array.items = arena_array(d->arena, (size_t)array.count, size);
		if (!array.items)
			d->is_full = d->in->failed = true;
	}
	for (int32_t i = 0; i < array.count && !d->in->failed; i++)
		decode_value(d, f, (char *)array.items + (size_t)i * size);
	memcpy(at, &array, sizeof(array)); /* each WIRE_ARRAY is a type of its own */
}

static void decode_field(struct decoder *d, const struct wire_field *f, void *at)
{
	if (f->is_array)
		decode_array(d, f, at);
	else
		decode_value(d, f, at);
}

/* A tagged field's bytes must hold the field and nothing else. */
static void decode_tagged(struct decoder *d, const struct wire_field *f, struct reader content,
			  void *at)
{
	struct decoder inner = *d;

	inner.in = &content;
	decode_field(&inner, f, at);
	d->is_full = inner.is_full;
	if (content.failed || reader_left(&content) > 0)
		d->in->failed = true;
}

static const struct wire_field *find_tagged(const struct wire_schema *schema, int16_t version,
					    uint32_t tag)
{
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct wire_field *f = &schema->fields[i];

		if (f->is_tagged && (uint32_t)f->tag == tag && wire_field_is_in(f, version))
			return f;
	}
	return NULL;
}

/* Tags rise (KIP-482), so none comes twice; those that we do not know are skipped. */
static void decode_tags(struct decoder *d, const struct wire_schema *schema, char *message)
{
	int64_t last = -1;

	for (uint32_t left = reader_uvarint(d->in); left > 0 && !d->in->failed; left--) {
		uint32_t tag = reader_uvarint(d->in);
		uint32_t size = reader_uvarint(d->in);
		const uint8_t *content = reader_take(d->in, size);
		const struct wire_field *f = find_tagged(schema, d->version, tag);

		if ((int64_t)tag <= last)
			d->in->failed = true;
		last = tag;
		if (f && !d->in->failed)
			decode_tagged(d, f, reader_of(content, size), message + f->offset);
	}
}

static void decode_struct(struct decoder *d, const struct wire_schema *schema, void *ret_message)
{
	char *message = ret_message;

	for (size_t i = 0; i < schema->field_count; i++) {
		const struct wire_field *f = &schema->fields[i];

		if (f->is_tagged || !wire_field_is_in(f, d->version))
			wire_init_field(f, message + f->offset);
		else
			decode_field(d, f, message + f->offset);
	}
	if (d->flexible)
		decode_tags(d, schema, message);
}

int wire_decode(const struct wire_schema *schema, int16_t version, bool flexible,
		struct reader *in, struct arena *arena, void *ret_message)
{
	struct decoder d = {.in = in, .arena = arena, .version = version, .flexible = flexible};

	decode_struct(&d, schema, ret_message);
	if (d.is_full)
		return -ENOMEM;
	return in->failed ? -EBADMSG : 0;
}
