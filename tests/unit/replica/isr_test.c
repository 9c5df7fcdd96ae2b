/* The ISR as its leader changes it: who joins (R30), who leaves (R35), in what steps (R32). */
#include "stage.h"

/* Broker 2 is the ISR's second member, 3 the one that may join; HW is 5, LEO 5. */
static void isr_begin(struct stage *s)
{
	stage_lead(s, false, B1 | B2 | B3, B1 | B2);
	stage_append(s, 3);
	stage_append(s, 2);
	stage_fetch(s, 2, 5);
	assert_int_equal(STAGE_HW(s), 5);
	assert_int_equal(s->changes, 0);
}

static void r30_a_replica_joins_when_everything_holds(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_fetch(&s, 3, 5);
	assert_int_equal(s.changes, 1);
	assert_int_equal(s.change_isr, B1 | B2 | B3);
	assert_int_equal(s.change.leader_epoch, 1);
	assert_int_equal(s.change.partition_epoch, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s.change_epochs[i], 10 + i);
	stage_answer(&s, REPLICA_ISR_APPLIED);
	assert_int_equal(stage_describe(&s).isr_count, 3);
	assert_int_equal(stage_describe(&s).partition_epoch, 2);
	stage_apply(&s); /* the image says the same */
	assert_int_equal(stage_describe(&s).isr_count, 3);
	assert_int_equal(s.changes, 1);
	stage_done(&s);
}

static void r30_not_below_hw(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_fetch(&s, 3, 3);
	assert_int_equal(s.changes, 0);
	stage_done(&s);
}

static void r30_durable_offsets_count(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	isr_begin(&s);
	fetch = stage_fetch_of(&s, 3, 5);
	fetch.durable_offset = 3;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(s.changes, 0);
	fetch.durable_offset = -1;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(s.changes, 0);
	fetch.durable_offset = 5;
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(s.changes, 1);
	stage_done(&s);
}

static void r30_not_below_the_start_of_the_epoch(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_append(&s, 2); /* HW stays at 5 */
	stage_commit(&s, 1, 2, B1 | B2 | B3, B1 | B2);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_fetch(&s, 3, 5);
	assert_int_equal(s.changes, 0);
	stage_fetch(&s, 3, 7);
	assert_int_equal(s.changes, 1);
	stage_done(&s);
}

static void r30_not_when_fenced_or_shutting_down(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	s.image.broker[2].fenced = true;
	stage_apply(&s);
	stage_fetch(&s, 3, 5);
	assert_int_equal(s.changes, 0);
	s.image.broker[2].fenced = false;
	s.image.broker[2].shutting_down = true;
	stage_apply(&s);
	stage_fetch(&s, 3, 5);
	assert_int_equal(s.changes, 0);
	s.image.broker[2].shutting_down = false;
	stage_apply(&s);
	assert_int_equal(s.changes, 1);
	stage_done(&s);
}

static void r30_the_epoch_of_its_fetch_is_the_metadatas(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	isr_begin(&s);
	fetch = stage_fetch_of(&s, 3, 5);
	fetch.broker_epoch += 7; /* registered again; this broker's image does not say so yet */
	assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(s.changes, 0);
	s.image.broker[2].epoch += 7;
	stage_apply(&s);
	assert_int_equal(s.changes, 1);
	assert_int_equal(s.change_epochs[2], 19);
	stage_done(&s);

	isr_begin(&s);
	s.image.broker[2].fenced = true;
	stage_apply(&s);
	stage_fetch(&s, 3, 5);
	s.image.broker[2].fenced = false;
	s.image.broker[2].epoch += 7; /* it came back, and what it had fetched proves nothing */
	stage_apply(&s);
	assert_int_equal(s.changes, 0);
	stage_done(&s);
}

