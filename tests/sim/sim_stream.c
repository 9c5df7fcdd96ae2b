/* Owns connections that stand: descriptors, the bytes on their way, and how they end.
 *
 *     OPEN --sim_end_close, nothing unread--> CLOSED --the peer sends on--> GONE
 *       |                                        |   (what was sent still leaves, then a FIN)
 *       +--sim_end_reset, unread bytes-----------+--> GONE --> a reset travels to the peer
 *       +--sim_end_fail (reset heard, gave up)------> GONE
 *
 * Invariants:
 *  1. One segment of each direction is under way at a time, so bytes arrive in order; how many it
 *     holds and how long it takes is drawn.
 *  2. outgoing holds what is not acknowledged: its first `delivered` bytes have arrived, and the
 *     acknowledgement was lost on a link that is cut the other way.
 *  3. A socket is in its loop's ready list exactly while it has something watched to tell.
 *  4. A reset that a cut link swallows is not repeated; whoever sends into a dead connection later
 *     is answered by another. */
#include "sim/sim_int.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

enum {
	REPEAT_LEAST_US = 200000,
	REPEAT_MOST_US = 3200000,
	GIVE_UP_US = 120000000,
	SEGMENT_MOST_BYTES = 65536,
	SHORT_SEGMENT_ONE_IN = 4,
	WINDOW_UNIT_BYTES = 16384,
	WINDOW_MOST_UNITS = 16,
};

static size_t unread_bytes(const struct sim_end *end)
{
	return end->incoming.size - end->read_at;
}

/* ---- descriptors ---- */

struct env_socket *sim_socket_new(struct env *env, env_socket_ready *ready, void *context)
{
	struct env_socket *socket = mem_alloc(sizeof(*socket));

	socket->process = sim_process_here(env);
	socket->loop = sim_loop_of(env);
	socket->ready = ready;
	socket->context = context;
	DL_APPEND(socket->process->sockets, socket);
	return socket;
}

static void socket_free(struct env_socket *socket)
{
	sim_socket_unlist(socket);
	DL_DELETE(socket->process->sockets, socket);
	mem_free(socket);
}

void sim_sockets_free(struct sim_process *process)
{
	while (process->sockets)
		socket_free(process->sockets);
}

void sim_socket_unlist(struct env_socket *socket)
{
	if (socket->in_list)
		DL_DELETE2(*socket->in_list, socket, ready_prev, ready_next);
	socket->in_list = NULL;
}

unsigned sim_socket_events(const struct env_socket *socket)
{
	const struct sim_end *end = socket->end;
	unsigned events = 0;

	if (socket->listener && socket->listener->waiting)
		events |= ENV_READABLE;
	if (socket->port && sim_port_has_datagrams(socket->port))
		events |= ENV_READABLE;
	if (end && end->state == SIM_GONE)
		events |= ENV_READABLE | ENV_WRITABLE;
	if (end && end->state == SIM_OPEN) {
		if (unread_bytes(end) > 0 || end->eof)
			events |= ENV_READABLE;
		if (end->outgoing.size < end->window)
			events |= ENV_WRITABLE;
	}
	return events & socket->watched;
}

void sim_socket_update(struct env_socket *socket)
{
	struct sim_loop *loop;
	bool has_events;

	if (!socket || !socket->loop)
		return;
	loop = socket->loop;
	has_events = sim_socket_events(socket) != 0;
	if (has_events && !socket->in_list) {
		socket->in_list = &loop->ready;
		DL_APPEND2(loop->ready, socket, ready_prev, ready_next);
		sim_loop_wake(loop);
	}
	if (!has_events)
		sim_socket_unlist(socket);
}

void sim_socket_watch(struct env *env, struct env_socket *socket, unsigned events)
{
	(void)env;
	socket->watched = events;
	sim_socket_update(socket);
}

void sim_socket_detach(struct env *env, struct env_socket *socket)
{
	(void)env;
	socket->watched = 0;
	sim_socket_unlist(socket);
	socket->loop = NULL;
}

void sim_socket_attach(struct env *env, struct env_socket *socket, env_socket_ready *ready,
		       void *context)
{
	socket->loop = sim_loop_of(env);
	socket->ready = ready;
	socket->context = context;
}

