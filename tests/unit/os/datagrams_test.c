/* UDP on loopback: what the contract promises of many datagrams in one call, with and without the
 * kernel's help in cutting and joining them. */
#include "os_test.h"

#include <errno.h>
#include <netinet/udp.h>

enum { SEGMENT = 1000, MOST = 64 };

struct port {
	struct os_process *process;
	struct env *env;
	struct env_socket *socket;
	struct net_address address;
	unsigned calls;
	size_t taken;       /* datagrams, not buffers */
	size_t most_in_one; /* of them in one buffer */
	size_t sizes[2 * MOST];
	uint8_t first_bytes[2 * MOST];
	struct net_address from; /* of the last */
};

static void take(struct port *port, const struct env_datagrams *d)
{
	size_t in_one = 0;

	port->from = d->from;
	assert_true(d->size > 0 && d->segment_bytes > 0 && d->segment_bytes <= d->size);
	for (size_t at = 0; at < d->size; at += d->segment_bytes, in_one++) {
		size_t rest = d->size - at;

		assert_true(port->taken < 2 * MOST);
		port->sizes[port->taken] = rest < d->segment_bytes ? rest : d->segment_bytes;
		port->first_bytes[port->taken++] = d->bytes[at];
	}
	if (in_one > port->most_in_one)
		port->most_in_one = in_one;
}

static void port_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct port *port = context;
	struct env_datagrams arrived[OS_DATAGRAM_BUFFERS];
	int count = env_datagrams_receive(port->env, socket, arrived, OS_DATAGRAM_BUFFERS);

	assert_int_equal(events, ENV_READABLE);
	port->calls++;
	for (int i = 0; i < count; i++)
		take(port, &arrived[i]);
}

static int port_open_as(struct os_process *process, const char *text,
			struct env_listen_options options, struct port *ret)
{
	*ret = (struct port){.process = process, .env = os_process_env(process, 0)};
	assert_int_equal(net_address_parse(text, &ret->address), 0);
	return env_datagrams_open(ret->env, &ret->address, options, port_ready, ret, &ret->socket);
}

static int port_open(struct os_process *process, const char *text, bool shared, struct port *ret)
{
	return port_open_as(process, text, (struct env_listen_options){.shared_port = shared}, ret);
}

static void ports_open(const char *text, struct port *ret_from, struct port *ret_to)
{
	struct os_process *process = process_of((struct os_options){0});

	assert_int_equal(port_open(process, text, false, ret_from), 0);
	assert_int_equal(port_open(process, text, false, ret_to), 0);
	env_socket_local(ret_from->env, ret_from->socket, &ret_from->address);
	env_socket_local(ret_to->env, ret_to->socket, &ret_to->address);
}

static void ports_close(struct port *from, struct port *to)
{
	env_socket_close(from->env, from->socket);
	env_socket_close(to->env, to->socket);
	os_process_free(from->process);
}

/* Five and a half segments out of pieces that end elsewhere; each begins with its number. */
static void send_five_and_a_half(struct port *from, struct port *to)
{
	static uint8_t bytes[5 * SEGMENT + SEGMENT / 2];
	struct iovec pieces[] = {
		{bytes, 300}, {bytes + 300, 2500}, {bytes + 2800, sizeof(bytes) - 2800}};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i / SEGMENT);
	assert_int_equal(
		env_datagrams_send(from->env, from->socket, &to->address, pieces, 3, SEGMENT), 0);
}

static void check_five_and_a_half(const struct port *from, const struct port *to)
{
	for (uint8_t i = 0; i < 6; i++) {
		assert_int_equal(to->sizes[i], i < 5 ? SEGMENT : SEGMENT / 2);
		assert_int_equal(to->first_bytes[i], i);
	}
	assert_true(net_address_equal(&to->from, &from->address));
}

static void one_send_is_cut_into_datagrams_and_joined_again(void **state)
{
	struct port from, to;

	(void)state;
	ports_open("127.0.0.1:0", &from, &to);
	send_five_and_a_half(&from, &to);
	TURN_UNTIL(to.process, to.taken == 6);
	check_five_and_a_half(&from, &to);
	assert_false(from.socket->one_by_one);
	assert_int_equal(to.calls, 1);
	assert_int_equal(to.most_in_one, 6); /* UDP GRO */
	ports_close(&from, &to);
}

static void a_kernel_that_does_not_cut_gets_them_one_by_one(void **state)
{
	struct port from, to;
	int one = 1;

	(void)state;
	ports_open("127.0.0.1:0", &from, &to);
	/* Without checksums the kernel refuses UDP_SEGMENT, as it does for a device without them.
	 */
	assert_int_equal(setsockopt(from.socket->fd, SOL_SOCKET, SO_NO_CHECK, &one, sizeof(one)),
			 0);
	send_five_and_a_half(&from, &to);
	TURN_UNTIL(to.process, to.taken == 6);
	check_five_and_a_half(&from, &to);
	assert_true(from.socket->one_by_one);
	ports_close(&from, &to);
}

static void many_small_ones_arrive_in_few_calls(void **state)
{
	struct port from, to;

	(void)state;
	ports_open("127.0.0.1:0", &from, &to);
	for (uint8_t i = 0; i < MOST; i++) {
		struct iovec piece = {&i, 1};

		assert_int_equal(
			env_datagrams_send(from.env, from.socket, &to.address, &piece, 1, SEGMENT),
			0);
	}
	TURN_UNTIL(to.process, to.taken == MOST);
	for (uint8_t i = 0; i < MOST; i++)
		assert_int_equal(to.first_bytes[i], i);
	assert_true(to.calls <= MOST / OS_DATAGRAM_BUFFERS);
	ports_close(&from, &to);
}