static void r31_a_new_epoch_forgets_what_outsiders_had_fetched(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_fetch(&s, 3, 5);
	stage_answer(&s, REPLICA_ISR_REFUSED);
	stage_commit(&s, 1, 2, B1 | B2 | B3, B1 | B2);
	stage_pass(&s, 1000 * 1000);
	assert_int_equal(s.changes, 1); /* R30: it has not fetched in this epoch */
	stage_append(&s, 1);
	stage_fetch(&s, 2, 6);
	assert_int_equal(STAGE_HW(&s), 6); /* R9: and does not count as caught up */
	stage_fetch(&s, 3, 3);		   /* nor when it fetches, but below this epoch's start */
	stage_append(&s, 1);
	stage_fetch(&s, 2, 7);
	assert_int_equal(STAGE_HW(&s), 7);
	stage_done(&s);
}

/* ---- R32, R34 ---- */

static void r32_the_union_counts_while_a_change_is_in_flight(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_fetch(&s, 3, 5);
	assert_int_equal(stage_describe(&s).isr_count, 2);
	assert_int_equal(stage_describe(&s).maximal_isr_count, 3);
	/* Long after broker 3 fell behind: HW waits for it all the same. */
	stage_append(&s, 1);
	for (int i = 0; i < 30; i++) {
		stage_fetch(&s, 2, 6);
		stage_pass(&s, 1000 * 1000);
	}
	assert_int_equal(STAGE_HW(&s), 5);
	stage_answer(&s, REPLICA_ISR_REFUSED);
	assert_int_equal(STAGE_HW(&s), 6);
	stage_done(&s);
}

static void r32_a_member_that_is_to_leave_counts_until_it_has_left(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3, B1 | B2 | B3);
	stage_append(&s, 5);
	for (int i = 0; i < 12; i++) {
		stage_fetch(&s, 2, 5);
		stage_pass(&s, 1000 * 1000);
	}
	assert_int_equal(s.change_isr, B1 | B2);
	assert_int_equal(stage_describe(&s).maximal_isr_count, 3);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_answer(&s, REPLICA_ISR_UNKNOWN);
	assert_int_equal(STAGE_HW(&s), 0);
	stage_answer(&s, REPLICA_ISR_APPLIED);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_done(&s);
}

static void r32_one_change_at_a_time(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2 | B3 | B4, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	stage_fetch(&s, 3, 5);
	stage_fetch(&s, 4, 5);
	assert_int_equal(s.changes, 1);
	assert_int_equal(s.change_isr, B1 | B2 | B3);
	stage_answer(&s, REPLICA_ISR_APPLIED);
	assert_int_equal(s.changes, 2);
	assert_int_equal(s.change_isr, B1 | B2 | B3 | B4);
	assert_int_equal(s.change.partition_epoch, 2);
	stage_done(&s);
}

static void r32_unknown_stays_pending_and_r34_repeats_the_same(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_fetch(&s, 3, 5);
	stage_pass(&s, 500 * 1000);
	assert_int_equal(s.changes, 1);
	stage_answer(&s, REPLICA_ISR_UNKNOWN);
	assert_int_equal(stage_describe(&s).maximal_isr_count, 3);
	/* By now the broker has died and come back: the request stays what it was. */
	s.image.broker[2].fenced = true;
	s.image.broker[2].epoch = 99;
	stage_apply(&s);
	stage_pass(&s, 100 * 1000);
	assert_int_equal(s.changes, 2);
	assert_int_equal(s.change_isr, B1 | B2 | B3);
	assert_int_equal(s.change_epochs[2], 12);
	assert_int_equal(s.change.partition_epoch, 1);
	stage_pass(&s, 1100 * 1000); /* and without any answer it is repeated, too */
	assert_int_equal(s.changes, 3);
	assert_int_equal(stage_describe(&s).maximal_isr_count, 3);
	stage_done(&s);
}

static void r32_a_refusal_brings_the_committed_isr_back_and_is_not_stormed(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_fetch(&s, 3, 5);
	stage_answer(&s, REPLICA_ISR_REFUSED);
	assert_int_equal(stage_describe(&s).maximal_isr_count, 2);
	for (int i = 0; i < 10; i++)
		stage_fetch(&s, 3, 5);
	assert_int_equal(s.changes, 1);
	stage_pass(&s, 100 * 1000);
	assert_int_equal(s.changes, 2);
	stage_done(&s);
}

