/* Group commit, the durable offset, the recovery point (R45, R48a), truncation (R18-R22, R27). */
#include "plog_fixture.h"

static int64_t point_on_disk(struct fixture *f, struct recovery_point *ret)
{
	struct recovery_point_file file = {0};

	assert_int_equal(recovery_point_load(f->env, FOLDER, &file, ret), 1);
	recovery_point_done(f->env, &file);
	return ret->offset;
}

static void a_ticket_covers_what_was_written_before_it(void **state)
{
	struct fixture *f = *state;

	sim_env_single_hold_flushes(f->single, true);
	fixture_lead(f, 1, 1, 5);
	plog_flush(f->log);
	fixture_lead(f, 1, 1, 5);
	assert_int_equal(plog_durable_offset(f->log), 0);
	assert_true(sim_env_single_flush_one(f->single)); /* the segment */
	assert_int_equal(plog_durable_offset(f->log), 5);
	assert_int_equal(f->durable_calls, 1);
	/* nobody asked for more */
	assert_false(sim_env_single_flush_one(f->single));
}

static void asking_during_a_round_starts_the_next(void **state)
{
	struct fixture *f = *state;

	sim_env_single_hold_flushes(f->single, true);
	fixture_lead(f, 1, 1, 5);
	plog_flush(f->log);
	fixture_lead(f, 1, 1, 5);
	plog_flush(f->log);
	plog_flush(f->log);
	assert_true(sim_env_single_flush_one(f->single));
	assert_int_equal(plog_durable_offset(f->log), 5);
	assert_true(sim_env_single_flush_one(f->single));
	assert_int_equal(plog_durable_offset(f->log), 10);
	assert_false(sim_env_single_flush_one(f->single));
	assert_int_equal(f->durable_calls, 2);
}

static void r48a_a_new_segment_counts_only_after_its_folder(void **state)
{
	struct fixture *f = *state;

	f->options.segment_bytes = 200;
	fixture_close_clean(f);
	fixture_open(f, true);
	sim_env_single_hold_flushes(f->single, true);
	fixture_lead(f, 1, 2, 1);
	assert_int_equal(f->log->segment_count, 1);
	plog_flush(f->log);
	fixture_lead(f, 1, 3, 1);
	assert_int_equal(f->log->segment_count, 3);
	assert_true(sim_env_single_flush_one(f->single));
	assert_int_equal(plog_durable_offset(f->log), 0);
	assert_true(sim_env_single_flush_one(f->single)); /* the snapshot at 2 */
	assert_true(f->log->round.running && !f->log->folder_dirty);
	assert_int_equal(plog_durable_offset(f->log), 0);
	assert_true(sim_env_single_flush_one(f->single)); /* the folder */
	assert_int_equal(plog_durable_offset(f->log), 2);
	/* the rolls asked again: two segments, a snapshot; the folder is clean already */
	for (int i = 0; i < 3 && plog_durable_offset(f->log) == 2; i++)
		assert_true(sim_env_single_flush_one(f->single));
	assert_int_equal(plog_durable_offset(f->log), 5);
	fixture_crash(f, SIM_POWER, 3);
	fixture_open(f, false);
	assert_int_equal(plog_end_offset(f->log), 5);
	assert_false(f->opening.cut);
}

static void r45_the_recovery_point_follows_the_flush_and_never_the_end(void **state)
{
	struct fixture *f = *state;
	struct recovery_point point;

	fixture_lead(f, 1, 1, 5);
	sim_env_single_advance(f->single, 10 * 1000 * 1000);
	assert_int_equal(point_on_disk(f, &point), 0);
	sim_env_single_hold_flushes(f->single, true);
	plog_flush(f->log);
	fixture_lead(f, 1, 1, 5);
	assert_int_equal(point_on_disk(f, &point), 0);
	sim_env_single_flush_one(f->single);
	sim_env_single_advance(f->single, 10 * 1000 * 1000);
	assert_int_equal(point_on_disk(f, &point), 5);
}

