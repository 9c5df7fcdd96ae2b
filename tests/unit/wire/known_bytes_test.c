/* Frames written down by hand from Kafka's protocol guide: what librdkafka, Java and other brokers
 * put on the wire. Each is decoded, looked at, and encoded again into the same bytes. */
#include "hex.h"

#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { ARENA_BYTES = 1 << 20 };

/* One frame without its size, taken apart. */
struct known {
	const struct wire_api *api;
	int16_t version;
	struct hex frame;
	struct arena arena;
	struct wire_output again;
	union { /* of the largest messages; the codec fills the one that is asked for */
		struct produce_request produce;
		struct produce_response produced;
		struct fetch_request fetch;
		struct fetch_response fetched;
		struct metadata_request metadata;
		struct metadata_response described;
		struct api_versions_request api_versions;
		struct api_versions_response versions;
		struct vote_request vote;
	} m;
};

static bool is(struct wire_string s, const char *text)
{
	return wire_string_equal(s, wire_string_of(text));
}

static void check_same_bytes(struct known *k)
{
	assert_int_equal(k->again.bytes.size, k->frame.size + 4);
	assert_int_equal(bytes_load_u32(k->again.bytes.data), k->frame.size);
	assert_memory_equal(k->again.bytes.data + 4, k->frame.bytes, k->frame.size);
	wire_output_done(&k->again);
}

static struct known begin(const struct wire_api *api, int16_t version, const char *bytes)
{
	struct known k = {.api = api, .version = version, .frame = hex_of(bytes)};

	arena_init(&k.arena, ARENA_BYTES);
	return k;
}

/* In a request every client is called "me". */
static void open_request(struct known *k)
{
	struct reader in = reader_of(k->frame.bytes, k->frame.size);
	struct wire_request_header header;

	assert_int_equal(wire_peek_request(&in, &header), 0);
	assert_ptr_equal(wire_find_api(header.api_key), k->api);
	assert_int_equal(wire_decode_request_header(k->api, &in, &header), 0);
	assert_int_equal(header.api_version, k->version);
	assert_true(is(header.client_id, "me"));
	assert_int_equal(wire_decode_request(k->api, k->version, &in, &k->arena, &k->m), 0);
	assert_int_equal(reader_left(&in), 0);
	wire_encode_request(k->api, k->version, header.correlation_id, "me", &k->m, &k->again);
	check_same_bytes(k);
}

static void open_response(struct known *k)
{
	struct reader in = reader_of(k->frame.bytes, k->frame.size);
	int32_t correlation_id;

	assert_int_equal(wire_decode_response(k->api, k->version, &in, &k->arena, &correlation_id,
					      &k->m),
			 0);
	assert_int_equal(reader_left(&in), 0);
	assert_int_equal(correlation_id, 7);
	wire_encode_response(k->api, k->version, correlation_id, &k->m, &k->again);
	check_same_bytes(k);
}

/* ---- ApiVersions ---- */

static void api_versions_3_of_librdkafka(void **state)
{
	struct known k = begin(&wire_api_versions, 3,
			       "0012 0003 00000001 0002 'me' 00"
			       "0b 'librdkafka' 06 '2.0.2' 00");

	(void)state;
	open_request(&k);
	assert_true(is(k.m.api_versions.client_software_name, "librdkafka"));
	assert_true(is(k.m.api_versions.client_software_version, "2.0.2"));
	arena_done(&k.arena);
}

/* The header has no tags although the body is flexible. */
static void api_versions_3_is_answered_under_a_plain_header(void **state)
{
	struct known k = begin(&wire_api_versions, 3,
			       "00000007"
			       "0000 02 0012 0000 0004 00 00000000"
			       "02 01 08 0000000000000005"
			       "   02 10 02 0a 'feature.x' 0002 0001 00");

	(void)state;
	open_response(&k);
	assert_int_equal(k.m.versions.api_keys.items[0].max_version, 4);
	assert_int_equal(k.m.versions.finalized_features_epoch, 5);
	assert_int_equal(k.m.versions.supported_features.count, 0);
	assert_true(is(k.m.versions.finalized_features.items[0].name, "feature.x"));
	assert_int_equal(k.m.versions.finalized_features.items[0].max_version_level, 2);
	arena_done(&k.arena);
}

/* ---- Produce ---- */

