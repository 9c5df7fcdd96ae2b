/* The quorum's step function, one input at a time: the rules that no simulation states by name. */
#include "quorum/quorum_step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { NOW = 10 * 1000 * 1000, TIMEOUT = 1000 * 1000, WAIT_US = 50 * 1000 };

/* A log of epoch 1 up to first_end, of last_epoch after it. */
struct model_log {
	int64_t first_end, end, durable;
	int32_t last_epoch;
};

struct fixture {
	struct model_log log;
	uint64_t now_us;
	struct quorum_state state;
	struct quorum_out out;
};

static struct uuid directory(int id)
{
	return (struct uuid){{(uint8_t)(id + 1)}};
}

static void epoch_end(const void *context, int32_t epoch, int32_t *ret_epoch, int64_t *ret_end)
{
	const struct model_log *log = context;

	*ret_epoch = epoch >= log->last_epoch ? log->last_epoch : epoch >= 1 ? 1 : -1;
	*ret_end = epoch >= log->last_epoch ? log->end : epoch >= 1 ? log->first_end : 0;
}

static struct quorum_options options(int voters)
{
	struct quorum_options o = {
		.node_id = 0,
		.directory_id = directory(0),
		.voter_count = voters,
		.election_timeout_us = TIMEOUT,
		.fetch_wait_us = WAIT_US,
	};

	for (int i = 0; i < voters; i++)
		o.voters[i] = (struct quorum_voter){i, directory(i)};
	return o;
}

static void begin_with(struct fixture *f, struct quorum_options o, struct quorum_vote vote)
{
	*f = (struct fixture){
		.log = {.first_end = 10, .end = 10, .durable = 10, .last_epoch = 1},
		.now_us = NOW,
	};
	quorum_step_init(&f->state, &o, &vote, f->log.last_epoch, f->now_us, 7);
}

static void begin(struct fixture *f, int voters)
{
	struct quorum_vote vote = {.present = true, .epoch = 1, .voted_id = -1};

	begin_with(f, options(voters), vote);
}

static void step(struct fixture *f, struct quorum_in in)
{
	in.now_us = f->now_us;
	in.log = (struct quorum_log_view){
		.end_offset = f->log.end,
		.durable_offset = f->log.durable,
		.last_epoch = f->log.end > f->log.first_end ? f->log.last_epoch : 1,
		.epoch_end = epoch_end,
		.context = &f->log,
	};
	quorum_step(&f->state, &in, &f->out);
}

static void receive(struct fixture *f, struct quorum_message m)
{
	m.from_directory = m.from_directory.bytes[0] ? m.from_directory : directory(m.from);
	m.to_directory = m.to_directory.bytes[0] ? m.to_directory : directory(0);
	step(f, (struct quorum_in){.type = QUORUM_IN_MESSAGE, .message = &m});
}

static void tick(struct fixture *f, uint64_t after_us)
{
	f->now_us += after_us;
	step(f, (struct quorum_in){.type = QUORUM_IN_TICK});
}

/* The message of that type that the last step sent to node `to`, or NULL. */
static const struct quorum_message *sent(const struct fixture *f, enum quorum_message_type type,
					 int to)
{
	for (int i = 0; i < f->out.send_count; i++)
		if (f->out.sends[i].message.type == type && f->out.sends[i].message.to == to)
			return &f->out.sends[i].message;
	return NULL;
}

static void grant(struct fixture *f, int from)
{
	const struct quorum_message *asked = sent(f, QUORUM_VOTE_REQUEST, from);

	assert_non_null(asked);
	receive(f, (struct quorum_message){.type = QUORUM_VOTE_RESPONSE, .from = from,
		.epoch = asked->epoch, .leader_id = -1, .granted = true, .id = asked->id});
}

