/* S1's orders, and where new partitions go. */
#include "meta_testing.h"

#include "meta/slots.h"

static void orders_of(int32_t brokers, int32_t slots, int32_t *ret_orders)
{
	struct slots_broker list[64];

	for (int32_t i = 0; i < brokers; i++)
		list[i] = (struct slots_broker){.id = 10 * (i + 1)};
	for (int32_t s = 0; s < slots; s++)
		slots_order(list, brokers, s, ret_orders + s * brokers);
}

/* 1 to 16 brokers, 1 to 48 slots: each order is a permutation, the homes go round. */
static void s1_every_order_holds_every_broker_once(void **state)
{
	int32_t orders[48 * 16];

	(void)state;
	for (int32_t n = 1; n <= 16; n++) {
		orders_of(n, 48, orders);
		for (int32_t s = 0; s < 48; s++) {
			assert_int_equal(orders[s * n], 10 * (s % n + 1));
			for (int32_t b = 1; b <= n; b++) {
				int seen = 0;

				for (int32_t i = 0; i < n; i++)
					seen += orders[s * n + i] == 10 * b;
				assert_int_equal(seen, 1);
			}
		}
	}
}

/* The first N-1 slots of one broker have N-1 different successors. */
static void s1_slots_of_one_broker_have_different_successors(void **state)
{
	int32_t orders[16 * 16 * 16];

	(void)state;
	for (int32_t n = 2; n <= 16; n++) {
		orders_of(n, n * (n - 1), orders);
		for (int32_t home = 0; home < n; home++)
			for (int32_t a = 0; a < n - 1; a++)
				for (int32_t b = a + 1; b < n - 1; b++)
					assert_int_not_equal(orders[(a * n + home) * n + 1],
							     orders[(b * n + home) * n + 1]);
	}
}

/* In N slots in a row every broker is once at every place. */
static void s1_orders_are_balanced_at_every_place(void **state)
{
	int32_t orders[48 * 16];

	(void)state;
	for (int32_t n = 1; n <= 12; n++) {
		orders_of(n, 48 - 48 % n, orders);
		for (int32_t place = 0; place < n; place++)
			for (int32_t b = 1; b <= n; b++) {
				int32_t seen = 0;

				for (int32_t s = 0; s < 48 - 48 % n; s++)
					seen += orders[s * n + place] == 10 * b;
				assert_int_equal(seen, 48 / n);
			}
	}
}

static int32_t rack_of(const struct slots_broker *list, int32_t id)
{
	for (int32_t i = 0;; i++)
		if (list[i].id == id)
			return list[i].rack[0];
}

static void s1_first_replicas_lie_in_different_racks(void **state)
{
	static const struct slots_broker list[] = {{1, "a"}, {2, "a"}, {3, "b"},
						   {4, "b"}, {5, "c"}, {6, "c"}};
	int32_t order[6];

	(void)state;
	for (int32_t s = 0; s < 30; s++) {
		slots_order(list, 6, s, order);
		assert_int_equal(order[0], s % 6 + 1);
		assert_int_not_equal(rack_of(list, order[0]), rack_of(list, order[1]));
		assert_int_not_equal(rack_of(list, order[0]), rack_of(list, order[2]));
		assert_int_not_equal(rack_of(list, order[1]), rack_of(list, order[2]));
	}
}

/* ---- placement ---- */

struct spread {
	int32_t least, most;
};

static void add_to_spread(struct spread *s, int32_t value)
{
	s->least = value < s->least ? value : s->least;
	s->most = value > s->most ? value : s->most;
}

static void measure(const struct image *image, struct spread *ret_leads, struct spread *ret_holds)
{
	*ret_leads = *ret_holds = (struct spread){INT32_MAX, 0};
	for (int32_t b = 0; b < image->broker_count; b++) {
		int32_t leads = 0, holds = 0, id = image->brokers[b]->id;

		for (int32_t t = 0; t < image->topic_count; t++)
			for (int32_t i = 0; i < image->topics[t]->partition_count; i++) {
				leads += image->topics[t]->partitions[i]->leader == id;
				holds += image_partition_has_replica(
					image->topics[t]->partitions[i], id);
			}
		add_to_spread(ret_leads, leads);
		add_to_spread(ret_holds, holds);
	}
}

/* Leaders within one; replicas within `most_apart`. */
static void check_balance(const struct cluster *c, int32_t slots, int32_t replicas,
			  int32_t most_apart)
{
	struct spread leads, holds;

	measure(c->image, &leads, &holds);
	if (holds.most - holds.least > most_apart || leads.most - leads.least > 1)
		fail_msg("brokers=%d slots=%d replicas=%d topics=%d: leads %d..%d, holds %d..%d",
			 c->image->broker_count, slots, replicas, c->image->topic_count,
			 leads.least, leads.most, holds.least, holds.most);
}

static void one_combination(int32_t brokers, int32_t slots, int32_t replicas, int32_t most_apart)
{
	static const int32_t topics[] = {1, 10, 3, 7, 12, 1, 30, 2};
	struct cluster *c = cluster_of(slots, brokers);
	char name[16];

	for (int32_t t = 0; t < (int32_t)(sizeof(topics) / sizeof(*topics)); t++) {
		snprintf(name, sizeof(name), "t%d", t);
		assert_int_equal(cluster_create(c, name, topics[t], replicas), KAFKA_NONE);
		check_balance(c, slots, replicas, most_apart);
	}
	cluster_free(c);
}

