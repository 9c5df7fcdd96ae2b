/* Owns the client's connections: one for each address, made when a request needs it.
 *
 * Invariant: calls are answered in the order of their requests, each once: by its response, or by
 * NULL when the connection ends or one of its requests took too long. */
#include "sim/sim_client_int.h"

#include "base/mem.h"

#include <errno.h>
#include <utlist.h>

enum {
	CONNECT_TIMEOUT_US = 1000000,
	RECEIVE_BYTES = 65536,
	RESPONSE_ARENA_BYTES = 4 << 20,
	RESPONSE_MOST_BYTES = 64 << 20,
};

static void link_free(struct sim_link *link)
{
	env_socket_close(link->client->env, link->socket);
	env_timer_stop(link->client->env, &link->timer);
	buffer_done(&link->in);
	buffer_done(&link->out);
	mem_free(link);
}

/* Every call fails; some of them make new ones, on another connection. */
static void link_fail(struct sim_link *link)
{
	struct sim_client *client = link->client;
	struct sim_call *calls = link->calls, *call, *next;

	DL_DELETE(client->links, link);
	link_free(link);
	DL_FOREACH(calls, call)
		env_timer_stop(client->env, &call->timer);
	DL_FOREACH_SAFE(calls, call, next)
		call->done(call, NULL);
}

static void call_timeout(struct env_timer *timer)
{
	link_fail(SIM_OF(timer, struct sim_call, timer)->link);
}

static void connect_timeout(struct env_timer *timer)
{
	link_fail(SIM_OF(timer, struct sim_link, timer));
}

/* ---- sending ---- */

static void link_watch(struct sim_link *link)
{
	unsigned events = link->connected ? ENV_READABLE : ENV_WRITABLE;

	if (link->out.size > 0)
		events |= ENV_WRITABLE;
	env_socket_watch(link->client->env, link->socket, events);
}

/* Returns false when the link is gone. */
static bool link_send(struct sim_link *link)
{
	ssize_t sent = 0;

	while (link->connected && link->out.size > 0 && sent >= 0) {
		struct iovec piece = {link->out.data, link->out.size};

		sent = env_socket_send(link->client->env, link->socket, &piece, 1);
		if (sent > 0)
			buffer_consume(&link->out, (size_t)sent);
	}
	if (sent < 0 && sent != -EAGAIN) {
		link_fail(link);
		return false;
	}
	link_watch(link);
	return true;
}

/* ---- receiving ---- */

/* Returns false when the link is gone, or must go. */
static bool take_response(struct sim_link *link, const uint8_t *frame, size_t size)
{
	struct sim_call *call = link->calls;
	struct reader in = reader_of(frame, size);
	struct arena arena;
	int32_t correlation_id;
	void *response;
	int rc;

	if (!call)
		return false;
	arena_init(&arena, RESPONSE_ARENA_BYTES);
	response = mem_alloc(call->api->response->size);
	rc = wire_decode_response(call->api, call->version, &in, &arena, &correlation_id, response);
	if (rc == 0 && correlation_id == call->correlation_id) {
		DL_DELETE(link->calls, call);
		env_timer_stop(link->client->env, &call->timer);
		link->answered = true;
		call->done(call, response);
	} else {
		env_log(link->client->env, LOG_ERROR, "%s: a response that is none (%d)",
			call->api->name, rc);
		rc = -EBADMSG;
	}
	mem_free(response);
	arena_done(&arena);
	return rc == 0;
}

static void link_take(struct sim_link *link)
{
	while (link->in.size >= 4) {
		size_t size = bytes_load_u32(link->in.data);

		if (size <= RESPONSE_MOST_BYTES && link->in.size - 4 < size)
			return;
		if (size > RESPONSE_MOST_BYTES || !take_response(link, link->in.data + 4, size)) {
			link_fail(link);
			return;
		}
		buffer_consume(&link->in, 4 + size);
	}
}

static void link_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct sim_link *link = context;
	struct env *env = link->client->env;
	ssize_t got;

	if (!link->connected) {
		if (env_socket_error(env, socket) != 0) {
			link_fail(link);
			return;
		}
		link->connected = true;
		env_timer_stop(env, &link->timer);
	}
	if (!link_send(link) || !(events & ENV_READABLE))
		return;
	got = env_socket_receive(env, socket, buffer_reserve(&link->in, RECEIVE_BYTES),
				 RECEIVE_BYTES);
	if (got == -EAGAIN)
		return;
	if (got <= 0) {
		link_fail(link);
		return;
	}
	link->in.size += (size_t)got;
	link_take(link);
}

/* ---- calling ---- */

static struct sim_link *find_link(struct sim_client *client, const struct net_address *to)
{
	struct sim_link *link;

	DL_FOREACH(client->links, link)
		if (net_address_equal(&link->address, to))
			return link;
	return NULL;
}

static struct sim_link *link_new(struct sim_client *client, const struct net_address *to)
{
	struct sim_link *link = mem_alloc(sizeof(*link));

	link->client = client;
	link->address = *to;
	link->timer.fire = connect_timeout;
	DL_APPEND(client->links, link);
	env_timer_after(client->env, &link->timer, CONNECT_TIMEOUT_US);
	/* One that fails at once has no socket, and its calls fail when the timer fires. */
	env_connect(client->env, to, link_ready, link, &link->socket);
	return link;
}

void sim_link_call(struct sim_client *client, const struct net_address *to, struct sim_call *call,
		   const struct wire_api *api, int16_t version, const void *request)
{
	struct sim_link *link = find_link(client, to);
	struct wire_output out = {0};

	if (!link)
		link = link_new(client, to);
	call->api = api;
	call->version = version;
	call->correlation_id = ++client->next_correlation_id;
	call->link = link;
	call->timer = (struct env_timer){.fire = call_timeout};
	wire_encode_request(api, version, call->correlation_id, "simulated", request, &out);
	buffer_put(&link->out, out.bytes.data, out.bytes.size);
	wire_output_done(&out);
	DL_APPEND(link->calls, call);
	env_timer_after(client->env, &call->timer, client->options.request_timeout_us);
	if (link->connected)
		link_watch(link); /* it leaves in the next round */
}

void sim_links_each_answered(struct sim_client *client, sim_link_each *each, void *context)
{
	struct net_address own, to;
	struct sim_link *link;

	DL_FOREACH(client->links, link) {
		if (!link->connected || !link->answered)
			continue;
		env_socket_local(client->env, link->socket, &own);
		env_socket_peer(client->env, link->socket, &to);
		each(context, &own, &to);
	}
}

void sim_links_done(struct sim_client *client)
{
	struct sim_link *link, *next;
	struct sim_call *call;

	DL_FOREACH_SAFE(client->links, link, next) {
		DL_FOREACH(link->calls, call)
			env_timer_stop(client->env, &call->timer);
		link_free(link);
	}
	client->links = NULL;
}
