/* Owns the buckets of every histogram: from what a page cache takes to what a time-out is. */
#include "base/histogram.h"

const uint64_t histogram_bounds_us[HISTOGRAM_BUCKETS - 1] = {
	50,    100,    250,    500,    1000,    2500,    5000,    10000,    25000,
	50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

void histogram_add(struct histogram *h, uint64_t duration_us)
{
	int bucket = 0;

	while (bucket < HISTOGRAM_BUCKETS - 1 && duration_us > histogram_bounds_us[bucket])
		bucket++;
	h->buckets[bucket]++;
	h->sum_us += duration_us;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->sum_us += from->sum_us;
}

uint64_t histogram_count(const struct histogram *h)
{
	uint64_t count = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += h->buckets[i];
	return count;
}
