/* Owns what the control thread knows of the other brokers: where they are, the connections to them,
 * and the search for evidence of their death. */
#include "broker/control_int.h"

#include "base/mem.h"
#include "broker/active_controller.h"
#include "broker/peer.h"
#include "broker/quorum_channel.h"

enum { MICROSECONDS = 1000 };

static void node_verdict(void *context, int32_t node_id, enum evidence_verdict verdict)
{
	struct control *control = context;
	struct node *node = node_find(control, node_id);
	uint64_t silence_us =
		(uint64_t)control->worker.broker->settings->silence_ms * MICROSECONDS;

	bool is_dead = verdict == EVIDENCE_DEAD || verdict == EVIDENCE_REBORN;

	env_log(control->worker.env, is_dead ? LOG_INFO : LOG_DEBUG, "broker %d is %s", node_id,
		is_dead			    ? "dead"
		: verdict == EVIDENCE_ALIVE ? "alive"
					    : "silent: nothing proves its death");
	if (node) {
		uint64_t until_us = env_now_us(control->worker.env) + silence_us;

		node->alive_until_us = verdict == EVIDENCE_ALIVE ? until_us : 0;
		node->dead_until_us = verdict == EVIDENCE_DEAD ? until_us : 0;
	}
	if (verdict != EVIDENCE_NOTHING && control->quorum) /* it is closed before the end */
		quorum_evidence(control->quorum, node_id, is_dead);
	if (control->active)
		active_controller_evidence(control->active, node_id, verdict);
}

static struct node *node_put(struct control *control, int32_t id, const struct net_address *address)
{
	const struct broker_settings *settings = control->worker.broker->settings;
	struct node *node;

	HASH_FIND(hh, control->nodes, &id, sizeof(id), node);
	if (node && net_address_equal(&node->address, address))
		return node;
	if (!node) {
		node = mem_alloc(sizeof(*node));
		node->id = id;
		node->control = control;
		node->evidence = evidence_new(
			&(struct evidence_options){
				.env = control->worker.env,
				.identity = &control->worker.broker->identity,
				.unanswered_us =
					(uint64_t)settings->dial_unanswered_ms * MICROSECONDS,
				.again_us = (uint64_t)settings->dial_again_ms * MICROSECONDS,
				.most_us = (uint64_t)settings->session_timeout_ms * MICROSECONDS,
				.verdict = node_verdict,
				.context = control,
			},
			id);
		HASH_ADD(hh, control->nodes, id, sizeof(node->id), node);
	}
	node->address = *address;
	for (int lane = 0; lane < LANE_EVIDENCE; lane++) {
		peer_free(node->lanes[lane]);
		node->lanes[lane] = NULL;
	}
	return node;
}

struct node *node_find(struct control *control, int32_t id)
{
	struct node *node;

	HASH_FIND(hh, control->nodes, &id, sizeof(id), node);
	return node;
}

/* A connection to it broke: the quorum sends again, and whoever depends on it asks for evidence. */
static void lane_broken(void *context, int rc, const struct uuid *incarnation)
{
	struct node *node = context;
	struct control *control = node->control;

	(void)rc;
	(void)incarnation;
	if (control->quorum)
		quorum_disconnected(control->quorum, node->id);
	if (node->id == control->leader_id)
		node_seek_evidence(node);
}

struct peer *node_peer(struct node *node, enum peer_lane lane)
{
	struct control *control = node->control;
	const struct broker_settings *settings = control->worker.broker->settings;
	int64_t silence_ms = settings->session_timeout_ms;

	if (node->lanes[lane])
		return node->lanes[lane];
	if (lane == LANE_HEARTBEAT)
		silence_ms = settings->silence_ms * 2;
	node->lanes[lane] = peer_new(&(struct peer_options){
		.env = control->worker.env,
		.identity = &control->worker.broker->identity,
		.node_id = node->id,
		.address = node->address,
		.purpose = HANDSHAKE_PEER,
		.lane = (int32_t)lane,
		.silence_us = (uint64_t)silence_ms * MICROSECONDS,
		.broken = lane_broken,
		.context = node,
	});
	return node->lanes[lane];
}

struct peer *control_peer_to_controller(struct control *control, enum peer_lane lane)
{
	struct node *node = node_find(control, control->leader_id);

	return node ? node_peer(node, lane) : NULL;
}

void node_seek_evidence(struct node *node)
{
	const struct image_broker *broker =
		image_find_broker(node->control->worker.image, node->id);

	evidence_seek(node->evidence, &node->address, broker ? &broker->incarnation : NULL);
}

bool node_answered_lately(const struct node *node)
{
	return env_now_us(node->control->worker.env) < node->alive_until_us;
}

bool node_died_lately(const struct node *node)
{
	return env_now_us(node->control->worker.env) < node->dead_until_us;
}

void nodes_apply(struct control *control, const struct image *image)
{
	for (int32_t i = 0; i < image->broker_count; i++) {
		const struct image_broker *broker = image->brokers[i];

		if (broker->id != control->worker.broker->identity.node_id &&
		    broker->endpoints[IMAGE_INTERNAL].host)
			node_put(control, broker->id, &broker->endpoints[IMAGE_INTERNAL].address);
	}
}

void nodes_open(struct control *control)
{
	const struct identity *identity = &control->worker.broker->identity;

	for (int32_t i = 0; i < identity->voter_count; i++)
		if (identity->voters[i].voter.id != identity->node_id)
			node_put(control, identity->voters[i].voter.id,
				 &identity->voters[i].endpoint.address);
}

void nodes_done(struct control *control)
{
	struct node *node, *next;

	HASH_ITER(hh, control->nodes, node, next) {
		HASH_DEL(control->nodes, node);
		for (int lane = 0; lane < LANE_EVIDENCE; lane++)
			peer_free(node->lanes[lane]);
		evidence_free(node->evidence);
		mem_free(node);
	}
}
