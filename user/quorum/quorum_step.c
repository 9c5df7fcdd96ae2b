/* The pure core of the metadata quorum: epochs, votes, and which role follows which. How records
 * travel is in quorum_lead.c and quorum_pull.c.
 *
 * Invariants:
 * 1. epoch never falls; within one epoch voted_id is set at most once (R49: and is on disk before
 *    the vote leaves, see quorum_step.h).
 * 2. leader_id is set at most once within an epoch, but for being forgotten and found again.
 * 3. high_watermark never falls, and nothing below it is truncated (R29).
 * 4. After failed is set, no output ever asks for anything.
 * 5. A leader leads the epoch in which it was elected and no other, and never again after a
 *    restart: role is not on disk (R50). */
#include "quorum/quorum_step_int.h"

#include <assert.h>
#include <string.h>

/* ---- who ---- */

int quorum_place_of(const struct quorum_state *s, int32_t node_id)
{
	for (int i = 0; i < s->voter_count; i++)
		if (s->voters[i].id == node_id)
			return i;
	return -1;
}

int quorum_majority(const struct quorum_state *s)
{
	return s->voter_count / 2 + 1;
}

bool quorum_from_voter(const struct quorum_state *s, const struct quorum_message *m)
{
	int place = quorum_place_of(s, m->from);

	return place >= 0 && uuid_equal(s->voters[place].directory_id, m->from_directory);
}

static bool may_stand(const struct quorum_state *s)
{
	return s->may_vote && s->place >= 0;
}

/* SplitMix64: the state carries its own randomness, so that a step is a function. */
static uint64_t random_next(struct quorum_state *s)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t quorum_random_below(struct quorum_state *s, uint64_t bound)
{
	return bound ? random_next(s) % bound : 0;
}

static uint64_t retry_delay(struct quorum_state *s)
{
	/* A candidacy costs fsyncs; where those are slow, the next attempt gives them longer. */
	unsigned factor = s->candidacies < 2 ? 1 : s->candidacies < 4 ? 2 : 4;

	return factor * (QUORUM_RETRY_LEAST_US + quorum_random_below(s, QUORUM_RETRY_SPREAD_US));
}

static uint64_t leader_delay(struct quorum_state *s)
{
	return s->election_timeout_us + quorum_random_below(s, s->election_timeout_us / 2);
}

/* ---- messages ---- */

static struct quorum_message *send_message(const struct quorum_state *s, struct quorum_out *out,
					   enum quorum_message_type type, int32_t to)
{
	struct quorum_send *send;

	assert(out->send_count < QUORUM_MOST_SENDS);
	send = &out->sends[out->send_count++];
	*send = (struct quorum_send){
		.message = {
			.type = type,
			.from = s->node_id,
			.to = to,
			.epoch = s->epoch,
			.leader_id = s->leader_id,
			.from_directory = s->directory_id,
			.diverging_epoch = -1,
			.successor_id = -1,
		},
	};
	return &send->message;
}

struct quorum_message *quorum_send_request(struct quorum_state *s, struct quorum_out *out,
					   enum quorum_message_type type, int32_t to)
{
	struct quorum_message *m = send_message(s, out, type, to);

	m->id = s->next_id++;
	return m;
}

struct quorum_message *quorum_send_response(const struct quorum_state *s, struct quorum_out *out,
					    const struct quorum_message *request,
					    enum quorum_error error)
{
	/* Each request type is followed by its response's. */
	struct quorum_message *m = send_message(s, out, request->type + 1, request->from);

	m->id = request->id;
	m->tag = request->tag;
	m->error = error;
	m->pre_vote = request->pre_vote;
	m->end_offset = request->end_offset;
	return m;
}

/* ---- epochs and leaders ---- */

static void enter_epoch(struct quorum_state *s, struct quorum_out *out, int32_t epoch)
{
	assert(epoch > s->epoch);
	s->epoch = epoch;
	s->voted_id = -1;
	s->voted_directory = (struct uuid){0};
	s->leader_id = -1;
	s->abandoned_id = -1;
	/* R50: without a vote file there is nothing to keep, and making one now would forge it. */
	out->persist = s->may_vote;
	quorum_pull_forget(s);
}

