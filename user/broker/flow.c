/* Owns a flow's life on its shard.
 *
 *     flow_open() --news--> control: flow_sharing_open() --news--> known
 *     flow_close() --end--> control: flow_sharing_close() --end--> freed
 *
 * 1. Messages between two loops keep their order, so the last one, which frees, finds no other of
 *    the flow under way.
 * 2. shard->flows holds each flow until it is freed. */
#include "broker/flow.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/flow_sharing.h"
#include "broker/limits.h"
#include "broker/shard.h"

#include <utlist.h>

static struct env *env_of(const struct flow *flow)
{
	return flow->shard->worker.env;
}

static void flow_free(struct flow *flow)
{
	env_timer_stop(env_of(flow), &flow->most);
	DL_DELETE(flow->shard->flows, flow);
	mem_free(flow);
}

/* ---- known ---- */

static void become_known(struct flow *flow)
{
	if (flow->is_known)
		return;
	flow->is_known = true;
	env_timer_stop(env_of(flow), &flow->most);
	if (flow->known)
		flow->known(flow->owner);
}

static void most_is_over(struct env_timer *timer)
{
	become_known(container_of(timer, struct flow, most));
}

static void known_arrive(struct env *here, struct env_message *message)
{
	(void)here;
	become_known(container_of(message, struct flow, news));
}

static void open_arrive(struct env *here, struct env_message *message)
{
	struct flow *flow = container_of(message, struct flow, news);

	(void)here;
	flow_sharing_open(flow->shard->worker.broker->control, flow);
}

void flow_tell_known(struct env *from, struct flow *flow)
{
	flow->news.run = known_arrive;
	env_post(from, flow->shard->number, &flow->news);
}

struct flow *flow_open(struct shard *shard, struct env_socket *client, int32_t slot)
{
	struct broker *broker = shard->worker.broker;
	struct env *env = shard->worker.env;
	struct flow *flow;

	if (!broker->addresses->listeners[IMAGE_INTERNAL].host)
		return NULL;
	flow = mem_alloc(sizeof(*flow));
	flow->shard = shard;
	flow->key.slot = slot;
	env_socket_peer(env, client, &flow->key.client);
	env_socket_local(env, client, &flow->key.slot_address);
	flow->most.fire = most_is_over;
	flow->news.run = open_arrive;
	DL_APPEND(shard->flows, flow);
	env_timer_after(env, &flow->most, (uint64_t)FLOW_UNKNOWN_MOST_MS * 1000);
	env_post(env, broker->shard_count, &flow->news);
	return flow;
}

bool flow_is_known(const struct flow *flow)
{
	return !flow || flow->is_known;
}

void flow_await(struct flow *flow, void (*known)(void *owner), void *owner)
{
	flow->known = known;
	flow->owner = owner;
}

/* ---- the end ---- */

static void end_arrive_back(struct env *here, struct env_message *message)
{
	(void)here;
	flow_free(container_of(message, struct flow, end));
}

static void end_arrive(struct env *here, struct env_message *message)
{
	struct flow *flow = container_of(message, struct flow, end);

	flow_sharing_close(flow->shard->worker.broker->control, flow);
	flow->end.run = end_arrive_back;
	env_post(here, flow->shard->number, &flow->end);
}

void flow_close(struct flow *flow)
{
	if (!flow)
		return;
	flow->known = NULL;
	env_timer_stop(env_of(flow), &flow->most);
	if (flow->shard->worker.broker->is_over) /* flows_done() frees it */
		return;
	flow->end.run = end_arrive;
	env_post(env_of(flow), flow->shard->worker.broker->shard_count, &flow->end);
}

void flows_done(struct shard *shard)
{
	while (shard->flows)
		flow_free(shard->flows);
}
