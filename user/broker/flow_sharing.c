/* Owns the connections on which flows are told, and what has been told on each.
 *
 *     IDLE --link_connect()--> connecting --link_ready()--> READY: the whole list, then changes
 *      ^                           |                          |
 *      +---- FLOWS_RECONNECT_MS ---+------- link_broken() ----+
 *
 * 1. `flows` is in the order of serial numbers; what was left out for want of room is not in it.
 * 2. A link has one request under way at most. `changes` are those not yet sent; on a link that is
 *    not ready there are none, and the whole list is due.
 * 3. Its end has every flow of its slots whose serial is at most told_serial.
 * 4. An awaited flow is one that some ready link of its slot has not told yet. Links that are not
 *    ready are not waited for. */
#include "broker/flow_sharing.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/control_int.h"
#include "broker/limits.h"
#include "broker/peer.h"
#include "wire/errors.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

struct change {
	struct flow_key key;
	uint64_t serial;
	bool closed;
};

struct flow_link {
	struct flow_sharing *sharing;
	int32_t node;
	struct net_address address;
	struct peer *peer;
	struct peer_call call;
	struct env_timer reconnect;
	bool is_ready, is_asking, whole_due, is_wanted;
	bool slots[IMAGE_MOST_SLOTS]; /* whose flows it is told */
	struct buffer changes;        /* of struct change */
	uint64_t told_serial, asked_serial;
	size_t asked_count;
	struct flow_link *prev, *next;
};

struct flow_sharing {
	struct control *control;
	struct image *image; /* whose targets the links are */
	struct flow *flows, *awaited;
	size_t count;
	uint64_t last_serial;
	struct flow_link *links;
	struct flow_counts counts;
};

static struct env *env_of(const struct flow_sharing *sharing)
{
	return sharing->control->worker.env;
}

struct flow_counts flow_sharing_counts(const struct flow_sharing *sharing)
{
	return sharing->counts;
}

/* ---- who waits ---- */

static bool is_told(const struct flow_sharing *sharing, const struct flow *flow)
{
	const struct flow_link *link;

	DL_FOREACH(sharing->links, link)
		if (link->is_ready && link->slots[flow->key.slot] &&
		    link->told_serial < flow->serial)
			return false;
	return true;
}

static void look_at_awaited(struct flow_sharing *sharing)
{
	struct flow *flow, *next;

	DL_FOREACH_SAFE2(sharing->awaited, flow, next, awaited_next) {
		if (!is_told(sharing, flow))
			continue;
		DL_DELETE2(sharing->awaited, flow, awaited_prev, awaited_next);
		flow->is_awaited = false;
		flow_tell_known(env_of(sharing), flow);
	}
}

/* ---- telling ---- */

static void put_change(struct flow_link *link, const struct flow *flow, bool closed)
{
	struct change change = {flow->key, flow->serial, closed};

	buffer_put(&link->changes, &change, sizeof(change));
}

static void put_whole(struct flow_link *link)
{
	const struct flow *flow;

	link->changes.size = 0;
	DL_FOREACH2(link->sharing->flows, flow, shared_next)
		if (link->slots[flow->key.slot])
			put_change(link, flow, false);
}

static struct share_flows_change message_of(const struct change *change)
{
	const struct flow_key *key = &change->key;

	return (struct share_flows_change){
		.closed = change->closed,
		.slot = key->slot,
		.slot_host = {key->slot_address.ip, sizeof(key->slot_address.ip)},
		.slot_port = key->slot_address.port,
		.client_host = {key->client.ip, sizeof(key->client.ip)},
		.client_port = key->client.port,
	};
}

static void link_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size);

/* Asks with what waits, one request at a time: changes of one moment travel together. */
static void link_ask(struct flow_link *link)
{
	struct share_flows_request request = {.whole = link->whole_due};
	const struct change *changes;
	size_t waiting, count;

	if (!link->is_ready || link->is_asking || (!link->whole_due && link->changes.size == 0))
		return;
	if (link->whole_due)
		put_whole(link);
	changes = (const struct change *)(const void *)link->changes.data;
	waiting = link->changes.size / sizeof(*changes);
	count = waiting < FLOWS_PER_REQUEST ? waiting : FLOWS_PER_REQUEST;
	request.changes.items = mem_alloc((count + 1) * sizeof(*request.changes.items));
	for (size_t i = 0; i < count; i++)
		request.changes.items[request.changes.count++] = message_of(&changes[i]);
	link->asked_count = count;
	link->asked_serial =
		count == waiting ? link->sharing->last_serial : changes[count - 1].serial;
	link->whole_due = false;
	link->is_asking = true;
	link->call.done = link_answered;
	peer_send(link->peer, &wire_share_flows, 0, &request, &link->call);
	mem_free(request.changes.items);
	buffer_consume(&link->changes, count * sizeof(*changes));
	if (link->changes.size == 0)
		buffer_done(&link->changes);
}

