/* Encodes: walks a schema's table over a struct and appends its bytes. Owns the splices of an
 * output.
 *
 * Invariants:
 *  1. Splices lie in the order of `at`, at <= bytes.size; each holds one reference to its file.
 *  2. Records that lie in a file are never inside a tagged field: what follows a tag is moved when
 *     its length is known, and a splice would not move with it. */
#include "wire/codec_int.h"

#include "base/mem.h"

#include <assert.h>

enum { OUTPUT_FIRST_SPLICES = 4 };

struct encoder {
	struct wire_output *out;
	int16_t version;
	bool flexible;
};

static void encode_struct(const struct encoder *e, const struct wire_schema *schema,
			  const void *message);

void wire_output_done(struct wire_output *out)
{
	for (size_t i = 0; i < out->splice_count; i++)
		env_file_unref(out->env, out->splices[i].file);
	mem_free(out->splices);
	buffer_done(&out->bytes);
	*out = (struct wire_output){.env = out->env};
}

static void output_add_splice(struct wire_output *out, const struct wire_splice *splice)
{
	if (out->splice_count == out->splice_capacity) {
		out->splice_capacity =
			out->splice_capacity ? out->splice_capacity * 2 : OUTPUT_FIRST_SPLICES;
		out->splices =
			mem_resize(out->splices, out->splice_capacity * sizeof(*out->splices));
	}
	out->splices[out->splice_count++] = *splice;
}

static bool output_copy(struct wire_output *out, const struct wire_records *records)
{
	size_t size = (size_t)records->size;
	void *room;

	if (out->bytes.size + size > WIRE_COPIED_BYTES)
		return false;
	room = buffer_reserve(&out->bytes, size);
	if (env_file_read_cached(out->env, records->file, room, size, records->position) !=
	    (ssize_t)size)
		return false;
	out->bytes.size += size;
	return true;
}

static void output_splice(struct wire_output *out, const struct wire_records *records)
{
	struct wire_splice splice = {
		.at = out->bytes.size,
		.file = env_file_ref(out->env, records->file),
		.position = records->position,
		.size = (size_t)records->size,
	};

	output_add_splice(out, &splice);
}

void wire_output_move(struct wire_output *out, struct wire_output *from)
{
	for (size_t i = 0; i < from->splice_count; i++) {
		struct wire_splice splice = from->splices[i];

		splice.at += out->bytes.size;
		output_add_splice(out, &splice);
	}
	buffer_put(&out->bytes, from->bytes.data, from->bytes.size);
	from->splice_count = 0;
	from->bytes.size = 0;
}

/* length -1 is null; where the version knows no null, empty stands for it. */
static void encode_length(const struct encoder *e, const struct wire_field *f, int plain_bytes,
			  int32_t length)
{
	struct buffer *bytes = &e->out->bytes;

	if (length < 0)
		length = wire_field_is_nullable_in(f, e->version) ? -1 : 0;
	if (e->flexible) {
		buffer_put_uvarint(bytes, (uint64_t)(length + (int64_t)1));
	} else if (plain_bytes == 2) {
		assert(length <= INT16_MAX);
		buffer_put_i16(bytes, (int16_t)length);
	} else {
		buffer_put_i32(bytes, length);
	}
}

static void encode_bytes(const struct encoder *e, const struct wire_field *f, int plain_bytes,
			 const void *data, int32_t size)
{
	encode_length(e, f, plain_bytes, data ? size : -1);
	if (data)
		buffer_put(&e->out->bytes, data, (size_t)size);
}

static void encode_records(const struct encoder *e, const struct wire_field *f,
			   const struct wire_records *records)
{
	if (!records->file) {
		encode_bytes(e, f, 4, records->data, records->size);
		return;
	}
	encode_length(e, f, 4, records->size);
	if (records->size > 0 && !output_copy(e->out, records))
		output_splice(e->out, records);
}

static void encode_value(const struct encoder *e, const struct wire_field *f, const void *at)
{
	struct buffer *bytes = &e->out->bytes;
	const struct wire_string *string;
	const struct wire_bytes *blob;

	switch (f->type) {
	case WIRE_BOOL:
		buffer_put_i8(bytes, *(const bool *)at);
		break;
	case WIRE_INT8:
		buffer_put_i8(bytes, *(const int8_t *)at);
		break;
	case WIRE_INT16:
		buffer_put_i16(bytes, *(const int16_t *)at);
		break;
	case WIRE_UINT16:
		buffer_put_i16(bytes, (int16_t)*(const uint16_t *)at);
		break;
	case WIRE_INT32:
		buffer_put_i32(bytes, *(const int32_t *)at);
		break;
	case WIRE_INT64:
		buffer_put_i64(bytes, *(const int64_t *)at);
		break;
	case WIRE_UUID:
		buffer_put(bytes, at, sizeof(struct uuid));
		break;
	case WIRE_STRING:
		string = at;
		encode_bytes(e, f, 2, string->data, string->size);
		break;
	case WIRE_BYTES:
		blob = at;
		encode_bytes(e, f, 4, blob->data, blob->size);
		break;
	case WIRE_RECORDS:
		encode_records(e, f, at);
		break;
	case WIRE_STRUCT:
		encode_struct(e, f->element, at);
		break;
	}
}

