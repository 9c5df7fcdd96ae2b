/* bwsteer at work in three namespaces and a bridge, told by two brokers that this test plays: a
 * client's SYN reaches the holder, through TC and through XDP; S2, S3, S4, S12 and active reset as
 * a client sees them. Needs root.
 *
 * Slot 0 is 10.77.0.100:9100 and decides who announces, slot 1 is 10.77.0.100:9101. Each node's
 * "broker" accepts on both and answers one byte, its number. */
#include "bellwether/steer_facts.h"
#include "bpf/small_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum {
	NODES = 2,
	SLOTS = 2,
	PORT = 9100,
	STEP_MS = 20,
	PATIENCE_MS = 10000,
	LEASE_MS = 1000,
	HELD_MAX = 256,
};

struct node {
	pid_t bwsteer;
	int session; /* the socket to its bwsteer, or -1 */
	bool renews;
	bool lost_lease; /* it was told so */
	int acked, last_result;
	int listeners[SLOTS];
};

struct world {
	struct node nodes[NODES];
	uint64_t offset;
	uint32_t holders[SLOTS]; /* node ids, 1 and 2 */
	uint64_t epochs[SLOTS];
	int held[HELD_MAX]; /* accepted connections: open until the end */
	size_t held_count;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the brokers' side of the socket ---- */

static struct steer_header header_of(uint16_t type)
{
	return (struct steer_header){type, STEER_PROTOCOL_VERSION, type};
}

static void tell(struct node *n, const void *message, size_t size)
{
	assert_int_equal(send(n->session, message, size, MSG_NOSIGNAL), size);
}

static void listen_to_bwsteer(struct node *n)
{
	_Alignas(8) uint8_t bytes[STEER_MESSAGE_BYTES_MAX];
	struct steer_header header;
	ssize_t size;

	while (n->session >= 0 &&
	       (size = recv(n->session, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		memcpy(&header, bytes, sizeof(header));
		if (header.type == STEER_LEASE_LOST)
			n->lost_lease = true;
		if (header.type == STEER_ACK) {
			n->last_result = ((struct steer_ack *)bytes)->result;
			n->acked++;
		}
	}
}

/* What brokers do all the time. */
static void pump(struct world *w)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &w->nodes[i];
		struct steer_lease lease = {
			.header = header_of(STEER_LEASE),
			.renewed_at_us = now_ms() * 1000,
			.duration_ms = LEASE_MS,
		};

		if (n->session >= 0 && n->renews)
			tell(n, &lease, sizeof(lease));
		listen_to_bwsteer(n);
	}
}

static void pause_a_step(struct world *w)
{
	pump(w);
	poll(NULL, 0, STEP_MS);
}

static void connect_broker(struct world *w, int i)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct steer_hello hello = {
		.header = header_of(STEER_HELLO),
		.cluster_id = {0xb0, 0x77},
		.node = (uint32_t)i + 1,
	};
	uint64_t until = now_ms() + PATIENCE_MS;
	int session = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/bwt%d-%d.sock", (int)getpid(),
		 i);
	while (connect(session, (struct sockaddr *)&address, sizeof(address)) < 0) {
		assert_true(now_ms() < until);
		pause_a_step(w);
	}
	w->nodes[i].session = session;
	w->nodes[i].renews = true;
	w->nodes[i].lost_lease = false;
	tell(&w->nodes[i], &hello, sizeof(hello));
}

static void disconnect_broker(struct world *w, int i)
{
	close(w->nodes[i].session);
	w->nodes[i].session = -1;
}

static struct steer_address slot_address(int slot)
{
	return (struct steer_address){
		.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 77, [15] = 100},
		.port = (uint16_t)(PORT + slot),
	};
}