static int take_response(const uint8_t *frame, size_t size, struct share_flows_response *ret)
{
	struct reader in = reader_of(frame, size);
	int32_t correlation_id;
	struct arena arena;
	int rc;

	arena_init(&arena, HANDSHAKE_MOST_BYTES); /* the response has no arrays */
	rc = wire_decode_response(&wire_share_flows, 0, &in, &arena, &correlation_id, ret);
	arena_done(&arena);
	return rc < 0 ? rc : ret->error_code == KAFKA_NONE ? 0 : -EPROTO;
}

static void link_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct flow_link *link = container_of(call, struct flow_link, call);
	struct flow_sharing *sharing = link->sharing;
	struct share_flows_response response;

	link->is_asking = false;
	if (rc < 0)
		return; /* link_broken() comes, or the link is being freed */
	if (take_response(frame, size, &response) < 0) {
		link->whole_due = true; /* when it is there again */
		peer_disconnect(link->peer, -EPROTO);
		return;
	}
	sharing->counts.told += link->asked_count;
	sharing->counts.left_out += response.left_out > 0 ? (uint64_t)response.left_out : 0;
	link->told_serial = link->asked_serial;
	link_ask(link);
	look_at_awaited(sharing);
}

/* ---- links ---- */

static void link_ready(void *context, const struct uuid *incarnation)
{
	struct flow_link *link = context;

	(void)incarnation;
	link->is_ready = true;
	link->whole_due = true;
	link->told_serial = 0;
	link_ask(link);
}

static void link_connect(struct env_timer *timer)
{
	peer_connect(container_of(timer, struct flow_link, reconnect)->peer);
}

static void link_broken(void *context, int rc, const struct uuid *incarnation)
{
	struct flow_link *link = context;

	(void)rc;
	(void)incarnation;
	link->is_ready = false;
	buffer_done(&link->changes);
	env_timer_after(env_of(link->sharing), &link->reconnect,
			(uint64_t)FLOWS_RECONNECT_MS * 1000);
	look_at_awaited(link->sharing);
}

static struct flow_link *link_new(struct flow_sharing *sharing, const struct image_broker *broker)
{
	const struct worker *worker = &sharing->control->worker;
	struct flow_link *link = mem_alloc(sizeof(*link));

	link->sharing = sharing;
	link->node = broker->id;
	link->address = broker->endpoints[IMAGE_INTERNAL].address;
	link->reconnect.fire = link_connect;
	link->peer = peer_new(&(struct peer_options){
		.env = worker->env,
		.identity = &worker->broker->identity,
		.node_id = link->node,
		.address = link->address,
		.purpose = HANDSHAKE_PEER,
		.lane = LANE_FLOWS,
		.silence_us = (uint64_t)worker->broker->settings->silence_ms * 2 * 1000,
		.ready = link_ready,
		.broken = link_broken,
		.context = link,
	});
	DL_APPEND(sharing->links, link);
	env_timer_after(worker->env, &link->reconnect, 0);
	return link;
}

static void link_free(struct flow_link *link)
{
	DL_DELETE(link->sharing->links, link);
	env_timer_stop(env_of(link->sharing), &link->reconnect);
	peer_free(link->peer);
	buffer_done(&link->changes);
	mem_free(link);
}

static struct flow_link *link_get(struct flow_sharing *sharing, const struct image_broker *broker)
{
	struct flow_link *link;

	DL_FOREACH(sharing->links, link)
		if (link->node == broker->id &&
		    net_address_equal(&link->address, &broker->endpoints[IMAGE_INTERNAL].address))
			return link;
	return link_new(sharing, broker);
}

/* ---- who is told of what ---- */

int32_t flow_sharing_targets(const struct image *image, const struct image_slot *slot, int32_t self,
			     int32_t ret_nodes[static FLOW_TOLD])
{
	int32_t begin = 0, count = 0;

	for (int32_t i = 0; i < slot->order_count; i++)
		if (slot->order[i] == slot->holder)
			begin = i;
	for (int32_t i = 0; i < slot->order_count && count < FLOW_TOLD; i++) {
		int32_t node = slot->order[(begin + i) % slot->order_count];

		if (node != self && image_broker_is_live(image, node))
			ret_nodes[count++] = node;
	}
	return count;
}

