/* Owns the listeners of a shard's slots, and the release of slots that moved away (S4).
 *
 * 1. After slot_listeners_apply(image) every literal address that the image gives to a slot of this
 *    shard has a listener, or a line in the log says why not (once, until it opens).
 * 2. A listener stays whoever holds the slot; who serves a connection is decided as it is accepted.
 * 3. Between a release's begin and end fastpath keeps publishing the slot as it was: its clients'
 *    acknowledgements come here while the last answers leave. */
#include "broker/slot_listener.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/flow.h"
#include "broker/session.h"
#include "broker/steering.h"

#include <string.h>
#include <utlist.h>

enum { RELEASE_LOOK_MS = 5 };

struct slot_door {
	struct net_address address;
	struct env_socket *listener; /* NULL: could not be opened yet */
};

struct slot_listener {
	struct shard *shard;
	int32_t slot;
	struct slot_door *doors;
	int32_t door_count;
	bool has_complained;
	struct env_timer release; /* runs while sessions of the slot are being released */
	uint64_t release_deadline_us;
	struct slot_listener *prev, *next;
};

/* ---- accepting ---- */

static bool is_held_here(const struct shard *shard, const struct image *image, int32_t slot)
{
	const struct image_slot *found = image_find_slot(image, slot);

	return found && found->holder == shard->worker.broker->identity.node_id;
}

static void door_ready(struct env_socket *door, unsigned events, void *context)
{
	struct slot_listener *l = context;
	struct worker *worker = &l->shard->worker;
	const struct view view = {VIEW_SLOT, l->slot, -1};
	struct env_socket *socket;
	struct flow *flow;

	(void)events;
	while (env_accept(worker->env, door, NULL, NULL, &socket) == 0) {
		env_socket_detach(worker->env, socket);
		flow = flow_open(l->shard, socket, l->slot);
		if (is_held_here(l->shard, worker->image, l->slot))
			session_own_flow(session_new(worker, socket, &view), flow);
		else
			forward_new(l->shard, socket, l->slot, flow); /* S5 */
	}
}

/* ---- doors ---- */

static struct slot_door *find_door(const struct slot_listener *l, const struct net_address *address)
{
	for (int32_t i = 0; i < l->door_count; i++)
		if (net_address_equal(&l->doors[i].address, address))
			return &l->doors[i];
	return NULL;
}

static bool is_literal(const struct net_address *address)
{
	static const uint8_t none[16];

	return memcmp(address->ip, none, sizeof(none)) != 0;
}

/* Keeps the listeners of addresses that stay, closes the others; new ones are opened later, when
 * every slot has given up what it lost. */
static void doors_reshape(struct slot_listener *l, const struct image_slot *slot)
{
	int32_t most = slot ? slot->address_count : 0, count = 0;
	struct slot_door *doors = mem_alloc((size_t)(most + 1) * sizeof(*doors));

	for (int32_t i = 0; i < most; i++) {
		struct slot_door *old = find_door(l, &slot->addresses[i].address);

		if (!is_literal(&slot->addresses[i].address))
			continue;
		doors[count].address = slot->addresses[i].address;
		if (old) {
			doors[count].listener = old->listener;
			old->listener = NULL;
		}
		count++;
	}
	for (int32_t i = 0; i < l->door_count; i++)
		env_socket_close(l->shard->worker.env, l->doors[i].listener);
	mem_free(l->doors);
	l->doors = doors;
	l->door_count = count;
}

