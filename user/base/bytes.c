/* Owns the decoding of single numbers; leaves structure to wire/ and the file formats. */
#include "base/bytes.h"

int8_t reader_i8(struct reader *r)
{
	const uint8_t *at = reader_take(r, 1);

	return at ? (int8_t)*at : 0;
}

int16_t reader_i16(struct reader *r)
{
	const uint8_t *at = reader_take(r, 2);

	return at ? (int16_t)bytes_load_u16(at) : 0;
}

int32_t reader_i32(struct reader *r)
{
	const uint8_t *at = reader_take(r, 4);

	return at ? (int32_t)bytes_load_u32(at) : 0;
}

int64_t reader_i64(struct reader *r)
{
	const uint8_t *at = reader_take(r, 8);

	return at ? (int64_t)bytes_load_u64(at) : 0;
}

/* Reads LEB128 of at most limit_bits bits; longer or cut encodings fail. */
static uint64_t reader_leb128(struct reader *r, unsigned limit_bits)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < limit_bits; shift += 7) {
		const uint8_t *at = reader_take(r, 1);

		if (!at)
			return 0;
		value |= (uint64_t)(*at & 0x7f) << shift;
		if (!(*at & 0x80)) {
			if (limit_bits == 32 && value > UINT32_MAX)
				break;
			return value;
		}
	}
	r->failed = true;
	return 0;
}

uint32_t reader_uvarint(struct reader *r)
{
	return (uint32_t)reader_leb128(r, 32);
}

uint64_t reader_uvarlong(struct reader *r)
{
	return reader_leb128(r, 64);
}

int32_t reader_varint(struct reader *r)
{
	uint32_t value = reader_uvarint(r);

	return (int32_t)(value >> 1) ^ -(int32_t)(value & 1);
}

int64_t reader_varlong(struct reader *r)
{
	uint64_t value = reader_uvarlong(r);

	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

size_t bytes_store_uvarlong(uint8_t *at, uint64_t value)
{
	size_t size = 0;

	while (value >= 0x80) {
		at[size++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	at[size++] = (uint8_t)value;
	return size;
}

static uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

size_t bytes_store_varlong(uint8_t *at, int64_t value)
{
	return bytes_store_uvarlong(at, zigzag(value));
}

size_t bytes_uvarlong_size(uint64_t value)
{
	size_t size = 1;

	for (; value >= 0x80; value >>= 7)
		size++;
	return size;
}

size_t bytes_varlong_size(int64_t value)
{
	return bytes_uvarlong_size(zigzag(value));
}
