/* The codec against every table: round trips, cut and broken bytes, limits, tags, frames. */
#include "fill.h"
#include "hex.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { ARENA_BYTES = 1 << 24, SEEDS = 100, METADATA_TYPES = 1100 };

struct case_of { /* one schema in one version */
	const struct wire_schema *schema;
	int16_t version;
	bool flexible;
};

typedef void each_case(struct case_of c);

static void for_each_api_version(const struct wire_api *api, each_case *each)
{
	for (int16_t v = api->first; v <= api->last; v++) {
		each((struct case_of){api->request, v, wire_is_flexible(api, v)});
		each((struct case_of){api->response, v, wire_is_flexible(api, v)});
	}
}

static void for_each_case(each_case *each)
{
	for (const struct wire_api *const *api = wire_apis; *api; api++)
		for_each_api_version(*api, each);
	for (int16_t type = 0; type < METADATA_TYPES; type++)
		if (metadata_record_schema(type))
			each((struct case_of){metadata_record_schema(type), 0, true});
	each((struct case_of){&leader_change_message_schema, 0, true});
	each((struct case_of){&control_record_key_schema, 0, false});
}

/* A message drawn from seed, and its bytes in out. */
static void *draw(struct case_of c, uint64_t seed, int32_t most_items, struct arena *arena,
		  struct wire_output *out)
{
	struct filler f = {
		.state = seed, .arena = arena, .version = c.version, .most_items = most_items};
	void *message = fill_message(&f, c.schema);

	wire_encode(c.schema, c.version, c.flexible, message, out);
	return message;
}

/* Decodes a copy that ends where its memory ends, so that a sanitizer sees a read past it. */
static int decode_copy(struct case_of c, const void *bytes, size_t size, struct arena *arena,
		       void *ret_message)
{
	uint8_t *copy = mem_resize(NULL, size + 1); /* at least one, and never NULL */
	struct reader in;
	int rc;

	memcpy(copy + 1, bytes, size);
	in = reader_of(copy + 1, size);
	rc = wire_decode(c.schema, c.version, c.flexible, &in, arena, ret_message);
	mem_free(copy);
	return rc;
}

static void round_trip(struct case_of c)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct wire_output out = {0}, again = {0};
		struct arena arena;
		struct reader in;
		void *sent, *got;

		arena_init(&arena, ARENA_BYTES);
		sent = draw(c, seed, 3, &arena, &out);
		got = arena_alloc(&arena, c.schema->size);
		in = reader_of(out.bytes.data, out.bytes.size);
		if (wire_decode(c.schema, c.version, c.flexible, &in, &arena, got) != 0 ||
		    reader_left(&in) > 0 || !fill_same_struct(c.schema, sent, got))
			fail_msg("%s version %d SEED=%d", c.schema->name, c.version, (int)seed);
		wire_encode(c.schema, c.version, c.flexible, got, &again);
		assert_int_equal(again.bytes.size, out.bytes.size);
		if (out.bytes.size)
			assert_memory_equal(again.bytes.data, out.bytes.data, out.bytes.size);
		wire_output_done(&out);
		wire_output_done(&again);
		arena_done(&arena);
	}
}

static void every_message_survives_the_wire_in_every_version(void **state)
{
	(void)state;
	for_each_case(round_trip);
}

static void cut_at_every_byte(struct case_of c)
{
	struct wire_output out = {0};
	struct arena arena;
	void *got;

	arena_init(&arena, ARENA_BYTES);
	draw(c, 1, 2, &arena, &out);
	got = arena_alloc(&arena, c.schema->size);
	for (size_t size = 0; size < out.bytes.size; size++) {
		struct arena own;

		arena_init(&own, ARENA_BYTES);
		if (decode_copy(c, out.bytes.data, size, &own, got) != -EBADMSG)
			fail_msg("%s version %d cut to %zu", c.schema->name, c.version, size);
		arena_done(&own);
	}
	wire_output_done(&out);
	arena_done(&arena);
}

static void a_message_cut_at_any_byte_is_refused(void **state)
{
	(void)state;
	for_each_case(cut_at_every_byte);
}

/* ---- the tables themselves ---- */

static bool may_be_null(const struct wire_field *f)
{
	return f->is_array || f->type == WIRE_STRING || f->type == WIRE_BYTES ||
	       f->type == WIRE_RECORDS;
}

