/* The metadata quorum's driver: one state, one log, one vote file, one timer.
 *
 *     input --> write what was proposed --> quorum_step() --> vote file --> messages --> log --+
 *                                               ^                                            |
 *                                               +------------- if the log changed -----------+
 *           --> flush --> apply what is committed --> tell who leads --> next tick
 *
 * Invariants:
 * 1. A step sees every record that was proposed before it: they are written first.
 * 2. The vote file holds the state's epoch and vote before a message leaves (R49).
 * 3. `applied` only grows, up to the state's high watermark; each batch is passed to apply once.
 * 4. After `ended` nothing is read, written, sent or called any more.
 * 5. pending holds the proposals of the epoch that is led, in log order. */
#include "quorum/quorum.h"

#include "base/mem.h"
#include "quorum/quorum_log.h"
#include "quorum/quorum_step_int.h"
#include "quorum/quorum_vote.h"

#include <assert.h>
#include <errno.h>

enum { APPLY_ROUND_BYTES = 4 * 1024 * 1024 }; /* then other work of the loop gets its turn */

struct quorum {
	struct env *env;
	struct quorum_callbacks callbacks;
	char *folder;
	struct plog *log;
	struct quorum_state state;
	struct quorum_out out;
	struct env_timer tick;
	struct env_timer round; /* proposals are to be written, or more is to be applied */
	struct buffer proposed; /* whole batches that follow the end of the log */
	int64_t proposed_end_offset;
	struct quorum_proposal *pending, *pending_last;
	int64_t applied;
	int64_t flush_asked_offset; /* the end of the log at the last plog_flush(); -1 unknown */
	struct buffer read;
	bool driving, ended;
	bool log_failed, log_durable; /* reported while driving */
	bool told_leads;
	int32_t told_leads_epoch, told_leader_id, told_epoch;
};

/* ---- proposals ---- */

static void finish_first(struct quorum *q, int64_t offset)
{
	struct quorum_proposal *proposal = q->pending;

	q->pending = proposal->next;
	if (!q->pending)
		q->pending_last = NULL;
	proposal->next = NULL;
	proposal->done(proposal, offset);
}

static void finish_applied(struct quorum *q)
{
	while (q->pending && q->pending->last_offset < q->applied)
		finish_first(q, q->pending->last_offset);
}

static void cancel_pending(struct quorum *q)
{
	struct quorum_proposal *last = q->pending_last;

	/* A callback may propose again, in vain; this ends all the same. */
	while (last && q->pending) {
		bool is_last = q->pending == last;

		finish_first(q, -ECANCELED);
		if (is_last)
			break;
	}
}

static void write_proposed(struct quorum *q)
{
	if (q->proposed.size == 0)
		return;
	if (quorum_log_append(q->log, q->proposed.data, q->proposed.size, q->state.epoch) < 0)
		q->log_failed = true;
	q->proposed.size = 0;
}

int64_t quorum_propose(struct quorum *q, int32_t epoch, uint8_t *bytes, size_t size,
		       struct quorum_proposal *proposal)
{
	struct batch batch;
	int64_t base_offset;

	if (q->ended || !q->told_leads || epoch != q->told_leads_epoch || epoch != q->state.epoch ||
	    !quorum_step_leads(&q->state))
		return -ESTALE;
	if (batch_peek(bytes, size, &batch) != BATCH_OK || (size_t)batch.size_bytes != size)
		assert(!"one whole batch");
	base_offset = q->proposed.size ? q->proposed_end_offset : plog_end_offset(q->log);
	batch_assign(bytes, base_offset, epoch);
	buffer_put(&q->proposed, bytes, size);
	q->proposed_end_offset = base_offset + batch.last_offset_delta + 1;
	proposal->last_offset = q->proposed_end_offset - 1;
	proposal->next = NULL;
	if (q->pending_last)
		q->pending_last->next = proposal;
	else
		q->pending = proposal;
	q->pending_last = proposal;
	if (!env_timer_is_running(&q->round))
		env_timer_after(q->env, &q->round, 0);
	return base_offset;
}

/* ---- effects of a step ---- */

static int persist(struct quorum *q)
{
	struct quorum_vote vote = {
		.present = true,
		.epoch = q->state.epoch,
		.voted_id = q->state.voted_id,
		.voted_directory = q->state.voted_directory,
	};

	return quorum_vote_write(q->env, q->folder, &vote);
}

