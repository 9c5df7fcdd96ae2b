/* The leader's side of the quorum: who has fetched how far, what is committed, which fetches wait.
 *
 * Invariants:
 * 1. progress[i].durable_offset counts a prefix of this log: set only from a request whose (epoch,
 *    offset) was verified by R23 in this leader's term. It is -1 until then.
 * 2. Each request is answered exactly once: at once, or from its fetcher's parked place.
 * 3. Only fetches from a voter's own directory count (R50).
 * A candidate parks fetches of its own epoch too: if it wins, their answer is its first record. */
#include "quorum/quorum_step_int.h"

#include <string.h>

/* ---- fetchers ---- */

static struct quorum_fetcher *fetcher_find(struct quorum_state *s, int32_t node_id)
{
	for (int i = 0; i < s->fetcher_count; i++)
		if (s->fetchers[i].node_id == node_id)
			return &s->fetchers[i];
	return NULL;
}

static void refuse(const struct quorum_state *s, struct quorum_out *out,
		   const struct quorum_message *request)
{
	enum quorum_error error = request->epoch < s->epoch ? QUORUM_FENCED_EPOCH :
				  request->epoch > s->epoch ? QUORUM_UNKNOWN_EPOCH :
							      QUORUM_NOT_LEADER;

	quorum_send_response(s, out, request, error);
}

/* Answers a parked fetch with what there is, or without records. */
static void answer(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out,
		   struct quorum_fetcher *f, bool with_records)
{
	struct quorum_message *m;

	f->parked = false;
	if (s->role != QUORUM_LEADER) {
		refuse(s, out, &f->request);
		return;
	}
	m = quorum_send_response(s, out, &f->request, QUORUM_OK);
	m->high_watermark = f->told_high_watermark = s->high_watermark;
	if (with_records && f->verified && in->log.end_offset > f->request.end_offset) {
		out->sends[out->send_count - 1].with_records = true;
		f->sent_from = f->request.end_offset;
		f->sent_us = in->now_us;
	}
}

static struct quorum_fetcher *fetcher_take(struct quorum_state *s, const struct quorum_in *in,
					   struct quorum_out *out, int32_t node_id)
{
	struct quorum_fetcher *f = fetcher_find(s, node_id);

	if (f)
		return f;
	if (s->fetcher_count < QUORUM_MOST_FETCHERS) {
		f = &s->fetchers[s->fetcher_count++];
	} else {
		f = &s->fetchers[0];
		for (int i = 1; i < s->fetcher_count; i++)
			if (s->fetchers[i].used_us < f->used_us)
				f = &s->fetchers[i];
		if (f->parked)
			answer(s, in, out, f, false);
	}
	*f = (struct quorum_fetcher){
		.node_id = node_id,
		.sent_from = -1,
		.told_high_watermark = -1,
	};
	return f;
}

void quorum_lead_release(struct quorum_state *s, struct quorum_out *out)
{
	for (int i = 0; i < s->fetcher_count; i++)
		if (s->fetchers[i].parked)
			refuse(s, out, &s->fetchers[i].request);
	s->fetcher_count = 0;
}

void quorum_lead_disconnected(struct quorum_state *s, int32_t node_id)
{
	struct quorum_fetcher *f = fetcher_find(s, node_id);

	if (f) /* its order is of no meaning: the one that was used longest ago is taken first */
		*f = s->fetchers[--s->fetcher_count];
}

/* ---- what a fetch says ---- */

/* R20's lookup, then R23. Returns true when the log up to the fetch offset is a prefix of ours. */
static bool diverges(const struct quorum_in *in, const struct quorum_message *request,
		     int32_t *ret_epoch, int64_t *ret_end_offset)
{
	int32_t asked = request->last_epoch < 0 ? 0 : request->last_epoch, epoch;
	int64_t end_offset;

	if (request->end_offset <= 0)
		return false;
	in->log.epoch_end(in->log.context, asked, &epoch, &end_offset);
	if (epoch == asked && end_offset >= request->end_offset)
		return false;
	*ret_epoch = epoch < 0 ? asked : epoch;
	*ret_end_offset = epoch < 0 ? 0 : end_offset;
	return true;
}

static void count_progress(struct quorum_state *s, const struct quorum_message *request)
{
	int64_t durable = request->durable_offset;

	if (!quorum_from_voter(s, request))
		return;
	if (durable > request->end_offset) /* what lies above the fetch offset is not verified */
		durable = request->end_offset;
	s->progress[quorum_place_of(s, request->from)].durable_offset = durable;
}

/* Returns false when the request has been answered: the follower must truncate. */
static bool verify(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out,
		   struct quorum_fetcher *f)
{
	int32_t epoch = -1;
	int64_t end_offset = -1;
	struct quorum_message *m;

