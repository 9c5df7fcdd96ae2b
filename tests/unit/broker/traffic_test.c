/* A loop's table of traffic: what is taken is what came since the last time, however topics come
 * and go. */
#include "broker/traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct taken {
	uint64_t records[3]; /* by topic */
	int topics;
};

static struct uuid topic_id(uint8_t topic)
{
	return (struct uuid){{topic}};
}

static void take_one(void *context, struct uuid id, const struct traffic *traffic)
{
	struct taken *taken = context;

	taken->records[id.bytes[0]] += traffic->counts[TRAFFIC_RECORDS_IN];
	taken->topics++;
}

static struct taken take(struct traffic_table *table)
{
	struct taken taken = {0};

	traffic_take(table, take_one, &taken);
	return taken;
}

static void add(struct traffic_table *table, uint8_t topic, int32_t slot, uint64_t records)
{
	const struct traffic more = {{[TRAFFIC_RECORDS_IN] = records}};

	traffic_add(table, topic_id(topic), slot, &more);
}

static void a_topic_that_goes_on_is_taken_in_pieces(void **state)
{
	struct traffic_table table = {.is_counted = true};

	(void)state;
	for (uint64_t round = 1; round <= 5; round++) {
		struct taken taken;

		add(&table, 1, 0, round);
		add(&table, 1, 0, 100);
		taken = take(&table);
		assert_int_equal(taken.topics, 1);
		assert_int_equal(taken.records[1], 100 + round);
	}
	traffic_done(&table);
}

static void an_idle_topic_says_nothing_and_may_come_back(void **state)
{
	struct traffic_table table = {.is_counted = true};

	(void)state;
	add(&table, 1, 0, 7);
	add(&table, 2, 0, 8);
	assert_int_equal(take(&table).topics, 2);
	add(&table, 2, 0, 1);
	assert_int_equal(take(&table).topics, 1);
	assert_int_equal(take(&table).topics, 0);
	assert_null(table.topics); /* no row is kept for it */
	add(&table, 1, 0, 3);
	assert_int_equal(take(&table).records[1], 3);
	traffic_done(&table);
}

static void slots_are_never_emptied(void **state)
{
	struct traffic_table table = {.is_counted = true};

	(void)state;
	add(&table, 1, 5, 7);
	take(&table);
	add(&table, 2, 5, 1);
	add(&table, 2, 0, 2);
	take(&table);
	assert_int_equal(table.slot_count, 6);
	assert_int_equal(table.slots[5].counts[TRAFFIC_RECORDS_IN], 8);
	assert_int_equal(table.slots[0].counts[TRAFFIC_RECORDS_IN], 2);
	assert_int_equal(table.slots[3].counts[TRAFFIC_RECORDS_IN], 0);
	traffic_done(&table);
}

static void nothing_is_counted_for_nobody(void **state)
{
	struct traffic_table table = {0};

	(void)state;
	add(&table, 1, 5, 7);
	assert_null(table.topics);
	assert_null(table.slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topic_that_goes_on_is_taken_in_pieces),
		cmocka_unit_test(an_idle_topic_says_nothing_and_may_come_back),
		cmocka_unit_test(slots_are_never_emptied),
		cmocka_unit_test(nothing_is_counted_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
