/* Leading: epochs and fencing, the high watermark, what consumers and followers are answered. */
#include "stage.h"

#define TEST_WAITER(w, many, what)                          \
	do {                                                \
		assert_int_equal((w)->calls, many);         \
		if ((many) > 0)                             \
			assert_int_equal((w)->error, what); \
	} while (0)

static void r2_the_epoch_of_a_request_is_checked(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;
	struct replica_read read;
	int64_t offset;

	(void)state;
	stage_init(&s, false);
	stage_commit(&s, 1, 5, B1 | B2, B1 | B2);
	assert_int_equal(replica_check_leader(s.replica, 4), REPLICA_FENCED_EPOCH);
	assert_int_equal(replica_check_leader(s.replica, 6), REPLICA_UNKNOWN_EPOCH);
	assert_int_equal(replica_check_leader(s.replica, 5), REPLICA_OK);
	assert_int_equal(replica_check_leader(s.replica, -1), REPLICA_OK);
	fetch = stage_fetch_of(&s, 2, 0);
	fetch.current_leader_epoch = 4;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_FENCED_EPOCH);
	assert_int_equal(replica_read(s.replica, 6, 0, 100, true, &read), REPLICA_UNKNOWN_EPOCH);
	assert_int_equal(replica_list_end(s.replica, 4, &offset), REPLICA_FENCED_EPOCH);
	stage_commit(&s, 2, 6, B1 | B2, B1 | B2);
	assert_int_equal(replica_check_leader(s.replica, 5), REPLICA_FENCED_EPOCH);
	assert_int_equal(replica_check_leader(s.replica, 6), REPLICA_NOT_LEADER);
	stage_done(&s);
}

static void r3_the_epoch_comes_before_the_assignment_and_strangers_leave_no_trace(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 3);
	fetch = stage_fetch_of(&s, 4, 3);
	fetch.last_fetched_epoch = 1;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_NOT_ASSIGNED);
	fetch.current_leader_epoch = 0;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_FENCED_EPOCH);
	assert_int_equal(s.changes, 0);
	/* It is assigned later: its earlier fetch counts for nothing. */
	stage_commit(&s, 1, 1, B1 | B2 | B4, B1 | B2);
	stage_fetch(&s, 2, 3);
	assert_int_equal(STAGE_HW(&s), 3);
	assert_int_equal(s.changes, 0);
	stage_done(&s);
}

static void r6_a_stale_broker_epoch_is_refused_and_not_recorded(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 3);
	fetch = stage_fetch_of(&s, 2, 3);
	fetch.broker_epoch--;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_STALE_BROKER_EPOCH);
	assert_int_equal(STAGE_HW(&s), 0);
	/* One that the metadata does not know yet is newer, and ends the uptime before it. */
	fetch.broker_epoch += 5;
	fetch.fetch_offset = fetch.durable_offset = 0;
	fetch.last_fetched_epoch = -1;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	fetch = stage_fetch_of(&s, 2, 3);
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_STALE_BROKER_EPOCH);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_done(&s);
}

/* ---- high watermark ---- */

static void r9_hw_is_the_least_of_leader_and_isr(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2 | B3);
	stage_append(&s, 5);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_fetch(&s, 2, 5);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_append(&s, 5);
	stage_fetch(&s, 3, 10);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_fetch(&s, 2, 10);
	assert_int_equal(STAGE_HW(&s), 10);
	stage_done(&s);
}

static void r9_hw_counts_durable_offsets(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	stage_lead(&s, true, B1 | B2 | B3, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	assert_int_equal(STAGE_HW(&s), 0); /* the leader's own log is not durable */
	world_run(s.world);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_append(&s, 5);
	world_run(s.world);
	fetch = stage_fetch_of(&s, 2, 10);
	fetch.durable_offset = 7;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(STAGE_HW(&s), 7);
	assert_int_equal(fetched.read.high_watermark, 7); /* the answer tells of it */
	fetch.durable_offset = -1; /* absent: counts as nothing */
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	stage_append(&s, 1);
	world_run(s.world);
	assert_int_equal(STAGE_HW(&s), 7);
	stage_done(&s);
}

static void r9_a_durable_offset_never_counts_beyond_the_fetch_offset(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 3);
	stage_append(&s, 3);
	fetch = stage_fetch_of(&s, 2, 3);
	fetch.durable_offset = 6;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(STAGE_HW(&s), 3);
	stage_done(&s);
}

