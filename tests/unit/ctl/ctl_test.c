/* bwctl against a broker of a few lines: what it asks, what it prints, how it ends. */
#include "base/mem.h"
#include "ctl/ctl.h"
#include "wire/errors.h"
#include "wire/messages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { ANSWERS_MAX = 4, FRAME_BYTES_MAX = 4096 };

/* Serves one connection: gives the prepared answers in turn, then closes. */
struct fake_broker {
	pthread_t thread;
	int listener;
	char name[32]; /* HOST:PORT */
	const struct wire_api *api[ANSWERS_MAX];
	const void *answer[ANSWERS_MAX]; /* NULL: close instead */
	int16_t version[ANSWERS_MAX];
	int32_t correlation_shift; /* answers somebody else's request when not 0 */
	int answer_count;
	int asked;
	char request[ANSWERS_MAX][FRAME_BYTES_MAX]; /* decoded in place by the test */
	size_t request_size[ANSWERS_MAX];
};

struct said {
	char *out, *err;
	size_t out_size, err_size;
	int status;
};

static bool receive_all(int fd, void *bytes, size_t size)
{
	return recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

static void *serve(void *argument)
{
	struct fake_broker *b = argument;
	int fd = accept(b->listener, NULL, NULL);

	for (int i = 0; i < b->answer_count && b->answer[i]; i++) {
		struct wire_request_header header;
		struct wire_output out = {0};
		struct reader in;
		uint8_t size[4];

		if (!receive_all(fd, size, 4) || bytes_load_u32(size) > FRAME_BYTES_MAX ||
		    !receive_all(fd, b->request[i], bytes_load_u32(size)))
			break;
		b->request_size[i] = bytes_load_u32(size);
		in = reader_of(b->request[i], b->request_size[i]);
		wire_peek_request(&in, &header);
		b->asked++;
		b->version[i] = header.api_version;
		if (header.api_key != b->api[i]->key)
			break;
		wire_encode_response(b->api[i], header.api_version,
				     header.correlation_id + b->correlation_shift, b->answer[i],
				     &out);
		send(fd, out.bytes.data, out.bytes.size, MSG_NOSIGNAL);
		wire_output_done(&out);
	}
	close(fd);
	return NULL;
}

static void start(struct fake_broker *b)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	b->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(b->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(b->listener, 1), 0);
	assert_int_equal(getsockname(b->listener, (struct sockaddr *)&address, &size), 0);
	snprintf(b->name, sizeof(b->name), "127.0.0.1:%d", ntohs(address.sin_port));
	assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
}

static void expect_answer(struct fake_broker *b, const struct wire_api *api, const void *answer)
{
	b->api[b->answer_count] = api;
	b->answer[b->answer_count++] = answer;
}

/* Runs bwctl with the words after "-b BROKER"; the line ends with NULL. */
static struct said run(struct fake_broker *b, const char *const *words)
{
	char *argv[16] = {(char *)"bwctl", (char *)"-b", b->name};
	struct said said = {0};
	FILE *out = open_memstream(&said.out, &said.out_size);
	FILE *err = open_memstream(&said.err, &said.err_size);
	int argc = 3;

	while (*words)
		argv[argc++] = (char *)*words++;
	said.status = ctl_run(argc, argv, out, err);
	fclose(out);
	fclose(err);
	return said;
}

static void said_done(struct said *said)
{
	free(said->out);
	free(said->err);
}

#define RUN(broker, ...) run(broker, (const char *const[]){__VA_ARGS__, NULL})

static void finish(struct fake_broker *b)
{
	shutdown(b->listener, SHUT_RDWR);
	pthread_join(b->thread, NULL);
	close(b->listener);
}

/* Decodes request i, whose body the arena must outlive. */
static void decode_request(struct fake_broker *b, int i, struct arena *arena, void *ret_request)
{
	struct reader in = reader_of(b->request[i], b->request_size[i]);
	struct wire_request_header header;

	arena_init(arena, 1 << 20);
	assert_int_equal(wire_decode_request_header(b->api[i], &in, &header), 0);
	assert_int_equal(wire_decode(b->api[i]->request, header.api_version,
				     wire_is_flexible(b->api[i], header.api_version), &in, arena,
				     ret_request),
			 0);
}

/* ---- two slots ---- */