static void r45_the_recovery_point_is_written_at_most_ten_times_a_second(void **state)
{
	struct fixture *f = *state;
	struct recovery_point point;
	uint64_t syncs;

	fixture_lead(f, 1, 1, 1);
	sim_env_single_advance(f->single, 1000 * 1000);
	fixture_flush(f);
	assert_int_equal(point_on_disk(f, &point), 1);
	sim_env_single_advance(f->single, 10 * 1000);
	fixture_lead(f, 1, 1, 1);
	syncs = sim_disk_calls(f->disk, SIM_SYNC);
	fixture_flush(f);
	assert_int_equal(sim_disk_calls(f->disk, SIM_SYNC), syncs + 1); /* it is not awaited */
	assert_int_equal(plog_durable_offset(f->log), 2);
	assert_int_equal(point_on_disk(f, &point), 1);
	sim_env_single_advance(f->single, 89 * 1000);
	assert_int_equal(point_on_disk(f, &point), 1);
	/* and then it is, without anybody asking */
	sim_env_single_advance(f->single, 1000);
	assert_int_equal(point_on_disk(f, &point), 2);
}

static void a_torn_slot_leaves_the_other(void **state)
{
	struct fixture *f = *state;
	struct recovery_point point;
	int64_t first, second;

	for (int i = 0; i < 2; i++) {
		fixture_lead(f, 1, 1, 1);
		fixture_flush(f);
		sim_env_single_advance(f->single, 1000 * 1000);
	}
	second = point_on_disk(f, &point);
	assert_int_equal(second, 2);
	/* the newest slot is one of the two; break both in turn */
	assert_int_equal(sim_disk_flip(f->disk, FOLDER "/recovery-point", 20), 0);
	first = point_on_disk(f, &point);
	assert_int_equal(sim_disk_flip(f->disk, FOLDER "/recovery-point", 20), 0);
	assert_int_equal(sim_disk_flip(f->disk, FOLDER "/recovery-point", 512 + 20), 0);
	assert_int_equal(first + point_on_disk(f, &point), 1 + 2);
}

/* ---- truncation ---- */

static void truncation_keeps_whole_batches(void **state)
{
	struct fixture *f = *state;
	struct buffer bytes = {0};

	fixture_lead(f, 1, 4, 5);
	assert_int_equal(plog_truncate(f->log, 12), 0);
	assert_int_equal(plog_end_offset(f->log), 10);
	assert_int_equal(plog_truncate(f->log, 10), 0);
	assert_int_equal(plog_end_offset(f->log), 10);
	fixture_lead(f, 2, 1, 5);
	fixture_read_all(f, 0, &bytes);
	buffer_done(&bytes);
	assert_int_equal(plog_end_offset(f->log), 15);
	assert_int_equal(plog_epoch_of(f->log, 9), 1);
	assert_int_equal(plog_epoch_of(f->log, 10), 2);
}

static void truncation_to_the_first_offset_leaves_an_empty_log(void **state)
{
	struct fixture *f = *state;

	fixture_lead(f, 1, 4, 5);
	assert_int_equal(plog_truncate(f->log, 3), 0);
	assert_int_equal(plog_end_offset(f->log), 0);
	assert_int_equal(plog_size_bytes(f->log), 0);
	assert_int_equal(plog_last_epoch(f->log), -1);
	fixture_lead(f, 2, 1, 5);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_int_equal(plog_end_offset(f->log), 5);
	assert_int_equal(plog_epoch_of(f->log, 0), 2);
}

static void r19_an_epoch_begins_without_a_record(void **state)
{
	struct fixture *f = *state;
	int32_t epoch;
	int64_t end_offset;

	fixture_lead(f, 1, 1, 5);
	plog_begin_epoch(f->log, 3);
	assert_int_equal(plog_last_epoch(f->log), 3);
	plog_epoch_end(f->log, 1, &epoch, &end_offset);
	assert_int_equal(epoch, 1);
	assert_int_equal(end_offset, 5);
	fixture_lead(f, 3, 1, 5);
	plog_begin_epoch(f->log, 3); /* no effect: it began before these */
	plog_epoch_end(f->log, 1, &epoch, &end_offset);
	assert_int_equal(end_offset, 5);
	fixture_close_clean(f);
	fixture_open(f, true);
	assert_int_equal(plog_last_epoch(f->log), 3);
}

