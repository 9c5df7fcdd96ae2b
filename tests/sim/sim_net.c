/* Owns links, routes and listeners: which process a connection reaches, and how it begins.
 *
 *     connect --SYN--> at the listener's host --SYN-ACK--> open at the dialler
 *                  |                                            |
 *                  +-- nobody listens --REFUSAL--> refused      +--ACK--> in the accept queue
 *
 * What a cut link or a dead host swallows is repeated after 1, 2, 4, 8 s (SYN) or 0.2, 0.4 ... 2 s
 * (the rest), and given up after GIVE_UP_US.
 *
 * Invariants:
 *  1. A connection is in the world's list from connect until both its ends are gone or closed and
 *     nothing of it is under way.
 *  2. One handshake event is under way for a connection until it is established. */
#include "sim/sim_int.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

enum {
	LOCAL_LEAST_US = 5,
	LOCAL_MOST_US = 40,
	LINK_LEAST_US = 50,
	LINK_MOST_US = 300,
	LINK_SLOW_US = 1000,
	LINK_SLOW_ONE_IN = 20,
	SYN_AGAIN_US = 1000000,
	SYN_MOST_REPETITIONS = 6,
	LATE_CLOSE_MOST_US = 3000,
	FIRST_PORT = 32768,
	BACKLOG = 4096,
};

/* ---- links ---- */

bool sim_net_passes(const struct sim_process *from, const struct sim_process *to)
{
	return from->host_is_up && to->host_is_up && !from->world->cut[from->number][to->number];
}

uint64_t sim_net_latency_us(const struct sim_process *from, const struct sim_process *to)
{
	struct sim_random *random = &from->world->random;

	if (from == to)
		return sim_random_between(random, LOCAL_LEAST_US, LOCAL_MOST_US);
	if (sim_random_one_in(random, LINK_SLOW_ONE_IN))
		return sim_random_between(random, LINK_MOST_US, LINK_SLOW_US);
	return sim_random_between(random, LINK_LEAST_US, LINK_MOST_US);
}

void sim_net_cut(struct sim_world *world, struct sim_process *from, struct sim_process *to)
{
	sim_say(world, "cut %s -> %s", from->name, to->name);
	world->cut[from->number][to->number] = from != to;
}

void sim_net_mend(struct sim_world *world, struct sim_process *from, struct sim_process *to)
{
	sim_say(world, "mend %s -> %s", from->name, to->name);
	world->cut[from->number][to->number] = false;
}

void sim_net_mend_all(struct sim_world *world)
{
	sim_say(world, "mend all links");
	memset(world->cut, 0, sizeof(world->cut));
}

/* ---- routes ---- */

bool sim_net_has_address(const struct sim_process *process, const struct net_address *address)
{
	for (unsigned i = 0; i < process->address_count; i++)
		if (memcmp(process->addresses[i].ip, address->ip, sizeof(address->ip)) == 0)
			return true;
	return false;
}

bool sim_net_is_loopback(const struct net_address *address)
{
	return net_address_is_ipv4(address) && address->ip[12] == 127;
}

/* The listener for the address here: one of several at random (SO_REUSEPORT). */
static struct sim_listener *find_listener(struct sim_process *process,
					  const struct net_address *address)
{
	struct sim_listener *listener, *found = NULL;
	uint64_t seen = 0;

	DL_FOREACH(process->listeners, listener)
		if (net_address_equal(&listener->address, address) &&
		    sim_random_one_in(&process->world->random, ++seen))
			found = listener;
	return found;
}

void sim_world_set_holder(struct sim_world *world, const struct net_address *address,
			  struct sim_process *process)
{
	struct sim_holder *holder;

	LL_FOREACH(world->holders, holder)
		if (net_address_equal(&holder->address, address))
			break;
	if (!holder) {
		holder = mem_alloc(sizeof(*holder));
		holder->address = *address;
		LL_PREPEND(world->holders, holder);
	}
	holder->process = process;
}

/* F9: an address that nobody announces leads to any process that listens on it. */
static struct sim_process *find_holder(struct sim_world *world, const struct net_address *address)
{
	struct sim_process *found = NULL;
	struct sim_holder *holder;
	uint64_t seen = 0;