static int32_t slot_order[] = {1, 2, 3};
static struct describe_slots_response_address slot_addresses[] = {
	{.host = {.data = "10.77.0.100", .size = 11}, .port = 9100},
	{.host = {.data = "10.77.0.100", .size = 11}, .port = 9092},
};
static struct describe_slots_response_slot two_slots[] = {
	{.slot = 0,
	 .slot_epoch = 17,
	 .holder = 2,
	 .order = {slot_order, 3},
	 .addresses = {slot_addresses, 2},
	 .partitions = 4},
	{.slot = 1,
	 .slot_epoch = 3,
	 .holder = 1,
	 .order = {slot_order, 2},
	 .addresses = {slot_addresses, 1}},
};
static const struct describe_slots_response slots = {.slots = {two_slots, 2}};

static void slot_list_is_a_table(void **state)
{
	struct fake_broker b = {0};
	struct said said;

	(void)state;
	expect_answer(&b, &wire_describe_slots, &slots);
	start(&b);
	said = RUN(&b, "slot", "list");
	assert_string_equal(
		said.out,
		"SLOT  HOLDER  EPOCH  ORDER  PARTITIONS  ADDRESSES\n"
		"0     2       17     1,2,3  4           10.77.0.100:9100,10.77.0.100:9092\n"
		"1     1       3      1,2    0           10.77.0.100:9100\n");
	assert_int_equal(said.status, CTL_OK);
	said_done(&said);
	finish(&b);
}

static void slot_list_is_json(void **state)
{
	struct fake_broker b = {0};
	json_t *array, *slot;
	struct said said;

	(void)state;
	expect_answer(&b, &wire_describe_slots, &slots);
	start(&b);
	said = RUN(&b, "--json", "slot", "list");
	array = json_loads(said.out, 0, NULL);
	assert_int_equal(json_array_size(array), 2);
	slot = json_array_get(array, 0);
	assert_int_equal(json_integer_value(json_object_get(slot, "slot")), 0);
	assert_int_equal(json_integer_value(json_object_get(slot, "holder")), 2);
	assert_int_equal(json_integer_value(json_object_get(slot, "epoch")), 17);
	assert_int_equal(json_array_size(json_object_get(slot, "order")), 3);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(slot, "addresses"), 1)),
		"10.77.0.100:9092");
	json_decref(array);
	said_done(&said);
	finish(&b);
}

static void cluster_is_json(void **state)
{
	struct describe_cluster_response_broker brokers[] = {
		{.broker_id = 1, .host = wire_string_of("10.77.0.1"), .port = 9092},
		{.broker_id = 2, .host = wire_string_of("10.77.0.2"), .port = 9092},
	};
	struct describe_cluster_response cluster = {
		.cluster_id = wire_string_of("abc"), .controller_id = 2, .brokers = {brokers, 2}};
	struct fake_broker b = {0};
	struct said said;
	json_t *value;

	(void)state;
	expect_answer(&b, &wire_describe_cluster, &cluster);
	expect_answer(&b, &wire_describe_slots, &slots);
	start(&b);
	said = RUN(&b, "cluster", "--json");
	assert_int_equal(said.status, CTL_OK);
	value = json_loads(said.out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(value, "cluster_id")), "abc");
	assert_int_equal(json_integer_value(json_object_get(value, "controller")), 2);
	assert_int_equal(json_array_size(json_object_get(value, "brokers")), 2);
	assert_int_equal(json_array_size(json_object_get(value, "slots")), 2);
	json_decref(value);
	said_done(&said);
	finish(&b);
}

/* ---- topics ---- */

static void topic_create_sends_what_was_asked(void **state)
{
	struct create_topics_response_topic created = {.name = wire_string_of("orders"),
						       .num_partitions = 6,
						       .replication_factor = 3,
						       .configs = {NULL, -1}};
	struct create_topics_response response = {.topics = {&created, 1}};
	struct create_topics_request request;
	struct fake_broker b = {0};
	struct arena arena;
	struct said said;

	(void)state;
	expect_answer(&b, &wire_create_topics, &response);
	start(&b);
	said = RUN(&b, "topic", "create", "orders", "--partitions", "6", "--config", "a=b=c");
	assert_int_equal(said.status, CTL_OK);
	assert_string_equal(said.out, "topic orders: 6 partitions, replication factor 3\n");
	finish(&b);
	decode_request(&b, 0, &arena, &request);
	assert_int_equal(request.topics.count, 1);
	assert_int_equal(request.topics.items[0].num_partitions, 6);
	assert_int_equal(request.topics.items[0].replication_factor, -1);
	assert_true(wire_string_equal(request.topics.items[0].configs.items[0].value,
				      wire_string_of("b=c")));
	said_done(&said);
	arena_done(&arena);
}