/* Node 0 of three wins the next epoch with node 1's votes, and its first record is written. */
static void lead(struct fixture *f)
{
	begin(f, 3);
	tick(f, TIMEOUT);
	assert_int_equal(f->state.role, QUORUM_PROSPECTIVE);
	grant(f, 1);
	assert_int_equal(f->state.role, QUORUM_CANDIDATE);
	assert_true(f->out.persist);
	grant(f, 1);
	assert_int_equal(f->state.role, QUORUM_LEADER);
	assert_true(f->out.begin_epoch);
	f->log.last_epoch = f->state.epoch;
	f->log.end = 11;
	step(f, (struct quorum_in){.type = QUORUM_IN_WRITTEN});
}

static struct quorum_message fetch(const struct fixture *f, int from, int64_t offset,
				   int64_t durable)
{
	return (struct quorum_message){.type = QUORUM_FETCH_REQUEST, .from = from, .leader_id = 0,
		.epoch = f->state.epoch, .end_offset = offset, .durable_offset = durable,
		.last_epoch = offset > f->log.first_end ? f->log.last_epoch : 1};
}

/* Node 0 follows node 1, which leads epoch 2. */
static void follow(struct fixture *f)
{
	begin(f, 3);
	receive(f, (struct quorum_message){.type = QUORUM_VOTE_RESPONSE, .from = 2, .epoch = 2,
		.leader_id = 1});
	assert_int_equal(f->state.leader_id, 1);
	assert_non_null(sent(f, QUORUM_FETCH_REQUEST, 1));
}

static struct quorum_message answer(const struct fixture *f)
{
	const struct quorum_message *asked = sent(f, QUORUM_FETCH_REQUEST, 1);

	assert_non_null(asked);
	return (struct quorum_message){.type = QUORUM_FETCH_RESPONSE, .from = 1, .leader_id = 1,
		.epoch = f->state.epoch, .id = asked->id, .diverging_epoch = -1,
		.end_offset = asked->end_offset};
}

static struct quorum_message vote_request(int from, int32_t epoch, bool pre_vote)
{
	return (struct quorum_message){.type = QUORUM_VOTE_REQUEST, .from = from, .epoch = epoch,
		.leader_id = -1, .pre_vote = pre_vote, .last_epoch = 1, .end_offset = 10};
}

/* ---- R49: durable before it counts ---- */

static void r49_a_vote_is_on_disk_before_the_answer_leaves(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 3);
	receive(&f, vote_request(2, 2, false));
	assert_true(sent(&f, QUORUM_VOTE_RESPONSE, 2)->granted);
	assert_true(f.out.persist);
	assert_int_equal(f.state.epoch, 2);
	assert_int_equal(f.state.voted_id, 2);
	receive(&f, vote_request(1, 2, false));
	assert_false(sent(&f, QUORUM_VOTE_RESPONSE, 1)->granted);
	receive(&f, vote_request(2, 2, false)); /* asked again, it says the same */
	assert_true(sent(&f, QUORUM_VOTE_RESPONSE, 2)->granted);
}

static void r49_a_vote_in_a_known_epoch_is_written_too(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 3);
	receive(&f, vote_request(2, 1, false)); /* nobody had our vote of epoch 1 */
	assert_true(sent(&f, QUORUM_VOTE_RESPONSE, 2)->granted);
	assert_true(f.out.persist);
}

static void r49_the_leader_counts_itself_up_to_what_is_durable(void **state)
{
	struct fixture f;

	(void)state;
	lead(&f); /* end 11, durable 10 */
	f.log.end = 20;
	receive(&f, fetch(&f, 1, 20, 15)); /* answered: it had not been told the high watermark */
	receive(&f, fetch(&f, 1, 20, 15));
	assert_int_equal(f.state.high_watermark, 0);
	f.log.durable = 20;
	step(&f, (struct quorum_in){.type = QUORUM_IN_DURABLE});
	assert_int_equal(f.state.high_watermark, 15);
	assert_true(quorum_step_leads(&f.state));
	assert_int_equal(sent(&f, QUORUM_FETCH_RESPONSE, 1)->high_watermark, 15); /* told at once */
}

