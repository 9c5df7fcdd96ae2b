/* Owns connections to the internal listener until they have proved who they are (S9).
 *
 *     accept --> HELLO --answer_hello--> PROOF --answer_proof--> handed over
 *                  |                       |
 *                  +---- wrong, late, too long, not a handshake: closed and counted
 *
 * At most HANDSHAKE_MOST_BYTES are read before the hand-over, for at most HANDSHAKE_MOST_MS. */
#include "broker/internal_listener.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/forward.h"
#include "broker/handshake.h"
#include "broker/session.h"
#include "broker/shard.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

struct newcomer {
	struct internal_listener *listener;
	struct env_socket *socket;
	struct handshake handshake;
	bool said_hello;
	struct buffer in;
	struct wire_output out;
	size_t sent;
	struct env_timer timer;
	struct newcomer *prev, *next;
};

struct internal_listener {
	struct worker *control;
	struct env_socket *socket;
	struct newcomer *newcomers;
};

static void newcomer_free(struct newcomer *n)
{
	struct env *env = n->listener->control->env;

	env_timer_stop(env, &n->timer);
	env_socket_close(env, n->socket);
	DL_DELETE(n->listener->newcomers, n);
	buffer_done(&n->in);
	wire_output_done(&n->out);
	mem_free(n);
}

static void newcomer_refuse(struct newcomer *n, enum refusal refusal)
{
	worker_note_refusal(n->listener->control, n->socket, refusal);
	newcomer_free(n);
}

static void newcomer_late(struct env_timer *timer)
{
	newcomer_refuse(container_of(timer, struct newcomer, timer), REFUSAL_HANDSHAKE_LATE);
}

/* The answers are smaller than any send queue: what does not leave at once is a broken peer. */
static int newcomer_flush(struct newcomer *n)
{
	struct iovec piece = {n->out.bytes.data, n->out.bytes.size};
	ssize_t count = env_socket_send(n->listener->control->env, n->socket, &piece, 1);
	bool left = count == (ssize_t)n->out.bytes.size;

	n->out.bytes.size = 0;
	return left ? 0 : -EPIPE;
}

static void newcomer_hand_over(struct newcomer *n)
{
	struct worker *control = n->listener->control;
	struct broker *broker = control->broker;
	struct env_socket *socket = n->socket;
	const struct view view = {VIEW_PEER, -1, n->handshake.client_node};
	int32_t lane = n->handshake.lane;

	n->socket = NULL;
	if (n->handshake.purpose == HANDSHAKE_FORWARD) {
		forward_arrived(control, socket, n->in.data, n->in.size);
	} else if (lane >= LANE_FETCH) {
		unsigned number = (unsigned)(lane - LANE_FETCH) % broker->shard_count;

		env_socket_detach(control->env, socket);
		shard_adopt(control->env, broker->shards[number], socket, &view, n->in.data,
			    n->in.size);
	} else {
		struct session *session;

		env_socket_detach(control->env, socket);
		session = session_new(control, socket, &view);
		if (n->in.size)
			session_feed(session, n->in.data, n->in.size);
	}
	newcomer_free(n);
}

static enum refusal refusal_of(const struct newcomer *n, int rc)
{
	if (rc != -EPERM)
		return REFUSAL_NOT_A_BROKER;
	return n->said_hello ? REFUSAL_WRONG_SECRET : REFUSAL_OTHER_CLUSTER;
}

/* One frame. Returns 1 when the connection has been handed over or refused. */
static int newcomer_take(struct newcomer *n, const uint8_t *frame, size_t size)
{
	struct worker *control = n->listener->control;
	const struct identity *identity = &control->broker->identity;
	int rc;

	if (!n->said_hello)
		rc = handshake_answer_hello(&n->handshake, control->env, identity, frame, size,
					    &n->out);
	else
		rc = handshake_answer_proof(&n->handshake, identity, frame, size, &n->out);
	if (rc == 0)
		rc = newcomer_flush(n);
	if (rc < 0) {
		counter_add(&control->counters, COUNTER_AUTHENTICATIONS_FAILED, rc == -EPERM);
		newcomer_refuse(n, refusal_of(n, rc));
		return 1;
	}
	buffer_consume(&n->in, size + 4);
	if (n->said_hello) {
		newcomer_hand_over(n);
		return 1;
	}
	n->said_hello = true;
	return 0;
}

static void newcomer_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct newcomer *n = context;
	size_t room = HANDSHAKE_MOST_BYTES - n->in.size;
	ssize_t count = env_socket_receive(n->listener->control->env, socket,
					   buffer_reserve(&n->in, room), room);

	(void)events;
	if (count == -EAGAIN)
		return;
	if (count <= 0) {
		if (n->said_hello)
			newcomer_free(n); /* a dial (S11) wants no more than the hello */
		else
			newcomer_refuse(n, REFUSAL_HANDSHAKE_ENDED);
		return;
	}
	n->in.size += (size_t)count;
	while (n->in.size >= 4) {
		uint32_t size = bytes_load_u32(n->in.data);

		if (size > HANDSHAKE_MOST_BYTES - 4) {
			newcomer_refuse(n, REFUSAL_NO_HANDSHAKE);
			return;
		}
		if (n->in.size - 4 < size)
			return;
		if (newcomer_take(n, n->in.data + 4, size))
			return;
	}
}

static void accept_newcomers(struct env_socket *socket, unsigned events, void *context)
{
	struct internal_listener *listener = context;
	struct env *env = listener->control->env;
	struct env_socket *accepted;

	(void)events;
	while (env_accept(env, socket, NULL, NULL, &accepted) == 0) {
		struct newcomer *n = mem_alloc(sizeof(*n));

		n->listener = listener;
		n->socket = accepted;
		n->timer.fire = newcomer_late;
		DL_APPEND(listener->newcomers, n);
		env_socket_detach(env, accepted);
		env_socket_attach(env, accepted, newcomer_ready, n);
		env_socket_watch(env, accepted, ENV_READABLE);
		env_timer_after(env, &n->timer, HANDSHAKE_MOST_MS * 1000);
	}
}

int internal_listener_open(struct worker *control, struct internal_listener **ret)
{
	const struct image_endpoint *endpoint =
		&control->broker->addresses->listeners[IMAGE_INTERNAL];
	struct internal_listener *listener;
	char text[NET_ADDRESS_TEXT_BYTES];
	int rc;

	*ret = NULL;
	if (!endpoint->host)
		return 0;
	listener = mem_alloc(sizeof(*listener));
	listener->control = control;
	rc = env_listen(control->env, &endpoint->address, (struct env_listen_options){0},
			accept_newcomers, listener, &listener->socket);
	if (rc < 0) {
		env_log(control->env, LOG_ERROR,
			"cannot listen on %s: %s; set listeners to a free address",
			net_address_format(&endpoint->address, text), strerror(-rc));
		mem_free(listener);
		return rc;
	}
	*ret = listener;
	return 0;
}

void internal_listener_close(struct internal_listener *listener)
{
	if (!listener)
		return;
	while (listener->newcomers)
		newcomer_free(listener->newcomers);
	env_socket_close(listener->control->env, listener->socket);
	mem_free(listener);
}