static void an_error_is_named_and_ends_with_1(void **state)
{
	struct create_topics_response_topic refused = {.name = wire_string_of("orders"),
						       .error_code = KAFKA_TOPIC_ALREADY_EXISTS,
						       .error_message =
							       wire_string_of("it is there"),
						       .configs = {NULL, -1}};
	struct create_topics_response response = {.topics = {&refused, 1}};
	struct fake_broker b = {0};
	struct said said;

	(void)state;
	expect_answer(&b, &wire_create_topics, &response);
	start(&b);
	said = RUN(&b, "topic", "create", "orders");
	assert_int_equal(said.status, CTL_FAILED);
	assert_string_equal(said.err, "bwctl: orders: TOPIC_ALREADY_EXISTS: it is there\n");
	assert_string_equal(said.out, "");
	said_done(&said);
	finish(&b);
}

static void topic_describe_names_slots_in_the_slot_view(void **state)
{
	struct metadata_response_partition partitions[] = {
		{.partition_index = 0,
		 .leader_id = 1004,
		 .leader_epoch = 7,
		 .replica_nodes = {slot_order, 3},
		 .isr_nodes = {slot_order, 2}},
		{.partition_index = 1,
		 .leader_id = 2,
		 .leader_epoch = 8,
		 .replica_nodes = {slot_order, 3},
		 .isr_nodes = {slot_order, 3}},
	};
	struct metadata_response_topic topic = {.name = wire_string_of("orders"),
						.partitions = {partitions, 2}};
	struct metadata_response response = {.topics = {&topic, 1}};
	struct fake_broker b = {0};
	struct said said;

	(void)state;
	expect_answer(&b, &wire_metadata, &response);
	start(&b);
	said = RUN(&b, "topic", "describe", "orders");
	assert_string_equal(said.out, "topic orders\n"
				      "PARTITION  LEADER  EPOCH  REPLICAS  ISR    ERROR\n"
				      "0          slot 4  7      1,2,3     1,2    -\n"
				      "1          2       8      1,2,3     1,2,3  -\n");
	assert_int_equal(said.status, CTL_OK);
	said_done(&said);
	finish(&b);
}

/* ---- a broker that misbehaves ---- */

static void a_closed_connection_ends_with_1(void **state)
{
	struct fake_broker b = {0};
	struct said said;

	(void)state;
	expect_answer(&b, &wire_describe_slots, NULL);
	start(&b);
	said = RUN(&b, "slot", "list");
	assert_int_equal(said.status, CTL_FAILED);
	assert_non_null(strstr(said.err, "DescribeSlots"));
	said_done(&said);
	finish(&b);
}

static void an_answer_to_another_request_is_refused(void **state)
{
	struct fake_broker b = {.correlation_shift = 1};
	struct said said;

	(void)state;
	expect_answer(&b, &wire_describe_slots, &slots);
	start(&b);
	said = RUN(&b, "slot", "list");
	assert_int_equal(said.status, CTL_FAILED);
	assert_string_equal(said.out, "");
	said_done(&said);
	finish(&b);
}

static void a_silent_broker_costs_the_time_out(void **state)
{
	struct fake_broker b = {0};
	struct said said;

	(void)state;
	start(&b);
	pthread_cancel(b.thread); /* the kernel goes on accepting, and nobody answers */
	pthread_join(b.thread, NULL);
	said = RUN(&b, "--timeout", "1", "slot", "list");
	assert_int_equal(said.status, CTL_FAILED);
	assert_non_null(strstr(said.err, "timed out"));
	said_done(&said);
	close(b.listener);
}

static void a_wrong_command_line_ends_with_2(void **state)
{
	struct fake_broker b = {.name = "127.0.0.1:1"};
	static const char *const lines[][6] = {
		{"nonsense", NULL},
		{"topic", NULL},
		{"topic", "create", NULL},
		{"slot", "move", "1", NULL},
		{"slot", "move", "1", "x", NULL},
		{"slot", "list", "--partitions", "3", NULL},
		{"cluster", "extra", NULL},
		{"topic", "create", "a", "--config", "b", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct said said = run(&b, lines[i]);

		assert_int_equal(said.status, CTL_USAGE);
		assert_string_equal(said.out, "");
		assert_true(said.err_size > 0);
		said_done(&said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_list_is_a_table),
		cmocka_unit_test(slot_list_is_json),
		cmocka_unit_test(cluster_is_json),
		cmocka_unit_test(topic_create_sends_what_was_asked),
		cmocka_unit_test(an_error_is_named_and_ends_with_1),
		cmocka_unit_test(topic_describe_names_slots_in_the_slot_view),
		cmocka_unit_test(a_closed_connection_ends_with_1),
		cmocka_unit_test(an_answer_to_another_request_is_refused),
		cmocka_unit_test(a_silent_broker_costs_the_time_out),
		cmocka_unit_test(a_wrong_command_line_ends_with_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
