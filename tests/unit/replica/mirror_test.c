/* Mirroring in one replica: whom a leader's batch may be mirrored to, and what a follower takes. */
#include "stage.h"

enum { WINDOW_BYTES = 128 * 1024 };

/* ---- following: broker 1 follows broker 2 in epoch 2 ---- */

static struct replica_position ask(struct stage *s)
{
	struct replica_position asked;

	assert_true(replica_fetch_position(s->replica, &asked));
	return asked;
}

/* A Fetch is answered with nothing new. */
static void prove(struct stage *s)
{
	struct replica_position asked = ask(s);
	struct replica_response response = {.high_watermark = STAGE_HW(s), .diverging_epoch = -1};

	assert_int_equal(replica_follow(s->replica, &asked, &response), 0);
}

static void follow_begin(struct stage *s)
{
	stage_init(s, false);
	stage_commit(s, 2, 2, B1 | B2 | B3, B1 | B2 | B3);
}

struct mirrored {
	int32_t sender, section_epoch, batch_epoch;
	int64_t section_offset, batch_offset;
	bool corrupt;
};

/* Three records. */
static enum mirror_drop mirror(struct stage *s, struct mirrored m)
{
	struct buffer bytes = {0};
	struct mirror_section section = {.topic_id = s->image.topic.id,
					 .leader_epoch = m.section_epoch,
					 .base_offset = m.section_offset};
	int64_t end_before = plog_end_offset(s->log), count;
	enum mirror_drop drop;

	stage_build(&bytes, 3, m.batch_offset, m.batch_epoch);
	if (m.corrupt)
		bytes.data[bytes.size - 1] ^= 1;
	section.batches = bytes.data;
	section.size_bytes = bytes.size;
	drop = replica_follow_mirror(s->replica, m.sender, &section, &count);
	assert_int_equal(count > 0, drop == MIRROR_DROP_TAKEN);
	assert_int_equal(plog_end_offset(s->log) - end_before, count > 0 ? 3 : 0);
	buffer_done(&bytes);
	return drop;
}

static void f6_mirrored_bytes_fit_exactly_or_are_dropped_and_f7_hw_stays(void **state)
{
	struct stage s;

	(void)state;
	follow_begin(&s);
	prove(&s);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 1, 1, 0}), MIRROR_DROP_NO_FIT);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 0, 0, 0}), MIRROR_DROP_TAKEN);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 0, 0, 0}), MIRROR_DROP_NO_FIT);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 4, 4, 0}), MIRROR_DROP_NO_FIT);
	/* The section says what fits and the batch does not. */
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 3, 4, 0}), MIRROR_DROP_NO_FIT);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 3, 3, 3, 0}), MIRROR_DROP_NO_FIT);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 3, 3, 1}), MIRROR_DROP_NO_FIT);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 3, 3, 0}), MIRROR_DROP_TAKEN);
	assert_int_equal(STAGE_HW(&s), 0);
	assert_int_equal(s.failures, 0);
	stage_done(&s);
}

static void r25_only_the_leader_mirrors_and_only_in_its_epoch(void **state)
{
	struct stage s;

	(void)state;
	follow_begin(&s);
	prove(&s);
	assert_int_equal(mirror(&s, (struct mirrored){3, 2, 2, 0, 0, 0}), MIRROR_DROP_NOT_FOLLOWED);
	assert_int_equal(mirror(&s, (struct mirrored){2, 1, 1, 0, 0, 0}), MIRROR_DROP_NOT_FOLLOWED);
	assert_int_equal(mirror(&s, (struct mirrored){2, 3, 3, 0, 0, 0}), MIRROR_DROP_NOT_FOLLOWED);
	stage_commit(&s, 1, 3, B1 | B2 | B3, B1 | B2 | B3);
	assert_int_equal(mirror(&s, (struct mirrored){1, 3, 3, 0, 0, 0}), MIRROR_DROP_NOT_FOLLOWED);
	stage_done(&s);
}

/* This log ends in records of epoch 1 that the leader of epoch 2 never had: what it mirrors would
 * fit behind them, and no fetch would find out any more. */
static void r23_a_log_that_was_not_compared_in_this_epoch_takes_nothing(void **state)
{
	struct replica_response diverging = {.diverging_epoch = 1, .diverging_end_offset = 0};
	struct replica_position asked;
	struct stage s;

	(void)state;
	stage_init(&s, false);
	stage_commit(&s, 1, 1, B1 | B2 | B3, B1 | B2 | B3);
	stage_append(&s, 3);
	stage_commit(&s, 2, 2, B1 | B2 | B3, B1 | B2 | B3);
	asked = ask(&s);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 3, 3, 0}), MIRROR_DROP_UNPROVED);
	assert_int_equal(replica_follow(s.replica, &asked, &diverging), 0);
	assert_int_equal(plog_end_offset(s.log), 0);
	/* What was cut has to be compared again: the leader may go further back. */
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 0, 0, 0}), MIRROR_DROP_UNPROVED);
	prove(&s);
	assert_int_equal(mirror(&s, (struct mirrored){2, 2, 2, 0, 0, 0}), MIRROR_DROP_TAKEN);
	stage_commit(&s, 3, 3, B1 | B2 | B3, B1 | B2 | B3);
	assert_int_equal(mirror(&s, (struct mirrored){3, 3, 3, 3, 3, 0}), MIRROR_DROP_UNPROVED);
	stage_done(&s);
}

/* ---- leading: broker 1 leads in epoch 1 and mirrors to broker 2 ---- */

static void lead_begin(struct stage *s, int32_t mirrors_to)
{
	stage_lead(s, false, B1 | B2 | B3, B1 | B2 | B3);
	s->mirrors_to = mirrors_to;
}

