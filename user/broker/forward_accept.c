/* Owns forwarded connections on the holder's side until they are sessions (S5).
 *
 *   control loop: forward_arrived() --> reads the preface --post--> shard's loop: arrival_land()
 *     image older than the preface's --> waits, hold_ms at most
 *     this broker holds the slot     --> answered, a session with the slot's view (S6)
 *     somebody else does             --> reset: it is never forwarded again
 *
 * 1. While an arrival belongs to a loop and waits, it is in that worker's image_waiters: for its
 *    preface with a time limit only, then for an image.
 * 2. Before the preface at most HANDSHAKE_MOST_BYTES are read; after it nothing is, by us. */
#include "broker/forward.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/limits.h"
#include "broker/session.h"
#include "broker/shard.h"

#include <errno.h>
#include <utlist.h>

struct arrival {
	struct image_waiter waiter; /* first */
	struct env_message message;
	struct worker *worker; /* whose loop it is on */
	struct shard *shard;   /* where it goes; NULL before the preface */
	struct env_socket *socket;
	struct buffer in;
	int32_t slot;
	int32_t correlation_id;
	int64_t metadata_offset;
};

static void arrival_free(struct arrival *a)
{
	buffer_done(&a->in);
	mem_free(a);
}

static void arrival_reset(struct arrival *a)
{
	if (a->shard)
		counter_add(&a->shard->worker.counters, COUNTER_FORWARD_ARRIVED_RESET, 1);
	env_socket_reset(a->worker->env, a->socket);
	arrival_free(a);
}

/* Out of turn: neither a new image nor the deadline came. */
static void stop_waiting(struct arrival *a)
{
	DL_DELETE(a->worker->image_waiters, &a->waiter);
	env_timer_stop(a->worker->env, &a->waiter.timer);
}

/* ---- on the slot's shard ---- */

static int answer_preface(struct arrival *a)
{
	struct forward_preface_response response = {0};
	struct wire_output out = {0};
	struct iovec piece;
	ssize_t sent;

	wire_encode_response(&wire_forward_preface, 0, a->correlation_id, &response, &out);
	piece = (struct iovec){out.bytes.data, out.bytes.size};
	sent = env_socket_send(a->worker->env, a->socket, &piece, 1);
	wire_output_done(&out);
	return sent == (ssize_t)piece.iov_len ? 0 : -EPIPE; /* it is the first thing in the queue */
}

static void arrival_serve(struct arrival *a)
{
	const struct view view = {VIEW_SLOT, a->slot, -1}; /* S6: by the preface's slot */
	struct session *session;

	if (answer_preface(a) < 0) {
		arrival_reset(a);
		return;
	}
	counter_add(&a->shard->worker.counters, COUNTER_FORWARD_ARRIVED, 1);
	env_socket_detach(a->worker->env, a->socket);
	session = session_new(a->worker, a->socket, &view);
	if (a->in.size > 0)
		session_feed(session, a->in.data, a->in.size);
	arrival_free(a);
}

/* Returns true when the arrival has been served or reset. */
static bool arrival_decide(struct image_waiter *waiter, bool deadline)
{
	struct arrival *a = (struct arrival *)waiter;
	const struct image *image = a->worker->image;
	const struct image_slot *slot = image_find_slot(image, a->slot);
	bool caught_up = image->offset >= a->metadata_offset;

	if (!caught_up && !deadline)
		return false;
	if (caught_up && slot && slot->holder == a->worker->broker->identity.node_id)
		arrival_serve(a);
	else
		arrival_reset(a);
	return true;
}

/* Only errors could be told, and nothing is watched. */
static void arrival_quiet(struct env_socket *socket, unsigned events, void *context)
{
	(void)socket;
	(void)events;
	(void)context;
}

static void arrival_land(struct env *here, struct env_message *message)
{
	struct arrival *a = container_of(message, struct arrival, message);
	uint64_t hold_us = (uint64_t)a->shard->worker.broker->settings->hold_ms * 1000;

	a->worker = &a->shard->worker;
	env_socket_attach(here, a->socket, arrival_quiet, a);
	a->waiter.look = arrival_decide;
	if (!arrival_decide(&a->waiter, false))
		worker_await_image(a->worker, &a->waiter, env_now_us(here) + hold_us);
}

