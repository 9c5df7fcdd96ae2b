/* Owns the verdict over histories: what every producer sent against what every reader read.
 *
 * 1. lost-write: acknowledged, below the end that a reader was told, and not read by it.
 * 2. unseen: acknowledged, at or above every end that the readers were told.
 * 3. duplicate: one record at two offsets.
 * 4. inconsistent-offsets: read at another partition or offset than acknowledged, or two records
 *    at one offset (in the eyes of two readers, or of two acknowledgements).
 * 5. nonmonotonic-poll: a reader's offsets went back. poll-skip: they left one out.
 * 6. reordered: one producer's records lie in another order than they were sent in.
 * 7. unknown: read and never sent. corrupt: read, and key and value do not fit.
 *
 * A record that failed may be there or not: nobody promised anything. */
#include "history.h"
#include "history_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { EXAMPLES_MAX = 5, PARTITIONS_MAX = 100000 };

#define VERDICTS(X)                                                                                \
	X(LOST_WRITE, "lost-write")                                                                \
	X(UNSEEN, "unseen")                                                                        \
	X(DUPLICATE, "duplicate")                                                                  \
	X(INCONSISTENT, "inconsistent-offsets")                                                    \
	X(NONMONOTONIC, "nonmonotonic-poll")                                                       \
	X(POLL_SKIP, "poll-skip")                                                                  \
	X(REORDERED, "reordered")                                                                  \
	X(UNKNOWN, "unknown")                                                                      \
	X(CORRUPT, "corrupt")                                                                      \
	X(MALFORMED, "malformed-history")

enum verdict {
#define VERDICT_ENUM(name, text) name,
	VERDICTS(VERDICT_ENUM)
#undef VERDICT_ENUM
		VERDICT_COUNT
};

static const char *const verdict_names[] = {
#define VERDICT_NAME(name, text) text,
	VERDICTS(VERDICT_NAME)
#undef VERDICT_NAME
};

struct reading { /* one partition in one pass */
	int64_t low, high, next;
};

struct check {
	const struct history_options *options;
	struct history_table table;
	int64_t wrong[VERDICT_COUNT];
	int64_t sent, acked, failed, read, read_although_failed;
	struct history_stalls stalls;
	/* Of the file that is being read. */
	struct history_run *run;
	int pass; /* counts readers from 1 on */
	struct reading *readings;
	int32_t reading_count;
};

