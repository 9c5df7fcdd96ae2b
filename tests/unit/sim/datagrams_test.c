/* The simulated world's UDP keeps what struct env promises, and its faults are real ones. */
#include "sim/sim_world.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 2000, SEGMENT = 100 };

struct port {
	struct sim_process *process;
	struct env *env;
	struct env_socket *socket;
	struct net_address address;
	unsigned arrived, whole, buffers;
	unsigned seen[COUNT]; /* how often number n arrived whole */
	unsigned last, overtaken;
};

struct stage {
	struct sim_world *world;
	struct port a, b;
};

/* A datagram is its number, repeated. */
static void take_one(struct port *port, const uint8_t *bytes, size_t size)
{
	uint32_t numbers[SEGMENT / 4];

	port->arrived++;
	if (size != SEGMENT)
		return;
	memcpy(numbers, bytes, size);
	for (size_t i = 1; i < SEGMENT / 4; i++)
		if (numbers[i] != numbers[0])
			return;
	assert_true(numbers[0] < COUNT);
	port->whole++;
	port->seen[numbers[0]]++;
	port->overtaken += numbers[0] < port->last;
	port->last = numbers[0];
}

static void port_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct port *port = context;
	struct env_datagrams arrived[4];
	int count = env_datagrams_receive(port->env, socket, arrived, 4);

	(void)events;
	for (int i = 0; i < count; i++) {
		port->buffers++;
		for (size_t at = 0; at < arrived[i].size; at += arrived[i].segment_bytes) {
			size_t rest = arrived[i].size - at;

			take_one(port, arrived[i].bytes + at,
				 rest < arrived[i].segment_bytes ? rest : arrived[i].segment_bytes);
		}
	}
}

static int nothing(struct sim_process *process, void *context)
{
	(void)process;
	(void)context;
	return 0;
}

static const struct sim_program program = {.loops = 1, .start = nothing};

static void port_new(struct stage *s, struct port *port, const char *host, const char *address)
{
	port->process = sim_process_new(s->world, host, &host, 1);
	assert_int_equal(sim_process_start(port->process, &program), 0);
	port->env = sim_process_env(port->process, 0);
	assert_int_equal(net_address_parse(address, &port->address), 0);
	assert_int_equal(env_datagrams_open(port->env, &port->address,
					    (struct env_listen_options){0}, port_ready, port,
					    &port->socket),
			 0);
}

static struct stage *stage_new(uint64_t seed, struct sim_datagram_faults faults)
{
	struct stage *s = mem_alloc(sizeof(*s));

	s->world = sim_world_new(&(struct sim_world_options){.seed = seed});
	port_new(s, &s->a, "10.0.0.1", "10.0.0.1:9094");
	port_new(s, &s->b, "10.0.0.2", "10.0.0.2:9094");
	sim_net_set_datagram_faults(s->world, faults);
	return s;
}

static void stage_free(struct stage *s)
{
	sim_world_free(s->world);
	mem_free(s);
}

/* Ten datagrams in one send. */
static void send_ten(struct stage *s, uint32_t first)
{
	uint32_t numbers[10 * SEGMENT / 4];
	struct iovec piece = {numbers, sizeof(numbers)};

	for (size_t i = 0; i < 10 * SEGMENT / 4; i++)
		numbers[i] = first + (uint32_t)(i / (SEGMENT / 4));
	assert_int_equal(
		env_datagrams_send(s->a.env, s->a.socket, &s->b.address, &piece, 1, SEGMENT), 0);
}

static void send_all(struct stage *s)
{
	for (uint32_t i = 0; i < COUNT; i += 10) {
		send_ten(s, i);
		sim_world_run_for(s->world, 2000);
	}
	sim_world_run_for(s->world, 200000);
}

