/* Fetch sessions between brokers, on the leader's side (KIP-227, R4, R6): what a follower says over
 * one connection, and what it hears. */
#include "fetch_stage.h"

static void a_parked_fetch_is_answered_with_what_has_changed_only(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 1);
	struct answer *a = stage_ask(s, &ask);

	(void)state;
	run_ms(s, 50);
	assert_false(a->has_come);
	stage_append(s, 1);
	stage_append(s, 2);
	run_ms(s, 20);
	assert_true(a->has_come);
	assert_int_equal(a->session_id, id);
	/* Shards tell by messages of their own: the other one's may miss this answer. */
	assert_in_range(a->count, 1, 2);
	for (int i = 0; i < a->count; i++) {
		assert_in_range(a->parts[i].partition, 1, 2);
		assert_true(a->parts[i].bytes > 0);
	}
	stage_free(s);
}

static void an_idle_fetch_waits_for_its_time_and_names_nothing(void **state)
{
	struct stage *s = stage_new();
	struct ask ask = ask_of(stage_open(s), 1);
	struct answer *a = stage_ask(s, &ask);

	(void)state;
	run_ms(s, WAIT_MS - 20);
	assert_false(a->has_come);
	run_ms(s, 50);
	assert_true(a->has_come);
	assert_int_equal(a->error, KAFKA_NONE);
	assert_int_equal(a->count, 0);
	stage_free(s);
}

/* Records are told once, until the follower lists the partition again: no batch travels twice. */
static void what_was_told_is_not_told_again(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 1);
	struct answer *a;

	(void)state;
	stage_append(s, 1);
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1 && a->parts[0].bytes > 0);
	ask = ask_of(id, 2);
	a = stage_ask(s, &ask);
	stage_append(s, 1);
	run_ms(s, 50);
	assert_false(a->has_come);
	/* Whatever became of the records: here they did not fit. */
	ask = ask_of(id, 3);
	ask_list(&ask, 1, 0);
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1 && a->parts[0].partition == 1);
	assert_true(a->parts[0].bytes > 0);
	stage_free(s);
}

static void a_high_watermark_that_moved_is_told_when_there_is_an_answer(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 1);
	struct answer *a;

	(void)state;
	stage_append(s, 3);
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1 && a->parts[0].high_watermark == 0);
	ask = ask_of(id, 2);
	ask_list(&ask, 3, 1);
	a = stage_ask(s, &ask);
	run_ms(s, 50);
	assert_int_equal(replica_high_watermark(s->hosted[3]->replica), 1);
	assert_false(a->has_come);
	run_ms(s, WAIT_MS);
	assert_true(a->has_come && a->count == 1);
	assert_int_equal(a->parts[0].partition, 3);
	assert_int_equal(a->parts[0].high_watermark, 1);
	assert_int_equal(a->parts[0].bytes, 0);
	stage_free(s);
}

static void a_newer_fetch_supersedes_the_one_that_is_parked(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 1);
	struct answer *older = stage_ask(s, &ask), *newer;

	(void)state;
	run_ms(s, 20);
	assert_false(older->has_come);
	ask = ask_of(id, 2);
	ask_list(&ask, 0, 0);
	newer = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(older->has_come);
	assert_int_equal(older->error, KAFKA_NONE);
	assert_int_equal(older->count, 0);
	assert_false(newer->has_come);
	stage_append(s, 0);
	run_ms(s, 20);
	assert_true(newer->has_come && newer->count == 1 && newer->parts[0].bytes > 0);
	stage_free(s);
}

/* When the answer comes. */
static uint64_t stage_await(struct stage *s, const struct answer *a)
{
	while (!a->has_come)
		assert_true(sim_world_step(s->world));
	return sim_world_now_us(s->world);
}

static void superseded_ones_are_answered_together(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct answer *answers[3];
	uint64_t first_us;

	(void)state;
	for (int32_t i = 0; i < 3; i++) {
		struct ask ask = ask_of(id, 1 + i);

		answers[i] = stage_ask(s, &ask);
		sim_world_run_for(s->world, SESSION_PATIENCE_US / 2);
	}
	first_us = stage_await(s, answers[0]);
	assert_int_equal(stage_await(s, answers[1]), first_us);
	assert_false(answers[2]->has_come);
	stage_free(s);
}