static void r22_truncation_at_or_above_the_end_still_truncates_the_cache(void **state)
{
	struct fixture *f = *state;

	fixture_lead(f, 1, 1, 5);
	plog_begin_epoch(f->log, 3);
	assert_int_equal(plog_truncate(f->log, 5), 0);
	assert_int_equal(plog_last_epoch(f->log), 1);
	plog_begin_epoch(f->log, 3);
	assert_int_equal(plog_truncate(f->log, 7), 0);
	assert_int_equal(plog_last_epoch(f->log), 3); /* it starts below 7 */
	assert_int_equal(plog_end_offset(f->log), 5);
}

static void r48a_truncation_lowers_the_durable_offset_until_the_folder_is_flushed(void **state)
{
	struct fixture *f = *state;
	struct recovery_point point;

	f->options.segment_bytes = 200;
	fixture_close_clean(f);
	fixture_open(f, true);
	fixture_lead(f, 1, 6, 1);
	fixture_flush(f);
	sim_env_single_advance(f->single, 1000 * 1000);
	assert_int_equal(point_on_disk(f, &point), 6);
	sim_env_single_hold_flushes(f->single, true);
	assert_int_equal(plog_truncate(f->log, 1), 0);
	assert_int_equal(plog_durable_offset(f->log), 1);
	assert_int_equal(point_on_disk(f, &point), 1);
	f->durable_calls = 0;
	fixture_lead(f, 2, 1, 1);
	plog_flush(f->log);
	while (plog_durable_offset(f->log) == 1) {
		assert_int_equal(f->durable_calls, 0);
		assert_true(f->log->folder_dirty || f->log->round.opened ||
			    f->log->point_must_flush || f->log->round.running);
		assert_true(sim_env_single_flush_one(f->single));
	}
	assert_false(f->log->folder_dirty);
	assert_false(f->log->point_must_flush);
	assert_int_equal(plog_durable_offset(f->log), 2);
}

static void a_truncation_during_a_round_makes_it_prove_nothing(void **state)
{
	struct fixture *f = *state;

	sim_env_single_hold_flushes(f->single, true);
	fixture_lead(f, 1, 4, 1);
	plog_flush(f->log);
	assert_int_equal(plog_truncate(f->log, 2), 0);
	fixture_lead(f, 2, 3, 1);
	assert_true(sim_env_single_flush_one(f->single)); /* the old file's */
	assert_int_equal(plog_durable_offset(f->log), 0);
	sim_env_single_hold_flushes(f->single, false);
	fixture_settle(f);
	assert_int_equal(plog_durable_offset(f->log), 5);
	fixture_crash(f, SIM_POWER, 1);
	fixture_open(f, false);
	assert_int_equal(plog_end_offset(f->log), 5);
	assert_int_equal(plog_epoch_of(f->log, 2), 2);
}

static void r27_a_reset_drops_everything_together(void **state)
{
	struct fixture *f = *state;
	struct plog_appended appended;

	fixture_lead_given(f, 1, (struct given){.records = 2, .producer_id = 9}, &appended);
	fixture_lead(f, 2, 3, 5);
	fixture_flush(f);
	assert_int_equal(plog_reset(f->log, 500), 0);
	assert_int_equal(plog_start_offset(f->log), 500);
	assert_int_equal(plog_end_offset(f->log), 500);
	assert_int_equal(plog_durable_offset(f->log), 500);
	assert_int_equal(plog_last_epoch(f->log), -1);
	assert_null(f->log->producers.producers);
	fixture_crash(f, SIM_POWER, 5);
	fixture_open(f, false);
	assert_false(f->opening.cut || f->opening.corrupt || f->opening.created);
	assert_int_equal(plog_start_offset(f->log), 500);
	assert_int_equal(plog_end_offset(f->log), 500);
	assert_int_equal(plog_reset(f->log, 3), 0); /* and backwards */
	assert_int_equal(plog_start_offset(f->log), 3);
}

static void truncation_below_the_log_start_is_a_reset(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plog_reset(f->log, 500), 0);
	fixture_lead(f, 1, 3, 5);
	assert_int_equal(plog_truncate(f->log, 100), 0);
	assert_int_equal(plog_start_offset(f->log), 100);
	assert_int_equal(plog_end_offset(f->log), 100);
}