static void follow(struct quorum_state *s, const struct quorum_in *in, int32_t leader_id)
{
	s->leader_id = leader_id;
	s->abandoned_id = -1;
	s->leader_heard_us = in->now_us;
	s->candidacies = 0;
	s->election_due_us = in->now_us + leader_delay(s);
}

void quorum_become_follower(struct quorum_state *s, const struct quorum_in *in,
			    struct quorum_out *out, int32_t epoch, int32_t leader_id)
{
	if (epoch > s->epoch)
		enter_epoch(s, out, epoch);
	s->role = QUORUM_FOLLOWER;
	s->leader_id = leader_id;
	quorum_lead_release(s, out);
	s->discover_due_us = in->now_us;
	if (leader_id >= 0)
		follow(s, in, leader_id);
	else
		s->election_due_us = in->now_us + retry_delay(s);
}

void quorum_abandon_leader(struct quorum_state *s, const struct quorum_in *in,
			   struct quorum_out *out, uint64_t delay_us)
{
	int32_t leader_id = s->leader_id;

	quorum_pull_forget(s);
	quorum_become_follower(s, in, out, s->epoch, -1);
	s->abandoned_id = leader_id;
	s->election_due_us = in->now_us + delay_us;
}

void quorum_learn_leader(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out,
			 const struct quorum_message *m)
{
	int32_t leader_id = m->leader_id;

	if (quorum_place_of(s, leader_id) < 0 || leader_id == s->node_id)
		leader_id = -1;

	if (m->epoch > s->epoch)
		quorum_become_follower(s, in, out, m->epoch, leader_id);
	else if (m->epoch == s->epoch && s->leader_id < 0 && leader_id >= 0 &&
		 leader_id != s->abandoned_id)
		quorum_become_follower(s, in, out, m->epoch, leader_id);
}

/* ---- standing ---- */

static void begin_election(struct quorum_state *s, const struct quorum_in *in,
			   struct quorum_out *out);

static void begin_leading(struct quorum_state *s, const struct quorum_in *in,
			  struct quorum_out *out)
{
	s->role = QUORUM_LEADER;
	s->leader_id = s->node_id;
	s->candidacies = 0;
	quorum_pull_forget(s);
	quorum_lead_begin(s, in);
	/* Older records are committed by one of this epoch above them, so there is one. */
	out->begin_epoch = true;
}

static void count_ballots(struct quorum_state *s, const struct quorum_in *in,
			  struct quorum_out *out)
{
	int granted = 0;

	for (int i = 0; i < s->voter_count; i++)
		granted += s->ballots[i].granted;
	if (granted < quorum_majority(s))
		return;
	if (s->role == QUORUM_PROSPECTIVE)
		begin_election(s, in, out);
	else
		begin_leading(s, in, out);
}

static void ask_for_votes(struct quorum_state *s, const struct quorum_in *in,
			  struct quorum_out *out)
{
	s->election_due_us = in->now_us + retry_delay(s);
	memset(s->ballots, 0, sizeof(s->ballots));
	for (int i = 0; i < s->voter_count; i++) {
		struct quorum_message *m;

		if (i == s->place) {
			s->ballots[i].granted = true;
			continue;
		}
		m = quorum_send_request(s, out, QUORUM_VOTE_REQUEST, s->voters[i].id);
		m->pre_vote = s->role == QUORUM_PROSPECTIVE;
		m->to_directory = s->voters[i].directory_id;
		m->last_epoch = in->log.last_epoch;
		m->end_offset = in->log.end_offset;
		s->ballots[i].id = m->id;
	}
	count_ballots(s, in, out);
}

/* KIP-996: asks whether a real election could be won; nobody's epoch or vote changes. */
static void begin_pre_vote(struct quorum_state *s, const struct quorum_in *in,
			   struct quorum_out *out)
{
	if (s->leader_id >= 0)
		quorum_abandon_leader(s, in, out, 0);
	s->role = QUORUM_PROSPECTIVE;
	ask_for_votes(s, in, out);
}

static void begin_election(struct quorum_state *s, const struct quorum_in *in,
			   struct quorum_out *out)
{
	enter_epoch(s, out, s->epoch + 1);
	quorum_lead_release(s, out);
	s->voted_id = s->node_id;
	s->voted_directory = s->directory_id;
	s->role = QUORUM_CANDIDATE;
	s->candidacies++;
	ask_for_votes(s, in, out);
}

/* ---- voting ---- */

