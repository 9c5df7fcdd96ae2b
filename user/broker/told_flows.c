/* Owns the tables.
 *
 * 1. A sender is `was_live` from the first image on in which it is live, until one in which it is
 *    fenced: what it tells while it is fenced is no dead client's. So every broker of an image is a
 *    sender, whether it has told anything or not: it may die before the next image. */
#include "broker/told_flows.h"

#include "base/mem.h"
#include "broker/limits.h"

#include <errno.h>
#include <uthash.h>

struct told_flow {
	struct flow_key key;
	UT_hash_handle hh;
};

struct sender {
	int32_t node;
	bool was_live;
	struct told_flow *flows;
	UT_hash_handle hh;
};

struct told_flows {
	struct sender *senders;
};

struct told_flows *told_flows_new(void)
{
	return mem_alloc(sizeof(struct told_flows));
}

static struct sender *find_sender(const struct told_flows *told, int32_t node)
{
	struct sender *sender;

	HASH_FIND(hh, told->senders, &node, sizeof(node), sender);
	return sender;
}

static struct sender *get_sender(struct told_flows *told, int32_t node)
{
	struct sender *sender = find_sender(told, node);

	if (sender)
		return sender;
	sender = mem_alloc(sizeof(*sender));
	sender->node = node;
	HASH_ADD(hh, told->senders, node, sizeof(sender->node), sender);
	return sender;
}

static void empty(struct sender *sender)
{
	struct told_flow *flow, *next;

	HASH_ITER(hh, sender->flows, flow, next) {
		HASH_DEL(sender->flows, flow);
		mem_free(flow);
	}
}

void told_flows_free(struct told_flows *told)
{
	struct sender *sender, *next;

	if (!told)
		return;
	HASH_ITER(hh, told->senders, sender, next) {
		HASH_DEL(told->senders, sender);
		empty(sender);
		mem_free(sender);
	}
	mem_free(told);
}

/* ---- what is told ---- */

void told_flows_forget(struct told_flows *told, int32_t sender)
{
	empty(get_sender(told, sender));
}

static struct told_flow *find_flow(const struct sender *sender, const struct flow_key *key)
{
	struct told_flow *flow;

	HASH_FIND(hh, sender->flows, key, sizeof(*key), flow);
	return flow;
}

int told_flows_open(struct told_flows *told, int32_t node, const struct flow_key *key)
{
	struct sender *sender = get_sender(told, node);
	struct told_flow *flow;

	if (find_flow(sender, key))
		return 0;
	if (HASH_COUNT(sender->flows) >= FLOWS_MOST)
		return -ENOSPC;
	flow = mem_alloc(sizeof(*flow));
	flow->key = *key;
	HASH_ADD(hh, sender->flows, key, sizeof(flow->key), flow);
	return 0;
}

void told_flows_close(struct told_flows *told, int32_t node, const struct flow_key *key)
{
	struct sender *sender = find_sender(told, node);
	struct told_flow *flow = sender ? find_flow(sender, key) : NULL;

	if (!flow)
		return;
	HASH_DEL(sender->flows, flow);
	mem_free(flow);
}

bool told_flows_has(const struct told_flows *told, int32_t node, const struct flow_key *key)
{
	const struct sender *sender = find_sender(told, node);

	return sender && find_flow(sender, key);
}

size_t told_flows_count(const struct told_flows *told, int32_t node)
{
	const struct sender *sender = find_sender(told, node);

	return sender ? HASH_COUNT(sender->flows) : 0;
}

/* ---- what becomes of it ---- */

static bool is_held_by(const struct image *image, int32_t slot, int32_t self)
{
	const struct image_slot *found = image_find_slot(image, slot);

	return found && found->holder == self;
}

size_t told_flows_apply(struct told_flows *told, const struct image *image, int32_t self,
			void (*reset)(void *context, const struct flow_key *key), void *context)
{
	struct sender *sender, *next_sender;
	struct told_flow *flow, *next;
	size_t count = 0;

	for (int32_t i = 0; i < image->broker_count; i++)
		get_sender(told, image->brokers[i]->id);
	HASH_ITER(hh, told->senders, sender, next_sender) {
		const struct image_broker *broker = image_find_broker(image, sender->node);
		bool is_fenced = !broker || broker->fenced;

		if (is_fenced && sender->was_live) {
			HASH_ITER(hh, sender->flows, flow, next) {
				if (!is_held_by(image, flow->key.slot, self))
					continue;
				reset(context, &flow->key);
				count++;
			}
			empty(sender);
		}
		sender->was_live = !is_fenced;
	}
	return count;
}