static void r32_an_image_above_the_requests_epoch_ends_it(void **state)
{
	struct replica_isr_change first;
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_fetch(&s, 3, 5);
	stage_apply(&s); /* R8: equal is allowed, and ends nothing */
	assert_int_equal(stage_describe(&s).maximal_isr_count, 3);
	s.image.broker[2].fenced = true; /* its member was fenced: R33 refuses it for ever */
	stage_commit(&s, 1, 1, B1 | B2 | B3, B1 | B2);
	assert_int_equal(stage_describe(&s).maximal_isr_count, 2);
	replica_isr_answer(s.replica, &s.change, REPLICA_ISR_APPLIED, 9); /* late: ignored */
	assert_int_equal(stage_describe(&s).isr_count, 2);
	assert_int_equal(stage_describe(&s).partition_epoch, 2);
	/* Nor does it end the next one. */
	first = s.change;
	s.image.broker[2].fenced = false;
	stage_apply(&s);
	assert_int_equal(s.changes, 2);
	replica_isr_answer(s.replica, &first, REPLICA_ISR_REFUSED, 1);
	assert_int_equal(stage_describe(&s).maximal_isr_count, 3);
	stage_done(&s);
}

static void r8_a_lower_partition_epoch_is_ignored(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	stage_fetch(&s, 3, 5);
	replica_isr_answer(s.replica, &s.change, REPLICA_ISR_APPLIED, 2);
	assert_int_equal(stage_describe(&s).isr_count, 3);
	stage_apply(&s); /* the image from before: partition epoch 1, ISR of two */
	assert_int_equal(stage_describe(&s).isr_count, 3);
	assert_int_equal(stage_describe(&s).partition_epoch, 2);
	stage_done(&s);
}

/* ---- R35 ---- */

static void r35_a_member_leaves_when_its_caught_up_time_is_too_old(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 5);
	stage_fetch(&s, 2, 5);
	/* Idle at the end: caught up, however long ago it asked. */
	stage_pass(&s, 3 * STAGE_LAG_US);
	assert_int_equal(s.changes, 0);
	stage_append(&s, 5);
	stage_pass(&s, STAGE_LAG_US - 100 * 1000);
	assert_int_equal(s.changes, 0);
	stage_pass(&s, 200 * 1000);
	assert_int_equal(s.changes, 1);
	assert_int_equal(s.change_isr, B1);
	stage_done(&s);
}

/* One round trip behind for ever, never at the end: its time moves on with what it has reached. */
static void r35_a_member_that_keeps_pace_stays(void **state)
{
	struct stage s;
	int64_t end_before = 0;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	for (int i = 0; i < 60; i++) {
		int64_t end = stage_append(&s, 1) + 1;

		stage_fetch(&s, 2, end_before);
		end_before = end;
		stage_pass(&s, 1000 * 1000);
	}
	assert_int_equal(s.changes, 0);
	/* Many appends between two of its fetches: the samples are sparse, the time is not lost. */
	for (int i = 0; i < 3000; i++) {
		int64_t end = stage_append(&s, 1) + 1;

		stage_pass(&s, 10 * 1000);
		if (i % 400 == 399) {
			stage_fetch(&s, 2, end_before);
			end_before = end;
		}
	}
	assert_int_equal(s.changes, 0);
	stage_pass(&s, STAGE_LAG_US);
	assert_int_equal(s.changes > 0, 1);
	stage_done(&s);
}

/* It fetches and fetches, further and further behind. */
static void r35_fetching_is_not_catching_up(void **state)
{
	struct stage s;
	int64_t left_at_us = 0;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	for (int i = 0; i < 400 && s.changes == 0; i++) {
		stage_append(&s, 2);
		if (i % 2 == 0)
			stage_append(&s, 1);
		stage_fetch(&s, 2, plog_end_offset(s.log) / 5 * 2 / 5 * 5);
		stage_pass(&s, 100 * 1000);
		left_at_us += 100 * 1000;
	}
	assert_int_equal(s.change_isr, B1);
	/* At 2/5 of the leader's pace it is ten seconds behind after 16.7. */
	assert_in_range(left_at_us, 15 * 1000 * 1000, 19 * 1000 * 1000);
	stage_done(&s);
}

