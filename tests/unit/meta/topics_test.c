/* Topics: names, counts, settings, assignments; and producer ids. */
#include "meta_testing.h"

static const struct image_partition *t0(const struct cluster *c)
{
	return cluster_partition(c, "t", 0);
}

static const struct image_topic *topic_t(const struct cluster *c)
{
	return image_find_topic(c->image, "t", 1);
}

static struct controller_topic good_topic(void)
{
	return (struct controller_topic){
		.name = wire_string_of("orders"),
		.id = test_uuid(5),
		.partitions = 2,
		.replication_factor = 2,
	};
}

static enum kafka_error create(struct cluster *c, struct controller_topic topic)
{
	const char *sentence = NULL;
	enum kafka_error error;

	error = CLUSTER_DO(
		c, controller_create_topic(c->image, &c->options, &topic, &change, &sentence));
	assert_true((error == KAFKA_NONE) == (sentence == NULL));
	return error;
}

static enum kafka_error create_named(struct cluster *c, const char *name)
{
	struct controller_topic topic = good_topic();

	topic.name = wire_string_of(name);
	topic.id = test_uuid((int)c->image->offset);
	return create(c, topic);
}

static void topic_names_are_kafkas(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	char name[251];

	(void)state;
	memset(name, 'x', 250);
	name[250] = 0;
	assert_int_equal(create_named(c, ""), KAFKA_INVALID_TOPIC_EXCEPTION);
	assert_int_equal(create_named(c, "."), KAFKA_INVALID_TOPIC_EXCEPTION);
	assert_int_equal(create_named(c, ".."), KAFKA_INVALID_TOPIC_EXCEPTION);
	assert_int_equal(create_named(c, "a/b"), KAFKA_INVALID_TOPIC_EXCEPTION);
	assert_int_equal(create_named(c, "\xc3\xa4"), KAFKA_INVALID_TOPIC_EXCEPTION);
	assert_int_equal(create_named(c, name), KAFKA_INVALID_TOPIC_EXCEPTION);
	assert_int_equal(create_named(c, NULL), KAFKA_INVALID_TOPIC_EXCEPTION);
	name[249] = 0;
	assert_int_equal(create_named(c, name), KAFKA_NONE);
	assert_int_equal(create_named(c, "..."), KAFKA_NONE);
	assert_int_equal(create_named(c, "A-z_0.9"), KAFKA_NONE);
	assert_int_equal(create_named(c, "A-z_0.9"), KAFKA_TOPIC_ALREADY_EXISTS);
	cluster_free(c);
}

static void topic_counts_are_checked(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	struct controller_topic topic;

	(void)state;
#define COUNTS(partitions_, replicas_)                                                             \
	(topic = good_topic(), topic.partitions = (partitions_),                                   \
	 topic.replication_factor = (replicas_), create(c, topic))
	assert_int_equal(COUNTS(0, 1), KAFKA_INVALID_PARTITIONS);
	assert_int_equal(COUNTS(-2, 1), KAFKA_INVALID_PARTITIONS);
	assert_int_equal(COUNTS(INT32_MAX, 1), KAFKA_INVALID_PARTITIONS);
	assert_int_equal(COUNTS(1, 0), KAFKA_INVALID_REPLICATION_FACTOR);
	assert_int_equal(COUNTS(1, -2), KAFKA_INVALID_REPLICATION_FACTOR);
	assert_int_equal(COUNTS(1, 4), KAFKA_INVALID_REPLICATION_FACTOR);
	c->options.default_partitions = 5;
	assert_int_equal(COUNTS(-1, -1), KAFKA_NONE);
#undef COUNTS
	assert_int_equal(image_find_topic(c->image, "orders", 6)->partition_count, 5);
	assert_int_equal(cluster_partition(c, "orders", 4)->replica_count, 3);
	cluster_free(c);
}

static void a_cluster_without_live_brokers_makes_no_topics(void **state)
{
	struct cluster *c = cluster_of(12, 1);

	(void)state;
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(cluster_create(c, "t", 1, 1), KAFKA_INVALID_REPLICATION_FACTOR);
	cluster_free(c);
}

static enum kafka_error create_with(struct cluster *c, const char *name, const char *value)
{
	struct image_setting setting = {(char *)name, (char *)value};
	struct controller_topic topic = good_topic();
	enum kafka_error error;

	topic.settings = &setting;
	topic.setting_count = 1;
	error = create(c, topic);
	if (error != KAFKA_NONE)
		return error;
	assert_string_equal(image_topic_setting(image_find_topic(c->image, "orders", 6), name),
			    value);
	assert_int_equal(CLUSTER_DO(c, controller_delete_topic(c->image, topic.id, &change)),
			 KAFKA_NONE);
	return KAFKA_NONE;
}

