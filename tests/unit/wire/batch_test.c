/* Record batches: written, read, broken in every way that a wire or a disk breaks them. */
#include "wire/batch.h"

#include "base/crc32c.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { AT_CRC = 17, AT_CHECKED = 21 };

static void build(struct buffer *out, int64_t base_offset, int records)
{
	struct batch_builder builder;

	batch_begin(&builder, out, base_offset, 1700000000000);
	for (int i = 0; i < records; i++)
		batch_add(&builder, i % 2 ? "key" : NULL, 3, i % 3 ? "value" : NULL, 5);
	batch_end(&builder);
}

/* One batch of 70 records, so that varints of one and of two bytes occur. */
static struct buffer good_batch(void)
{
	struct buffer b = {0};

	build(&b, 1000, 70);
	return b;
}

static void reseal(struct buffer *b)
{
	bytes_store_u32(b->data + AT_CRC, crc32c(0, b->data + AT_CHECKED, b->size - AT_CHECKED));
}

/* From memory that ends with the batch, so that a sanitizer sees a read past it. */
static enum batch_result next_of_copy(const uint8_t *bytes, size_t size, struct batch *ret_batch)
{
	uint8_t *copy = mem_resize(NULL, size + 1);
	struct reader in = reader_of(copy + 1, size);
	enum batch_result result;

	memcpy(copy + 1, bytes, size);
	result = batch_next(&in, ret_batch);
	if (result != BATCH_OK)
		assert_int_equal(reader_left(&in), size); /* the reader has not moved */
	mem_free(copy);
	return result;
}

static void what_is_built_is_read(void **state)
{
	struct buffer b = good_batch();
	struct reader in = reader_of(b.data, b.size), records;
	struct batch batch;
	struct batch_record r;

	(void)state;
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	assert_int_equal(batch.size_bytes, b.size);
	assert_int_equal(batch.base_offset, 1000);
	assert_int_equal(batch_last_offset(&batch), 1069);
	assert_int_equal(batch.leader_epoch, -1);
	assert_int_equal(batch.producer_id, -1);
	assert_int_equal(batch.record_count, 70);
	records = batch_records(&batch);
	for (int i = 0; i < 70; i++) {
		assert_int_equal(batch_next_record(&batch, &records, &r), BATCH_OK);
		assert_int_equal(r.offset, 1000 + i);
		assert_int_equal(r.timestamp_ms, 1700000000000);
		assert_int_equal(r.key != NULL, i % 2);
		assert_int_equal(r.value != NULL, i % 3 != 0);
		if (r.value) {
			assert_int_equal(r.value_size, 5);
			assert_memory_equal(r.value, "value", 5);
		}
	}
	assert_int_equal(batch_next_record(&batch, &records, &r), BATCH_END);
	assert_int_equal(batch_next(&in, &batch), BATCH_END);
	buffer_done(&b);
}

static void two_in_a_row_are_read_in_a_row(void **state)
{
	struct buffer b = {0};
	struct batch batch;
	struct reader in;

	(void)state;
	build(&b, 5, 3);
	build(&b, 8, 1);
	in = reader_of(b.data, b.size - 1);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	assert_int_equal(batch_last_offset(&batch), 7);
	assert_int_equal(batch_next(&in, &batch), BATCH_PARTIAL);
	in.end++;
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	assert_int_equal(batch.base_offset, 8);
	assert_int_equal(batch_next(&in, &batch), BATCH_END);
	buffer_done(&b);
}

static void a_cut_batch_is_partial_and_never_read_past_its_end(void **state)
{
	struct buffer b = good_batch();
	struct batch batch;

	(void)state;
	assert_int_equal(next_of_copy(b.data, 0, &batch), BATCH_END);
	for (size_t size = 1; size < b.size; size++) {
		assert_int_equal(next_of_copy(b.data, size, &batch), BATCH_PARTIAL);
		assert_int_equal(batch_peek(b.data, size, &batch),
				 size < BATCH_HEADER_BYTES ? BATCH_PARTIAL : BATCH_OK);
	}
	buffer_done(&b);
}

/* Base offset and leader epoch are outside the checksum: they may read as something else. */
static bool is_outside_the_checksum(size_t byte)
{
	return byte < 8 || (byte >= 12 && byte < 16);
}

