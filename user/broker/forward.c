/* Owns connections to slots that are held elsewhere, on the side that accepted them (S5).
 *
 *                        forward_new()
 *                             |
 *          forward_place()    v       dial_begin()              dial_answered()
 *   session <------------- [placing] ---------------> DIALLING ----------------> PUMPING
 *   (held here)               ^  |                       |                          |
 *                             |  +--> HELD <-------------+ unreachable, no answer   |
 *                             |        |                                            |
 *                             +--------+------ another holder: forwards_follow() ---+ nothing was
 *                                      |                                            | forwarded yet
 *                                      +-- hold_ms: reset                           +-- else: reset
 *
 * 1. While not PUMPING at most FORWARD_HELD_BYTES are read from the client; while PUMPING at most
 * so many wait in each direction: who sends is not read from until the other side takes more.
 * 2. A connection of which bytes were forwarded never changes its holder.
 * 3. `hold` runs exactly while HELD or DIALLING.
 * 4. A dial outlives its forward until its peer may be freed: callbacks of peers end in dials only.
 *
 * An end of the stream is carried over once the bytes before it have left, and ends both ways, as a
 * session does; a reset is carried over as one. The receiving side is forward_accept.c. */
#include "broker/forward.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/flow.h"
#include "broker/limits.h"
#include "broker/peer.h"
#include "broker/session.h"
#include "broker/shard.h"

#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

enum forward_state { FORWARD_HELD, FORWARD_DIALLING, FORWARD_PUMPING };

struct way {
	struct buffer bytes; /* received, not yet sent on */
	bool ended;          /* nothing comes any more */
};

struct forward {
	struct shard *shard;
	int32_t slot;
	struct flow *flow;
	enum forward_state state;
	int32_t holder;       /* by the image that we followed last; -1: nobody */
	int64_t holder_epoch; /* its registration */
	struct env_socket *client, *remote;
	struct way up, down; /* to the holder, to the client */
	bool has_forwarded;
	struct dial *dial;
	struct env_timer hold;
	struct forward *prev, *next;
};

struct dial {
	struct forward *forward; /* NULL: nobody wants it any more */
	struct shard *shard;
	struct peer *peer;
	struct peer_call call;
	struct env_message burial;
};

static void forward_place(struct forward *f);

static struct env *env_of(const struct forward *f)
{
	return f->shard->worker.env;
}

static struct counters *counters_of(const struct forward *f)
{
	return &f->shard->worker.counters;
}

/* ---- dialling the holder ---- */

static void dial_bury(struct env *here, struct env_message *message)
{
	struct dial *dial = container_of(message, struct dial, burial);

	(void)here;
	peer_free(dial->peer);
	mem_free(dial);
}

/* Perhaps from within the peer's callback, where it must not be freed. */
static void dial_end(struct dial *dial)
{
	struct env *env = dial->shard->worker.env;

	dial->forward->dial = NULL;
	dial->forward = NULL;
	dial->burial.run = dial_bury;
	env_post(env, env->shard, &dial->burial);
}

static int preface_verdict(const uint8_t *frame, size_t size)
{
	struct forward_preface_response response;
	struct reader in = reader_of(frame, size);
	int32_t correlation_id;
	struct arena arena;
	int rc;

	arena_init(&arena, HANDSHAKE_MOST_BYTES);
	rc = wire_decode_response(&wire_forward_preface, 0, &in, &arena, &correlation_id,
				  &response);
	arena_done(&arena);
	return rc < 0 ? rc : response.error_code == 0 ? 0 : -EPERM;
}

static void forward_begin_pumping(struct forward *f, struct env_socket *remote);

static void dial_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct dial *dial = container_of(call, struct dial, call);
	struct forward *f = dial->forward;
	struct env_socket *remote = NULL;

	if (!f)
		return;
	if (rc == 0 && preface_verdict(frame, size) == 0)
		remote = peer_take_socket(dial->peer);
	dial_end(dial);
	if (remote)
		forward_begin_pumping(f, remote);
	else
		f->state = FORWARD_HELD;
}