/* At least as far as ours, by epoch first (Raft 5.4.1): else it may lack committed records. */
static bool is_up_to_date(const struct quorum_in *in, const struct quorum_message *m)
{
	if (m->last_epoch != in->log.last_epoch)
		return m->last_epoch > in->log.last_epoch;
	return m->end_offset >= in->log.end_offset;
}

enum verdict { REFUSE, GRANT, WAIT };

static enum verdict judge_pre_vote(const struct quorum_state *s, const struct quorum_in *in,
				   const struct quorum_message *m)
{
	if (m->epoch < s->epoch || s->role == QUORUM_LEADER || !is_up_to_date(in, m))
		return REFUSE;
	if (s->leader_id < 0 || s->leader_id == m->from)
		return GRANT;
	return in->now_us - s->leader_heard_us >= s->election_timeout_us ? GRANT : WAIT;
}

static bool judge_vote(const struct quorum_state *s, const struct quorum_in *in,
		       const struct quorum_message *m)
{
	if (m->epoch < s->epoch || s->leader_id >= 0 || !is_up_to_date(in, m))
		return false;
	return s->voted_id < 0 ||
	       (s->voted_id == m->from && uuid_equal(s->voted_directory, m->from_directory));
}

static void answer_vote(struct quorum_state *s, struct quorum_out *out,
			const struct quorum_message *m, bool granted)
{
	enum quorum_error error = m->epoch < s->epoch ? QUORUM_FENCED_EPOCH : QUORUM_OK;

	quorum_send_response(s, out, m, error)->granted = granted;
}

/* Our own attempt gives way to the one that we said yes to. */
static void postpone(struct quorum_state *s, const struct quorum_in *in)
{
	uint64_t due_us = in->now_us + retry_delay(s);

	if (s->role == QUORUM_FOLLOWER && s->election_due_us < due_us)
		s->election_due_us = due_us;
}

static void answer_pre_vote(struct quorum_state *s, const struct quorum_in *in,
			    struct quorum_out *out, const struct quorum_message *m, bool granted)
{
	answer_vote(s, out, m, granted);
	if (granted && s->leader_id < 0)
		postpone(s, in);
}

/* S11: we hear the leader and somebody else does not. Whoever dials decides. */
static void wait_for_evidence(struct quorum_state *s, const struct quorum_in *in,
			      struct quorum_out *out, const struct quorum_message *m)
{
	struct quorum_waiting *w = &s->waiting[quorum_place_of(s, m->from)];

	if (w->used) /* its older question needs no answer any more, but a response each has */
		answer_vote(s, out, &w->request, false);
	*w = (struct quorum_waiting){true, *m, in->now_us + QUORUM_EVIDENCE_WAIT_US};
	out->want_evidence = s->leader_id;
}

static void receive_pre_vote(struct quorum_state *s, const struct quorum_in *in,
			     struct quorum_out *out)
{
	enum verdict verdict = judge_pre_vote(s, in, in->message);

	if (verdict == WAIT)
		wait_for_evidence(s, in, out, in->message);
	else
		answer_pre_vote(s, in, out, in->message, verdict == GRANT);
}

static void receive_vote(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	const struct quorum_message *m = in->message;
	bool granted = judge_vote(s, in, m);

	if (granted && s->voted_id < 0) {
		s->voted_id = m->from;
		s->voted_directory = m->from_directory;
		out->persist = true; /* R49: before the answer leaves */
	}
	answer_vote(s, out, m, granted);
	if (!granted)
		return;
	if (s->role == QUORUM_PROSPECTIVE)
		quorum_become_follower(s, in, out, s->epoch, -1);
	postpone(s, in);
	/* Ask it for records at once: a candidate parks that until it leads. */
	s->discover_next = quorum_place_of(s, m->from);
	s->discover_due_us = in->now_us;
}

static void receive_vote_request(struct quorum_state *s, const struct quorum_in *in,
				 struct quorum_out *out)
{
	const struct quorum_message *m = in->message;

	/* Asked as a voter we vote, whatever our own configuration says of us, except that it must
	 * not name another directory under our id, and the vote file must not be lost (R50). */
	if (!s->may_vote || !uuid_equal(m->to_directory, s->directory_id) ||
	    !quorum_from_voter(s, m)) {
		quorum_send_response(s, out, m, QUORUM_WRONG_VOTER);
		return;
	}
	if (m->epoch > s->epoch)
		quorum_become_follower(s, in, out, m->epoch, -1);
	if (m->pre_vote)
		receive_pre_vote(s, in, out);
	else
		receive_vote(s, in, out);
}