/* ---- the log start ---- */

static void r17_the_start_moves_and_whole_segments_go_once_that_is_durable(void **state)
{
	struct fixture *f = *state;
	struct plog_slice slice;

	f->options.segment_bytes = 200;
	fixture_close_clean(f);
	fixture_open(f, true);
	fixture_lead(f, 1, 3, 1);
	fixture_lead(f, 2, 3, 1);
	fixture_flush(f);
	sim_env_single_hold_flushes(f->single, true);
	assert_int_equal(plog_advance_start(f->log, 7), -EINVAL);
	assert_int_equal(plog_advance_start(f->log, 5), 0);
	assert_int_equal(plog_start_offset(f->log), 5);
	assert_int_equal(plog_read(f->log, 4, INT64_MAX, 100, true, &slice), -ERANGE);
	assert_int_equal(plog_epoch_of(f->log, 4), -1);
	assert_true(fixture_has(f, 0, SEGMENT_SUFFIX));
	sim_env_single_hold_flushes(f->single, false);
	fixture_settle(f);
	assert_false(fixture_has(f, 0, SEGMENT_SUFFIX));
	assert_false(fixture_has(f, 0, INDEX_SUFFIX));
	assert_int_equal(f->log->segment_count, 1);
	assert_int_equal(plog_advance_start(f->log, 4), 0);
	assert_int_equal(plog_start_offset(f->log), 5);
	fixture_crash(f, SIM_POWER, 7);
	fixture_open(f, false);
	assert_int_equal(plog_start_offset(f->log), 5);
	assert_int_equal(plog_end_offset(f->log), 6);
	/* all of it */
	assert_int_equal(plog_advance_start(f->log, 6), 0);
	fixture_settle(f);
	assert_int_equal(plog_size_bytes(f->log), 0);
}

static void an_idle_log_is_small(void **state)
{
	struct fixture *f = *state;

	assert_null(f->log->tail);
	assert_null(f->log->producers.producers);
	assert_true(sizeof(struct plog) + sizeof(struct segment) < 2000);
}

/* After a truncation a round begins with the recovery point: what is appended meanwhile is flushed
 * by the round all the same, and nothing comes after it. */
static void what_the_last_flush_covers_is_durable_without_another(void **state)
{
	struct fixture *f = *state;

	fixture_lead(f, 1, 3, 1);
	fixture_flush(f);
	sim_env_single_hold_flushes(f->single, true);
	fixture_lead(f, 1, 1, 1);
	plog_flush(f->log);
	assert_int_equal(plog_truncate(f->log, 2), 0);
	fixture_lead(f, 1, 1, 1);
	plog_flush(f->log);
	assert_true(sim_env_single_flush_one(f->single)); /* it proves nothing any more */
	fixture_lead(f, 1, 1, 1);
	plog_flush(f->log);
	while (sim_env_single_flush_one(f->single))
		;
	assert_int_equal(plog_end_offset(f->log), 4);
	assert_int_equal(plog_durable_offset(f->log), 4);
	assert_int_equal(f->durable_result, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ticket_covers_what_was_written_before_it),
		TEST(asking_during_a_round_starts_the_next),
		TEST(r48a_a_new_segment_counts_only_after_its_folder),
		TEST(r45_the_recovery_point_follows_the_flush_and_never_the_end),
		TEST(r45_the_recovery_point_is_written_at_most_ten_times_a_second),
		TEST(a_torn_slot_leaves_the_other),
		TEST(truncation_keeps_whole_batches),
		TEST(truncation_to_the_first_offset_leaves_an_empty_log),
		TEST(r19_an_epoch_begins_without_a_record),
		TEST(r22_truncation_at_or_above_the_end_still_truncates_the_cache),
		TEST(r48a_truncation_lowers_the_durable_offset_until_the_folder_is_flushed),
		TEST(a_truncation_during_a_round_makes_it_prove_nothing),
		TEST(r27_a_reset_drops_everything_together),
		TEST(truncation_below_the_log_start_is_a_reset),
		TEST(r17_the_start_moves_and_whole_segments_go_once_that_is_durable),
		TEST(an_idle_log_is_small),
		TEST(what_the_last_flush_covers_is_durable_without_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
