/* Histograms, and metrics as text: what Prometheus is given, byte for byte. */
#include "base/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void check_text(struct buffer *out, const char *expected)
{
	buffer_put(out, "", 1);
	assert_string_equal((const char *)out->data, expected);
	buffer_done(out);
}

static void a_duration_lies_in_the_bucket_that_bounds_it(void **state)
{
	struct histogram h = {0};

	(void)state;
	for (int i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		histogram_add(&h, histogram_bounds_us[i]); /* a bound belongs to its bucket */
		assert_int_equal(h.buckets[i], i == 0 ? 1 : 2);
		histogram_add(&h, histogram_bounds_us[i] + 1);
		assert_int_equal(h.buckets[i + 1], 1);
	}
	histogram_add(&h, 0);
	assert_int_equal(h.buckets[0], 2);
	histogram_add(&h, UINT64_MAX / 2);
	assert_int_equal(h.buckets[HISTOGRAM_BUCKETS - 1], 2);
	assert_int_equal(histogram_count(&h), 2 * (HISTOGRAM_BUCKETS - 1) + 2);
}

static void bounds_rise(void **state)
{
	(void)state;
	for (int i = 1; i < HISTOGRAM_BUCKETS - 1; i++)
		assert_true(histogram_bounds_us[i] > histogram_bounds_us[i - 1]);
}

static void merged_histograms_have_counted_both(void **state)
{
	struct histogram a = {0}, b = {0};

	(void)state;
	histogram_add(&a, 10);
	histogram_add(&b, 10);
	histogram_add(&b, 3000000);
	histogram_merge(&a, &b);
	assert_int_equal(a.buckets[0], 2);
	assert_int_equal(histogram_count(&a), 3);
	assert_int_equal(a.sum_us, 3000020);
	assert_int_equal(histogram_count(&b), 2);
}

static void a_family_is_help_type_and_samples(void **state)
{
	static const struct metric metric = {"bytes_total", METRIC_COUNTER, "All bytes"};
	struct buffer out = {0};

	(void)state;
	exposition_begin(&out, &metric);
	exposition_value(&out, &metric, LABELS({"topic", "a"}, {"way", "in"}), 18);
	exposition_value(&out, &metric, NO_LABELS, 0);
	check_text(&out, "# HELP bytes_total All bytes\n"
			 "# TYPE bytes_total counter\n"
			 "bytes_total{topic=\"a\",way=\"in\"} 18\n"
			 "bytes_total 0\n");
}

static void label_values_are_escaped(void **state)
{
	static const struct metric metric = {"m", METRIC_GAUGE, "A metric"};
	struct buffer out = {0};

	(void)state;
	exposition_value(&out, &metric, LABELS({"l", "a\"b\\c\nd{}=,"}), 1);
	check_text(&out, "m{l=\"a\\\"b\\\\c\\nd{}=,\"} 1\n");
}

static void numbers_are_written_exactly(void **state)
{
	static const struct {
		int64_t value;
		const char *text;
	} values[] = {{0, "m 0\n"},
		      {-1, "m -1\n"},
		      {1234567890123, "m 1234567890123\n"},
		      {INT64_MAX, "m 9223372036854775807\n"},
		      {INT64_MIN, "m -9223372036854775808\n"}};
	static const struct {
		int64_t value_us;
		const char *text;
	} seconds[] = {{0, "m 0\n"},           {50, "m 0.00005\n"},
		       {1500000, "m 1.5\n"},   {10000000, "m 10\n"},
		       {-250000, "m -0.25\n"}, {1795377952445001, "m 1795377952.445001\n"}};
	static const struct metric metric = {"m", METRIC_GAUGE, "A metric"};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct buffer out = {0};

		exposition_value(&out, &metric, NO_LABELS, values[i].value);
		check_text(&out, values[i].text);
	}
	for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++) {
		struct buffer out = {0};

		exposition_seconds(&out, &metric, NO_LABELS, seconds[i].value_us);
		check_text(&out, seconds[i].text);
	}
}

/* Buckets are cumulative, end with +Inf, and agree with _count (the format's rules). */
static void a_histogram_is_written_cumulatively(void **state)
{
	static const struct metric metric = {"d_seconds", METRIC_HISTOGRAM, "Durations"};
	struct histogram h = {0};
	struct buffer out = {0};
	const char *text;

	(void)state;
	histogram_add(&h, 40);
	histogram_add(&h, 90);
	histogram_add(&h, 20000000);
	exposition_histogram(&out, &metric, LABELS({"api", "Fetch"}), &h);
	buffer_put(&out, "", 1);
	text = (const char *)out.data;
	assert_ptr_equal(strstr(text, "d_seconds_bucket{api=\"Fetch\",le=\"0.00005\"} 1\n"
				      "d_seconds_bucket{api=\"Fetch\",le=\"0.0001\"} 2\n"
				      "d_seconds_bucket{api=\"Fetch\",le=\"0.00025\"} 2\n"),
			 text);
	assert_non_null(strstr(text, "d_seconds_bucket{api=\"Fetch\",le=\"10\"} 2\n"
				     "d_seconds_bucket{api=\"Fetch\",le=\"+Inf\"} 3\n"
				     "d_seconds_sum{api=\"Fetch\"} 20.00013\n"
				     "d_seconds_count{api=\"Fetch\"} 3\n"));
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_duration_lies_in_the_bucket_that_bounds_it),
		cmocka_unit_test(bounds_rise),
		cmocka_unit_test(merged_histograms_have_counted_both),
		cmocka_unit_test(a_family_is_help_type_and_samples),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(numbers_are_written_exactly),
		cmocka_unit_test(a_histogram_is_written_cumulatively),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
