/* Owns the text format. Numbers are written by hand: a thousand samples a second must not be felt
 * by whoever writes them. */
#include "base/exposition.h"

#include <string.h>

enum { MICROSECONDS = 1000000, NUMBER_BYTES = 32 };

static void put_text(struct buffer *out, const char *text)
{
	buffer_put(out, text, strlen(text));
}

/* Writes digits from `end` backwards; returns where they begin. */
static char *digits_before(char *end, uint64_t value, int at_least)
{
	while (value > 0 || at_least > 0) {
		*--end = (char)('0' + value % 10);
		value /= 10;
		at_least--;
	}
	return end;
}

static uint64_t magnitude_of(int64_t value)
{
	return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static const char *format_number(char text[static NUMBER_BYTES], int64_t value)
{
	char *at = text + NUMBER_BYTES - 1;

	*at = 0;
	at = digits_before(at, magnitude_of(value), 1);
	if (value < 0)
		*--at = '-';
	return at;
}

/* 1500000 is 1.5, and 2000000 is 2. */
static const char *format_seconds(char text[static NUMBER_BYTES], int64_t value_us)
{
	uint64_t magnitude = magnitude_of(value_us), fraction = magnitude % MICROSECONDS;
	char *end = text + NUMBER_BYTES - 1, *at = end;

	if (fraction > 0) {
		at = digits_before(end, fraction, 6);
		while (end[-1] == '0')
			end--;
		*--at = '.';
	}
	*end = 0;
	at = digits_before(at, magnitude / MICROSECONDS, 1);
	if (value_us < 0)
		*--at = '-';
	return at;
}

static void put_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			buffer_put(out, "\\", 1);
		if (*text == '\n')
			put_text(out, "\\n");
		else
			buffer_put(out, text, 1);
	}
}

static void put_label(struct buffer *out, const char *name, const char *value, bool is_first)
{
	put_text(out, is_first ? "{" : ",");
	put_text(out, name);
	put_text(out, "=\"");
	put_escaped(out, value);
	put_text(out, "\"");
}

/* Everything of a line up to its number. `bound` is the label `le` of a bucket, or NULL. */
static void put_head(struct buffer *out, const struct metric *metric, const char *suffix,
		     const struct label *labels, const char *bound)
{
	bool is_first = true;

	put_text(out, metric->name);
	put_text(out, suffix);
	for (; labels->name; labels++) {
		put_label(out, labels->name, labels->value, is_first);
		is_first = false;
	}
	if (bound)
		put_label(out, "le", bound, is_first);
	put_text(out, bound || !is_first ? "} " : " ");
}

void exposition_begin(struct buffer *out, const struct metric *metric)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = " counter\n",
		[METRIC_GAUGE] = " gauge\n",
		[METRIC_HISTOGRAM] = " histogram\n",
	};

	put_text(out, "# HELP ");
	put_text(out, metric->name);
	put_text(out, " ");
	put_text(out, metric->help);
	put_text(out, "\n# TYPE ");
	put_text(out, metric->name);
	put_text(out, types[metric->type]);
}

/* One line. */
static void put_sample(struct buffer *out, const struct metric *metric, const char *suffix,
		       const struct label *labels, const char *bound, const char *number)
{
	put_head(out, metric, suffix, labels, bound);
	put_text(out, number);
	put_text(out, "\n");
}

void exposition_value(struct buffer *out, const struct metric *metric, const struct label *labels,
		      int64_t value)
{
	char text[NUMBER_BYTES];

	put_sample(out, metric, "", labels, NULL, format_number(text, value));
}

void exposition_seconds(struct buffer *out, const struct metric *metric, const struct label *labels,
			int64_t value_us)
{
	char text[NUMBER_BYTES];

	put_sample(out, metric, "", labels, NULL, format_seconds(text, value_us));
}

void exposition_histogram(struct buffer *out, const struct metric *metric,
			  const struct label *labels, const struct histogram *histogram)
{
	char text[NUMBER_BYTES], bound[NUMBER_BYTES];
	uint64_t count = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		bool is_last = i == HISTOGRAM_BUCKETS - 1;

		count += histogram->buckets[i];
		put_sample(out, metric, "_bucket", labels,
			   is_last ? "+Inf"
				   : format_seconds(bound, (int64_t)histogram_bounds_us[i]),
			   format_number(text, (int64_t)count));
	}
	put_sample(out, metric, "_sum", labels, NULL,
		   format_seconds(text, (int64_t)histogram->sum_us));
	put_sample(out, metric, "_count", labels, NULL, format_number(text, (int64_t)count));
}

void exposition_one(struct buffer *out, const struct metric *metric, int64_t value)
{
	exposition_begin(out, metric);
	exposition_value(out, metric, NO_LABELS, value);
}
