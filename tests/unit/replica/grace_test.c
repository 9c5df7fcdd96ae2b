/* DESIGN section 7: what was mirrored to a follower is left to the mirror for a short grace. */
#include "stage.h"

enum { GRACE_US = 2000, GRACE_MOST_US = 20 * 1000, PAUSE_US = 100 * 1000 };

/* Until when broker 2's fetch from this offset is made to wait, from now on; 0: not at all, and
 * whatever there is comes with it. */
static uint64_t fetch_held(struct stage *s, int64_t offset)
{
	struct replica_fetch fetch = stage_fetch_of(s, 2, offset);
	bool more = offset < plog_end_offset(s->log);
	struct replica_fetched fetched;

	fetch.leaves_mirrored = true;
	assert_int_equal(stage_serve(s, &fetch, &fetched), REPLICA_OK);
	assert_true((fetched.read.slice.file != NULL) == (more && fetched.held_until_us == 0));
	return fetched.held_until_us ? fetched.held_until_us - env_now_us(world_env(s->world)) : 0;
}

static void append_mirrored(struct stage *s)
{
	s->mirrors_to = 2;
	stage_append(s, 1);
	s->mirrors_to = 0;
	assert_true(s->mirrored);
}

/* Broker 2 has fetched: from then on it may be mirrored to. */
static void lead(struct stage *s)
{
	stage_lead(s, true, B1 | B2, B1 | B2);
	assert_int_equal(fetch_held(s, 0), 0);
}

static void a_mirrored_batch_waits_one_grace(void **state)
{
	struct stage s;

	(void)state;
	lead(&s);
	append_mirrored(&s);
	assert_int_equal(fetch_held(&s, 0), GRACE_US);
	world_advance(s.world, GRACE_US - 1);
	assert_int_equal(fetch_held(&s, 0), 1);
	world_advance(s.world, 1);
	assert_int_equal(fetch_held(&s, 0), 0);
	stage_done(&s);
}

/* However much is mirrored behind what was lost: it is fetched after one grace. */
static void a_busy_mirror_does_not_renew_the_grace(void **state)
{
	struct stage s;

	(void)state;
	lead(&s);
	append_mirrored(&s);
	assert_int_equal(fetch_held(&s, 0), GRACE_US);
	for (int i = 0; i < 4; i++) {
		world_advance(s.world, GRACE_US / 4);
		append_mirrored(&s);
	}
	assert_int_equal(fetch_held(&s, 0), 0);
	stage_done(&s);
}

static void after_a_miss_who_lags_is_not_held(void **state)
{
	struct stage s;

	(void)state;
	lead(&s);
	for (int i = 0; i < 3; i++)
		append_mirrored(&s);
	assert_int_equal(fetch_held(&s, 0), GRACE_US);
	world_advance(s.world, GRACE_US);
	assert_int_equal(fetch_held(&s, 0), 0);
	assert_int_equal(fetch_held(&s, 1), 0);
	assert_int_equal(fetch_held(&s, 3), 0);
	append_mirrored(&s);
	assert_int_equal(fetch_held(&s, 3), GRACE_US);
	stage_done(&s);
}

static void what_was_not_mirrored_is_not_held(void **state)
{
	struct stage s;

	(void)state;
	lead(&s);
	stage_append(&s, 1);
	assert_int_equal(fetch_held(&s, 0), 0);
	assert_int_equal(fetch_held(&s, 1), 0);
	append_mirrored(&s);
	assert_int_equal(fetch_held(&s, 0), 0); /* before the gap */
	assert_int_equal(fetch_held(&s, 1), GRACE_US);
	stage_commit(&s, 1, 2, B1 | B2, B1 | B2); /* another epoch begins with nothing mirrored */
	assert_int_equal(fetch_held(&s, 1), 0);
	stage_done(&s);
}

static void the_grace_is_twice_the_measured_turn_round(void **state)
{
	struct stage s;

	(void)state;
	lead(&s);
	append_mirrored(&s);
	world_advance(s.world, GRACE_US * 2);
	assert_int_equal(fetch_held(&s, 1), 0);
	append_mirrored(&s);
	assert_int_equal(fetch_held(&s, 1), GRACE_US * 4);
	world_advance(s.world, 1000 * 1000); /* late, and within bounds all the same */
	for (int64_t offset = 2; offset < 10; offset++) {
		assert_int_equal(fetch_held(&s, offset), 0);
		append_mirrored(&s);
		world_advance(s.world, 1000 * 1000);
	}
	assert_int_equal(fetch_held(&s, 9), GRACE_MOST_US);
	stage_done(&s);
}

/* Mirrored, and one grace later fetched after all. */
static void miss(struct stage *s)
{
	int64_t offset = plog_end_offset(s->log);
	uint64_t held_us;

	append_mirrored(s);
	held_us = fetch_held(s, offset);
	assert_true(held_us > 0);
	world_advance(s->world, held_us);
	assert_int_equal(fetch_held(s, offset), 0);
	assert_int_equal(fetch_held(s, offset + 1), 0);
}

static bool is_mirrored(struct stage *s)
{
	s->mirrors_to = 2;
	stage_append(s, 1);
	s->mirrors_to = 0;
	assert_int_equal(fetch_held(s, plog_end_offset(s->log)), 0);
	return s->mirrored;
}

static void a_mirror_that_never_arrives_is_given_up_for_longer_and_longer(void **state)
{
	struct stage s;

	(void)state;
	lead(&s);
	miss(&s);
	miss(&s);
	assert_true(is_mirrored(&s)); /* and arrives: two misses are forgotten */
	miss(&s);
	miss(&s);
	miss(&s);
	assert_false(is_mirrored(&s));
	world_advance(s.world, PAUSE_US - 1);
	assert_false(is_mirrored(&s));
	world_advance(s.world, 1);
	miss(&s); /* still in vain */
	world_advance(s.world, PAUSE_US);
	assert_false(is_mirrored(&s));
	world_advance(s.world, PAUSE_US);
	assert_true(is_mirrored(&s));
	assert_true(is_mirrored(&s));
	stage_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mirrored_batch_waits_one_grace),
		cmocka_unit_test(a_busy_mirror_does_not_renew_the_grace),
		cmocka_unit_test(after_a_miss_who_lags_is_not_held),
		cmocka_unit_test(what_was_not_mirrored_is_not_held),
		cmocka_unit_test(the_grace_is_twice_the_measured_turn_round),
		cmocka_unit_test(a_mirror_that_never_arrives_is_given_up_for_longer_and_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
