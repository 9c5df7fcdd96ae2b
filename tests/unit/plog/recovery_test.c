/* Opening a log: R38, R44, R45, R48, R48a, whose folder it is, and how long it may be believed. */
#include "base/small_file.h"
#include "plog_fixture.h"

enum { SEEDS = 40 };

/* The first `records` batches of one record are on disk and promised; more are only written. */
static void promise(struct fixture *f, int batches)
{
	fixture_lead(f, 1, batches, 1);
	fixture_flush(f);
	sim_env_single_advance(f->single, 1000 * 1000);
	fixture_flush(f);
}

static int64_t batch_bytes(struct fixture *f)
{
	return plog_size_bytes(f->log) / plog_end_offset(f->log);
}

static void a_new_log_is_created_and_survives_a_power_cut_at_once(void **state)
{
	struct fixture *f = *state;

	assert_true(f->opening.created);
	fixture_crash(f, SIM_POWER, 1);
	fixture_open(f, false);
	assert_false(f->opening.created);
	assert_false(f->opening.cut || f->opening.corrupt);
}

static void a_clean_close_is_opened_without_a_scan(void **state)
{
	struct fixture *f = *state;

	fixture_lead(f, 3, 5, 2);
	fixture_close_clean(f);
	fixture_crash(f, SIM_POWER, 2);
	/* rot that only a scan would see */
	fixture_flip(f, 0, BATCH_HEADER_BYTES + 3);
	fixture_open(f, true);
	assert_int_equal(plog_end_offset(f->log), 10);
	assert_int_equal(plog_durable_offset(f->log), 10);
	assert_int_equal(plog_last_epoch(f->log), 3);
	assert_false(f->opening.corrupt);
}

static void what_was_durable_survives_every_power_cut(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		int64_t durable;

		fixture_lead(f, (int32_t)seed, 3, 7);
		fixture_flush(f);
		fixture_lead(f, (int32_t)seed, 5, 30);
		durable = plog_durable_offset(f->log);
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		assert_false(f->opening.corrupt);
		assert_true(plog_end_offset(f->log) >= durable);
		assert_int_equal(plog_durable_offset(f->log), plog_end_offset(f->log));
	}
}

static void r38_recovery_fsyncs_what_it_keeps(void **state)
{
	struct fixture *f = *state;

	fixture_lead(f, 1, 3, 7);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_int_equal(plog_end_offset(f->log), 21);
	assert_int_equal(plog_durable_offset(f->log), 21);
	for (uint64_t seed = 1; seed < 10; seed++) {
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		assert_int_equal(plog_end_offset(f->log), 21);
	}
}

/* The kernel marks pages clean whose flush failed, and a flush after it succeeds without them. */
static void r46_what_a_failed_flush_gave_up_is_written_again(void **state)
{
	struct fixture *f = *state;

	f->options.segment_bytes = 1000; /* above the recovery point there are several */
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		int64_t end_offset;

		fixture_close_clean(f);
		fixture_open(f, true);
		promise(f, 2);
		fixture_lead(f, 1, 30, 3);
		end_offset = plog_end_offset(f->log);
		sim_disk_fail_next(f->disk, SIM_SYNC, (unsigned)seed % 4, -EIO);
		fixture_flush(f);
		assert_true(plog_is_offline(f->log));
		fixture_crash(f, SIM_KILL, 0);
		fixture_open(f, false);
		assert_int_equal(plog_durable_offset(f->log), end_offset);
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		assert_false(f->opening.cut || f->opening.corrupt);
		assert_int_equal(plog_end_offset(f->log), end_offset);
	}
}

/* Many logs are recovered with two syncs in all. */
static void r38_logs_that_are_recovered_together_are_as_durable(void **state)
{
	struct fixture *f = *state;

	f->options.segment_bytes = 1000;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t syncs;
		int64_t end_offset;

		fixture_lead(f, (int32_t)seed, 30, 3);
		end_offset = plog_end_offset(f->log);
		fixture_crash(f, SIM_KILL, 0);
		syncs = sim_disk_calls(f->disk, SIM_SYNC);
		assert_int_equal(plog_open_unsynced(f->env, FOLDER, f->topic_id, &f->options, false,
						    &f->opening, &f->log),
				 0);
		f->closed = false;
		assert_int_equal(sim_disk_calls(f->disk, SIM_SYNC), syncs);
		assert_int_equal(env_file_system_sync(f->env, "."), 0);
		assert_int_equal(plog_synced(f->log), 0);
		assert_int_equal(env_file_system_sync(f->env, "."), 0);
		assert_int_equal(plog_durable_offset(f->log), end_offset);
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		assert_false(f->opening.cut || f->opening.corrupt);
		assert_int_equal(plog_end_offset(f->log), end_offset);
	}
}

