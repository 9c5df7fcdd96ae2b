/* Reading: bounds, limits, cold pages, timestamps. */
#include "plog_fixture.h"

/* The slice's batches: how many whole ones, and the last one's last offset. */
static int count_batches(struct fixture *f, struct plog_slice *slice, int64_t *ret_last)
{
	struct buffer bytes = {0};
	struct reader in;
	struct batch batch;
	int count = 0;

	*ret_last = -1;
	if (!slice->file)
		return 0;
	assert_int_equal(env_file_read(f->env, slice->file,
				       buffer_reserve(&bytes, (size_t)slice->size_bytes),
				       (size_t)slice->size_bytes, slice->position),
			 slice->size_bytes);
	in = reader_of(bytes.data, (size_t)slice->size_bytes);
	for (; batch_next(&in, &batch) == BATCH_OK; count++) {
		assert_true(count > 0 || batch.base_offset == slice->base_offset);
		*ret_last = batch_last_offset(&batch);
	}
	env_file_unref(f->env, slice->file);
	buffer_done(&bytes);
	return count;
}

static void every_offset_and_every_bound(void **state)
{
	struct fixture *f = *state;
	struct plog_slice slice;
	int64_t last;
	size_t at;

	f->options.segment_bytes = 9000;
	fixture_close_clean(f);
	fixture_open(f, true);
	fixture_lead(f, 1, 250, 3); /* batches 0-2, 3-5 and so on, in a few segments */
	assert_true(f->log->segment_count > 1);
	for (int64_t offset = 0; offset <= 750; offset++) {
		for (int64_t bound = offset - 2; bound < offset + 320; bound += 13) {
			int64_t first = offset / 3 * 3, end = bound > 750 ? 750 : bound / 3 * 3;

			assert_int_equal(plog_read(f->log, offset, bound, 1 << 20, false, &slice),
					 0);
			count_batches(f, &slice, &last);
			if (bound <= offset || end <= first) {
				assert_null(slice.file);
				continue;
			}
			assert_int_equal(slice.base_offset, first);
			/* all of it, or up to the segment's end */
			at = plog_segment_at(f->log, offset);
			assert_true(last == end - 1 ||
				    last + 1 == f->log->segments[at]->end_offset);
		}
	}
	assert_int_equal(plog_read(f->log, -1, 10, 100, true, &slice), -ERANGE);
	assert_int_equal(plog_read(f->log, 751, 1000, 100, true, &slice), -ERANGE);
}

static void the_first_batch_is_whole_when_asked(void **state)
{
	struct fixture *f = *state;
	struct plog_slice slice;
	int64_t last;

	fixture_lead(f, 1, 3, 10);
	assert_int_equal(plog_read(f->log, 12, INT64_MAX, 20, false, &slice), 0);
	assert_int_equal(slice.size_bytes, 20);
	assert_int_equal(count_batches(f, &slice, &last), 0);
	assert_int_equal(plog_read(f->log, 12, INT64_MAX, 20, true, &slice), 0);
	assert_int_equal(count_batches(f, &slice, &last), 1);
	assert_int_equal(last, 19);
	assert_int_equal(plog_read(f->log, 12, INT64_MAX, 0, false, &slice), 0);
	assert_null(slice.file);
	/* a batch that holds the bound is left out, whole or not */
	assert_int_equal(plog_read(f->log, 12, 15, 20, true, &slice), 0);
	assert_null(slice.file);
}

static void what_is_new_is_found_without_reading(void **state)
{
	struct fixture *f = *state;
	struct plog_slice slice;
	int64_t last;

	fixture_lead(f, 1, 200, 1);
	sim_disk_drop_cache(f->disk);
	assert_int_equal(plog_read(f->log, 190, 195, 1 << 20, true, &slice), 0);
	assert_int_equal(count_batches(f, &slice, &last), 5);
	sim_disk_drop_cache(f->disk);
	assert_int_equal(plog_read(f->log, 136, 199, 1 << 20, true, &slice), 0);
	assert_int_equal(count_batches(f, &slice, &last), 63);
}

struct ahead {
	struct env_read_ahead read;
	bool done;
};

static void ahead_done(struct env_read_ahead *read, int result)
{
	assert_int_equal(result, 0);
	((struct ahead *)(void *)read)->done = true;
}

static void cold_pages_are_asked_for_and_then_found(void **state)
{
	struct fixture *f = *state;
	struct plog_slice slice;
	int64_t last;
	int rc, rounds = 0;

	f->options.segment_bytes = 100000;
	fixture_close_clean(f);
	fixture_open(f, true);
	fixture_lead(f, 1, 2000, 1);
	sim_disk_drop_cache(f->disk);
	while ((rc = plog_read(f->log, 500, 1500, 1 << 20, true, &slice)) == -EAGAIN) {
		struct ahead ahead = {.read = {.file = slice.file, .position = slice.position,
					       .size = (size_t)slice.size_bytes,
					       .done = ahead_done}};

		assert_true(slice.size_bytes > 0);
		env_read_ahead(f->env, &ahead.read);
		env_file_unref(f->env, slice.file);
		fixture_settle(f);
		assert_true(ahead.done);
		assert_true(++rounds < 5);
	}
	assert_int_equal(rc, 0);
	assert_true(rounds > 0);
	assert_true(count_batches(f, &slice, &last) > 0);
	assert_int_equal(slice.base_offset, 500);
}

static void timestamps_are_found_in_offset_order(void **state)
{
	static const int64_t times[] = {100, 300, 200, 300, 500, 400, 600, 100};
	struct fixture *f = *state;
	struct plog_appended appended;
	struct plog_slice cold;

	f->options.segment_bytes = 300;
	f->options.index_interval_bytes = 50;
	fixture_close_clean(f);
	fixture_open(f, true);
	for (int i = 0; i < 8; i++)
		fixture_lead_given(f, 1, (struct given){.records = 2, .timestamp_ms = times[i]},
				   &appended);
	for (int reopened = 0; reopened < 3; reopened++) {
		for (int64_t asked = 0; asked < 700; asked += 50) {
			int64_t offset = -1, found = -1, expected = -1;

			for (int i = 7; i >= 0; i--)
				expected = times[i] >= asked ? i : expected;
			assert_int_equal(plog_find_timestamp(f->log, asked, INT64_MAX, &offset,
							     &found, &cold), expected >= 0);
			if (expected < 0)
				continue;
			assert_int_equal(offset, expected * 2);
			assert_int_equal(found, times[expected]);
		}
		fixture_close_clean(f);
		fixture_open(f, reopened == 0);
	}
	{
		int64_t offset, found;

		/* above the bound, and below the log start */
		assert_int_equal(plog_find_timestamp(f->log, 500, 9, &offset, &found, &cold), 0);
		assert_int_equal(plog_find_timestamp(f->log, 500, 10, &offset, &found, &cold), 1);
		assert_int_equal(plog_advance_start(f->log, 5), 0);
		assert_int_equal(plog_find_timestamp(f->log, 0, 16, &offset, &found, &cold), 1);
		assert_int_equal(offset, 5);
		assert_int_equal(found, 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_offset_and_every_bound),
		TEST(the_first_batch_is_whole_when_asked),
		TEST(what_is_new_is_found_without_reading),
		TEST(cold_pages_are_asked_for_and_then_found),
		TEST(timestamps_are_found_in_offset_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
