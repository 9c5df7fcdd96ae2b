/* Topics: what may be created, and that one of the same name is another one. */
#include "requests.h"

#include "base/mem.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* One topic as CreateTopics asks for it; the error that comes. */
static enum kafka_error try_create(struct asker *a, struct create_topics_request_topic topic,
				   bool validate_only)
{
	struct create_topics_request request;
	struct create_topics_response response;

	wire_init(wire_create_topics.request, &request);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = CLIENT_WAIT_MS;
	request.validate_only = validate_only;
	ask(a, &wire_create_topics, 7, &request, &response);
	assert_int_equal(response.topics.count, 1);
	/* A refusal says why. */
	if (response.topics.items[0].error_code != KAFKA_NONE &&
	    response.topics.items[0].error_code != KAFKA_INVALID_REPLICA_ASSIGNMENT)
		assert_non_null(response.topics.items[0].error_message.data);
	return (enum kafka_error)response.topics.items[0].error_code;
}

static struct create_topics_request_topic topic_named(const char *name)
{
	struct create_topics_request_topic topic;

	memset(&topic, 0, sizeof(topic));
	topic.name = wire_string_of(name);
	topic.num_partitions = 1;
	topic.replication_factor = 1;
	return topic;
}

/* ---- what is refused ---- */

static void bad_names_are_refused(void **state)
{
	static const char *const names[] = {"", ".", "..", "a/b", "../a", "a b", "a:b", "\xc3\xa4"};
	char long_name[251] = {0};
	struct create_topics_request_topic topic;
	struct asker *a = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(try_create(a, topic_named(names[i]), false),
				 KAFKA_INVALID_TOPIC_EXCEPTION);
	memset(long_name, 'n', 250);
	assert_int_equal(try_create(a, topic_named(long_name), false),
			 KAFKA_INVALID_TOPIC_EXCEPTION);
	topic = topic_named("zero");
	topic.name.size = 5; /* with its zero byte */
	assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_TOPIC_EXCEPTION);
	long_name[249] = 0;
	assert_int_equal(try_create(a, topic_named(long_name), false), KAFKA_NONE);
	assert_int_equal(delete_topic(a, long_name), KAFKA_NONE);
}

static void bad_counts_are_refused(void **state)
{
	static const int32_t partitions[] = {0, -2, 10001, INT32_MAX, INT32_MIN};
	static const int16_t factors[] = {0, -2, 2, INT16_MAX};
	struct create_topics_request_topic topic = topic_named("counts");
	struct asker *a = *state;

	for (size_t i = 0; i < sizeof(partitions) / sizeof(*partitions); i++) {
		topic.num_partitions = partitions[i];
		assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_PARTITIONS);
	}
	topic.num_partitions = 1;
	for (size_t i = 0; i < sizeof(factors) / sizeof(*factors); i++) {
		topic.replication_factor = factors[i];
		assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_REPLICATION_FACTOR);
	}
	topic.num_partitions = -1; /* the broker's defaults */
	topic.replication_factor = -1;
	assert_int_equal(try_create(a, topic, false), KAFKA_NONE);
}

static void bad_settings_are_refused(void **state)
{
	static const struct {
		const char *name, *value;
	} settings[] = {
		{"colour", "red"},	   {"", ""},
		{"retention.ms", "soon"},  {"retention.ms", ""},
		{"retention.ms", NULL},	   {"retention.ms", "-2"},
		{"segment.bytes", "1e9"},  {"min.insync.replicas", "0"},
		{"cleanup.policy", "eat"},
	};
	struct create_topics_request_config config;
	struct create_topics_request_topic topic = topic_named("settings");
	struct asker *a = *state;

	topic.configs.items = &config;
	topic.configs.count = 1;
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		config.name = wire_string_of(settings[i].name);
		config.value = wire_string_of(settings[i].value);
		assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_CONFIG);
	}
	config.name = wire_string_of("retention.ms");
	config.value = wire_string_of("1000");
	assert_int_equal(try_create(a, topic, false), KAFKA_NONE);
}

static void bad_assignments_are_refused(void **state)
{
	int32_t brokers[2] = {1, 1};
	struct create_topics_request_assignment assignments[2] = {
		{0, {brokers, 1}},
		{1, {brokers, 1}},
	};
	struct create_topics_request_topic topic = topic_named("assigned");
	struct asker *a = *state;

	topic.num_partitions = -1;
	topic.replication_factor = -1;
	topic.assignments.items = assignments;
	topic.assignments.count = 2;
	assignments[1].partition_index = 2; /* a hole */
	assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_REPLICA_ASSIGNMENT);
	assignments[1].partition_index = 0; /* twice */
	assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_REPLICA_ASSIGNMENT);
	assignments[1].partition_index = -1;
	assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_REPLICA_ASSIGNMENT);
	assignments[1].partition_index = 1;
	assignments[1].broker_ids.count = 0;
	assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_REPLICA_ASSIGNMENT);
	assignments[0].broker_ids.count = 2; /* one broker twice */
	assignments[1].broker_ids.count = 2;
	assert_int_not_equal(try_create(a, topic, false), KAFKA_NONE);
	assignments[0].broker_ids.count = 1;
	assignments[1].broker_ids.count = 1;
	brokers[0] = 500; /* nobody */
	assert_int_equal(try_create(a, topic, false), KAFKA_INVALID_REPLICA_ASSIGNMENT);
	brokers[0] = 1;
	assert_int_equal(try_create(a, topic, false), KAFKA_NONE);
}