/* ---- R45 ---- */

static void r45_cut_at_the_first_bad_batch_whatever_follows(void **state)
{
	struct fixture *f = *state;
	int64_t size, bytes;

	promise(f, 2);
	fixture_lead(f, 1, 4, 1);
	size = plog_size_bytes(f->log);
	bytes = batch_bytes(f);
	fixture_flip(f, 0, bytes * 4 - 1); /* batch 3; 4 and 5 are sound */
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_true(f->opening.cut);
	assert_false(f->opening.corrupt);
	assert_int_equal(f->opening.cut_bytes, bytes * 3);
	assert_int_equal(plog_end_offset(f->log), 3);
	assert_int_equal(fixture_size(f, 3, CUT_SUFFIX), bytes * 3);
	assert_int_equal(fixture_size(f, 0, SEGMENT_SUFFIX), size - bytes * 3);
	/* kept for good, and the log goes on */
	fixture_lead(f, 2, 1, 1);
	fixture_crash(f, SIM_POWER, 1);
	fixture_open(f, false);
	assert_true(fixture_has(f, 3, CUT_SUFFIX));
	assert_true(plog_end_offset(f->log) >= 3);
}

/* Neither is covered by the CRC of its batch: only the neighbours tell. */
static void cut_where_a_header_is_wrong(struct fixture *f, int64_t position_in_batch, int last)
{
	for (int64_t odd = 2; odd <= last; odd++) {
		promise(f, 2);
		fixture_lead(f, 1, 4, 1);
		fixture_flip(f, 0, batch_bytes(f) * odd + position_in_batch);
		fixture_crash(f, SIM_KILL, 0);
		fixture_open(f, false);
		assert_true(f->opening.cut);
		assert_false(f->opening.corrupt);
		assert_int_equal(plog_end_offset(f->log), odd);
		plog_close(f->log);
		f->log = NULL;
		assert_int_equal(plog_destroy(f->env, FOLDER, f->topic_id), 0);
		fixture_open(f, false);
	}
}

static void r45_cut_at_a_wrong_base_offset(void **state)
{
	cut_where_a_header_is_wrong(*state, 7, 5);
}

static void r45_cut_at_a_wrong_epoch(void **state)
{
	cut_where_a_header_is_wrong(*state, 15, 4);
}

static void r45_a_young_log_has_its_recovery_point_after_a_power_cut(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		fixture_lead(f, 1, 3, 7);
		fixture_flush(f);
		sim_env_single_hold_flushes(f->single, true); /* a tail to be torn */
		fixture_lead(f, 1, 20, 60);
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		assert_false(f->opening.corrupt);
		fixture_close_clean(f);
		assert_int_equal(plog_destroy(f->env, FOLDER, f->topic_id), 0);
		fixture_open(f, false);
		assert_true(f->opening.created);
	}
}

static void r45_later_segments_are_set_aside(void **state)
{
	struct fixture *f = *state;

	f->options.segment_bytes = 200;
	fixture_close_clean(f);
	fixture_open(f, true);
	sim_env_single_hold_flushes(f->single, true); /* nothing is promised */
	fixture_lead(f, 1, 6, 1);
	assert_int_equal(f->log->segment_count, 3);
	fixture_flip(f, 2, 70);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_true(f->opening.cut);
	assert_int_equal(plog_end_offset(f->log), 2);
	assert_true(fixture_has(f, 2, CUT_SUFFIX));
	assert_true(fixture_has(f, 4, ASIDE_SUFFIX));
	assert_false(fixture_has(f, 4, SEGMENT_SUFFIX));
	fixture_lead(f, 2, 6, 1);
	fixture_flush(f);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_int_equal(plog_end_offset(f->log), 8);
	assert_false(f->opening.cut);
}

