/* Owns the records that were produced, acknowledged and read, partition by partition.
 *
 * Names of findings: inconsistent-offsets (one offset, two records), lost-write (acknowledged and
 * not there), wrong-offset (there, elsewhere than acknowledged), duplicate, nonmonotonic-send (not
 * in the producer's order), invented (nobody produced it). */
#include "sim/sim_history.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct sim_record {
	char *text;
	bool acked;
	int64_t acked_offset;
};

struct sim_finding {
	char *sentence;
	struct sim_finding *prev, *next;
};

struct sim_log {
	struct sim_history *history;
	char *topic;
	int32_t partition;
	struct sim_record *records;
	int64_t count, capacity, acked, acked_end;
	char **seen; /* by offset; NULL: nothing was read there */
	int64_t seen_end, seen_capacity;
	unsigned fails;
	struct sim_log *prev, *next;
};

struct sim_history {
	struct sim_log *logs; /* utlist, in the order of their making */
	struct sim_finding *findings;
	unsigned finding_count;
};

enum { MOST_FINDINGS_TOLD = 20, MOST_FAILS = 3 };

struct sim_history *sim_history_new(void)
{
	return mem_alloc(sizeof(struct sim_history));
}

static void log_free(struct sim_log *log)
{
	for (int64_t i = 0; i < log->count; i++)
		mem_free(log->records[i].text);
	for (int64_t i = 0; i < log->seen_end; i++)
		mem_free(log->seen[i]);
	mem_free(log->records);
	mem_free(log->seen);
	mem_free(log->topic);
	mem_free(log);
}

void sim_history_free(struct sim_history *history)
{
	struct sim_log *log, *next_log;
	struct sim_finding *finding, *next;

	if (!history)
		return;
	DL_FOREACH_SAFE(history->logs, log, next_log)
		log_free(log);
	DL_FOREACH_SAFE(history->findings, finding, next) {
		mem_free(finding->sentence);
		mem_free(finding);
	}
	mem_free(history);
}

struct sim_log *sim_history_log(struct sim_history *history, const char *topic, int32_t partition)
{
	struct sim_log *log;

	DL_FOREACH(history->logs, log)
		if (log->partition == partition && strcmp(log->topic, topic) == 0)
			return log;
	log = mem_alloc(sizeof(*log));
	log->history = history;
	log->topic = mem_string(topic);
	log->partition = partition;
	DL_APPEND(history->logs, log);
	return log;
}

static void find(struct sim_log *log, const char *name, int64_t offset, const char *text,
		 const char *other)
{
	struct sim_finding *finding = mem_alloc(sizeof(*finding));

	finding->sentence =
		mem_format("%s: %s-%d offset %lld: %s%s%s", name, log->topic, log->partition,
			   (long long)offset, text, other ? " and " : "", other ? other : "");
	DL_APPEND(log->history->findings, finding);
	log->history->finding_count++;
}

/* ---- what happens ---- */

int64_t sim_log_add(struct sim_log *log, const char *text)
{
	if (log->count == log->capacity) {
		log->capacity = log->capacity ? log->capacity * 2 : 64;
		log->records =
			mem_resize(log->records, (size_t)log->capacity * sizeof(*log->records));
	}
	log->records[log->count] =
		(struct sim_record){.text = mem_string(text), .acked_offset = -1};
	return log->count++;
}

void sim_log_acked(struct sim_log *log, int64_t number, int64_t offset)
{
	struct sim_record *record = &log->records[number];

	if (record->acked)
		return;
	record->acked = true;
	record->acked_offset = offset;
	log->acked++;
	if (offset >= log->acked_end)
		log->acked_end = offset + 1;
}

static void make_room(struct sim_log *log, int64_t offset)
{
	if (offset < log->seen_end)
		return;
	if (offset >= log->seen_capacity) {
		log->seen_capacity = offset * 2 + 64;
		log->seen = mem_resize(log->seen, (size_t)log->seen_capacity * sizeof(*log->seen));
	}
	while (log->seen_end <= offset)
		log->seen[log->seen_end++] = NULL;
}