int sim_connect(struct env *env, const struct net_address *to, env_socket_ready *ready,
		void *context, struct env_socket **ret)
{
	struct sim_process *process = sim_process_here(env);
	struct sim_connection *connection;
	struct env_socket *socket;

	if (!process->is_running)
		return -ENETDOWN;
	connection = sim_connection_new(process->world, process, to);
	socket = sim_socket_new(env, ready, context);
	socket->end = &connection->ends[0];
	socket->local = connection->from;
	socket->peer = *to;
	socket->watched = ENV_WRITABLE;
	connection->ends[0].socket = socket;
	sim_connection_dial(connection);
	*ret = socket;
	return 0;
}

void sim_socket_local(struct env_socket *socket, struct net_address *ret)
{
	*ret = socket->local;
}

void sim_socket_peer(struct env_socket *socket, struct net_address *ret)
{
	*ret = socket->peer;
}

void sim_socket_close(struct env *env, struct env_socket *socket, bool reset)
{
	struct sim_end *end = socket->end;
	struct sim_listener *listener = socket->listener;

	(void)env;
	if (end)
		end->socket = NULL;
	if (listener)
		listener->socket = NULL;
	sim_port_close(socket->port);
	socket_free(socket);
	if (listener)
		sim_listener_close(listener);
	if (end && reset)
		sim_end_reset(end);
	else if (end)
		sim_end_close(end);
}

/* ---- what the program does with bytes ---- */

/* As the kernel: the reason once, afterwards `later`. */
static ssize_t tell_error(struct env_socket *socket, struct sim_end *end, ssize_t later)
{
	if (end->error == 0 || end->error_told)
		return later;
	end->error_told = true;
	if (socket->error == 0)
		socket->error = end->error;
	return end->error;
}

ssize_t sim_socket_receive(struct env *env, struct env_socket *socket, void *bytes, size_t size)
{
	struct sim_end *end = socket->end;
	size_t count;

	(void)env;
	if (!end)
		return -ECONNRESET;
	count = unread_bytes(end) < size ? unread_bytes(end) : size;
	if (count == 0 && end->state == SIM_GONE)
		return tell_error(socket, end, 0);
	if (count == 0)
		return end->eof ? 0 : -EAGAIN;
	memcpy(bytes, end->incoming.data + end->read_at, count);
	end->read_at += count;
	if (unread_bytes(end) == 0)
		end->incoming.size = end->read_at = 0;
	sim_socket_update(socket);
	sim_end_send(sim_end_peer(end)); /* there is room again */
	return (ssize_t)count;
}

/* How many bytes may be sent now; -EAGAIN or the reason why none. */
static ssize_t room_to_send(struct env_socket *socket)
{
	struct sim_end *end = socket->end;

	if (!end)
		return -EPIPE;
	if (end->state == SIM_GONE)
		return tell_error(socket, end, -EPIPE);
	if (end->state != SIM_OPEN || end->outgoing.size >= end->window)
		return -EAGAIN;
	return (ssize_t)(end->window - end->outgoing.size);
}

ssize_t sim_socket_send(struct env *env, struct env_socket *socket, const struct iovec *pieces,
			int count)
{
	ssize_t room = room_to_send(socket);
	size_t sent = 0;

	(void)env;
	if (room < 0)
		return room;
	for (int i = 0; i < count && sent < (size_t)room; i++) {
		size_t left = (size_t)room - sent;
		size_t size = pieces[i].iov_len < left ? pieces[i].iov_len : left;

		if (size > 0)
			buffer_put(&socket->end->outgoing, pieces[i].iov_base, size);
		sent += size;
	}
	sim_end_send(socket->end);
	sim_socket_update(socket);
	return (ssize_t)sent;
}

ssize_t sim_socket_send_file(struct env *env, struct env_socket *socket, struct env_file *file,
			     int64_t position, size_t size)
{
	ssize_t room = room_to_send(socket), got;
	struct buffer *out;

	if (size == 0 || room < 0)
		return size == 0 ? 0 : room;
	size = size < (size_t)room ? size : (size_t)room;
	out = &socket->end->outgoing;
	got = sim_file_read(env, file, buffer_reserve(out, size), size, position);
	if (got <= 0)
		return got < 0 ? got : -EIO; /* the file ends before what the peer was promised */
	out->size += (size_t)got;
	sim_end_send(socket->end);
	sim_socket_update(socket);
	return got;
}