static void what_is_forgotten_is_not_told(void **state)
{
	struct stage *s = stage_new();
	struct ask ask = ask_of(stage_open(s), 1);
	struct answer *a;

	(void)state;
	ask.forgotten[ask.forgotten_count++] = 0;
	ask.forgotten[ask.forgotten_count++] = 1;
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	stage_append(s, 0);
	stage_append(s, 1);
	run_ms(s, 20);
	assert_false(a->has_come);
	stage_append(s, 2);
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1 && a->parts[0].partition == 2);
	stage_free(s);
}

static void a_session_ends_with_an_epoch_out_of_turn(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 2);
	struct answer *a = stage_ask(s, &ask);

	(void)state;
	run_ms(s, 20);
	assert_true(a->has_come);
	assert_int_equal(a->error, KAFKA_INVALID_FETCH_SESSION_EPOCH);
	ask = ask_of(id, 1);
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_int_equal(a->error, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
	assert_int_not_equal(stage_open(s), id);
	stage_free(s);
}

static void a_session_dies_with_its_connection(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 1);
	struct answer *parked = stage_ask(s, &ask), *a;

	(void)state;
	run_ms(s, 20);
	peer_free(s->peer);
	assert_int_equal(parked->rc, -ECANCELED);
	run_ms(s, 20);
	stage_append(s, 0);
	stage_append(s, 1);
	run_ms(s, 20);
	stage_connect(s);
	ask = ask_of(id, 2);
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come);
	assert_int_equal(a->error, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
	stage_free(s);
}

static void r6_another_broker_epoch_has_no_session(void **state)
{
	struct stage *s = stage_new();
	struct ask ask = ask_of(stage_open(s), 1);
	struct answer *a;

	(void)state;
	ask.broker_epoch++;
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come);
	assert_int_equal(a->error, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
	stage_free(s);
}

static void what_is_not_hosted_is_refused_and_not_kept(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 1);
	struct answer *a;

	(void)state;
	ask_list(&ask, PARTITIONS + 3, 0);
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1);
	assert_int_equal(a->parts[0].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	ask = ask_of(id, 2);
	a = stage_ask(s, &ask);
	run_ms(s, 50);
	assert_false(a->has_come);
	ask = ask_of(id, 3);
	ask_list(&ask, PARTITIONS + 3, 0);
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1);
	assert_int_equal(a->parts[0].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	stage_free(s);
}

/* ---- R4: nothing is listed, and every request is judged by the facts of its time ---- */

/* Returns the only partition that the parked fetch names once these facts are applied. */
static void r4_expect(struct stage *s, struct answer *a, int32_t partition, enum kafka_error error)
{
	run_ms(s, 20);
	assert_false(a->has_come);
	stage_apply(s);
	run_ms(s, 20);
	assert_true(a->has_come);
	assert_int_equal(a->count, 1);
	assert_int_equal(a->parts[0].partition, partition);
	assert_int_equal(a->parts[0].error, error);
	assert_int_equal(a->parts[0].bytes, 0);
}

static void r4_a_new_leader_epoch_fences_what_is_idle(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 1);
	struct answer *a = stage_ask(s, &ask);

	(void)state;
	s->partitions[1].leader_epoch++;
	s->partitions[1].partition_epoch++;
	r4_expect(s, a, 1, KAFKA_FENCED_LEADER_EPOCH);
	/* It has left the session: nothing in it is told before it is listed with the new epoch. */
	ask = ask_of(id, 2);
	a = stage_ask(s, &ask);
	stage_append(s, 1);
	run_ms(s, 50);
	assert_false(a->has_come);
	ask = ask_of(id, 3);
	ask_list(&ask, 1, 0);
	ask.parts[0].current_leader_epoch++;
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1 && a->parts[0].bytes > 0);
	stage_free(s);
}