static void receive_vote_response(struct quorum_state *s, const struct quorum_in *in,
				  struct quorum_out *out)
{
	const struct quorum_message *m = in->message;
	int place = quorum_place_of(s, m->from);

	if (place < 0 || m->error == QUORUM_WRONG_VOTER)
		return;
	quorum_learn_leader(s, in, out, m);
	if ((s->role != QUORUM_PROSPECTIVE && s->role != QUORUM_CANDIDATE) ||
	    m->epoch != s->epoch || !m->granted || m->id != s->ballots[place].id)
		return;
	s->ballots[place].granted = true;
	s->progress[place].heard_us = in->now_us; /* a leader begins with those who voted for it */
	count_ballots(s, in, out);
}

/* ---- leaving ---- */

static void resign(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	int best = -1;

	if (s->role != QUORUM_LEADER)
		return;
	for (int i = 0; i < s->voter_count; i++)
		if (i != s->place && (best < 0 || s->progress[i].durable_offset >
						  s->progress[best].durable_offset))
			best = i;
	for (int i = 0; i < s->voter_count; i++)
		if (i != s->place)
			quorum_send_request(s, out, QUORUM_END_EPOCH_REQUEST, s->voters[i].id)
				->successor_id = s->voters[best].id;
	quorum_abandon_leader(s, in, out, s->election_timeout_us);
}

static void receive_end_epoch(struct quorum_state *s, const struct quorum_in *in,
			      struct quorum_out *out)
{
	const struct quorum_message *m = in->message;

	quorum_send_response(s, out, m, QUORUM_OK);
	if (quorum_place_of(s, m->from) < 0 || m->epoch < s->epoch || m->leader_id != m->from)
		return;
	quorum_learn_leader(s, in, out, m);
	if (s->leader_id != m->from)
		return;
	quorum_abandon_leader(s, in, out, retry_delay(s));
	/* The one that the old leader chose needs no pre-vote: there is no leader to protect. */
	if (may_stand(s) && m->successor_id == s->node_id)
		begin_election(s, in, out);
}

/* ---- the step ---- */

static void receive(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	if (in->message->from == s->node_id)
		return;
	switch (in->message->type) {
	case QUORUM_VOTE_REQUEST:
		receive_vote_request(s, in, out);
		break;
	case QUORUM_VOTE_RESPONSE:
		receive_vote_response(s, in, out);
		break;
	case QUORUM_FETCH_REQUEST:
		quorum_lead_receive_fetch(s, in, out);
		break;
	case QUORUM_FETCH_RESPONSE:
		quorum_pull_receive(s, in, out);
		break;
	case QUORUM_END_EPOCH_REQUEST:
		receive_end_epoch(s, in, out);
		break;
	case QUORUM_END_EPOCH_RESPONSE:
		break;
	}
}

static void hear_evidence(struct quorum_state *s, const struct quorum_in *in,
			  struct quorum_out *out)
{
	if (s->role == QUORUM_LEADER || in->node_id != s->leader_id)
		return;
	if (in->dead) {
		quorum_abandon_leader(s, in, out,
				      quorum_random_below(s, QUORUM_EVIDENCE_SPREAD_US));
		return;
	}
	for (int i = 0; i < s->voter_count; i++)
		if (s->waiting[i].used)
			s->waiting[i].until_us = in->now_us; /* refused, unless something changed */
}

static void answer_waiting(struct quorum_state *s, const struct quorum_in *in,
			   struct quorum_out *out)
{
	for (int i = 0; i < s->voter_count; i++) {
		struct quorum_waiting *w = &s->waiting[i];
		enum verdict verdict;

		if (!w->used)
			continue;
		verdict = judge_pre_vote(s, in, &w->request);
		if (verdict == WAIT && in->now_us < w->until_us)
			continue;
		w->used = false;
		answer_pre_vote(s, in, out, &w->request, verdict == GRANT);
	}
}

/* R51: a leader that has lost its majority must not go on telling people that it leads. */
static void check_majority(struct quorum_state *s, const struct quorum_in *in,
			   struct quorum_out *out)
{
	if (s->role != QUORUM_LEADER)
		return;
	quorum_lead_count_heard(s, in->now_us);
	if (in->now_us - s->majority_heard_us >= s->election_timeout_us)
		quorum_abandon_leader(s, in, out, retry_delay(s));
}

