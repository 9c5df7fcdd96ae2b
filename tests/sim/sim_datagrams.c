/* Owns UDP: ports, datagrams on their way, and what a hostile network makes of them.
 *
 * Invariants:
 *  1. A datagram is under way (the world's list), in a port's queue, or overheard; never in two.
 *  2. What a receive handed up lies in the port's `taken` until the next receive.
 *  3. A fault costs a draw only where its chance is set, so worlds without UDP repeat as before. */
#include "sim/sim_int.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <utlist.h>

enum {
	QUEUE_MOST = 256, /* datagrams; what comes then is lost */
	OVERHEARD_MOST = 64,
	LATE_MOST_US = 50000,
	CORRUPT_MOST_BYTES = 4,
	STRAY_ONE_IN = 8, /* reaches another of the sockets that share a port */
	SPLIT_ONE_IN = 8, /* what left together is mostly handed up together */
};

struct sim_datagram {
	struct sim_event arrives;
	struct sim_process *sender, *receiver;
	struct net_address from, to;
	struct sim_datagram *prev, *next;
	size_t size;
	uint8_t bytes[];
};

struct sim_port {
	struct sim_process *process;
	struct env_socket *socket;
	struct net_address address;
	struct env_listen_options options;
	struct sim_datagram *queue; /* utlist, oldest first */
	unsigned queued;
	struct buffer taken;
	struct sim_port *prev, *next;
};

/* ---- ports ---- */

bool sim_port_has_datagrams(const struct sim_port *port)
{
	return port->queue != NULL;
}

static int check_free(const struct sim_process *process, const struct net_address *address,
		      struct env_listen_options options)
{
	const struct sim_port *other;

	if (!options.any_address && !sim_net_is_loopback(address) &&
	    !sim_net_has_address(process, address))
		return -EADDRNOTAVAIL;
	DL_FOREACH(process->ports, other)
		if (net_address_equal(&other->address, address) &&
		    !(other->options.shared_port && options.shared_port))
			return -EADDRINUSE;
	return 0;
}

int sim_datagrams_open(struct env *env, const struct net_address *address,
		       struct env_listen_options options, env_socket_ready *ready, void *context,
		       struct env_socket **ret)
{
	struct sim_process *process = sim_process_here(env);
	int rc = check_free(process, address, options);
	struct env_socket *socket;
	struct sim_port *port;

	if (rc < 0)
		return rc;
	port = mem_alloc(sizeof(*port));
	socket = sim_socket_new(env, ready, context);
	port->process = process;
	port->socket = socket;
	port->address = *address;
	port->options = options;
	DL_APPEND(process->ports, port);
	socket->port = port;
	socket->local = *address;
	sim_socket_watch(env, socket, ENV_READABLE);
	*ret = socket;
	return 0;
}

static void drop_first(struct sim_port *port)
{
	struct sim_datagram *datagram = port->queue;

	DL_DELETE(port->queue, datagram);
	port->queued--;
	mem_free(datagram);
}

void sim_port_close(struct sim_port *port)
{
	if (!port)
		return;
	port->socket->port = NULL;
	while (port->queue)
		drop_first(port);
	DL_DELETE(port->process->ports, port);
	buffer_done(&port->taken);
	mem_free(port);
}

/* Of several on the address the one that its bytes choose, mostly: it is a hint. */
static struct sim_port *find_port(const struct sim_process *process,
				  const struct sim_datagram *datagram)
{
	struct sim_port *port, *found = NULL;
	unsigned count = 0, chosen = 0;

	DL_FOREACH(process->ports, port) {
		const struct env_listen_options *options = &port->options;

		if (!net_address_equal(&port->address, &datagram->to))
			continue;
		count++;
		if (options->chosen_of && datagram->size >= options->chosen_at + 2)
			chosen = bytes_load_u16(datagram->bytes + options->chosen_at) %
				 options->chosen_of;
	}
	if (count == 0)
		return NULL;
	if (chosen >= count || sim_random_one_in(&process->world->random, STRAY_ONE_IN))
		chosen = (unsigned)sim_random_below(&process->world->random, count);
	DL_FOREACH(process->ports, port)
		if (net_address_equal(&port->address, &datagram->to) && chosen-- == 0)
			found = port;
	return found;
}

