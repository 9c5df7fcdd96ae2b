/* What a log knows of its idempotent producers (KIP-98; "Idempotent producers" in the replication
 * rules): per producer id the epoch and the last five batches. A function of the log's records
 * alone, so every replica has the same. No I/O, no clock: time is the newest timestamp in the
 * log. */
#pragma once

#include "base/buffer.h"
#include "wire/batch.h"

struct producer; /* a row of the table */

struct producer_state {
	struct producer *producers; /* uthash, by producer id */
	int64_t log_time_ms;        /* the newest batch timestamp so far */
	int64_t expiry_ms;          /* forgotten when unused for longer, in log time */
};

struct producer_answer {
	int64_t base_offset;
	int64_t last_offset;
};

void producer_state_init(struct producer_state *state, int64_t expiry_ms);
void producer_state_done(struct producer_state *state);
/* Forgets everything but expiry_ms. */
void producer_state_clear(struct producer_state *state);

/* May the leader append this batch? first_ever: the log is empty from offset 0, so a producer that
 * it does not know must begin with sequence 0.
 * Returns 0, 1 when it is one of the last five batches again (ret_answer has its offsets),
 * -EILSEQ out of order, -ESTALE older epoch. */
int producer_state_check(const struct producer_state *state, const struct batch *batch,
			 bool first_ever, struct producer_answer *ret_answer);

/* The batch, with its offset, is in the log. No checks: followers accept what the leader did. */
void producer_state_note(struct producer_state *state, const struct batch *batch);

/* Snapshot of the state before `offset`: forgets who has expired, then appends to out. */
void producer_state_format(struct producer_state *state, int64_t offset, struct buffer *out);

/* Into a cleared state. Returns 0, or -EBADMSG (and the state is clear) when the bytes are not a
 * whole snapshot of that offset. */
int producer_state_parse(struct producer_state *state, int64_t offset, const void *bytes,
			 size_t size);