static void without_faults_all_arrive_once_and_mostly_together(void **state)
{
	struct stage *s = stage_new(1, (struct sim_datagram_faults){0});

	(void)state;
	send_all(s);
	assert_int_equal(s->b.whole, COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(s->b.seen[i], 1);
	assert_true(s->b.buffers < COUNT);
	assert_int_equal(s->a.arrived, 0);
	stage_free(s);
}

static void each_fault_happens(void **state)
{
	struct stage *s;

	(void)state;
	s = stage_new(2, (struct sim_datagram_faults){.lost_one_in = 10});
	send_all(s);
	assert_in_range(s->b.arrived, COUNT * 8 / 10, COUNT * 95 / 100);
	assert_int_equal(s->b.whole, s->b.arrived);
	stage_free(s);

	s = stage_new(3, (struct sim_datagram_faults){.doubled_one_in = 10});
	send_all(s);
	assert_in_range(s->b.whole, COUNT * 105 / 100, COUNT * 12 / 10);
	stage_free(s);

	s = stage_new(4, (struct sim_datagram_faults){.corrupt_one_in = 10});
	send_all(s);
	assert_int_equal(s->b.arrived, COUNT);
	assert_in_range(s->b.whole, COUNT * 8 / 10, COUNT * 95 / 100);
	stage_free(s);

	s = stage_new(5, (struct sim_datagram_faults){.late_one_in = 10});
	send_all(s);
	assert_int_equal(s->b.whole, COUNT);
	assert_true(s->b.overtaken > COUNT / 20);
	stage_free(s);
}

static void old_datagrams_come_again_as_they_were_or_changed(void **state)
{
	struct stage *s = stage_new(6, (struct sim_datagram_faults){.replayed_one_in = 10});

	(void)state;
	send_all(s);
	assert_true(s->b.whole > COUNT && s->b.whole == s->b.arrived);
	assert_true(s->a.whole > 0); /* its own come back to it */
	stage_free(s);

	s = stage_new(7, (struct sim_datagram_faults){.forged_one_in = 10});
	send_all(s);
	assert_true(s->b.arrived > s->b.whole && s->b.whole >= COUNT);
	stage_free(s);
}

static void the_same_seed_strikes_the_same(void **state)
{
	const struct sim_datagram_faults all = {20, 20, 20, 20, 20, 20};
	uint64_t hashes[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct stage *s = stage_new(i == 2 ? 9 : 8, all);

		send_all(s);
		hashes[i] = sim_world_hash(s->world);
		stage_free(s);
	}
	assert_true(hashes[0] == hashes[1] && hashes[0] != hashes[2]);
}

static void a_cut_link_a_dead_process_and_a_closed_port_swallow(void **state)
{
	struct stage *s = stage_new(10, (struct sim_datagram_faults){0});

	(void)state;
	sim_net_cut(s->world, s->a.process, s->b.process);
	send_ten(s, 0);
	sim_world_run_for(s->world, 10000);
	assert_int_equal(s->b.arrived, 0);
	sim_net_mend_all(s->world);
	send_ten(s, 0);
	sim_world_run_for(s->world, 10000);
	assert_int_equal(s->b.arrived, 10);
	env_socket_close(s->b.env, s->b.socket);
	send_ten(s, 0);
	sim_world_run_for(s->world, 10000);
	sim_process_kill(s->b.process);
	send_ten(s, 0);
	sim_world_run_for(s->world, 10000);
	assert_int_equal(s->b.arrived, 10);
	stage_free(s);
}

static void a_port_belongs_to_its_address(void **state)
{
	struct stage *s = stage_new(11, (struct sim_datagram_faults){0});
	struct env_socket *second;

	(void)state;
	assert_int_equal(env_datagrams_open(s->a.env, &s->a.address,
					    (struct env_listen_options){.shared_port = true},
					    port_ready, &s->a, &second),
			 -EADDRINUSE);
	assert_int_equal(env_datagrams_open(s->a.env, &s->b.address, (struct env_listen_options){0},
					    port_ready, &s->a, &second),
			 -EADDRNOTAVAIL);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_faults_all_arrive_once_and_mostly_together),
		cmocka_unit_test(each_fault_happens),
		cmocka_unit_test(old_datagrams_come_again_as_they_were_or_changed),
		cmocka_unit_test(the_same_seed_strikes_the_same),
		cmocka_unit_test(a_cut_link_a_dead_process_and_a_closed_port_swallow),
		cmocka_unit_test(a_port_belongs_to_its_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
