/* Owns the table of producers.
 *
 * Invariants:
 *  1. Everything here follows from the batches noted, in order: same log, same state.
 *  2. A row's batches are those of its epoch, oldest first, at most five.
 *  3. An expired row counts as absent whether or not it has been dropped yet.
 *
 * Snapshot, big endian:
 *  offset size  field                     then for each producer, in order of first appearance:
 *       0    4  "BWPS"                         8  producer id
 *       4    4  version = 1                    2  epoch
 *       8    8  log offset                     2  number of batches
 *      16    8  log time, ms                   8  log time of its last batch, ms
 *      24    4  number of producers                for each batch, oldest first:
 *                                                  4  first sequence
 *     last    4  CRC-32C of all before             4  last sequence
 *                                                  8  base offset */
#include "plog/producer_state.h"

#include "base/crc32c.h"
#include "base/mem.h"

#include <errno.h>
#include <uthash.h>

enum {
	PRODUCER_BATCHES = 5, /* what a client may have in flight */
	SNAPSHOT_MAGIC = 0x42575053,
	SNAPSHOT_VERSION = 1,
	SNAPSHOT_HEADER_BYTES = 28,
	SNAPSHOT_CRC_BYTES = 4,
};

struct producer_batch {
	int32_t first_sequence, last_sequence;
	int64_t base_offset;
};

struct producer {
	int64_t producer_id;
	int64_t used_ms; /* log time when it last wrote */
	struct producer_batch batches[PRODUCER_BATCHES];
	int16_t batch_count;
	int16_t epoch;
	UT_hash_handle hh;
};

void producer_state_init(struct producer_state *state, int64_t expiry_ms)
{
	*state = (struct producer_state){.expiry_ms = expiry_ms};
}

static void forget(struct producer_state *state, struct producer *producer)
{
	HASH_DEL(state->producers, producer);
	mem_free(producer);
}

void producer_state_clear(struct producer_state *state)
{
	struct producer *producer, *next;

	HASH_ITER(hh, state->producers, producer, next)
		forget(state, producer);
	state->log_time_ms = 0;
}

void producer_state_done(struct producer_state *state)
{
	producer_state_clear(state);
}

/* ---- sequences ---- */

/* Sequences wrap at 2^31 - 1 to 0. */
static int32_t sequence_add(int32_t sequence, int32_t count)
{
	return (int32_t)(((uint32_t)sequence + (uint32_t)count) & INT32_MAX);
}

static struct producer_batch describe(const struct batch *batch)
{
	return (struct producer_batch){
		.first_sequence = batch->base_sequence,
		.last_sequence = sequence_add(batch->base_sequence, batch->last_offset_delta),
		.base_offset = batch->base_offset,
	};
}

static bool is_expired(const struct producer_state *state, const struct producer *producer)
{
	return state->log_time_ms - producer->used_ms > state->expiry_ms;
}

static struct producer *find(const struct producer_state *state, int64_t producer_id)
{
	struct producer *producer;

	HASH_FIND(hh, state->producers, &producer_id, sizeof(producer_id), producer);
	return producer;
}

static bool is_duplicate(const struct producer *producer, const struct batch *batch,
			 struct producer_answer *ret_answer)
{
	struct producer_batch again = describe(batch);

	for (int i = 0; i < producer->batch_count; i++) {
		const struct producer_batch *b = &producer->batches[i];

		if (b->first_sequence != again.first_sequence ||
		    b->last_sequence != again.last_sequence)
			continue;
		ret_answer->base_offset = b->base_offset;
		ret_answer->last_offset = b->base_offset + batch->last_offset_delta;
		return true;
	}
	return false;
}

static bool is_next(const struct producer *producer, int32_t sequence)
{
	if (producer->batch_count == 0)
		return true;
	return sequence ==
	       sequence_add(producer->batches[producer->batch_count - 1].last_sequence, 1);
}

int producer_state_check(const struct producer_state *state, const struct batch *batch,
			 bool first_ever, struct producer_answer *ret_answer)
{
	const struct producer *producer;

	if (batch->producer_id < 0)
		return 0;
	producer = find(state, batch->producer_id);
	if (!producer || is_expired(state, producer))
		/* KAFKA-15591: only a log that never held a record proves that 0 comes first. */
		return first_ever && batch->base_sequence != 0 ? -EILSEQ : 0;
	if (batch->producer_epoch < producer->epoch)
		return -ESTALE;
	if (batch->producer_epoch > producer->epoch)
		return batch->base_sequence == 0 ? 0 : -EILSEQ;
	if (is_duplicate(producer, batch, ret_answer))
		return 1;
	return is_next(producer, batch->base_sequence) ? 0 : -EILSEQ;
}

static struct producer *find_or_add(struct producer_state *state, int64_t producer_id)
{
	struct producer *producer = find(state, producer_id);