static void r45_epochs_and_producers_are_cut_with_it(void **state)
{
	struct fixture *f = *state;
	struct given again = {.records = 1, .producer_id = 5};
	struct plog_appended appended;
	int64_t bytes;

	promise(f, 2);
	bytes = batch_bytes(f);
	for (int i = 0; i < 3; i++)
		fixture_lead_given(
			f, 2 + i,
			(struct given){.records = 1, .producer_id = 5, .base_sequence = i},
			&appended);
	fixture_flip(f, 0, bytes * 4 - 1); /* the second of them */
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_int_equal(plog_end_offset(f->log), 3);
	assert_int_equal(plog_last_epoch(f->log), 2);
	/* sequence 1 is next again, and 2 is not a duplicate */
	again.base_sequence = 2;
	assert_int_equal(fixture_lead_given(f, 5, again, &appended), -EILSEQ);
	again.base_sequence = 1;
	assert_int_equal(fixture_lead_given(f, 5, again, &appended), 0);
	assert_false(appended.duplicate);
}

static void r45_a_falling_epoch_is_a_bad_batch(void **state)
{
	struct fixture *f = *state;
	struct buffer old = {0};
	struct env_file *file;
	struct iovec piece;
	char *path = file_name_at(FOLDER, 0, SEGMENT_SUFFIX);

	promise(f, 2);
	fixture_lead(f, 4, 2, 1);
	/* what a page of an older history would look like */
	fixture_batch(&old, 4, 2, (struct given){.records = 1});
	piece = (struct iovec){old.data, old.size};
	assert_int_equal(env_file_open(f->env, path, ENV_OPEN_WRITE, &file), 0);
	assert_int_equal(env_file_write(f->env, file, &piece, 1, plog_size_bytes(f->log)), 0);
	env_file_unref(f->env, file);
	mem_free(path);
	buffer_done(&old);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	assert_true(f->opening.cut);
	assert_int_equal(plog_end_offset(f->log), 4);
}

/* ---- R48 ---- */

static void check_corrupt_at(struct fixture *f, int64_t offset)
{
	struct plog_appended appended;
	struct plog_slice slice;

	assert_true(f->opening.corrupt);
	assert_false(f->opening.cut);
	assert_int_equal(f->opening.corrupt_offset, offset);
	assert_int_equal(plog_end_offset(f->log), offset);
	assert_int_equal(fixture_lead_given(f, 9, (struct given){.records = 1}, &appended), -EROFS);
	assert_int_equal(plog_truncate(f->log, 0), -EROFS);
	assert_int_equal(plog_read(f->log, offset + 1, INT64_MAX, 100, true, &slice), -ERANGE);
}

static void r48_a_bad_batch_below_the_recovery_point_cuts_nothing(void **state)
{
	struct fixture *f = *state;
	struct buffer bytes = {0};
	int64_t size, from, to;

	promise(f, 5);
	size = plog_size_bytes(f->log);
	fixture_flip(f, 0, batch_bytes(f) * 3 - 1);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	check_corrupt_at(f, 2);
	fixture_read_all(f, 0, &bytes);
	buffer_done(&bytes);
	/* also after a clean close, and never by itself */
	fixture_close_clean(f);
	fixture_open(f, true);
	check_corrupt_at(f, 2);
	assert_int_equal(fixture_size(f, 0, SEGMENT_SUFFIX), size);
	/* until an operator says so */
	assert_int_equal(plog_accept_loss(f->log, &from, &to), 0);
	assert_int_equal(from, 2);
	assert_int_equal(to, 5);
	assert_true(fixture_has(f, 2, CUT_SUFFIX));
	/* for good, whatever comes next */
	fixture_crash(f, SIM_POWER, 1);
	fixture_open(f, false);
	assert_false(f->opening.corrupt);
	assert_int_equal(plog_end_offset(f->log), 2);
	fixture_lead(f, 9, 1, 1);
	fixture_close_clean(f);
	fixture_open(f, true);
	assert_false(f->opening.corrupt);
	assert_int_equal(plog_end_offset(f->log), 3);
	assert_int_equal(plog_accept_loss(f->log, &from, &to), -EINVAL);
}

