/* Owns the times of acknowledgements and the gaps between them. */
#include "history_table.h"

#include <inttypes.h>
#include <stdlib.h>

void history_stalls_done(struct history_stalls *stalls)
{
	free(stalls->acks);
}

void history_stalls_add(struct history_stalls *stalls, int64_t t_us, int32_t partition)
{
	if (stalls->count == stalls->capacity) {
		stalls->capacity = stalls->capacity ? stalls->capacity * 2 : 1024;
		stalls->acks =
			realloc(stalls->acks, sizeof(*stalls->acks) * (size_t)stalls->capacity);
		if (!stalls->acks)
			abort();
	}
	stalls->acks[stalls->count++] = (struct history_ack){.t_us = t_us, .partition = partition};
}

static int by_time(const void *left, const void *right)
{
	const struct history_ack *a = left, *b = right;

	return a->t_us < b->t_us ? -1 : a->t_us > b->t_us;
}

static int by_partition_and_time(const void *left, const void *right)
{
	const struct history_ack *a = left, *b = right;

	return a->partition != b->partition ? (a->partition < b->partition ? -1 : 1)
					    : by_time(a, b);
}

static int by_value(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return a < b ? -1 : a > b;
}

/* The longest gap that touches the window, in sorted acks. */
static int64_t longest_gap_us(const struct history_stalls *stalls, struct history_window window,
			      bool within_partition)
{
	int64_t longest_us = 0;

	for (int64_t i = 1; i < stalls->count; i++) {
		const struct history_ack *before = &stalls->acks[i - 1], *after = &stalls->acks[i];

		if (within_partition && before->partition != after->partition)
			continue;
		if (after->t_us >= window.from_us && before->t_us <= window.to_us &&
		    after->t_us - before->t_us > longest_us)
			longest_us = after->t_us - before->t_us;
	}
	return longest_us;
}

static void report_one_kind(struct history_stalls *stalls, const struct history_options *options,
			    const char *name, bool within_partition)
{
	int64_t gaps_us[HISTORY_WINDOWS_MAX];
	int count = options->window_count;

	qsort(stalls->acks, (size_t)stalls->count, sizeof(*stalls->acks),
	      within_partition ? by_partition_and_time : by_time);
	printf("longest_%s_ms %.1f\n", name,
	       (double)longest_gap_us(stalls, (struct history_window){INT64_MIN, INT64_MAX},
				      within_partition) /
		       1000);
	for (int i = 0; i < count; i++) {
		gaps_us[i] = longest_gap_us(stalls, options->windows[i], within_partition);
		printf("window_%d_%s_ms %.1f\n", i + 1, name, (double)gaps_us[i] / 1000);
	}
	if (count < 2)
		return;
	qsort(gaps_us, (size_t)count, sizeof(*gaps_us), by_value);
	printf("windows_p50_%s_ms %.1f\n", name,
	       (double)(gaps_us[(count - 1) / 2] + gaps_us[count / 2]) / 2000);
}

void history_stalls_report(struct history_stalls *stalls, const struct history_options *options)
{
	if (stalls->count == 0)
		return;
	report_one_kind(stalls, options, "gap", false);
	report_one_kind(stalls, options, "partition_gap", true);
}