static void r4_who_is_not_assigned_any_more_is_refused(void **state)
{
	struct stage *s = stage_new();
	struct ask ask = ask_of(stage_open(s), 1);
	struct answer *a = stage_ask(s, &ask);

	(void)state;
	s->partitions[2].replica_count = 1;
	s->partitions[2].isr_count = 1;
	s->partitions[2].partition_epoch++;
	r4_expect(s, a, 2, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	stage_free(s);
}

static void r4_r6_a_new_uptime_of_the_follower_fences_the_old_one(void **state)
{
	struct stage *s = stage_new();
	struct ask ask = ask_of(stage_open(s), 1);
	struct answer *a = stage_ask(s, &ask);

	(void)state;
	run_ms(s, 20);
	assert_false(a->has_come);
	s->brokers[1].epoch++;
	stage_apply(s);
	run_ms(s, 20);
	assert_true(a->has_come);
	assert_in_range(a->count, 1, PARTITIONS);
	for (int i = 0; i < a->count; i++)
		assert_int_equal(a->parts[i].error, KAFKA_NOT_LEADER_OR_FOLLOWER);
	stage_free(s);
}

static void r4_a_partition_that_goes_is_told(void **state)
{
	struct stage *s = stage_new();
	struct ask ask = ask_of(stage_open(s), 1);
	struct answer *a = stage_ask(s, &ask);
	struct hosted *hosted = s->hosted[0];

	(void)state;
	run_ms(s, 20);
	HASH_DEL(s->shards[0]->hosted, hosted);
	plog_close(replica_free(hosted->replica));
	s->hosted[0] = NULL;
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1);
	assert_int_equal(a->parts[0].partition, 0);
	assert_int_equal(a->parts[0].error, KAFKA_NOT_LEADER_OR_FOLLOWER);
	mem_free(hosted->folder);
	mem_free(hosted);
	stage_free(s);
}

/* ---- the grace of mirrored batches (DESIGN section 7) ---- */

static void a_mirrored_batch_does_not_complete_the_parked_fetch(void **state)
{
	struct stage *s = stage_new();
	int32_t id = stage_open(s);
	struct ask ask = ask_of(id, 1);
	struct answer *a = stage_ask(s, &ask);

	(void)state;
	run_ms(s, 20);
	s->mirrors = true;
	stage_append(s, 0);
	run_ms(s, 1);
	assert_false(a->has_come);
	/* The follower has it, by the mirror, and says so. */
	ask = ask_of(id, 2);
	ask_list(&ask, 0, 1);
	a = stage_ask(s, &ask);
	run_ms(s, 50);
	assert_false(a->has_come);
	assert_int_equal(replica_high_watermark(s->hosted[0]->replica), 1);
	/* And this one is lost on the way. */
	stage_append(s, 0);
	run_ms(s, 20);
	assert_true(a->has_come && a->count == 1 && a->parts[0].bytes > 0);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parked_fetch_is_answered_with_what_has_changed_only),
		cmocka_unit_test(an_idle_fetch_waits_for_its_time_and_names_nothing),
		cmocka_unit_test(what_was_told_is_not_told_again),
		cmocka_unit_test(a_high_watermark_that_moved_is_told_when_there_is_an_answer),
		cmocka_unit_test(a_newer_fetch_supersedes_the_one_that_is_parked),
		cmocka_unit_test(superseded_ones_are_answered_together),
		cmocka_unit_test(what_is_forgotten_is_not_told),
		cmocka_unit_test(a_session_ends_with_an_epoch_out_of_turn),
		cmocka_unit_test(a_session_dies_with_its_connection),
		cmocka_unit_test(r6_another_broker_epoch_has_no_session),
		cmocka_unit_test(what_is_not_hosted_is_refused_and_not_kept),
		cmocka_unit_test(r4_a_new_leader_epoch_fences_what_is_idle),
		cmocka_unit_test(r4_who_is_not_assigned_any_more_is_refused),
		cmocka_unit_test(r4_r6_a_new_uptime_of_the_follower_fences_the_old_one),
		cmocka_unit_test(r4_a_partition_that_goes_is_told),
		cmocka_unit_test(a_mirrored_batch_does_not_complete_the_parked_fetch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