static void a_flipped_bit_is_never_a_good_batch(void **state)
{
	struct buffer b = good_batch();
	struct batch batch;

	(void)state;
	for (size_t bit = 0; bit < b.size * 8; bit++) {
		enum batch_result result;

		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		result = next_of_copy(b.data, b.size, &batch);
		if (bit == 7) /* the sign of the base offset */
			assert_int_equal(result, BATCH_CORRUPT);
		else if (is_outside_the_checksum(bit / 8))
			assert_int_equal(result, BATCH_OK);
		else if (bit / 8 < 12) /* the length, which may ask for more */
			assert_true(result == BATCH_CORRUPT || result == BATCH_PARTIAL);
		else
			assert_int_equal(result, BATCH_CORRUPT);
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(next_of_copy(b.data, b.size, &batch), BATCH_OK);
	buffer_done(&b);
}

static void lengths_that_cannot_be_are_corrupt(void **state)
{
	static const uint32_t lengths[] = {0, 48, 0x7fffffff, 0x7ffffff4, 0x80000000, 0xffffffff};
	struct buffer b = good_batch();
	struct batch batch;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		bytes_store_u32(b.data + 8, lengths[i]);
		assert_int_equal(next_of_copy(b.data, b.size, &batch), BATCH_CORRUPT);
		assert_int_equal(batch_peek(b.data, b.size, &batch), BATCH_CORRUPT);
	}
	bytes_store_u32(b.data + 8, 0x7ffffff3);
	assert_int_equal(next_of_copy(b.data, b.size, &batch), BATCH_PARTIAL);
	buffer_done(&b);
}

static void offsets_that_would_overflow_are_corrupt(void **state)
{
	struct buffer b = good_batch();
	struct batch batch;

	(void)state;
	batch_assign(b.data, INT64_MAX - 69, 1);
	assert_int_equal(next_of_copy(b.data, b.size, &batch), BATCH_CORRUPT);
	assert_int_equal(batch_peek(b.data, b.size, &batch), BATCH_CORRUPT);
	batch_assign(b.data, INT64_MAX - 70, 1);
	assert_int_equal(next_of_copy(b.data, b.size, &batch), BATCH_OK);
	assert_int_equal(batch_last_offset(&batch) + 1, INT64_MAX);
	buffer_done(&b);
}

static void assigning_leaves_the_checksum_whole(void **state)
{
	struct buffer b = good_batch();
	struct batch batch;

	(void)state;
	batch_assign(b.data, 77, 12);
	assert_int_equal(next_of_copy(b.data, b.size, &batch), BATCH_OK);
	assert_int_equal(batch.base_offset, 77);
	assert_int_equal(batch.leader_epoch, 12);
	buffer_done(&b);
}

/* ---- what a client may send ---- */

static enum batch_result produced(const struct buffer *b)
{
	struct reader in = reader_of(b->data, b->size);
	struct batch batch;
	enum batch_result result = batch_next_produced(&in, &batch);

	assert_int_equal(reader_left(&in), result == BATCH_OK ? 0 : b->size);
	if (result == BATCH_OK)
		assert_int_equal(batch.base_offset, 0);
	return result;
}

struct header_change {
	const char *what;
	enum batch_result expected;
	int16_t attributes;
	int32_t last_offset_delta, record_count;
	int64_t base_timestamp_ms, max_timestamp_ms;
	int64_t producer_id;
	int16_t producer_epoch;
	int32_t base_sequence;
};

static const struct header_change header_changes[] = {
	{"Java, librdkafka", BATCH_OK, 0, 69, 70, 9, 9, -1, -1, -1},
	{"kafkajs", BATCH_OK, 0, 69, 70, 9, 9, -1, 0, 0},
	{"idempotent", BATCH_OK, 0, 69, 70, 9, 10, 4000, 0, 0},
	{"transactional", BATCH_OK, 16, 69, 70, 9, 10, 4000, 3, 17},
	{"zstd", BATCH_OK, 4, 69, 70, 9, 9, -1, -1, -1},
	{"no timestamps", BATCH_OK, 0, 69, 70, -1, -1, -1, -1, -1},
	{"maximum not counted", BATCH_OK, 0, 69, 70, 9, -1, -1, -1, -1},
	{"codec 5", BATCH_INVALID, 5, 69, 70, 9, 9, -1, -1, -1},
	{"control", BATCH_INVALID, 32, 69, 70, 9, 9, 4000, 0, 0},
	{"log append time", BATCH_INVALID, 8, 69, 70, 9, 9, -1, -1, -1},
	{"delete horizon", BATCH_INVALID, 64, 69, 70, 9, 9, -1, -1, -1},
	{"delta above count", BATCH_INVALID, 0, 70, 70, 9, 9, -1, -1, -1},
	{"delta below count", BATCH_INVALID, 0, 68, 70, 9, 9, -1, -1, -1},
	{"no record", BATCH_INVALID, 0, 0, 0, 9, 9, -1, -1, -1},
	{"negative count", BATCH_CORRUPT, 0, 69, -1, 9, 9, -1, -1, -1},
	{"negative delta", BATCH_CORRUPT, 0, -1, 0, 9, 9, -1, -1, -1},
	{"base timestamp", BATCH_INVALID, 0, 69, 70, -2, 9, -1, -1, -1},
	{"maximum before base", BATCH_INVALID, 0, 69, 70, 9, 8, -1, -1, -1},
	{"producer id -2", BATCH_INVALID, 0, 69, 70, 9, 9, -2, -1, -1},
	{"id without epoch", BATCH_INVALID, 0, 69, 70, 9, 9, 4000, -1, 0},
	{"id without sequence", BATCH_INVALID, 0, 69, 70, 9, 9, 4000, 0, -1},
	{"transaction without id", BATCH_INVALID, 16, 69, 70, 9, 9, -1, -1, -1},
};

