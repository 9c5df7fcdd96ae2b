/* Owns the record batch format; batch.h has its table.
 *
 * Invariants:
 *  1. A struct batch is given out only when its lengths fit, its counts are not negative and no
 *     offset in it overflows; from batch_next() and batch_next_produced() also its checksum holds.
 *  2. A reader moves past whole batches and whole records only.
 * Compressed records stay closed here: a broker only needs the header. */
#include "wire/batch.h"

#include "base/crc32c.h"

#include <assert.h>

enum batch_places {
	AT_BASE_OFFSET = 0,
	AT_LENGTH = 8,
	AT_LEADER_EPOCH = 12,
	AT_MAGIC = 16,
	AT_CRC = 17,
	AT_ATTRIBUTES = 21, /* the checksum covers all from here on */
	AT_LAST_OFFSET_DELTA = 23,
	AT_BASE_TIMESTAMP = 27,
	AT_MAX_TIMESTAMP = 35,
	AT_PRODUCER_ID = 43,
	AT_PRODUCER_EPOCH = 51,
	AT_BASE_SEQUENCE = 53,
	AT_RECORD_COUNT = 57,
};

_Static_assert(AT_RECORD_COUNT + 4 == BATCH_HEADER_BYTES, "the records follow the count");
_Static_assert(AT_LENGTH + 4 == BATCH_LENGTH_BEFORE, "the length counts what follows it");

enum { LEAST_LENGTH = BATCH_HEADER_BYTES - BATCH_LENGTH_BEFORE };

static struct batch load_header(const uint8_t *b)
{
	return (struct batch){
		.bytes = b,
		.size_bytes = (int32_t)bytes_load_u32(b + AT_LENGTH) + BATCH_LENGTH_BEFORE,
		.base_offset = (int64_t)bytes_load_u64(b + AT_BASE_OFFSET),
		.leader_epoch = (int32_t)bytes_load_u32(b + AT_LEADER_EPOCH),
		.attributes = (int16_t)bytes_load_u16(b + AT_ATTRIBUTES),
		.last_offset_delta = (int32_t)bytes_load_u32(b + AT_LAST_OFFSET_DELTA),
		.base_timestamp_ms = (int64_t)bytes_load_u64(b + AT_BASE_TIMESTAMP),
		.max_timestamp_ms = (int64_t)bytes_load_u64(b + AT_MAX_TIMESTAMP),
		.producer_id = (int64_t)bytes_load_u64(b + AT_PRODUCER_ID),
		.producer_epoch = (int16_t)bytes_load_u16(b + AT_PRODUCER_EPOCH),
		.base_sequence = (int32_t)bytes_load_u32(b + AT_BASE_SEQUENCE),
		.record_count = (int32_t)bytes_load_u32(b + AT_RECORD_COUNT),
	};
}

/* Is the length believable? What is cut off before its length or magic cannot be wrong yet. */
static enum batch_result peek_length(const uint8_t *bytes, size_t size)
{
	int32_t length;

	if (size == 0)
		return BATCH_END;
	if (size < BATCH_LENGTH_BEFORE)
		return BATCH_PARTIAL;
	length = (int32_t)bytes_load_u32(bytes + AT_LENGTH);
	if (length < LEAST_LENGTH || length > INT32_MAX - BATCH_LENGTH_BEFORE)
		return BATCH_CORRUPT;
	if (size > AT_MAGIC && bytes[AT_MAGIC] != BATCH_MAGIC)
		return BATCH_CORRUPT;
	return size < BATCH_HEADER_BYTES ? BATCH_PARTIAL : BATCH_OK;
}

/* Base offset: outside the checksum, and a client's means nothing. */
static bool offsets_are_possible(const struct batch *b)
{
	return b->base_offset >= 0 && b->base_offset < INT64_MAX - b->last_offset_delta;
}

static enum batch_result peek(const uint8_t *bytes, size_t size, struct batch *ret_batch)
{
	enum batch_result result = peek_length(bytes, size);
	struct batch batch;

	if (result != BATCH_OK)
		return result;
	batch = load_header(bytes);
	/* A cleaner may leave a batch without records, which keeps its last sequence. */
	if (batch.last_offset_delta < 0 || batch.record_count < 0)
		return BATCH_CORRUPT;
	*ret_batch = batch;
	return BATCH_OK;
}

enum batch_result batch_peek(const void *bytes, size_t size, struct batch *ret_batch)
{
	struct batch batch;
	enum batch_result result = peek(bytes, size, &batch);

	if (result == BATCH_OK && !offsets_are_possible(&batch))
		result = BATCH_CORRUPT;
	if (result == BATCH_OK)
		*ret_batch = batch;
	return result;
}

