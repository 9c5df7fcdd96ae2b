/* The reading of a broker's datagrams: every length, type and version is checked. */
#include "steer/facts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct state *new_state(void)
{
	return state_new((struct state_times){1000 * 1000, 1000 * 1000});
}

static struct steer_hello good_hello(void)
{
	return (struct steer_hello){
		.header = {STEER_HELLO, STEER_PROTOCOL_VERSION, 5}, .cluster_id = {1}, .node = 2};
}

static int take(struct state *s, bool in_session, const void *bytes, size_t size,
		struct facts_outcome *ret)
{
	const char *reason = NULL;
	int rc = facts_take(s, in_session, bytes, size, 1, ret, &reason);

	assert_true(rc == 0 || reason);
	return rc;
}

static void a_hello_is_read(void **unused)
{
	struct steer_hello hello = good_hello();
	struct state *s = new_state();
	struct facts_outcome outcome;

	(void)unused;
	assert_int_equal(take(s, false, &hello, sizeof(hello), &outcome), 0);
	assert_int_equal(outcome.effect, FACTS_HELLO);
	assert_int_equal(outcome.sequence, 5);
	assert_int_equal(outcome.hello.node, 2);
	assert_int_equal(take(s, true, &hello, sizeof(hello), &outcome), -EPROTO);
	state_free(s);
}

static void a_wrong_hello_is_refused(void **unused)
{
	struct steer_hello hello = good_hello();
	struct state *s = new_state();
	struct facts_outcome outcome;

	(void)unused;
	hello.header.version++;
	assert_int_equal(take(s, false, &hello, sizeof(hello), &outcome), -EPROTO);
	hello = good_hello();
	hello.cluster_id[0] = 0;
	assert_int_equal(take(s, false, &hello, sizeof(hello), &outcome), -EPROTO);
	hello = good_hello();
	hello.node = STEER_PEERS_MAX;
	assert_int_equal(take(s, false, &hello, sizeof(hello), &outcome), -EPROTO);
	state_free(s);
}

/* Types 0 to 80, sizes 0 to the longest and one more: only HELLO's own size ever passes first. */
static void only_exact_sizes_of_known_types_pass(void **unused)
{
	_Alignas(8) uint8_t bytes[STEER_MESSAGE_BYTES_MAX + 1];
	struct state *s = new_state();
	struct facts_outcome outcome;
	int passed = 0;

	(void)unused;
	for (uint16_t type = 0; type <= 80; type++) {
		struct steer_hello hello = good_hello();

		hello.header.type = type;
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, &hello, sizeof(hello));
		for (size_t size = 0; size <= sizeof(bytes); size++)
			passed += take(s, true, bytes, size, &outcome) == 0;
	}
	assert_int_equal(passed, 11); /* the types that a broker sends in a session */
	state_free(s);
}

static void flows_to_reset_have_a_possible_count(void **unused)
{
	struct steer_reset_flows flows = {
		.header = {STEER_RESET_FLOWS, STEER_PROTOCOL_VERSION, 0},
		.count = STEER_FLOWS_PER_MESSAGE,
	};
	struct state *s = new_state();
	struct facts_outcome outcome;

	(void)unused;
	flows.flows[31].slot = 7;
	assert_int_equal(take(s, true, &flows, sizeof(flows), &outcome), 0);
	assert_int_equal(outcome.effect, FACTS_RESETS);
	assert_int_equal(outcome.resets.flows[31].slot, 7);
	flows.count++;
	assert_int_equal(take(s, true, &flows, sizeof(flows), &outcome), -EPROTO);
	flows.count = 0;
	assert_int_equal(take(s, true, &flows, sizeof(flows), &outcome), -EPROTO);
	state_free(s);
}

static void an_end_without_an_image_is_answered_with_an_error(void **unused)
{
	struct steer_image_end end = {.header = {STEER_IMAGE_END, STEER_PROTOCOL_VERSION, 9}};
	struct state *s = new_state();
	struct facts_outcome outcome;

	(void)unused;
	assert_int_equal(take(s, true, &end, sizeof(end), &outcome), 0);
	assert_int_equal(outcome.effect, FACTS_ACK);
	assert_int_equal(outcome.result, -EINVAL);
	assert_int_equal(outcome.sequence, 9);
	state_free(s);
}

static void a_topic_without_an_end_spoils_its_image(void **unused)
{
	struct steer_image_begin begin = {
		.header = {STEER_IMAGE_BEGIN, STEER_PROTOCOL_VERSION, 1}, .leaders = 1};
	struct steer_leader leader = {.header = {STEER_LEADER, STEER_PROTOCOL_VERSION, 2}};
	struct steer_image_end end = {.header = {STEER_IMAGE_END, STEER_PROTOCOL_VERSION, 3}};
	struct state *s = new_state();
	struct facts_outcome outcome;

	(void)unused;
	memset(leader.key.topic, 'a', sizeof(leader.key.topic));
	assert_int_equal(take(s, true, &begin, sizeof(begin), &outcome), 0);
	assert_int_equal(take(s, true, &leader, sizeof(leader), &outcome), 0);
	assert_int_equal(take(s, true, &end, sizeof(end), &outcome), 0);
	assert_int_equal(outcome.result, -EINVAL);
	leader.key.topic[3] = 0; /* bytes behind the end would make two keys of one topic */
	assert_int_equal(take(s, true, &begin, sizeof(begin), &outcome), 0);
	assert_int_equal(take(s, true, &leader, sizeof(leader), &outcome), 0);
	assert_int_equal(take(s, true, &end, sizeof(end), &outcome), 0);
	assert_int_equal(outcome.result, -EINVAL);
	memset(leader.key.topic + 3, 0, sizeof(leader.key.topic) - 3);
	assert_int_equal(take(s, true, &begin, sizeof(begin), &outcome), 0);
	assert_int_equal(take(s, true, &leader, sizeof(leader), &outcome), 0);
	assert_int_equal(take(s, true, &end, sizeof(end), &outcome), 0);
	assert_int_equal(outcome.effect, FACTS_IMAGE);
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_is_read),
		cmocka_unit_test(a_wrong_hello_is_refused),
		cmocka_unit_test(only_exact_sizes_of_known_types_pass),
		cmocka_unit_test(flows_to_reset_have_a_possible_count),
		cmocka_unit_test(an_end_without_an_image_is_answered_with_an_error),
		cmocka_unit_test(a_topic_without_an_end_spoils_its_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