static void doors_open(struct slot_listener *l)
{
	struct env *env = l->shard->worker.env;
	char text[NET_ADDRESS_TEXT_BYTES];
	bool failed = false;

	for (int32_t i = 0; i < l->door_count; i++) {
		struct slot_door *door = &l->doors[i];
		int rc;

		if (door->listener)
			continue;
		rc = env_listen(env, &door->address,
				(struct env_listen_options){.any_address = true}, door_ready, l,
				&door->listener);
		if (rc == 0)
			continue;
		failed = true;
		door->listener = NULL;
		if (!l->has_complained)
			env_log(env, LOG_ERROR,
				"slot %d: cannot listen on %s: %s; free that port on this node or "
				"move the slot "
				"to another address: it is tried again at the next change of "
				"metadata",
				l->slot, net_address_format(&door->address, text), strerror(-rc));
		l->has_complained = true;
	}
	l->has_complained = failed;
}

/* ---- release (S4) ---- */

static bool is_of_slot(const struct session *session, int32_t slot)
{
	const struct view *view = session_view(session);

	return view->kind == VIEW_SLOT && view->slot == slot;
}

static bool has_sessions(const struct slot_listener *l)
{
	for (const struct session *s = l->shard->worker.sessions; s; s = session_next(s))
		if (is_of_slot(s, l->slot))
			return true;
	return false;
}

static void release_look(struct env_timer *timer)
{
	struct slot_listener *l = container_of(timer, struct slot_listener, release);
	struct env *env = l->shard->worker.env;

	if (has_sessions(l) && env_now_us(env) < l->release_deadline_us)
		env_timer_after(env, timer, RELEASE_LOOK_MS * 1000);
	else
		steering_release(l->shard->worker.broker, env, l->slot, true);
}

/* S4: the replicas lead no longer; now the answers leave, then the connections are reset, then the
 * announcement is withdrawn. */
static void release_begin(struct slot_listener *l)
{
	struct worker *worker = &l->shard->worker;
	uint64_t release_us = (uint64_t)worker->broker->settings->release_ms * 1000;
	struct session *session, *next;

	if (!has_sessions(l))
		return;
	steering_release(worker->broker, worker->env, l->slot, false);
	for (session = worker->sessions; session; session = next) {
		next = session_next(session);
		if (is_of_slot(session, l->slot))
			session_release(session, release_us);
	}
	/* Sessions keep the time themselves; the deadline only bounds waiting for them. */
	l->release_deadline_us = env_now_us(worker->env) + release_us + 4 * RELEASE_LOOK_MS * 1000;
	env_timer_after(worker->env, &l->release, 0);
}

/* ---- images ---- */

/* Slots only ever grow in number (S1), and the list rises. */
static void add_new_slots(struct shard *shard, const struct image *image)
{
	int32_t step = (int32_t)shard->worker.broker->shard_count;
	int32_t slot = shard->slots ? shard->slots->prev->slot + step : (int32_t)shard->number;

	for (; slot < image->slot_count; slot += step) {
		struct slot_listener *l = mem_alloc(sizeof(*l));

		l->shard = shard;
		l->slot = slot;
		l->release.fire = release_look;
		DL_APPEND(shard->slots, l);
	}
}

void slot_listeners_apply(struct shard *shard, const struct image *image)
{
	const struct image *old = shard->worker.image;
	struct slot_listener *l;

	add_new_slots(shard, image);
	DL_FOREACH(shard->slots, l)
		if (image_find_slot(image, l->slot) != image_find_slot(old, l->slot))
			doors_reshape(l, image_find_slot(image, l->slot));
	DL_FOREACH(shard->slots, l) {
		doors_open(l);
		if (is_held_here(shard, old, l->slot) && !is_held_here(shard, image, l->slot))
			release_begin(l);
	}
}

void slot_listeners_done(struct shard *shard)
{
	struct env *env = shard->worker.env;
	struct slot_listener *l, *next;

	forwards_done(shard);
	forward_arrivals_done(&shard->worker);
	DL_FOREACH_SAFE(shard->slots, l, next) {
		env_timer_stop(env, &l->release);
		for (int32_t i = 0; i < l->door_count; i++)
			env_socket_close(env, l->doors[i].listener);
		DL_DELETE(shard->slots, l);
		mem_free(l->doors);
		mem_free(l);
	}
}
