/* Following: what a leader's answers do to the log, and what they must not. */
#include "stage.h"

/* Broker 1 follows broker 2 in `epoch`. */
static void follow_begin(struct stage *s, bool flush_ack, int32_t epoch)
{
	stage_init(s, flush_ack);
	stage_commit(s, 2, epoch, B1 | B2 | B3, B1 | B2 | B3);
}

static struct replica_position follow_ask(struct stage *s)
{
	struct replica_position asked;

	assert_true(replica_fetch_position(s->replica, &asked));
	return asked;
}

/* An answer with one batch of `records` records that begins at base_offset (none: 0 records). */
static int64_t follow_answer(struct stage *s, const struct replica_position *asked,
			     int64_t base_offset, int records, int32_t epoch,
			     int64_t high_watermark)
{
	struct buffer bytes = {0};
	struct replica_response response = {.high_watermark = high_watermark,
					    .diverging_epoch = -1};
	int64_t result;

	if (records > 0)
		stage_build(&bytes, records, base_offset, epoch);
	response.records = bytes.data;
	response.records_size = bytes.size;
	result = replica_follow(s->replica, asked, &response);
	buffer_done(&bytes);
	return result;
}

/* Fetches `records` records of an epoch the way they come: one batch, at LEO. */
static void follow_get(struct stage *s, int records, int32_t epoch, int64_t high_watermark)
{
	struct replica_position asked = follow_ask(s);
	int64_t appended =
		follow_answer(s, &asked, asked.fetch_offset, records, epoch, high_watermark);

	assert_true(appended > 0);
}

static int64_t follow_diverge(struct stage *s, const struct replica_position *asked, int32_t epoch,
			      int64_t end_offset, int64_t high_watermark)
{
	struct replica_response response = {.high_watermark = high_watermark,
					    .diverging_epoch = epoch,
					    .diverging_end_offset = end_offset};

	return replica_follow(s->replica, asked, &response);
}

static void a_follower_asks_from_its_end(void **state)
{
	struct stage s;
	struct replica_position asked;

	(void)state;
	stage_init(&s, true);
	assert_false(replica_fetch_position(s.replica, &asked));
	stage_commit(&s, 2, 3, B1 | B2, B1 | B2);
	asked = follow_ask(&s);
	assert_int_equal(asked.leader, 2);
	assert_int_equal(asked.leader_epoch, 3);
	assert_int_equal(asked.fetch_offset, 0);
	assert_int_equal(asked.last_fetched_epoch, -1);
	follow_get(&s, 5, 2, 0);
	asked = follow_ask(&s);
	assert_int_equal(asked.fetch_offset, 5);
	assert_int_equal(asked.last_fetched_epoch, 2);
	assert_int_equal(asked.durable_offset, 0);
	world_run(s.world);
	assert_int_equal(s.durable_moves, 1);
	assert_int_equal(follow_ask(&s).durable_offset, 5);
	stage_commit(&s, -1, 4, B1 | B2, B1 | B2);
	assert_false(replica_fetch_position(s.replica, &asked));
	stage_done(&s);

	follow_begin(&s, false, 3); /* flush=async: durable is LEO */
	follow_get(&s, 5, 2, 0);
	assert_int_equal(follow_ask(&s).durable_offset, 5);
	stage_done(&s);
}

static void r16_hw_follows_after_the_append_and_never_passes_leo(void **state)
{
	struct stage s;
	struct replica_position asked;

	(void)state;
	follow_begin(&s, false, 1);
	follow_get(&s, 5, 1, 3);
	assert_int_equal(STAGE_HW(&s), 3);
	follow_get(&s, 5, 1, 10); /* as far as what came with it */
	assert_int_equal(STAGE_HW(&s), 10);
	asked = follow_ask(&s);
	assert_int_equal(follow_answer(&s, &asked, 0, 0, 0, 50), 0);
	assert_int_equal(STAGE_HW(&s), 10);
	/* A new leader may lag: what was committed stays so. */
	stage_commit(&s, 3, 2, B1 | B2 | B3, B1 | B2 | B3);
	asked = follow_ask(&s);
	assert_int_equal(follow_answer(&s, &asked, 0, 0, 0, 4), 0);
	assert_int_equal(STAGE_HW(&s), 10);
	stage_done(&s);
}

static void r17_the_log_start_never_passes_hw(void **state)
{
	struct stage s;
	struct replica_position asked;
	struct replica_response response = {
		.high_watermark = 5, .log_start_offset = 8, .diverging_epoch = -1};

	(void)state;
	follow_begin(&s, false, 1);
	follow_get(&s, 5, 1, 5);
	follow_get(&s, 5, 1, 5);
	asked = follow_ask(&s);
	assert_int_equal(replica_follow(s.replica, &asked, &response), 0);
	assert_int_equal(plog_start_offset(s.log), 5);
	response.high_watermark = 10;
	assert_int_equal(replica_follow(s.replica, &asked, &response), 0);
	assert_int_equal(plog_start_offset(s.log), 8);
	stage_done(&s);
}