static void r35_a_member_that_never_fetched_counts_from_becoming_leader(void **state)
{
	struct stage s;

	(void)state;
	stage_lead(&s, false, B1 | B2, B1 | B2);
	stage_append(&s, 1);
	stage_pass(&s, 3 * STAGE_LAG_US / 2);
	stage_answer(&s, REPLICA_ISR_REFUSED);
	s.changes = 0;
	stage_commit(&s, 1, 2, B1 | B2, B1 | B2);
	stage_pass(&s, STAGE_LAG_US - 100 * 1000);
	assert_int_equal(s.changes, 0);
	stage_pass(&s, 200 * 1000);
	assert_int_equal(s.changes, 1);
	assert_int_equal(s.change_isr, B1);
	stage_done(&s);
}

static void r35_what_is_not_durable_does_not_count(void **state)
{
	struct stage s;
	struct replica_fetch fetch;
	struct replica_fetched fetched;

	(void)state;
	stage_lead(&s, true, B1 | B2, B1 | B2);
	stage_append(&s, 1);
	world_run(s.world);
	for (int i = 0; i < 11; i++) {
		fetch = stage_fetch_of(&s, 2, 1);
		fetch.durable_offset = -1;
		assert_int_equal(stage_serve(&s, &fetch, &fetched), REPLICA_OK);
		stage_pass(&s, 1000 * 1000);
	}
	assert_int_equal(s.change_isr, B1);
	stage_done(&s);
}

/* An ISR that the controller would refuse (R33) proposes nothing. */
static void r33_a_proposal_leaves_out_who_is_shutting_down(void **state)
{
	struct stage s;

	(void)state;
	isr_begin(&s);
	s.image.broker[1].shutting_down = true;
	stage_apply(&s);
	assert_int_equal(s.changes, 0); /* the controller takes it out itself (R36) */
	stage_fetch(&s, 3, 5);
	assert_int_equal(s.change_isr, B1 | B3);
	stage_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r30_a_replica_joins_when_everything_holds),
		cmocka_unit_test(r30_not_below_hw),
		cmocka_unit_test(r30_durable_offsets_count),
		cmocka_unit_test(r30_not_below_the_start_of_the_epoch),
		cmocka_unit_test(r30_not_when_fenced_or_shutting_down),
		cmocka_unit_test(r30_the_epoch_of_its_fetch_is_the_metadatas),
		cmocka_unit_test(r31_a_new_epoch_forgets_what_outsiders_had_fetched),
		cmocka_unit_test(r32_the_union_counts_while_a_change_is_in_flight),
		cmocka_unit_test(r32_a_member_that_is_to_leave_counts_until_it_has_left),
		cmocka_unit_test(r32_one_change_at_a_time),
		cmocka_unit_test(r32_unknown_stays_pending_and_r34_repeats_the_same),
		cmocka_unit_test(r32_a_refusal_brings_the_committed_isr_back_and_is_not_stormed),
		cmocka_unit_test(r32_an_image_above_the_requests_epoch_ends_it),
		cmocka_unit_test(r8_a_lower_partition_epoch_is_ignored),
		cmocka_unit_test(r35_a_member_leaves_when_its_caught_up_time_is_too_old),
		cmocka_unit_test(r35_a_member_that_keeps_pace_stays),
		cmocka_unit_test(r35_fetching_is_not_catching_up),
		cmocka_unit_test(r35_a_member_that_never_fetched_counts_from_becoming_leader),
		cmocka_unit_test(r35_what_is_not_durable_does_not_count),
		cmocka_unit_test(r33_a_proposal_leaves_out_who_is_shutting_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