static void check_produce_request(struct known *k)
{
	const struct produce_request *r = &k->m.produce;
	const struct produce_request_partition *p;

	open_request(k);
	assert_null(r->transactional_id.data);
	assert_int_equal(r->acks, -1);
	assert_int_equal(r->timeout_ms, 30000);
	assert_int_equal(r->topic_data.count, 1);
	assert_true(is(r->topic_data.items[0].name, "t1"));
	assert_int_equal(r->topic_data.items[0].partition_data.count, 1);
	p = &r->topic_data.items[0].partition_data.items[0];
	assert_int_equal(p->index, 4);
	assert_int_equal(p->records.size, 3);
	assert_memory_equal(p->records.data, "abc", 3);
	arena_done(&k->arena);
}

static void produce_requests(void **state)
{
	struct known v3 = begin(&wire_produce, 3,
				"0000 0003 00000001 0002 'me'"
				"ffff ffff 00007530 00000001 0002 't1' 00000001"
				"00000004 00000003 'abc'");
	struct known v7 = begin(&wire_produce, 7,
				"0000 0007 00000001 0002 'me'"
				"ffff ffff 00007530 00000001 0002 't1' 00000001"
				"00000004 00000003 'abc'");
	struct known v9 = begin(&wire_produce, 9,
				"0000 0009 00000001 0002 'me' 00"
				"00 ffff 00007530 02 03 't1' 02"
				"00000004 04 'abc' 00 00 00");

	(void)state;
	check_produce_request(&v3);
	check_produce_request(&v7);
	check_produce_request(&v9);
}

static void check_produce_response(struct known *k)
{
	const struct produce_response_partition *p;

	open_response(k);
	assert_true(is(k->m.produced.responses.items[0].name, "t1"));
	p = &k->m.produced.responses.items[0].partition_responses.items[0];
	assert_int_equal(p->index, 4);
	assert_int_equal(p->error_code, 6);
	assert_int_equal(p->base_offset, 0x1122);
	assert_int_equal(p->log_append_time_ms, -1);
	assert_int_equal(p->log_start_offset, k->version >= 5 ? 5 : -1);
	assert_int_equal(p->current_leader.leader_id, k->version >= 10 ? 2 : -1);
	assert_null(p->error_message.data);
	assert_int_equal(k->m.produced.throttle_time_ms, 9);
	arena_done(&k->arena);
}

static void produce_responses(void **state)
{
	struct known v3 = begin(&wire_produce, 3,
				"00000007 00000001 0002 't1' 00000001"
				"00000004 0006 0000000000001122 ffffffffffffffff 00000009");
	struct known v7 = begin(&wire_produce, 7,
				"00000007 00000001 0002 't1' 00000001"
				"00000004 0006 0000000000001122 ffffffffffffffff 0000000000000005"
				"00000009");
	struct known v9 = begin(&wire_produce, 9,
				"00000007 00 02 03 't1' 02"
				"00000004 0006 0000000000001122 ffffffffffffffff 0000000000000005"
				"01 00 00 00 00000009 00");
	struct known v10 = begin(&wire_produce, 10,
				 "00000007 00 02 03 't1' 02"
				 "00000004 0006 0000000000001122 ffffffffffffffff 0000000000000005"
				 "01 00 01 00 09 00000002 0000000b 00 00 00000009"
				 "01 00 0e 02 00000002 03 'b2' 00002384 00 00");

	(void)state;
	check_produce_response(&v3);
	check_produce_response(&v7);
	check_produce_response(&v9);
	check_produce_response(&v10);
	assert_int_equal(v10.m.produced.node_endpoints.count, 1);
}

/* ---- Fetch ---- */

static void check_fetch_request(struct known *k)
{
	const struct fetch_request *r = &k->m.fetch;
	const struct fetch_request_partition *p;

	open_request(k);
	assert_int_equal(r->replica_id, -1);
	assert_int_equal(r->max_wait_ms, 500);
	assert_int_equal(r->min_bytes, 1);
	assert_int_equal(r->max_bytes, 0x3200000);
	assert_int_equal(r->isolation_level, 1);
	assert_int_equal(r->session_epoch, -1);
	p = &r->topics.items[0].partitions.items[0];
	assert_int_equal(p->partition, 4);
	assert_int_equal(p->fetch_offset, 100);
	assert_int_equal(p->partition_max_bytes, 0x100000);
	assert_int_equal(p->current_leader_epoch, k->version >= 9 ? 5 : -1);
	assert_int_equal(p->last_fetched_epoch, -1);
	assert_int_equal(p->durable_offset, -1);
	assert_true(is(r->rack_id, k->version >= 11 ? "r1" : ""));
	arena_done(&k->arena);
}