static bool append(struct stage *s, int records)
{
	stage_append(s, records);
	return s->mirrored;
}

static void f5_what_is_mirrored_is_what_was_appended(void **state)
{
	struct stage s;

	(void)state;
	lead_begin(&s, 2);
	stage_append(&s, 4);
	stage_append(&s, 3);
	assert_int_equal(s.appended.base_offset, 4);
	assert_int_equal(s.appended.leader_epoch, 1);
	assert_int_equal(s.appended.partition, 0);
	assert_true(uuid_equal(s.appended.topic_id, s.image.topic.id));
	assert_true(s.appended.size_bytes > 61);
	stage_done(&s);
}

static void f8_nobody_but_a_replica_is_mirrored_to(void **state)
{
	struct stage s;

	(void)state;
	lead_begin(&s, 4);
	assert_false(append(&s, 1));
	s.mirrors_to = 1; /* itself */
	assert_false(append(&s, 1));
	s.mirrors_to = 3;
	stage_fetch(&s, 3, 2);
	assert_true(append(&s, 1));
	stage_commit(&s, 1, 1, B1 | B2, B1 | B2);
	assert_false(append(&s, 1));
	stage_done(&s);
}

static void a_follower_that_is_behind_fetches_until_it_is_not(void **state)
{
	struct stage s;

	(void)state;
	lead_begin(&s, 2);
	assert_false(append(&s, 1)); /* it never fetched */
	stage_fetch(&s, 2, 0);
	assert_false(append(&s, 1));
	stage_fetch(&s, 2, 2);
	assert_true(append(&s, 1));
	assert_true(append(&s, 1)); /* on the heels of the last one */
	s.mirrors_to = 0;
	append(&s, 1); /* as one that was too large */
	s.mirrors_to = 2;
	assert_false(append(&s, 1));
	stage_fetch(&s, 2, 4);
	assert_false(append(&s, 1));
	stage_fetch(&s, 2, 7);
	assert_true(append(&s, 1));
	/* Another epoch of the leader, another life of the follower: from the beginning. */
	stage_commit(&s, 1, 2, B1 | B2 | B3, B1 | B2 | B3);
	assert_false(append(&s, 1));
	stage_fetch(&s, 2, 9);
	assert_true(append(&s, 1));
	s.image.broker[1].epoch += 10;
	stage_commit(&s, 1, 2, B1 | B2 | B3, B1 | B2 | B3);
	assert_false(append(&s, 1));
	stage_done(&s);
}

static void no_more_than_a_window_is_on_its_way(void **state)
{
	int64_t under_way = 0, count = 0;
	struct stage s;

	(void)state;
	lead_begin(&s, 2);
	stage_fetch(&s, 2, 0);
	while (append(&s, 100)) {
		under_way += (int64_t)s.appended.size_bytes;
		count++;
		assert_true(count < 10000);
	}
	assert_in_range(under_way, WINDOW_BYTES * 9 / 10, WINDOW_BYTES);
	/* Half of it is acknowledged; what was left out has to be fetched first. */
	stage_fetch(&s, 2, count * 100 / 2);
	assert_false(append(&s, 100));
	stage_fetch(&s, 2, plog_end_offset(s.log));
	assert_true(append(&s, 100));
	stage_done(&s);
}

static void acknowledgements_make_room_as_they_come(void **state)
{
	struct stage s;

	(void)state;
	lead_begin(&s, 2);
	stage_fetch(&s, 2, 0);
	for (int64_t i = 0; i < 2000; i++) { /* far more than a window, 10 behind all the time */
		assert_true(append(&s, 100));
		if (i >= 10)
			stage_fetch(&s, 2, (i - 10) * 100);
	}
	stage_done(&s);
}

static void both_fetch_all(struct stage *s)
{
	stage_fetch(s, 2, plog_end_offset(s->log));
	stage_fetch(s, 3, plog_end_offset(s->log));
}

static void fetches_are_outrun_while_followers_of_the_isr_are_behind(void **state)
{
	struct stage s;

	(void)state;
	lead_begin(&s, 0);
	both_fetch_all(&s);
	for (int i = 0; i < 50; i++) { /* each finds fetches that wait for it */
		append(&s, 1);
		assert_false(replica_outruns_fetches(s.replica));
		both_fetch_all(&s);
	}
	for (int i = 0; i < 20; i++)
		append(&s, 1);
	assert_true(replica_outruns_fetches(s.replica));
	for (int i = 0; i < 20; i++) { /* one behind, all the time, is enough */
		append(&s, 1);
		stage_fetch(&s, 2, plog_end_offset(s.log));
	}
	assert_true(replica_outruns_fetches(s.replica));
	stage_commit(&s, 1, 1, B1 | B2 | B3, B1 | B2);
	for (int i = 0; i < 20; i++) { /* who is out of the ISR has its own pace */
		append(&s, 1);
		stage_fetch(&s, 2, plog_end_offset(s.log));
	}
	assert_false(replica_outruns_fetches(s.replica));
	stage_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f6_mirrored_bytes_fit_exactly_or_are_dropped_and_f7_hw_stays),
		cmocka_unit_test(r25_only_the_leader_mirrors_and_only_in_its_epoch),
		cmocka_unit_test(r23_a_log_that_was_not_compared_in_this_epoch_takes_nothing),
		cmocka_unit_test(f5_what_is_mirrored_is_what_was_appended),
		cmocka_unit_test(f8_nobody_but_a_replica_is_mirrored_to),
		cmocka_unit_test(a_follower_that_is_behind_fetches_until_it_is_not),
		cmocka_unit_test(no_more_than_a_window_is_on_its_way),
		cmocka_unit_test(acknowledgements_make_room_as_they_come),
		cmocka_unit_test(fetches_are_outrun_while_followers_of_the_isr_are_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