static void r9_hw_waits_for_a_caught_up_outsider(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	assert_int_equal(STAGE_HW(&s), 5);
	/* Broker 3 was at the end a moment ago; the controller does not answer its expansion. */
	stage_fetch(&s, 3, 5);
	stage_answer(&s, REPLICA_ISR_REFUSED);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 10);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_fetch(&s, 3, 10);
	assert_int_equal(STAGE_HW(&s), 10);
	stage_done(&s);
}

static void r9_hw_does_not_wait_for_a_lagging_outsider(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	stage_pass(&s, STAGE_LAG_US + 1);
	stage_append(&s, 1); /* broker 2 was at the end until now */
	stage_fetch(&s, 3, 4);
	stage_fetch(&s, 2, 6);
	assert_int_equal(STAGE_HW(&s), 6);
	stage_done(&s);
}

static void r9_hw_never_falls_within_an_epoch(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_fetch(&s, 2, 0);
	stage_commit(&s, 1, 1, B1 | B2 | B3, B1 | B2 | B3);
	stage_fetch(&s, 3, 0);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_done(&s);
}

static void r10_hw_stands_still_below_the_minimum(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2 | B3); /* two of three by default */
	stage_append(&s, 5);
	stage_commit(&s, 1, 1, B1 | B2 | B3, B1);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_append(&s, 1);
	assert_int_equal(STAGE_HW(&s), 0);
	/* A proposal does not count: the committed ISR decides. */
	stage_fetch(&s, 2, 6);
	assert_int_equal(stage_describe(&s).maximal_isr_count, 2);
	stage_fetch(&s, 2, 6);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_answer(&s, REPLICA_ISR_APPLIED);
	assert_int_equal(STAGE_HW(&s), 6);
	stage_done(&s);
}

static void r10_the_minimum_is_the_topics_own_but_at_most_the_replicas(void **state)
{
	static char name[] = "min.insync.replicas", value[] = "3";
	struct stage s;

	(void)state;
	stage_init(&s, false);
	s.image.setting = (struct image_setting){name, value};
	s.image.topic.settings = &s.image.setting;
	s.image.topic.setting_count = 1;
	stage_commit(&s, 1, 1, B1 | B2 | B3, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_commit(&s, 1, 1, B1 | B2, B1 | B2);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_done(&s);
}

static void r11_hw_moves_on_a_followers_fetch_and_on_append(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_done(&s);

	stage_lead(&s, false, B1, B1); /* an ISR of one */
	stage_append(&s, 3);
	assert_int_equal(STAGE_HW(&s), 3);
	stage_done(&s);
}

static void r11_hw_moves_on_becoming_leader(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1, B1);
	stage_append(&s, 3);
	stage_commit(&s, 2, 2, B1 | B2 | B3, B2 | B3);
	stage_commit(&s, 1, 3, B1, B1);
	assert_int_equal(STAGE_HW(&s), 3);
	stage_done(&s);
}

static void r11_hw_moves_when_the_isr_shrinks(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2 | B3);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_commit(&s, 1, 1, B1 | B2 | B3, B1 | B2); /* by image */
	assert_int_equal(STAGE_HW(&s), 5);
	stage_done(&s);

	stage_lead(&s, false, B1 | B2 | B3, B1 | B2 | B3);
	stage_append(&s, 5);
	stage_pass(&s, STAGE_LAG_US - 1000);
	stage_fetch(&s, 2, 5);
	stage_pass(&s, 200 * 1000);
	assert_int_equal(s.change_isr, B1 | B2);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_answer(&s, REPLICA_ISR_APPLIED); /* by AlterPartition */
	assert_int_equal(STAGE_HW(&s), 5);
	stage_done(&s);
}

static void r12_an_ineligible_outsider_does_not_hold_hw(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	stage_fetch(&s, 3, 5);
	stage_answer(&s, REPLICA_ISR_REFUSED);
	stage_append(&s, 1);
	stage_fetch(&s, 2, 6);
	assert_int_equal(STAGE_HW(&s), 5); /* broker 3 is caught up and eligible */
	s.image.broker[2].shutting_down = true;
	stage_apply(&s);
	assert_int_equal(STAGE_HW(&s), 6);
	stage_append(&s, 1);
	s.image.broker[2].shutting_down = false;
	s.image.broker[2].fenced = true;
	stage_apply(&s);
	stage_fetch(&s, 2, 7);
	assert_int_equal(STAGE_HW(&s), 7);
	stage_done(&s);
}

