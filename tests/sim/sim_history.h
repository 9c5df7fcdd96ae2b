/* What clients did and saw, and the judgement of it: every acknowledged record is there once, at
 * the offset that was acknowledged, in the producer's order, and no offset ever shows two records.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sim_history;

/* One partition's share. */
struct sim_log;

struct sim_history *sim_history_new(void);
void sim_history_free(struct sim_history *history);

/* Makes it when it is new. It belongs to the history. */
struct sim_log *sim_history_log(struct sim_history *history, const char *topic, int32_t partition);

/* All logs, one after the other; NULL ends them. */
struct sim_log *sim_history_first(struct sim_history *history);
struct sim_log *sim_log_next(struct sim_log *log);
/* Over all logs. */
int64_t sim_history_acked(const struct sim_history *history);

const char *sim_log_topic(const struct sim_log *log);
int32_t sim_log_partition(const struct sim_log *log);

/* A record is given to the producer; returns its number, from 0 on. Texts must differ. */
int64_t sim_log_add(struct sim_log *log, const char *text);
const char *sim_log_text(const struct sim_log *log, int64_t number);
/* offset -1: acknowledged without one (a duplicate whose place the broker forgot). */
void sim_log_acked(struct sim_log *log, int64_t number, int64_t offset);
/* Somebody read it: a reader anywhere, or the checker in a replica's file. */
void sim_log_read(struct sim_log *log, int64_t offset, const void *value, int32_t size);
/* Something that must not happen did: counts as a failure. */
void sim_log_fail(struct sim_log *log, const char *what, int64_t number);

int64_t sim_log_added(const struct sim_log *log);
int64_t sim_log_acked_count(const struct sim_log *log);
/* One past the highest offset that was acknowledged. */
int64_t sim_log_acked_end(const struct sim_log *log);
/* One past the highest offset that was read. */
int64_t sim_log_read_end(const struct sim_log *log);

/* After somebody has read everything from offset 0 on. Calls `fail` with a sentence for each
 * finding; returns how many there are. */
unsigned sim_history_check(struct sim_history *history,
			   void (*fail)(void *context, const char *sentence), void *context);
/* Findings so far, without the final ones. */
unsigned sim_history_failures(const struct sim_history *history);
