/* Owns the clients that are being reset.
 *
 *     flow_resets_add() --> FRESH --SYN--> ONCE --SYN--> TWICE --> forgotten
 *                             after RESET_AFTER_US  RESET_AGAIN_US  RESET_REMEMBERED_US
 *
 * 1. A flow is in the table once, and in the queue of its stage.
 * 2. A stage lasts equally long for all, so each queue is in the order of what is due.
 * 3. Nobody gets a SYN whom a broker did not name, whose slot is not held here by the current
 *    image, or who is no single host: a SYN goes to no stranger, and never more than twice. */
#include "steer/flow_resets.h"

#include "base/mem.h"

#include <string.h>
#include <utlist.h>

enum stage { FRESH, ONCE, TWICE, STAGES };

struct reset {
	struct steer_flow flow;
	uint64_t due_us;
	struct reset *prev, *next; /* the queue's */
	UT_hash_handle hh;
};

struct flow_resets {
	struct reset *table;
	struct reset *queues[STAGES];
	uint64_t round_us; /* since when `round_syns` were sent */
	unsigned round_syns;
	struct reset_stats stats;
};

struct flow_resets *flow_resets_new(void)
{
	return mem_alloc(sizeof(struct flow_resets));
}

static void forget(struct flow_resets *r, enum stage stage, struct reset *reset)
{
	DL_DELETE(r->queues[stage], reset);
	HASH_DEL(r->table, reset);
	mem_free(reset);
}

void flow_resets_free(struct flow_resets *resets)
{
	if (!resets)
		return;
	for (int stage = FRESH; stage < STAGES; stage++)
		while (resets->queues[stage])
			forget(resets, (enum stage)stage, resets->queues[stage]);
	mem_free(resets);
}

const struct reset_stats *flow_resets_stats(const struct flow_resets *resets)
{
	return &resets->stats;
}

/* ---- who may be reset ---- */

static bool is_one_host(const struct steer_address *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t first = address->ip[12];

	/* Slots have IPv4 addresses (user/steer knows no other raw socket). */
	return memcmp(address->ip, mapped, sizeof(mapped)) == 0 && first != 0 && first != 127 &&
	       first < 224 && address->port != 0;
}

static bool has_address(const struct steer_slot *slot, const struct steer_address *address)
{
	for (uint32_t i = 0; i < slot->address_count; i++)
		if (slot->addresses[i].port == address->port &&
		    memcmp(slot->addresses[i].ip, address->ip, sizeof(address->ip)) == 0)
			return true;
	return false;
}

static bool is_held_here(const struct state *s, const struct steer_flow *flow)
{
	size_t count;
	const struct steer_slot *slots = state_slots(s, &count);

	for (size_t i = 0; i < count; i++)
		if (slots[i].slot == flow->slot)
			return slots[i].holder == state_self(s) &&
			       has_address(&slots[i], &flow->slot_address);
	return false;
}

/* ---- from stage to stage ---- */

static struct reset *find(const struct flow_resets *r, const struct steer_flow *flow)
{
	struct reset *reset;

	HASH_FIND(hh, r->table, flow, sizeof(*flow), reset);
	return reset;
}

static void forget_old(struct flow_resets *r, uint64_t now_us)
{
	while (r->queues[TWICE] && r->queues[TWICE]->due_us <= now_us)
		forget(r, TWICE, r->queues[TWICE]);
}

void flow_resets_add(struct flow_resets *resets, const struct state *s,
		     const struct steer_flow *flow, uint64_t now_us)
{
	struct reset *reset;

	resets->stats.asked++;
	forget_old(resets, now_us);
	if (!is_one_host(&flow->client) || !is_held_here(s, flow)) {
		resets->stats.refused++;
		return;
	}
	if (find(resets, flow)) {
		resets->stats.repeated++;
		return;
	}
	if (HASH_COUNT(resets->table) >= RESET_FLOWS_MOST) {
		resets->stats.left_out++;
		return;
	}
	reset = mem_alloc(sizeof(*reset));
	reset->flow = *flow;
	reset->due_us = now_us + RESET_AFTER_US;
	HASH_ADD(hh, resets->table, flow, sizeof(reset->flow), reset);
	DL_APPEND(resets->queues[FRESH], reset);
}

/* Those that became this node's last come first. */
static enum stage stage_due(const struct flow_resets *r, uint64_t now_us)
{
	for (int stage = FRESH; stage < TWICE; stage++)
		if (r->queues[stage] && r->queues[stage]->due_us <= now_us)
			return (enum stage)stage;
	return STAGES;
}

static bool has_room(struct flow_resets *r, uint64_t now_us)
{
	if (now_us >= r->round_us + RESET_ROUND_US) {
		r->round_us = now_us;
		r->round_syns = 0;
	}
	return r->round_syns < RESET_SYNS_PER_ROUND;
}

bool flow_resets_next(struct flow_resets *resets, const struct state *s, uint64_t now_us,
		      struct steer_flow *ret_flow)
{
	enum stage stage;

	forget_old(resets, now_us);
	while (has_room(resets, now_us) && (stage = stage_due(resets, now_us)) != STAGES) {
		struct reset *reset = resets->queues[stage];

		if (!is_held_here(s, &reset->flow)) {
			forget(resets, stage, reset);
			continue;
		}
		DL_DELETE(resets->queues[stage], reset);
		DL_APPEND(resets->queues[stage + 1], reset);
		reset->due_us = now_us + (stage == FRESH ? RESET_AGAIN_US : RESET_REMEMBERED_US);
		resets->round_syns++;
		*ret_flow = reset->flow;
		return true;
	}
	return false;
}

void flow_resets_sent(struct flow_resets *resets, int rc)
{
	resets->stats.syns += rc == 0;
	resets->stats.failed += rc < 0;
}

uint64_t flow_resets_deadline_us(const struct flow_resets *resets)
{
	uint64_t due_us = UINT64_MAX, room_us = 0;

	for (int stage = FRESH; stage < STAGES; stage++)
		if (resets->queues[stage] && resets->queues[stage]->due_us < due_us)
			due_us = resets->queues[stage]->due_us;
	if (resets->round_syns >= RESET_SYNS_PER_ROUND)
		room_us = resets->round_us + RESET_ROUND_US;
	return due_us < room_us ? room_us : due_us;
}