static void topic_settings_are_checked(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	assert_int_equal(create_with(c, "min.insync.replicas", "2"), KAFKA_NONE);
	assert_int_equal(create_with(c, "min.insync.replicas", "0"), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "min.insync.replicas", "2x"), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "min.insync.replicas", " 2"), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "min.insync.replicas", ""), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "min.insync.replicas", NULL), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "segment.bytes", "1048576"), KAFKA_NONE);
	assert_int_equal(create_with(c, "segment.bytes", "13"), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "segment.bytes", "2147483648"), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "retention.ms", "-1"), KAFKA_NONE);
	assert_int_equal(create_with(c, "retention.ms", "9223372036854775808"),
			 KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "retention.bytes", "1000"), KAFKA_NONE);
	assert_int_equal(create_with(c, "cleanup.policy", "delete"), KAFKA_NONE);
	assert_int_equal(create_with(c, "cleanup.policy", "compact"), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "cleanup.policy", "compact,delete"), KAFKA_INVALID_CONFIG);
	assert_int_equal(create_with(c, "colour", "blue"), KAFKA_INVALID_CONFIG);
	cluster_free(c);
}

static void a_setting_is_given_once(void **state)
{
	struct image_setting settings[] = {{(char *)"retention.ms", (char *)"1"},
					   {(char *)"retention.ms", (char *)"2"}};
	struct cluster *c = cluster_of(12, 3);
	struct controller_topic topic = good_topic();

	(void)state;
	topic.settings = settings;
	topic.setting_count = 2;
	assert_int_equal(create(c, topic), KAFKA_INVALID_CONFIG);
	cluster_free(c);
}

static enum kafka_error create_by_hand(struct cluster *c, int32_t a, int32_t b)
{
	struct controller_topic topic = good_topic();
	int32_t assignment[] = {1, 2, a, b};

	topic.assignment = assignment;
	return create(c, topic);
}

static void assignments_by_hand_are_checked(void **state)
{
	struct cluster *c = cluster_of(12, 4);

	(void)state;
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	assert_int_equal(cluster_fence(c, 4), KAFKA_NONE);
	assert_int_equal(create_by_hand(c, 2, 2), KAFKA_INVALID_REPLICA_ASSIGNMENT);
	assert_int_equal(create_by_hand(c, 2, 9), KAFKA_INVALID_REPLICA_ASSIGNMENT);
	assert_int_equal(create_by_hand(c, 3, 4), KAFKA_INVALID_REPLICA_ASSIGNMENT);
	assert_int_equal(create_by_hand(c, 3, 2), KAFKA_NONE);
	assert_isr(cluster_partition(c, "orders", 1), 2);
	assert_int_equal(cluster_partition(c, "orders", 1)->leader, 2);
	cluster_free(c);
}

static void deleting_a_topic_frees_its_slots(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2));
	assert_int_equal(c->image->slots[t0(c)->slot]->partition_count, 1);
	assert_int_equal(CLUSTER_DO(c, controller_delete_topic(c->image, test_uuid(77), &change)),
			 KAFKA_NONE);
	assert_null(topic_t(c));
	assert_int_equal(CLUSTER_DO(c, controller_delete_topic(c->image, test_uuid(77), &change)),
			 KAFKA_UNKNOWN_TOPIC_ID);
	cluster_free(c);
}

static void r39_min_insync_is_the_topics_or_the_clusters(void **state)
{
	struct image_setting setting = {(char *)"min.insync.replicas", (char *)"3"};
	struct image_partition partition = {.replica_count = 3};
	struct controller_options options = {0};
	struct image_topic topic = {0};

	(void)state;
	assert_int_equal(controller_min_insync(&options, &topic, &partition), 2);
	partition.replica_count = 2;
	assert_int_equal(controller_min_insync(&options, &topic, &partition), 1);
	options.min_insync_replicas = 2;
	assert_int_equal(controller_min_insync(&options, &topic, &partition), 2);
	topic.settings = &setting;
	topic.setting_count = 1;
	assert_int_equal(controller_min_insync(&options, &topic, &partition), 3);
}

static void producer_ids_are_never_given_twice(void **state)
{
	struct cluster *c = cluster_of(12, 1);
	int64_t epoch = image_find_broker(c->image, 1)->epoch, first = -1;

	(void)state;
	for (int64_t i = 0; i < 3; i++) {
		assert_int_equal(CLUSTER_DO(c, controller_allocate_producer_ids(c->image, 1, epoch,
										&change, &first)),
				 KAFKA_NONE);
		assert_int_equal(first, i * CONTROLLER_PRODUCER_ID_BLOCK);
	}
	assert_int_equal(CLUSTER_DO(c, controller_allocate_producer_ids(c->image, 1, epoch + 1,
									&change, &first)),
			 KAFKA_STALE_BROKER_EPOCH);
	assert_int_equal(CLUSTER_DO(c, controller_allocate_producer_ids(c->image, 2, epoch, &change,
									&first)),
			 KAFKA_BROKER_ID_NOT_REGISTERED);
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topic_names_are_kafkas),
		cmocka_unit_test(topic_counts_are_checked),
		cmocka_unit_test(a_cluster_without_live_brokers_makes_no_topics),
		cmocka_unit_test(topic_settings_are_checked),
		cmocka_unit_test(a_setting_is_given_once),
		cmocka_unit_test(assignments_by_hand_are_checked),
		cmocka_unit_test(deleting_a_topic_frees_its_slots),
		cmocka_unit_test(r39_min_insync_is_the_topics_or_the_clusters),
		cmocka_unit_test(producer_ids_are_never_given_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