/* Marks whose links tell this slot's flows; one that changes has to tell all it has. */
static void target_slot(struct flow_sharing *sharing, const struct image *image,
			const struct image_slot *slot)
{
	int32_t self = sharing->control->worker.broker->identity.node_id;
	int32_t nodes[FLOW_TOLD], count = flow_sharing_targets(image, slot, self, nodes);
	const struct flow_link *targets[FLOW_TOLD] = {0};
	struct flow_link *link;

	for (int32_t i = 0; i < count; i++) {
		const struct image_broker *broker = image_find_broker(image, nodes[i]);

		if (broker->endpoints[IMAGE_INTERNAL].host)
			targets[i] = link_get(sharing, broker);
	}
	DL_FOREACH(sharing->links, link) {
		bool is_target = link == targets[0] || link == targets[1];

		link->whole_due |= is_target != link->slots[slot->id];
		link->slots[slot->id] = is_target;
		link->is_wanted |= is_target;
	}
}

/* Images share what did not change: then targets are the same. */
static bool has_same_targets(const struct image *a, const struct image *b)
{
	return a->slot_count == b->slot_count && a->broker_count == b->broker_count &&
	       (a->slot_count == 0 ||
		memcmp(a->slots, b->slots, (size_t)a->slot_count * sizeof(struct image_slot *)) ==
			0) &&
	       (a->broker_count == 0 ||
		memcmp(a->brokers, b->brokers,
		       (size_t)a->broker_count * sizeof(struct image_broker *)) == 0);
}

void flow_sharing_apply(struct flow_sharing *sharing, struct image *image)
{
	struct flow_link *link, *next;
	bool is_same = has_same_targets(sharing->image, image);

	image_unref(sharing->image);
	sharing->image = image_ref(image);
	if (is_same)
		return;
	DL_FOREACH(sharing->links, link)
		link->is_wanted = false;
	for (int32_t i = 0; i < image->slot_count; i++)
		target_slot(sharing, image, image->slots[i]);
	DL_FOREACH_SAFE(sharing->links, link, next) {
		if (link->is_wanted)
			link_ask(link);
		else
			link_free(link);
	}
	look_at_awaited(sharing);
}

/* ---- flows come and go ---- */

static void tell_links(struct flow_sharing *sharing, const struct flow *flow, bool closed)
{
	struct flow_link *link;

	DL_FOREACH(sharing->links, link) {
		if (!link->is_ready || link->whole_due || !link->slots[flow->key.slot])
			continue;
		put_change(link, flow, closed);
		/* Its end takes so slowly that the whole list is less than the way to it. */
		if (link->changes.size > FLOWS_MOST * sizeof(struct change))
			link->whole_due = true;
		link_ask(link);
	}
}

void flow_sharing_open(struct control *control, struct flow *flow)
{
	struct flow_sharing *sharing = control->flow_sharing;

	if (sharing->count == FLOWS_MOST) {
		sharing->counts.left_out++;
		flow_tell_known(env_of(sharing), flow);
		return;
	}
	flow->serial = ++sharing->last_serial;
	sharing->count++;
	DL_APPEND2(sharing->flows, flow, shared_prev, shared_next);
	flow->is_awaited = true;
	DL_APPEND2(sharing->awaited, flow, awaited_prev, awaited_next);
	tell_links(sharing, flow, false);
	look_at_awaited(sharing);
}

void flow_sharing_close(struct control *control, struct flow *flow)
{
	struct flow_sharing *sharing = control->flow_sharing;

	if (flow->serial == 0)
		return;
	sharing->count--;
	DL_DELETE2(sharing->flows, flow, shared_prev, shared_next);
	if (flow->is_awaited)
		DL_DELETE2(sharing->awaited, flow, awaited_prev, awaited_next);
	tell_links(sharing, flow, true);
}

/* ---- life ---- */

struct flow_sharing *flow_sharing_new(struct control *control)
{
	struct flow_sharing *sharing = mem_alloc(sizeof(*sharing));

	sharing->control = control;
	sharing->image = image_new();
	return sharing;
}

void flow_sharing_free(struct flow_sharing *sharing)
{
	if (!sharing)
		return;
	while (sharing->links)
		link_free(sharing->links);
	image_unref(sharing->image);
	mem_free(sharing);
}
