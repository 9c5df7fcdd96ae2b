/* The follower's and the observer's side of the quorum: fetch in a loop, for ever.
 *
 * One fetch is always on its way to the leader; when the end of the log or its durable part has
 * changed since, a second one supersedes it. Without a leader, voters are asked in turn who it is.
 *
 * Invariants:
 * 1. A fetch offset is the end of the log at that moment; an answer is used for records or for
 *    truncation only while it still is (R25).
 * 2. leader_high_watermark comes from an answer of this epoch's leader that found our log to be a
 *    prefix of its own; so min(it, LEO) is committed here (R16).
 * 3. Answers to fetches older than first_valid_id change nothing but the known epoch. */
#include "quorum/quorum_step_int.h"

void quorum_pull_forget(struct quorum_state *s)
{
	for (int i = 0; i < QUORUM_MOST_PULLS; i++)
		s->pulls[i].used = false;
	s->first_valid_id = s->next_id;
	s->pull_due_us = 0;
	s->leader_high_watermark = -1;
	s->told_offset = s->told_durable_offset = -1;
}

void quorum_pull_disconnected(struct quorum_state *s, const struct quorum_in *in)
{
	for (int i = 0; i < QUORUM_MOST_PULLS; i++)
		if (s->pulls[i].to == in->node_id)
			s->pulls[i].used = false;
	if (in->node_id == s->leader_id)
		s->pull_due_us = in->now_us + QUORUM_RECONNECT_US;
}

/* ---- asking ---- */

static struct quorum_pull *free_pull(struct quorum_state *s)
{
	struct quorum_pull *oldest = &s->pulls[0];

	for (int i = 0; i < QUORUM_MOST_PULLS; i++) {
		if (!s->pulls[i].used)
			return &s->pulls[i];
		if (s->pulls[i].id < oldest->id)
			oldest = &s->pulls[i];
	}
	return oldest;
}

static void send_fetch(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out,
		       int32_t to)
{
	struct quorum_message *m = quorum_send_request(s, out, QUORUM_FETCH_REQUEST, to);

	m->last_epoch = in->log.last_epoch;
	m->end_offset = in->log.end_offset;
	m->durable_offset = in->log.durable_offset;
	*free_pull(s) = (struct quorum_pull){true, m->id, to, m->end_offset, in->now_us};
}

/* A broken connection says so; this is for a network that swallows. */
static uint64_t pull_timeout_us(const struct quorum_state *s)
{
	return s->election_timeout_us / 2;
}

static bool is_outstanding(const struct quorum_state *s, const struct quorum_pull *p,
			   uint64_t now_us)
{
	return p->used && p->to == s->leader_id && now_us - p->sent_us < pull_timeout_us(s);
}

static void pull_from_leader(struct quorum_state *s, const struct quorum_in *in,
			     struct quorum_out *out)
{
	bool changed = in->log.end_offset != s->told_offset ||
		       in->log.durable_offset != s->told_durable_offset;
	int outstanding = 0;

	for (int i = 0; i < QUORUM_MOST_PULLS; i++)
		outstanding += is_outstanding(s, &s->pulls[i], in->now_us);
	if (outstanding >= 2 || (outstanding == 1 && !changed) || in->now_us < s->pull_due_us)
		return;
	send_fetch(s, in, out, s->leader_id);
	s->told_offset = in->log.end_offset;
	s->told_durable_offset = in->log.durable_offset;
}

static void discover_leader(struct quorum_state *s, const struct quorum_in *in,
			    struct quorum_out *out)
{
	if (in->now_us < s->discover_due_us)
		return;
	s->discover_next %= s->voter_count;
	if (s->voters[s->discover_next].id == s->node_id)
		s->discover_next = (s->discover_next + 1) % s->voter_count;
	if (s->voters[s->discover_next].id != s->node_id)
		send_fetch(s, in, out, s->voters[s->discover_next].id);
	s->discover_next++;
	s->discover_due_us = in->now_us + QUORUM_DISCOVER_LEAST_US +
			     quorum_random_below(s, QUORUM_DISCOVER_SPREAD_US);
}