static void check_table(const struct wire_schema *schema)
{
	int32_t last_tag = -1;

	for (size_t i = 0; i < schema->field_count; i++) {
		const struct wire_field *f = &schema->fields[i];

		assert_true(f->first <= f->last);
		assert_true(f->offset + (f->is_array ? sizeof(struct wire_array) : 1) <=
			    schema->size);
		assert_true(!f->is_nullable || may_be_null(f));
		assert_true(f->missing == 0 || !may_be_null(f));
		if (f->is_tagged) {
			assert_true(f->tag > last_tag);
			last_tag = f->tag;
		}
		if (f->type == WIRE_STRUCT)
			check_table(f->element);
	}
}

static void check_case(struct case_of c)
{
	check_table(c.schema);
}

static void tables_hold_what_the_codec_relies_on(void **state)
{
	(void)state;
	for_each_case(check_case);
	for (const struct wire_api *const *api = wire_apis; *api; api++) {
		assert_ptr_equal(wire_find_api((*api)->key), *api);
		assert_true(!api[1] || (*api)->key < api[1]->key);
		assert_true((*api)->first <= (*api)->last);
	}
	assert_null(wire_find_api(999));
	assert_null(metadata_record_schema(1));
	assert_string_equal(metadata_record_name(METADATA_SLOT_CHANGE), "SLOT_CHANGE");
}

/* ---- lengths, nulls and limits ---- */

static const struct case_of metadata_v1 = {NULL, 1, false}, metadata_v12 = {NULL, 12, true};

/* Gives what was decoded and how many bytes of the arena that took. */
static int decode_metadata_request(struct case_of c, const char *hex, size_t *ret_used_bytes)
{
	struct hex h = hex_of(hex);
	struct metadata_request request;
	struct arena arena;
	int rc;

	c.schema = wire_metadata.request;
	arena_init(&arena, ARENA_BYTES);
	rc = decode_copy(c, h.bytes, h.size, &arena, &request);
	*ret_used_bytes = arena.used_bytes;
	arena_done(&arena);
	return rc;
}

static void check_refused_at_once(struct case_of c, const char *hex)
{
	size_t used_bytes;

	assert_int_equal(decode_metadata_request(c, hex, &used_bytes), -EBADMSG);
	assert_int_equal(used_bytes, 0);
}

static void check_metadata_request(struct case_of c, const char *hex, int expected)
{
	size_t used_bytes;

	assert_int_equal(decode_metadata_request(c, hex, &used_bytes), expected);
}

static void a_count_beyond_the_bytes_is_refused_without_allocating(void **state)
{
	(void)state;
	check_refused_at_once(metadata_v1, "7fffffff");
	check_refused_at_once(metadata_v1, "00000002 0000");
	check_refused_at_once(metadata_v12, "ffffffff0f"); /* 2^32 - 2 of them */
	check_refused_at_once(metadata_v12, "8080808008"); /* 2^31 - 1 */
	/* Two elements take 2 * (16 + 1 + 1) bytes at least: one byte is missing. */
	check_refused_at_once(metadata_v12,
			      "03 00000000000000000000000000000000 00 00"
			      "   00000000000000000000000000000000 00");
}

static void null_is_refused_where_the_version_knows_none(void **state)
{
	(void)state;
	check_metadata_request((struct case_of){NULL, 0, false}, "ffffffff", -EBADMSG);
	check_metadata_request(metadata_v1, "ffffffff", 0);
	/* a null name: from version 10 on */
	check_metadata_request((struct case_of){NULL, 9, true}, "02 00 00 01 00 00 00", -EBADMSG);
	check_metadata_request(metadata_v12,
			       "02 00000000000000000000000000000000 00 00 01 00 00", 0);
}

static void negative_lengths_other_than_null_are_refused(void **state)
{
	(void)state;
	check_refused_at_once(metadata_v1, "fffffffe");
	check_refused_at_once(metadata_v1, "80000000");
	check_metadata_request(metadata_v1, "00000001 fffe 0000", -EBADMSG);
}

static void the_arena_limits_what_a_frame_can_take(void **state)
{
	struct hex h = hex_of("00000002 0001 'a' 0001 'b'");
	struct metadata_request request;

	(void)state;
	for (size_t limit_bytes = 16; limit_bytes <= 4096; limit_bytes *= 256) {
		struct arena arena;
		struct reader in = reader_of(h.bytes, h.size);

		arena_init(&arena, limit_bytes);
		assert_int_equal(wire_decode_request(&wire_metadata, 1, &in, &arena, &request),
				 limit_bytes == 16 ? -ENOMEM : 0);
		if (limit_bytes > 16) {
			assert_int_equal(request.topics.count, 2);
			assert_true(wire_string_equal(request.topics.items[1].name,
						      wire_string_of("b")));
			/* what version 1 does not say */
			assert_true(request.allow_auto_topic_creation);
		}
		arena_done(&arena);
	}
}

