/* Owns the client side of connections between brokers.
 *
 *     IDLE --peer_connect()--> CONNECTING --writable--> HELLO --take_hello--> PROOF --verdict-->
 * READY ^ |
 *      +------------------------------- peer_break(): error, silence, end -----------------------+
 *
 * Calls made before READY wait in `out`, which begins with the handshake's own frames until then.
 */
#include "broker/peer.h"

#include "base/container_of.h"
#include "base/mem.h"

#include <errno.h>
#include <utlist.h>

enum peer_state { PEER_IDLE, PEER_CONNECTING, PEER_HELLO, PEER_PROOF, PEER_READY };

struct peer {
	struct peer_options options;
	enum peer_state state;
	struct env_socket *socket;
	struct handshake handshake;
	struct buffer in;
	struct wire_output hands; /* the handshake's frames, sent first */
	struct wire_output out;   /* requests */
	size_t sent;
	struct peer_call *calls; /* oldest first */
	int32_t next_correlation_id;
	struct env_timer silence; /* runs while anything is owed to us */
	bool knows_incarnation;
	bool send_is_posted, is_dead;
	struct env_message send_message;
};

static void peer_break(struct peer *peer, int rc)
{
	struct peer_call *calls = peer->calls, *call, *next;
	struct uuid incarnation = peer->handshake.server_incarnation;
	bool knows = peer->knows_incarnation;

	if (peer->state == PEER_IDLE)
		return;
	env_socket_close(peer->options.env, peer->socket);
	env_timer_stop(peer->options.env, &peer->silence);
	peer->socket = NULL;
	peer->state = PEER_IDLE;
	peer->knows_incarnation = false;
	peer->in.size = 0;
	peer->hands.bytes.size = 0;
	peer->out.bytes.size = 0;
	peer->sent = 0;
	peer->calls = NULL;
	DL_FOREACH_SAFE(calls, call, next) {
		DL_DELETE(calls, call);
		call->done(call, rc, NULL, 0);
	}
	if (peer->options.broken)
		peer->options.broken(peer->options.context, rc, knows ? &incarnation : NULL);
}

void peer_disconnect(struct peer *peer, int rc)
{
	peer_break(peer, rc);
}

static void peer_silent(struct env_timer *timer)
{
	struct peer *peer = container_of(timer, struct peer, silence);

	/* A SYN that nobody answered is other evidence than an answer that does not come (S11). */
	peer_break(peer, peer->state == PEER_CONNECTING ? -EHOSTUNREACH : -ETIMEDOUT);
}

/* Something is owed to us until the handshake is done and no call waits. */
static void peer_mind_silence(struct peer *peer)
{
	bool owed = peer->state != PEER_READY || peer->calls;

	if (!owed || peer->options.silence_us == 0)
		env_timer_stop(peer->options.env, &peer->silence);
	else
		env_timer_after(peer->options.env, &peer->silence, peer->options.silence_us);
}

/* ---- sending ---- */

static struct wire_output *sending(struct peer *peer)
{
	return peer->state == PEER_READY ? &peer->out : &peer->hands;
}

static void peer_flush(struct peer *peer)
{
	struct wire_output *out = sending(peer);
	ssize_t count = 0;

	while (peer->sent < out->bytes.size) {
		struct iovec piece = {out->bytes.data + peer->sent, out->bytes.size - peer->sent};

		count = env_socket_send(peer->options.env, peer->socket, &piece, 1);
		if (count < 0)
			break;
		peer->sent += (size_t)count;
	}
	if (count < 0 && count != -EAGAIN) {
		peer_break(peer, (int)count);
		return;
	}
	if (peer->sent == out->bytes.size) {
		out->bytes.size = 0;
		peer->sent = 0;
	}
	env_socket_watch(peer->options.env, peer->socket,
			 out->bytes.size ? ENV_READABLE | ENV_WRITABLE : ENV_READABLE);
}

static void peer_send_posted(struct env *here, struct env_message *message)
{
	struct peer *peer = container_of(message, struct peer, send_message);

	(void)here;
	peer->send_is_posted = false;
	if (peer->is_dead)
		peer_free(peer);
	else if (peer->state == PEER_READY)
		peer_flush(peer);
}

static void peer_flush_later(struct peer *peer)
{
	if (peer->send_is_posted)
		return;
	peer->send_is_posted = true;
	peer->send_message.run = peer_send_posted;
	env_post(peer->options.env, peer->options.env->shard, &peer->send_message);
}

void peer_send(struct peer *peer, const struct wire_api *api, int16_t version, const void *request,
	       struct peer_call *call)
{
	call->correlation_id = peer->next_correlation_id++;
	if (peer->state == PEER_IDLE)
		peer_connect(peer);
	wire_encode_request(api, version, call->correlation_id, NULL, request, &peer->out);
	DL_APPEND(peer->calls, call);
	if (!env_timer_is_running(&peer->silence))
		peer_mind_silence(peer);
	peer_flush_later(peer);
}

/* ---- receiving ---- */

static void peer_take_answer(struct peer *peer, const uint8_t *frame, size_t size)
{
	struct peer_call *call = peer->calls;

	if (!call || size < 4 || (int32_t)bytes_load_u32(frame) != call->correlation_id) {
		peer_break(peer, -EBADMSG);
		return;
	}
	DL_DELETE(peer->calls, call);
	peer_mind_silence(peer);
	call->done(call, 0, frame, size);
}