static void dial_begin(struct forward *f, const struct image_endpoint *endpoint)
{
	struct broker *broker = f->shard->worker.broker;
	struct dial *dial = mem_alloc(sizeof(*dial));
	struct net_address client;
	struct peer_options options = {
		.env = env_of(f),
		.identity = &broker->identity,
		.node_id = f->holder,
		.address = endpoint->address,
		.purpose = HANDSHAKE_FORWARD,
		.lane = LANE_FORWARD,
		.silence_us = (uint64_t)broker->settings->hold_ms * 1000,
	};
	struct forward_preface_request preface = {
		.slot = f->slot,
		.metadata_offset = f->shard->worker.image->offset,
	};

	env_socket_peer(env_of(f), f->client, &client);
	preface.client_host = (struct wire_bytes){client.ip, sizeof(client.ip)};
	preface.client_port = client.port;
	dial->forward = f;
	dial->shard = f->shard;
	dial->peer = peer_new(&options);
	dial->call.done = dial_answered;
	f->dial = dial;
	f->state = FORWARD_DIALLING;
	peer_send(dial->peer, &wire_forward_preface, 0, &preface, &dial->call);
}

/* ---- ending ---- */

static void drop_remote(struct forward *f)
{
	if (f->dial)
		dial_end(f->dial);
	env_socket_close(env_of(f), f->remote);
	f->remote = NULL;
	f->down.ended = false;
	f->down.bytes.size = 0;
	f->state = FORWARD_HELD;
}

static void forward_free(struct forward *f)
{
	env_timer_stop(env_of(f), &f->hold);
	drop_remote(f);
	flow_close(f->flow);
	DL_DELETE(f->shard->forwards, f);
	buffer_done(&f->up.bytes);
	buffer_done(&f->down.bytes);
	mem_free(f);
}

/* Both sides come to their end in good order, or the client left while it was held. */
static void forward_close(struct forward *f)
{
	env_socket_close(env_of(f), f->client);
	forward_free(f);
}

static void forward_reset(struct forward *f)
{
	counter_add(counters_of(f), COUNTER_FORWARD_RESET, 1);
	env_socket_reset(env_of(f), f->client);
	env_socket_reset(env_of(f), f->remote);
	f->remote = NULL;
	forward_free(f);
}

static void hold_is_over(struct env_timer *timer)
{
	forward_reset(container_of(timer, struct forward, hold));
}

/* ---- bytes ---- */

/* Sends what waits. Returns 0 (perhaps with a rest), or -errno: `to` is broken. */
static int way_send(struct env *env, struct way *way, struct env_socket *to, uint64_t *counter)
{
	size_t sent = 0;
	ssize_t count = 0;

	while (sent < way->bytes.size && count >= 0) {
		struct iovec piece = {way->bytes.data + sent, way->bytes.size - sent};

		count = env_socket_send(env, to, &piece, 1);
		if (count > 0)
			sent += (size_t)count;
	}
	*counter += sent;
	buffer_consume(&way->bytes, sent);
	if (way->bytes.size == 0)
		buffer_done(&way->bytes); /* idle connections keep no memory */
	return count < 0 && count != -EAGAIN ? (int)count : 0;
}

/* Receives once, as much as there is room for. Returns 0, or -errno: `from` is broken. */
static int way_receive(struct worker *worker, struct way *way, struct env_socket *from)
{
	size_t room = FORWARD_HELD_BYTES - way->bytes.size;
	ssize_t count;

	if (way->ended || room == 0)
		return 0;
	count = env_socket_receive(worker->env, from, worker->scratch, room);
	if (count == 0)
		way->ended = true;
	if (count > 0)
		buffer_put(&way->bytes, worker->scratch, (size_t)count);
	return count < 0 && count != -EAGAIN ? (int)count : 0;
}