static void fetch_requests(void **state)
{
	struct known v4 = begin(&wire_fetch, 4,
				"0001 0004 00000001 0002 'me'"
				"ffffffff 000001f4 00000001 03200000 01"
				"00000001 0002 't1' 00000001"
				"00000004 0000000000000064 00100000");
	struct known v11 = begin(&wire_fetch, 11,
				 "0001 000b 00000001 0002 'me'"
				 "ffffffff 000001f4 00000001 03200000 01 00000000 ffffffff"
				 "00000001 0002 't1' 00000001"
				 "00000004 00000005 0000000000000064 ffffffffffffffff 00100000"
				 "00000000 0002 'r1'");
	struct known v12 = begin(&wire_fetch, 12,
				 "0001 000c 00000001 0002 'me' 00"
				 "ffffffff 000001f4 00000001 03200000 01 00000000 ffffffff"
				 "02 03 't1' 02"
				 "00000004 00000005 0000000000000064 ffffffff ffffffffffffffff"
				 "00100000 00 00 01 03 'r1' 00");

	(void)state;
	check_fetch_request(&v4);
	check_fetch_request(&v11);
	check_fetch_request(&v12);
}

/* Fetch 16 of a follower: topic ids, ReplicaState (tag 1) and our DurableOffset (tag 10000). */
static void fetch_16_of_a_follower(void **state)
{
	struct known k = begin(&wire_fetch, 16,
			       "0001 0010 00000001 0002 'me' 00"
			       "000001f4 00000001 03200000 00 00000000 ffffffff"
			       "02 000102030405060708090a0b0c0d0e0f 02"
			       "00000004 00000005 0000000000000064 00000003 0000000000000000"
			       "00100000 01 904e 08 0000000000000060 00 01 01"
			       "01 01 0d 00000002 0000000000000021 00");
	const struct fetch_request_topic *topic;

	(void)state;
	open_request(&k);
	assert_int_equal(k.m.fetch.replica_state.replica_id, 2);
	assert_int_equal(k.m.fetch.replica_state.replica_epoch, 0x21);
	topic = &k.m.fetch.topics.items[0];
	assert_int_equal(topic->topic_id.bytes[15], 15);
	assert_int_equal(topic->partitions.items[0].last_fetched_epoch, 3);
	assert_int_equal(topic->partitions.items[0].durable_offset, 96);
	arena_done(&k.arena);
}

static void check_fetch_response(struct known *k)
{
	const struct fetch_response_partition *p;

	open_response(k);
	p = &k->m.fetched.responses.items[0].partitions.items[0];
	assert_int_equal(p->partition_index, 4);
	assert_int_equal(p->high_watermark, 0x70);
	assert_int_equal(p->last_stable_offset, 0x6f);
	assert_int_equal(p->log_start_offset, k->version >= 5 ? 3 : -1);
	assert_int_equal(p->aborted_transactions.count, k->version == 4 ? 1 : -1);
	assert_int_equal(p->preferred_read_replica, -1);
	assert_int_equal(p->diverging_epoch.end_offset, k->version >= 12 ? 0x50 : -1);
	assert_int_equal(p->records.size, 2);
	assert_memory_equal(p->records.data, "xy", 2);
	arena_done(&k->arena);
}

static void fetch_responses(void **state)
{
	struct known v4 = begin(&wire_fetch, 4,
				"00000007 00000000 00000001 0002 't1' 00000001"
				"00000004 0000 0000000000000070 000000000000006f"
				"00000001 0000000000000fa0 0000000000000060"
				"00000002 'xy'");
	struct known v11 = begin(&wire_fetch, 11,
				 "00000007 00000000 0000 00000000 00000001 0002 't1' 00000001"
				 "00000004 0000 0000000000000070 000000000000006f 0000000000000003"
				 "ffffffff ffffffff 00000002 'xy'");
	struct known v12 = begin(&wire_fetch, 12,
				 "00000007 00 00000000 0000 00000000 02 03 't1' 02"
				 "00000004 0000 0000000000000070 000000000000006f 0000000000000003"
				 "00 ffffffff 03 'xy'"
				 "01 00 0d 00000002 0000000000000050 00"
				 "00 00");

	(void)state;
	check_fetch_response(&v4);
	check_fetch_response(&v11);
	check_fetch_response(&v12);
}

/* ---- Metadata ---- */