/* ---- produce ---- */

static void r13_too_small_an_isr_refuses_before_the_append(void **state)
{
	struct stage s;
	struct plog_appended appended;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1);
	assert_int_equal(stage_try_append(&s, 1, true, &appended), REPLICA_NOT_ENOUGH);
	assert_int_equal(plog_end_offset(s.log), 0);
	assert_int_equal(stage_try_append(&s, 1, false, &appended), REPLICA_OK);
	stage_done(&s);
}

static void r13_all_replicas_are_answered_when_hw_has_passed(void **state)
{
	struct stage s;
	struct stage_waiter first, second, cancelled;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_await(&s, &first, stage_append(&s, 5), true);
	stage_await(&s, &second, stage_append(&s, 5), true);
	stage_await(&s, &cancelled, 9, true);
	replica_cancel(s.replica, &cancelled.waiter);
	stage_fetch(&s, 2, 5);
	TEST_WAITER(&first, 1, REPLICA_OK);
	TEST_WAITER(&second, 0, REPLICA_OK);
	stage_fetch(&s, 2, 10);
	TEST_WAITER(&first, 1, REPLICA_OK);
	TEST_WAITER(&second, 1, REPLICA_OK);
	TEST_WAITER(&cancelled, 0, REPLICA_OK);
	replica_cancel(s.replica, &second.waiter); /* late: fine */
	stage_done(&s);
}

static void r13_a_maximal_isr_below_the_minimum_is_told_after_the_append(void **state)
{
	struct stage s;
	struct stage_waiter w;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2);
	stage_append(&s, 1);
	stage_fetch(&s, 2, 1);
	assert_int_equal(STAGE_HW(&s), 1);
	stage_await(&s, &w, 0, true);
	TEST_WAITER(&w, 1, REPLICA_OK);
	stage_commit(&s, 1, 1, B1 | B2 | B3, B1);
	stage_await(&s, &w, 0, true); /* the same batch again, say: a duplicate */
	/* Broker 2 was caught up, so its return is proposed, and counts as the maximal ISR. */
	assert_int_equal(s.change_isr, B1 | B2);
	TEST_WAITER(&w, 1, REPLICA_OK);
	stage_answer(&s, REPLICA_ISR_REFUSED);
	stage_await(&s, &w, 0, true);
	TEST_WAITER(&w, 1, REPLICA_NOT_ENOUGH_AFTER);
	stage_done(&s);
}

static void acks_1_is_answered_after_the_leaders_flush(void **state)
{
	struct stage s;
	struct stage_waiter w;

	(void)state;
	stage_lead(&s, true, B1 | B2, B1 | B2);
	stage_await(&s, &w, stage_append(&s, 2), false);
	TEST_WAITER(&w, 0, REPLICA_OK);
	world_run(s.world);
	TEST_WAITER(&w, 1, REPLICA_OK);
	stage_done(&s);

	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_await(&s, &w, stage_append(&s, 2), false);
	TEST_WAITER(&w, 1, REPLICA_OK);
	stage_done(&s);
}

static void waiters_are_told_when_the_leader_stops_leading(void **state)
{
	struct stage s;
	struct stage_waiter all, freed;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_await(&s, &all, stage_append(&s, 1), true);
	stage_commit(&s, 1, 2, B1 | B2, B1 | B2); /* leads on: what it waits for stays */
	TEST_WAITER(&all, 0, REPLICA_OK);
	stage_commit(&s, 2, 3, B1 | B2, B1 | B2);
	TEST_WAITER(&all, 1, REPLICA_NOT_LEADER);
	stage_await(&s, &all, 0, true);
	TEST_WAITER(&all, 1, REPLICA_NOT_LEADER);
	stage_commit(&s, 1, 4, B1 | B2, B1 | B2);
	stage_await(&s, &freed, stage_append(&s, 1), true);
	stage_done(&s);
	TEST_WAITER(&freed, 1, REPLICA_NOT_LEADER);
}

static void waiters_are_answered_in_order_of_offset_whatever_order_they_came_in(void **state)
{
	struct stage s;
	struct stage_waiter w[4];
	static const int64_t ends[] = {1, 3, 0, 2};

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	for (int i = 0; i < 4; i++)
		stage_append(&s, 1);
	for (int i = 0; i < 4; i++)
		stage_await(&s, &w[i], ends[i], true);
	for (int64_t hw = 1; hw <= 4; hw++) {
		stage_fetch(&s, 2, hw);
		for (int i = 0; i < 4; i++)
			assert_int_equal(w[i].calls, ends[i] < hw);
	}
	stage_done(&s);
}