static struct wire_array load_array(const void *at)
{
	struct wire_array array;

	memcpy(&array, at, sizeof(array)); /* each WIRE_ARRAY is a type of its own */
	return array;
}

static void encode_field(const struct encoder *e, const struct wire_field *f, const void *at)
{
	struct wire_array array;
	size_t size;

	if (!f->is_array) {
		encode_value(e, f, at);
		return;
	}
	array = load_array(at);
	size = wire_value_size(f);
	encode_length(e, f, 4, array.count);
	for (int32_t i = 0; i < array.count; i++)
		encode_value(e, f, (const char *)array.items + (size_t)i * size);
}

static bool struct_is_missing(const struct wire_schema *schema, int16_t version,
			      const char *message);

static bool bytes_are_missing(const struct wire_field *f, const void *data, int32_t size)
{
	return f->is_nullable ? !data : size == 0;
}

static bool value_is_missing(const struct wire_field *f, int16_t version, const void *at)
{
	const struct wire_string *string = at;
	const struct wire_bytes *blob = at;
	const struct wire_records *records = at;

	switch (f->type) {
	case WIRE_BOOL:
		return *(const bool *)at == (f->missing != 0);
	case WIRE_INT8:
		return *(const int8_t *)at == f->missing;
	case WIRE_INT16:
		return *(const int16_t *)at == f->missing;
	case WIRE_UINT16:
		return *(const uint16_t *)at == f->missing;
	case WIRE_INT32:
		return *(const int32_t *)at == f->missing;
	case WIRE_INT64:
		return *(const int64_t *)at == f->missing;
	case WIRE_UUID:
		return uuid_is_zero(*(const struct uuid *)at);
	case WIRE_STRING:
		return bytes_are_missing(f, string->data, string->size);
	case WIRE_BYTES:
		return bytes_are_missing(f, blob->data, blob->size);
	case WIRE_RECORDS:
		return bytes_are_missing(f, records->data, records->size);
	case WIRE_STRUCT:
		return struct_is_missing(f->element, version, at);
	}
	return false;
}

static bool field_is_missing(const struct wire_field *f, int16_t version, const void *at)
{
	if (!f->is_array)
		return value_is_missing(f, version, at);
	return load_array(at).count <= (f->is_nullable ? -1 : 0);
}

static bool struct_is_missing(const struct wire_schema *schema, int16_t version,
			      const char *message)
{
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct wire_field *f = &schema->fields[i];

		if (wire_field_is_in(f, version) &&
		    !field_is_missing(f, version, message + f->offset))
			return false;
	}
	return true;
}

/* Writes, in front of everything from `start` on, how many bytes that is. */
static void insert_size(struct buffer *bytes, size_t start)
{
	size_t size = bytes->size - start;
	size_t width = bytes_uvarlong_size(size);
	uint8_t *at;

	buffer_reserve(bytes, width);
	at = bytes->data + start;
	memmove(at + width, at, size);
	bytes_store_uvarlong(at, size);
	bytes->size += width;
}

static bool is_tag_to_encode(const struct encoder *e, const struct wire_field *f,
			     const char *message)
{
	return f->is_tagged && wire_field_is_in(f, e->version) &&
	       !field_is_missing(f, e->version, message + f->offset);
}

static void encode_tags(const struct encoder *e, const struct wire_schema *schema, uint32_t count,
			const char *message)
{
	struct buffer *bytes = &e->out->bytes;

	buffer_put_uvarint(bytes, count);
	for (size_t i = 0; i < schema->field_count && count > 0; i++) {
		const struct wire_field *f = &schema->fields[i];
		size_t splices = e->out->splice_count;
		size_t start;

		if (!is_tag_to_encode(e, f, message))
			continue;
		buffer_put_uvarint(bytes, (uint64_t)f->tag);
		start = bytes->size;
		encode_field(e, f, message + f->offset);
		assert(e->out->splice_count == splices);
		insert_size(bytes, start);
		count--;
	}
}

static void encode_struct(const struct encoder *e, const struct wire_schema *schema,
			  const void *message)
{
	const char *base = message;
	uint32_t tags = 0;

	for (size_t i = 0; i < schema->field_count; i++) {
		const struct wire_field *f = &schema->fields[i];

		if (f->is_tagged)
			tags += is_tag_to_encode(e, f, base);
		else if (wire_field_is_in(f, e->version))
			encode_field(e, f, base + f->offset);
	}
	if (e->flexible)
		encode_tags(e, schema, tags, base);
}

void wire_encode(const struct wire_schema *schema, int16_t version, bool flexible,
		 const void *message, struct wire_output *out)
{
	struct encoder e = {.out = out, .version = version, .flexible = flexible};

	encode_struct(&e, schema, message);
}
