/* The leader epoch cache: R18 to R22 as a table of cases, and its file. */
#include "base/mem.h"
#include "plog/epoch_cache.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct epoch_cache cache_of(size_t count, const struct epoch_entry *entries)
{
	struct epoch_cache cache = {0};

	for (size_t i = 0; i < count; i++)
		epoch_cache_assign(&cache, entries[i].epoch, entries[i].start_offset);
	return cache;
}

static const struct epoch_entry usual[] = {{2, 10}, {4, 20}, {7, 30}};

static void r20_where_an_epoch_ends(void **state)
{
	static const struct {
		int32_t asked;
		int32_t epoch;
		int64_t end_offset;
	} cases[] = {
		{-1, -1, -1}, /* unknown -> unknown */
		{7, 7, 40},   /* the latest -> LEO */
		{8, -1, -1},  /* above the latest -> unknown */
		{0, 0, 10},   /* nothing at or below -> start of the first higher one */
		{1, 1, 10},
		{2, 2, 20},   /* start of the next higher one */
		{3, 2, 20},   /* the floor's */
		{4, 4, 30},
		{5, 4, 30},
		{6, 4, 30},
	};
	struct epoch_cache cache = cache_of(3, usual);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int32_t epoch = 99;
		int64_t end_offset = 99;

		epoch_cache_end_of(&cache, cases[i].asked, 40, &epoch, &end_offset);
		assert_int_equal(epoch, cases[i].epoch);
		assert_int_equal(end_offset, cases[i].end_offset);
	}
	epoch_cache_done(&cache);
}

static void r20_an_empty_cache_knows_nothing(void **state)
{
	struct epoch_cache cache = {0};
	int32_t epoch;
	int64_t end_offset;

	(void)state;
	epoch_cache_end_of(&cache, 0, 5, &epoch, &end_offset);
	assert_int_equal(epoch, -1);
	assert_int_equal(end_offset, -1);
	assert_int_equal(epoch_cache_last(&cache), -1);
	assert_int_equal(epoch_cache_at(&cache, 0), -1);
}

static void r21_an_entry_drops_those_not_below_it(void **state)
{
	static const struct {
		struct epoch_entry added;
		size_t count;
	} cases[] = {
		{{8, 40}, 4}, /* above in both */
		{{8, 30}, 3}, /* same start */
		{{8, 25}, 3}, /* lower start */
		{{8, 10}, 1},
		{{7, 40}, 3}, /* same epoch */
		{{4, 40}, 2}, /* lower epoch */
		{{1, 40}, 1},
		{{3, 15}, 2}, /* in the middle of both */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct epoch_cache cache = cache_of(3, usual);
		const struct epoch_entry *last;

		epoch_cache_assign(&cache, cases[i].added.epoch, cases[i].added.start_offset);
		assert_int_equal(cache.count, cases[i].count);
		last = &cache.entries[cache.count - 1];
		assert_int_equal(last->epoch, cases[i].added.epoch);
		assert_int_equal(last->start_offset, cases[i].added.start_offset);
		epoch_cache_done(&cache);
	}
}

static void r22_truncation_drops_what_starts_at_or_above(void **state)
{
	struct epoch_cache cache = cache_of(3, usual);

	(void)state;
	assert_false(epoch_cache_truncate_end(&cache, 31));
	assert_true(epoch_cache_truncate_end(&cache, 30));
	assert_int_equal(epoch_cache_last(&cache), 4);
	assert_true(epoch_cache_truncate_end(&cache, 0));
	assert_int_equal(epoch_cache_last(&cache), -1);
	epoch_cache_done(&cache);
}

static void the_start_of_the_log_moves_the_first_entry(void **state)
{
	struct epoch_cache cache = cache_of(3, usual);

	(void)state;
	assert_false(epoch_cache_truncate_start(&cache, 10));
	assert_true(epoch_cache_truncate_start(&cache, 25));
	assert_int_equal(cache.count, 2);
	assert_int_equal(cache.entries[0].epoch, 4);
	assert_int_equal(cache.entries[0].start_offset, 25);
	assert_int_equal(epoch_cache_at(&cache, 24), -1);
	assert_int_equal(epoch_cache_at(&cache, 25), 4);
	assert_true(epoch_cache_truncate_start(&cache, 30));
	assert_int_equal(cache.count, 1);
	assert_int_equal(cache.entries[0].start_offset, 30);
	epoch_cache_done(&cache);
}

static void the_file_is_kafkas(void **state)
{
	struct epoch_cache cache = cache_of(3, usual), back = {0};
	struct buffer text = {0};

	(void)state;
	epoch_cache_format(&cache, &text);
	assert_int_equal(text.size, strlen("0\n3\n2 10\n4 20\n7 30\n"));
	assert_memory_equal(text.data, "0\n3\n2 10\n4 20\n7 30\n", text.size);
	assert_int_equal(epoch_cache_parse(&back, text.data, text.size), 0);
	assert_int_equal(back.count, 3);
	assert_int_equal(epoch_cache_crc_below(&back, 100), epoch_cache_crc_below(&cache, 100));
	assert_int_not_equal(epoch_cache_crc_below(&back, 30), epoch_cache_crc_below(&back, 31));
	epoch_cache_done(&cache);
	epoch_cache_done(&back);
	buffer_done(&text);
}

static void a_file_that_is_not_whole_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "0\n", "1\n0\n", "0\n2\n1 5\n", "0\n1\n1 5", "0\n1\n1x5\n", "0\n1\n-1 5\n",
		"0\n2\n2 5\n1 6\n", "0\n2\n1 6\n2 6\n", "0\n1\n99999999999 5\n",
		"0\n1\n1 99999999999999999999\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct epoch_cache cache = {0};

		assert_int_equal(epoch_cache_parse(&cache, texts[i], strlen(texts[i])), -EBADMSG);
		assert_int_equal(cache.count, 0);
		epoch_cache_done(&cache);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r20_where_an_epoch_ends),
		cmocka_unit_test(r20_an_empty_cache_knows_nothing),
		cmocka_unit_test(r21_an_entry_drops_those_not_below_it),
		cmocka_unit_test(r22_truncation_drops_what_starts_at_or_above),
		cmocka_unit_test(the_start_of_the_log_moves_the_first_entry),
		cmocka_unit_test(the_file_is_kafkas),
		cmocka_unit_test(a_file_that_is_not_whole_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