/* Packets of a stream are drawn by the link, whatever was sent together. */
void sim_socket_cork(struct env *env, struct env_socket *socket, bool corked)
{
	(void)env;
	(void)socket;
	(void)corked;
}

size_t sim_socket_unsent(struct env *env, struct env_socket *socket)
{
	(void)env;
	return socket->end ? socket->end->outgoing.size : 0;
}

int sim_socket_error(struct env *env, struct env_socket *socket)
{
	struct sim_end *end = socket->end;

	(void)env;
	if (end && end->state == SIM_GONE)
		tell_error(socket, end, 0);
	if (socket->error == 0 && end && end->state == SIM_DIALLING)
		return -EINPROGRESS;
	return socket->error;
}

/* ---- bytes on their way ---- */

void sim_end_send(struct sim_end *end)
{
	const struct sim_end *peer = sim_end_peer(end);
	size_t fresh = end->outgoing.size - end->delivered;
	bool has_room = peer->state != SIM_OPEN || unread_bytes(peer) < peer->window;

	if (end->state != SIM_OPEN && end->state != SIM_CLOSED)
		return;
	if (end->transmit.place || end->fin_sent)
		return;
	if ((fresh == 0 || !has_room) && (fresh > 0 || end->state != SIM_CLOSED))
		return;
	sim_event_start(end->connection->world, &end->transmit,
			end->connection->world->now_us +
				sim_net_latency_us(end->process, peer->process));
}

/* Nothing came back: later again, more patiently each time. */
static void repeat_segment(struct sim_end *end)
{
	struct sim_world *world = end->connection->world;
	uint64_t delay_us = (uint64_t)REPEAT_LEAST_US << end->repetitions;

	if (delay_us < REPEAT_MOST_US)
		end->repetitions++;
	if (end->stuck_since_us == 0)
		end->stuck_since_us = world->now_us;
	if (world->now_us - end->stuck_since_us > GIVE_UP_US)
		sim_end_fail(end, -ETIMEDOUT);
	else
		sim_event_start(world, &end->transmit, world->now_us + delay_us);
}

static void reset_arrives(struct sim_event *event)
{
	struct sim_connection *connection = SIM_CONTAINER(event, struct sim_connection, reset);
	struct sim_end *end = &connection->ends[connection->reset_to];

	sim_trace(connection->world, "reset", connection->number, connection->reset_to, 0);
	if (end->state != SIM_GONE && sim_net_passes(sim_end_peer(end)->process, end->process))
		sim_end_fail(end, -ECONNRESET);
	else
		sim_connection_free_if_over(connection);
}

static void send_reset_to(struct sim_end *end)
{
	struct sim_connection *connection = end->connection;
	const struct sim_process *from = sim_end_peer(end)->process;

	if (end->state == SIM_GONE || connection->reset.place)
		return;
	connection->reset.run = reset_arrives;
	connection->reset_to = end == &connection->ends[1];
	sim_event_start(connection->world, &connection->reset,
			connection->world->now_us + sim_net_latency_us(from, end->process));
}

static size_t draw_segment_size(struct sim_world *world, size_t most)
{
	most = most < SEGMENT_MOST_BYTES ? most : SEGMENT_MOST_BYTES;
	if (most > 1 && sim_random_one_in(&world->random, SHORT_SEGMENT_ONE_IN))
		return sim_random_between(&world->random, 1, most);
	return most;
}

static void deliver(struct sim_end *end, struct sim_end *peer)
{
	size_t fresh = end->outgoing.size - end->delivered;
	size_t used = unread_bytes(peer);
	size_t room = used < peer->window ? peer->window - used : 0;
	size_t size = draw_segment_size(end->connection->world, fresh < room ? fresh : room);

	sim_trace(end->connection->world, "segment", end->connection->number,
		  end == &end->connection->ends[1], size);
	if (size > 0)
		buffer_put(&peer->incoming, end->outgoing.data + end->delivered, size);
	end->delivered += size;
	if (end->state == SIM_CLOSED && end->delivered == end->outgoing.size)
		end->fin_sent = peer->eof = true;
	sim_socket_update(peer->socket);
}