static void a_null_that_the_version_does_not_know_is_encoded_as_empty(void **state)
{
	struct metadata_response_topic topic = {.error_code = 3};
	struct metadata_response response;
	struct wire_output out = {0};
	struct hex expected = hex_of("00000000 ffffffff 00000001"
				     "0003 0000 00 00000000");

	(void)state;
	wire_init(wire_metadata.response, &response);
	response.topics.items = &topic;
	response.topics.count = 1;
	topic.partitions.count = -1;
	wire_encode(wire_metadata.response, 1, false, &response, &out);
	assert_int_equal(out.bytes.size, expected.size);
	assert_memory_equal(out.bytes.data, expected.bytes, expected.size);
	wire_output_done(&out);
}

/* ---- tags ---- */

static int decode_heartbeat_of(int16_t version, const char *tags,
			       struct broker_heartbeat_request *ret)
{
	struct case_of c = {wire_broker_heartbeat.request, version, true};
	struct hex h = hex_of("00000007 0000000000000009 000000000000000a 00 00");
	struct hex more = hex_of(tags);
	struct arena arena;
	int rc;

	memcpy(h.bytes + h.size, more.bytes, more.size);
	arena_init(&arena, ARENA_BYTES);
	rc = decode_copy(c, h.bytes, h.size + more.size, &arena, ret);
	arena_done(&arena);
	return rc;
}

static int decode_heartbeat(const char *tags, struct broker_heartbeat_request *ret)
{
	return decode_heartbeat_of(1, tags, ret);
}

/* Tag 0, OfflineLogDirs, comes with version 1: before, nobody knows what it means. */
static void a_tag_of_a_later_version_is_unknown(void **state)
{
	struct broker_heartbeat_request r;

	(void)state;
	assert_int_equal(decode_heartbeat_of(0, "01 00 02 aabb", &r), 0);
	assert_int_equal(r.offline_log_dirs.count, 0);
	assert_int_equal(decode_heartbeat_of(1, "01 00 02 aabb", &r), -EBADMSG);
}

static void tagged_fields_are_found_and_unknown_ones_skipped(void **state)
{
	struct broker_heartbeat_request r;

	(void)state;
	assert_int_equal(decode_heartbeat("00", &r), 0);
	assert_false(r.has_steer);
	assert_int_equal(decode_heartbeat("01 904e 01 01", &r), 0);
	assert_true(r.has_steer);
	assert_int_equal(r.broker_id, 7);
	/* 5: unknown; 10000: ours; 10001: unknown */
	assert_int_equal(decode_heartbeat("03 05 02 aabb 904e 01 01 914e 00", &r), 0);
	assert_true(r.has_steer);
}

static void tags_that_lie_are_refused(void **state)
{
	struct broker_heartbeat_request r;

	(void)state;
	assert_int_equal(decode_heartbeat("02 904e 01 01 904e 01 01", &r), -EBADMSG); /* twice */
	assert_int_equal(decode_heartbeat("02 05 00 05 00", &r), -EBADMSG); /* unknown, twice */
	assert_int_equal(decode_heartbeat("02 904e 01 01 05 00", &r), -EBADMSG); /* falling */
	assert_int_equal(decode_heartbeat("01 904e 02 01 00", &r), -EBADMSG); /* a byte too many */
	assert_int_equal(decode_heartbeat("01 904e 00", &r), -EBADMSG);       /* a byte too few */
	assert_int_equal(decode_heartbeat("01 904e 05 01", &r), -EBADMSG);    /* past the end */
	assert_int_equal(decode_heartbeat("ffffffff0f 05 00", &r), -EBADMSG); /* count */
}

static void a_tagged_field_with_its_missing_value_is_left_out(void **state)
{
	struct broker_heartbeat_request r;
	struct wire_output out = {0};

	(void)state;
	wire_init(wire_broker_heartbeat.request, &r);
	wire_encode(wire_broker_heartbeat.request, 1, true, &r, &out);
	assert_int_equal(out.bytes.size, 4 + 8 + 8 + 1 + 1 + 1);
	wire_output_done(&out);
}