static void take_in(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	switch (in->type) {
	case QUORUM_IN_MESSAGE:
		receive(s, in, out);
		break;
	case QUORUM_IN_EVIDENCE:
		hear_evidence(s, in, out);
		break;
	case QUORUM_IN_DISCONNECTED:
		quorum_lead_disconnected(s, in->node_id);
		quorum_pull_disconnected(s, in);
		break;
	case QUORUM_IN_RESIGN:
		resign(s, in, out);
		break;
	case QUORUM_IN_FAILED:
		out->fatal = "the metadata log or its vote file cannot be written";
		break;
	case QUORUM_IN_TICK:
	case QUORUM_IN_WRITTEN:
	case QUORUM_IN_DURABLE:
		break;
	}
}

static bool log_will_change(const struct quorum_out *out)
{
	return out->truncate_to >= 0 || out->append || out->begin_epoch;
}

/* What follows from the state as it is now, whatever came in. */
static void settle(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	answer_waiting(s, in, out);
	if (s->role != QUORUM_LEADER && may_stand(s) && in->now_us >= s->election_due_us)
		begin_pre_vote(s, in, out);
	if (log_will_change(out))
		return;
	quorum_lead_settle(s, in, out);
	quorum_pull_settle(s, in, out);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_tick(const struct quorum_state *s, const struct quorum_in *in)
{
	uint64_t next = sooner(quorum_lead_next_tick(s), quorum_pull_next_tick(s, in->now_us));

	if (s->role != QUORUM_LEADER && may_stand(s))
		next = sooner(next, s->election_due_us);
	for (int i = 0; i < s->voter_count; i++)
		if (s->waiting[i].used)
			next = sooner(next, s->waiting[i].until_us);
	return next;
}

void quorum_step(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	out->fatal = NULL;
	out->persist = out->append = out->begin_epoch = false;
	out->truncate_to = -1;
	out->want_evidence = -1;
	out->send_count = 0;
	out->next_tick_us = QUORUM_NEVER_US;
	if (s->failed)
		return;
	check_majority(s, in, out);
	take_in(s, in, out);
	if (!out->fatal && !log_will_change(out))
		settle(s, in, out);
	if (out->fatal) { /* R46: nothing that this process says from here on can be relied on */
		s->failed = true;
		out->send_count = 0;
		return;
	}
	out->next_tick_us = next_tick(s, in);
}

void quorum_step_init(struct quorum_state *s, const struct quorum_options *options,
		      const struct quorum_vote *vote, int32_t log_last_epoch, uint64_t now_us,
		      uint64_t random)
{
	assert(options->voter_count >= 1 && options->voter_count <= QUORUM_MOST_VOTERS);
	*s = (struct quorum_state){
		.node_id = options->node_id,
		.directory_id = options->directory_id,
		.voter_count = options->voter_count,
		.election_timeout_us = options->election_timeout_us,
		.fetch_wait_us = options->fetch_wait_us,
		.random = random,
		.may_vote = vote->present,
		.epoch = vote->present ? vote->epoch : 0,
		.voted_id = vote->present ? vote->voted_id : -1,
		.voted_directory = vote->voted_directory,
		.role = QUORUM_FOLLOWER, /* R50: even if we had won this epoch */
		.leader_id = -1,
		.abandoned_id = -1,
		.discover_due_us = now_us,
	};
	/* Answers to an earlier life of this node must not match questions of this one. */
	s->next_id = 1 + random_next(s) / 2;
	memcpy(s->voters, options->voters, sizeof(s->voters));
	s->place = quorum_place_of(s, s->node_id);
	if (s->place >= 0 && !uuid_equal(s->voters[s->place].directory_id, s->directory_id)) {
		s->place = -1; /* R50: our id, but another directory's vote */
		s->may_vote = false;
	}
	if (log_last_epoch > s->epoch) { /* a vote in it would be in the file */
		s->epoch = log_last_epoch;
		s->voted_id = -1;
		s->voted_directory = (struct uuid){0};
	}
	quorum_pull_forget(s);
	s->election_due_us = now_us + (s->voter_count == 1 ? 0 : retry_delay(s));
}