static void publish_to(struct world *w, int i)
{
	struct node *n = &w->nodes[i];
	struct steer_image_begin begin = {.header = header_of(STEER_IMAGE_BEGIN),
					  .metadata_offset = w->offset,
					  .slots = SLOTS,
					  .brokers = NODES};
	struct steer_image_end end = {.header = header_of(STEER_IMAGE_END),
				      .metadata_offset = w->offset};
	int acked = n->acked;
	uint64_t until = now_ms() + PATIENCE_MS;

	tell(n, &begin, sizeof(begin));
	for (int slot = 0; slot < SLOTS; slot++) {
		struct steer_slot fact = {
			.header = header_of(STEER_SLOT),
			.slot_epoch = w->epochs[slot],
			.slot = (uint32_t)slot,
			.holder = w->holders[slot],
			.successor = 3 - w->holders[slot],
			.address_count = 1,
			.addresses = {slot_address(slot)},
		};

		tell(n, &fact, sizeof(fact));
	}
	for (uint32_t node = 1; node <= NODES; node++) {
		struct steer_broker fact = {
			.header = header_of(STEER_BROKER),
			.node = node,
			.flags = STEER_BROKER_HAS_BWSTEER,
			.ipv4 = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 77},
		};

		fact.ipv4[15] = (uint8_t)node;

		tell(n, &fact, sizeof(fact));
	}
	tell(n, &end, sizeof(end));
	for (; n->acked == acked; pause_a_step(w))
		assert_true(now_ms() < until);
	assert_int_equal(n->last_result, 0);
}

static void publish(struct world *w)
{
	w->offset++;
	for (int i = 0; i < NODES; i++)
		if (w->nodes[i].session >= 0)
			publish_to(w, i);
}

static void move_slot(struct world *w, int slot, uint32_t holder)
{
	w->holders[slot] = holder;
	w->epochs[slot] = w->offset + 1;
	publish(w);
}

/* ---- clients ---- */

static struct sockaddr_in inet_of_slot(int slot)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(PORT + slot)),
		.sin_addr = {htonl(10U << 24 | 77 << 16 | 100)},
	};
}

static void accept_all(struct world *w)
{
	for (int i = 0; i < NODES; i++) {
		for (int slot = 0; slot < SLOTS; slot++) {
			int fd = accept4(w->nodes[i].listeners[slot], NULL, NULL, SOCK_CLOEXEC);
			char name = (char)('1' + i);

			if (fd < 0)
				continue;
			assert_true(w->held_count < HELD_MAX);
			w->held[w->held_count++] = fd;
			assert_int_equal(send(fd, &name, 1, MSG_NOSIGNAL), 1);
		}
	}
}

