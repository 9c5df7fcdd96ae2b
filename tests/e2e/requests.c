/* Single requests to a running broker, and what it must answer:
 *
 *	BROKER=HOST:PORT DATA=FOLDER requests     the tests, through cmocka
 *	BROKER=HOST:PORT requests producer-ids N  asks for N producer ids on connections of their
 *	                                          own, and prints them
 *
 * The broker is one alone, with message.max.bytes=100000. */
#include "requests.h"

#include "base/crc32c.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 16 << 20, AT_CRC = 17, AT_CHECKED = 21, PRODUCE = 9, FETCH = 12 };

int asker_open(void **state)
{
	struct asker *a = mem_alloc(sizeof(*a));

	a->address = getenv("BROKER");
	a->data = getenv("DATA");
	arena_init(&a->arena, ARENA_BYTES);
	a->fd = a->address ? client_open(a->address) : -1;
	*state = a;
	return a->fd < 0 ? -1 : 0;
}

int asker_close(void **state)
{
	struct asker *a = *state;

	client_close(a->fd);
	arena_done(&a->arena);
	buffer_done(&a->frame);
	mem_free(a);
	return 0;
}

void ask(struct asker *a, const struct wire_api *api, int16_t version, const void *request,
	 void *ret_response)
{
	arena_reset(&a->arena);
	assert_int_equal(client_call(a->fd, api, version, request, &a->arena, &a->frame,
				     ret_response),
			 CLIENT_OK);
}

void send_only(struct asker *a, const struct wire_api *api, int16_t version, const void *request)
{
	struct wire_output out = {0};

	wire_encode_request(api, version, 1, "test", request, &out);
	assert_int_equal(client_send(a->fd, out.bytes.data, out.bytes.size), CLIENT_OK);
	wire_output_done(&out);
}

/* ---- topics ---- */

enum kafka_error create_topic(struct asker *a, const char *name, int32_t partitions,
			      struct uuid *ret_id)
{
	struct create_topics_request_topic topic;
	struct create_topics_request request;
	struct create_topics_response response;

	memset(&topic, 0, sizeof(topic));
	topic.name = wire_string_of(name);
	topic.num_partitions = partitions;
	topic.replication_factor = 1;
	wire_init(wire_create_topics.request, &request);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = CLIENT_WAIT_MS;
	ask(a, &wire_create_topics, 7, &request, &response);
	assert_int_equal(response.topics.count, 1);
	if (ret_id)
		*ret_id = response.topics.items[0].topic_id;
	return (enum kafka_error)response.topics.items[0].error_code;
}

enum kafka_error delete_topic(struct asker *a, const char *name)
{
	struct delete_topics_request_topic topic = {.name = wire_string_of(name)};
	struct delete_topics_request request;
	struct delete_topics_response response;

	wire_init(wire_delete_topics.request, &request);
	request.topics.items = &topic;
	request.topics.count = 1;
	ask(a, &wire_delete_topics, 6, &request, &response);
	assert_int_equal(response.responses.count, 1);
	return (enum kafka_error)response.responses.items[0].error_code;
}

/* ---- records ---- */

void make_batch(struct buffer *out, int32_t records, int64_t first_ms)
{
	struct batch_builder builder;

	out->size = 0;
	batch_begin(&builder, out, 0, first_ms);
	builder.header.max_timestamp_ms = first_ms;
	for (int32_t i = 0; i < records; i++)
		batch_add(&builder, "key", 3, "value", 5);
	batch_end(&builder);
}

void reseal_batch(struct buffer *batch)
{
	bytes_store_u32(batch->data + AT_CRC,
			crc32c(0, batch->data + AT_CHECKED, batch->size - AT_CHECKED));
}

struct produced produce(struct asker *a, const char *topic, int32_t partition,
			const struct buffer *records, int16_t acks)
{
	struct produce_request_partition p = {
		.index = partition,
		.records = {.data = records->data, .size = (int32_t)records->size},
	};
	struct produce_request_topic t = {.name = wire_string_of(topic),
					  .partition_data = {&p, 1}};
	struct produce_request request;
	struct produce_response response;
	const struct produce_response_partition *answer;

	wire_init(wire_produce.request, &request);
	request.acks = acks;
	request.timeout_ms = CLIENT_WAIT_MS;
	request.topic_data.items = &t;
	request.topic_data.count = 1;
	if (acks == 0) {
		send_only(a, &wire_produce, PRODUCE, &request);
		return (struct produced){KAFKA_NONE, -1};
	}
	ask(a, &wire_produce, PRODUCE, &request, &response);
	assert_int_equal(response.responses.count, 1);
	assert_int_equal(response.responses.items[0].partition_responses.count, 1);
	answer = &response.responses.items[0].partition_responses.items[0];
	return (struct produced){(enum kafka_error)answer->error_code, answer->base_offset};
}