static void peer_take_frame(struct peer *peer, const uint8_t *frame, size_t size)
{
	int rc = 0;

	switch (peer->state) {
	case PEER_HELLO:
		rc = handshake_take_hello(&peer->handshake, peer->options.identity,
					  peer->options.node_id, frame, size, &peer->hands);
		peer->knows_incarnation = rc != -EBADMSG;
		peer->state = PEER_PROOF;
		if (rc == 0)
			peer_flush(peer);
		break;
	case PEER_PROOF:
		rc = handshake_take_verdict(frame, size);
		if (rc < 0)
			break;
		peer->state = PEER_READY;
		peer_mind_silence(peer);
		peer_flush_later(peer);
		if (peer->options.ready)
			peer->options.ready(peer->options.context,
					    &peer->handshake.server_incarnation);
		break;
	case PEER_READY:
		peer_take_answer(peer, frame, size);
		break;
	case PEER_IDLE:
	case PEER_CONNECTING:
		break;
	}
	if (rc < 0)
		peer_break(peer, rc);
}

/* Takes whole frames off `in`. A callback may break or empty the peer: the socket tells. */
static void peer_parse(struct peer *peer)
{
	size_t used = 0;

	while (peer->socket && peer->in.size - used >= 4) {
		uint32_t frame = bytes_load_u32(peer->in.data + used);

		if (frame > PEER_RESPONSE_MOST_BYTES) {
			peer_break(peer, -EBADMSG);
			return;
		}
		if (peer->in.size - used - 4 < frame)
			break;
		used += 4 + frame;
		peer_take_frame(peer, peer->in.data + used - frame, frame);
	}
	if (!peer->socket)
		return;
	buffer_consume(&peer->in, used);
	if (peer->in.size == 0 && peer->in.capacity > SESSION_KEEPS_BYTES)
		buffer_done(&peer->in);
}

static size_t peer_wanted(const struct peer *peer)
{
	size_t rest;

	if (peer->in.size < 4)
		return 4096;
	rest = bytes_load_u32(peer->in.data) + 4 - peer->in.size;
	return rest > SCRATCH_BYTES ? SCRATCH_BYTES : rest < 4096 ? 4096 : rest;
}

static void peer_receive(struct peer *peer)
{
	for (int round = 0; peer->socket && round < SESSION_ROUNDS; round++) {
		size_t wanted = peer_wanted(peer);
		ssize_t count = env_socket_receive(peer->options.env, peer->socket,
						   buffer_reserve(&peer->in, wanted), wanted);

		if (count == -EAGAIN)
			return;
		if (count <= 0) {
			peer_break(peer, count == 0 ? -ECONNRESET : (int)count);
			return;
		}
		peer->in.size += (size_t)count;
		if (peer->calls)
			peer_mind_silence(peer);
		peer_parse(peer);
	}
}

static void peer_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct peer *peer = context;
	int rc;

	if (peer->state == PEER_CONNECTING) {
		rc = env_socket_error(peer->options.env, socket);
		if (rc == -EINPROGRESS)
			return;
		if (rc < 0) {
			peer_break(peer, rc);
			return;
		}
		peer->state = PEER_HELLO;
		handshake_hello(&peer->handshake, peer->options.env, peer->options.identity,
				peer->options.purpose, peer->options.lane, &peer->hands);
		peer_flush(peer);
		return;
	}
	if (events & ENV_WRITABLE)
		peer_flush(peer);
	if ((events & ENV_READABLE) && peer->socket)
		peer_receive(peer);
}

/* ---- life ---- */

static void peer_connect_failed(struct env_timer *timer)
{
	struct peer *peer = container_of(timer, struct peer, silence);

	peer->silence.fire = peer_silent;
	peer_break(peer, -ECONNREFUSED);
}

void peer_connect(struct peer *peer)
{
	int rc;

	if (peer->state != PEER_IDLE)
		return;
	peer->state = PEER_CONNECTING;
	peer->silence.fire = peer_silent;
	rc = env_connect(peer->options.env, &peer->options.address, peer_ready, peer,
			 &peer->socket);
	if (rc < 0) {
		/* Told in a later round: peer_send() promises not to call back. */
		peer->socket = NULL;
		peer->silence.fire = peer_connect_failed;
		env_timer_after(peer->options.env, &peer->silence, 1000);
		return;
	}
	peer_mind_silence(peer);
}

bool peer_is_ready(const struct peer *peer)
{
	return peer->state == PEER_READY;
}

struct peer *peer_new(const struct peer_options *options)
{
	struct peer *peer = mem_alloc(sizeof(*peer));

	peer->options = *options;
	peer->silence.fire = peer_silent;
	return peer;
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	if (!peer->is_dead) {
		peer->options.broken = NULL;
		peer_break(peer, -ECANCELED);
	}
	peer->is_dead = true;
	if (peer->send_is_posted)
		return; /* the message frees it */
	buffer_done(&peer->in);
	wire_output_done(&peer->hands);
	wire_output_done(&peer->out);
	mem_free(peer);
}

struct env_socket *peer_take_socket(struct peer *peer)
{
	struct env_socket *socket = peer->socket;

	env_socket_detach(peer->options.env, socket);
	env_timer_stop(peer->options.env, &peer->silence);
	peer->socket = NULL;
	peer->state = PEER_IDLE;
	return socket;
}