/* A tagged field whose length takes two bytes moves what was written behind it. */
static void a_long_tagged_field_is_moved_whole(void **state)
{
	struct uuid log_dirs[20];
	struct broker_heartbeat_request r;
	struct wire_output out = {0};

	(void)state;
	memset(log_dirs, 0x5a, sizeof(log_dirs));
	wire_init(wire_broker_heartbeat.request, &r);
	r.offline_log_dirs.items = log_dirs;
	r.offline_log_dirs.count = 20;
	r.has_steer = true;
	wire_encode(wire_broker_heartbeat.request, 1, true, &r, &out);
	/* 2 tags; tag 0: 321 = 0xc1 0x02 bytes: count + 1 and the ids; tag 10000 */
	assert_int_equal(out.bytes.size, 22 + 1 + 1 + 2 + 321 + 4);
	assert_memory_equal(out.bytes.data + 22, "\x02\x00\xc1\x02\x15\x5a", 6);
	assert_memory_equal(out.bytes.data + out.bytes.size - 4, "\x90\x4e\x01\x01", 4);
	wire_output_done(&out);
}

/* ---- pieces of files ---- */

struct env_file {
	int references;
	bool is_cached;
};

static struct env_file *count_ref(struct env_file *file)
{
	file->references++;
	return file;
}

static void count_unref(struct env *env, struct env_file *file)
{
	(void)env;
	file->references--;
}

/* Each byte is its position's lowest. */
static ssize_t read_cached(struct env *env, struct env_file *file, void *bytes, size_t size,
			   int64_t position)
{
	uint8_t *to = bytes;

	(void)env;
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(position + (int64_t)i);
	return file->is_cached ? (ssize_t)size : -EAGAIN;
}

static const struct env_ops file_ops = {
	.file_ref = count_ref,
	.file_unref = count_unref,
	.file_read_cached = read_cached,
};

static void records_of_a_file_are_spliced_and_counted_in_the_size(void **state)
{
	struct env env = {.ops = &file_ops};
	struct env_file file = {.references = 1};
	struct fetch_response_partition partitions[2];
	struct fetch_response_topic topic = {.topic = wire_string_of("t")};
	struct fetch_response response;
	struct wire_output out = {.env = &env};
	struct hex first = hex_of("0000104f 0000002a 00000000 00000001 0001 't' 00000002"
				  "00000000 0000 0000000000000000 ffffffffffffffff ffffffff"
				  "00001000");

	(void)state;
	wire_init(wire_fetch.response, &response);
	response.responses.items = &topic;
	response.responses.count = 1;
	topic.partitions.items = partitions;
	topic.partitions.count = 2;
	for (int i = 0; i < 2; i++) {
		partitions[i] = (struct fetch_response_partition){
			.partition_index = i, .last_stable_offset = -1,
			.aborted_transactions.count = -1};
	}
	partitions[0].records =
		(struct wire_records){.file = &file, .position = 77, .size = 0x1000};
	wire_encode_response(&wire_fetch, 4, 42, &response, &out);
	assert_int_equal(out.splice_count, 1);
	assert_int_equal(out.splices[0].at, first.size);
	assert_int_equal(out.splices[0].position, 77);
	assert_int_equal(out.splices[0].size, 0x1000);
	assert_memory_equal(out.bytes.data, first.bytes, first.size);
	assert_int_equal(out.bytes.size + 0x1000 - 4, 0x104f);
	/* A second response's size counts its own piece only. */
	wire_encode_response(&wire_fetch, 4, 42, &response, &out);
	assert_int_equal(out.splice_count, 2);
	assert_int_equal(out.splices[1].at, out.bytes.size / 2 + first.size);
	assert_memory_equal(out.bytes.data + out.bytes.size / 2, first.bytes, first.size);
	assert_int_equal(file.references, 3);
	wire_output_done(&out);
	assert_int_equal(file.references, 1);
}

static void encode_fetched(struct env_file *file, int32_t size, struct wire_output *out)
{
	struct fetch_response_partition partition = {.aborted_transactions.count = -1};
	struct fetch_response_topic topic = {.topic = wire_string_of("t")};
	struct fetch_response response;

	wire_init(wire_fetch.response, &response);
	partition.records = (struct wire_records){.file = file, .position = 77, .size = size};
	topic.partitions.items = &partition;
	topic.partitions.count = 1;
	response.responses.items = &topic;
	response.responses.count = 1;
	wire_encode_response(&wire_fetch, 4, 42, &response, out);
}