static void r46_a_failed_flush_takes_the_partition_offline(void **state)
{
	struct stage s;
	struct stage_waiter w;
	struct plog_appended appended;

	(void)state;
	stage_lead(&s, true, B1, B1);
	world_run(s.world);
	world_fail_disk(s.world);
	stage_await(&s, &w, stage_append(&s, 1), true);
	world_run(s.world);
	assert_int_equal(s.failures, 1);
	assert_int_equal(s.failure, -EIO);
	TEST_WAITER(&w, 1, REPLICA_STORAGE);
	assert_int_equal(replica_role(s.replica), REPLICA_OFFLINE);
	assert_int_equal(stage_try_append(&s, 1, false, &appended), REPLICA_STORAGE);
	stage_commit(&s, 1, 2, B1, B1);
	assert_int_equal(replica_role(s.replica), REPLICA_OFFLINE);
	assert_int_equal(s.failures, 1);
	stage_done(&s);
}

static void r35_a_flush_that_never_ends_takes_the_partition_offline(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, true, B1, B1);
	stage_pass(&s, 2 * STAGE_LAG_US); /* nothing to flush: nothing is late */
	stage_append(&s, 1);
	world_advance(s.world, 60 * 1000 * 1000); /* the process was stopped */
	stage_pass(&s, STAGE_LAG_US / 2);
	assert_int_equal(s.failures, 0);
	stage_pass(&s, STAGE_LAG_US);
	assert_int_equal(s.failures, 1);
	assert_int_equal(s.failure, -ETIMEDOUT);
	stage_done(&s);
}

/* ---- reading ---- */

static void r14_consumers_read_below_hw_and_above_it_nothing(void **state)
{
	struct stage s;
	struct replica_read read;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 2);
	stage_append(&s, 2);
	stage_fetch(&s, 2, 2);
	assert_int_equal(replica_read(s.replica, -1, 0, 1 << 20, true, &read), REPLICA_OK);
	assert_int_equal(read.high_watermark, 2);
	assert_non_null(read.slice.file);
	assert_int_equal(read.slice.size_bytes * 2, plog_size_bytes(s.log));
	env_file_unref(world_env(s.world), read.slice.file);
	for (int64_t offset = 2; offset <= 4; offset++) {
		assert_int_equal(replica_read(s.replica, 1, offset, 1 << 20, true, &read),
				 REPLICA_OK);
		assert_null(read.slice.file);
	}
	assert_int_equal(replica_read(s.replica, 1, 5, 100, true, &read),
			 REPLICA_OFFSET_OUT_OF_RANGE);
	assert_int_equal(replica_read(s.replica, 1, -1, 100, true, &read),
			 REPLICA_OFFSET_OUT_OF_RANGE);
	stage_done(&s);
}

static void r15_a_new_leader_tells_no_end_before_hw_reaches_its_start(void **state)
{
	struct stage s;
	int64_t offset = -1;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 3);
	stage_fetch(&s, 2, 3);
	stage_append(&s, 2);
	stage_commit(&s, 1, 2, B1 | B2, B1 | B2);
	assert_int_equal(STAGE_HW(&s), 3);
	assert_int_equal(replica_list_end(s.replica, -1, &offset), REPLICA_OFFSET_NOT_AVAILABLE);
	stage_fetch(&s, 2, 5);
	assert_int_equal(replica_list_end(s.replica, -1, &offset), REPLICA_OK);
	assert_int_equal(offset, 5);
	stage_done(&s);
}

static void r19_becoming_leader_writes_its_epoch(void **state)
{
	struct stage s;
	int32_t epoch;
	int64_t end_offset;

	(void)state;
	stage_lead(&s, false, B1, B1);
	stage_append(&s, 3);
	stage_commit(&s, 1, 4, B1, B1);
	assert_int_equal(plog_last_epoch(s.log), 4);
	assert_int_equal(replica_epoch_end(s.replica, 4, 1, &epoch, &end_offset), REPLICA_OK);
	assert_int_equal(epoch, 1);
	assert_int_equal(end_offset, 3);
	assert_int_equal(replica_epoch_end(s.replica, 4, 4, &epoch, &end_offset), REPLICA_OK);
	assert_int_equal(epoch, 4);
	assert_int_equal(end_offset, 3);
	stage_done(&s);
}

