/* The in-sync replicas as their leader sees them: who has caught up, who may join, who must leave.
 *
 * Owns the peers' fetch state, the samples of (time, LEO) and the AlterPartition in flight.
 * Invariants:
 *   1. At most one change is in flight (R32), and it is never altered (R34).
 *   2. While it is, the maximal ISR is the union of committed and proposed.
 *   3. Nothing of a peer's fetch state is older than this leader epoch (R31).
 * The committed ISR itself comes from images (replica.c) and from the controller's answer. */
#include "base/mem.h"
#include "replica/replica_int.h"

void isr_drop_change(struct replica *r)
{
	r->change_pending = false;
	mem_free((void *)r->change.isr);
	mem_free((void *)r->change.broker_epochs);
	r->change = (struct replica_isr_change){0};
}

/* ---- caught-up times (R35) ---- */

static void isr_add_sample(struct replica *r, uint64_t now_us, int64_t offset)
{
	uint64_t interval_us = r->options.lag_time_max_us / ISR_SAMPLES_PER_LAG;
	const struct isr_sample *last = &r->samples[(r->sample_count - 1) % ISR_SAMPLES];

	if (r->sample_count > 0 && now_us - last->time_us < interval_us)
		return;
	r->samples[r->sample_count++ % ISR_SAMPLES] = (struct isr_sample){now_us, offset};
}

/* The latest sample whose LEO lies at or below offset, or NULL. */
static const struct isr_sample *isr_find_sample(const struct replica *r, int64_t offset)
{
	uint64_t held = r->sample_count < ISR_SAMPLES ? r->sample_count : ISR_SAMPLES;

	for (uint64_t back = 1; back <= held; back++) {
		const struct isr_sample *s = &r->samples[(r->sample_count - back) % ISR_SAMPLES];

		if (s->offset <= offset)
			return s;
	}
	return NULL;
}

static void isr_set_caught_up(struct replica_peer *peer, uint64_t time_us)
{
	if (!peer->was_caught_up || time_us > peer->caught_up_us)
		peer->caught_up_us = time_us;
	peer->was_caught_up = true;
}

static bool isr_is_caught_up(const struct replica *r, const struct replica_peer *peer,
			     uint64_t now_us)
{
	if (!peer->was_caught_up)
		return false;
	return peer->counted_offset >= plog_end_offset(r->log) ||
	       now_us - peer->caught_up_us <= r->options.lag_time_max_us;
}

void isr_begin_epoch(struct replica *r)
{
	uint64_t now_us = env_now_us(r->env);

	r->sample_count = 0;
	isr_add_sample(r, now_us, plog_end_offset(r->log));
	r->isr_pause_until_us = 0;
	for (int32_t i = 0; i < r->peer_count; i++) {
		struct replica_peer *peer = &r->peers[i];

		/* R31; a member's time (R35) runs from here, though it may never fetch. */
		peer->fetched_broker_epoch = -1;
		peer->counted_offset = -1;
		peer->fetch_offset = peer->mirrored_offset = -1;
		peer->mirrored_bytes = 0;
		peer->was_caught_up = peer->in_isr;
		peer->caught_up_us = now_us;
		peer->grace = (struct grace){0};
	}
}

void isr_note_append(struct replica *r, int64_t end_offset_before)
{
	uint64_t now_us = env_now_us(r->env);

	isr_add_sample(r, now_us, end_offset_before);
	for (int32_t i = 0; i < r->peer_count; i++) {
		if (r->peers[i].counted_offset >= end_offset_before)
			isr_set_caught_up(&r->peers[i], now_us);
	}
}

void isr_note_fetch(struct replica *r, struct replica_peer *peer, const struct replica_fetch *fetch)
{
	const struct isr_sample *reached;

	peer->fetched_broker_epoch = fetch->broker_epoch;
	leader_note_mirror_fetch(peer, fetch->fetch_offset);
	peer->counted_offset = fetch->durable_offset < fetch->fetch_offset ? fetch->durable_offset
									   : fetch->fetch_offset;
	if (peer->counted_offset >= plog_end_offset(r->log)) {
		isr_set_caught_up(peer, env_now_us(r->env));
		return;
	}
	reached = isr_find_sample(r, peer->counted_offset);
	if (reached)
		isr_set_caught_up(peer, reached->time_us);
}

/* ---- membership ---- */

static bool isr_in_maximal(const struct replica *r, const struct replica_peer *peer)
{
	return peer->in_isr || (r->change_pending && peer->in_proposed);
}