static void r48_a_log_that_ends_below_the_recovery_point_is_corrupt(void **state)
{
	struct fixture *f = *state;
	char *path = file_name_at(FOLDER, 0, SEGMENT_SUFFIX);
	struct env_file *file;

	promise(f, 5);
	assert_int_equal(env_file_open(f->env, path, ENV_OPEN_WRITE, &file), 0);
	assert_int_equal(env_file_truncate(f->env, file, batch_bytes(f) * 3), 0);
	env_file_unref(f->env, file);
	mem_free(path);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, true); /* whatever the broker believes */
	check_corrupt_at(f, 3);
	assert_int_equal(plog_reset(f->log, 0), 0);
	fixture_lead(f, 2, 3, 1);
	fixture_close_clean(f);
	fixture_open(f, true);
	assert_false(f->opening.corrupt);
}

static void r48_a_segment_that_is_missing_is_corrupt(void **state)
{
	struct fixture *f = *state;

	f->options.segment_bytes = 200;
	fixture_close_clean(f);
	fixture_open(f, true);
	promise(f, 6);
	assert_int_equal(env_path_remove(f->env, FOLDER "/00000000000000000002.log"), 0);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	check_corrupt_at(f, 2);
	assert_true(fixture_has(f, 4, SEGMENT_SUFFIX)); /* nothing is touched */
	assert_int_equal(env_path_remove(f->env, FOLDER "/00000000000000000000.log"), 0);
	fixture_crash(f, SIM_KILL, 0);
	fixture_open(f, false);
	check_corrupt_at(f, 0);
}

static void an_unknown_recovery_point_trusts_a_whole_log_and_no_other(void **state)
{
	struct fixture *f = *state;

	promise(f, 5);
	fixture_crash(f, SIM_KILL, 0);
	sim_disk_flip(f->disk, FOLDER "/recovery-point", 20);
	sim_disk_flip(f->disk, FOLDER "/recovery-point", 512 + 20);
	fixture_open(f, false);
	assert_false(f->opening.cut || f->opening.corrupt || f->opening.created);
	assert_int_equal(plog_end_offset(f->log), 5);
	fixture_flip(f, 0, plog_size_bytes(f->log) - 1);
	fixture_crash(f, SIM_KILL, 0);
	assert_int_equal(env_path_remove(f->env, FOLDER "/recovery-point"), 0);
	fixture_open(f, false);
	check_corrupt_at(f, 4);
}

/* ---- truncation and power cuts ---- */

static void a_power_cut_after_a_truncation_is_no_corruption(void **state)
{
	struct fixture *f = *state;
	unsigned kept_old = 0, went = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		fixture_lead(f, 1, 40, 10);
		fixture_flush(f);
		sim_env_single_advance(f->single, 1000 * 1000);
		sim_env_single_hold_flushes(f->single, true);
		assert_int_equal(plog_truncate(f->log, 100), 0);
		fixture_lead(f, 2, 10, 10);
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		/* needless, but never wrong: the window is one flush long */
		if (f->opening.corrupt) {
			assert_int_equal(plog_reset(f->log, 0), 0);
			continue;
		}
		assert_true(plog_end_offset(f->log) >= 100);
		kept_old += plog_last_epoch(f->log) == 1 && plog_end_offset(f->log) == 400;
		went += plog_end_offset(f->log) <= 200;
		assert_int_equal(plog_reset(f->log, 0), 0);
	}
	assert_true(kept_old > 0 && went > 0);
}

static void sync_point(struct fixture *f)
{
	struct env_file *file;

	assert_int_equal(env_file_open(f->env, FOLDER "/" POINT_NAME, ENV_OPEN_READ, &file), 0);
	assert_int_equal(env_file_sync(f->env, file), 0);
	env_file_unref(f->env, file);
}

/* The new segment tells of the truncation that the recovery point has not heard of. */
static void a_truncation_with_a_durable_name_is_never_corruption(void **state)
{
	struct fixture *f = *state;
	unsigned lost = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		fixture_lead(f, 1, 40, 10);
		fixture_flush(f);
		sim_env_single_advance(f->single, 1000 * 1000);
		sync_point(f);
		sim_env_single_hold_flushes(f->single, true);
		assert_int_equal(plog_truncate(f->log, 100), 0);
		fixture_lead(f, 2, 10, 10);
		assert_int_equal(env_folder_sync(f->env, FOLDER), 0);
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		assert_false(f->opening.corrupt);
		assert_true(plog_end_offset(f->log) >= 100);
		lost += plog_end_offset(f->log) < 200;
		assert_int_equal(plog_reset(f->log, 0), 0);
	}
	assert_true(lost > 0);
}