static bool crc_holds(const struct batch *b)
{
	return bytes_load_u32(b->bytes + AT_CRC) ==
	       crc32c(0, b->bytes + AT_ATTRIBUTES, (size_t)b->size_bytes - AT_ATTRIBUTES);
}

/* The batch in front of the reader, whole and sound but for its base offset. */
static enum batch_result next_sound(const struct reader *in, struct batch *ret_batch)
{
	enum batch_result result = peek(in->at, reader_left(in), ret_batch);

	if (result != BATCH_OK)
		return result;
	if ((size_t)ret_batch->size_bytes > reader_left(in))
		return BATCH_PARTIAL;
	return crc_holds(ret_batch) ? BATCH_OK : BATCH_CORRUPT;
}

enum batch_result batch_next(struct reader *in, struct batch *ret_batch)
{
	struct batch batch;
	enum batch_result result = next_sound(in, &batch);

	if (result == BATCH_OK && !offsets_are_possible(&batch))
		result = BATCH_CORRUPT;
	if (result != BATCH_OK)
		return result;
	in->at += batch.size_bytes;
	*ret_batch = batch;
	return BATCH_OK;
}

/* Without a producer id the other two mean nothing: kafkajs sends 0 there, librdkafka and Java -1,
 * sarama a mixture, and Kafka does not look. */
static bool producer_is_possible(const struct batch *b)
{
	if (b->producer_id < 0)
		return b->producer_id == -1 && !(b->attributes & BATCH_TRANSACTIONAL);
	return b->producer_epoch >= 0 && b->base_sequence >= 0;
}

/* A maximum of -1 beside real timestamps is what clients send that do not count it. The delete
 * horizon turns the base timestamp into something else; only the cleaner sets it. */
static bool timestamps_are_possible(const struct batch *b)
{
	static const int16_t brokers_own = BATCH_LOG_APPEND_TIME | BATCH_DELETE_HORIZON;

	return !(b->attributes & brokers_own) && b->base_timestamp_ms >= -1 &&
	       (b->max_timestamp_ms == -1 || b->max_timestamp_ms >= b->base_timestamp_ms);
}

enum batch_result batch_next_produced(struct reader *in, struct batch *ret_batch)
{
	struct batch batch;
	enum batch_result result = next_sound(in, &batch);

	if (result != BATCH_OK)
		return result;
	/* The delta is not negative: there is at least one record. */
	if (batch.record_count - 1 != batch.last_offset_delta ||
	    (batch.attributes & BATCH_CODEC_MASK) > BATCH_CODEC_LAST ||
	    (batch.attributes & BATCH_CONTROL) || !producer_is_possible(&batch) ||
	    !timestamps_are_possible(&batch))
		return BATCH_INVALID;
	batch.base_offset = 0;
	in->at += batch.size_bytes;
	*ret_batch = batch;
	return BATCH_OK;
}