static void r49_a_follower_reports_what_is_durable_whenever_that_changes(void **state)
{
	struct fixture f;
	struct quorum_message m;

	(void)state;
	follow(&f);
	m = answer(&f);
	m.records = (const uint8_t *)"records";
	m.records_size = 7;
	receive(&f, m);
	assert_true(f.out.append);
	assert_int_equal(f.out.send_count, 0); /* nothing is said of it before it is written */
	f.log.end = 12;
	f.log.last_epoch = 2;
	step(&f, (struct quorum_in){.type = QUORUM_IN_WRITTEN});
	assert_int_equal(sent(&f, QUORUM_FETCH_REQUEST, 1)->end_offset, 12);
	assert_int_equal(sent(&f, QUORUM_FETCH_REQUEST, 1)->durable_offset, 10);
	f.log.durable = 12;
	step(&f, (struct quorum_in){.type = QUORUM_IN_DURABLE});
	assert_int_equal(sent(&f, QUORUM_FETCH_REQUEST, 1)->durable_offset, 12);
}

/* ---- R50: identities and terms ---- */

static void r50_a_restarted_leader_does_not_resume_its_term(void **state)
{
	struct fixture f;
	struct quorum_vote vote = {true, 5, 0, directory(0)}; /* it had voted for itself, and won */

	(void)state;
	begin_with(&f, options(3), vote);
	tick(&f, 0);
	assert_int_equal(f.state.role, QUORUM_FOLLOWER);
	receive(&f, fetch(&f, 1, 10, 10));
	assert_int_equal(sent(&f, QUORUM_FETCH_RESPONSE, 1)->error, QUORUM_NOT_LEADER);
	assert_int_equal(sent(&f, QUORUM_FETCH_RESPONSE, 1)->leader_id, -1);
	tick(&f, TIMEOUT);
	grant(&f, 1);
	grant(&f, 1);
	assert_int_equal(f.state.role, QUORUM_LEADER);
	assert_int_equal(f.state.epoch, 6);
}

static void r50_without_its_vote_file_a_node_neither_votes_nor_stands(void **state)
{
	struct fixture f;

	(void)state;
	begin_with(&f, options(3), (struct quorum_vote){.present = false, .voted_id = -1});
	receive(&f, vote_request(2, 2, false));
	assert_int_equal(sent(&f, QUORUM_VOTE_RESPONSE, 2)->error, QUORUM_WRONG_VOTER);
	assert_false(sent(&f, QUORUM_VOTE_RESPONSE, 2)->granted);
	tick(&f, 10 * TIMEOUT);
	assert_null(sent(&f, QUORUM_VOTE_REQUEST, 1));
	receive(&f, (struct quorum_message){.type = QUORUM_FETCH_REQUEST, .from = 1, .epoch = 7,
		.leader_id = -1});
	assert_int_equal(f.state.epoch, 7);
	assert_false(f.out.persist); /* a new file would look like an old one after a restart */
}

static void r50_another_directory_neither_votes_nor_stands(void **state)
{
	struct fixture f;
	struct quorum_options o = options(3);
	struct quorum_message m = vote_request(2, 2, false);

	(void)state;
	o.directory_id = m.to_directory = directory(77);
	begin_with(&f, o, (struct quorum_vote){.present = true, .epoch = 1, .voted_id = -1});
	receive(&f, m);
	assert_int_equal(sent(&f, QUORUM_VOTE_RESPONSE, 2)->error, QUORUM_WRONG_VOTER);
	tick(&f, 10 * TIMEOUT);
	assert_null(sent(&f, QUORUM_VOTE_REQUEST, 1));
}

static void r50_another_directory_is_neither_counted_nor_voted_for(void **state)
{
	struct fixture f;
	struct quorum_message m;

	(void)state;
	lead(&f);
	f.log.durable = 11;
	m = fetch(&f, 1, 11, 11);
	m.from_directory = directory(77);
	receive(&f, m);
	assert_int_equal(f.state.high_watermark, 0);
	receive(&f, fetch(&f, 1, 11, 11));
	assert_int_equal(f.state.high_watermark, 11);

	begin(&f, 3);
	m = vote_request(2, 2, false);
	m.from_directory = directory(77);
	receive(&f, m);
	assert_int_equal(sent(&f, QUORUM_VOTE_RESPONSE, 2)->error, QUORUM_WRONG_VOTER);
	assert_int_equal(f.state.epoch, 1);
}

