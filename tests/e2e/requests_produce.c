/* Produce, Fetch and ListOffsets: what goes in, what does not, what comes out. */
#include "requests.h"

#include <string.h>
#include <time.h>

enum { AT_MAGIC = 16, AT_CRC = 17, AT_ATTRIBUTES = 22, AT_RECORD_COUNT = 57 };
static const int64_t TIME_MS = 1700000000000;

static void topic_of(struct asker *a, const char *name)
{
	assert_int_equal(create_topic(a, name, 1, NULL), KAFKA_NONE);
}

/* Produces one batch of three records after `change`; nothing of it may be in the log afterwards
 * unless it was taken. */
static void expect_produced(struct asker *a, const char *topic, struct buffer *batch,
			    enum kafka_error expected)
{
	int64_t before = list_offset(a, topic, -1, KAFKA_NONE);
	struct produced produced = produce(a, topic, 0, batch, -1);
	int64_t after = list_offset(a, topic, -1, KAFKA_NONE);

	assert_int_equal(produced.error, expected);
	if (expected == KAFKA_NONE) {
		assert_int_equal(produced.base_offset, before);
	} else {
		assert_int_equal(produced.base_offset, -1);
		assert_int_equal(after, before);
	}
}

static void versions_below_3_are_refused_and_not_closed(void **state)
{
	struct asker *a = *state;
	struct produce_request_partition p = {.records = {(const uint8_t *)"old", 3, NULL, 0}};
	struct produce_request_topic t = {.name = wire_string_of("old-produce"),
					  .partition_data = {&p, 1}};
	struct produce_request request;
	struct produce_response response;

	topic_of(a, "old-produce");
	wire_init(wire_produce.request, &request);
	request.acks = 1;
	request.topic_data.items = &t;
	request.topic_data.count = 1;
	for (int16_t version = 0; version < 3; version++) {
		ask(a, &wire_produce, version, &request, &response);
		assert_int_equal(response.responses.count, 1);
		assert_int_equal(
			response.responses.items[0].partition_responses.items[0].error_code,
			KAFKA_UNSUPPORTED_VERSION);
	}
}

static void acks_0_is_taken_and_not_answered(void **state)
{
	const struct timespec pause = {.tv_nsec = 10000000}; /* a flush takes its time */
	struct asker *a = *state;
	struct buffer batch = {0};
	int64_t end = 0;

	topic_of(a, "acks-0");
	make_batch(&batch, 3, TIME_MS);
	produce(a, "acks-0", 0, &batch, 0);
	produce(a, "acks-0", 0, &batch, 0);
	/* The next answer is that of the next request: ask() compares. */
	for (int i = 0; i < 500 && end < 6; i++, nanosleep(&pause, NULL))
		end = list_offset(a, "acks-0", -1, KAFKA_NONE);
	assert_int_equal(end, 6);
	assert_int_equal(fetch(a, "acks-0", 0, 0).records.size, 2 * batch.size);
	buffer_done(&batch);
}

static void acks_are_0_1_or_all(void **state)
{
	struct asker *a = *state;
	struct buffer batch = {0};

	topic_of(a, "acks-2");
	make_batch(&batch, 3, TIME_MS);
	assert_int_equal(produce(a, "acks-2", 0, &batch, 2).error, KAFKA_INVALID_REQUIRED_ACKS);
	assert_int_equal(produce(a, "acks-2", 0, &batch, -2).error, KAFKA_INVALID_REQUIRED_ACKS);
	assert_int_equal(produce(a, "acks-2", 0, &batch, 1).error, KAFKA_NONE);
	assert_int_equal(list_offset(a, "acks-2", -1, KAFKA_NONE), 3);
	buffer_done(&batch);
}