/* The example of the design: 10 partitions with 3 replicas on 6 brokers, 12 slots. */
static void ten_partitions_on_six_brokers_are_balanced(void **state)
{
	struct cluster *c = cluster_of(12, 6);

	(void)state;
	assert_int_equal(cluster_create(c, "orders", 10, 3), KAFKA_NONE);
	check_balance(c, 12, 3, 2);
	cluster_free(c);
}

/* Covered, with 1, 10, 3, 7, 12, 1, 30, 2 partitions in eight topics, one after the other, checked
 * after each; all brokers live, no racks:
 *   1 to 12 brokers with the default of 12 slots, 1 to 3 replicas;
 *   1 to 9 brokers with 1 to 4 times as many slots, 1 to 5 replicas. */
static void leaders_differ_by_one_and_replicas_by_two(void **state)
{
	(void)state;
	for (int32_t brokers = 1; brokers <= 12; brokers++)
		for (int32_t replicas = 1; replicas <= 3 && replicas <= brokers; replicas++)
			one_combination(brokers, 12, replicas, 2);
	for (int32_t brokers = 1; brokers <= 9; brokers++)
		for (int32_t times = 1; times <= 4; times++)
			for (int32_t replicas = 1; replicas <= 5 && replicas <= brokers; replicas++)
				one_combination(brokers, brokers * times, replicas, 2);
}

/* Where slots are no multiple of brokers, few slots of some brokers decide where replicas can go,
 * and choosing one partition after the other does not always keep replicas within two (14 slots on
 * 8 brokers: four). Covered: 1 to 9 brokers, every number of slots from theirs to 26, 1 to 4
 * replicas, the same topics. Fewer slots than brokers are not: then some brokers lead nothing, by
 * S1. */
static void leaders_differ_by_one_with_any_number_of_slots(void **state)
{
	(void)state;
	for (int32_t brokers = 1; brokers <= 9; brokers++)
		for (int32_t slots = brokers; slots <= 26; slots++)
			for (int32_t replicas = 1; replicas <= 4 && replicas <= brokers; replicas++)
				one_combination(brokers, slots, replicas, 4);
}

/* Every single number of partitions up to 60, on 3 to 7 brokers with 12 slots and 3 replicas. */
static void one_topic_of_any_size_is_balanced(void **state)
{
	(void)state;
	for (int32_t brokers = 3; brokers <= 7; brokers++)
		for (int32_t partitions = 1; partitions <= 60; partitions++) {
			struct cluster *c = cluster_of(12, brokers);

			assert_int_equal(cluster_create(c, "t", partitions, 3), KAFKA_NONE);
			check_balance(c, 12, 3, 2);
			cluster_free(c);
		}
}

static void a_fenced_broker_may_be_a_replica_but_does_not_lead(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_int_equal(cluster_create(c, "t", 12, 3), KAFKA_NONE);
	assert_int_equal(cluster_create(c, "u", 12, 2), KAFKA_NONE);
	for (int32_t i = 0; i < 12; i++) {
		const struct image_partition *p = cluster_partition(c, "t", i);

		assert_true(image_partition_has_replica(p, 2));
		assert_false(image_partition_in_isr(p, 2));
		assert_int_equal(p->isr_count, 2);
		assert_int_not_equal(p->leader, 2);
		assert_false(image_partition_has_replica(cluster_partition(c, "u", i), 2));
	}
	cluster_free(c);
}

static void a_new_partition_is_led_by_its_slots_holder(void **state)
{
	struct cluster *c = cluster_of(12, 5);

	(void)state;
	assert_int_equal(cluster_create(c, "t", 40, 3), KAFKA_NONE);
	for (int32_t i = 0; i < 40; i++)
		assert_false(image_partition_is_away(c->image, cluster_partition(c, "t", i)));
	cluster_free(c);
}

static void partitions_by_hand_lie_where_they_were_put(void **state)
{
	struct cluster *c = cluster_of(12, 4);
	const struct image_partition *p;

	(void)state;
	cluster_create_on(c, LIST(3, 1));
	p = cluster_partition(c, "t", 0);
	assert_list(p->replicas, p->replica_count, LIST(3, 1));
	assert_int_equal(p->leader, 3);
	assert_int_equal(image_find_slot(c->image, p->slot)->holder, 3);
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s1_every_order_holds_every_broker_once),
		cmocka_unit_test(s1_slots_of_one_broker_have_different_successors),
		cmocka_unit_test(s1_orders_are_balanced_at_every_place),
		cmocka_unit_test(s1_first_replicas_lie_in_different_racks),
		cmocka_unit_test(ten_partitions_on_six_brokers_are_balanced),
		cmocka_unit_test(leaders_differ_by_one_and_replicas_by_two),
		cmocka_unit_test(leaders_differ_by_one_with_any_number_of_slots),
		cmocka_unit_test(one_topic_of_any_size_is_balanced),
		cmocka_unit_test(a_fenced_broker_may_be_a_replica_but_does_not_lead),
		cmocka_unit_test(a_new_partition_is_led_by_its_slots_holder),
		cmocka_unit_test(partitions_by_hand_lie_where_they_were_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
