/* Owns what the controller knows beyond the log: when each broker was last heard from, and whom it
 * has proof against.
 *
 *     heard --> silent for 150 ms, or its connection broke --> dialled (evidence.h)
 *       ^                                                        |-- alive --> wait
 *       |                                                        |-- dead --> fenced at once
 *       |                                                        |-- reborn --> fenced at once,
 *       +-------------------------- registers <------------------+        keeps places in ISRs
 *                                        silent for the session time-out --> fenced
 *
 * Nobody is judged while no majority of the voters was heard from within controller.judges.ms. */
#include "broker/active_controller.h"

#include "base/container_of.h"
#include "base/mem.h"

#include <string.h>

enum { MICROSECONDS = 1000 };

struct member {
	int32_t id;
	uint64_t heard_us;
	uint64_t not_served_since_us; /* its bwsteer is missing since; 0: it is there */
	bool is_suspect;              /* a connection of it broke: dial without waiting */
	bool is_dead;                 /* proved */
	bool is_reborn;               /* its last life is over, the next one about to register */
	bool is_leaving;              /* wants to shut down */
	/* Unfenced only when it has applied everything below: its own fencing is in there. */
	int64_t must_have_applied;
	UT_hash_handle hh;
};

struct active_controller {
	struct control *control;
	int32_t epoch;
	struct image *image; /* committed and proposed */
	struct controller_options options;
	struct member *members;
	uint64_t rebalance_us;
};

const struct image *active_controller_image(const struct active_controller *active)
{
	return active->image;
}

const struct controller_options *active_controller_options(const struct active_controller *active)
{
	return &active->options;
}

/* ---- proposals ---- */

struct proposal *proposal_new(struct active_controller *active,
			      void (*done)(struct proposal *proposal, enum kafka_error error),
			      void *context)
{
	struct proposal *proposal = mem_alloc(sizeof(*proposal));

	proposal->done = done;
	proposal->context = context;
	proposal->control = active->control;
	change_begin(&proposal->change, env_wall_ms(active->control->worker.env));
	return proposal;
}

void proposal_drop(struct proposal *proposal)
{
	change_done(&proposal->change);
	mem_free(proposal);
}

static void proposal_finish(struct proposal *proposal, enum kafka_error error)
{
	if (proposal->done)
		proposal->done(proposal, error);
	proposal_drop(proposal);
}

/* R40: each election that may lose records is said. */
static void proposal_log_losses(const struct proposal *proposal)
{
	const struct buffer *losses = &proposal->change.losses;

	for (size_t at = 0; at < losses->size; at += strlen((const char *)losses->data + at) + 1)
		env_log(proposal->control->worker.env, LOG_WARN, "%s",
			(const char *)losses->data + at);
}

static void proposal_committed(struct quorum_proposal *quorum_proposal, int64_t offset)
{
	struct proposal *proposal = container_of(quorum_proposal, struct proposal, quorum);

	if (offset >= 0)
		proposal_log_losses(proposal);
	proposal_finish(proposal, offset >= 0 ? KAFKA_NONE : KAFKA_REQUEST_TIMED_OUT);
}

void proposal_send(struct active_controller *active, struct proposal *proposal)
{
	size_t size = change_end(&proposal->change);
	struct image *next;
	struct batch batch;

	if (size == 0) {
		proposal_finish(proposal, KAFKA_NONE);
		return;
	}
	proposal->quorum.done = proposal_committed;
	proposal->base_offset =
		quorum_propose(active->control->quorum, active->epoch,
			       proposal->change.records.data, size, &proposal->quorum);
	if (proposal->base_offset < 0) {
		proposal_finish(proposal, KAFKA_NOT_CONTROLLER);
		return;
	}
	proposal->last_offset = proposal->quorum.last_offset;
	if (batch_peek(proposal->change.records.data, size, &batch) != BATCH_OK ||
	    image_apply(active->image, &batch, &next) < 0) {
		control_fail(active->control,
			     "the controller made a change that it cannot apply itself");
		return;
	}
	image_unref(active->image);
	active->image = next;
}