static void few_records_that_are_cached_are_copied(void **state)
{
	struct env env = {.ops = &file_ops};
	struct env_file file = {.references = 1, .is_cached = true};
	struct wire_output out = {.env = &env};
	size_t few;

	(void)state;
	encode_fetched(&file, 3, &out);
	assert_int_equal(out.splice_count, 0);
	assert_int_equal(bytes_load_u32(out.bytes.data), out.bytes.size - 4);
	assert_memory_equal(out.bytes.data + out.bytes.size - 3, "MNO", 3);
	few = out.bytes.size;
	/* Not without bound. */
	encode_fetched(&file, WIRE_COPIED_BYTES, &out);
	assert_int_equal(out.splice_count, 1);
	assert_int_equal(out.bytes.size, few + few - 3);
	wire_output_done(&out);
	assert_int_equal(file.references, 1);
}

/* ---- frames ---- */

static void two_responses_follow_each_other_in_one_output(void **state)
{
	struct handshake_proof_response response = {.error_code = 58};
	struct wire_output out = {0};
	struct hex expected = hex_of("00000008 00000001 00 003a 00"
				     "00000008 00000002 00 003a 00");
	struct reader in;
	int32_t correlation_id;

	(void)state;
	wire_encode_response(&wire_handshake_proof, 0, 1, &response, &out);
	wire_encode_response(&wire_handshake_proof, 0, 2, &response, &out);
	assert_int_equal(out.bytes.size, expected.size);
	assert_memory_equal(out.bytes.data, expected.bytes, expected.size);
	in = reader_of(out.bytes.data + 4 + 8 + 4, 8);
	assert_int_equal(wire_decode_response(&wire_handshake_proof, 0, &in, NULL, &correlation_id,
					      &response),
			 0);
	assert_int_equal(correlation_id, 2);
	assert_int_equal(response.error_code, 58);
	wire_output_done(&out);
}

static void a_request_headers_client_id_may_be_null_and_nothing_else(void **state)
{
	struct hex null = hex_of("0003 0001 00000005 ffff");
	struct hex worse = hex_of("0003 0001 00000005 fffe");
	struct reader in = reader_of(null.bytes, null.size);
	struct wire_request_header header;

	(void)state;
	assert_int_equal(wire_decode_request_header(&wire_metadata, &in, &header), 0);
	assert_null(header.client_id.data);
	in = reader_of(worse.bytes, worse.size);
	assert_int_equal(wire_decode_request_header(&wire_metadata, &in, &header), -EBADMSG);
}

static void a_request_header_cut_anywhere_is_refused(void **state)
{
	struct hex h = hex_of("0003 000c 00000005 0002 'me' 01 07 01 ff");
	struct wire_request_header header;

	(void)state;
	for (size_t size = 0; size <= h.size; size++) {
		struct reader in = reader_of(h.bytes, size);
		int expected = size == h.size ? 0 : -EBADMSG;

		assert_int_equal(wire_peek_request(&in, &header), size < 8 ? -EBADMSG : 0);
		assert_int_equal(wire_decode_request_header(&wire_metadata, &in, &header),
				 expected);
	}
	assert_int_equal(header.api_key, 3);
	assert_int_equal(header.api_version, 12);
	assert_int_equal(header.correlation_id, 5);
	assert_true(wire_string_equal(header.client_id, wire_string_of("me")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_survives_the_wire_in_every_version),
		cmocka_unit_test(a_message_cut_at_any_byte_is_refused),
		cmocka_unit_test(tables_hold_what_the_codec_relies_on),
		cmocka_unit_test(a_count_beyond_the_bytes_is_refused_without_allocating),
		cmocka_unit_test(null_is_refused_where_the_version_knows_none),
		cmocka_unit_test(negative_lengths_other_than_null_are_refused),
		cmocka_unit_test(the_arena_limits_what_a_frame_can_take),
		cmocka_unit_test(a_null_that_the_version_does_not_know_is_encoded_as_empty),
		cmocka_unit_test(tagged_fields_are_found_and_unknown_ones_skipped),
		cmocka_unit_test(a_tag_of_a_later_version_is_unknown),
		cmocka_unit_test(tags_that_lie_are_refused),
		cmocka_unit_test(a_tagged_field_with_its_missing_value_is_left_out),
		cmocka_unit_test(a_long_tagged_field_is_moved_whole),
		cmocka_unit_test(records_of_a_file_are_spliced_and_counted_in_the_size),
		cmocka_unit_test(few_records_that_are_cached_are_copied),
		cmocka_unit_test(two_responses_follow_each_other_in_one_output),
		cmocka_unit_test(a_request_headers_client_id_may_be_null_and_nothing_else),
		cmocka_unit_test(a_request_header_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