static void what_is_not_one_sound_batch_is_refused(void **state)
{
	struct asker *a = *state;
	struct buffer batch = {0};

	topic_of(a, "unsound");
	make_batch(&batch, 3, TIME_MS);
	batch.data[batch.size - 1] ^= 1;
	expect_produced(a, "unsound", &batch, KAFKA_CORRUPT_MESSAGE);
	make_batch(&batch, 3, TIME_MS);
	batch.data[AT_CRC] ^= 1;
	expect_produced(a, "unsound", &batch, KAFKA_CORRUPT_MESSAGE);
	make_batch(&batch, 3, TIME_MS);
	buffer_put_i8(&batch, 0);
	expect_produced(a, "unsound", &batch, KAFKA_CORRUPT_MESSAGE);
	make_batch(&batch, 3, TIME_MS);
	batch.size--;
	expect_produced(a, "unsound", &batch, KAFKA_CORRUPT_MESSAGE);
	make_batch(&batch, 3, TIME_MS);
	batch.data[AT_MAGIC] = 1;
	expect_produced(a, "unsound", &batch, KAFKA_CORRUPT_MESSAGE);
	make_batch(&batch, 3, TIME_MS);
	bytes_store_u32(batch.data + AT_RECORD_COUNT, 4);
	reseal_batch(&batch);
	expect_produced(a, "unsound", &batch, KAFKA_INVALID_RECORD);
	make_batch(&batch, 3, TIME_MS);
	batch.data[AT_ATTRIBUTES] = 5; /* a codec that nobody has */
	reseal_batch(&batch);
	expect_produced(a, "unsound", &batch, KAFKA_INVALID_RECORD);
	make_batch(&batch, 3, TIME_MS);
	batch.data[AT_ATTRIBUTES] = BATCH_CONTROL;
	reseal_batch(&batch);
	expect_produced(a, "unsound", &batch, KAFKA_INVALID_RECORD);
	batch.size = 0;
	expect_produced(a, "unsound", &batch, KAFKA_INVALID_RECORD);
	make_batch(&batch, 3, TIME_MS);
	expect_produced(a, "unsound", &batch, KAFKA_NONE);
	buffer_done(&batch);
}

static void a_batch_over_message_max_bytes_is_refused(void **state)
{
	enum { LIMIT = 100000 }; /* the broker's setting, see requests.c */
	struct asker *a = *state;
	struct buffer batch = {0};
	int32_t records = 1000;

	topic_of(a, "large");
	while (batch.size <= LIMIT)
		make_batch(&batch, records += 1000, TIME_MS);
	expect_produced(a, "large", &batch, KAFKA_MESSAGE_TOO_LARGE);
	make_batch(&batch, records - 1000, TIME_MS);
	expect_produced(a, "large", &batch, KAFKA_NONE);
	buffer_done(&batch);
}