static void acknowledge(struct sim_end *end)
{
	buffer_consume(&end->outgoing, end->delivered);
	end->delivered = 0;
	end->stuck_since_us = 0;
	end->repetitions = 0;
	sim_socket_update(end->socket);
}

/* Something of this end reaches the peer's host. */
static void arrive(struct sim_end *end, struct sim_end *peer)
{
	struct sim_connection *connection = end->connection;

	if (connection->stage == SIM_ACK && end == &connection->ends[0])
		sim_connection_establish(connection);
	if (peer->state == SIM_CLOSED && end->outgoing.size > end->delivered)
		peer->state = SIM_GONE; /* nobody will read it */
	if (peer->state == SIM_GONE) {
		sim_event_stop(connection->world, &peer->transmit);
		send_reset_to(end);
		return;
	}
	deliver(end, peer);
}

static void transmit(struct sim_event *event)
{
	struct sim_end *end = SIM_CONTAINER(event, struct sim_end, transmit);
	struct sim_connection *connection = end->connection;
	struct sim_end *peer = sim_end_peer(end);

	if (!sim_net_passes(end->process, peer->process)) {
		repeat_segment(end);
		return;
	}
	arrive(end, peer);
	if (sim_net_passes(peer->process, end->process)) {
		acknowledge(end);
		if (peer->state != SIM_GONE)
			sim_end_send(end);
	} else {
		repeat_segment(end);
	}
	sim_connection_free_if_over(connection);
}

/* ---- ends ---- */

static void late_close(struct sim_event *event)
{
	sim_end_close(SIM_CONTAINER(event, struct sim_end, late_close));
}

void sim_end_init(struct sim_end *end, struct sim_connection *connection,
		  struct sim_process *process)
{
	*end = (struct sim_end){
		.connection = connection,
		.process = process,
		.state = SIM_DIALLING,
		.window = sim_random_between(&connection->world->random, 1, WINDOW_MOST_UNITS) *
			  WINDOW_UNIT_BYTES,
		.transmit.run = transmit,
		.late_close.run = late_close,
	};
}

static void end_die(struct sim_end *end)
{
	struct sim_connection *connection = end->connection;

	end->state = SIM_GONE;
	sim_event_stop(connection->world, &end->transmit);
	sim_event_stop(connection->world, &end->late_close);
	if (end == &connection->ends[0] && connection->stage != SIM_ACK)
		sim_event_stop(connection->world, &connection->handshake);
	buffer_done(&end->outgoing);
	end->delivered = 0;
}

void sim_end_fail(struct sim_end *end, int error)
{
	end_die(end);
	if (end->error == 0)
		end->error = error;
	sim_socket_update(end->socket);
	sim_connection_free_if_over(end->connection);
}

void sim_end_forget(struct sim_end *end)
{
	end_die(end);
	end->socket = NULL;
}

void sim_end_reset(struct sim_end *end)
{
	if (end->state == SIM_OPEN || end->state == SIM_CLOSED)
		send_reset_to(sim_end_peer(end));
	end_die(end);
	sim_connection_free_if_over(end->connection);
}

void sim_end_close(struct sim_end *end)
{
	if (end->state != SIM_OPEN || unread_bytes(end) > 0) {
		sim_end_reset(end);
		return;
	}
	end->state = SIM_CLOSED;
	sim_event_stop(end->connection->world, &end->late_close);
	sim_end_send(end);
}

static bool end_is_over(const struct sim_end *end)
{
	return !end->socket && !end->transmit.place && !end->late_close.place &&
	       (end->state == SIM_GONE || (end->state == SIM_CLOSED && end->fin_sent));
}

void sim_connection_free_if_over(struct sim_connection *connection)
{
	struct sim_world *world = connection->world;

	if (!end_is_over(&connection->ends[0]) || !end_is_over(&connection->ends[1]) ||
	    connection->handshake.place || connection->reset.place || connection->is_waiting ||
	    connection->is_pinned)
		return;
	DL_DELETE(world->connections, connection);
	for (int i = 0; i < 2; i++) {
		buffer_done(&connection->ends[i].incoming);
		buffer_done(&connection->ends[i].outgoing);
	}
	mem_free(connection);
}