/* The histories before and after a truncation must never be mixed, even where their segments begin
 * at the same offsets: of 800 bytes, they hold ten of the small batches and five of the large. */
enum { SMALL = 10, LARGE = 75, HISTORY_SEEDS = 1000 };

static void check_histories(struct fixture *f, int64_t from, int32_t taken, int32_t instead)
{
	bool any_instead = false, any_taken = false;

	for (int64_t offset = from; offset < plog_end_offset(f->log); offset++) {
		any_taken |= plog_epoch_of(f->log, offset) == taken;
		any_instead |= plog_epoch_of(f->log, offset) == instead;
	}
	assert_false(any_taken && any_instead);
}

/* Records [from, 40) of epoch `taken` give way to `count` others. */
static void mix_histories(struct fixture *f, int64_t from, int32_t taken, int32_t instead,
			  int count, int value_bytes)
{
	struct given given = {.records = 1, .value_bytes = value_bytes};
	struct plog_appended appended;

	f->options.segment_bytes = 800;
	fixture_close_clean(f);
	fixture_open(f, true);
	for (uint64_t seed = 1; seed <= HISTORY_SEEDS; seed++) {
		fixture_lead(f, 1, (int)from, 1);
		fixture_lead(f, taken, 40 - (int)from, 1);
		fixture_flush(f);
		sim_env_single_hold_flushes(f->single, true);
		assert_int_equal(plog_truncate(f->log, from), 0);
		for (int i = 0; i < count; i++)
			fixture_lead_given(f, instead, given, &appended);
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		check_histories(f, from, taken, instead);
		assert_int_equal(plog_reset(f->log, 0), 0);
	}
}

static void a_power_cut_never_puts_new_records_after_truncated_ones(void **state)
{
	mix_histories(*state, 35, 2, 3, 8, LARGE);
}

static void a_power_cut_never_puts_truncated_records_after_new_ones(void **state)
{
	mix_histories(*state, 20, 3, 2, 10, SMALL);
}

static void a_log_start_that_moved_explains_missing_segments(void **state)
{
	struct fixture *f = *state;

	f->options.segment_bytes = 200;
	fixture_close_clean(f);
	fixture_open(f, true);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		fixture_lead(f, 1, 20, 1);
		fixture_flush(f);
		assert_int_equal(plog_advance_start(f->log, plog_end_offset(f->log) - 3), 0);
		if (seed % 2)
			fixture_settle(f);
		fixture_crash(f, SIM_POWER, seed);
		fixture_open(f, false);
		assert_false(f->opening.corrupt);
	}
}

/* ---- R44, R48a ---- */

static void r44_a_crash_between_the_steps_leaves_old_or_new(void **state)
{
	static const enum sim_disk_call calls[] = {SIM_WRITE, SIM_SYNC, SIM_RENAME, SIM_SYNC};
	static const unsigned skips[] = {0, 0, 0, 1};
	struct fixture *f = *state;
	unsigned old = 0, new = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct buffer bytes = {0};
		size_t step = seed % 5;

		assert_int_equal(small_file_write(f->env, FOLDER, "vote", "old old old", 11), 0);
		if (step < 4)
			sim_disk_fail_next(f->disk, calls[step], skips[step], -EIO);
		assert_int_equal(small_file_write(f->env, FOLDER, "vote", "new", 3),
				 step < 4 ? -EIO : 0);
		fixture_crash(f, SIM_POWER, seed);
		assert_int_equal(small_file_read(f->env, FOLDER "/vote", 100, &bytes), 0);
		if (bytes.size == 3)
			assert_memory_equal(bytes.data, "new", 3);
		else
			assert_int_equal(bytes.size, 11);
		assert_true(step < 4 || bytes.size == 3); /* success means new */
		new += bytes.size == 3;
		old += bytes.size == 11;
		buffer_done(&bytes);
	}
	assert_true(old > 0 && new > SEEDS / 5);
	fixture_open(f, false);
}