static int send_one(struct quorum *q, struct quorum_send *send)
{
	struct quorum_message *m = &send->message;

	if (send->with_records) {
		int rc = quorum_log_read(q->env, q->log, m->end_offset, plog_end_offset(q->log),
					 &q->read);

		if (rc < 0)
			return rc;
		m->records = q->read.data;
		m->records_size = q->read.size;
	}
	q->callbacks.send(q->callbacks.context, m);
	return 0;
}

static int begin_epoch(struct quorum *q)
{
	struct buffer batch = {0};
	int rc;

	quorum_log_leader_change(&q->state, plog_end_offset(q->log), env_wall_ms(q->env), &batch);
	rc = quorum_log_append(q->log, batch.data, batch.size, q->state.epoch);
	buffer_done(&batch);
	return rc;
}

static int append_fetched(struct quorum *q, const struct quorum_message *m)
{
	int rc = quorum_log_append(q->log, m->records, m->records_size, q->state.epoch);

	if (rc != -EBADMSG)
		return rc;
	env_log(q->env, LOG_WARN, "quorum: what node %d sent after offset %lld is damaged", m->from,
		(long long)plog_end_offset(q->log) - 1);
	return 0; /* what came before is in; the rest is fetched again */
}

/* The order is quorum_step.h's. Returns 1 when the log changed, 0, or -errno. */
static int execute(struct quorum *q, const struct quorum_in *in, struct quorum_out *out)
{
	int rc = out->persist ? persist(q) : 0;

	for (int i = 0; rc == 0 && i < out->send_count; i++)
		rc = send_one(q, &out->sends[i]);
	if (rc == 0 && out->want_evidence >= 0)
		q->callbacks.want_evidence(q->callbacks.context, out->want_evidence);
	if (rc == 0 && out->truncate_to >= 0) {
		q->flush_asked_offset = -1;
		rc = plog_truncate(q->log, out->truncate_to);
	}
	if (rc == 0 && out->begin_epoch)
		rc = begin_epoch(q);
	if (rc == 0 && out->append)
		rc = append_fetched(q, in->message);
	if (rc < 0)
		return rc;
	return out->truncate_to >= 0 || out->begin_epoch || out->append;
}

static void end(struct quorum *q, const char *sentence)
{
	q->ended = true;
	env_timer_stop(q->env, &q->tick);
	env_timer_stop(q->env, &q->round);
	q->callbacks.fatal(q->callbacks.context, sentence);
}

/* ---- applying ---- */

/* Passes on the committed batches in q->read. Returns how many bytes those were, or -EBADMSG. */
static int64_t apply_batches(struct quorum *q)
{
	struct reader r = reader_of(q->read.data, q->read.size);
	struct batch batch;
	enum batch_result result = BATCH_END;

	/* R52: batch_next() checks the CRC of everything that is applied. */
	while (reader_left(&r) && (result = batch_next(&r, &batch)) == BATCH_OK) {
		if (batch.base_offset != q->applied)
			return -EBADMSG;
		q->applied = batch_last_offset(&batch) + 1;
		if (!(batch.attributes & BATCH_CONTROL))
			q->callbacks.apply(q->callbacks.context, &batch);
	}
	if (result == BATCH_CORRUPT || r.at == q->read.data)
		return -EBADMSG;
	return r.at - q->read.data;
}

static int apply_committed(struct quorum *q)
{
	int64_t budget = APPLY_ROUND_BYTES;

	while (q->applied < q->state.high_watermark && budget > 0) {
		int64_t size = quorum_log_read(q->env, q->log, q->applied, q->state.high_watermark,
					       &q->read);

		if (size == 0)
			size = apply_batches(q);
		if (size < 0)
			return (int)size;
		budget -= size;
	}
	if (q->applied < q->state.high_watermark && !env_timer_is_running(&q->round))
		env_timer_after(q->env, &q->round, 0);
	return 0;
}

/* ---- telling ---- */

static bool may_lead(const struct quorum *q)
{
	return quorum_step_leads(&q->state) && q->applied > q->state.epoch_start_offset;
}

