/* What history_check.c knows: the records of every run, who lies at which offset, and when
 * acknowledgements came. Memory that runs out ends the process. */
#pragma once

#include "history.h"

struct history_record {
	int64_t offset;      /* when acknowledged */
	int64_t read_offset; /* when read */
	int32_t partition;
	int32_t read_pass; /* the last pass that read it; 0 none */
	bool is_sent, is_acked, is_failed, is_read;
	bool is_owed; /* some pass promised to read its offset */
};

struct history_order { /* the last sequence of a run that a pass read in a partition */
	int32_t pass;
	int64_t sequence;
};

struct history_run {
	char name[HISTORY_NAME_BYTES];
	int32_t number;
	struct history_record *records; /* by sequence */
	int64_t count, capacity;
	struct history_order *order; /* by partition */
	int32_t order_count;
	struct history_run *next;
};

struct history_claim { /* who lies at an offset */
	int32_t run;   /* its number + 1; 0 is nobody */
	int64_t sequence;
};

struct history_claims {
	struct history_claim *claims; /* by offset */
	int64_t count;
};

struct history_table {
	struct history_run *runs, *last;
	int32_t run_count;
	struct history_claims *partitions;
	int32_t partition_count;
};

void history_table_done(struct history_table *table);

/* The run of that name, made when it is new. */
struct history_run *history_table_add_run(struct history_table *table, const char *name);
struct history_run *history_table_find_run(struct history_table *table, const char *name);

/* The record of a sequence number, made when it is new. */
struct history_record *history_run_record(struct history_run *run, int64_t sequence);
/* Was it sent? */
bool history_run_has(const struct history_run *run, int64_t sequence);

/* Notes that the pass has read the sequence in the partition; false when it read a later one there
 * before. A record that is read twice at once is a duplicate and in order. */
bool history_run_in_order(struct history_run *run, int pass, int32_t partition, int64_t sequence);

/* Notes who lies at an offset; false when it is somebody else. Huge offsets are not noted. */
bool history_table_claim(struct history_table *table, int32_t partition, int64_t offset,
			 int32_t run, int64_t sequence);

/* ---- when acknowledgements came ---- */

struct history_ack {
	int64_t t_us;
	int32_t partition;
};

struct history_stalls {
	struct history_ack *acks;
	int64_t count, capacity;
};

void history_stalls_done(struct history_stalls *stalls);
void history_stalls_add(struct history_stalls *stalls, int64_t t_us, int32_t partition);

/* Prints the longest gap between acknowledgements, over all partitions and within one, over all
 * and for each window of the options: a gap belongs to a window that it touches. */
void history_stalls_report(struct history_stalls *stalls, const struct history_options *options);
