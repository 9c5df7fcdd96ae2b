/* Idempotent producers: the window of five, epochs, wrap, expiry, snapshots. */
#include "base/mem.h"
#include "plog/producer_state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { EXPIRY_MS = 10000 };

static struct batch batch_of(int64_t id, int16_t epoch, int32_t sequence, int32_t records)
{
	return (struct batch){
		.producer_id = id,
		.producer_epoch = epoch,
		.base_sequence = sequence,
		.last_offset_delta = records - 1,
		.record_count = records,
		.max_timestamp_ms = 1000,
	};
}

/* Checks, and notes at the offset when it is accepted. Returns producer_state_check()'s answer. */
static int offer(struct producer_state *s, struct batch batch, int64_t *offset)
{
	struct producer_answer answer;
	int rc = producer_state_check(s, &batch, *offset == 0, &answer);

	if (rc == 0) {
		batch.base_offset = *offset;
		producer_state_note(s, &batch);
		*offset += batch.last_offset_delta + 1;
	}
	return rc;
}

static void any_of_the_last_five_is_a_duplicate(void **state)
{
	struct producer_state s;
	struct producer_answer answer;
	int64_t offset = 0;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	for (int i = 0; i < 7; i++)
		assert_int_equal(offer(&s, batch_of(9, 0, i * 3, 3), &offset), 0);
	for (int i = 2; i < 7; i++) {
		struct batch again = batch_of(9, 0, i * 3, 3);

		assert_int_equal(producer_state_check(&s, &again, false, &answer), 1);
		assert_int_equal(answer.base_offset, i * 3);
		assert_int_equal(answer.last_offset, i * 3 + 2);
	}
	/* older than the window, and a batch that overlaps one without being it */
	assert_int_equal(offer(&s, batch_of(9, 0, 3, 3), &offset), -EILSEQ);
	assert_int_equal(offer(&s, batch_of(9, 0, 18, 2), &offset), -EILSEQ);
	producer_state_done(&s);
}

static void a_gap_is_out_of_order_and_the_next_is_not(void **state)
{
	struct producer_state s;
	int64_t offset = 0;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	assert_int_equal(offer(&s, batch_of(9, 0, 0, 3), &offset), 0);
	assert_int_equal(offer(&s, batch_of(9, 0, 4, 1), &offset), -EILSEQ);
	assert_int_equal(offer(&s, batch_of(9, 0, 3, 1), &offset), 0);
	/* one producer is nothing to another */
	assert_int_equal(offer(&s, batch_of(8, 0, 0, 1), &offset), 0);
	assert_int_equal(offer(&s, batch_of(-1, -1, 77, 1), &offset), 0);
	producer_state_done(&s);
}

static void only_an_empty_log_proves_that_zero_comes_first(void **state)
{
	struct producer_state s;
	int64_t offset = 0;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	assert_int_equal(offer(&s, batch_of(9, 0, 5, 1), &offset), -EILSEQ);
	offset = 100;
	assert_int_equal(offer(&s, batch_of(9, 0, 5, 1), &offset), 0);
	producer_state_done(&s);
}

static void a_new_epoch_starts_at_zero_and_an_old_one_is_stale(void **state)
{
	struct producer_state s;
	int64_t offset = 0;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	assert_int_equal(offer(&s, batch_of(9, 3, 0, 2), &offset), 0);
	assert_int_equal(offer(&s, batch_of(9, 4, 2, 1), &offset), -EILSEQ);
	assert_int_equal(offer(&s, batch_of(9, 4, 0, 2), &offset), 0);
	assert_int_equal(offer(&s, batch_of(9, 3, 2, 1), &offset), -ESTALE);
	assert_int_equal(offer(&s, batch_of(9, 4, 0, 2), &offset), 1);
	assert_int_equal(offer(&s, batch_of(9, 4, 2, 1), &offset), 0);
	producer_state_done(&s);
}

static void sequences_wrap(void **state)
{
	struct producer_state s;
	int64_t offset = 1;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	assert_int_equal(offer(&s, batch_of(9, 0, INT32_MAX - 1, 2), &offset), 0);
	assert_int_equal(offer(&s, batch_of(9, 0, INT32_MAX - 1, 2), &offset), 1);
	assert_int_equal(offer(&s, batch_of(9, 0, 1, 1), &offset), -EILSEQ);
	assert_int_equal(offer(&s, batch_of(9, 0, 0, 1), &offset), 0);
	producer_state_clear(&s);
	/* inside a batch */
	assert_int_equal(offer(&s, batch_of(9, 0, INT32_MAX - 1, 5), &offset), 0);
	assert_int_equal(offer(&s, batch_of(9, 0, INT32_MAX - 1, 5), &offset), 1);
	assert_int_equal(offer(&s, batch_of(9, 0, 3, 1), &offset), 0);
	producer_state_done(&s);
}