static void r44_a_small_file_has_a_limit(void **state)
{
	struct fixture *f = *state;
	struct buffer bytes = {0};

	assert_int_equal(small_file_write(f->env, FOLDER, "vote", "four", 4), 0);
	assert_int_equal(small_file_read(f->env, FOLDER "/vote", 3, &bytes), -EFBIG);
	assert_int_equal(small_file_read(f->env, FOLDER "/none", 3, &bytes), -ENOENT);
	assert_int_equal(bytes.size, 0);
	buffer_done(&bytes);
}

static void r48a_the_epoch_cache_is_rebuilt_when_in_doubt(void **state)
{
	static const char *const damage[] = {"0\n1\n7 0\n", "", "0\n2\n1 0\n2 "};
	struct fixture *f = *state;

	fixture_lead(f, 1, 2, 5);
	fixture_lead(f, 3, 2, 5);
	fixture_flush(f);
	for (size_t i = 0; i < 2 * (sizeof(damage) / sizeof(*damage)); i++) {
		bool clean = i % 2;

		fixture_close_clean(f);
		assert_int_equal(small_file_write(f->env, FOLDER, EPOCHS_NAME, damage[i / 2],
						  strlen(damage[i / 2])),
				 0);
		fixture_open(f, clean);
		assert_int_equal(f->log->epochs.count, 2);
		assert_int_equal(plog_epoch_of(f->log, 9), 1);
		assert_int_equal(plog_epoch_of(f->log, 10), 3);
	}
	fixture_close_clean(f);
	assert_int_equal(env_path_remove(f->env, FOLDER "/" EPOCHS_NAME), 0);
	fixture_open(f, true);
	assert_int_equal(plog_epoch_of(f->log, 10), 3);
}

static void r48a_the_epoch_file_is_not_awaited(void **state)
{
	struct fixture *f = *state;
	uint64_t syncs = sim_disk_calls(f->disk, SIM_SYNC);

	plog_begin_epoch(f->log, 4);
	fixture_lead(f, 4, 1, 1);
	fixture_flush(f);
	assert_true(fixture_exists(f, FOLDER "/" EPOCHS_NAME));
	assert_int_equal(sim_disk_calls(f->disk, SIM_SYNC), syncs + 1); /* the segment's */
}

static void an_index_that_is_missing_or_wrong_is_rebuilt(void **state)
{
	struct fixture *f = *state;

	f->options.segment_bytes = 3000;
	fixture_close_clean(f);
	fixture_open(f, true);
	for (int round = 0; round < 4; round++) {
		fixture_lead(f, 1, 60, 1);
		fixture_close_clean(f);
		if (round == 1)
			assert_int_equal(
				env_path_remove(f->env, FOLDER "/00000000000000000000.index"), 0);
		else if (round == 2)
			sim_disk_flip(f->disk, FOLDER "/00000000000000000000.index", 6);
		else if (round == 3)
			sim_disk_flip(f->disk, FOLDER "/00000000000000000000.timeindex", 10);
		fixture_open(f, true);
		assert_false(f->opening.corrupt);
		for (int64_t offset = 0; offset < plog_end_offset(f->log); offset += 7) {
			struct plog_slice slice;

			assert_int_equal(plog_read(f->log, offset, INT64_MAX, 1, true, &slice), 0);
			assert_int_equal(slice.base_offset, offset);
			env_file_unref(f->env, slice.file);
		}
	}
}

/* ---- whose folder it is ---- */

static void a_folder_of_another_topic_is_set_aside(void **state)
{
	struct fixture *f = *state;
	struct uuid first = f->topic_id;
	char id[UUID_TEXT_BYTES], stray[100];

	fixture_lead(f, 1, 3, 1);
	fixture_close_clean(f);
	f->topic_id.bytes[0] = 77;
	fixture_open(f, true);
	assert_true(f->opening.created);
	assert_int_equal(plog_end_offset(f->log), 0);
	snprintf(stray, sizeof(stray), FOLDER ".%s.stray/00000000000000000000.log",
		 uuid_format(first, id));
	assert_true(fixture_exists(f, stray));
	/* back again: both are kept, under names of their own */
	fixture_close_clean(f);
	f->topic_id = first;
	fixture_open(f, true);
	fixture_close_clean(f);
	f->topic_id.bytes[0] = 77;
	fixture_open(f, true);
	assert_int_equal(plog_end_offset(f->log), 0);
	snprintf(stray, sizeof(stray), FOLDER ".%s.1.stray/00000000000000000000.log",
		 uuid_format(first, id));
	assert_true(fixture_exists(f, stray));
}