static void an_observer_votes_when_it_is_asked_as_a_voter(void **state)
{
	struct fixture f;
	struct quorum_options o = options(3);

	(void)state;
	o.node_id = 9; /* its own configuration does not know yet */
	begin_with(&f, o, (struct quorum_vote){.present = true, .epoch = 1, .voted_id = -1});
	receive(&f, vote_request(2, 2, false));
	assert_true(sent(&f, QUORUM_VOTE_RESPONSE, 2)->granted);
}

/* ---- R51 ---- */

static void r51_a_leader_without_its_majority_steps_down(void **state)
{
	struct fixture f;
	int32_t epoch;

	(void)state;
	lead(&f);
	epoch = f.state.epoch;
	tick(&f, TIMEOUT / 2);
	receive(&f, fetch(&f, 1, 11, 11));
	tick(&f, TIMEOUT - 1);
	assert_int_equal(f.state.role, QUORUM_LEADER);
	assert_int_equal(f.out.next_tick_us, f.now_us + 1); /* it asks to be woken for it */
	tick(&f, 1);
	assert_int_not_equal(f.state.role, QUORUM_LEADER);
	assert_int_equal(f.state.epoch, epoch);
	assert_false(quorum_step_leads(&f.state));
}

static void r51_a_leader_that_slept_steps_down_before_it_listens(void **state)
{
	struct fixture f;

	(void)state;
	lead(&f);
	f.now_us += 5 * TIMEOUT;
	receive(&f, fetch(&f, 1, 11, 11)); /* had waited in its socket */
	assert_int_equal(sent(&f, QUORUM_FETCH_RESPONSE, 1)->error, QUORUM_NOT_LEADER);
}

/* ---- R29, R23-R25 ---- */

static void r29_truncation_below_the_commit_point_is_fatal(void **state)
{
	struct fixture f;
	struct quorum_message m;

	(void)state;
	follow(&f);
	m = answer(&f);
	m.high_watermark = 10;
	receive(&f, m);
	assert_int_equal(f.state.high_watermark, 10);
	m = answer(&f);
	m.diverging_epoch = 1;
	m.diverging_end_offset = 9;
	receive(&f, m);
	assert_non_null(f.out.fatal);
	assert_int_equal(f.out.truncate_to, -1);
	tick(&f, TIMEOUT);
	assert_int_equal(f.out.send_count, 0); /* and nothing ever again */
}

static void r24_a_diverging_answer_only_truncates(void **state)
{
	struct fixture f;
	struct quorum_message m;

	(void)state;
	follow(&f);
	m = answer(&f);
	m.high_watermark = 9;
	m.diverging_epoch = 1;
	m.diverging_end_offset = 8;
	m.records = (const uint8_t *)"records";
	m.records_size = 7;
	receive(&f, m);
	assert_int_equal(f.out.truncate_to, 8);
	assert_false(f.out.append);
	f.log.end = f.log.durable = f.log.first_end = 8;
	step(&f, (struct quorum_in){.type = QUORUM_IN_WRITTEN});
	assert_int_equal(f.state.high_watermark, 0);
	assert_int_equal(sent(&f, QUORUM_FETCH_REQUEST, 1)->end_offset, 8);
}

static void r25_an_answer_to_another_offset_is_not_appended(void **state)
{
	struct fixture f;
	struct quorum_message m;

	(void)state;
	follow(&f);
	m = answer(&f);
	m.records = (const uint8_t *)"records";
	m.records_size = 7;
	f.log.end = 11;
	receive(&f, m);
	assert_false(f.out.append);
}