/* One that nobody waits for: sent when the rules allow it. */
static void proposal_settle(struct active_controller *active, struct proposal *proposal,
			    enum kafka_error verdict)
{
	if (verdict == KAFKA_NONE)
		proposal_send(active, proposal);
	else
		proposal_drop(proposal);
}

/* ---- members ---- */

static struct member *member_get(struct active_controller *active, int32_t id)
{
	struct member *member;

	HASH_FIND(hh, active->members, &id, sizeof(id), member);
	if (!member) {
		member = mem_alloc(sizeof(*member));
		member->id = id;
		member->heard_us = env_now_us(active->control->worker.env);
		/* Whoever led before may have fenced it up to here. */
		member->must_have_applied = active->control->worker.image->offset;
		HASH_ADD(hh, active->members, id, sizeof(member->id), member);
	}
	return member;
}

/* S11: may this controller judge anybody now? */
static bool may_judge(const struct active_controller *active)
{
	struct control *control = active->control;
	struct quorum_description quorum;

	quorum_describe(control->quorum, &quorum);
	return env_now_us(control->worker.env) <=
	       quorum.majority_heard_us +
		       (uint64_t)control->worker.broker->settings->controller_judges_ms *
			       MICROSECONDS;
}

static void fence(struct active_controller *active, int32_t id, const char *why)
{
	struct proposal *proposal = proposal_new(active, NULL, NULL);
	struct member *member = member_get(active, id);

	env_log(active->control->worker.env, LOG_INFO, "fencing broker %d: %s", id, why);
	proposal_settle(active, proposal,
			controller_fence(active->image, &active->options, id, &proposal->change));
	member->must_have_applied = active->image->offset;
}

static void end_life(struct active_controller *active, int32_t id)
{
	struct proposal *proposal = proposal_new(active, NULL, NULL);
	struct member *member = member_get(active, id);

	env_log(active->control->worker.env, LOG_INFO, "fencing the last life of broker %d", id);
	proposal_settle(
		active, proposal,
		controller_end_life(active->image, &active->options, id, &proposal->change));
	member->is_reborn = false;
	member->heard_us = env_now_us(active->control->worker.env); /* R38: its time begins */
	member->must_have_applied = active->image->offset;
}

static void judge(struct active_controller *active, const struct image_broker *broker)
{
	const struct broker_settings *settings = active->control->worker.broker->settings;
	struct member *member = member_get(active, broker->id);
	uint64_t now = env_now_us(active->control->worker.env);
	uint64_t silent_us = now > member->heard_us ? now - member->heard_us : 0;
	struct node *node = node_find(active->control, broker->id);

	if (!node)
		return;
	if (member->is_reborn) {
		end_life(active, broker->id);
	} else if (member->is_dead && !broker->fenced) {
		fence(active, broker->id, "it is dead");
		member->heard_us = now; /* R45: places that it keeps are kept from now on */
	} else if (silent_us >= (uint64_t)settings->session_timeout_ms * MICROSECONDS) {
		fence(active, broker->id, broker->fenced ? "it did not come back" : "it is silent");
		member->heard_us = now;
	} else if (!broker->fenced &&
		   (member->is_suspect ||
		    (silent_us >= (uint64_t)settings->silence_ms * MICROSECONDS &&
		     !node_answered_lately(node)))) {
		member->is_suspect = false;
		node_seek_evidence(node);
	}
}

void active_controller_evidence(struct active_controller *active, int32_t node_id,
				enum evidence_verdict verdict)
{
	struct member *member = member_get(active, node_id);

	member->is_dead = verdict == EVIDENCE_DEAD;
	member->is_reborn = verdict == EVIDENCE_REBORN;
	if (member->is_dead || member->is_reborn)
		active_controller_tick(active);
}

void active_controller_registers(struct active_controller *active, int32_t node_id)
{
	struct member *member = member_get(active, node_id);

	member->heard_us = env_now_us(active->control->worker.env);
	member->is_dead = false;
	member->is_reborn = false;
	member->is_suspect = false;
}