static unsigned wanted_events(const struct way *in, const struct way *out)
{
	unsigned events = 0;

	if (!in->ended && in->bytes.size < FORWARD_HELD_BYTES)
		events |= ENV_READABLE;
	if (out->bytes.size > 0)
		events |= ENV_WRITABLE;
	return events;
}

static void forward_watch(struct forward *f)
{
	unsigned client = wanted_events(&f->up, &f->down);

	if (!flow_is_known(f->flow))
		client &= ~(unsigned)ENV_WRITABLE;
	env_socket_watch(env_of(f), f->client, client);
	if (f->remote)
		env_socket_watch(env_of(f), f->remote, wanted_events(&f->down, &f->up));
}

static void report(struct env_timer *timer)
{
	struct shard *shard = container_of(timer, struct shard, forward_report);
	const uint64_t *counts = shard->worker.counters.counts;

	shard->forward_report_due = false;
	env_log(shard->worker.env, LOG_INFO,
		"slots held elsewhere: %" PRIu64 " connections forwarded in user space so far, "
		"%" PRIu64 " bytes to the holders, %" PRIu64 " back",
		counts[COUNTER_FORWARDED], counts[COUNTER_FORWARD_UP_BYTES],
		counts[COUNTER_FORWARD_DOWN_BYTES]);
}

/* For operators who believe that the kernel does this: it is said while it happens. */
static void plan_report(struct shard *shard)
{
	if (shard->forward_report_due)
		return;
	shard->forward_report_due = true;
	shard->forward_report.fire = report;
	env_timer_after(shard->worker.env, &shard->forward_report,
			(uint64_t)FORWARD_REPORT_MS * 1000);
}

static void remote_failed(struct forward *f)
{
	if (f->has_forwarded) {
		forward_reset(f);
		return;
	}
	/* The slot has moved, or its holder died: an image will tell. */
	drop_remote(f);
	env_timer_after(env_of(f), &f->hold,
			(uint64_t)f->shard->worker.broker->settings->hold_ms * 1000);
	forward_watch(f);
}

/* Sends on what has come, both ways, and looks for ends. f may be gone afterwards. */
static void forward_carry(struct forward *f)
{
	uint64_t *up = &counters_of(f)->counts[COUNTER_FORWARD_UP_BYTES];
	uint64_t *down = &counters_of(f)->counts[COUNTER_FORWARD_DOWN_BYTES];
	uint64_t up_before = *up;
	int rc = way_send(env_of(f), &f->up, f->remote, up);

	f->has_forwarded = f->has_forwarded || *up > up_before;
	if (*up > up_before)
		plan_report(f->shard);
	if (rc < 0) {
		remote_failed(f);
		return;
	}
	if (flow_is_known(f->flow) &&
	    way_send(env_of(f), &f->down, f->client, down) < 0) {
		forward_reset(f);
		return;
	}
	if (f->down.ended && !f->has_forwarded)
		remote_failed(f);
	else if ((f->up.ended && f->up.bytes.size == 0) ||
		 (f->down.ended && f->down.bytes.size == 0))
		forward_close(f);
	else
		forward_watch(f);
}

static void forward_flow_known(void *owner)
{
	struct forward *f = owner;

	if (f->state == FORWARD_PUMPING)
		forward_carry(f);
}

static void remote_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct forward *f = context;

	if ((events & ENV_READABLE) && way_receive(&f->shard->worker, &f->down, socket) < 0)
		remote_failed(f);
	else
		forward_carry(f);
}

static void client_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct forward *f = context;

	if ((events & ENV_READABLE) && way_receive(&f->shard->worker, &f->up, socket) < 0)
		forward_reset(f);
	else if (f->state == FORWARD_PUMPING)
		forward_carry(f);
	else if (f->up.ended && f->up.bytes.size == 0)
		forward_close(f);
	else
		forward_watch(f);
}