static void the_log_s_own_time_expires_producers(void **state)
{
	struct producer_state s;
	struct batch late = batch_of(8, 0, 0, 1);
	int64_t offset = 0;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	assert_int_equal(offer(&s, batch_of(9, 0, 0, 1), &offset), 0);
	late.max_timestamp_ms = 1000 + EXPIRY_MS;
	assert_int_equal(offer(&s, late, &offset), 0);
	assert_int_equal(offer(&s, batch_of(9, 0, 0, 1), &offset), 1);
	late.base_sequence = 1;
	late.max_timestamp_ms++;
	assert_int_equal(offer(&s, late, &offset), 0);
	/* forgotten: any sequence, as of one that was never seen */
	assert_int_equal(offer(&s, batch_of(9, 0, 7, 1), &offset), 0);
	/* old timestamps (a backfill) do not make a producer old */
	assert_int_equal(offer(&s, batch_of(9, 0, 7, 1), &offset), 1);
	producer_state_done(&s);
}

static void followers_take_what_the_leader_took(void **state)
{
	struct producer_state s;
	struct batch batch = batch_of(9, 5, 10, 1);
	int64_t offset = 50;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	batch.base_offset = 40;
	producer_state_note(&s, &batch);
	batch = batch_of(9, 4, 100, 1); /* lower epoch, a gap */
	batch.base_offset = 41;
	producer_state_note(&s, &batch);
	assert_int_equal(offer(&s, batch_of(9, 4, 101, 1), &offset), 0);
	producer_state_done(&s);
}

static void a_control_batch_only_moves_the_epoch(void **state)
{
	struct producer_state s;
	struct batch marker = batch_of(9, 1, -1, 1);
	int64_t offset = 0;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	assert_int_equal(offer(&s, batch_of(9, 1, 0, 2), &offset), 0);
	marker.attributes = BATCH_CONTROL | BATCH_TRANSACTIONAL;
	marker.base_offset = offset++;
	producer_state_note(&s, &marker);
	assert_int_equal(offer(&s, batch_of(9, 1, 2, 1), &offset), 0);
	producer_state_done(&s);
}

static void a_snapshot_is_whole_or_nothing(void **state)
{
	struct producer_state s, t;
	struct buffer bytes = {0}, again = {0};
	int64_t offset = 0;

	(void)state;
	producer_state_init(&s, EXPIRY_MS);
	producer_state_init(&t, EXPIRY_MS);
	for (int i = 0; i < 20; i++)
		offer(&s, batch_of(i % 3 + 1, 0, i / 3, 1), &offset);
	producer_state_format(&s, offset, &bytes);
	assert_int_equal(producer_state_parse(&t, offset, bytes.data, bytes.size), 0);
	producer_state_format(&t, offset, &again);
	assert_int_equal(again.size, bytes.size);
	assert_memory_equal(again.data, bytes.data, bytes.size);
	producer_state_clear(&t);
	assert_int_equal(producer_state_parse(&t, offset + 1, bytes.data, bytes.size), -EBADMSG);
	for (size_t size = 0; size < bytes.size; size++)
		assert_int_equal(producer_state_parse(&t, offset, bytes.data, size), -EBADMSG);
	for (size_t i = 0; i < bytes.size; i++) {
		bytes.data[i] ^= 4;
		assert_int_equal(producer_state_parse(&t, offset, bytes.data, bytes.size),
				 -EBADMSG);
		bytes.data[i] ^= 4;
		assert_null(t.producers);
	}
	producer_state_done(&s);
	producer_state_done(&t);
	buffer_done(&bytes);
	buffer_done(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_of_the_last_five_is_a_duplicate),
		cmocka_unit_test(a_gap_is_out_of_order_and_the_next_is_not),
		cmocka_unit_test(only_an_empty_log_proves_that_zero_comes_first),
		cmocka_unit_test(a_new_epoch_starts_at_zero_and_an_old_one_is_stale),
		cmocka_unit_test(sequences_wrap),
		cmocka_unit_test(the_log_s_own_time_expires_producers),
		cmocka_unit_test(followers_take_what_the_leader_took),
		cmocka_unit_test(a_control_batch_only_moves_the_epoch),
		cmocka_unit_test(a_snapshot_is_whole_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