	LL_FOREACH(world->holders, holder)
		if (holder->process && net_address_equal(&holder->address, address))
			return holder->process;
	for (unsigned i = 0; i < world->process_count; i++) {
		struct sim_process *process = world->processes[i];

		if (process->host_is_up && find_listener(process, address) &&
		    sim_random_one_in(&world->random, ++seen))
			found = process;
	}
	return found;
}

/* NULL: nobody answers for the address. */
static struct sim_process *find_route(struct sim_process *from, const struct net_address *to)
{
	struct sim_world *world = from->world;

	if (sim_net_is_loopback(to))
		return from;
	for (unsigned i = 0; i < world->process_count; i++)
		if (sim_net_has_address(world->processes[i], to))
			return world->processes[i];
	return find_holder(world, to);
}

/* ---- how a connection begins ---- */

static void syn_again(struct sim_connection *connection)
{
	uint64_t delay_us = (uint64_t)SYN_AGAIN_US << connection->syn_repetitions;

	connection->stage = SIM_SYN;
	connection->listener = NULL;
	if (connection->ends[1].process)
		connection->ends[1].state = SIM_GONE;
	if (++connection->syn_repetitions > SYN_MOST_REPETITIONS) {
		sim_end_fail(&connection->ends[0], -ETIMEDOUT);
		return;
	}
	sim_event_start(connection->world, &connection->handshake,
			connection->world->now_us + delay_us);
}

/* The next step of the handshake travels. */
static void hand_on(struct sim_connection *connection, enum sim_stage stage,
		    const struct sim_process *from, const struct sim_process *to)
{
	connection->stage = stage;
	sim_event_start(connection->world, &connection->handshake,
			connection->world->now_us + sim_net_latency_us(from, to));
}

/* Whoever reads a log wants to know where an address led that several brokers have. */
static void tell_route(const struct sim_connection *connection, const struct sim_process *to)
{
	char from_text[NET_ADDRESS_TEXT_BYTES], to_text[NET_ADDRESS_TEXT_BYTES];

	sim_say(connection->world, "%s -> %s reaches %s",
		net_address_format(&connection->from, from_text),
		net_address_format(&connection->to, to_text), to->name);
}

static void syn_arrives(struct sim_connection *connection)
{
	struct sim_process *from = connection->ends[0].process;
	struct sim_process *to = find_route(from, &connection->to);

	if (!to || !sim_net_passes(from, to)) {
		syn_again(connection);
		return;
	}
	connection->listener = find_listener(to, &connection->to);
	sim_end_init(&connection->ends[1], connection, to);
	if (!sim_net_has_address(to, &connection->to) && !sim_net_is_loopback(&connection->to))
		tell_route(connection, to);
	if (!connection->listener)
		connection->ends[1].state = SIM_GONE;
	hand_on(connection, connection->listener ? SIM_SYN_ACK : SIM_REFUSAL, to, from);
}

static void syn_ack_arrives(struct sim_connection *connection)
{
	struct sim_end *dialler = &connection->ends[0];
	struct sim_process *to = connection->ends[1].process;

	if (!sim_net_passes(to, dialler->process)) {
		syn_again(connection);
		return;
	}
	dialler->state = SIM_OPEN;
	hand_on(connection, SIM_ACK, dialler->process, to);
	sim_socket_update(dialler->socket);
}

static void refusal_arrives(struct sim_connection *connection)
{
	struct sim_end *dialler = &connection->ends[0];

	if (sim_net_passes(connection->ends[1].process, dialler->process))
		sim_end_fail(dialler, -ECONNREFUSED);
	else
		syn_again(connection);
}

void sim_connection_establish(struct sim_connection *connection)
{
	struct sim_end *end = &connection->ends[1];
	struct sim_listener *listener = connection->listener;

	sim_event_stop(connection->world, &connection->handshake);
	connection->stage = SIM_ESTABLISHED;
	if (end->state == SIM_GONE)
		return; /* its host went down: what is sent to it is answered by a reset */
	end->state = SIM_OPEN;
	if (!listener) {
		sim_end_reset(end);
		return;
	}
	connection->is_waiting = true;
	DL_APPEND2(listener->waiting, connection, queue_prev, queue_next);
	sim_socket_update(listener->socket);
}

static void ack_arrives(struct sim_connection *connection)
{
	if (sim_net_passes(connection->ends[0].process, connection->ends[1].process))
		sim_connection_establish(connection);
	else if (connection->ends[0].state != SIM_GONE)
		sim_event_start(connection->world, &connection->handshake,
				connection->world->now_us + SYN_AGAIN_US);
	else
		sim_end_forget(&connection->ends[1]);
	sim_connection_free_if_over(connection);
}