static void a_folder_of_nobody_knows_whom_is_set_aside(void **state)
{
	struct fixture *f = *state;

	fixture_lead(f, 1, 3, 1);
	fixture_close_clean(f);
	assert_int_equal(env_path_remove(f->env, FOLDER "/" METADATA_NAME), 0);
	fixture_open(f, true);
	assert_true(f->opening.created);
	assert_true(fixture_exists(f, FOLDER ".unknown.stray/00000000000000000000.log"));
}

/* Dropped and made anew at once: the new topic's folder may come first. */
static void destroying_spares_the_folder_of_another_topic(void **state)
{
	struct fixture *f = *state;
	struct uuid old_id = f->topic_id;

	fixture_lead(f, 1, 3, 1);
	fixture_close_clean(f);
	f->topic_id = (struct uuid){{4, 5, 6}};
	fixture_open(f, false);
	assert_true(f->opening.created);
	fixture_lead(f, 1, 2, 1);
	fixture_close_clean(f);
	assert_int_equal(plog_destroy(f->env, FOLDER, old_id), 0);
	fixture_open(f, true);
	assert_int_equal(plog_end_offset(f->log), 2);
}

static void destroying_leaves_nothing_even_after_a_power_cut(void **state)
{
	struct fixture *f = *state;

	fixture_lead(f, 1, 3, 1);
	fixture_close_clean(f);
	assert_int_equal(plog_destroy(f->env, FOLDER, f->topic_id), 0);
	assert_false(fixture_exists(f, FOLDER));
	assert_false(fixture_exists(f, FOLDER ".deleted"));
	fixture_crash(f, SIM_POWER, 4);
	assert_false(fixture_exists(f, FOLDER));
	assert_int_equal(plog_destroy(f->env, FOLDER, f->topic_id), 0);
	fixture_open(f, false);
	assert_true(f->opening.created);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_log_is_created_and_survives_a_power_cut_at_once),
		TEST(a_clean_close_is_opened_without_a_scan),
		TEST(what_was_durable_survives_every_power_cut),
		TEST(r38_recovery_fsyncs_what_it_keeps),
		TEST(r46_what_a_failed_flush_gave_up_is_written_again),
		TEST(r38_logs_that_are_recovered_together_are_as_durable),
		TEST(r45_cut_at_the_first_bad_batch_whatever_follows),
		TEST(r45_cut_at_a_wrong_base_offset),
		TEST(r45_cut_at_a_wrong_epoch),
		TEST(r45_a_young_log_has_its_recovery_point_after_a_power_cut),
		TEST(r45_later_segments_are_set_aside),
		TEST(r45_epochs_and_producers_are_cut_with_it),
		TEST(r45_a_falling_epoch_is_a_bad_batch),
		TEST(r48_a_bad_batch_below_the_recovery_point_cuts_nothing),
		TEST(r48_a_log_that_ends_below_the_recovery_point_is_corrupt),
		TEST(r48_a_segment_that_is_missing_is_corrupt),
		TEST(an_unknown_recovery_point_trusts_a_whole_log_and_no_other),
		TEST(a_power_cut_after_a_truncation_is_no_corruption),
		TEST(a_truncation_with_a_durable_name_is_never_corruption),
		TEST(a_power_cut_never_puts_new_records_after_truncated_ones),
		TEST(a_power_cut_never_puts_truncated_records_after_new_ones),
		TEST(a_log_start_that_moved_explains_missing_segments),
		TEST(r44_a_crash_between_the_steps_leaves_old_or_new),
		TEST(r44_a_small_file_has_a_limit),
		TEST(r48a_the_epoch_cache_is_rebuilt_when_in_doubt),
		TEST(r48a_the_epoch_file_is_not_awaited),
		TEST(an_index_that_is_missing_or_wrong_is_rebuilt),
		TEST(a_folder_of_another_topic_is_set_aside),
		TEST(a_folder_of_nobody_knows_whom_is_set_aside),
		TEST(destroying_spares_the_folder_of_another_topic),
		TEST(destroying_leaves_nothing_even_after_a_power_cut),
		TEST(destroying_spares_the_folder_of_another_topic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