static void unknown_topics_and_partitions_are_said_so(void **state)
{
	struct asker *a = *state;
	struct buffer batch = {0};

	topic_of(a, "known");
	make_batch(&batch, 1, TIME_MS);
	assert_int_equal(produce(a, "unknown", 0, &batch, -1).error,
			 KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(produce(a, "known", 1, &batch, -1).error,
			 KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(produce(a, "known", -1, &batch, -1).error,
			 KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(produce(a, "", 0, &batch, -1).error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(fetch(a, "unknown", 0, 0).error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(fetch(a, "known", INT32_MAX, 0).error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	list_offset(a, "unknown", -1, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	buffer_done(&batch);
}

static void a_fetch_beyond_the_end_is_out_of_range(void **state)
{
	struct asker *a = *state;
	struct buffer batch = {0};
	struct fetched fetched;

	topic_of(a, "range");
	make_batch(&batch, 3, TIME_MS);
	assert_int_equal(produce(a, "range", 0, &batch, -1).error, KAFKA_NONE);
	assert_int_equal(fetch(a, "range", 0, 4).error, KAFKA_OFFSET_OUT_OF_RANGE);
	assert_int_equal(fetch(a, "range", 0, INT64_MAX).error, KAFKA_OFFSET_OUT_OF_RANGE);
	assert_int_equal(fetch(a, "range", 0, -1).error, KAFKA_OFFSET_OUT_OF_RANGE);
	fetched = fetch(a, "range", 0, 3);
	assert_int_equal(fetched.error, KAFKA_NONE);
	assert_int_equal(fetched.high_watermark, 3);
	assert_int_equal(fetched.records.size, 0);
	/* From the middle of a batch: the whole batch. */
	fetched = fetch(a, "range", 0, 1);
	assert_int_equal(fetched.error, KAFKA_NONE);
	assert_int_equal(fetched.records.size, batch.size);
	buffer_done(&batch);
}

static void list_offsets_finds_timestamps(void **state)
{
	struct asker *a = *state;
	struct buffer batch = {0};

	topic_of(a, "times");
	assert_int_equal(list_offset(a, "times", -1, KAFKA_NONE), 0);
	assert_int_equal(list_offset(a, "times", -2, KAFKA_NONE), 0);
	assert_int_equal(list_offset(a, "times", TIME_MS, KAFKA_NONE), -1);
	for (int i = 0; i < 50; i++) { /* batch i: offsets 2i and 2i + 1 */
		make_batch(&batch, 2, TIME_MS + i * 1000);
		assert_int_equal(produce(a, "times", 0, &batch, -1).base_offset, 2 * i);
	}
	assert_int_equal(list_offset(a, "times", -1, KAFKA_NONE), 100);
	assert_int_equal(list_offset(a, "times", -2, KAFKA_NONE), 0);
	assert_int_equal(list_offset(a, "times", 0, KAFKA_NONE), 0);
	assert_int_equal(list_offset(a, "times", TIME_MS, KAFKA_NONE), 0);
	assert_int_equal(list_offset(a, "times", TIME_MS + 1, KAFKA_NONE), 2);
	assert_int_equal(list_offset(a, "times", TIME_MS + 20000, KAFKA_NONE), 40);
	assert_int_equal(list_offset(a, "times", TIME_MS + 20001, KAFKA_NONE), 42);
	assert_int_equal(list_offset(a, "times", TIME_MS + 49000, KAFKA_NONE), 98);
	assert_int_equal(list_offset(a, "times", TIME_MS + 49001, KAFKA_NONE), -1);
	assert_int_equal(list_offset(a, "times", INT64_MAX, KAFKA_NONE), -1);
	buffer_done(&batch);
}

/* ---- idempotent producers ---- */

static void make_sequenced(struct buffer *batch, int16_t epoch, int32_t sequence)
{
	struct batch_builder builder;

	batch->size = 0;
	batch_begin(&builder, batch, 0, TIME_MS);
	builder.header.producer_id = 77777;
	builder.header.producer_epoch = epoch;
	builder.header.base_sequence = sequence;
	batch_add(&builder, NULL, 0, "value", 5);
	batch_add(&builder, NULL, 0, "value", 5);
	batch_end(&builder);
}

static void duplicates_are_answered_with_their_first_offset(void **state)
{
	struct asker *a = *state;
	struct buffer batch = {0};
	struct produced again;

	topic_of(a, "sequences");
	for (int i = 0; i < 5; i++) {
		make_sequenced(&batch, 3, 2 * i);
		assert_int_equal(produce(a, "sequences", 0, &batch, -1).base_offset, 2 * i);
	}
	for (int i = 0; i < 5; i++) {
		make_sequenced(&batch, 3, 2 * i);
		again = produce(a, "sequences", 0, &batch, -1);
		assert_int_equal(again.error, KAFKA_NONE);
		assert_int_equal(again.base_offset, 2 * i);
	}
	make_sequenced(&batch, 3, 12); /* 10 is missing */
	expect_produced(a, "sequences", &batch, KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
	make_sequenced(&batch, 2, 10);
	expect_produced(a, "sequences", &batch, KAFKA_INVALID_PRODUCER_EPOCH);
	make_sequenced(&batch, 4, 1); /* a new epoch begins at 0 */
	expect_produced(a, "sequences", &batch, KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
	make_sequenced(&batch, 4, 0);
	expect_produced(a, "sequences", &batch, KAFKA_NONE);
	buffer_done(&batch);
}

const struct CMUnitTest produce_tests[] = {
	ASKER_TEST(versions_below_3_are_refused_and_not_closed),
	ASKER_TEST(acks_0_is_taken_and_not_answered),
	ASKER_TEST(acks_are_0_1_or_all),
	ASKER_TEST(what_is_not_one_sound_batch_is_refused),
	ASKER_TEST(a_batch_over_message_max_bytes_is_refused),
	ASKER_TEST(unknown_topics_and_partitions_are_said_so),
	ASKER_TEST(a_fetch_beyond_the_end_is_out_of_range),
	ASKER_TEST(list_offsets_finds_timestamps),
	ASKER_TEST(duplicates_are_answered_with_their_first_offset),
};
const size_t produce_test_count = sizeof(produce_tests) / sizeof(*produce_tests);