static void handshake(struct sim_event *event)
{
	struct sim_connection *connection = SIM_CONTAINER(event, struct sim_connection, handshake);

	sim_trace(connection->world, "shake", connection->number, connection->stage,
		  connection->syn_repetitions);
	switch (connection->stage) {
	case SIM_SYN:
		syn_arrives(connection);
		break;
	case SIM_SYN_ACK:
		syn_ack_arrives(connection);
		break;
	case SIM_REFUSAL:
		refusal_arrives(connection);
		break;
	case SIM_ACK:
		ack_arrives(connection);
		break;
	case SIM_ESTABLISHED:
		break;
	}
}

static uint16_t take_port(struct sim_process *process)
{
	if (process->next_port < FIRST_PORT)
		process->next_port = FIRST_PORT;
	return process->next_port++;
}

struct sim_connection *sim_connection_new(struct sim_world *world, struct sim_process *from,
					  const struct net_address *to)
{
	struct sim_connection *connection = mem_alloc(sizeof(*connection));

	connection->world = world;
	connection->number = ++world->next_connection;
	connection->to = *to;
	connection->from = sim_net_is_loopback(to) ? *to : from->addresses[0];
	connection->from.port = take_port(from);
	connection->handshake.run = handshake;
	sim_end_init(&connection->ends[0], connection, from);
	connection->ends[1].connection = connection;
	connection->ends[1].state = SIM_GONE;
	DL_APPEND(world->connections, connection);
	return connection;
}

void sim_connection_dial(struct sim_connection *connection)
{
	struct sim_process *from = connection->ends[0].process;
	struct sim_process *to = find_route(from, &connection->to);

	hand_on(connection, SIM_SYN, from, to ? to : from);
}

/* ---- listeners ---- */

static void late_close_listener(struct sim_event *event)
{
	sim_listener_close(SIM_CONTAINER(event, struct sim_listener, late_close));
}

static int check_free(struct sim_process *process, const struct net_address *address,
		      struct env_listen_options options)
{
	struct sim_listener *other;

	if (!options.any_address && !sim_net_is_loopback(address) &&
	    !sim_net_has_address(process, address))
		return -EADDRNOTAVAIL;
	DL_FOREACH(process->listeners, other)
		if (net_address_equal(&other->address, address) &&
		    !(other->options.shared_port && options.shared_port))
			return -EADDRINUSE;
	return 0;
}

int sim_listen(struct env *env, const struct net_address *address,
	       struct env_listen_options options, env_socket_ready *ready, void *context,
	       struct env_socket **ret)
{
	struct sim_process *process = sim_process_here(env);
	struct sim_listener *listener;
	struct env_socket *socket;
	struct net_address bound = *address;
	int rc;

	if (bound.port == 0)
		bound.port = take_port(process);
	rc = check_free(process, &bound, options);
	if (rc < 0)
		return rc;
	listener = mem_alloc(sizeof(*listener));
	socket = sim_socket_new(env, ready, context);
	*listener = (struct sim_listener){.process = process,
					  .socket = socket,
					  .address = bound,
					  .options = options,
					  .late_close.run = late_close_listener};
	DL_APPEND(process->listeners, listener);
	socket->listener = listener;
	socket->local = bound;
	sim_socket_watch(env, socket, ENV_READABLE);
	*ret = socket;
	return 0;
}

int sim_accept(struct env *env, struct env_socket *listener, env_socket_ready *ready, void *context,
	       struct env_socket **ret)
{
	struct sim_connection *connection = listener->listener->waiting;
	struct env_socket *socket;

	if (!connection)
		return -EAGAIN;
	DL_DELETE2(listener->listener->waiting, connection, queue_prev, queue_next);
	connection->is_waiting = false;
	connection->listener = NULL;
	socket = sim_socket_new(env, ready, context);
	socket->end = &connection->ends[1];
	socket->local = connection->to;
	socket->peer = connection->from;
	connection->ends[1].socket = socket;
	sim_socket_update(listener);
	*ret = socket;
	return 0;
}