static void apply_change(struct buffer *b, const struct header_change *c)
{
	bytes_store_u16(b->data + 21, (uint16_t)c->attributes);
	bytes_store_u32(b->data + 23, (uint32_t)c->last_offset_delta);
	bytes_store_u64(b->data + 27, (uint64_t)c->base_timestamp_ms);
	bytes_store_u64(b->data + 35, (uint64_t)c->max_timestamp_ms);
	bytes_store_u64(b->data + 43, (uint64_t)c->producer_id);
	bytes_store_u16(b->data + 51, (uint16_t)c->producer_epoch);
	bytes_store_u32(b->data + 53, (uint32_t)c->base_sequence);
	bytes_store_u32(b->data + 57, (uint32_t)c->record_count);
	reseal(b);
}

static void clients_batches_are_judged_as_kafka_judges_them(void **state)
{
	struct buffer b = good_batch();

	(void)state;
	batch_assign(b.data, -5, 99); /* a client's base offset means nothing */
	for (size_t i = 0; i < sizeof(header_changes) / sizeof(*header_changes); i++) {
		apply_change(&b, &header_changes[i]);
		if (produced(&b) != header_changes[i].expected)
			fail_msg("%s", header_changes[i].what);
	}
	b.data[b.size - 1] ^= 1;
	assert_int_equal(produced(&b), BATCH_CORRUPT);
	b.size--;
	assert_int_equal(produced(&b), BATCH_PARTIAL);
	buffer_done(&b);
}

/* ---- records ---- */

/* Reads all records of a batch whose record bytes were tampered with. */
static enum batch_result read_all(const struct buffer *b, int *ret_count)
{
	struct reader in = reader_of(b->data, b->size), records;
	struct batch batch;
	struct batch_record r;
	enum batch_result result;

	*ret_count = 0;
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	records = batch_records(&batch);
	while ((result = batch_next_record(&batch, &records, &r)) == BATCH_OK)
		++*ret_count;
	return result;
}

/* One record: length, attributes, timestamp delta, offset delta, key, value, headers. */
static enum batch_result read_record(const void *bytes, size_t size)
{
	struct buffer b = {0};
	enum batch_result result;
	int count;

	build(&b, 0, 1);
	b.size = BATCH_HEADER_BYTES;
	buffer_put(&b, bytes, size);
	bytes_store_u32(b.data + 8, (uint32_t)b.size - 12);
	reseal(&b);
	result = read_all(&b, &count);
	buffer_done(&b);
	return result;
}

#define READ(text) read_record(text, sizeof(text) - 1)