void quorum_pull_settle(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	int64_t point = s->leader_high_watermark;

	if (s->role == QUORUM_LEADER)
		return;
	if (point > in->log.end_offset)
		point = in->log.end_offset;
	if (point > s->high_watermark)
		s->high_watermark = point;
	if (s->leader_id >= 0)
		pull_from_leader(s, in, out);
	else
		discover_leader(s, in, out);
}

/* ---- hearing ---- */

/* Takes the fetch that m answers out of those on their way. */
static bool take_pull(struct quorum_state *s, const struct quorum_message *m,
		      struct quorum_pull *ret_pull)
{
	for (int i = 0; i < QUORUM_MOST_PULLS; i++) {
		struct quorum_pull *p = &s->pulls[i];

		if (!p->used || p->id != m->id || p->to != m->from)
			continue;
		*ret_pull = *p;
		p->used = false;
		return true;
	}
	return false;
}

static void hear_leader(struct quorum_state *s, const struct quorum_in *in)
{
	s->leader_heard_us = in->now_us;
	s->election_due_us = in->now_us + s->election_timeout_us +
			     quorum_random_below(s, s->election_timeout_us / 2);
}

/* R23, R24: nothing but the truncation. */
static void truncate_log(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	const struct quorum_message *m = in->message;
	int64_t to = m->diverging_end_offset, own_end;
	int32_t own_epoch;

	/* R18: the last point that both logs share by epoch, never the high watermark. */
	in->log.epoch_end(in->log.context, m->diverging_epoch, &own_epoch, &own_end);
	if (to > own_end)
		to = own_end;
	if (to < s->high_watermark) {
		out->fatal = "R29: the leader's log diverges below what is committed here";
		return;
	}
	quorum_pull_forget(s);
	out->truncate_to = to;
}

static void use_answer(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out,
		       const struct quorum_pull *pull)
{
	const struct quorum_message *m = in->message;
	bool at_end = pull->offset == in->log.end_offset; /* R25 */

	hear_leader(s, in);
	if (m->diverging_epoch >= 0) {
		if (at_end)
			truncate_log(s, in, out);
		return;
	}
	if (m->high_watermark > s->leader_high_watermark)
		s->leader_high_watermark = m->high_watermark;
	out->append = at_end && m->records_size > 0;
}

void quorum_pull_receive(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	const struct quorum_message *m = in->message;
	struct quorum_pull pull = {0};
	bool expected = take_pull(s, m, &pull) && pull.id >= s->first_valid_id;

	if (quorum_place_of(s, m->from) < 0)
		return;
	/* The leader's own word counts even when we had given it up. */
	if (expected && m->error == QUORUM_OK && m->epoch == s->epoch && s->leader_id < 0)
		quorum_become_follower(s, in, out, m->epoch, m->from);
	quorum_learn_leader(s, in, out, m);
	if (!expected || m->epoch != s->epoch || m->from != s->leader_id)
		return;
	if (m->error == QUORUM_OK)
		use_answer(s, in, out, &pull);
	else if (m->error == QUORUM_NOT_LEADER)
		/* It resigned or restarted, and will not lead this epoch again (R50). */
		quorum_abandon_leader(s, in, out,
				      quorum_random_below(s, QUORUM_EVIDENCE_SPREAD_US));
}

uint64_t quorum_pull_next_tick(const struct quorum_state *s, uint64_t now_us)
{
	uint64_t next = QUORUM_NEVER_US;

	if (s->role == QUORUM_LEADER)
		return next;
	if (s->leader_id < 0)
		return s->discover_due_us;
	if (now_us < s->pull_due_us)
		return s->pull_due_us;
	for (int i = 0; i < QUORUM_MOST_PULLS; i++)
		if (is_outstanding(s, &s->pulls[i], now_us) &&
		    s->pulls[i].sent_us + pull_timeout_us(s) < next)
			next = s->pulls[i].sent_us + pull_timeout_us(s);
	return next;
}
