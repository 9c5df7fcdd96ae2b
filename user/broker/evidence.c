/* Owns the dials of S11.
 *
 *     IDLE --seek--> dialling --refused / other incarnation / 3 unanswered--> DEAD
 *                     ^   |----same incarnation--> ALIVE
 *                     |   |----accepted, then reset or silent: proves nothing
 *                     +---+ again after 20 ms, or 50 ms for a SYN, at most most_us */
#include "broker/evidence.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/peer.h"

#include <errno.h>

enum { EVIDENCE_UNANSWERED_SYNS = 3 };

struct evidence {
	struct evidence_options options;
	int32_t node_id;
	struct net_address address;
	struct uuid incarnation;
	bool knows_incarnation;
	struct peer *peer; /* the dial under way */
	struct env_timer again;
	uint64_t deadline_us;
	int unanswered;
	bool is_seeking;
	struct env_message over; /* the verdict, given outside the peer's callback */
	enum evidence_verdict verdict;
	bool is_over_posted, is_dead;
};

static void evidence_over_posted(struct env *here, struct env_message *message)
{
	struct evidence *e = container_of(message, struct evidence, over);

	(void)here;
	e->is_over_posted = false;
	if (e->is_dead) {
		mem_free(e);
		return;
	}
	peer_free(e->peer);
	e->peer = NULL;
	e->is_seeking = false;
	e->options.verdict(e->options.context, e->node_id, e->verdict);
}

static void evidence_over(struct evidence *e, enum evidence_verdict verdict)
{
	e->verdict = verdict;
	e->is_over_posted = true;
	e->over.run = evidence_over_posted;
	env_timer_stop(e->options.env, &e->again);
	env_post(e->options.env, e->options.env->shard, &e->over);
}

static bool is_the_same(const struct evidence *e, const struct uuid *incarnation)
{
	return !e->knows_incarnation || uuid_equal(e->incarnation, *incarnation);
}

static void evidence_answered(void *context, const struct uuid *incarnation)
{
	struct evidence *e = context;

	if (!e->is_over_posted)
		evidence_over(e, is_the_same(e, incarnation) ? EVIDENCE_ALIVE : EVIDENCE_REBORN);
}

static void evidence_broken(void *context, int rc, const struct uuid *incarnation)
{
	struct evidence *e = context;
	uint64_t wait_us = e->options.again_us;

	if (e->is_over_posted)
		return;
	if (incarnation) {
		evidence_answered(e, incarnation);
		return;
	}
	if (rc == -EHOSTUNREACH || rc == -ENETUNREACH || rc == -EHOSTDOWN) {
		if (++e->unanswered == EVIDENCE_UNANSWERED_SYNS) {
			evidence_over(e, EVIDENCE_DEAD);
			return;
		}
		wait_us = 0; /* the SYN's own time is the pause */
	} else if (rc == -ECONNREFUSED) {
		evidence_over(e, EVIDENCE_DEAD);
		return;
	} else {
		e->unanswered = 0;
	}
	if (env_now_us(e->options.env) >= e->deadline_us)
		evidence_over(e, EVIDENCE_NOTHING);
	else
		env_timer_after(e->options.env, &e->again, wait_us);
}

static void evidence_dial(struct env_timer *timer)
{
	struct evidence *e = container_of(timer, struct evidence, again);

	peer_connect(e->peer);
}

struct evidence *evidence_new(const struct evidence_options *options, int32_t node_id)
{
	struct evidence *e = mem_alloc(sizeof(*e));

	e->options = *options;
	e->node_id = node_id;
	e->again.fire = evidence_dial;
	return e;
}

void evidence_free(struct evidence *evidence)
{
	if (!evidence)
		return;
	env_timer_stop(evidence->options.env, &evidence->again);
	peer_free(evidence->peer);
	evidence->peer = NULL;
	evidence->is_dead = true;
	if (!evidence->is_over_posted)
		mem_free(evidence);
}

void evidence_seek(struct evidence *evidence, const struct net_address *address,
		   const struct uuid *incarnation)
{
	struct evidence *e = evidence;

	if (e->is_seeking)
		return;
	e->is_seeking = true;
	e->address = *address;
	e->knows_incarnation = incarnation != NULL;
	if (incarnation)
		e->incarnation = *incarnation;
	e->unanswered = 0;
	e->deadline_us = env_now_us(e->options.env) + e->options.most_us;
	e->peer = peer_new(&(struct peer_options){
		.env = e->options.env,
		.identity = e->options.identity,
		.node_id = e->node_id,
		.address = *address,
		.purpose = HANDSHAKE_PEER,
		.lane = LANE_EVIDENCE,
		.silence_us = e->options.unanswered_us,
		.ready = evidence_answered,
		.broken = evidence_broken,
		.context = e,
	});
	env_timer_after(e->options.env, &e->again, 0);
}

bool evidence_is_seeking(const struct evidence *evidence)
{
	return evidence->is_seeking;
}