static void records_that_lie_are_corrupt(void **state)
{
	(void)state;
	assert_int_equal(READ("\x0e\0\0\0\x01\x02v\0"), BATCH_END);
	assert_int_equal(READ("\x18\0\0\0\x01\x02v\x02\x02k\x02w\0"), BATCH_CORRUPT); /* length */
	assert_int_equal(READ("\x16\0\0\0\x01\x02v\x02\x02k\x02w"), BATCH_END); /* one header */
	assert_int_equal(READ("\x14\0\0\0\x01\x02v\x02\x02k\x01"), BATCH_END); /* null in it */
	assert_int_equal(READ("\x12\0\0\0\x01\x02v\x02\x01\x01"), BATCH_CORRUPT); /* null key */
	assert_int_equal(READ("\x0e\0\0\0\x01\x02v\x01"), BATCH_CORRUPT); /* -1 headers */
	assert_int_equal(READ("\x0e\0\0\x02\x01\x02v\0"), BATCH_CORRUPT); /* offset delta 1 of 0 */
	assert_int_equal(READ("\x0e\0\0\x01\x01\x02v\0"), BATCH_CORRUPT); /* offset delta -1 */
	assert_int_equal(READ("\x0e\0\0\0\x03\x02v\0"), BATCH_CORRUPT); /* key size -2 */
	assert_int_equal(READ("\x0e\0\0\0\x01\x20v\0"), BATCH_CORRUPT); /* value past the end */
	assert_int_equal(READ("\0"), BATCH_CORRUPT);
	assert_int_equal(READ("\x01"), BATCH_CORRUPT);
}

static void records_cut_or_flipped_end_in_bounds(void **state)
{
	struct buffer b = good_batch();
	int count;

	(void)state;
	for (size_t bit = BATCH_HEADER_BYTES * 8; bit < b.size * 8; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		reseal(&b);
		read_all(&b, &count);
		assert_true(count <= 70);
		b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buffer_done(&b);
}

static void compressed_records_are_not_read(void **state)
{
	struct buffer b = good_batch();
	int count;

	(void)state;
	bytes_store_u16(b.data + 21, 3);
	reseal(&b);
	assert_int_equal(read_all(&b, &count), BATCH_CORRUPT);
	assert_int_equal(count, 0);
	buffer_done(&b);
}

static void log_append_time_is_every_records_time(void **state)
{
	struct batch_builder builder;
	struct batch_record r;
	struct batch batch;
	struct buffer b = {0};
	struct reader in, records;

	(void)state;
	batch_begin(&builder, &b, 0, 5);
	batch_add(&builder, NULL, 0, "v", 1);
	builder.header.attributes = BATCH_LOG_APPEND_TIME;
	builder.header.max_timestamp_ms = 99;
	batch_end(&builder);
	in = reader_of(b.data, b.size);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	records = batch_records(&batch);
	assert_int_equal(batch_next_record(&batch, &records, &r), BATCH_OK);
	assert_int_equal(r.timestamp_ms, 99);
	buffer_done(&b);
}

/* A batch that was put together by hand: one record, key null, value "v", producer 7 epoch 1
 * sequence 2, base offset 3, leader epoch 4. */
static void the_bytes_are_kafkas(void **state)
{
	static const uint8_t expected[] = {
		0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0x39, 0, 0, 0, 4, 2,
		0, 0, 0, 0, /* the checksum: below */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5,
		0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1,
		0x0e, 0, 0, 0, 1, 2, 'v', 0,
	};
	struct batch_builder builder;
	struct buffer b = {0};

	(void)state;
	batch_begin(&builder, &b, 3, 5);
	builder.header.leader_epoch = 4;
	builder.header.producer_id = 7;
	builder.header.producer_epoch = 1;
	builder.header.base_sequence = 2;
	batch_add(&builder, NULL, 0, "v", 1);
	assert_int_equal(batch_end(&builder), sizeof(expected));
	assert_memory_equal(b.data, expected, AT_CRC);
	assert_memory_equal(b.data + AT_CHECKED, expected + AT_CHECKED,
			    sizeof(expected) - AT_CHECKED);
	assert_int_equal(bytes_load_u32(b.data + AT_CRC),
			 crc32c(0, expected + AT_CHECKED, sizeof(expected) - AT_CHECKED));
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_is_read),
		cmocka_unit_test(two_in_a_row_are_read_in_a_row),
		cmocka_unit_test(a_cut_batch_is_partial_and_never_read_past_its_end),
		cmocka_unit_test(a_flipped_bit_is_never_a_good_batch),
		cmocka_unit_test(lengths_that_cannot_be_are_corrupt),
		cmocka_unit_test(offsets_that_would_overflow_are_corrupt),
		cmocka_unit_test(assigning_leaves_the_checksum_whole),
		cmocka_unit_test(clients_batches_are_judged_as_kafka_judges_them),
		cmocka_unit_test(records_that_lie_are_corrupt),
		cmocka_unit_test(records_cut_or_flipped_end_in_bounds),
		cmocka_unit_test(compressed_records_are_not_read),
		cmocka_unit_test(log_append_time_is_every_records_time),
		cmocka_unit_test(the_bytes_are_kafkas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