static void r23_a_fetch_past_the_shared_prefix_is_told_where_it_ends(void **state)
{
	struct fixture f;
	struct quorum_message m;

	(void)state;
	lead(&f);
	f.log.durable = 11;
	m = fetch(&f, 1, 14, 14);
	m.last_epoch = 1; /* ends at 10 here */
	receive(&f, m);
	assert_int_equal(sent(&f, QUORUM_FETCH_RESPONSE, 1)->diverging_epoch, 1);
	assert_int_equal(sent(&f, QUORUM_FETCH_RESPONSE, 1)->diverging_end_offset, 10);
	assert_int_equal(f.state.high_watermark, 0); /* R24: and its 14 counts for nothing */
}

/* ---- R46 ---- */

static void r46_after_a_failed_write_nothing_is_said_any_more(void **state)
{
	struct fixture f;

	(void)state;
	lead(&f);
	step(&f, (struct quorum_in){.type = QUORUM_IN_FAILED});
	assert_non_null(f.out.fatal);
	f.log.durable = 11;
	receive(&f, fetch(&f, 1, 11, 11));
	assert_null(f.out.fatal);
	assert_int_equal(f.out.send_count, 0);
	assert_false(quorum_step_leads(&f.state));
}

/* ---- S11: evidence ---- */

static void s11_evidence_of_death_begins_a_pre_vote_within_20_ms(void **state)
{
	struct fixture f;

	(void)state;
	follow(&f);
	step(&f, (struct quorum_in){.type = QUORUM_IN_EVIDENCE, .node_id = 1, .dead = true});
	assert_in_range(f.out.next_tick_us, f.now_us, f.now_us + 20 * 1000);
	tick(&f, 20 * 1000);
	assert_true(sent(&f, QUORUM_VOTE_REQUEST, 2)->pre_vote);
	assert_int_equal(f.state.epoch, 2); /* KIP-996: no epoch is used up */
	assert_false(f.out.persist);
}

static void s11_a_pre_vote_against_a_leader_that_is_heard_waits_for_evidence(void **state)
{
	struct fixture f;

	(void)state;
	follow(&f);
	receive(&f, vote_request(2, 2, true));
	assert_null(sent(&f, QUORUM_VOTE_RESPONSE, 2));
	assert_int_equal(f.out.want_evidence, 1);
	step(&f, (struct quorum_in){.type = QUORUM_IN_EVIDENCE, .node_id = 1, .dead = true});
	assert_true(sent(&f, QUORUM_VOTE_RESPONSE, 2)->granted);

	follow(&f);
	receive(&f, vote_request(2, 2, true));
	step(&f, (struct quorum_in){.type = QUORUM_IN_EVIDENCE, .node_id = 1, .dead = false});
	assert_false(sent(&f, QUORUM_VOTE_RESPONSE, 2)->granted);

	follow(&f);
	receive(&f, vote_request(2, 2, true));
	tick(&f, 500 * 1000);
	assert_false(sent(&f, QUORUM_VOTE_RESPONSE, 2)->granted);
}

static void a_leader_that_was_given_up_is_believed_only_by_its_own_word(void **state)
{
	struct fixture f;

	(void)state;
	follow(&f);
	step(&f, (struct quorum_in){.type = QUORUM_IN_EVIDENCE, .node_id = 1, .dead = true});
	receive(&f, (struct quorum_message){.type = QUORUM_VOTE_RESPONSE, .from = 2, .epoch = 2,
		.leader_id = 1});
	assert_int_equal(f.state.leader_id, -1);
	for (int i = 0; i < 4 && !sent(&f, QUORUM_FETCH_REQUEST, 1); i++)
		tick(&f, 60 * 1000);
	receive(&f, answer(&f));
	assert_int_equal(f.state.leader_id, 1);
}

/* ---- pulling ---- */