/* ---- under way ---- */

static struct sim_process *find_host(struct sim_process *from, const struct net_address *to)
{
	struct sim_world *world = from->world;

	if (sim_net_is_loopback(to))
		return from;
	for (unsigned i = 0; i < world->process_count; i++)
		if (sim_net_has_address(world->processes[i], to))
			return world->processes[i];
	return NULL;
}

static void datagram_arrives(struct sim_event *event)
{
	struct sim_datagram *datagram = SIM_CONTAINER(event, struct sim_datagram, arrives);
	struct sim_process *receiver = datagram->receiver;
	struct sim_port *port = find_port(receiver, datagram);

	DL_DELETE(receiver->world->datagrams, datagram);
	sim_trace(receiver->world, "datagram", receiver->number, datagram->size, port != NULL);
	if (!port || port->queued == QUEUE_MOST ||
	    !sim_net_passes(datagram->sender, datagram->receiver)) {
		mem_free(datagram);
		return;
	}
	DL_APPEND(port->queue, datagram);
	port->queued++;
	sim_socket_update(port->socket);
}

static struct sim_datagram *copy_of(const struct sim_datagram *datagram)
{
	size_t size = sizeof(*datagram) + datagram->size;
	struct sim_datagram *copy = mem_alloc(size);

	memcpy(copy, datagram, size);
	copy->arrives = (struct sim_event){.run = datagram_arrives};
	copy->prev = copy->next = NULL;
	return copy;
}

/* Takes the datagram over. */
static void set_out(struct sim_world *world, struct sim_datagram *datagram, uint64_t delay_us)
{
	DL_APPEND(world->datagrams, datagram);
	sim_event_start(world, &datagram->arrives, world->now_us + delay_us);
}

/* ---- the hostile network ---- */

void sim_net_set_datagram_faults(struct sim_world *world, struct sim_datagram_faults faults)
{
	world->datagram_faults = faults;
}

static bool strikes(struct sim_world *world, unsigned one_in)
{
	return one_in > 0 && sim_random_one_in(&world->random, one_in);
}

static void damage(struct sim_world *world, struct sim_datagram *datagram)
{
	uint64_t count = sim_random_between(&world->random, 1, CORRUPT_MOST_BYTES);

	if (sim_random_one_in(&world->random, 4))
		datagram->size = (size_t)sim_random_between(&world->random, 1, datagram->size);
	/* Half of it in front, where headers are. */
	for (uint64_t i = 0; i < count; i++) {
		size_t most = sim_random_one_in(&world->random, 2) && datagram->size > 100
				      ? 100
				      : datagram->size;
		size_t at = (size_t)sim_random_below(&world->random, most);

		datagram->bytes[at] ^= (uint8_t)(1 << sim_random_below(&world->random, 8));
	}
}

static void overhear(struct sim_world *world, const struct sim_datagram *datagram)
{
	struct sim_datagram *copy = copy_of(datagram), *forgotten = world->overheard;
	uint64_t place;

	DL_APPEND(world->overheard, copy);
	if (world->overheard_count++ < OVERHEARD_MOST)
		return;
	world->overheard_count--;
	/* Anyone, not the oldest: a few are remembered for long, over moves and elections. */
	for (place = sim_random_below(&world->random, OVERHEARD_MOST); place > 0; place--)
		forgotten = forgotten->next;
	DL_DELETE(world->overheard, forgotten);
	mem_free(forgotten);
}

/* Something that was sent before, to the receiver that it had or to another. */
static void replay(struct sim_world *world, bool changed)
{
	uint64_t chosen = sim_random_below(&world->random, world->overheard_count);
	struct sim_process *process =
		world->processes[sim_random_below(&world->random, world->process_count)];
	struct sim_datagram *datagram = world->overheard, *copy;

	while (chosen-- > 0)
		datagram = datagram->next;
	copy = copy_of(datagram);
	if (process->ports && sim_random_one_in(&world->random, 2)) {
		copy->receiver = process;
		copy->to = process->ports->address;
	}
	if (changed) {
		damage(world, copy);
		copy->from = sim_random_one_in(&world->random, 4) ? copy->to : copy->from;
	}
	set_out(world, copy, sim_random_below(&world->random, LATE_MOST_US));
}

