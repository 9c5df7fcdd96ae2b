/* Owns the growth of byte buffers: doubling from 64 bytes, so n appends cost O(n). */
#include "base/buffer.h"

#include "base/mem.h"

enum { BUFFER_FIRST_CAPACITY = 64, VARLONG_MOST_BYTES = 10 };

void buffer_done(struct buffer *b)
{
	mem_free(b->data);
	*b = (struct buffer){0};
}

uint8_t *buffer_reserve(struct buffer *b, size_t more)
{
	size_t capacity = b->capacity ? b->capacity : BUFFER_FIRST_CAPACITY;

	while (capacity - b->size < more)
		capacity *= 2;
	if (capacity != b->capacity) {
		b->data = mem_resize(b->data, capacity);
		b->capacity = capacity;
	}
	return b->data + b->size;
}

void buffer_consume(struct buffer *b, size_t count)
{
	if (count < b->size)
		memmove(b->data, b->data + count, b->size - count);
	b->size -= count;
}

void buffer_put(struct buffer *b, const void *bytes, size_t size)
{
	uint8_t *at = buffer_reserve(b, size);

	if (size)
		memcpy(at, bytes, size);
	b->size += size;
}

void buffer_put_i8(struct buffer *b, int8_t value)
{
	*buffer_reserve(b, 1) = (uint8_t)value;
	b->size += 1;
}

void buffer_put_i16(struct buffer *b, int16_t value)
{
	bytes_store_u16(buffer_reserve(b, 2), (uint16_t)value);
	b->size += 2;
}

void buffer_put_i32(struct buffer *b, int32_t value)
{
	bytes_store_u32(buffer_reserve(b, 4), (uint32_t)value);
	b->size += 4;
}

void buffer_put_i64(struct buffer *b, int64_t value)
{
	bytes_store_u64(buffer_reserve(b, 8), (uint64_t)value);
	b->size += 8;
}

void buffer_put_uvarint(struct buffer *b, uint64_t value)
{
	b->size += bytes_store_uvarlong(buffer_reserve(b, VARLONG_MOST_BYTES), value);
}

void buffer_put_varint(struct buffer *b, int64_t value)
{
	b->size += bytes_store_varlong(buffer_reserve(b, VARLONG_MOST_BYTES), value);
}
