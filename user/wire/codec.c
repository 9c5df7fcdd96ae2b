/* Owns what a field holds when the wire does not say: its `missing` value. The walks over tables
 * are in codec_decode.c and codec_encode.c, headers and sizes of frames in frame.c. */
#include "wire/codec_int.h"

static const uint8_t nothing[1]; /* an empty value is not null: it points somewhere */

static void init_array(const struct wire_field *f, void *at)
{
	struct wire_array array = {.count = f->is_nullable ? -1 : 0};

	memcpy(at, &array, sizeof(array)); /* each WIRE_ARRAY is a type of its own */
}

static void init_value(const struct wire_field *f, void *at)
{
	const uint8_t *data = f->is_nullable ? NULL : nothing;

	switch (f->type) {
	case WIRE_BOOL:
		*(bool *)at = f->missing != 0;
		break;
	case WIRE_INT8:
		*(int8_t *)at = (int8_t)f->missing;
		break;
	case WIRE_INT16:
		*(int16_t *)at = (int16_t)f->missing;
		break;
	case WIRE_UINT16:
		*(uint16_t *)at = (uint16_t)f->missing;
		break;
	case WIRE_INT32:
		*(int32_t *)at = (int32_t)f->missing;
		break;
	case WIRE_INT64:
		*(int64_t *)at = f->missing;
		break;
	case WIRE_UUID:
		*(struct uuid *)at = (struct uuid){0};
		break;
	case WIRE_STRING:
		*(struct wire_string *)at = (struct wire_string){.data = (const char *)data};
		break;
	case WIRE_BYTES:
		*(struct wire_bytes *)at = (struct wire_bytes){.data = data};
		break;
	case WIRE_RECORDS:
		*(struct wire_records *)at = (struct wire_records){.data = data};
		break;
	case WIRE_STRUCT:
		wire_init(f->element, at);
		break;
	}
}

void wire_init_field(const struct wire_field *f, void *at)
{
	if (f->is_array)
		init_array(f, at);
	else
		init_value(f, at);
}

void wire_init(const struct wire_schema *schema, void *message)
{
	memset(message, 0, schema->size);
	for (size_t i = 0; i < schema->field_count; i++)
		wire_init_field(&schema->fields[i], (char *)message + schema->fields[i].offset);
}

size_t wire_value_size(const struct wire_field *f)
{
	static const size_t sizes[] = {
		[WIRE_BOOL] = sizeof(bool),
		[WIRE_INT8] = sizeof(int8_t),
		[WIRE_INT16] = sizeof(int16_t),
		[WIRE_UINT16] = sizeof(uint16_t),
		[WIRE_INT32] = sizeof(int32_t),
		[WIRE_INT64] = sizeof(int64_t),
		[WIRE_UUID] = sizeof(struct uuid),
		[WIRE_STRING] = sizeof(struct wire_string),
		[WIRE_BYTES] = sizeof(struct wire_bytes),
		[WIRE_RECORDS] = sizeof(struct wire_records),
	};

	return f->type == WIRE_STRUCT ? f->element->size : sizes[f->type];
}

bool wire_string_equal(struct wire_string a, struct wire_string b)
{
	if (!a.data || !b.data)
		return !a.data && !b.data;
	return a.size == b.size && memcmp(a.data, b.data, (size_t)a.size) == 0;
}

struct wire_string wire_string_of(const char *text)
{
	return (struct wire_string){.data = text, .size = text ? (int32_t)strlen(text) : 0};
}
