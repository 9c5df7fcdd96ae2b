/* Big-endian numbers and varints in memory, and the bounded reader that every parser uses.
 *
 * A reader has a sticky failure flag: after the first read past its end every further read gives
 * zero, so a parser reads a whole structure and checks `failed` once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_load_u16(const void *at)
{
	const uint8_t *b = at;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t bytes_load_u32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return __builtin_bswap32(value);
}

static inline uint64_t bytes_load_u64(const void *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return __builtin_bswap64(value);
}

static inline void bytes_store_u16(void *at, uint16_t value)
{
	value = __builtin_bswap16(value);
	memcpy(at, &value, sizeof(value));
}

static inline void bytes_store_u32(void *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, sizeof(value));
}

static inline void bytes_store_u64(void *at, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(at, &value, sizeof(value));
}

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline struct reader reader_of(const void *bytes, size_t size)
{
	return (struct reader){.at = bytes, .end = (const uint8_t *)bytes + size};
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

/* The next size bytes, or NULL (and failed) when fewer are left. Zero bytes are never NULL unless
 * the reader has failed. */
static inline const uint8_t *reader_take(struct reader *r, size_t size)
{
	const uint8_t *at = r->at;

	if (r->failed || size > reader_left(r)) {
		r->failed = true;
		return NULL;
	}
	r->at += size;
	return at;
}

int8_t reader_i8(struct reader *r);
int16_t reader_i16(struct reader *r);
int32_t reader_i32(struct reader *r);
int64_t reader_i64(struct reader *r);
/* Unsigned LEB128 of at most 5 or 10 bytes (Kafka's UNSIGNED_VARINT), and zigzag ones. */
uint32_t reader_uvarint(struct reader *r);
uint64_t reader_uvarlong(struct reader *r);
int32_t reader_varint(struct reader *r);
int64_t reader_varlong(struct reader *r);

/* Encodes value at `at` (room for 10 bytes) and returns how many bytes it took. */
size_t bytes_store_uvarlong(uint8_t *at, uint64_t value);
size_t bytes_store_varlong(uint8_t *at, int64_t value);
/* How many bytes those would take. */
size_t bytes_uvarlong_size(uint64_t value);
size_t bytes_varlong_size(int64_t value);
