/* A growable run of bytes, and big-endian writing at its end. A zeroed struct is an empty buffer.
 */
#pragma once

#include "base/bytes.h"

struct buffer {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

void buffer_done(struct buffer *b);

/* Makes room for `more` bytes past the end and returns where they go; size is unchanged. */
uint8_t *buffer_reserve(struct buffer *b, size_t more);

/* Drops the first `count` bytes. */
void buffer_consume(struct buffer *b, size_t count);

void buffer_put(struct buffer *b, const void *bytes, size_t size);
void buffer_put_i8(struct buffer *b, int8_t value);
void buffer_put_i16(struct buffer *b, int16_t value);
void buffer_put_i32(struct buffer *b, int32_t value);
void buffer_put_i64(struct buffer *b, int64_t value);
void buffer_put_uvarint(struct buffer *b, uint64_t value);
void buffer_put_varint(struct buffer *b, int64_t value);
