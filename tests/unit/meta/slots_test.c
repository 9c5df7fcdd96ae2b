/* The law of slots, as far as the controller keeps it. */
#include "meta_testing.h"

static const struct image_partition *t0(const struct cluster *c)
{
	return cluster_partition(c, "t", 0);
}

static const struct image_topic *topic_t(const struct cluster *c)
{
	return image_find_topic(c->image, "t", 1);
}

static void s1_slots_have_a_holder_while_any_broker_is_live(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	for (int32_t i = 0; i < 12; i++)
		assert_int_equal(c->image->slots[i]->holder, 2);
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	for (int32_t i = 0; i < 12; i++)
		assert_int_equal(c->image->slots[i]->holder, -1);
	cluster_free(c);
}

static void s12_a_slot_goes_to_the_successor_that_was_published(void **state)
{
	struct cluster *c = cluster_of(24, 4);
	int32_t successors[24];

	(void)state;
	for (int32_t i = 0; i < 24; i++)
		successors[i] = image_slot_successor(c->image, c->image->slots[i]);
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	for (int32_t i = 0; i < 24; i++)
		assert_int_equal(c->image->slots[i]->holder,
				 i % 4 == 1 ? successors[i] : i % 4 + 1);
	cluster_free(c);
}

static void s12_the_successor_comes_after_the_holder(void **state)
{
	struct cluster *c = cluster_of(3, 3);
	const char *sentence;

	(void)state;
	assert_int_equal(image_slot_successor(c->image, c->image->slots[0]), 2);
	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, 0, 2, &change,
							    &sentence)),
			 KAFKA_NONE);
	assert_int_equal(image_slot_successor(c->image, c->image->slots[0]), 3);
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	assert_int_equal(image_slot_successor(c->image, c->image->slots[0]), 1); /* round the end */
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(image_slot_successor(c->image, c->image->slots[0]), -1);
	cluster_free(c);
}

static void s1_a_broken_broker_is_succeeded_by_several(void **state)
{
	struct cluster *c = cluster_of(12, 4);
	bool successors[5] = {0};

	(void)state;
	for (int32_t i = 0; i < 12; i += 4)
		successors[image_slot_successor(c->image, c->image->slots[i])] = true;
	assert_true(successors[2] && successors[3] && successors[4]);
	cluster_free(c);
}

static void s1_a_slot_with_partitions_stays_until_it_is_brought_home(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	int32_t slot;

	(void)state;
	cluster_create_on(c, LIST(1, 2));
	slot = t0(c)->slot;
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	for (int32_t i = 0; i < 12; i++) /* those without partitions are home at once */
		assert_int_equal(c->image->slots[i]->holder,
				 i == slot ? 2 : c->image->slots[i]->order[0]);
	assert_int_equal(CLUSTER_DO(c, controller_rebalance(c->image, &c->options, &change)),
			 KAFKA_NONE);
	assert_int_equal(c->records, 0); /* home is not in the ISR yet */
	assert_int_equal(cluster_alter(c, topic_t(c), 0, LIST(2, 1)), KAFKA_NONE);
	assert_int_equal(CLUSTER_DO(c, controller_rebalance(c->image, &c->options, &change)),
			 KAFKA_NONE);
	assert_int_equal(c->image->slots[slot]->holder, 1);
	assert_int_equal(t0(c)->leader, 1);
	cluster_free(c);
}

static void s1_moving_a_slot_elects_where_it_can(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	const char *sentence = NULL;
	int32_t slot;

	(void)state;
	cluster_create_on(c, LIST(1, 2));
	slot = t0(c)->slot;
	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, slot, 3, &change,
							    &sentence)),
			 KAFKA_NONE);
	assert_int_equal(c->image->slots[slot]->holder, 3);
	assert_int_equal(t0(c)->leader, 1); /* away: 3 is no replica */
	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, slot, 2, &change,
							    &sentence)),
			 KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 2);
	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, slot, -1,
							    &change, &sentence)),
			 KAFKA_NONE);
	assert_int_equal(c->image->slots[slot]->holder, 1);
	assert_int_equal(t0(c)->leader, 1);
	cluster_free(c);
}