static void r23_a_diverging_follower_is_told_where_and_r24_leaves_no_trace(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 3);
	stage_commit(&s, 1, 4, B1 | B2, B1 | B2);
	stage_append(&s, 3);
	/* The follower's epoch 2 is not known here: the largest below it is 1, up to 3. */
	fetch = stage_fetch_of(&s, 2, 6);
	fetch.last_fetched_epoch = 2;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(fetched.diverging_epoch, 1);
	assert_int_equal(fetched.diverging_end_offset, 3);
	assert_null(fetched.read.slice.file);
	/* Its epoch 1 went on longer than here. */
	fetch.last_fetched_epoch = 1;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(fetched.diverging_epoch, 1);
	assert_int_equal(fetched.diverging_end_offset, 3);
	/* And when epoch 4 itself seems longer there. */
	fetch = stage_fetch_of(&s, 2, 8);
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(fetched.diverging_epoch, 4);
	assert_int_equal(fetched.diverging_end_offset, 6);
	/* An epoch that began there without a record: the end alone would not tell. */
	fetch = stage_fetch_of(&s, 2, 3);
	fetch.last_fetched_epoch = 2;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(fetched.diverging_epoch, 1);
	assert_int_equal(fetched.diverging_end_offset, 3);
	stage_append(&s, 1);
	assert_int_equal(STAGE_HW(&s), 0); /* R24: none of it was recorded */
	stage_fetch(&s, 2, 3);
	assert_int_equal(STAGE_HW(&s), 3);
	stage_done(&s);
}

static void r27_below_the_log_start_is_out_of_range_even_when_epochs_diverge(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 3);
	stage_append(&s, 3);
	stage_commit(&s, 1, 4, B1 | B2, B1 | B2);
	stage_append(&s, 3);
	stage_fetch(&s, 2, 9);
	assert_int_equal(plog_advance_start(s.log, 3), 0);
	fetch = stage_fetch_of(&s, 2, 2); /* epoch 1 is known, from 3 to 6 */
	fetch.last_fetched_epoch = 3;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OFFSET_OUT_OF_RANGE);
	assert_int_equal(fetched.read.log_start_offset, 3);
	stage_done(&s);
}

/* ---- watches ---- */

struct stage_watch {
	struct replica_watch watch;
	struct stage *stage;
	int calls;
	bool again, appends;
};

static void stage_watch_ready(struct replica_watch *watch)
{
	struct stage_watch *w = (struct stage_watch *)watch;

	w->calls++;
	if (w->again)
		replica_watch(w->stage->replica, watch);
	if (w->appends && w->calls < 5)
		stage_append(w->stage, 1);
}

static void watches_are_woken_once_by_what_concerns_them(void **state)
{
	struct stage s;
	struct stage_watch consumer = {.watch = {.ready = stage_watch_ready}, .stage = &s};
	struct stage_watch follower = {.watch = {.ready = stage_watch_ready, .is_follower = true},
				       .stage = &s};

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	replica_unwatch(s.replica, &consumer.watch); /* never watched: fine */
	replica_watch(s.replica, &consumer.watch);
	replica_watch(s.replica, &follower.watch);
	stage_append(&s, 1);
	assert_int_equal(follower.calls, 1);
	assert_int_equal(consumer.calls, 0);
	replica_watch(s.replica, &follower.watch);
	stage_fetch(&s, 2, 1);
	assert_int_equal(follower.calls, 2); /* followers learn HW */
	assert_int_equal(consumer.calls, 1);
	stage_append(&s, 1);
	assert_int_equal(follower.calls, 2);
	replica_watch(s.replica, &consumer.watch);
	replica_watch(s.replica, &follower.watch);
	replica_unwatch(s.replica, &follower.watch);
	stage_commit(&s, 2, 2, B1 | B2, B1 | B2);
	assert_int_equal(consumer.calls, 2);
	assert_int_equal(follower.calls, 2);
	stage_done(&s);
}

static void a_watch_may_append_and_watch_again_from_its_call(void **state)
{
	struct stage s;
	struct stage_watch w[3] = {0};

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	for (int i = 0; i < 3; i++) {
		w[i] = (struct stage_watch){
			.watch = {.ready = stage_watch_ready, .is_follower = true},
			.stage = &s,
			.again = true,
			.appends = i == 1};
		replica_watch(s.replica, &w[i].watch);
	}
	stage_append(&s, 1);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(w[0].calls, 5);
	assert_int_equal(w[1].calls, 5);
	assert_int_equal(w[2].calls, 4); /* both first appends were news by its turn */
	for (int i = 0; i < 3; i++)
		w[i].again = false;
	stage_done(&s);
}