static void a_fetch_without_news_waits_for_records_or_its_time(void **state)
{
	struct fixture f;

	(void)state;
	lead(&f);
	receive(&f, fetch(&f, 1, 11, 10)); /* the first tells the high watermark */
	assert_non_null(sent(&f, QUORUM_FETCH_RESPONSE, 1));
	receive(&f, fetch(&f, 1, 11, 10));
	assert_null(sent(&f, QUORUM_FETCH_RESPONSE, 1));
	assert_int_equal(f.out.next_tick_us, f.now_us + WAIT_US);
	f.log.end = 12;
	step(&f, (struct quorum_in){.type = QUORUM_IN_WRITTEN});
	assert_non_null(sent(&f, QUORUM_FETCH_RESPONSE, 1));
	assert_true(f.out.sends[0].with_records);
	receive(&f, fetch(&f, 1, 12, 10));
	tick(&f, WAIT_US);
	assert_false(f.out.sends[0].with_records);
	assert_non_null(sent(&f, QUORUM_FETCH_RESPONSE, 1));
}

static void a_newer_fetch_supersedes_the_parked_one_and_brings_nothing_twice(void **state)
{
	struct fixture f;

	(void)state;
	lead(&f);
	receive(&f, fetch(&f, 1, 11, 10));
	receive(&f, fetch(&f, 1, 11, 10));
	assert_int_equal(f.out.send_count, 0);
	receive(&f, fetch(&f, 1, 11, 10));
	assert_int_equal(f.out.send_count, 1);
	assert_false(f.out.sends[0].with_records);
	f.log.end = 12;
	step(&f, (struct quorum_in){.type = QUORUM_IN_WRITTEN});
	assert_true(f.out.sends[0].with_records);
	receive(&f, fetch(&f, 1, 11, 11)); /* crossed the records on its way */
	assert_int_equal(f.out.send_count, 0);
	tick(&f, WAIT_US); /* they must have been lost */
	assert_int_equal(f.out.send_count, 1);
	assert_true(f.out.sends[0].with_records);
}

static void after_a_broken_connection_the_next_fetch_waits_a_little(void **state)
{
	struct fixture f;

	(void)state;
	follow(&f);
	step(&f, (struct quorum_in){.type = QUORUM_IN_DISCONNECTED, .node_id = 1});
	assert_null(sent(&f, QUORUM_FETCH_REQUEST, 1));
	assert_in_range(f.out.next_tick_us, f.now_us + 1, f.now_us + 20 * 1000);
	tick(&f, f.out.next_tick_us - f.now_us);
	assert_non_null(sent(&f, QUORUM_FETCH_REQUEST, 1));
}

static void a_fetch_at_a_candidate_is_answered_with_its_first_record(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 3);
	tick(&f, TIMEOUT);
	grant(&f, 1);
	assert_int_equal(f.state.role, QUORUM_CANDIDATE);
	receive(&f, fetch(&f, 2, 10, 10));
	assert_null(sent(&f, QUORUM_FETCH_RESPONSE, 2));
	receive(&f, (struct quorum_message){.type = QUORUM_VOTE_RESPONSE, .from = 1,
		.leader_id = -1, .epoch = f.state.epoch, .granted = true,
		.id = f.state.ballots[1].id});
	assert_int_equal(f.state.role, QUORUM_LEADER);
	f.log.end = 11;
	f.log.last_epoch = f.state.epoch;
	step(&f, (struct quorum_in){.type = QUORUM_IN_WRITTEN});
	assert_true(f.out.sends[0].with_records);
	assert_int_equal(f.out.sends[0].message.to, 2);
}

static void a_resigning_leader_names_the_most_caught_up_voter(void **state)
{
	struct fixture f;
	int32_t epoch;

	(void)state;
	lead(&f);
	f.log.end = f.log.durable = 15;
	receive(&f, fetch(&f, 1, 12, 12));
	receive(&f, fetch(&f, 2, 15, 14));
	step(&f, (struct quorum_in){.type = QUORUM_IN_RESIGN});
	assert_int_equal(sent(&f, QUORUM_END_EPOCH_REQUEST, 1)->successor_id, 2);
	assert_int_equal(f.state.role, QUORUM_FOLLOWER);

	follow(&f);
	epoch = f.state.epoch;
	receive(&f, (struct quorum_message){.type = QUORUM_END_EPOCH_REQUEST, .from = 1,
		.leader_id = 1, .epoch = epoch, .successor_id = 0});
	assert_int_equal(f.state.role, QUORUM_CANDIDATE);
	assert_false(sent(&f, QUORUM_VOTE_REQUEST, 2)->pre_vote);
	assert_int_equal(f.state.epoch, epoch + 1);
}