static void tell_lost_leadership(struct quorum *q)
{
	bool leads = quorum_step_leads(&q->state) && q->told_leads_epoch == q->state.epoch;

	if (!q->told_leads || leads)
		return;
	q->told_leads = false;
	q->callbacks.leadership(q->callbacks.context, false, q->told_leads_epoch);
	cancel_pending(q);
}

static void tell_leader(struct quorum *q)
{
	if (q->told_leader_id == q->state.leader_id && q->told_epoch == q->state.epoch)
		return;
	q->told_leader_id = q->state.leader_id;
	q->told_epoch = q->state.epoch;
	q->callbacks.leader_changed(q->callbacks.context, q->told_leader_id, q->told_epoch);
}

static void tell_leadership(struct quorum *q)
{
	if (q->told_leads || !may_lead(q))
		return;
	q->told_leads = true;
	q->told_leads_epoch = q->state.epoch;
	q->callbacks.leadership(q->callbacks.context, true, q->told_leads_epoch);
}

/* ---- driving ---- */

/* What the log has reported meanwhile is the next input. */
static bool take_report(struct quorum *q, struct quorum_in *in)
{
	if (q->log_failed)
		*in = (struct quorum_in){.type = QUORUM_IN_FAILED};
	else if (q->log_durable)
		*in = (struct quorum_in){.type = QUORUM_IN_DURABLE};
	else
		return false;
	q->log_durable = false;
	return true;
}

static void step(struct quorum *q, struct quorum_in in)
{
	int rc;

	do {
		tell_lost_leadership(q);
		write_proposed(q);
		in.now_us = env_now_us(q->env);
		in.log = quorum_log_view(q->log);
		quorum_step(&q->state, &in, &q->out);
		if (q->out.fatal) {
			end(q, q->out.fatal);
			return;
		}
		rc = execute(q, &in, &q->out);
		if (rc < 0)
			q->log_failed = true;
		if (rc > 0)
			in = (struct quorum_in){.type = QUORUM_IN_WRITTEN};
	} while (rc > 0 || take_report(q, &in));
}

/* One ticket for what is in the log now: plog shares the flush, and asking twice costs a second. */
static void start_flush(struct quorum *q)
{
	int64_t end_offset = plog_end_offset(q->log);

	if (plog_durable_offset(q->log) == end_offset || q->flush_asked_offset == end_offset)
		return;
	q->flush_asked_offset = end_offset;
	plog_flush(q->log);
}

static void start_tick(struct quorum *q)
{
	if (q->out.next_tick_us != QUORUM_NEVER_US)
		env_timer_start(q->env, &q->tick, q->out.next_tick_us);
	else
		env_timer_stop(q->env, &q->tick);
}

static void drive(struct quorum *q, struct quorum_in in)
{
	if (q->ended)
		return;
	assert(!q->driving); /* callbacks must not feed the quorum: see quorum.h */
	q->driving = true;
	step(q, in);
	if (!q->ended) {
		finish_applied(q);
		tell_lost_leadership(q);
		if (apply_committed(q) < 0)
			end(q, "R52: a committed metadata record cannot be read back");
	}
	if (!q->ended) {
		finish_applied(q);
		tell_leader(q);
		tell_leadership(q);
		start_flush(q);
		start_tick(q);
	}
	q->driving = false;
}

static void on_durable(void *context, int result)
{
	struct quorum *q = context;
	enum quorum_in_type type = result < 0 ? QUORUM_IN_FAILED : QUORUM_IN_DURABLE;

	if (!q->driving)
		drive(q, (struct quorum_in){.type = type});
	else if (result < 0)
		q->log_failed = true;
	else
		q->log_durable = true;
}

static void on_tick(struct env_timer *timer)
{
	void *q = (char *)timer - offsetof(struct quorum, tick);

	drive(q, (struct quorum_in){.type = QUORUM_IN_TICK});
}

static void on_round(struct env_timer *timer)
{
	void *q = (char *)timer - offsetof(struct quorum, round);

	drive(q, (struct quorum_in){.type = QUORUM_IN_WRITTEN});
}

/* ---- the face ---- */