int32_t isr_maximal_count(const struct replica *r)
{
	int32_t count = 0;

	for (int32_t i = 0; i < r->peer_count; i++)
		count += isr_in_maximal(r, &r->peers[i]);
	return count;
}

/* It is live, and has fetched in this leader epoch, in the uptime that the metadata knows. */
static bool isr_is_eligible(const struct replica_peer *peer)
{
	return peer->is_live && peer->fetched_broker_epoch == peer->broker_epoch;
}

bool isr_holds_back(const struct replica *r, const struct replica_peer *peer, uint64_t now_us)
{
	if (isr_in_maximal(r, peer))
		return true;
	/* R9: else it could never satisfy R30 under load. R12: not when it could not join. */
	return isr_is_eligible(peer) && isr_is_caught_up(r, peer, now_us);
}

/* R30: all of it. That it fetched in this leader epoch is part of being eligible (R31). */
static bool isr_may_join(const struct replica *r, const struct replica_peer *peer)
{
	return isr_is_eligible(peer) && peer->counted_offset >= r->high_watermark &&
	       peer->counted_offset >= r->epoch_start_offset;
}

static bool isr_belongs(const struct replica *r, const struct replica_peer *peer, uint64_t now_us)
{
	if (peer->id == r->options.node_id)
		return true;
	if (!peer->in_isr)
		return isr_may_join(r, peer);
	return isr_is_caught_up(r, peer, now_us); /* R35 */
}

/* ---- the change in flight (R32, R34) ---- */

static void isr_send_change(struct replica *r, uint64_t now_us)
{
	r->change_sent_us = now_us;
	r->change_repeat = false;
	r->callbacks.alter_isr(r->callbacks.context, r, &r->change);
}

static void isr_propose(struct replica *r, uint64_t now_us)
{
	int32_t *isr = mem_alloc((size_t)r->peer_count * sizeof(*isr));
	int64_t *epochs = mem_alloc((size_t)r->peer_count * sizeof(*epochs));
	int32_t count = 0;

	for (int32_t i = 0; i < r->peer_count; i++) {
		if (!r->peers[i].in_proposed)
			continue;
		isr[count] = r->peers[i].id;
		epochs[count++] = r->peers[i].broker_epoch;
	}
	r->change = (struct replica_isr_change){
		.topic_id = r->topic_id,
		.partition = r->partition,
		.leader_epoch = r->leader_epoch,
		.partition_epoch = r->partition_epoch,
		.count = count,
		.isr = isr,
		.broker_epochs = epochs,
	};
	r->change_pending = true;
	isr_send_change(r, now_us);
}

void isr_review(struct replica *r)
{
	uint64_t now_us = env_now_us(r->env);
	bool differs = false;

	if (r->change_pending || now_us < r->isr_pause_until_us)
		return;
	for (int32_t i = 0; i < r->peer_count; i++) {
		struct replica_peer *peer = &r->peers[i];

		peer->in_proposed = isr_belongs(r, peer, now_us);
		differs |= peer->in_proposed != peer->in_isr;
		/* It leaves by the controller's hand (R36); but an ISR that holds it would be
		 * refused (R33), and with it what this change is about. */
		peer->in_proposed &= peer->may_stay;
	}
	if (differs)
		isr_propose(r, now_us);
}

void isr_repeat(struct replica *r)
{
	uint64_t now_us = env_now_us(r->env);

	if (r->change_pending && (r->change_repeat || now_us - r->change_sent_us >= ISR_REPEAT_US))
		isr_send_change(r, now_us);
}

static void isr_commit_change(struct replica *r, int32_t partition_epoch)
{
	r->isr_count = r->change.count;
	for (int32_t i = 0; i < r->peer_count; i++)
		r->peers[i].in_isr = r->peers[i].in_proposed;
	r->partition_epoch = partition_epoch;
	isr_drop_change(r);
}

void replica_isr_answer(struct replica *r, const struct replica_isr_change *change,
			enum replica_isr_answer answer, int32_t partition_epoch)
{
	if (!r->change_pending || change->leader_epoch != r->change.leader_epoch ||
	    change->partition_epoch != r->change.partition_epoch)
		return;
	switch (answer) {
	case REPLICA_ISR_UNKNOWN:
		r->change_repeat = true;
		return;
	case REPLICA_ISR_REFUSED:
		isr_drop_change(r);
		r->isr_pause_until_us = env_now_us(r->env) + ISR_PAUSE_US;
		break;
	case REPLICA_ISR_APPLIED:
		isr_commit_change(r, partition_epoch);
		break;
	}
	replica_settle(r);
}
