/* Owns the tables of records, runs and offsets that a check fills. */
#include "history_table.h"

#include <stdlib.h>
#include <string.h>

static const int64_t offsets_max = 1000000000;

/* Makes room for `needed` elements, doubling; new ones are zero. */
static void *grow(void *array, size_t element_bytes, int64_t *capacity, int64_t needed)
{
	int64_t more = *capacity ? *capacity : 16;

	if (needed <= *capacity)
		return array;
	while (more < needed)
		more *= 2;
	array = realloc(array, element_bytes * (size_t)more);
	if (!array)
		abort();
	memset((char *)array + element_bytes * (size_t)*capacity, 0,
	       element_bytes * (size_t)(more - *capacity));
	*capacity = more;
	return array;
}

void history_table_done(struct history_table *table)
{
	struct history_run *run;

	while ((run = table->runs)) {
		table->runs = run->next;
		free(run->records);
		free(run->order);
		free(run);
	}
	for (int32_t i = 0; i < table->partition_count; i++)
		free(table->partitions[i].claims);
	free(table->partitions);
}

struct history_run *history_table_find_run(struct history_table *table, const char *name)
{
	struct history_run *run = table->runs;

	while (run && strcmp(run->name, name) != 0)
		run = run->next;
	return run;
}

struct history_run *history_table_add_run(struct history_table *table, const char *name)
{
	struct history_run *run = history_table_find_run(table, name);

	if (run)
		return run;
	run = calloc(1, sizeof(*run));
	if (!run)
		abort();
	snprintf(run->name, sizeof(run->name), "%s", name);
	run->number = table->run_count++;
	if (table->last)
		table->last->next = run;
	else
		table->runs = run;
	table->last = run;
	return run;
}

struct history_record *history_run_record(struct history_run *run, int64_t sequence)
{
	run->records = grow(run->records, sizeof(*run->records), &run->capacity, sequence + 1);
	if (sequence >= run->count)
		run->count = sequence + 1;
	return &run->records[sequence];
}

bool history_run_has(const struct history_run *run, int64_t sequence)
{
	return sequence >= 0 && sequence < run->count && run->records[sequence].is_sent;
}

bool history_run_in_order(struct history_run *run, int pass, int32_t partition, int64_t sequence)
{
	int64_t capacity = run->order_count;
	struct history_order *order;
	bool in_order;

	run->order = grow(run->order, sizeof(*run->order), &capacity, partition + 1);
	run->order_count = (int32_t)capacity;
	order = &run->order[partition];
	in_order = order->pass != pass || order->sequence <= sequence;
	*order = (struct history_order){.pass = pass, .sequence = sequence};
	return in_order;
}

bool history_table_claim(struct history_table *table, int32_t partition, int64_t offset,
			 int32_t run, int64_t sequence)
{
	int64_t capacity = table->partition_count;
	struct history_claims *claims;
	struct history_claim *claim;

	if (partition < 0 || offset < 0 || offset > offsets_max)
		return offset >= 0;
	table->partitions =
		grow(table->partitions, sizeof(*table->partitions), &capacity, partition + 1);
	table->partition_count = (int32_t)capacity;
	claims = &table->partitions[partition];
	claims->claims = grow(claims->claims, sizeof(*claims->claims), &claims->count, offset + 1);
	claim = &claims->claims[offset];
	if (claim->run)
		return claim->run == run + 1 && claim->sequence == sequence;
	*claim = (struct history_claim){.run = run + 1, .sequence = sequence};
	return true;
}