struct stage_chain {
	struct replica_waiter waiter;
	struct stage *stage;
	int left;
};

static void stage_chain_done(struct replica_waiter *waiter, enum replica_error error)
{
	struct stage_chain *c = (struct stage_chain *)waiter;

	assert_int_equal(error, c->left > 0 ? REPLICA_OK : REPLICA_NOT_LEADER);
	if (c->left-- == 0)
		return;
	waiter->last_offset = stage_append(c->stage, 1);
	replica_await(c->stage->replica, waiter);
}

static void a_waiter_may_append_and_wait_again_from_its_call(void **state)
{
	struct stage s;
	struct stage_chain c[2] = {{.stage = &s, .left = 3}, {.stage = &s, .left = 3}};

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	for (int i = 0; i < 2; i++) {
		c[i].waiter.done = stage_chain_done;
		c[i].waiter.all_replicas = true;
		c[i].waiter.last_offset = stage_append(&s, 1);
		replica_await(s.replica, &c[i].waiter);
	}
	for (int i = 0; i < 3; i++)
		stage_fetch(&s, 2, plog_end_offset(s.log));
	assert_int_equal(plog_end_offset(s.log), 8);
	stage_done(&s);
	assert_int_equal(c[0].left + c[1].left, -2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r2_the_epoch_of_a_request_is_checked),
		cmocka_unit_test(
			r3_the_epoch_comes_before_the_assignment_and_strangers_leave_no_trace),
		cmocka_unit_test(r6_a_stale_broker_epoch_is_refused_and_not_recorded),
		cmocka_unit_test(r9_hw_is_the_least_of_leader_and_isr),
		cmocka_unit_test(r9_hw_counts_durable_offsets),
		cmocka_unit_test(r9_a_durable_offset_never_counts_beyond_the_fetch_offset),
		cmocka_unit_test(r9_hw_waits_for_a_caught_up_outsider),
		cmocka_unit_test(r9_hw_does_not_wait_for_a_lagging_outsider),
		cmocka_unit_test(r9_hw_never_falls_within_an_epoch),
		cmocka_unit_test(r10_hw_stands_still_below_the_minimum),
		cmocka_unit_test(r10_the_minimum_is_the_topics_own_but_at_most_the_replicas),
		cmocka_unit_test(r11_hw_moves_on_a_followers_fetch_and_on_append),
		cmocka_unit_test(r11_hw_moves_on_becoming_leader),
		cmocka_unit_test(r11_hw_moves_when_the_isr_shrinks),
		cmocka_unit_test(r12_an_ineligible_outsider_does_not_hold_hw),
		cmocka_unit_test(r13_too_small_an_isr_refuses_before_the_append),
		cmocka_unit_test(r13_all_replicas_are_answered_when_hw_has_passed),
		cmocka_unit_test(r13_a_maximal_isr_below_the_minimum_is_told_after_the_append),
		cmocka_unit_test(acks_1_is_answered_after_the_leaders_flush),
		cmocka_unit_test(waiters_are_told_when_the_leader_stops_leading),
		cmocka_unit_test(
			waiters_are_answered_in_order_of_offset_whatever_order_they_came_in),
		cmocka_unit_test(r46_a_failed_flush_takes_the_partition_offline),
		cmocka_unit_test(r35_a_flush_that_never_ends_takes_the_partition_offline),
		cmocka_unit_test(r14_consumers_read_below_hw_and_above_it_nothing),
		cmocka_unit_test(r15_a_new_leader_tells_no_end_before_hw_reaches_its_start),
		cmocka_unit_test(r19_becoming_leader_writes_its_epoch),
		cmocka_unit_test(r23_a_diverging_follower_is_told_where_and_r24_leaves_no_trace),
		cmocka_unit_test(r27_below_the_log_start_is_out_of_range_even_when_epochs_diverge),
		cmocka_unit_test(watches_are_woken_once_by_what_concerns_them),
		cmocka_unit_test(a_watch_may_append_and_watch_again_from_its_call),
		cmocka_unit_test(a_waiter_may_append_and_wait_again_from_its_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