static void forward_begin_pumping(struct forward *f, struct env_socket *remote)
{
	env_timer_stop(env_of(f), &f->hold);
	f->remote = remote;
	f->state = FORWARD_PUMPING;
	counter_add(counters_of(f), COUNTER_FORWARDED, 1);
	env_socket_attach(env_of(f), remote, remote_ready, f);
	forward_carry(f);
}

/* ---- following the slot ---- */

static int32_t holder_now(const struct forward *f)
{
	const struct image_slot *slot = image_find_slot(f->shard->worker.image, f->slot);

	return slot ? slot->holder : -1;
}

static void forward_become_local(struct forward *f)
{
	struct worker *worker = &f->shard->worker;
	const struct view view = {VIEW_SLOT, f->slot, -1};
	struct buffer early = f->up.bytes;
	struct session *session;

	counter_add(counters_of(f), COUNTER_FORWARD_LOCAL, 1);
	f->up.bytes = (struct buffer){0};
	env_socket_detach(worker->env, f->client);
	session = session_new(worker, f->client, &view);
	session_own_flow(session, f->flow);
	f->flow = NULL;
	forward_free(f);
	if (early.size > 0)
		session_feed(session, early.data, early.size);
	buffer_done(&early);
}

/* Decides by the image in force where the (held) connection goes. */
static void forward_place(struct forward *f)
{
	const struct worker *worker = &f->shard->worker;
	const struct broker_settings *settings = worker->broker->settings;
	const struct image_broker *holder;

	f->holder = holder_now(f);
	if (f->holder == worker->broker->identity.node_id) {
		forward_become_local(f);
		return;
	}
	if (!settings->forwarding) {
		forward_reset(f);
		return;
	}
	env_timer_after(worker->env, &f->hold, (uint64_t)settings->hold_ms * 1000);
	holder = image_find_broker(worker->image, f->holder);
	f->holder_epoch = holder ? holder->epoch : -1;
	forward_watch(f);
	if (holder && holder->endpoints[IMAGE_INTERNAL].host)
		dial_begin(f, &holder->endpoints[IMAGE_INTERNAL]);
}

/* Another holder, or the one that could not be reached has registered anew. */
static bool forward_has_to_move(const struct forward *f)
{
	const struct image_broker *holder;

	if (holder_now(f) != f->holder)
		return true;
	holder = image_find_broker(f->shard->worker.image, f->holder);
	return f->state == FORWARD_HELD && holder && holder->epoch != f->holder_epoch;
}

void forwards_follow(struct shard *shard)
{
	struct forward *f, *next;

	DL_FOREACH_SAFE(shard->forwards, f, next) {
		if (!forward_has_to_move(f))
			continue;
		if (f->has_forwarded) {
			forward_reset(f);
		} else {
			drop_remote(f);
			forward_place(f);
		}
	}
}

/* ---- life ---- */

void forward_new(struct shard *shard, struct env_socket *client, int32_t slot, struct flow *flow)
{
	struct forward *f = mem_alloc(sizeof(*f));

	f->shard = shard;
	f->slot = slot;
	f->client = client;
	f->flow = flow;
	if (flow)
		flow_await(flow, forward_flow_known, f);
	f->hold.fire = hold_is_over;
	DL_APPEND(shard->forwards, f);
	env_socket_attach(shard->worker.env, client, client_ready, f);
	forward_place(f);
}

int32_t forwards_count(const struct shard *shard)
{
	const struct forward *f;
	int32_t count = 0;

	DL_COUNT(shard->forwards, f, count);
	return count;
}

void forwards_done(struct shard *shard)
{
	env_timer_stop(shard->worker.env, &shard->forward_report);
	while (shard->forwards) {
		struct forward *f = shard->forwards;
		struct dial *dial = f->dial;

		if (dial) { /* no posted message runs any more */
			dial->forward = NULL;
			f->dial = NULL;
			peer_free(dial->peer);
			mem_free(dial);
		}
		env_socket_reset(env_of(f), f->client);
		forward_free(f);
	}
}