static void travel(struct sim_world *world, struct sim_datagram *datagram)
{
	const struct sim_datagram_faults *faults = &world->datagram_faults;
	uint64_t delay_us = sim_net_latency_us(datagram->sender, datagram->receiver);

	if (faults->replayed_one_in || faults->forged_one_in)
		overhear(world, datagram);
	if (strikes(world, faults->replayed_one_in))
		replay(world, false);
	if (strikes(world, faults->forged_one_in))
		replay(world, true);
	if (strikes(world, faults->doubled_one_in))
		set_out(world, copy_of(datagram), delay_us);
	if (strikes(world, faults->lost_one_in)) {
		mem_free(datagram);
		return;
	}
	if (strikes(world, faults->corrupt_one_in))
		damage(world, datagram);
	if (strikes(world, faults->late_one_in))
		delay_us += sim_random_below(&world->random, LATE_MOST_US);
	set_out(world, datagram, delay_us);
}

/* ---- sending and receiving ---- */

int sim_datagrams_send(struct env *env, struct env_socket *socket, const struct net_address *to,
		       const struct iovec *pieces, int count, size_t segment_bytes)
{
	struct sim_process *process = sim_process_here(env);
	struct sim_process *receiver = find_host(process, to);
	uint8_t bytes[ENV_SEND_BYTES];
	size_t total = 0;

	if (!process->is_running || !socket->port)
		return -ENETDOWN;
	for (int i = 0; i < count; i++) {
		assert(total + pieces[i].iov_len <= sizeof(bytes));
		memcpy(bytes + total, pieces[i].iov_base, pieces[i].iov_len);
		total += pieces[i].iov_len;
	}
	assert(total > 0 && total <= segment_bytes * ENV_SEND_DATAGRAMS);
	for (size_t at = 0; receiver && at < total; at += segment_bytes) {
		size_t size = total - at < segment_bytes ? total - at : segment_bytes;
		struct sim_datagram *datagram = mem_alloc(sizeof(*datagram) + size);

		datagram->arrives.run = datagram_arrives;
		datagram->sender = process;
		datagram->receiver = receiver;
		datagram->from = socket->local;
		datagram->to = *to;
		datagram->size = size;
		memcpy(datagram->bytes, bytes + at, size);
		travel(process->world, datagram);
	}
	return 0;
}

/* Moves the first datagram into `taken`, and those behind it that go with it (UDP GRO). */
static void take_some(struct sim_port *port, struct env_datagrams *ret)
{
	struct sim_random *random = &port->process->world->random;
	size_t last = port->queue->size;

	ret->from = port->queue->from;
	ret->segment_bytes = last;
	ret->size = 0;
	do {
		last = port->queue->size;
		buffer_put(&port->taken, port->queue->bytes, last);
		ret->size += last;
		drop_first(port);
	} while (port->queue && last == ret->segment_bytes &&
		 port->queue->size <= ret->segment_bytes &&
		 ret->size + port->queue->size <= ENV_DATAGRAM_MOST_BYTES &&
		 net_address_equal(&port->queue->from, &ret->from) &&
		 !sim_random_one_in(random, SPLIT_ONE_IN));
}

int sim_datagrams_receive(struct env *env, struct env_socket *socket, struct env_datagrams *ret,
			  int most)
{
	struct sim_port *port = socket->port;
	size_t at = 0;
	int count = 0;

	(void)env;
	if (!port)
		return 0;
	port->taken.size = 0;
	while (count < most && port->queue)
		take_some(port, &ret[count++]);
	for (int i = 0; i < count; i++) { /* now that the buffer stays where it is */
		ret[i].bytes = port->taken.data + at;
		at += ret[i].size;
	}
	sim_socket_update(socket);
	return count;
}

void sim_datagrams_free(struct sim_world *world)
{
	struct sim_datagram *datagram, *next;

	DL_FOREACH_SAFE(world->datagrams, datagram, next) {
		sim_event_stop(world, &datagram->arrives);
		mem_free(datagram);
	}
	DL_FOREACH_SAFE(world->overheard, datagram, next)
		mem_free(datagram);
	world->datagrams = world->overheard = NULL;
}