static void a_single_voter_elects_itself_at_once(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 1);
	tick(&f, 0);
	assert_int_equal(f.state.role, QUORUM_LEADER);
	assert_true(f.out.persist);
	assert_true(f.out.begin_epoch);
	assert_int_equal(f.state.epoch, 2);
	f.log.end = f.log.durable = 11;
	step(&f, (struct quorum_in){.type = QUORUM_IN_DURABLE});
	assert_true(quorum_step_leads(&f.state));
	assert_int_equal(f.out.next_tick_us, QUORUM_NEVER_US);
}

static void more_nodes_than_places_are_all_answered(void **state)
{
	struct fixture f;

	(void)state;
	lead(&f);
	for (int round = 0; round < 2; round++)
		for (int node = 100; node < 100 + QUORUM_MOST_FETCHERS + 20; node++) {
			f.now_us++;
			receive(&f, fetch(&f, node, 11, 11));
		}
	assert_int_equal(f.state.fetcher_count, QUORUM_MOST_FETCHERS);
	step(&f, (struct quorum_in){.type = QUORUM_IN_RESIGN});
	assert_int_equal(f.state.fetcher_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r49_a_vote_is_on_disk_before_the_answer_leaves),
		cmocka_unit_test(r49_a_vote_in_a_known_epoch_is_written_too),
		cmocka_unit_test(r49_the_leader_counts_itself_up_to_what_is_durable),
		cmocka_unit_test(r49_a_follower_reports_what_is_durable_whenever_that_changes),
		cmocka_unit_test(r50_a_restarted_leader_does_not_resume_its_term),
		cmocka_unit_test(r50_without_its_vote_file_a_node_neither_votes_nor_stands),
		cmocka_unit_test(r50_another_directory_neither_votes_nor_stands),
		cmocka_unit_test(r50_another_directory_is_neither_counted_nor_voted_for),
		cmocka_unit_test(an_observer_votes_when_it_is_asked_as_a_voter),
		cmocka_unit_test(r51_a_leader_without_its_majority_steps_down),
		cmocka_unit_test(r51_a_leader_that_slept_steps_down_before_it_listens),
		cmocka_unit_test(r29_truncation_below_the_commit_point_is_fatal),
		cmocka_unit_test(r24_a_diverging_answer_only_truncates),
		cmocka_unit_test(r25_an_answer_to_another_offset_is_not_appended),
		cmocka_unit_test(r23_a_fetch_past_the_shared_prefix_is_told_where_it_ends),
		cmocka_unit_test(r46_after_a_failed_write_nothing_is_said_any_more),
		cmocka_unit_test(s11_evidence_of_death_begins_a_pre_vote_within_20_ms),
		cmocka_unit_test(s11_a_pre_vote_against_a_leader_that_is_heard_waits_for_evidence),
		cmocka_unit_test(a_leader_that_was_given_up_is_believed_only_by_its_own_word),
		cmocka_unit_test(a_fetch_without_news_waits_for_records_or_its_time),
		cmocka_unit_test(a_newer_fetch_supersedes_the_parked_one_and_brings_nothing_twice),
		cmocka_unit_test(after_a_broken_connection_the_next_fetch_waits_a_little),
		cmocka_unit_test(a_fetch_at_a_candidate_is_answered_with_its_first_record),
		cmocka_unit_test(a_resigning_leader_names_the_most_caught_up_voter),
		cmocka_unit_test(a_single_voter_elects_itself_at_once),
		cmocka_unit_test(more_nodes_than_places_are_all_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