static void metadata_requests(void **state)
{
	struct known v1 = begin(&wire_metadata, 1, "0003 0001 00000001 0002 'me' ffffffff");
	struct known v4 = begin(&wire_metadata, 4,
				"0003 0004 00000001 0002 'me' 00000001 0002 't1' 00");
	struct known v12 = begin(&wire_metadata, 12,
				 "0003 000c 00000001 0002 'me' 00"
				 "02 00000000000000000000000000000000 03 't1' 00 01 00 00");

	(void)state;
	open_request(&v1);
	assert_int_equal(v1.m.metadata.topics.count, -1); /* all of them */
	assert_true(v1.m.metadata.allow_auto_topic_creation);
	open_request(&v4);
	assert_true(is(v4.m.metadata.topics.items[0].name, "t1"));
	assert_false(v4.m.metadata.allow_auto_topic_creation);
	open_request(&v12);
	assert_true(is(v12.m.metadata.topics.items[0].name, "t1"));
	assert_true(v12.m.metadata.allow_auto_topic_creation);
	arena_done(&v1.arena);
	arena_done(&v4.arena);
	arena_done(&v12.arena);
}

static void check_metadata_response(struct known *k)
{
	const struct metadata_response *r = &k->m.described;
	const struct metadata_response_partition *p;

	open_response(k);
	assert_int_equal(r->brokers.items[0].node_id, 1);
	assert_true(is(r->brokers.items[0].host, "h"));
	assert_int_equal(r->brokers.items[0].port, 9092);
	assert_null(r->brokers.items[0].rack.data);
	assert_true(is(r->cluster_id, k->version >= 2 ? "cid" : NULL));
	assert_int_equal(r->controller_id, 1);
	assert_true(is(r->topics.items[0].name, "t1"));
	assert_int_equal(r->topics.items[0].topic_authorized_operations, INT32_MIN);
	p = &r->topics.items[0].partitions.items[0];
	assert_int_equal(p->leader_id, 1);
	assert_int_equal(p->leader_epoch, k->version >= 7 ? 6 : -1);
	assert_int_equal(p->replica_nodes.count, 2);
	assert_int_equal(p->replica_nodes.items[1], 2);
	assert_int_equal(p->isr_nodes.count, 1);
	assert_int_equal(p->offline_replicas.count, k->version >= 5 ? 1 : 0);
	arena_done(&k->arena);
}

static void metadata_responses(void **state)
{
	struct known v1 = begin(&wire_metadata, 1,
				"00000007 00000001 00000001 0001 'h' 00002384 ffff 00000001"
				"00000001 0000 0002 't1' 00 00000001"
				"0000 00000000 00000001 00000002 00000001 00000002"
				"00000001 00000001");
	struct known v4 = begin(&wire_metadata, 4,
				"00000007 00000000 00000001 00000001 0001 'h' 00002384 ffff"
				"0003 'cid' 00000001 00000001 0000 0002 't1' 00 00000001"
				"0000 00000000 00000001 00000002 00000001 00000002"
				"00000001 00000001");
	struct known v12 = begin(&wire_metadata, 12,
				 "00000007 00 00000000 02 00000001 02 'h' 00002384 00 00"
				 "04 'cid' 00000001 02 0000 03 't1'"
				 "000102030405060708090a0b0c0d0e0f 00 02"
				 "0000 00000000 00000001 00000006 03 00000001 00000002"
				 "02 00000001 02 00000002 00"
				 "80000000 00 00");

	(void)state;
	check_metadata_response(&v1);
	check_metadata_response(&v4);
	check_metadata_response(&v12);
}

/* ---- between brokers ---- */

static void vote_2(void **state)
{
	struct known k = begin(&wire_vote, 2,
			       "0034 0002 00000001 0002 'me' 00"
			       "04 'cid' 00000003 02 13 '__cluster_metadata' 02"
			       "00000000 00000009 00000002 00000000000000000000000000000001"
			       "00000000000000000000000000000002 00000008 0000000000000400 01"
			       "00 00 00");
	const struct vote_request_partition *p;

	(void)state;
	open_request(&k);
	p = &k.m.vote.topics.items[0].partitions.items[0];
	assert_int_equal(k.m.vote.voter_id, 3);
	assert_int_equal(p->replica_epoch, 9);
	assert_int_equal(p->replica_id, 2);
	assert_int_equal(p->last_offset_epoch, 8);
	assert_int_equal(p->last_offset, 0x400);
	assert_true(p->pre_vote);
	arena_done(&k.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api_versions_3_of_librdkafka),
		cmocka_unit_test(api_versions_3_is_answered_under_a_plain_header),
		cmocka_unit_test(produce_requests),
		cmocka_unit_test(produce_responses),
		cmocka_unit_test(fetch_requests),
		cmocka_unit_test(fetch_16_of_a_follower),
		cmocka_unit_test(fetch_responses),
		cmocka_unit_test(metadata_requests),
		cmocka_unit_test(metadata_responses),
		cmocka_unit_test(vote_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
