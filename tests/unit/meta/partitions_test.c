/* R33: what a leader may make of its ISR. */
#include "meta_testing.h"

static const struct image_partition *t0(const struct cluster *c)
{
	return cluster_partition(c, "t", 0);
}

static const struct image_topic *topic_t(const struct cluster *c)
{
	return image_find_topic(c->image, "t", 1);
}

struct alter { /* a good request, of which each test spoils one thing */
	int32_t broker, partition, leader_epoch, partition_epoch;
	int64_t broker_epoch;
	struct uuid topic_id;
	int32_t isr[4];
	int64_t epochs[4];
	int32_t count;
};

static struct alter good_alter(const struct cluster *c)
{
	struct alter a = {
		.broker = 1,
		.broker_epoch = image_find_broker(c->image, 1)->epoch,
		.topic_id = topic_t(c)->id,
		.leader_epoch = t0(c)->leader_epoch,
		.partition_epoch = t0(c)->partition_epoch,
		.isr = {1, 2},
		.count = 2,
	};

	for (int32_t i = 0; i < 3; i++)
		a.epochs[i] = image_find_broker(c->image, i + 1)->epoch;
	return a;
}

static enum kafka_error alter(struct cluster *c, struct alter a, int32_t *ret_epoch)
{
	return CLUSTER_DO(c, controller_alter_partition(c->image, &c->options, a.broker,
							a.broker_epoch, a.topic_id, a.partition,
							a.leader_epoch, a.partition_epoch, a.isr,
							a.epochs, a.count, &change, ret_epoch));
}

static void r33_each_fault_has_its_answer(void **state)
{
	struct cluster *c = cluster_of(12, 4);
	struct alter good, a;
	int32_t epoch = -1;

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	assert_int_equal(cluster_unfence(c, 3), KAFKA_NONE);
	good = good_alter(c);
#define SPOILED(expected_, ...)                                                                    \
	(a = good, __VA_ARGS__, assert_int_equal(alter(c, a, &epoch), (expected_)),                \
	 assert_int_equal(epoch, -1))
	SPOILED(KAFKA_STALE_BROKER_EPOCH, a.broker_epoch--);
	SPOILED(KAFKA_UNKNOWN_TOPIC_ID, a.topic_id = test_uuid(4711));
	SPOILED(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, a.partition = 1);
	SPOILED(KAFKA_NOT_CONTROLLER, a.leader_epoch++);
	SPOILED(KAFKA_NOT_CONTROLLER, a.partition_epoch++);
	SPOILED(KAFKA_FENCED_LEADER_EPOCH, a.leader_epoch--);
	SPOILED(KAFKA_INVALID_REQUEST, (a.broker = 2, a.broker_epoch = a.epochs[1]));
	SPOILED(KAFKA_INVALID_UPDATE_VERSION, a.partition_epoch--);
	SPOILED(KAFKA_INVALID_REQUEST, a.isr[1] = 4);
	SPOILED(KAFKA_INVALID_REQUEST, a.isr[1] = 1);
	SPOILED(KAFKA_INVALID_REQUEST, a.isr[0] = 3);
	SPOILED(KAFKA_INVALID_REQUEST, a.count = 0);
	SPOILED(KAFKA_INELIGIBLE_REPLICA, a.epochs[1]--);
	/* Of several faults the first in order is named. */
	SPOILED(KAFKA_NOT_CONTROLLER, (a.partition_epoch++, a.leader_epoch--, a.count = 0));
	SPOILED(KAFKA_FENCED_LEADER_EPOCH,
		(a.leader_epoch--, a.broker = 2, a.broker_epoch = a.epochs[1]));
	SPOILED(KAFKA_INVALID_UPDATE_VERSION, (a.partition_epoch--, a.isr[1] = 4));
#undef SPOILED
	a = good;
	a.isr[2] = 3;
	a.count = 3;
	assert_int_equal(alter(c, a, &epoch), KAFKA_NONE);
	assert_int_equal(epoch, good.partition_epoch + 1);
	assert_isr(t0(c), 1, 2, 3);
	assert_int_equal(t0(c)->leader_epoch, good.leader_epoch);
	cluster_free(c);
}

static void r33_fenced_or_leaving_brokers_do_not_enter(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	int32_t epoch = -1;
	struct alter a;

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	a = good_alter(c);
	a.isr[2] = 3;
	a.count = 3;
	assert_int_equal(alter(c, a, &epoch), KAFKA_INELIGIBLE_REPLICA);
	assert_int_equal(cluster_unfence(c, 3), KAFKA_NONE);
	assert_int_equal(
		CLUSTER_DO(c, controller_begin_shutdown(c->image, &c->options, 3, &change)),
		KAFKA_NONE);
	assert_int_equal(alter(c, a, &epoch), KAFKA_INELIGIBLE_REPLICA);
	cluster_free(c);
}

static void r8_the_same_isr_again_changes_nothing(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	int32_t epoch = -1;

	(void)state;
	cluster_create_on(c, LIST(1, 2));
	assert_int_equal(alter(c, good_alter(c), &epoch), KAFKA_NONE);
	assert_int_equal(c->records, 0);
	assert_int_equal(epoch, 0);
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r33_each_fault_has_its_answer),
		cmocka_unit_test(r33_fenced_or_leaving_brokers_do_not_enter),
		cmocka_unit_test(r8_the_same_isr_again_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