	if (producer && is_expired(state, producer)) {
		forget(state, producer);
		producer = NULL;
	}
	if (!producer) {
		producer = mem_alloc(sizeof(*producer));
		producer->producer_id = producer_id;
		HASH_ADD(hh, state->producers, producer_id, sizeof(producer->producer_id),
			 producer);
	}
	return producer;
}

static void push_batch(struct producer *producer, struct producer_batch batch)
{
	if (producer->batch_count == PRODUCER_BATCHES) {
		memmove(producer->batches, producer->batches + 1,
			(PRODUCER_BATCHES - 1) * sizeof(*producer->batches));
		producer->batch_count--;
	}
	producer->batches[producer->batch_count++] = batch;
}

void producer_state_note(struct producer_state *state, const struct batch *batch)
{
	struct producer *producer = NULL;

	/* Looked up before time moves: the leader judged expiry before this batch, too. */
	if (batch->producer_id >= 0)
		producer = find_or_add(state, batch->producer_id);
	if (batch->max_timestamp_ms > state->log_time_ms)
		state->log_time_ms = batch->max_timestamp_ms;
	if (!producer)
		return;
	if (batch->producer_epoch != producer->epoch)
		producer->batch_count = 0;
	producer->epoch = batch->producer_epoch;
	producer->used_ms = state->log_time_ms;
	/* A marker ends a transaction and has no sequence. */
	if (!(batch->attributes & BATCH_CONTROL))
		push_batch(producer, describe(batch));
}

/* ---- snapshots ---- */

static void format_producer(const struct producer *producer, struct buffer *out)
{
	buffer_put_i64(out, producer->producer_id);
	buffer_put_i16(out, producer->epoch);
	buffer_put_i16(out, producer->batch_count);
	buffer_put_i64(out, producer->used_ms);
	for (int i = 0; i < producer->batch_count; i++) {
		buffer_put_i32(out, producer->batches[i].first_sequence);
		buffer_put_i32(out, producer->batches[i].last_sequence);
		buffer_put_i64(out, producer->batches[i].base_offset);
	}
}

void producer_state_format(struct producer_state *state, int64_t offset, struct buffer *out)
{
	size_t start = out->size;
	struct producer *producer, *next;

	HASH_ITER(hh, state->producers, producer, next)
		if (is_expired(state, producer))
			forget(state, producer);
	buffer_put_i32(out, SNAPSHOT_MAGIC);
	buffer_put_i32(out, SNAPSHOT_VERSION);
	buffer_put_i64(out, offset);
	buffer_put_i64(out, state->log_time_ms);
	buffer_put_i32(out, (int32_t)HASH_COUNT(state->producers));
	HASH_ITER(hh, state->producers, producer, next)
		format_producer(producer, out);
	buffer_put_i32(out, (int32_t)crc32c(0, out->data + start, out->size - start));
}

static void parse_producer(struct producer_state *state, struct reader *r)
{
	int64_t producer_id = reader_i64(r);
	struct producer row = {.producer_id = producer_id, .epoch = reader_i16(r)};
	struct producer *producer;

	row.batch_count = reader_i16(r);
	row.used_ms = reader_i64(r);
	if (row.batch_count < 0 || row.batch_count > PRODUCER_BATCHES || find(state, producer_id))
		r->failed = true;
	for (int i = 0; i < row.batch_count && !r->failed; i++) {
		row.batches[i].first_sequence = reader_i32(r);
		row.batches[i].last_sequence = reader_i32(r);
		row.batches[i].base_offset = reader_i64(r);
	}
	if (r->failed)
		return;
	producer = mem_alloc(sizeof(*producer));
	*producer = row;
	HASH_ADD(hh, state->producers, producer_id, sizeof(producer->producer_id), producer);
}

static bool parse_all(struct producer_state *state, int64_t offset, struct reader *r)
{
	bool header_fits = reader_i32(r) == SNAPSHOT_MAGIC && reader_i32(r) == SNAPSHOT_VERSION &&
			   reader_i64(r) == offset;
	int64_t log_time_ms = reader_i64(r);
	int32_t count = reader_i32(r);

	for (int32_t i = 0; i < count && header_fits && !r->failed; i++)
		parse_producer(state, r);
	state->log_time_ms = log_time_ms;
	return header_fits && count >= 0 && !r->failed && reader_left(r) == 0;
}

int producer_state_parse(struct producer_state *state, int64_t offset, const void *bytes,
			 size_t size)
{
	size_t body = size - SNAPSHOT_CRC_BYTES;
	struct reader r;

	if (size < SNAPSHOT_HEADER_BYTES + SNAPSHOT_CRC_BYTES ||
	    bytes_load_u32((const uint8_t *)bytes + body) != crc32c(0, bytes, body))
		return -EBADMSG;
	r = reader_of(bytes, body);
	if (parse_all(state, offset, &r))
		return 0;
	producer_state_clear(state);
	return -EBADMSG;
}