static void an_empty_datagram_is_nothing(void **state)
{
	struct port from, to;
	union os_socket_address address;
	socklen_t size;
	uint8_t byte = 9;

	(void)state;
	ports_open("127.0.0.1:0", &from, &to);
	size = os_address_to_kernel(&to.address, &address);
	assert_int_equal(sendto(from.socket->fd, &byte, 0, 0, &address.any, size), 0);
	assert_int_equal(sendto(from.socket->fd, &byte, 1, 0, &address.any, size), 1);
	TURN_UNTIL(to.process, to.taken > 0);
	assert_int_equal(to.taken, 1);
	assert_int_equal(to.first_bytes[0], 9);
	ports_close(&from, &to);
}

static void a_port_without_a_listener_hurts_nobody(void **state)
{
	struct port from, to;
	struct net_address gone;

	(void)state;
	ports_open("127.0.0.1:0", &from, &to);
	gone = to.address;
	env_socket_close(to.env, to.socket);
	for (int i = 0; i < 3; i++)
		send_five_and_a_half(&from, &(struct port){.address = gone});
	assert_int_equal(from.calls, 0);
	assert_int_equal(port_open(from.process, "127.0.0.1:0", false, &to), 0);
	ports_close(&from, &to);
}

static void a_port_is_shared_only_when_asked(void **state)
{
	struct port from, to, second;
	char text[NET_ADDRESS_TEXT_BYTES];

	(void)state;
	ports_open("127.0.0.1:0", &from, &to);
	net_address_format(&to.address, text);
	assert_int_equal(port_open(to.process, text, true, &second), -EADDRINUSE);
	env_socket_close(to.env, to.socket);
	assert_int_equal(port_open(to.process, text, true, &to), 0);
	assert_int_equal(port_open(to.process, text, true, &second), 0);
	/* One sender's all reach the same. */
	for (int i = 0; i < 4; i++)
		send_five_and_a_half(&from, &(struct port){.address = second.address});
	TURN_UNTIL(to.process, to.taken + second.taken == 24);
	assert_true(to.taken == 0 || second.taken == 0);
	env_socket_close(second.env, second.socket);
	ports_close(&from, &to);
}

/* Bytes 4 and 5 choose, as in a mirror piece. */
static void the_content_chooses_among_those_that_share_a_port(void **state)
{
	enum { SHARERS = 3 };
	struct env_listen_options options = {
		.shared_port = true, .chosen_of = SHARERS, .chosen_at = 4};
	struct port from, first, sharers[SHARERS];
	char text[NET_ADDRESS_TEXT_BYTES];
	uint8_t bytes[6] = {0};
	struct iovec piece = {bytes, sizeof(bytes)};

	(void)state;
	ports_open("127.0.0.1:0", &from, &first);
	net_address_format(&first.address, text);
	env_socket_close(first.env, first.socket);
	for (int i = 0; i < SHARERS; i++)
		assert_int_equal(port_open_as(from.process, text, options, &sharers[i]), 0);
	for (uint8_t slot = 0; slot < 12; slot++) {
		bytes[0] = slot;
		bytes[5] = slot;
		assert_int_equal(env_datagrams_send(from.env, from.socket, &first.address, &piece,
						    1, SEGMENT),
				 0);
	}
	piece.iov_len = 5; /* too short to say */
	assert_int_equal(
		env_datagrams_send(from.env, from.socket, &first.address, &piece, 1, SEGMENT), 0);
	TURN_UNTIL(from.process, sharers[0].taken + sharers[1].taken + sharers[2].taken == 13);
	for (int i = 0; i < SHARERS; i++) {
		for (size_t n = 0; n < 4; n++)
			assert_int_equal(sharers[i].first_bytes[n] % SHARERS, i);
		env_socket_close(sharers[i].env, sharers[i].socket);
	}
	env_socket_close(from.env, from.socket);
	os_process_free(from.process);
}

static void ipv6_datagrams_travel_too(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct port from, to;
	int rc = port_open(process, "[::1]:0", false, &from);

	(void)state;
	if (rc < 0) {
		print_message("skipped, IPv6 is not here: %s\n", strerror(-rc));
		os_process_free(process);
		skip();
	}
	assert_int_equal(port_open(process, "[::1]:0", false, &to), 0);
	env_socket_local(from.env, from.socket, &from.address);
	env_socket_local(to.env, to.socket, &to.address);
	send_five_and_a_half(&from, &to);
	TURN_UNTIL(process, to.taken == 6);
	check_five_and_a_half(&from, &to);
	ports_close(&from, &to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_send_is_cut_into_datagrams_and_joined_again),
		cmocka_unit_test(a_kernel_that_does_not_cut_gets_them_one_by_one),
		cmocka_unit_test(many_small_ones_arrive_in_few_calls),
		cmocka_unit_test(an_empty_datagram_is_nothing),
		cmocka_unit_test(a_port_without_a_listener_hurts_nobody),
		cmocka_unit_test(a_port_is_shared_only_when_asked),
		cmocka_unit_test(the_content_chooses_among_those_that_share_a_port),
		cmocka_unit_test(ipv6_datagrams_travel_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
