/* Appending as leader and as follower: offsets, rolls, what R26 refuses, what R46 stops. */
#include "plog_fixture.h"

static void a_leader_assigns_offsets_and_epoch(void **state)
{
	struct fixture *f = *state;
	struct plog_appended appended;
	struct buffer bytes = {0};
	struct reader in;
	struct batch batch;

	assert_int_equal(fixture_lead_given(f, 7, (struct given){.records = 3}, &appended), 0);
	assert_int_equal(appended.base_offset, 0);
	assert_int_equal(appended.last_offset, 2);
	assert_false(appended.duplicate);
	fixture_lead(f, 7, 1, 2);
	/* R47: at once, before any flush */
	assert_int_equal(plog_end_offset(f->log), 5);
	fixture_read_all(f, 0, &bytes);
	in = reader_of(bytes.data, bytes.size);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	assert_int_equal(batch.leader_epoch, 7);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	assert_int_equal(batch.base_offset, 3);
	buffer_done(&bytes);
}

static void r1_every_batch_carries_its_epoch_and_the_cache_knows_it(void **state)
{
	struct fixture *f = *state;
	struct plog_appended appended;

	fixture_lead(f, 2, 2, 1);
	fixture_lead(f, 5, 1, 1);
	assert_int_equal(plog_epoch_of(f->log, 1), 2);
	assert_int_equal(plog_epoch_of(f->log, 2), 5);
	assert_int_equal(fixture_lead_given(f, 4, (struct given){.records = 1}, &appended),
			 -EINVAL);
}

static void r47_the_end_moves_before_anything_is_flushed(void **state)
{
	struct fixture *f = *state;

	sim_env_single_hold_flushes(f->single, true);
	fixture_lead(f, 1, 1, 4);
	plog_flush(f->log);
	assert_int_equal(plog_end_offset(f->log), 4);
	assert_int_equal(plog_durable_offset(f->log), 0);
}

static void a_full_segment_rolls(void **state)
{
	struct fixture *f = *state;
	struct buffer bytes = {0};

	f->options.segment_bytes = 400;
	fixture_close_clean(f);
	fixture_open(f, true);
	fixture_lead(f, 1, 12, 1);
	assert_true(f->log->segment_count > 2);
	for (size_t i = 0; i < f->log->segment_count; i++)
		assert_true(f->log->segments[i]->size_bytes <= 400);
	assert_true(fixture_has(f, f->log->segments[1]->base_offset, SNAPSHOT_SUFFIX));
	fixture_read_all(f, 0, &bytes);
	buffer_done(&bytes);
	fixture_settle(f);
	/* a roll asks for a flush, so that recovery has an end with flush=async, too */
	assert_true(plog_durable_offset(f->log) > 0);
}

/* ---- as follower ---- */

static int64_t follow(struct fixture *f, struct buffer *bytes, int32_t epoch, bool exact)
{
	int64_t rc = plog_append_as_follower(f->log, bytes->data, bytes->size, epoch, exact);

	buffer_done(bytes);
	return rc;
}

static void a_follower_appends_a_run_over_segments(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0}, back = {0};

	f->options.segment_bytes = 300;
	fixture_close_clean(f);
	fixture_open(f, true);
	for (int i = 0; i < 10; i++)
		fixture_batch(&run, i * 2, i / 5, (struct given){.records = 2});
	assert_int_equal(plog_append_as_follower(f->log, run.data, run.size, 1, false), 20);
	assert_true(f->log->segment_count > 3);
	fixture_read_all(f, 0, &back);
	assert_int_equal(back.size, run.size);
	assert_memory_equal(back.data, run.data, run.size);
	assert_int_equal(plog_epoch_of(f->log, 10), 1);
	buffer_done(&run);
	buffer_done(&back);
}

static void a_partial_batch_at_the_end_is_ignored(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0};

	fixture_batch(&run, 0, 1, (struct given){.records = 2});
	fixture_batch(&run, 2, 1, (struct given){.records = 2});
	run.size -= 1;
	assert_int_equal(follow(f, &run, 1, false), 2);
	assert_int_equal(plog_end_offset(f->log), 2);
	assert_int_equal(f->log->segment_count, 1);
	run.size = 0;
	assert_int_equal(follow(f, &run, 1, false), -EBADMSG);
}

static void r26_a_base_offset_below_the_end_is_refused(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0};

	fixture_lead(f, 1, 1, 3);
	fixture_batch(&run, 2, 1, (struct given){.records = 2});
	assert_int_equal(follow(f, &run, 1, false), -EBADMSG);
	assert_int_equal(plog_end_offset(f->log), 3);
}

static void r26_a_hole_is_fine_when_fetched_and_refused_when_mirrored(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0};

	fixture_lead(f, 1, 1, 3);
	fixture_batch(&run, 5, 1, (struct given){.records = 2});
	assert_int_equal(plog_append_as_follower(f->log, run.data, run.size, 1, true), -EBADMSG);
	assert_int_equal(plog_end_offset(f->log), 3);
	assert_int_equal(follow(f, &run, 1, false), 4);
	assert_int_equal(plog_end_offset(f->log), 7);
}

static void r26_offsets_out_of_order_in_a_run_keep_what_came_before(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0};

	fixture_batch(&run, 0, 1, (struct given){.records = 2});
	fixture_batch(&run, 1, 1, (struct given){.records = 2});
	fixture_batch(&run, 3, 1, (struct given){.records = 2});
	assert_int_equal(follow(f, &run, 1, false), -EBADMSG);
	assert_int_equal(plog_end_offset(f->log), 2);
}

