/* Durations counted in fixed buckets: plain numbers of one writer, added without a lock or an
 * allocation. A zeroed struct is an empty one. */
#pragma once

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 18 }; /* the last one has no bound */

struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS]; /* each counts what no bucket before it took */
	uint64_t sum_us;
};

/* The largest duration that a bucket takes, rising; the last bucket takes the rest. */
extern const uint64_t histogram_bounds_us[HISTOGRAM_BUCKETS - 1];

void histogram_add(struct histogram *h, uint64_t duration_us);
/* Adds what `from` has counted. */
void histogram_merge(struct histogram *into, const struct histogram *from);
uint64_t histogram_count(const struct histogram *h);
