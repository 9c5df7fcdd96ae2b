/* Owns the sum of what several loops counted. */
#include "broker/counters.h"

void counters_merge(struct counters *into, const struct counters *from)
{
	for (int i = 0; i < COUNTER_COUNT; i++)
		into->counts[i] += from->counts[i];
	for (int i = 0; i < REFUSAL_COUNT; i++)
		into->refusals[i] += from->refusals[i];
	mirror_counts_add(&into->mirror, &from->mirror);
	for (int i = 0; i < COUNTED_APIS; i++)
		histogram_merge(&into->requests[i], &from->requests[i]);
}