void active_controller_disconnected(struct active_controller *active, int32_t node_id)
{
	struct member *member = member_get(active, node_id);
	const struct image_broker *broker = image_find_broker(active->image, node_id);

	if (broker && !broker->fenced) {
		member->is_suspect = true;
		active_controller_tick(active);
	}
}

/* Layout "each": a broker whose bwsteer is gone for 1 s gives its slots away while another has one.
 */
static void yield_unserved(struct active_controller *active, const struct image_broker *broker)
{
	struct member *member = member_get(active, broker->id);
	uint64_t now = env_now_us(active->control->worker.env);
	struct proposal *proposal;

	if (broker->has_steer || broker->fenced) {
		member->not_served_since_us = 0;
		return;
	}
	if (member->not_served_since_us == 0)
		member->not_served_since_us = now;
	if (now - member->not_served_since_us < 1000 * MICROSECONDS)
		return;
	member->not_served_since_us = now;
	proposal = proposal_new(active, NULL, NULL);
	proposal_settle(active, proposal,
			controller_yield_slots(active->image, &active->options, broker->id,
					       &proposal->change));
}

static void rebalance(struct active_controller *active)
{
	const struct broker_settings *settings = active->control->worker.broker->settings;
	uint64_t now = env_now_us(active->control->worker.env);
	struct proposal *proposal;

	if (!settings->auto_rebalance || now < active->rebalance_us)
		return;
	active->rebalance_us = now + (uint64_t)settings->rebalance_interval_s * 1000 * MICROSECONDS;
	proposal = proposal_new(active, NULL, NULL);
	proposal_settle(active, proposal,
			controller_rebalance(active->image, &active->options, &proposal->change));
}

void active_controller_tick(struct active_controller *active)
{
	/* Judging proposes, which makes a new image: the list is looked at by id. */
	int32_t ids[IMAGE_SLOT_ID_BASE];
	int32_t count = 0;

	if (!may_judge(active))
		return;
	for (int32_t i = 0; i < active->image->broker_count && count < IMAGE_SLOT_ID_BASE; i++)
		ids[count++] = active->image->brokers[i]->id;
	for (int32_t i = 0; i < count; i++) {
		const struct image_broker *broker = image_find_broker(active->image, ids[i]);

		if (broker->id != active->control->worker.broker->identity.node_id &&
		    (!broker->fenced || broker->kept_places))
			judge(active, broker);
		broker = image_find_broker(active->image, ids[i]);
		yield_unserved(active, broker);
	}
	rebalance(active);
}

/* ---- heartbeats ---- */

static void unfence(struct active_controller *active,
		    const struct broker_heartbeat_request *heartbeat)
{
	struct proposal *proposal = proposal_new(active, NULL, NULL);

	proposal_settle(active, proposal,
			controller_unfence(active->image, &active->options, heartbeat->broker_id,
					   &proposal->change));
}

static void set_steer(struct active_controller *active,
		      const struct broker_heartbeat_request *heartbeat)
{
	struct proposal *proposal = proposal_new(active, NULL, NULL);

	proposal_settle(active, proposal,
			controller_set_steer(active->image, heartbeat->broker_id,
					     heartbeat->has_steer, &proposal->change));
}

/* R41: gives away what it leads; when it has applied that it may go, and is fenced. */
static void leave(struct active_controller *active,
		  const struct broker_heartbeat_request *heartbeat,
		  struct broker_heartbeat_response *response)
{
	const struct image_broker *broker = image_find_broker(active->image, heartbeat->broker_id);
	struct member *member = member_get(active, heartbeat->broker_id);

	if (!member->is_leaving) {
		struct proposal *proposal = proposal_new(active, NULL, NULL);

		member->is_leaving = true;
		proposal_settle(active, proposal,
				controller_begin_shutdown(active->image, &active->options,
							  broker->id, &proposal->change));
		return;
	}
	if (heartbeat->current_metadata_offset < active->control->worker.image->offset)
		return;
	if (!broker->fenced)
		fence(active, broker->id, "it shuts down");
	response->should_shut_down = true;
}