void batch_assign(uint8_t *bytes, int64_t base_offset, int32_t leader_epoch)
{
	bytes_store_u64(bytes + AT_BASE_OFFSET, (uint64_t)base_offset);
	bytes_store_u32(bytes + AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

/* ---- writing ---- */

void batch_begin(struct batch_builder *builder, struct buffer *out, int64_t base_offset,
		 int64_t timestamp_ms)
{
	*builder = (struct batch_builder){
		.out = out,
		.start = out->size,
		.header = {
			.base_offset = base_offset,
			.leader_epoch = -1,
			.base_timestamp_ms = timestamp_ms,
			.max_timestamp_ms = timestamp_ms,
			.producer_id = -1,
			.producer_epoch = -1,
			.base_sequence = -1,
		},
	};
	memset(buffer_reserve(out, BATCH_HEADER_BYTES), 0, BATCH_HEADER_BYTES);
	out->size += BATCH_HEADER_BYTES;
}

static size_t piece_size(const void *piece, int32_t size)
{
	return bytes_varlong_size(piece ? size : -1) + (piece ? (size_t)size : 0);
}

static void put_piece(struct buffer *out, const void *piece, int32_t size)
{
	buffer_put_varint(out, piece ? size : -1);
	if (piece)
		buffer_put(out, piece, (size_t)size);
}

/* A record: length, attributes 0, timestamp delta 0, offset delta, key, value, no headers. */
void batch_add(struct batch_builder *builder, const void *key, int32_t key_size, const void *value,
	       int32_t value_size)
{
	int32_t offset_delta = builder->header.record_count++;
	struct buffer *out = builder->out;
	size_t size = 1 + 1 + bytes_varlong_size(offset_delta) + piece_size(key, key_size) +
		      piece_size(value, value_size) + 1;

	buffer_put_varint(out, (int64_t)size);
	buffer_put_i8(out, 0);
	buffer_put_varint(out, 0);
	buffer_put_varint(out, offset_delta);
	put_piece(out, key, key_size);
	put_piece(out, value, value_size);
	buffer_put_varint(out, 0);
}

int32_t batch_end(struct batch_builder *builder)
{
	const struct batch *h = &builder->header;
	uint8_t *at = builder->out->data + builder->start;
	size_t size = builder->out->size - builder->start;

	assert(h->record_count > 0 && size <= INT32_MAX);
	batch_assign(at, h->base_offset, h->leader_epoch);
	bytes_store_u32(at + AT_LENGTH, (uint32_t)(size - BATCH_LENGTH_BEFORE));
	at[AT_MAGIC] = BATCH_MAGIC;
	bytes_store_u16(at + AT_ATTRIBUTES, (uint16_t)h->attributes);
	bytes_store_u32(at + AT_LAST_OFFSET_DELTA, (uint32_t)h->record_count - 1);
	bytes_store_u64(at + AT_BASE_TIMESTAMP, (uint64_t)h->base_timestamp_ms);
	bytes_store_u64(at + AT_MAX_TIMESTAMP, (uint64_t)h->max_timestamp_ms);
	bytes_store_u64(at + AT_PRODUCER_ID, (uint64_t)h->producer_id);
	bytes_store_u16(at + AT_PRODUCER_EPOCH, (uint16_t)h->producer_epoch);
	bytes_store_u32(at + AT_BASE_SEQUENCE, (uint32_t)h->base_sequence);
	bytes_store_u32(at + AT_RECORD_COUNT, (uint32_t)h->record_count);
	bytes_store_u32(at + AT_CRC, crc32c(0, at + AT_ATTRIBUTES, size - AT_ATTRIBUTES));
	return (int32_t)size;
}

/* ---- reading records ---- */

struct reader batch_records(const struct batch *batch)
{
	struct reader records = reader_of(batch->bytes + BATCH_HEADER_BYTES,
					  (size_t)batch->size_bytes - BATCH_HEADER_BYTES);

	records.failed = (batch->attributes & BATCH_CODEC_MASK) != 0;
	return records;
}

/* Key or value, or a header's: length (-1 is null), bytes. */
static const uint8_t *read_piece(struct reader *r, int32_t *ret_size)
{
	int32_t size = reader_varint(r);

	*ret_size = size < 0 ? 0 : size;
	if (size < -1)
		r->failed = true;
	return size < 0 ? NULL : reader_take(r, (size_t)size);
}

static void skip_headers(struct reader *r)
{
	int32_t count = reader_varint(r);
	int32_t size;

	if (count < 0)
		r->failed = true;
	for (; count > 0 && !r->failed; count--) {
		if (!read_piece(r, &size)) /* a header's key is never null */
			r->failed = true;
		read_piece(r, &size);
	}
}

static int64_t record_timestamp(const struct batch *batch, int64_t delta_ms)
{
	if (batch->attributes & BATCH_LOG_APPEND_TIME)
		return batch->max_timestamp_ms;
	/* Wraps instead of overflowing: a client chose both numbers. */
	return (int64_t)((uint64_t)batch->base_timestamp_ms + (uint64_t)delta_ms);
}

enum batch_result batch_next_record(const struct batch *batch, struct reader *records,
				    struct batch_record *ret_record)
{
	struct reader r = *records;
	struct reader body = {0};
	struct batch_record record;
	int64_t timestamp_delta_ms;
	int32_t size, offset_delta;

	if (!r.failed && reader_left(&r) == 0)
		return BATCH_END;
	size = reader_varint(&r);
	if (size > 0)
		body.at = reader_take(&r, (size_t)size);
	if (!body.at)
		return BATCH_CORRUPT;
	body.end = body.at + size;
	reader_i8(&body); /* attributes: none are defined */
	timestamp_delta_ms = reader_varlong(&body);
	offset_delta = reader_varint(&body);
	record.key = read_piece(&body, &record.key_size);
	record.value = read_piece(&body, &record.value_size);
	skip_headers(&body);
	if (body.failed || reader_left(&body) > 0 || offset_delta < 0 ||
	    offset_delta > batch->last_offset_delta)
		return BATCH_CORRUPT;
	record.offset = batch->base_offset + offset_delta;
	record.timestamp_ms = record_timestamp(batch, timestamp_delta_ms);
	*ret_record = record;
	*records = r;
	return BATCH_OK;
}