void sim_listener_close(struct sim_listener *listener)
{
	struct sim_world *world = listener->process->world;
	struct sim_connection *connection, *next;

	DL_DELETE(listener->process->listeners, listener);
	sim_event_stop(world, &listener->late_close);
	DL_FOREACH_SAFE(world->connections, connection, next) {
		if (connection->listener != listener)
			continue;
		connection->listener = NULL;
		if (!connection->is_waiting)
			continue; /* the ACK to come is answered by a reset */
		connection->is_waiting = false;
		sim_end_reset(&connection->ends[1]);
	}
	mem_free(listener);
}

/* ---- ends of processes and hosts ---- */

void sim_net_close_later(struct sim_process *process)
{
	struct sim_world *world = process->world;
	struct env_socket *socket;

	DL_FOREACH(process->sockets, socket) {
		uint64_t at_us =
			world->now_us + sim_random_below(&world->random, LATE_CLOSE_MOST_US);

		sim_socket_unlist(socket);
		if (socket->end)
			sim_event_start(world, &socket->end->late_close, at_us);
		if (socket->end)
			socket->end->socket = NULL;
		if (socket->listener)
			sim_event_start(world, &socket->listener->late_close, at_us);
		if (socket->listener)
			socket->listener->socket = NULL;
		sim_port_close(socket->port);
		socket->end = NULL;
		socket->listener = NULL;
	}
}

void sim_net_close_now(struct sim_process *process)
{
	struct sim_connection *connection, *next_connection;
	struct sim_listener *listener, *next_listener;

	DL_FOREACH_SAFE(process->listeners, listener, next_listener)
		if (listener->late_close.place)
			sim_listener_close(listener);
	DL_FOREACH_SAFE(process->world->connections, connection, next_connection)
		for (int i = 0; i < 2; i++)
			if (connection->ends[i].process == process &&
			    connection->ends[i].late_close.place)
				sim_event_start(process->world, &connection->ends[i].late_close,
						process->world->now_us);
}

static void forget_listener(struct sim_listener *listener)
{
	struct sim_world *world = listener->process->world;
	struct sim_connection *connection;

	DL_DELETE(listener->process->listeners, listener);
	DL_FOREACH(world->connections, connection)
		if (connection->listener == listener) {
			connection->listener = NULL;
			connection->is_waiting = false;
		}
	sim_event_stop(world, &listener->late_close);
	mem_free(listener);
}

void sim_net_forget(struct sim_process *process)
{
	struct sim_connection *connection, *next;
	struct env_socket *socket;

	DL_FOREACH(process->sockets, socket) {
		sim_socket_unlist(socket);
		sim_port_close(socket->port);
		socket->end = NULL;
		socket->listener = NULL;
	}
	while (process->listeners)
		forget_listener(process->listeners);
	DL_FOREACH_SAFE(process->world->connections, connection, next) {
		for (int i = 0; i < 2; i++)
			if (connection->ends[i].process == process)
				sim_end_forget(&connection->ends[i]);
		sim_connection_free_if_over(connection);
	}
}

void sim_net_drop_connections(struct sim_world *world, struct sim_process *process, uint64_t times)
{
	struct sim_connection *connection, *next;

	DL_FOREACH_SAFE(world->connections, connection, next) {
		struct sim_end *ends = connection->ends;

		if (connection->stage != SIM_ESTABLISHED ||
		    (ends[0].process != process && ends[1].process != process) ||
		    !sim_random_one_in(&world->random, times))
			continue;
		sim_trace(world, "drop", connection->number, 0, 0);
		/* As a device on the way does it: both sides hear a reset from nowhere. */
		connection->is_pinned = true;
		sim_end_fail(&ends[0], -ECONNRESET);
		connection->is_pinned = false;
		sim_end_fail(&ends[1], -ECONNRESET);
	}
}

void sim_net_free(struct sim_world *world)
{
	struct sim_connection *connection;
	struct sim_holder *holder;

	while ((connection = world->connections)) {
		for (int i = 0; i < 2; i++) {
			struct sim_end *end = &connection->ends[i];

			end->state = SIM_GONE;
			end->socket = NULL;
			sim_event_stop(world, &end->transmit);
			sim_event_stop(world, &end->late_close);
		}
		sim_event_stop(world, &connection->handshake);
		sim_event_stop(world, &connection->reset);
		connection->is_waiting = connection->is_pinned = false;
		sim_connection_free_if_over(connection);
	}
	while ((holder = world->holders)) {
		world->holders = holder->next;
		mem_free(holder);
	}
	sim_datagrams_free(world);
}
