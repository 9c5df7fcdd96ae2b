/* Record batches, format 2 (KIP-98): what producers send, logs hold and consumers get.
 *
 *  offset size  field                     offset size  field
 *       0    8  base offset                   27    8  base timestamp, ms
 *       8    4  length of all that follows    35    8  max timestamp, ms
 *      12    4  partition leader epoch        43    8  producer id
 *      16    1  magic = 2                     51    2  producer epoch
 *      17    4  CRC-32C of all from 21 on     53    4  base sequence
 *      21    2  attributes                    57    4  number of records
 *      23    4  last offset delta             61       records
 *
 * Base offset and leader epoch lie before the checksummed part, so that a leader sets them in
 * place. */
#pragma once

#include "base/buffer.h"

enum {
	BATCH_HEADER_BYTES = 61,
	BATCH_LENGTH_BEFORE = 12, /* bytes that the length field does not count */
	BATCH_MAGIC = 2,
};

enum batch_attributes {
	BATCH_CODEC_MASK = 7, /* 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd */
	BATCH_CODEC_LAST = 4,
	BATCH_LOG_APPEND_TIME = 8,
	BATCH_TRANSACTIONAL = 16,
	BATCH_CONTROL = 32,
	BATCH_DELETE_HORIZON = 64, /* the cleaner's: base timestamp is when markers may go */
};

struct batch {
	const uint8_t *bytes; /* the whole batch, header first */
	int32_t size_bytes;   /* of it: length + 12 */
	int64_t base_offset;
	int32_t leader_epoch;
	int16_t attributes;
	int32_t last_offset_delta;
	int64_t base_timestamp_ms, max_timestamp_ms;
	int64_t producer_id; /* -1: none */
	int16_t producer_epoch;
	int32_t base_sequence;
	int32_t record_count;
};

static inline int64_t batch_last_offset(const struct batch *b)
{
	return b->base_offset + b->last_offset_delta;
}

enum batch_result {
	BATCH_OK = 1,
	BATCH_END = 0,       /* nothing is left */
	BATCH_PARTIAL = -1,  /* begins here and is cut off: more bytes are needed */
	BATCH_CORRUPT = -2,  /* lengths, magic, counts or checksum are wrong */
	BATCH_INVALID = -3,  /* sound, but no client may say it (batch_next_produced only) */
};

/* Takes the next batch off the reader: header fields, lengths, magic and CRC checked. On anything
 * but BATCH_OK the reader has not moved. */
enum batch_result batch_next(struct reader *in, struct batch *ret_batch);

/* Header and lengths only, no CRC, and the records need not be there: for scanning a log by its
 * headers. `size` bytes are at hand, at least BATCH_HEADER_BYTES are needed. */
enum batch_result batch_peek(const void *bytes, size_t size, struct batch *ret_batch);

/* As batch_next(), with everything that a client's batch must satisfy before offsets are assigned:
 * records counted as last offset delta + 1 and at least one, a known codec, no control batch,
 * timestamps and producer fields that go together. As tolerant as Kafka otherwise: without a
 * producer id its epoch and sequence may be anything, and max_timestamp_ms may be -1. The base
 * offset that a client chose is not looked at; ret_batch->base_offset is 0. */
enum batch_result batch_next_produced(struct reader *in, struct batch *ret_batch);

/* Sets base offset and leader epoch in place: outside the checksum. */
void batch_assign(uint8_t *bytes, int64_t base_offset, int32_t leader_epoch);

/* ---- writing: metadata, control records, tests ---- */

struct batch_builder {
	struct buffer *out;
	size_t start; /* of the batch in out */
	struct batch header;
};

/* Begins a batch at the end of out. Set builder->header's attributes, producer fields or leader
 * epoch after it, before the end, where the defaults (none, -1) do not fit. */
void batch_begin(struct batch_builder *builder, struct buffer *out, int64_t base_offset,
		 int64_t timestamp_ms);
/* key or value NULL is null. */
void batch_add(struct batch_builder *builder, const void *key, int32_t key_size, const void *value,
	       int32_t value_size);
/* Fills the header in and seals it with the CRC; at least one record must have been added. Returns
 * the batch's size in bytes. */
int32_t batch_end(struct batch_builder *builder);

/* ---- reading the records of an uncompressed batch ---- */

struct batch_record {
	int64_t offset, timestamp_ms;
	const uint8_t *key, *value; /* NULL is null */
	int32_t key_size, value_size;
};

/* A reader over the batch's records. Those of a compressed batch are none that we can read: the
 * reader has failed, and batch_next_record() says BATCH_CORRUPT. */
struct reader batch_records(const struct batch *batch);

/* Takes the next record off the reader. Returns BATCH_OK, BATCH_END or BATCH_CORRUPT; that there
 * are record_count of them is for the caller to check. Headers are skipped. */
enum batch_result batch_next_record(const struct batch *batch, struct reader *records,
				    struct batch_record *ret_record);