__attribute__((format(printf, 3, 4))) static void complain(struct check *c, enum verdict verdict,
							   const char *format, ...)
{
	va_list arguments;

	if (c->wrong[verdict]++ >= EXAMPLES_MAX)
		return;
	fprintf(stderr, "%s: ", verdict_names[verdict]);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* ---- what producers say ---- */

static bool note_sent(struct check *c, const char *line)
{
	struct history_record *record;
	int32_t partition;
	int64_t sequence;

	if (!c->run || sscanf(line, "%*d %d %" SCNd64, &partition, &sequence) != 2 || sequence < 0)
		return false;
	record = history_run_record(c->run, sequence);
	record->is_sent = true;
	record->partition = partition;
	c->sent++;
	return true;
}

static bool note_acked(struct check *c, const char *line)
{
	struct history_record *record;
	int64_t t_us, sequence, offset;
	int32_t partition;

	if (!c->run ||
	    sscanf(line, "%" SCNd64 " %d %" SCNd64 " %" SCNd64, &t_us, &partition, &sequence,
		   &offset) != 4 ||
	    sequence < 0 || partition < 0 || partition >= PARTITIONS_MAX)
		return false;
	record = history_run_record(c->run, sequence);
	record->is_acked = true;
	record->partition = partition;
	record->offset = offset;
	c->acked++;
	history_stalls_add(&c->stalls, t_us, partition);
	if (!history_table_claim(&c->table, partition, offset, c->run->number, sequence))
		complain(c, INCONSISTENT,
			 "two records at partition %d offset %" PRId64 ", one is %s:%" PRId64,
			 partition, offset, c->run->name, sequence);
	return true;
}

static bool note_failed(struct check *c, const char *line)
{
	int64_t sequence;

	if (!c->run || sscanf(line, "%*d %*d %" SCNd64, &sequence) != 1 || sequence < 0)
		return false;
	history_run_record(c->run, sequence)->is_failed = true;
	c->failed++;
	return true;
}

/* ---- what readers say ---- */

static struct reading *reading_of(struct check *c, int32_t partition)
{
	if (partition < 0 || partition >= PARTITIONS_MAX)
		return NULL;
	if (partition >= c->reading_count) {
		c->readings = realloc(c->readings, sizeof(*c->readings) * ((size_t)partition + 1));
		if (!c->readings)
			abort();
		memset(c->readings + c->reading_count, 0,
		       sizeof(*c->readings) * (size_t)(partition + 1 - c->reading_count));
		c->reading_count = partition + 1;
	}
	return &c->readings[partition];
}

static bool note_range(struct check *c, const char *line)
{
	struct reading *reading;
	int64_t low, high;
	int32_t partition;

	if (!c->pass || sscanf(line, "%*d %d %" SCNd64 " %" SCNd64, &partition, &low, &high) != 3)
		return false;
	reading = reading_of(c, partition);
	if (reading)
		*reading = (struct reading){.low = low, .high = high, .next = low};
	return reading != NULL;
}

static bool note_poll(struct check *c, int32_t partition, int64_t offset)
{
	struct reading *reading = reading_of(c, partition);

	if (!reading)
		return false;
	if (offset < reading->next)
		complain(c, NONMONOTONIC, "partition %d: offset %" PRId64 " after %" PRId64,
			 partition, offset, reading->next - 1);
	else if (offset > reading->next)
		complain(c, POLL_SKIP, "partition %d: offset %" PRId64 " after %" PRId64, partition,
			 offset, reading->next - 1);
	reading->next = offset + 1;
	c->read++;
	return true;
}

static void note_known_read(struct check *c, struct history_run *run, int64_t sequence,
			    int32_t partition, int64_t offset)
{
	struct history_record *record = history_run_record(run, sequence);

	if (record->is_read && (record->read_offset != offset || record->read_pass == c->pass))
		complain(c, DUPLICATE,
			 "%s:%" PRId64 " at partition %d offset %" PRId64 " and %" PRId64,
			 run->name, sequence, partition, record->read_offset, offset);
	if (record->partition != partition || (record->is_acked && record->offset != offset))
		complain(c, INCONSISTENT,
			 "%s:%" PRId64 " was acknowledged at partition %d offset %" PRId64
			 " and read at partition %d offset %" PRId64,
			 run->name, sequence, record->partition, record->offset, partition, offset);
	else if (!history_table_claim(&c->table, partition, offset, run->number, sequence))
		complain(c, INCONSISTENT,
			 "another record than %s:%" PRId64 " at partition %d offset %" PRId64,
			 run->name, sequence, partition, offset);
	if (!history_run_in_order(run, c->pass, partition, sequence))
		complain(c, REORDERED,
			 "partition %d offset %" PRId64 " has %s:%" PRId64
			 ", which was sent before its predecessor there",
			 partition, offset, run->name, sequence);
	c->read_although_failed += record->is_failed && !record->is_read;
	record->is_read = true;
	record->read_offset = offset;
	record->read_pass = c->pass;
}

static bool note_read(struct check *c, const char *line)
{
	char name[HISTORY_NAME_BYTES];
	int64_t offset, sequence;
	struct history_run *run;
	int32_t partition;

	if (!c->pass ||
	    sscanf(line, "%*d %d %" SCNd64 " %63s %" SCNd64, &partition, &offset, name,
		   &sequence) != 4 ||
	    !note_poll(c, partition, offset))
		return false;
	run = history_table_find_run(&c->table, name);
	if (run && history_run_has(run, sequence))
		note_known_read(c, run, sequence, partition, offset);
	else
		complain(c, UNKNOWN, "%s:%" PRId64 " at partition %d offset %" PRId64, name,
			 sequence, partition, offset);
	return true;
}

static bool note_corrupt(struct check *c, const char *line)
{
	int32_t partition;
	int64_t offset;

	if (!c->pass || sscanf(line, "%*d %d %" SCNd64, &partition, &offset) != 2 ||
	    !note_poll(c, partition, offset))
		return false;
	complain(c, CORRUPT, "partition %d offset %" PRId64, partition, offset);
	return true;
}

/* At the end of a pass: which of the acknowledged records did it owe us? */
static void end_pass(struct check *c)
{
	struct history_record *record;

	for (struct history_run *run = c->table.runs; c->pass && run; run = run->next) {
		for (int64_t i = 0; i < run->count; i++) {
			struct reading *reading;

			record = &run->records[i];
			reading = record->is_acked ? reading_of(c, record->partition) : NULL;
			if (!reading || record->offset < reading->low)
				continue;
			record->is_owed |= record->offset < reading->high;
			if (record->offset < reading->high && record->read_pass != c->pass)
				complain(c, LOST_WRITE,
					 "%s:%" PRId64 " at partition %d offset %" PRId64,
					 run->name, i, record->partition, record->offset);
		}
	}
	free(c->readings);
	c->readings = NULL;
	c->reading_count = 0;
}

static void count_unseen(struct check *c)
{
	for (struct history_run *run = c->table.runs; run; run = run->next)
		for (int64_t i = 0; i < run->count; i++)
			if (run->records[i].is_acked && !run->records[i].is_owed &&
			    !run->records[i].is_read)
				complain(c, UNSEEN,
					 "%s:%" PRId64 " at partition %d offset %" PRId64,
					 run->name, i, run->records[i].partition,
					 run->records[i].offset);
}

/* ---- files ---- */

static bool note_line(struct check *c, bool readers, const char *word, const char *rest)
{
	char name[HISTORY_NAME_BYTES];

	if (strcmp(word, "run") == 0) {
		if (sscanf(rest, "%*d %63s", name) != 1)
			return false;
		if (!readers)
			c->run = history_table_add_run(&c->table, name);
		return true;
	}
	if (strcmp(word, "pass") == 0) {
		if (readers) {
			end_pass(c);
			c->pass++;
		}
		return true;
	}
	if (strcmp(word, "sent") == 0)
		return readers || note_sent(c, rest);
	if (strcmp(word, "acked") == 0)
		return readers || note_acked(c, rest);
	if (strcmp(word, "failed") == 0)
		return readers || note_failed(c, rest);
	if (strcmp(word, "range") == 0)
		return !readers || note_range(c, rest);
	if (strcmp(word, "read") == 0)
		return !readers || note_read(c, rest);
	return strcmp(word, "corrupt") == 0 && (!readers || note_corrupt(c, rest));
}

/* Producers' lines first, then readers': what was sent must be known when it is read. */
static bool read_file(struct check *c, const char *path, bool readers)
{
	FILE *file = fopen(path, "r");
	char line[512], word[16];
	int used;

	if (!file) {
		perror(path);
		return false;
	}
	c->run = NULL;
	for (int64_t number = 1; fgets(line, sizeof(line), file); number++) {
		if (!strchr(line, '\n'))
			break; /* the writer was killed in the middle of it */
		if (sscanf(line, "%15s %n", word, &used) < 1 ||
		    !note_line(c, readers, word, line + used))
			complain(c, MALFORMED, "%s:%" PRId64, path, number);
	}
	fclose(file);
	return true;
}

/* ---- the report ---- */

static int report(struct check *c)
{
	int64_t wrong = 0;

	printf("sent %" PRId64 "\nacked %" PRId64 "\nfailed %" PRId64 "\n", c->sent, c->acked,
	       c->failed);
	printf("passes %d\nread %" PRId64 "\nread_although_failed %" PRId64 "\n", c->pass, c->read,
	       c->read_although_failed);
	for (int i = 0; i < VERDICT_COUNT; i++) {
		printf("%s %" PRId64 "\n", verdict_names[i], c->wrong[i]);
		wrong += c->wrong[i];
	}
	history_stalls_report(&c->stalls, c->options);
	printf("result %s\n", wrong ? "WRONG" : "ok");
	return wrong ? 1 : 0;
}

int history_check(const struct history_options *options)
{
	struct check c = {.options = options};
	bool good = true;
	int status;

	for (int i = 0; i < options->file_count && good; i++)
		good = read_file(&c, options->files[i], false);
	for (int i = 0; i < options->file_count && good; i++)
		good = read_file(&c, options->files[i], true);
	if (good) {
		end_pass(&c);
		if (c.pass)
			count_unseen(&c);
	}
	status = good ? report(&c) : 1;
	history_stalls_done(&c.stalls);
	history_table_done(&c.table);
	return status;
}
