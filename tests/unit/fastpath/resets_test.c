/* Active reset: which clients bwsteer is told to reset, and when. */
#include "stage.h"

static void reset_flows(struct stage *s, uint16_t count)
{
	struct net_address slot_address, client;

	assert_int_equal(net_address_parse("10.77.0.100:9102", &slot_address), 0);
	assert_int_equal(net_address_parse("10.77.0.250:1", &client), 0);
	for (uint16_t i = 1; i <= count; i++) {
		client.port = i;
		fastpath_reset_flow(s->fastpath, 2, &slot_address, &client);
	}
	fastpath_flush_resets(s->fastpath);
}

static void clients_to_reset_are_named_in_messages_of_32(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	publish_all(s, 0);
	reset_flows(s, 70);
	WORK_UNTIL(s, s->steer->reset_count == 70);
	assert_int_equal(fake_count(s->steer, 'R'), 3);
	assert_int_equal(s->steer->resets.count, 6);
	assert_int_equal(s->steer->resets.flows[5].client.port, 70);
	assert_int_equal(s->steer->resets.flows[5].slot_address.port, 9102);
	assert_int_equal(s->steer->resets.flows[5].slot, 2);
	assert_int_equal(fastpath_counts(s->fastpath).resets, 70);
	settle(s);
	assert_int_equal(s->steer->reset_count, 70); /* once */
	stage_free(s);
}

/* bwsteer would refuse them as another holder's. */
static void clients_to_reset_wait_for_the_image_that_makes_us_the_holder(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	move(s, 2, 2);
	publish_all(s, 0);
	for (int i = 0; i < 3000; i++) { /* a full queue */
		fastpath_renew_lease(s->fastpath, (uint64_t)i, 1000);
		os_process_turn(s->process, 0);
	}
	move(s, 2, 1);
	fake_forget_order(s->steer);
	publish(s);
	reset_flows(s, 1);
	WORK_UNTIL(s, s->steer->reset_count == 1);
	assert_int_equal(s->steer->image.slots[2].holder, 1);
	assert_true(strchr(s->steer->order, 'E') < strchr(s->steer->order, 'R'));
	stage_free(s);
}

static void an_older_bwsteer_is_not_told_of_clients(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	s->steer->is_old = true;
	publish_all(s, 0);
	reset_flows(s, 3);
	settle(s);
	assert_int_equal(fake_count(s->steer, 'R'), 0);
	assert_int_equal(fake_count(s->steer, 'H'), 1);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_to_reset_are_named_in_messages_of_32),
		cmocka_unit_test(clients_to_reset_wait_for_the_image_that_makes_us_the_holder),
		cmocka_unit_test(an_older_bwsteer_is_not_told_of_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