enum kafka_error active_controller_heartbeat(struct active_controller *active,
					     const struct broker_heartbeat_request *heartbeat,
					     struct broker_heartbeat_response *response)
{
	struct control *control = active->control;
	const struct image_broker *broker = image_find_broker(active->image, heartbeat->broker_id);
	struct quorum_description quorum;
	struct member *member;

	if (!broker)
		return KAFKA_BROKER_ID_NOT_REGISTERED;
	if (broker->epoch != heartbeat->broker_epoch)
		return KAFKA_STALE_BROKER_EPOCH;
	quorum_describe(control->quorum, &quorum);
	/* S2: vouching for a broker means being sure to be the controller still. */
	if (env_now_us(control->worker.env) >
	    quorum.majority_heard_us +
		    (uint64_t)control->worker.broker->settings->controller_answers_ms *
			    MICROSECONDS)
		return KAFKA_REQUEST_TIMED_OUT;
	member = member_get(active, broker->id);
	member->heard_us = env_now_us(control->worker.env);
	member->is_dead = false;
	member->is_reborn = false;
	member->is_suspect = false;
	if (heartbeat->has_steer != broker->has_steer)
		set_steer(active, heartbeat);
	broker = image_find_broker(active->image, heartbeat->broker_id);
	if (heartbeat->want_shut_down)
		leave(active, heartbeat, response);
	else if (broker->fenced && !heartbeat->want_fence &&
		 heartbeat->current_metadata_offset > broker->epoch &&
		 heartbeat->current_metadata_offset >= member->must_have_applied)
		unfence(active, heartbeat);
	/* What is committed counts, not what is proposed. */
	broker = image_find_broker(control->worker.image, heartbeat->broker_id);
	response->is_fenced = !broker || broker->fenced;
	response->is_caught_up = broker && heartbeat->current_metadata_offset > broker->epoch;
	return KAFKA_NONE;
}

/* ---- life ---- */

static void make_mirror_secret(struct active_controller *active)
{
	uint8_t random[IMAGE_MIRROR_SECRET_BYTES];
	struct proposal *proposal = proposal_new(active, NULL, NULL);

	env_random_bytes(active->control->worker.env, random, sizeof(random));
	proposal_settle(active, proposal,
			controller_make_mirror_secret(active->image, random, &proposal->change));
}

struct active_controller *active_controller_new(struct control *control, int32_t epoch)
{
	const struct broker_settings *settings = control->worker.broker->settings;
	struct active_controller *active = mem_alloc(sizeof(*active));

	active->control = control;
	active->epoch = epoch;
	active->image = image_ref(control->worker.image);
	active->options = (struct controller_options){
		.default_partitions = (int32_t)settings->num_partitions,
		.default_replication_factor = (int32_t)settings->default_replication_factor,
		.min_insync_replicas = (int32_t)settings->min_insync_replicas,
		.unclean_elections = settings->unclean_elections,
	};
	active->rebalance_us = env_now_us(control->worker.env) +
			       (uint64_t)settings->rebalance_interval_s * 1000 * MICROSECONDS;
	/* A broker of one has nobody to mirror to. */
	if (active->control->worker.broker->addresses->listeners[IMAGE_INTERNAL].host)
		make_mirror_secret(active);
	/* A new controller dials everybody first; the dials that proved the old one's death and led
	 * to this election are its own, and still warm. */
	for (int32_t i = 0; i < active->image->broker_count; i++) {
		struct node *node = node_find(control, active->image->brokers[i]->id);

		if (!node || active->image->brokers[i]->fenced)
			continue;
		member_get(active, node->id)->is_dead = node_died_lately(node);
		if (!node_died_lately(node))
			node_seek_evidence(node);
	}
	return active;
}

void active_controller_free(struct active_controller *active)
{
	struct member *member, *next;

	if (!active)
		return;
	HASH_ITER(hh, active->members, member, next) {
		HASH_DEL(active->members, member);
		mem_free(member);
	}
	image_unref(active->image);
	mem_free(active);
}