static void r18_never_truncates_to_the_high_watermark(void **state)
{
	struct stage s;
	struct replica_position asked;

	(void)state;
	follow_begin(&s, false, 1);
	follow_get(&s, 5, 1, 2); /* HW lags LEO */
	stage_commit(&s, 3, 2, B1 | B2 | B3, B1 | B2 | B3);
	assert_int_equal(plog_end_offset(s.log), 5);
	stage_commit(&s, 1, 3, B1 | B2 | B3, B1 | B2 | B3);
	stage_commit(&s, 2, 4, B1 | B2 | B3, B1 | B2 | B3);
	assert_int_equal(plog_end_offset(s.log), 5);
	/* The logs part after 5, where epoch 3 began here without a record (R22). */
	asked = follow_ask(&s);
	assert_int_equal(asked.last_fetched_epoch, 3);
	assert_int_equal(follow_diverge(&s, &asked, 1, 5, 2), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(follow_ask(&s).last_fetched_epoch, 1);
	stage_done(&s);
}

/* Five records of epoch 1, five of epoch 3; HW 2. */
static void follow_two_epochs(struct stage *s)
{
	follow_begin(s, false, 5);
	follow_get(s, 5, 1, 2);
	follow_get(s, 5, 3, 2);
}

static void r23_truncates_to_the_lesser_end_of_the_epoch(void **state)
{
	struct stage s;
	struct replica_position asked;

	(void)state;
	follow_two_epochs(&s);
	asked = follow_ask(&s);
	assert_int_equal(follow_diverge(&s, &asked, 1, 8, 2), 0); /* there epoch 1 is longer */
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(plog_last_epoch(s.log), 1);
	stage_done(&s);

	follow_two_epochs(&s);
	asked = follow_ask(&s);
	/* Not known here: the end of the epoch below it. */
	assert_int_equal(follow_diverge(&s, &asked, 2, 7, 2), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	stage_done(&s);

	follow_begin(&s, false, 5);
	follow_get(&s, 2, 1, 2);
	follow_get(&s, 3, 1, 2);
	asked = follow_ask(&s);
	assert_int_equal(follow_diverge(&s, &asked, 1, 2, 2), 0); /* here it is longer */
	assert_int_equal(plog_end_offset(s.log), 2);
	assert_int_equal(follow_ask(&s).fetch_offset, 2);
	assert_true(follow_ask(&s).generation > asked.generation);
	stage_done(&s);
}

static void r24_a_diverging_answer_only_truncates(void **state)
{
	struct stage s;
	struct buffer bytes = {0};
	struct replica_position asked;
	struct replica_response response = {
		.high_watermark = 9, .diverging_epoch = 1, .diverging_end_offset = 5};

	(void)state;
	follow_two_epochs(&s);
	asked = follow_ask(&s);
	stage_build(&bytes, 3, 10, 5);
	response.records = bytes.data;
	response.records_size = bytes.size;
	assert_int_equal(replica_follow(s.replica, &asked, &response), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(STAGE_HW(&s), 2);
	buffer_done(&bytes);
	stage_done(&s);
}

static void a_truncation_below_hw_takes_hw_along(void **state)
{
	struct stage s;
	struct replica_position asked;

	(void)state;
	follow_begin(&s, false, 5);
	follow_get(&s, 5, 1, 5);
	follow_get(&s, 5, 3, 8); /* then an unclean election */
	asked = follow_ask(&s);
	assert_int_equal(follow_diverge(&s, &asked, 1, 5, 5), 0);
	assert_int_equal(STAGE_HW(&s), 5);
	stage_done(&s);
}

static void r25_records_need_the_same_end_epoch_and_generation(void **state)
{
	struct stage s;
	struct replica_position asked, later;

	(void)state;
	follow_begin(&s, false, 1);
	asked = follow_ask(&s);
	follow_get(&s, 5, 1, 1);
	/* The fetch offset has moved (a mirrored append, say): no records, but HW. */
	assert_int_equal(follow_answer(&s, &asked, 5, 3, 1, 4), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(STAGE_HW(&s), 4);
	/* Nor a truncation. */
	assert_int_equal(follow_diverge(&s, &asked, 1, 0, 0), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	/* Another leader epoch: nothing at all. */
	asked = follow_ask(&s);
	stage_commit(&s, 3, 2, B1 | B2 | B3, B1 | B2 | B3);
	assert_int_equal(follow_answer(&s, &asked, 5, 3, 1, 5), 0);
	assert_int_equal(follow_diverge(&s, &asked, 1, 0, 0), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(STAGE_HW(&s), 4);
	/* Truncated since, and grown to the same length again: not even HW. */
	asked = follow_ask(&s);
	follow_get(&s, 2, 1, 4);
	later = follow_ask(&s);
	assert_int_equal(follow_diverge(&s, &later, 1, 5, 4), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(follow_answer(&s, &asked, 5, 3, 1, 5), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(STAGE_HW(&s), 4);
	/* Leading by now. */
	asked = follow_ask(&s);
	stage_commit(&s, 1, 3, B1 | B2 | B3, B1 | B2 | B3);
	assert_int_equal(follow_answer(&s, &asked, 5, 3, 1, 5), 0);
	assert_int_equal(plog_end_offset(s.log), 5);
	stage_done(&s);
}

static void r26_what_does_not_fit_is_refused(void **state)
{
	struct stage s;
	struct replica_position asked;
	struct buffer bytes = {0};
	struct replica_response response = {.high_watermark = 5, .diverging_epoch = -1};

	(void)state;
	follow_begin(&s, false, 2);
	follow_get(&s, 5, 1, 0);
	asked = follow_ask(&s);
	assert_int_equal(follow_answer(&s, &asked, 4, 3, 1, 5), -EBADMSG); /* below LEO */
	/* An epoch from the future. */
	assert_int_equal(follow_answer(&s, &asked, 5, 3, 3, 5), -EBADMSG);
	stage_build(&bytes, 3, 5, 2);
	bytes.data[bytes.size - 1] ^= 1;
	response.records = bytes.data;
	response.records_size = bytes.size;
	assert_int_equal(replica_follow(s.replica, &asked, &response), -EBADMSG);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(STAGE_HW(&s), 0);
	assert_int_equal(s.failures, 0); /* the sender's fault, not the disk's */
	assert_true(follow_answer(&s, &asked, 7, 3, 2, 5) > 0); /* a hole: compacted there */
	assert_int_equal(plog_end_offset(s.log), 10);
	buffer_done(&bytes);
	stage_done(&s);
}

static void r27_a_log_below_the_leaders_start_begins_anew(void **state)
{
	struct stage s;
	struct replica_position asked, stale;

	(void)state;
	follow_begin(&s, true, 2);
	stale = follow_ask(&s);
	follow_get(&s, 5, 1, 4);
	world_run(s.world);
	asked = follow_ask(&s);
	assert_int_equal(replica_follow_reset(s.replica, &stale, 50), 0);
	/* Records that this does not explain are kept. */
	assert_int_equal(replica_follow_reset(s.replica, &asked, 3), -ERANGE);
	assert_int_equal(plog_end_offset(s.log), 5);
	assert_int_equal(replica_follow_reset(s.replica, &asked, 50), 1);
	asked = follow_ask(&s);
	assert_int_equal(asked.fetch_offset, 50);
	assert_int_equal(asked.last_fetched_epoch, -1);
	assert_int_equal(asked.durable_offset, 50);
	assert_int_equal(plog_start_offset(s.log), 50);
	assert_int_equal(STAGE_HW(&s), 50);
	stage_done(&s);
}

static void r28_an_empty_answer_keeps_the_last_fetched_epoch(void **state)
{
	struct stage s;
	struct replica_position asked;

	(void)state;
	follow_begin(&s, false, 4);
	follow_get(&s, 5, 2, 5);
	asked = follow_ask(&s);
	assert_int_equal(follow_answer(&s, &asked, 0, 0, 0, 5), 0);
	assert_int_equal(follow_ask(&s).last_fetched_epoch, 2);
	stage_commit(&s, 3, 5, B1 | B2 | B3, B1 | B2 | B3);
	assert_int_equal(follow_ask(&s).last_fetched_epoch, 2);
	stage_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_follower_asks_from_its_end),
		cmocka_unit_test(r16_hw_follows_after_the_append_and_never_passes_leo),
		cmocka_unit_test(r17_the_log_start_never_passes_hw),
		cmocka_unit_test(r18_never_truncates_to_the_high_watermark),
		cmocka_unit_test(r23_truncates_to_the_lesser_end_of_the_epoch),
		cmocka_unit_test(r24_a_diverging_answer_only_truncates),
		cmocka_unit_test(a_truncation_below_hw_takes_hw_along),
		cmocka_unit_test(r25_records_need_the_same_end_epoch_and_generation),
		cmocka_unit_test(r26_what_does_not_fit_is_refused),
		cmocka_unit_test(r27_a_log_below_the_leaders_start_begins_anew),
		cmocka_unit_test(r28_an_empty_answer_keeps_the_last_fetched_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
