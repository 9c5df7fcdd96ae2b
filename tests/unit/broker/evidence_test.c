/* S11 on the stage of the slots' tests: broker 1 dials broker 2. */
#include "slots_stage.h"

#include "broker/evidence.h"

struct witness {
	struct stage *stage;
	struct evidence *evidence;
	int verdicts;
	enum evidence_verdict verdict;
	uint64_t asked_us, answered_us;
};

static void take_verdict(void *context, int32_t node_id, enum evidence_verdict verdict)
{
	struct witness *w = context;

	assert_int_equal(node_id, 2);
	w->verdicts++;
	w->verdict = verdict;
	w->answered_us = env_now_us(w->stage->nodes[1].envs[1]);
}

static struct witness *witness_new(void)
{
	struct witness *w = mem_alloc(sizeof(*w));

	w->stage = stage_new();
	w->evidence = evidence_new(
		&(struct evidence_options){
			.env = w->stage->nodes[1].envs[1],
			.identity = &w->stage->nodes[1].broker.identity,
			.unanswered_us = 50000,
			.again_us = 20000,
			.most_us = 2000000,
			.verdict = take_verdict,
			.context = w,
		},
		2);
	return w;
}

static void witness_free(struct witness *w)
{
	evidence_free(w->evidence);
	stage_free(w->stage);
	mem_free(w);
}

/* Seeks, and lets so much time pass. Returns how long the verdict took, in ms. */
static uint64_t seek(struct witness *w, struct uuid incarnation, uint64_t wait_ms)
{
	struct net_address address = address_of("10.77.0.2", 9094);

	w->asked_us = env_now_us(w->stage->nodes[1].envs[1]);
	evidence_seek(w->evidence, &address, &incarnation);
	run_ms(w->stage, wait_ms);
	return w->verdicts ? (w->answered_us - w->asked_us) / 1000 : UINT64_MAX;
}

static void s11_the_incarnation_that_we_know_is_alive(void **state)
{
	struct witness *w = witness_new();

	(void)state;
	assert_in_range(seek(w, test_uuid(2), 100), 0, 50);
	assert_int_equal(w->verdicts, 1);
	assert_int_equal(w->verdict, EVIDENCE_ALIVE);
	assert_false(evidence_is_seeking(w->evidence));
	witness_free(w);
}

static void s11_another_incarnation_proves_the_one_before_dead(void **state)
{
	struct witness *w = witness_new();

	(void)state;
	assert_in_range(seek(w, test_uuid(77), 100), 0, 50);
	assert_int_equal(w->verdict, EVIDENCE_REBORN);
	witness_free(w);
}

static void s11_a_refused_dial_is_death_at_once(void **state)
{
	struct witness *w = witness_new();

	(void)state;
	sim_process_kill(w->stage->nodes[2].process);
	run_ms(w->stage, 50);
	assert_in_range(seek(w, test_uuid(2), 100), 0, 50);
	assert_int_equal(w->verdict, EVIDENCE_DEAD);
	witness_free(w);
}

static void s11_three_unanswered_syns_are_the_death_of_a_host(void **state)
{
	struct witness *w = witness_new();

	(void)state;
	sim_net_cut(w->stage->world, w->stage->nodes[1].process, w->stage->nodes[2].process);
	assert_int_equal(seek(w, test_uuid(2), 140), UINT64_MAX); /* two prove nothing yet */
	run_ms(w->stage, 100);
	assert_int_equal(w->verdicts, 1);
	assert_int_equal(w->verdict, EVIDENCE_DEAD);
	assert_in_range((w->answered_us - w->asked_us) / 1000, 150, 200);
	witness_free(w);
}

static void s11_accepted_and_then_silent_proves_nothing(void **state)
{
	struct witness *w = witness_new();

	(void)state;
	sim_process_pause(w->stage->nodes[2].process); /* its kernel goes on accepting */
	assert_int_equal(seek(w, test_uuid(2), 1900), UINT64_MAX);
	run_ms(w->stage, 300);
	assert_int_equal(w->verdicts, 1);
	assert_int_equal(w->verdict, EVIDENCE_NOTHING);
	sim_process_resume(w->stage->nodes[2].process);
	w->verdicts = 0;
	assert_in_range(seek(w, test_uuid(2), 200), 0, 150);
	assert_int_equal(w->verdict, EVIDENCE_ALIVE);
	witness_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s11_the_incarnation_that_we_know_is_alive),
		cmocka_unit_test(s11_another_incarnation_proves_the_one_before_dead),
		cmocka_unit_test(s11_a_refused_dial_is_death_at_once),
		cmocka_unit_test(s11_three_unanswered_syns_are_the_death_of_a_host),
		cmocka_unit_test(s11_accepted_and_then_silent_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