void sim_log_read(struct sim_log *log, int64_t offset, const void *value, int32_t size)
{
	char *text = mem_format("%.*s", (int)size, (const char *)value);

	make_room(log, offset);
	if (!log->seen[offset]) {
		log->seen[offset] = text;
		return;
	}
	if (strcmp(log->seen[offset], text) != 0)
		find(log, "inconsistent-offsets", offset, log->seen[offset], text);
	mem_free(text);
}

void sim_log_fail(struct sim_log *log, const char *what, int64_t number)
{
	/* Who retries for ever fails for ever. */
	if (log->fails++ < MOST_FAILS)
		find(log, what, -1, number >= 0 ? log->records[number].text : "", NULL);
}

/* ---- the judgement ---- */

struct place {
	const char *text;
	int64_t at;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *p = a, *q = b;
	int order = strcmp(p->text, q->text);

	return order ? order : (p->at > q->at) - (p->at < q->at);
}

/* Every text that was read, sorted, with the lowest offset of equal ones first. */
static struct place *sort_places(const struct sim_log *log, size_t *ret_count)
{
	struct place *places = mem_alloc((size_t)(log->seen_end + 1) * sizeof(*places));
	size_t count = 0;

	for (int64_t i = 0; i < log->seen_end; i++)
		if (log->seen[i])
			places[count++] = (struct place){log->seen[i], i};
	qsort(places, count, sizeof(*places), compare_places);
	*ret_count = count;
	return places;
}

static const struct place *find_place(const struct place *places, size_t count, const char *text)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(places[middle].text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && strcmp(places[low].text, text) == 0 ? &places[low] : NULL;
}

static void check_log(struct sim_log *log)
{
	size_t count, known = 0;
	struct place *places = sort_places(log, &count);
	int64_t last_at = -1;

	for (size_t i = 1; i < count; i++)
		if (strcmp(places[i].text, places[i - 1].text) == 0)
			find(log, "duplicate", places[i].at, places[i].text, NULL);
	for (int64_t i = 0; i < log->count; i++) {
		const struct sim_record *record = &log->records[i];
		const struct place *place = find_place(places, count, record->text);

		if (!place) {
			if (record->acked)
				find(log, "lost-write", record->acked_offset, record->text, NULL);
			continue;
		}
		known++;
		if (record->acked_offset >= 0 && place->at != record->acked_offset)
			find(log, "wrong-offset", record->acked_offset, record->text, NULL);
		if (place->at < last_at)
			find(log, "nonmonotonic-send", place->at, record->text, NULL);
		last_at = place->at;
	}
	if (known < count && log->history->finding_count == 0)
		find(log, "invented", -1, "a record that nobody produced", NULL);
	mem_free(places);
}

unsigned sim_history_check(struct sim_history *history,
			   void (*fail)(void *context, const char *sentence), void *context)
{
	struct sim_finding *finding;
	struct sim_log *log;
	unsigned told = 0;

	DL_FOREACH(history->logs, log)
		check_log(log);
	DL_FOREACH(history->findings, finding)
		if (told++ < MOST_FINDINGS_TOLD)
			fail(context, finding->sentence);
	return history->finding_count;
}

/* ---- what it is ---- */

struct sim_log *sim_history_first(struct sim_history *history)
{
	return history->logs;
}

struct sim_log *sim_log_next(struct sim_log *log)
{
	return log->next;
}

int64_t sim_history_acked(const struct sim_history *history)
{
	const struct sim_log *log;
	int64_t acked = 0;

	DL_FOREACH(history->logs, log)
		acked += log->acked;
	return acked;
}

const char *sim_log_topic(const struct sim_log *log)
{
	return log->topic;
}

int32_t sim_log_partition(const struct sim_log *log)
{
	return log->partition;
}

const char *sim_log_text(const struct sim_log *log, int64_t number)
{
	return log->records[number].text;
}

int64_t sim_log_added(const struct sim_log *log)
{
	return log->count;
}

int64_t sim_log_acked_count(const struct sim_log *log)
{
	return log->acked;
}

int64_t sim_log_acked_end(const struct sim_log *log)
{
	return log->acked_end;
}

int64_t sim_log_read_end(const struct sim_log *log)
{
	return log->seen_end;
}

unsigned sim_history_failures(const struct sim_history *history)
{
	return history->finding_count;
}