int quorum_format(struct env *env, const char *folder, const uint8_t *records, size_t records_size)
{
	struct quorum_vote vote;
	struct plog *log;
	int rc = quorum_log_open(env, folder, false, &log);

	if (rc < 0)
		return rc;
	rc = quorum_vote_read(env, folder, &vote);
	if (rc == 0 && (vote.present || plog_end_offset(log) > 0))
		rc = -EEXIST;
	if (rc == 0 && records_size)
		rc = quorum_log_append(log, records, records_size, 0);
	if (rc < 0) {
		plog_close(log);
		return rc;
	}
	rc = plog_close_clean(log);
	vote = (struct quorum_vote){.present = true, .voted_id = -1};
	return rc < 0 ? rc : quorum_vote_write(env, folder, &vote);
}

int quorum_open(struct env *env, const struct quorum_options *options,
		const struct quorum_callbacks *callbacks, bool clean, struct quorum **ret_quorum)
{
	struct quorum *q;
	struct quorum_vote vote;
	struct plog *log;
	uint64_t random;
	int rc = quorum_log_open(env, options->folder, clean, &log);

	if (rc < 0)
		return rc;
	rc = quorum_vote_read(env, options->folder, &vote);
	if (rc < 0) {
		plog_close(log);
		return rc;
	}
	q = mem_alloc(sizeof(*q));
	q->env = env;
	q->callbacks = *callbacks;
	q->folder = mem_string(options->folder);
	q->log = log;
	q->tick.fire = on_tick;
	q->round.fire = on_round;
	q->told_leader_id = -1;
	env_random_bytes(env, &random, sizeof(random));
	quorum_step_init(&q->state, options, &vote, plog_last_epoch(log), env_now_us(env), random);
	q->told_epoch = q->state.epoch;
	if (!q->state.may_vote)
		env_log(env, LOG_WARN,
			"quorum: R50: node %d only pulls: its vote file is lost, or the voter set "
			"has another directory id for it", options->node_id);
	plog_on_durable(log, on_durable, q);
	*ret_quorum = q;
	drive(q, (struct quorum_in){.type = QUORUM_IN_TICK});
	return 0;
}

void quorum_close(struct quorum *q)
{
	if (!q)
		return;
	env_timer_stop(q->env, &q->tick);
	env_timer_stop(q->env, &q->round);
	if (!q->ended)
		write_proposed(q);
	cancel_pending(q);
	if (q->ended || q->log_failed)
		plog_close(q->log);
	else if (plog_close_clean(q->log) < 0)
		env_log(q->env, LOG_ERROR, "quorum: the metadata log could not be closed cleanly");
	buffer_done(&q->proposed);
	buffer_done(&q->read);
	mem_free(q->folder);
	mem_free(q);
}

void quorum_receive(struct quorum *q, const struct quorum_message *message)
{
	drive(q, (struct quorum_in){.type = QUORUM_IN_MESSAGE, .message = message});
}

void quorum_disconnected(struct quorum *q, int32_t node_id)
{
	drive(q, (struct quorum_in){.type = QUORUM_IN_DISCONNECTED, .node_id = node_id});
}

void quorum_evidence(struct quorum *q, int32_t node_id, bool dead)
{
	drive(q, (struct quorum_in){.type = QUORUM_IN_EVIDENCE, .node_id = node_id, .dead = dead});
}

void quorum_resign(struct quorum *q)
{
	drive(q, (struct quorum_in){.type = QUORUM_IN_RESIGN});
}

int64_t quorum_voter_durable_offset(const struct quorum *q, int32_t node_id)
{
	int place = quorum_place_of(&q->state, node_id);

	if (node_id == q->state.node_id)
		return plog_durable_offset(q->log);
	return place < 0 ? -1 : q->state.progress[place].durable_offset;
}

void quorum_describe(const struct quorum *q, struct quorum_description *ret)
{
	*ret = (struct quorum_description){
		.leader_id = q->state.leader_id,
		.epoch = q->state.epoch,
		.end_offset = q->proposed.size ? q->proposed_end_offset : plog_end_offset(q->log),
		.high_watermark = q->state.high_watermark,
		.durable_offset = plog_durable_offset(q->log),
		.leads = q->told_leads,
		/* A leader that is a majority by itself hears from one at any time. */
		.majority_heard_us = q->state.voter_count == 1 ? env_now_us(q->env)
							       : q->state.majority_heard_us,
		.leader_heard_us = q->state.leader_heard_us,
	};
}