static void a_slot_does_not_move_to_a_dead_broker(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	const char *sentence = NULL;

	(void)state;
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, 0, 3, &change,
							    &sentence)),
			 KAFKA_BROKER_NOT_AVAILABLE);
	assert_non_null(sentence);
	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, 12, 1, &change,
							    &sentence)),
			 KAFKA_INVALID_REQUEST);
	cluster_free(c);
}

static void s1_a_new_broker_joins_every_order(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	int32_t slot;

	(void)state;
	cluster_create_on(c, LIST(2, 1));
	slot = t0(c)->slot;
	assert_int_equal(cluster_register(c, (struct test_registration){.id = 4}), KAFKA_NONE);
	/* With partitions it comes last; the others are planned anew. */
	assert_list(c->image->slots[slot]->order, c->image->slots[slot]->order_count,
		    LIST(2, 3, 1, 4));
	assert_int_equal(c->image->slots[3]->order[0], 4);
	assert_int_not_equal(c->image->slots[3]->holder, 4);
	assert_int_equal(cluster_unfence(c, 4), KAFKA_NONE);
	assert_int_equal(c->image->slots[3]->holder, 4);
	cluster_free(c);
}

static void s1_seeded_orders_stand_while_their_brokers_come(void **state)
{
	static const int32_t ids[] = {3, 1, 2};
	struct cluster *c = cluster_new(12, ids, 3);

	(void)state;
	assert_list(c->image->slots[4]->order, c->image->slots[4]->order_count, LIST(2, 1, 3));
	assert_int_equal(cluster_register(c, (struct test_registration){.id = 2}), KAFKA_NONE);
	assert_int_equal(c->records, 1);
	assert_int_equal(cluster_unfence(c, 2), KAFKA_NONE);
	assert_int_equal(c->image->slots[3]->holder, 2);
	assert_int_equal(cluster_register(c, (struct test_registration){.id = 1}), KAFKA_NONE);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_int_equal(c->image->slots[3]->holder, 1);
	cluster_free(c);
}

static void s1_racks_are_planned_for_when_all_are_known(void **state)
{
	static const int32_t ids[] = {1, 2, 3, 4};
	static const char *const racks[] = {"a", "a", "b", "b"};
	struct cluster *c = cluster_new(12, ids, 4);

	(void)state;
	for (int32_t i = 0; i < 4; i++)
		assert_int_equal(cluster_register(c, (struct test_registration){.id = ids[i],
										.rack = racks[i]}),
				 KAFKA_NONE);
	for (int32_t s = 0; s < 12; s++) {
		const int32_t *order = c->image->slots[s]->order;

		assert_string_not_equal(racks[order[0] - 1], racks[order[1] - 1]);
	}
	cluster_free(c);
}

static void slots_are_yielded_to_brokers_with_a_bwsteer(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	assert_int_equal(CLUSTER_DO(c, controller_yield_slots(c->image, &c->options, 1, &change)),
			 KAFKA_NONE);
	assert_int_equal(c->records, 0);
	assert_int_equal(CLUSTER_DO(c, controller_set_steer(c->image, 3, true, &change)),
			 KAFKA_NONE);
	assert_int_equal(CLUSTER_DO(c, controller_set_steer(c->image, 3, true, &change)),
			 KAFKA_NONE);
	assert_int_equal(c->records, 0);
	assert_int_equal(CLUSTER_DO(c, controller_yield_slots(c->image, &c->options, 1, &change)),
			 KAFKA_NONE);
	for (int32_t i = 0; i < 12; i += 3)
		assert_int_equal(c->image->slots[i]->holder, 3);
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s1_slots_have_a_holder_while_any_broker_is_live),
		cmocka_unit_test(s12_a_slot_goes_to_the_successor_that_was_published),
		cmocka_unit_test(s12_the_successor_comes_after_the_holder),
		cmocka_unit_test(s1_a_broken_broker_is_succeeded_by_several),
		cmocka_unit_test(s1_a_slot_with_partitions_stays_until_it_is_brought_home),
		cmocka_unit_test(s1_moving_a_slot_elects_where_it_can),
		cmocka_unit_test(a_slot_does_not_move_to_a_dead_broker),
		cmocka_unit_test(s1_a_new_broker_joins_every_order),
		cmocka_unit_test(s1_seeded_orders_stand_while_their_brokers_come),
		cmocka_unit_test(s1_racks_are_planned_for_when_all_are_known),
		cmocka_unit_test(slots_are_yielded_to_brokers_with_a_bwsteer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