/* Connects to a slot. Returns who answered (1, 2), or -errno; *ret_client stays open. */
static int ask(struct world *w, int slot, uint64_t patience_ms, int *ret_client)
{
	struct sockaddr_in to = inet_of_slot(slot);
	int client = small_net_socket(PLACE_CLIENT, SOCK_STREAM | SOCK_NONBLOCK);
	uint64_t until = now_ms() + patience_ms;
	char name;

	*ret_client = client;
	if (connect(client, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
		return -errno;
	while (now_ms() < until) {
		struct pollfd event = {.fd = client, .events = POLLIN};

		pump(w);
		accept_all(w);
		if (poll(&event, 1, STEP_MS) > 0)
			return recv(client, &name, 1, 0) == 1 ? name - '0' : -errno;
	}
	return -ETIMEDOUT;
}

/* Asks until that node answers: next hops and announcements take their milliseconds. */
static int expect_answer(struct world *w, int slot, int node)
{
	uint64_t until = now_ms() + PATIENCE_MS;
	int client, answer = 0;

	while (now_ms() < until) {
		answer = ask(w, slot, 500, &client);
		if (answer == node)
			return client;
		close(client);
		pause_a_step(w);
	}
	fail_msg("slot %d: node %d does not answer (but: %d)", slot, node, answer);
	return -1;
}

/* What happens to an open connection in time: an errno, or 0 for nothing. */
static int wait_for_reset(struct world *w, int client)
{
	uint64_t until = now_ms() + PATIENCE_MS;
	char byte;

	while (now_ms() < until) {
		if (recv(client, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
			return errno;
		pause_a_step(w);
	}
	return 0;
}

static bool has_address(enum small_net_place place)
{
	return small_net_run(place, "nsenter --net=/run/netns/%s ip -o address show dev eth0 | "
				    "grep -q 10.77.0.100") == 0;
}

static bool wait_for_address(struct world *w, enum small_net_place place, bool wanted)
{
	uint64_t until = now_ms() + PATIENCE_MS;

	while (now_ms() < until) {
		if (has_address(place) == wanted)
			return true;
		pause_a_step(w);
	}
	return false;
}

/* Has the client taken node 2's MAC address for the slots'? */
static bool client_follows_to_node2(struct world *w)
{
	uint64_t until = now_ms() + PATIENCE_MS;

	while (now_ms() < until) {
		if (small_net_run(PLACE_CLIENT, "n=%s; mac=$(nsenter --net=/run/netns/${n%%-*}-n2 "
						"ip -o link show eth0 |"
						" grep -o 'ether [^ ]*'); nsenter "
						"--net=/run/netns/$n ip neigh show 10.77.0.100 |"
						" grep -q \"${mac#ether }\"") == 0)
			return true;
		pause_a_step(w);
	}
	return false;
}

/* ---- the set-up ---- */

static const char *build_folder(void)
{
	const char *build = getenv("BUILD");

	return build ? build : "build";
}

static void start_bwsteer(struct world *w, int i, const char *mode)
{
	char program[256], instance[64], path[96], mode_pair[32];
	char *arguments[] = {program, "--set",  "steer.interface=eth0",
			     "--set", instance, "--set",
			     path,    "--set",  mode_pair,
			     NULL};

	snprintf(program, sizeof(program), "%s/bwsteer", build_folder());
	snprintf(instance, sizeof(instance), "steer.instance=bwt%d-%d", (int)getpid(), i);
	snprintf(path, sizeof(path), "steer.socket=/tmp/bwt%d-%d.sock", (int)getpid(), i);
	snprintf(mode_pair, sizeof(mode_pair), "steer.mode=%s", mode);
	w->nodes[i].bwsteer = small_net_start((enum small_net_place)i, arguments);
	assert_true(w->nodes[i].bwsteer > 0);
}

static void stop_bwsteer(struct world *w, int i, int with_signal)
{
	if (w->nodes[i].bwsteer <= 0)
		return;
	kill(w->nodes[i].bwsteer, with_signal);
	waitpid(w->nodes[i].bwsteer, NULL, 0);
	w->nodes[i].bwsteer = 0;
}

static int open_listener(int i, int slot)
{
	struct sockaddr_in address = inet_of_slot(slot);
	int fd = small_net_socket((enum small_net_place)i, SOCK_STREAM | SOCK_NONBLOCK), one = 1;

	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static struct world *begin(const char *mode)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	small_net_up(strcmp(mode, "xdp") == 0);
	for (int i = 0; i < NODES; i++)
		start_bwsteer(w, i, mode);
	for (int i = 0; i < NODES; i++) {
		w->nodes[i].session = -1;
		for (int slot = 0; slot < SLOTS; slot++)
			w->nodes[i].listeners[slot] = open_listener(i, slot);
	}
	for (int i = 0; i < NODES; i++)
		connect_broker(w, i);
	w->holders[0] = 1;
	w->holders[1] = 2;
	w->offset = 100;
	publish(w);
	return w;
}

static void end(struct world *w)
{
	for (size_t i = 0; i < w->held_count; i++)
		close(w->held[i]);
	for (int i = 0; i < NODES; i++) {
		stop_bwsteer(w, i, SIGTERM);
		for (int slot = 0; slot < SLOTS; slot++)
			close(w->nodes[i].listeners[slot]);
		if (w->nodes[i].session >= 0)
			close(w->nodes[i].session);
	}
	free(w);
	small_net_down();
}

/* Also when a test failed half-way: namespaces and processes must not stay. */
static int clean_up(void **state)
{
	char command[128];

	(void)state;
	small_net_down();
	snprintf(command, sizeof(command),
		 "rm -rf /sys/fs/bpf/bellwether/bwt%d-* /tmp/bwt%d-*.sock", (int)getpid(),
		 (int)getpid());
	return system(command);
}

/* ---- the tests ---- */

static void check_steering(const char *mode)
{
	struct world *w = begin(mode);
	int moved;

	close(expect_answer(w, 0, 1));
	moved = expect_answer(w, 1, 2); /* arrives at node 1, which announces */
	assert_true(has_address(PLACE_NODE1));
	assert_false(has_address(PLACE_NODE2));
	move_slot(w, 1, 1);
	close(expect_answer(w, 1, 1));
	move_slot(w, 1, 2);
	close(expect_answer(w, 1, 2));
	move_slot(w, 0, 2); /* the announcer moves, too */
	close(expect_answer(w, 0, 2));
	assert_true(wait_for_address(w, PLACE_NODE1, false));
	assert_true(has_address(PLACE_NODE2));
	assert_true(client_follows_to_node2(w));
	close(moved);
	end(w);
}

static void tc_steers_to_the_holder_and_follows_its_moves(void **state)
{
	(void)state;
	check_steering("tc");
}

static void xdp_steers_to_the_holder_and_follows_its_moves(void **state)
{
	(void)state;
	check_steering("xdp");
}

static void off_announces_and_leaves_the_rest_to_user_space(void **state)
{
	struct world *w = begin("off");
	int client;

	(void)state;
	close(expect_answer(w, 0, 1));
	assert_int_equal(ask(w, 1, 500, &client), 1); /* the holder is 2: its stack would forward */
	close(client);
	end(w);
}

static void s2_without_renewals_clients_are_reset_and_the_address_goes(void **state)
{
	struct world *w = begin("tc");
	int client = expect_answer(w, 0, 1);
	uint64_t until = now_ms() + PATIENCE_MS;

	(void)state;
	w->nodes[0].renews = false;
	assert_int_equal(wait_for_reset(w, client), ECONNRESET);
	close(client);
	assert_true(wait_for_address(w, PLACE_NODE1, false));
	for (; !w->nodes[0].lost_lease; pause_a_step(w))
		assert_true(now_ms() < until);
	w->nodes[0].renews = true; /* and all is well after a new image */
	publish(w);
	assert_true(wait_for_address(w, PLACE_NODE1, true));
	close(expect_answer(w, 0, 1));
	end(w);
}

static void s4_a_withdrawn_slot_leaves_the_interface_before_the_answer(void **state)
{
	struct steer_withdraw withdraw = {
		.header = header_of(STEER_WITHDRAW), .slot = 0, .withdrawn = 1};
	struct world *w = begin("tc");
	uint64_t until = now_ms() + PATIENCE_MS;
	int acked = w->nodes[0].acked;

	(void)state;
	assert_true(wait_for_address(w, PLACE_NODE1, true));
	tell(&w->nodes[0], &withdraw, sizeof(withdraw));
	for (; w->nodes[0].acked == acked; pause_a_step(w))
		assert_true(now_ms() < until);
	assert_false(has_address(PLACE_NODE1));
	end(w);
}

static void s12_a_dead_brokers_slot_is_served_by_its_successor(void **state)
{
	struct world *w = begin("tc");

	(void)state;
	close(expect_answer(w, 0, 1));
	close(expect_answer(w, 1, 2)); /* so the next hop is known */
	disconnect_broker(w, 0);
	close(expect_answer(w, 0, 2));
	end(w);
}

static void s2_a_dead_bwsteer_leaves_no_address_and_no_steering(void **state)
{
	struct world *w = begin("tc");

	(void)state;
	close(expect_answer(w, 1, 2));
	stop_bwsteer(w, 0, SIGKILL);
	disconnect_broker(w, 0);
	assert_true(wait_for_address(w, PLACE_NODE1, false)); /* valid_lft */
	start_bwsteer(w, 0, "tc"); /* over the stale filter and the pins */
	connect_broker(w, 0);
	publish(w);
	close(expect_answer(w, 1, 2));
	end(w);
}

/* ---- active reset ---- */

/* The switch carries nothing from or to the node any more. */
static void cut(int i)
{
	const char *command = i == 0 ? "nsenter --net=/run/netns/%s bridge link set dev n1 state 0"
				     : "nsenter --net=/run/netns/%s bridge link set dev n2 state 0";

	assert_int_equal(small_net_run(PLACE_SWITCH, command), 0);
}

static void tell_flow(struct world *w, int i, int slot, int client, struct steer_address address)
{
	struct steer_reset_flows resets = {.header = header_of(STEER_RESET_FLOWS), .count = 1};
	struct sockaddr_in own;
	socklen_t size = sizeof(own);

	assert_int_equal(getsockname(client, (struct sockaddr *)&own, &size), 0);
	resets.flows[0].slot = (uint32_t)slot;
	resets.flows[0].slot_address = address;
	resets.flows[0].client = slot_address(0);
	memcpy(resets.flows[0].client.ip + 12, &own.sin_addr, sizeof(own.sin_addr));
	resets.flows[0].client.port = ntohs(own.sin_port);
	tell(&w->nodes[i], &resets, sizeof(resets));
}

/* Waits until node 1's bwsteer has counted so. */
static void expect_stats(struct world *w, const char *counter, int value)
{
	uint64_t until = now_ms() + PATIENCE_MS;
	char command[512];

	snprintf(command, sizeof(command),
		 "n=%%s; %s/bwsteer stats --json --instance bwt%d-0 | grep -q '\"%s\":%d[,}]'",
		 build_folder(), (int)getpid(), counter, value);
	while (small_net_run(PLACE_NODE1, command) != 0) {
		assert_true(now_ms() < until);
		pause_a_step(w);
	}
}

/* Node 2 dies with a client that waits; node 1, which announces, is the next holder. */
static void a_client_that_waits_for_a_dead_host_is_reset_by_the_next_holder(void **state)
{
	struct world *w = begin("tc");
	int client = expect_answer(w, 1, 2);
	uint64_t from_ms;
	char byte;

	(void)state;
	cut(1);
	w->holders[1] = 1;
	w->epochs[1] = ++w->offset;
	publish_to(w, 0);
	for (from_ms = now_ms(); now_ms() < from_ms + 300;)
		pause_a_step(w);
	assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), -1); /* nobody has told it */
	assert_int_equal(errno, EAGAIN);
	tell_flow(w, 0, 1, client, slot_address(1));
	assert_int_equal(wait_for_reset(w, client), ECONNRESET);
	close(client);
	close(expect_answer(w, 1, 1));
	expect_stats(w, "syns", 2);
	end(w);
}

/* The announcer dies; the next one is the holder. Without any program, as with one. */
static void check_announcer(const char *mode)
{
	struct world *w = begin(mode);
	int client = expect_answer(w, 0, 1);

	cut(0);
	disconnect_broker(w, 0);
	w->holders[0] = 2;
	w->epochs[0] = ++w->offset;
	publish_to(w, 1);
	tell_flow(w, 1, 0, client, slot_address(0));
	assert_int_equal(wait_for_reset(w, client), ECONNRESET);
	close(client);
	close(expect_answer(w, 0, 2));
	end(w);
}

static void a_client_of_a_dead_announcer_is_reset(void **state)
{
	(void)state;
	check_announcer("tc");
}

static void a_client_of_a_dead_announcer_is_reset_in_mode_off(void **state)
{
	(void)state;
	check_announcer("off");
}

/* Its ACK is one of the connection that the holder knows. */
static void a_live_connection_of_the_holder_survives_its_reset(void **state)
{
	struct world *w = begin("tc");
	int client = expect_answer(w, 0, 1);
	uint64_t until = now_ms() + PATIENCE_MS;
	char byte = 'x';

	(void)state;
	tell_flow(w, 0, 0, client, slot_address(0));
	tell_flow(w, 0, 0, client, slot_address(0));
	expect_stats(w, "repeated", 1);
	expect_stats(w, "syns", 2);
	assert_int_equal(send(w->held[w->held_count - 1], &byte, 1, MSG_NOSIGNAL), 1);
	while (recv(client, &byte, 1, MSG_DONTWAIT) != 1) {
		assert_int_equal(errno, EAGAIN);
		assert_true(now_ms() < until);
		pause_a_step(w);
	}
	expect_stats(w, "syns", 2); /* at most twice */
	close(client);
	end(w);
}

static void nothing_is_forged_but_for_slots_that_are_held_here(void **state)
{
	struct steer_address own = slot_address(0);
	struct world *w = begin("tc");
	int client = expect_answer(w, 1, 2);

	(void)state;
	own.ip[15] = 1;
	tell_flow(w, 0, 0, client, own);             /* the broker's own address */
	tell_flow(w, 0, 0, client, slot_address(1)); /* another slot's */
	tell_flow(w, 0, 1, client, slot_address(1)); /* node 2 holds it */
	tell_flow(w, 0, 9, client, slot_address(0)); /* no slot */
	expect_stats(w, "refused", 4);
	expect_stats(w, "syns", 0);
	close(client);
	end(w);
}

static void a_bwsteer_that_is_stopped_takes_everything_with_it(void **state)
{
	struct world *w = begin("tc");

	(void)state;
	close(expect_answer(w, 0, 1));
	disconnect_broker(w, 0);
	stop_bwsteer(w, 0, SIGTERM);
	assert_false(has_address(PLACE_NODE1));
	assert_int_equal(
		small_net_run(PLACE_NODE1,
			      "nsenter --net=/run/netns/%s tc filter show dev eth0 ingress |"
			      " grep -q bw_"),
		1);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(tc_steers_to_the_holder_and_follows_its_moves, clean_up),
		cmocka_unit_test_teardown(xdp_steers_to_the_holder_and_follows_its_moves, clean_up),
		cmocka_unit_test_teardown(off_announces_and_leaves_the_rest_to_user_space,
					  clean_up),
		cmocka_unit_test_teardown(
			s2_without_renewals_clients_are_reset_and_the_address_goes, clean_up),
		cmocka_unit_test_teardown(
			s4_a_withdrawn_slot_leaves_the_interface_before_the_answer, clean_up),
		cmocka_unit_test_teardown(s12_a_dead_brokers_slot_is_served_by_its_successor,
					  clean_up),
		cmocka_unit_test_teardown(s2_a_dead_bwsteer_leaves_no_address_and_no_steering,
					  clean_up),
		cmocka_unit_test_teardown(
			a_client_that_waits_for_a_dead_host_is_reset_by_the_next_holder, clean_up),
		cmocka_unit_test_teardown(a_client_of_a_dead_announcer_is_reset, clean_up),
		cmocka_unit_test_teardown(a_client_of_a_dead_announcer_is_reset_in_mode_off,
					  clean_up),
		cmocka_unit_test_teardown(a_live_connection_of_the_holder_survives_its_reset,
					  clean_up),
		cmocka_unit_test_teardown(nothing_is_forged_but_for_slots_that_are_held_here,
					  clean_up),
		cmocka_unit_test_teardown(a_bwsteer_that_is_stopped_takes_everything_with_it,
					  clean_up),
	};

	if (geteuid() != 0) {
		puts("network namespaces and BPF programs need root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