	if (diverges(in, &f->request, &epoch, &end_offset)) { /* R24: its state is not recorded */
		f->parked = false;
		m = quorum_send_response(s, out, &f->request, QUORUM_OK);
		m->diverging_epoch = epoch;
		m->diverging_end_offset = end_offset;
		return false;
	}
	f->verified = true;
	count_progress(s, &f->request);
	return true;
}

void quorum_lead_receive_fetch(struct quorum_state *s, const struct quorum_in *in,
			       struct quorum_out *out)
{
	const struct quorum_message *m = in->message;
	struct quorum_fetcher *f;

	if (m->epoch > s->epoch && quorum_from_voter(s, m))
		quorum_become_follower(s, in, out, m->epoch, -1);
	/* R3: the epoch comes first. */
	if (m->epoch != s->epoch || (s->role != QUORUM_LEADER && s->role != QUORUM_CANDIDATE)) {
		refuse(s, out, m);
		return;
	}
	if (quorum_from_voter(s, m))
		s->progress[quorum_place_of(s, m->from)].heard_us = in->now_us;
	f = fetcher_take(s, in, out, m->from);
	if (f->parked) /* superseded */
		answer(s, in, out, f, false);
	f->parked = true;
	f->verified = false;
	f->request = *m;
	f->until_us = in->now_us + s->fetch_wait_us;
	f->used_us = in->now_us;
	if (f->sent_from != m->end_offset)
		f->sent_from = -1;
}

/* ---- the commit point ---- */

static void sort_descending(int64_t *values, int count)
{
	for (int i = 1; i < count; i++)
		for (int k = i; k > 0 && values[k] > values[k - 1]; k--) {
			int64_t value = values[k];

			values[k] = values[k - 1];
			values[k - 1] = value;
		}
}

static void advance(struct quorum_state *s, const struct quorum_in *in)
{
	int64_t durable[QUORUM_MOST_VOTERS], point;

	for (int i = 0; i < s->voter_count; i++)
		durable[i] = s->progress[i].durable_offset;
	durable[s->place] = in->log.durable_offset; /* R49: not the end of the log */
	sort_descending(durable, s->voter_count);
	point = durable[quorum_majority(s) - 1];
	/* Records of an older epoch are not committed by counting (Raft 5.4.2), only with one of
	 * ours above them. */
	if (point > s->epoch_start_offset && point > s->high_watermark)
		s->high_watermark = point;
}

void quorum_lead_count_heard(struct quorum_state *s, uint64_t now_us)
{
	int64_t heard[QUORUM_MOST_VOTERS];

	for (int i = 0; i < s->voter_count; i++)
		heard[i] = (int64_t)s->progress[i].heard_us;
	heard[s->place] = (int64_t)now_us;
	sort_descending(heard, s->voter_count);
	s->majority_heard_us = (uint64_t)heard[quorum_majority(s) - 1];
}

void quorum_lead_begin(struct quorum_state *s, const struct quorum_in *in)
{
	s->epoch_start_offset = in->log.end_offset;
	for (int i = 0; i < s->voter_count; i++)
		s->progress[i].durable_offset = -1;
	quorum_lead_count_heard(s, in->now_us);
}

static void settle_fetcher(struct quorum_state *s, const struct quorum_in *in,
			   struct quorum_out *out, struct quorum_fetcher *f)
{
	/* Records that have just gone out to where this fetch stands are on their way: it was sent
	 * to report a durable offset, and the next one will stand behind them. Or they are lost. */
	bool under_way = f->sent_from == f->request.end_offset &&
			 in->now_us - f->sent_us < s->fetch_wait_us;
	bool new_records = in->log.end_offset > f->request.end_offset && !under_way;

	if (new_records || s->high_watermark > f->told_high_watermark || in->now_us >= f->until_us)
		answer(s, in, out, f, new_records);
}

void quorum_lead_settle(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out)
{
	for (int i = 0; i < s->fetcher_count; i++) {
		struct quorum_fetcher *f = &s->fetchers[i];

		if (!f->parked)
			continue;
		if (s->role == QUORUM_LEADER && !f->verified)
			verify(s, in, out, f);
		else if (s->role != QUORUM_LEADER && in->now_us >= f->until_us)
			answer(s, in, out, f, false);
	}
	if (s->role != QUORUM_LEADER)
		return;
	quorum_lead_count_heard(s, in->now_us);
	advance(s, in);
	for (int i = 0; i < s->fetcher_count; i++)
		if (s->fetchers[i].parked)
			settle_fetcher(s, in, out, &s->fetchers[i]);
}

uint64_t quorum_lead_next_tick(const struct quorum_state *s)
{
	uint64_t next = QUORUM_NEVER_US;

	if (s->role == QUORUM_LEADER && s->voter_count > 1)
		next = s->majority_heard_us + s->election_timeout_us;
	for (int i = 0; i < s->fetcher_count; i++)
		if (s->fetchers[i].parked && s->fetchers[i].until_us < next)
			next = s->fetchers[i].until_us;
	return next;
}