static void r26_a_crc_error_is_refused(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0};

	fixture_batch(&run, 0, 1, (struct given){.records = 2});
	run.data[run.size - 1] ^= 1;
	assert_int_equal(follow(f, &run, 1, false), -EBADMSG);
	assert_int_equal(plog_end_offset(f->log), 0);
	assert_int_equal(plog_size_bytes(f->log), 0);
}

static void r26_an_epoch_above_the_leaders_is_refused(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0};

	fixture_batch(&run, 0, 4, (struct given){.records = 2});
	assert_int_equal(follow(f, &run, 3, false), -EBADMSG);
	assert_int_equal(plog_last_epoch(f->log), -1);
}

static void an_epoch_that_falls_is_refused(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0};

	fixture_batch(&run, 0, 4, (struct given){.records = 2});
	fixture_batch(&run, 2, 3, (struct given){.records = 2});
	assert_int_equal(follow(f, &run, 5, false), -EBADMSG);
	assert_int_equal(plog_end_offset(f->log), 2);
}

static void r26_the_first_batch_may_begin_before_a_log_start_inside_it(void **state)
{
	struct fixture *f = *state;
	struct buffer run = {0};

	assert_int_equal(plog_reset(f->log, 57), 0);
	fixture_batch(&run, 50, 2, (struct given){.records = 10});
	assert_int_equal(plog_append_as_follower(f->log, run.data, run.size, 2, true), -EBADMSG);
	assert_int_equal(follow(f, &run, 2, false), 3);
	assert_int_equal(plog_start_offset(f->log), 57);
	assert_int_equal(plog_end_offset(f->log), 60);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_false(f->opening.corrupt);
	assert_int_equal(plog_start_offset(f->log), 57);
	assert_int_equal(plog_end_offset(f->log), 60);
	assert_int_equal(plog_epoch_of(f->log, 57), 2);
	/* but only into an empty log */
	fixture_batch(&run, 58, 2, (struct given){.records = 10});
	assert_int_equal(follow(f, &run, 2, false), -EBADMSG);
}

/* ---- R46 ---- */

static void r46_a_failed_write_takes_the_log_offline(void **state)
{
	struct fixture *f = *state;
	struct plog_appended appended;
	struct buffer run = {0};

	fixture_lead(f, 1, 2, 1);
	fixture_flush(f);
	f->durable_calls = 0;
	sim_disk_fail_next(f->disk, SIM_WRITE, 0, -ENOSPC);
	assert_int_equal(fixture_lead_given(f, 1, (struct given){.records = 1}, &appended),
			 -ENOSPC);
	assert_int_equal(f->durable_calls, 0); /* not from inside the append */
	fixture_settle(f);
	assert_int_equal(f->durable_calls, 1);
	assert_int_equal(f->durable_result, -ENOSPC);
	assert_true(plog_is_offline(f->log));
	assert_int_equal(plog_end_offset(f->log), 2);
	/* the disk is fine again, and nothing is appended all the same */
	assert_int_equal(fixture_lead_given(f, 1, (struct given){.records = 1}, &appended), -EROFS);
	fixture_batch(&run, 2, 1, (struct given){.records = 1});
	assert_int_equal(follow(f, &run, 1, false), -EROFS);
	assert_int_equal(plog_truncate(f->log, 1), -EROFS);
	assert_int_equal(plog_reset(f->log, 0), -EROFS);
	/* the torn tail is cut at the next start */
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_true(f->opening.cut);
	assert_int_equal(plog_end_offset(f->log), 2);
	fixture_lead(f, 1, 1, 1);
}

static void r46_a_failed_flush_takes_the_log_offline(void **state)
{
	struct fixture *f = *state;

	fixture_lead(f, 1, 2, 1);
	sim_disk_fail_next(f->disk, SIM_SYNC, 0, -EIO);
	fixture_flush(f);
	assert_int_equal(f->durable_result, -EIO);
	assert_int_equal(plog_durable_offset(f->log), 0);
	assert_true(plog_is_offline(f->log));
	/* A second fsync that succeeds proves nothing. */
	fixture_flush(f);
	assert_int_equal(plog_durable_offset(f->log), 0);
	assert_int_equal(plog_close_clean(f->log), -EROFS);
	f->closed = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_leader_assigns_offsets_and_epoch),
		TEST(r1_every_batch_carries_its_epoch_and_the_cache_knows_it),
		TEST(r47_the_end_moves_before_anything_is_flushed),
		TEST(a_full_segment_rolls),
		TEST(a_follower_appends_a_run_over_segments),
		TEST(a_partial_batch_at_the_end_is_ignored),
		TEST(r26_a_base_offset_below_the_end_is_refused),
		TEST(r26_a_hole_is_fine_when_fetched_and_refused_when_mirrored),
		TEST(r26_offsets_out_of_order_in_a_run_keep_what_came_before),
		TEST(r26_a_crc_error_is_refused),
		TEST(r26_an_epoch_above_the_leaders_is_refused),
		TEST(an_epoch_that_falls_is_refused),
		TEST(r26_the_first_batch_may_begin_before_a_log_start_inside_it),
		TEST(r46_a_failed_write_takes_the_log_offline),
		TEST(r46_a_failed_flush_takes_the_log_offline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
