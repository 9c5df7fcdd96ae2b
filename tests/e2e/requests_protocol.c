/* What a broker answers to requests that are not Kafka's, or not of a version that it serves. */
#include "requests.h"

#include <string.h>

static void send_header(struct asker *a, int16_t key, int16_t version)
{
	struct buffer frame = {0};

	buffer_put_i32(&frame, 10);
	buffer_put_i16(&frame, key);
	buffer_put_i16(&frame, version);
	buffer_put_i32(&frame, 42);
	buffer_put_i16(&frame, -1); /* no client id */
	assert_int_equal(client_send(a->fd, frame.data, frame.size), CLIENT_OK);
	buffer_done(&frame);
}

static void an_unknown_api_closes_the_connection(void **state)
{
	struct asker *a = *state;

	send_header(a, 9999, 0);
	assert_true(client_is_closed(a->fd));
}

static void an_unknown_version_closes_the_connection(void **state)
{
	struct asker *a = *state;

	send_header(a, 3, 99);
	assert_true(client_is_closed(a->fd));
}

/* S9: they exist on the internal listener only, after the handshake. */
static void s9_apis_between_brokers_are_not_for_clients(void **state)
{
	static const struct wire_api *const apis[] = {
		&wire_vote,		   &wire_broker_registration, &wire_broker_heartbeat,
		&wire_alter_partition,	   &wire_envelope,	      &wire_handshake_hello,
		&wire_allocate_producer_ids};
	struct asker *a = *state;

	for (size_t i = 0; i < sizeof(apis) / sizeof(*apis); i++) {
		send_header(a, apis[i]->key, apis[i]->last);
		assert_true(client_is_closed(a->fd));
		client_close(a->fd);
		a->fd = client_open(a->address);
	}
	/* A follower's fetch is one of them: by its version... */
	send_header(a, wire_fetch.key, 17);
	assert_true(client_is_closed(a->fd));
}

/* KIP-511: a client that is too new learns what there is. */
static void api_versions_of_an_unknown_version_is_answered_as_0(void **state)
{
	struct asker *a = *state;
	struct api_versions_response response;
	struct reader in;
	int32_t correlation_id;
	bool has_produce = false;

	send_header(a, wire_api_versions.key, 99);
	assert_int_equal(client_receive(a->fd, &a->frame), CLIENT_OK);
	in = reader_of(a->frame.data, a->frame.size);
	assert_int_equal(wire_decode_response(&wire_api_versions, 0, &in, &a->arena,
					      &correlation_id, &response),
			 0);
	assert_int_equal(reader_left(&in), 0);
	assert_int_equal(correlation_id, 42);
	assert_int_equal(response.error_code, KAFKA_UNSUPPORTED_VERSION);
	for (int32_t i = 0; i < response.api_keys.count; i++) {
		const struct api_versions_response_api_key *key = &response.api_keys.items[i];

		assert_true(key->min_version <= key->max_version);
		assert_int_not_equal(key->api_key, wire_vote.key);
		/* librdkafka compresses for brokers only that begin at 0 */
		has_produce |= key->api_key == wire_produce.key && key->min_version == 0;
	}
	assert_true(has_produce);
	/* and the connection goes on */
	send_header(a, wire_api_versions.key, 0);
	assert_int_equal(client_receive(a->fd, &a->frame), CLIENT_OK);
}

static void versions_from_0_to_the_last_are_served_as_they_are_listed(void **state)
{
	struct asker *a = *state;
	struct api_versions_request request;
	struct api_versions_response response;

	for (int16_t version = 0; version <= 4; version++) {
		wire_init(wire_api_versions.request, &request);
		request.client_software_name = wire_string_of("test");
		request.client_software_version = wire_string_of("1");
		ask(a, &wire_api_versions, version, &request, &response);
		assert_int_equal(response.error_code, KAFKA_NONE);
		assert_true(response.api_keys.count > 5);
	}
}

static void bytes_after_the_last_field_close_the_connection(void **state)
{
	struct asker *a = *state;
	struct metadata_request request;
	struct wire_output out = {0};

	wire_init(wire_metadata.request, &request);
	wire_encode_request(&wire_metadata, 4, 1, NULL, &request, &out);
	buffer_put_i8(&out.bytes, 0);
	bytes_store_u32(out.bytes.data, (uint32_t)out.bytes.size - 4);
	assert_int_equal(client_send(a->fd, out.bytes.data, out.bytes.size), CLIENT_OK);
	wire_output_done(&out);
	assert_true(client_is_closed(a->fd));
}

static void a_frame_over_the_limit_closes_the_connection_at_its_size(void **state)
{
	static const uint8_t too_large[4] = {0x7f, 0xff, 0xff, 0xff};
	static const uint8_t negative[4] = {0xff, 0xff, 0xff, 0xff};
	struct asker *a = *state;

	client_send(a->fd, too_large, sizeof(too_large));
	assert_true(client_is_closed(a->fd));
	client_close(a->fd);
	a->fd = client_open(a->address);
	client_send(a->fd, negative, sizeof(negative));
	assert_true(client_is_closed(a->fd));
}

static void answers_come_in_the_order_of_the_requests(void **state)
{
	enum { REQUESTS = 500 };
	struct asker *a = *state;
	struct buffer frames = {0};

	for (int32_t i = 0; i < REQUESTS; i++) {
		struct metadata_request request;
		struct wire_output out = {0};

		wire_init(wire_metadata.request, &request);
		wire_encode_request(&wire_metadata, (int16_t)(i % 13), i, "test", &request, &out);
		buffer_put(&frames, out.bytes.data, out.bytes.size);
		wire_output_done(&out);
	}
	assert_int_equal(client_send(a->fd, frames.data, frames.size), CLIENT_OK);
	for (int32_t i = 0; i < REQUESTS; i++) {
		assert_int_equal(client_receive(a->fd, &a->frame), CLIENT_OK);
		assert_int_equal(bytes_load_u32(a->frame.data), i);
	}
	buffer_done(&frames);
}

static void producer_ids_are_not_given_to_transactions(void **state)
{
	struct asker *a = *state;
	struct init_producer_id_request request;
	struct init_producer_id_response response;

	wire_init(wire_init_producer_id.request, &request);
	request.transactional_id = wire_string_of("mine");
	ask(a, &wire_init_producer_id, 4, &request, &response);
	assert_int_equal(response.error_code, KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
	assert_int_equal(response.producer_id, -1);
	request.transactional_id = wire_string_of("");
	ask(a, &wire_init_producer_id, 4, &request, &response);
	assert_int_equal(response.error_code, KAFKA_INVALID_REQUEST);
}

const struct CMUnitTest protocol_tests[] = {
	ASKER_TEST(an_unknown_api_closes_the_connection),
	ASKER_TEST(an_unknown_version_closes_the_connection),
	ASKER_TEST(s9_apis_between_brokers_are_not_for_clients),
	ASKER_TEST(api_versions_of_an_unknown_version_is_answered_as_0),
	ASKER_TEST(versions_from_0_to_the_last_are_served_as_they_are_listed),
	ASKER_TEST(bytes_after_the_last_field_close_the_connection),
	ASKER_TEST(a_frame_over_the_limit_closes_the_connection_at_its_size),
	ASKER_TEST(answers_come_in_the_order_of_the_requests),
	ASKER_TEST(producer_ids_are_not_given_to_transactions),
};
const size_t protocol_test_count = sizeof(protocol_tests) / sizeof(*protocol_tests);