struct fetched fetch(struct asker *a, const char *topic, int32_t partition, int64_t offset)
{
	struct fetch_request_partition p = {
		.partition = partition,
		.current_leader_epoch = -1,
		.fetch_offset = offset,
		.last_fetched_epoch = -1,
		.log_start_offset = -1,
		.partition_max_bytes = 1 << 20,
	};
	struct fetch_request_topic t = {.topic = wire_string_of(topic), .partitions = {&p, 1}};
	struct fetch_request request;
	struct fetch_response response;
	const struct fetch_response_partition *answer;

	wire_init(wire_fetch.request, &request);
	request.replica_id = -1;
	request.min_bytes = 1;
	request.max_bytes = 1 << 20;
	request.session_epoch = -1;
	request.topics.items = &t;
	request.topics.count = 1;
	ask(a, &wire_fetch, FETCH, &request, &response);
	assert_int_equal(response.error_code, KAFKA_NONE);
	assert_int_equal(response.responses.count, 1);
	assert_int_equal(response.responses.items[0].partitions.count, 1);
	answer = &response.responses.items[0].partitions.items[0];
	/* Never null, also on an error: librdkafka cannot read it. */
	assert_non_null(answer->records.data);
	return (struct fetched){
		.error = (enum kafka_error)answer->error_code,
		.high_watermark = answer->high_watermark,
		.records = answer->records,
	};
}

int64_t list_offset(struct asker *a, const char *topic, int64_t timestamp,
		    enum kafka_error expected)
{
	struct list_offsets_request_partition p = {.current_leader_epoch = -1,
						   .timestamp = timestamp};
	struct list_offsets_request_topic t = {.name = wire_string_of(topic),
					       .partitions = {&p, 1}};
	struct list_offsets_request request;
	struct list_offsets_response response;

	wire_init(wire_list_offsets.request, &request);
	request.replica_id = -1;
	request.topics.items = &t;
	request.topics.count = 1;
	ask(a, &wire_list_offsets, 6, &request, &response);
	assert_int_equal(response.topics.count, 1);
	assert_int_equal(response.topics.items[0].partitions.items[0].error_code, expected);
	return response.topics.items[0].partitions.items[0].offset;
}

/* ---- producer ids ---- */

static int print_producer_ids(const char *address, long count)
{
	struct init_producer_id_request request;
	struct init_producer_id_response response;
	struct buffer frame = {0};
	struct arena arena;

	arena_init(&arena, ARENA_BYTES);
	wire_init(wire_init_producer_id.request, &request);
	request.transaction_timeout_ms = CLIENT_WAIT_MS;
	for (long i = 0; i < count; i++) {
		int fd = client_open(address);
		enum client_result result =
			fd < 0 ? CLIENT_CLOSED
			       : client_call(fd, &wire_init_producer_id, 4, &request, &arena,
					     &frame, &response);

		client_close(fd);
		if (result != CLIENT_OK || response.error_code != KAFKA_NONE) {
			fprintf(stderr, "requests: no producer id\n");
			return EXIT_FAILURE;
		}
		printf("%lld\n", (long long)response.producer_id);
	}
	arena_done(&arena);
	buffer_done(&frame);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *address = getenv("BROKER");

	if (address && argc == 3 && strcmp(argv[1], "producer-ids") == 0)
		return print_producer_ids(address, strtol(argv[2], NULL, 10));
	if (!address || !getenv("DATA") || argc > 1) {
		fprintf(stderr, "usage: BROKER=HOST:PORT DATA=FOLDER requests [producer-ids N]\n");
		return 2;
	}
	return _cmocka_run_group_tests("protocol", protocol_tests, protocol_test_count, NULL,
				       NULL) +
	       _cmocka_run_group_tests("produce", produce_tests, produce_test_count, NULL, NULL) +
	       _cmocka_run_group_tests("topics", topic_tests, topic_test_count, NULL, NULL);
}