static void a_name_is_taken_once_and_a_try_takes_none(void **state)
{
	struct asker *a = *state;

	assert_int_equal(try_create(a, topic_named("once"), true), KAFKA_NONE);
	assert_int_equal(delete_topic(a, "once"), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(try_create(a, topic_named("once"), false), KAFKA_NONE);
	assert_int_equal(try_create(a, topic_named("once"), false), KAFKA_TOPIC_ALREADY_EXISTS);
	assert_int_equal(try_create(a, topic_named("once"), true), KAFKA_TOPIC_ALREADY_EXISTS);
}

/* Two of one name in one request: at most one of them is made. */
static void a_name_twice_in_a_request_is_made_once(void **state)
{
	struct asker *a = *state;
	struct create_topics_request_topic topics[2] = {topic_named("twice"), topic_named("twice")};
	struct create_topics_request request;
	struct create_topics_response response;
	int made = 0;

	wire_init(wire_create_topics.request, &request);
	request.topics.items = topics;
	request.topics.count = 2;
	request.timeout_ms = CLIENT_WAIT_MS;
	ask(a, &wire_create_topics, 7, &request, &response);
	assert_int_equal(response.topics.count, 2);
	for (int i = 0; i < 2; i++)
		made += response.topics.items[i].error_code == KAFKA_NONE;
	assert_true(made <= 1);
}

/* Else a small request would draw an answer as large as the asker likes. */
static void metadata_answers_a_topic_once_however_often_it_is_asked_for(void **state)
{
	enum { TIMES = 5000, PARTITIONS = 500 };
	struct asker *a = *state;
	struct metadata_request_topic *topics = mem_alloc(TIMES * sizeof(*topics));
	struct metadata_request request;
	struct metadata_response response;

	assert_int_equal(create_topic(a, "asked", PARTITIONS, NULL), KAFKA_NONE);
	for (int i = 0; i < TIMES; i++)
		topics[i].name = wire_string_of(i % 2 ? "asked" : "once");
	topics[TIMES - 1].name = wire_string_of("nobody");
	wire_init(wire_metadata.request, &request);
	request.topics.items = topics;
	request.topics.count = TIMES;
	request.allow_auto_topic_creation = false;
	for (int i = 0; i < 1000; i++) { /* a busy disk may take long to make so many logs */
		ask(a, &wire_metadata, 9, &request, &response);
		if (response.topics.count == 3)
			break;
	}
	assert_int_equal(response.topics.count, 3);
	assert_int_equal(response.topics.items[1].partitions.count, PARTITIONS);
	assert_int_equal(response.topics.items[2].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(delete_topic(a, "asked"), KAFKA_NONE);
	mem_free(topics);
}

/* ---- deleting ---- */

static bool folder_is_there(const struct asker *a, const char *name)
{
	char *path = mem_format("%s/%s", a->data, name);
	struct stat st;
	bool is_there = stat(path, &st) == 0;

	mem_free(path);
	return is_there;
}

static bool folder_goes(const struct asker *a, const char *name)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	for (int i = 0; i < 500 && folder_is_there(a, name); i++)
		nanosleep(&pause, NULL);
	return !folder_is_there(a, name);
}

/* The topic exists for data requests when its shard knows it. */
static struct produced produce_when_known(struct asker *a, const char *topic,
					  const struct buffer *batch)
{
	struct produced produced = {KAFKA_NONE, -1};

	for (int i = 0; i < 1000; i++) {
		produced = produce(a, topic, 0, batch, -1);
		if (produced.error != KAFKA_UNKNOWN_TOPIC_OR_PARTITION)
			break;
	}
	return produced;
}

static void a_topic_of_the_same_name_is_another_topic(void **state)
{
	struct asker *a = *state;
	struct buffer batch = {0};
	struct uuid ids[3];

	make_batch(&batch, 3, 1700000000000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(create_topic(a, "again", 1, &ids[i]), KAFKA_NONE);
		assert_false(uuid_is_zero(ids[i]));
		/* A fresh log: offset 0, whatever the one before it held. */
		assert_int_equal(produce_when_known(a, "again", &batch).base_offset, 0);
		assert_int_equal(fetch(a, "again", 0, 0).high_watermark, 3);
		assert_int_equal(delete_topic(a, "again"), KAFKA_NONE);
		if (i == 0)
			assert_true(folder_goes(a, "again-0"));
	}
	assert_false(uuid_equal(ids[0], ids[1]));
	assert_false(uuid_equal(ids[1], ids[2]));
	assert_true(folder_goes(a, "again-0"));
	assert_int_equal(delete_topic(a, "again"), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(fetch(a, "again", 0, 0).error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	buffer_done(&batch);
}

const struct CMUnitTest topic_tests[] = {
	ASKER_TEST(bad_names_are_refused),
	ASKER_TEST(bad_counts_are_refused),
	ASKER_TEST(bad_settings_are_refused),
	ASKER_TEST(bad_assignments_are_refused),
	ASKER_TEST(a_name_is_taken_once_and_a_try_takes_none),
	ASKER_TEST(a_name_twice_in_a_request_is_made_once),
	ASKER_TEST(metadata_answers_a_topic_once_however_often_it_is_asked_for),
	ASKER_TEST(a_topic_of_the_same_name_is_another_topic),
};
const size_t topic_test_count = sizeof(topic_tests) / sizeof(*topic_tests);