/* ---- on the control loop ---- */

static bool preface_late(struct image_waiter *waiter, bool deadline)
{
	if (deadline)
		arrival_reset((struct arrival *)waiter);
	return deadline;
}

/* Returns 0 or -EBADMSG. */
static int arrival_take_preface(struct arrival *a, const uint8_t *frame, size_t size)
{
	struct reader in = reader_of(frame, size);
	struct wire_request_header header;
	struct forward_preface_request preface;
	struct arena arena;
	int rc;

	if (wire_peek_request(&in, &header) < 0 || header.api_key != wire_forward_preface.key ||
	    header.api_version != 0 ||
	    wire_decode_request_header(&wire_forward_preface, &in, &header) < 0)
		return -EBADMSG;
	arena_init(&arena, HANDSHAKE_MOST_BYTES);
	rc = wire_decode_request(&wire_forward_preface, 0, &in, &arena, &preface);
	arena_done(&arena); /* the preface has no arrays */
	if (rc < 0 || preface.slot < 0 || preface.slot >= IMAGE_MOST_SLOTS)
		return -EBADMSG;
	a->slot = preface.slot;
	a->metadata_offset = preface.metadata_offset;
	a->correlation_id = header.correlation_id;
	return 0;
}

/* Returns 0, -EAGAIN while the preface is not whole, or -EBADMSG. */
static int arrival_parse(struct arrival *a)
{
	uint32_t size;
	int rc;

	if (a->in.size < 4)
		return -EAGAIN;
	size = bytes_load_u32(a->in.data);
	if (size > HANDSHAKE_MOST_BYTES - 4)
		return -EBADMSG;
	if (a->in.size - 4 < size)
		return -EAGAIN;
	rc = arrival_take_preface(a, a->in.data + 4, size);
	buffer_consume(&a->in, 4 + (size_t)size);
	return rc;
}

/* Goes on as far as the bytes that are here allow. */
static void arrival_advance(struct arrival *a)
{
	struct broker *broker = a->worker->broker;
	struct env *env = a->worker->env;
	int rc = arrival_parse(a);

	if (rc == -EAGAIN)
		return;
	stop_waiting(a);
	if (rc < 0) {
		worker_note_refusal(a->worker, a->socket, REFUSAL_NO_PREFACE);
		arrival_reset(a);
		return;
	}
	env_socket_detach(env, a->socket);
	a->shard = broker->shards[broker_shard_of_slot(broker, a->slot)];
	a->message.run = arrival_land;
	env_post(env, a->shard->number, &a->message);
}

static void arrival_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct arrival *a = context;
	size_t room = HANDSHAKE_MOST_BYTES - a->in.size;
	ssize_t count =
		env_socket_receive(a->worker->env, socket, buffer_reserve(&a->in, room), room);

	(void)events;
	if (count == -EAGAIN)
		return;
	if (count <= 0) {
		stop_waiting(a);
		arrival_reset(a);
		return;
	}
	a->in.size += (size_t)count;
	arrival_advance(a);
}

void forward_arrived(struct worker *control, struct env_socket *socket, const uint8_t *early,
		     size_t early_size)
{
	struct arrival *a = mem_alloc(sizeof(*a));

	a->worker = control;
	a->socket = socket;
	a->waiter.look = preface_late;
	worker_await_image(control, &a->waiter,
			   env_now_us(control->env) + HANDSHAKE_MOST_MS * 1000);
	env_socket_detach(control->env, socket);
	env_socket_attach(control->env, socket, arrival_ready, a);
	env_socket_watch(control->env, socket, ENV_READABLE);
	if (early_size > 0)
		buffer_put(&a->in, early, early_size);
	arrival_advance(a);
}

void forward_arrivals_done(struct worker *worker)
{
	struct image_waiter *waiter, *next;

	DL_FOREACH_SAFE(worker->image_waiters, waiter, next)
		if (waiter->look == preface_late || waiter->look == arrival_decide) {
			struct arrival *a = (struct arrival *)waiter;

			stop_waiting(a);
			arrival_reset(a);
		}
}
