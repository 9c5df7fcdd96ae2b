/* Connections on loopback: what the contract promises of dialling, moving bytes, closing, moving a
 * connection to another loop, and running out of descriptors. */
#include "os_test.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* One end of a connection, or a listener: counts what it is told. */
struct end {
	struct env *env;
	struct env_socket *socket;
	unsigned calls;
	unsigned events; /* of the last call */
};

static void note_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct end *end = context;

	assert_ptr_equal(socket, end->socket);
	end->calls++;
	end->events = events;
}

static struct net_address loopback(const char *text)
{
	struct net_address address;

	assert_int_equal(net_address_parse(text, &address), 0);
	return address;
}

static void listen_on(struct env *env, const char *text, struct end *ret_end)
{
	struct net_address address = loopback(text);

	*ret_end = (struct end){.env = env};
	assert_int_equal(env_listen(env, &address, (struct env_listen_options){0}, note_ready,
				    ret_end, &ret_end->socket),
			 0);
}

static void dial(const struct end *listener, struct end *ret_end)
{
	struct net_address address;

	*ret_end = (struct end){.env = listener->env};
	env_socket_local(listener->env, listener->socket, &address);
	assert_int_equal(
		env_connect(listener->env, &address, note_ready, ret_end, &ret_end->socket), 0);
}

/* Says so when the machine has no IPv6: then its half of a test is left out. */
static bool ipv6_is_here(void)
{
	struct os_process *process = process_of((struct os_options){0});
	struct env *env = os_process_env(process, 0);
	struct net_address address = loopback("[::1]:0");
	struct env_socket *listener;
	int rc = env_listen(env, &address, (struct env_listen_options){0}, note_ready, NULL,
			    &listener);

	if (rc == 0)
		env_socket_close(env, listener);
	else
		print_message("skipped for IPv6, which is not here: %s\n", strerror(-rc));
	os_process_free(process);
	return rc == 0;
}

/* Two connected ends in one loop that watch nothing. */
struct pair {
	struct os_process *process;
	struct env *env;
	struct end listener;
	struct end client;
	struct end server;
};

static void pair_connect(struct pair *pair, struct end *client, struct end *server)
{
	dial(&pair->listener, client);
	TURN_UNTIL(pair->process, client->calls > 0);
	assert_int_equal(env_socket_error(pair->env, client->socket), 0);
	env_socket_watch(pair->env, client->socket, 0);
	*server = (struct end){.env = pair->env};
	TURN_UNTIL(pair->process, env_accept(pair->env, pair->listener.socket, note_ready, server,
					     &server->socket) == 0);
	assert_int_equal(env_accept(pair->env, pair->listener.socket, note_ready, server,
				    &server->socket),
			 -EAGAIN);
}

static void pair_init(struct pair *pair, const char *text)
{
	*pair = (struct pair){.process = process_of((struct os_options){0})};
	pair->env = os_process_env(pair->process, 0);
	listen_on(pair->env, text, &pair->listener);
	pair_connect(pair, &pair->client, &pair->server);
}

static void pair_done(struct pair *pair)
{
	env_socket_close(pair->env, pair->listener.socket);
	env_socket_close(pair->env, pair->client.socket);
	env_socket_close(pair->env, pair->server.socket);
	os_process_free(pair->process);
}

/* ---- opening ---- */

static void check_connection(const char *text)
{
	struct net_address listened, local, peer;
	socklen_t size = sizeof(int);
	struct pair pair;
	int no_delay = 0;

	pair_init(&pair, text);
	env_socket_local(pair.env, pair.listener.socket, &listened);
	env_socket_local(pair.env, pair.server.socket, &local);
	env_socket_peer(pair.env, pair.client.socket, &peer);
	assert_true(net_address_equal(&local, &listened));
	assert_true(net_address_equal(&peer, &listened));
	env_socket_local(pair.env, pair.client.socket, &local);
	env_socket_peer(pair.env, pair.server.socket, &peer);
	assert_true(net_address_equal(&local, &peer));
	getsockopt(pair.server.socket->fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
	assert_true(no_delay);
	getsockopt(pair.client.socket->fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
	assert_true(no_delay);
	pair_done(&pair);
}

static void connections_know_their_addresses(void **state)
{
	(void)state;
	check_connection("127.0.0.1:0");
	if (ipv6_is_here())
		check_connection("[::1]:0");
}

static void a_refused_connect_is_reported(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct env *env = os_process_env(process, 0);
	struct end listener, client;
	struct net_address address;

	(void)state;
	listen_on(env, "127.0.0.1:0", &listener);
	env_socket_local(env, listener.socket, &address);
	env_socket_close(env, listener.socket);
	client = (struct end){.env = env};
	assert_int_equal(env_connect(env, &address, note_ready, &client, &client.socket), 0);
	TURN_UNTIL(process, client.calls > 0);
	assert_int_equal(client.events, ENV_WRITABLE);
	assert_int_equal(env_socket_error(env, client.socket), -ECONNREFUSED);
	assert_int_equal(env_socket_error(env, client.socket), -ECONNREFUSED); /* for good */
	env_socket_close(env, client.socket);
	os_process_free(process);
}

static void s5_a_foreign_address_can_be_listened_on(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct env *env = os_process_env(process, 0);
	struct env_listen_options any = {.any_address = true};
	struct net_address foreign[] = {loopback("192.0.2.1:0"), loopback("[2001:db8::1]:0")};
	struct env_socket *listener;

	(void)state;
	for (unsigned i = 0; i < (ipv6_is_here() ? 2 : 1); i++) {
		assert_int_equal(env_listen(env, &foreign[i], (struct env_listen_options){0},
					    note_ready, NULL, &listener),
				 -EADDRNOTAVAIL);
		assert_int_equal(env_listen(env, &foreign[i], any, note_ready, NULL, &listener), 0);
		env_socket_close(env, listener);
	}
	os_process_free(process);
}

static void a_port_is_shared_only_when_asked(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct env *env = os_process_env(process, 0);
	struct env_listen_options shared = {.shared_port = true};
	struct net_address address = loopback("127.0.0.1:0");
	struct env_socket *one, *two, *three;

	(void)state;
	assert_int_equal(env_listen(env, &address, shared, note_ready, NULL, &one), 0);
	env_socket_local(env, one, &address);
	assert_int_equal(env_listen(env, &address, shared, note_ready, NULL, &two), 0);
	assert_int_equal(env_listen(env, &address, (struct env_listen_options){0}, note_ready, NULL,
				    &three),
			 -EADDRINUSE);
	env_socket_close(env, one);
	env_socket_close(env, two);
	os_process_free(process);
}

static void a_port_has_room_for_both_families(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct env *env = os_process_env(process, 0);
	struct env_listen_options plain = {0};
	struct net_address four = loopback("0.0.0.0:0"), six = loopback("[::]:0");
	struct env_socket *one, *two;

	(void)state;
	if (!ipv6_is_here()) {
		os_process_free(process);
		skip();
	}
	assert_int_equal(env_listen(env, &four, plain, note_ready, NULL, &one), 0);
	env_socket_local(env, one, &four);
	six.port = four.port;
	assert_int_equal(env_listen(env, &six, plain, note_ready, NULL, &two), 0);
	env_socket_close(env, one);
	env_socket_close(env, two);
	os_process_free(process);
}

static void a_port_can_be_listened_on_again_at_once(void **state)
{
	struct net_address address;
	struct pair pair;
	char byte;

	(void)state;
	pair_init(&pair, "127.0.0.1:0");
	env_socket_local(pair.env, pair.listener.socket, &address);
	/* The server closes first: its end stays behind in TIME_WAIT. */
	env_socket_close(pair.env, pair.server.socket);
	env_socket_close(pair.env, pair.listener.socket);
	pair.server.socket = NULL;
	env_socket_watch(pair.env, pair.client.socket, ENV_READABLE);
	TURN_UNTIL(pair.process,
		   env_socket_receive(pair.env, pair.client.socket, &byte, 1) == 0);
	env_socket_close(pair.env, pair.client.socket);
	pair.client.socket = NULL;
	assert_int_equal(env_listen(pair.env, &address, (struct env_listen_options){0}, note_ready,
				    NULL, &pair.listener.socket),
			 0);
	pair_done(&pair);
}

/* ---- bytes ---- */

enum { TRANSFER_BYTES = 16 * 1024 * 1024 };

/* One direction of a transfer. */
struct flow {
	struct env *env;
	struct env_file *file; /* sent from it, or from bytes when it is NULL */
	const char *bytes;
	size_t sent;
	size_t received;
	unsigned full; /* how often the queue was */
	bool wrong;
};

/* An end that sends one flow and receives the other. */
struct mover {
	struct flow *out;
	struct flow *in;
};

static ssize_t send_some(struct flow *flow, struct env_socket *socket)
{
	size_t left = TRANSFER_BYTES - flow->sent, half = left / 2;
	struct iovec pieces[] = {{(char *)flow->bytes + flow->sent, half},
				 {(char *)flow->bytes + flow->sent + half, left - half}};

	if (flow->file)
		return env_socket_send_file(flow->env, socket, flow->file, (int64_t)flow->sent,
					    left);
	return env_socket_send(flow->env, socket, pieces, 2);
}

static void move(struct env_socket *socket, unsigned events, void *context)
{
	struct mover *mover = context;
	char bytes[100000];
	ssize_t got;

	if (events & ENV_READABLE) {
		got = env_socket_receive(mover->in->env, socket, bytes, sizeof(bytes));
		mover->in->wrong |= got <= 0;
		mover->in->wrong |= memcmp(bytes, mover->in->bytes + mover->in->received,
					   got > 0 ? (size_t)got : 0) != 0;
		mover->in->received += got > 0 ? (size_t)got : 0;
	}
	if (!(events & ENV_WRITABLE))
		return;
	for (got = 0; got >= 0 && mover->out->sent < TRANSFER_BYTES;) {
		got = send_some(mover->out, socket);
		mover->out->sent += got > 0 ? (size_t)got : 0;
	}
	mover->out->full += got == -EAGAIN;
	mover->out->wrong |= got < 0 && got != -EAGAIN;
	if (mover->out->sent == TRANSFER_BYTES)
		env_socket_watch(mover->out->env, socket, ENV_READABLE);
}

static void much_travels_both_ways_past_full_queues(void **state)
{
	char *folder = folder_new(), path[256];
	char *bytes = malloc(TRANSFER_BYTES);
	struct iovec piece = {bytes, TRANSFER_BYTES};
	struct flow up, down;
	struct mover client = {&up, &down}, server = {&down, &up};
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1:0");
	for (uint32_t i = 0; i < TRANSFER_BYTES; i++)
		bytes[i] = (char)(i * 2654435761u >> 24);
	up = down = (struct flow){.env = pair.env, .bytes = bytes};
	snprintf(path, sizeof(path), "%s/segment", folder);
	assert_int_equal(
		env_file_open(pair.env, path, ENV_OPEN_WRITE | ENV_OPEN_CREATE, &down.file), 0);
	assert_int_equal(env_file_write(pair.env, down.file, &piece, 1, 0), 0);
	env_socket_detach(pair.env, pair.client.socket);
	env_socket_detach(pair.env, pair.server.socket);
	env_socket_attach(pair.env, pair.client.socket, move, &client);
	env_socket_attach(pair.env, pair.server.socket, move, &server);
	env_socket_watch(pair.env, pair.client.socket, ENV_READABLE | ENV_WRITABLE);
	env_socket_watch(pair.env, pair.server.socket, ENV_READABLE | ENV_WRITABLE);
	TURN_UNTIL(pair.process,
		   up.received + down.received == 2 * TRANSFER_BYTES || up.wrong || down.wrong);
	assert_false(up.wrong || down.wrong);
	assert_true(up.full > 0 && down.full > 0);
	assert_int_equal(env_socket_send_file(pair.env, pair.server.socket, down.file,
					      TRANSFER_BYTES, 1),
			 -EIO); /* the file is shorter than was promised */
	env_file_unref(pair.env, down.file);
	assert_int_equal(env_path_remove(pair.env, path), 0);
	assert_int_equal(env_path_remove(pair.env, folder), 0);
	pair_done(&pair);
	free(bytes);
	free(folder);
}

static int is_corked(struct env_socket *socket)
{
	socklen_t size = sizeof(int);
	int corked = -1;

	getsockopt(socket->fd, IPPROTO_TCP, TCP_CORK, &corked, &size);
	return corked;
}

static void a_cork_holds_back_until_it_is_drawn(void **state)
{
	char bytes[] = "ab", got[4];
	struct iovec piece = {bytes, 1};
	struct pair pair;

	(void)state;
	pair_init(&pair, "127.0.0.1:0");
	env_socket_cork(pair.env, pair.client.socket, true);
	assert_int_equal(is_corked(pair.client.socket), 1);
	assert_int_equal(env_socket_send(pair.env, pair.client.socket, &piece, 1), 1);
	assert_int_equal(env_socket_send(pair.env, pair.client.socket, &piece, 1), 1);
	env_socket_cork(pair.env, pair.client.socket, false);
	assert_int_equal(is_corked(pair.client.socket), 0);
	env_socket_watch(pair.env, pair.server.socket, ENV_READABLE);
	TURN_UNTIL(pair.process, pair.server.calls > 0);
	assert_int_equal(env_socket_receive(pair.env, pair.server.socket, got, sizeof(got)), 2);
	pair_done(&pair);
}

static void unsent_counts_until_the_peer_s_kernel_has_it(void **state)
{
	static char bytes[1 << 20];
	struct iovec piece = {bytes, sizeof(bytes)};
	size_t sent = 0, received = 0;
	struct pair pair;
	ssize_t got;

	(void)state;
	pair_init(&pair, "127.0.0.1:0");
	while ((got = env_socket_send(pair.env, pair.client.socket, &piece, 1)) > 0)
		sent += (size_t)got;
	assert_int_equal(got, -EAGAIN);
	assert_in_range(env_socket_unsent(pair.env, pair.client.socket), 1, sent);
	env_socket_watch(pair.env, pair.server.socket, ENV_READABLE);
	while (received < sent) {
		TURN_UNTIL(pair.process,
			   (got = env_socket_receive(pair.env, pair.server.socket, bytes,
						     sizeof(bytes))) != -EAGAIN);
		assert_true(got > 0);
		received += (size_t)got;
	}
	TURN_UNTIL(pair.process, env_socket_unsent(pair.env, pair.client.socket) == 0);
	pair_done(&pair);
}

/* ---- ending ---- */

static void a_reset_is_seen_as_one_and_a_close_as_the_end(void **state)
{
	struct iovec piece = {"x", 1};
	struct pair pair;
	char byte;

	(void)state;
	pair_init(&pair, "127.0.0.1:0");
	env_socket_watch(pair.env, pair.client.socket, ENV_READABLE);
	pair.client.calls = 0;
	env_socket_reset(pair.env, pair.server.socket);
	TURN_UNTIL(pair.process, pair.client.calls > 0);
	assert_int_equal(env_socket_receive(pair.env, pair.client.socket, &byte, 1), -ECONNRESET);
	assert_int_equal(env_socket_error(pair.env, pair.client.socket), -ECONNRESET);
	/* SIGPIPE would end the test here. */
	assert_int_equal(env_socket_send(pair.env, pair.client.socket, &piece, 1), -EPIPE);
	env_socket_close(pair.env, pair.client.socket);

	pair_connect(&pair, &pair.client, &pair.server);
	env_socket_watch(pair.env, pair.client.socket, ENV_READABLE);
	pair.client.calls = 0;
	env_socket_close(pair.env, pair.server.socket);
	pair.server.socket = NULL;
	TURN_UNTIL(pair.process, pair.client.calls > 0);
	assert_int_equal(env_socket_receive(pair.env, pair.client.socket, &byte, 1), 0);
	pair_done(&pair);
}

static void a_reset_of_an_unwatched_socket_does_not_spin(void **state)
{
	enum { WAIT_US = 30000 };
	struct pair pair;
	uint64_t begin_us;

	(void)state;
	pair_init(&pair, "127.0.0.1:0");
	env_socket_watch(pair.env, pair.client.socket, ENV_READABLE);
	env_socket_watch(pair.env, pair.client.socket, 0);
	pair.client.calls = 0;
	env_socket_reset(pair.env, pair.server.socket);
	pair.server.socket = NULL;
	os_process_turn(pair.process, 0);
	begin_us = env_now_us(pair.env);
	os_process_turn(pair.process, WAIT_US);
	assert_true(env_now_us(pair.env) - begin_us >= WAIT_US);
	assert_int_equal(pair.client.calls, 0);
	/* It is told as soon as somebody wants to know. */
	env_socket_watch(pair.env, pair.client.socket, ENV_WRITABLE);
	TURN_UNTIL(pair.process, pair.client.calls > 0);
	assert_int_equal(pair.client.events, ENV_WRITABLE);
	pair_done(&pair);
}

/* ---- callbacks that close ---- */

enum { CROWD = 10 };

struct crowd {
	struct env *env;
	struct env_socket *sockets[CROWD];
	void (*act)(struct env *env, struct env_socket *socket);
	unsigned calls;
};

static void act_on_all(struct env_socket *socket, unsigned events, void *context)
{
	struct crowd *crowd = context;

	(void)socket;
	(void)events;
	crowd->calls++;
	for (unsigned i = 0; i < CROWD; i++)
		crowd->act(crowd->env, crowd->sockets[i]);
}

static void stop_watching(struct env *env, struct env_socket *socket)
{
	env_socket_watch(env, socket, 0);
}

/* Ten sockets become readable in one round; the first that is told acts on all of them. */
static void check_crowd(void (*act)(struct env *env, struct env_socket *socket), bool closes)
{
	struct crowd crowd = {.act = act};
	struct end clients[CROWD], servers[CROWD];
	struct iovec piece = {"x", 1};
	struct pair pair;

	pair_init(&pair, "127.0.0.1:0");
	crowd.env = pair.env;
	for (unsigned i = 0; i < CROWD; i++) {
		pair_connect(&pair, &clients[i], &servers[i]);
		crowd.sockets[i] = servers[i].socket;
		assert_int_equal(env_socket_send(pair.env, clients[i].socket, &piece, 1), 1);
	}
	for (unsigned i = 0; i < CROWD; i++) {
		env_socket_detach(pair.env, crowd.sockets[i]);
		env_socket_attach(pair.env, crowd.sockets[i], act_on_all, &crowd);
		env_socket_watch(pair.env, crowd.sockets[i], ENV_READABLE);
	}
	TURN_UNTIL(pair.process, crowd.calls > 0);
	for (unsigned i = 0; i < 3; i++)
		os_process_turn(pair.process, 0);
	assert_int_equal(crowd.calls, 1);
	for (unsigned i = 0; i < CROWD; i++) {
		if (!closes)
			env_socket_close(pair.env, crowd.sockets[i]);
		env_socket_close(pair.env, clients[i].socket);
	}
	pair_done(&pair);
}

static void a_callback_may_close_detach_and_silence_others_of_its_round(void **state)
{
	(void)state;
	check_crowd(env_socket_close, true);
	check_crowd(env_socket_reset, true);
	check_crowd(env_socket_detach, false);
	check_crowd(stop_watching, false);
}

/* ---- moving between loops ---- */

enum { HOPS = 200 };

/* A connection whose server end changes its loop after each byte that it echoes. */
struct traveller {
	struct env_message message;
	struct os_process *process;
	struct end listener;
	struct env_socket *client, *server;
	struct env_timer give_up;
	unsigned echoed; /* the server's */
	unsigned received; /* the client's */
	atomic_bool wrong;
};

static void server_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct traveller *t = context;
	struct env *env = os_process_env(t->process, t->echoed % 2);
	char byte;
	struct iovec piece = {&byte, 1};

	(void)events;
	t->wrong |= env_socket_receive(env, socket, &byte, 1) != 1;
	env_socket_detach(env, socket);
	t->echoed++;
	/* The answer leaves before the move: the next byte may arrive while nobody owns it. */
	t->wrong |= env_socket_send(env, socket, &piece, 1) != 1;
	env_post(env, t->echoed % 2, &t->message);
}

static void arrive(struct env *here, struct env_message *message)
{
	struct traveller *t = OS_CONTAINER(message, struct traveller, message);

	env_socket_attach(here, t->server, server_ready, t);
	env_socket_watch(here, t->server, ENV_READABLE);
}

static void client_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct traveller *t = context;
	struct env *env = os_process_env(t->process, 2);
	char byte = 'x';
	struct iovec piece = {&byte, 1};

	if (events & ENV_WRITABLE)
		env_socket_watch(env, socket, ENV_READABLE);
	else if (env_socket_receive(env, socket, &byte, 1) == 1)
		t->received++;
	if (t->received == HOPS)
		os_process_stop(t->process);
	else
		t->wrong |= env_socket_send(env, socket, &piece, 1) != 1;
}

static void take_traveller(struct env_socket *listener, unsigned events, void *context)
{
	struct traveller *t = context;
	struct env *env = os_process_env(t->process, 2);

	(void)events;
	if (env_accept(env, listener, server_ready, t, &t->server) < 0)
		return;
	env_socket_detach(env, t->server);
	env_post(env, 0, &t->message);
}

static void traveller_lost(struct env_timer *timer)
{
	os_process_stop(OS_CONTAINER(timer, struct traveller, give_up)->process);
}

static void start_travelling(struct env *env, void *context)
{
	struct traveller *t = context;
	struct net_address address = loopback("127.0.0.1:0");

	if (env->shard != 2)
		return;
	env_timer_after(env, &t->give_up, PATIENCE_US);
	t->wrong |= env_listen(env, &address, (struct env_listen_options){0}, take_traveller, t,
			       &t->listener.socket) < 0;
	env_socket_local(env, t->listener.socket, &address);
	t->wrong |= env_connect(env, &address, client_ready, t, &t->client) < 0;
}

static void a_connection_moves_between_loops(void **state)
{
	struct traveller t = {.message.run = arrive, .give_up.fire = traveller_lost};
	struct os_options options = {0};
	struct env *env;

	(void)state;
	assert_int_equal(os_process_new(&options, 3, &t.process), 0);
	assert_int_equal(os_process_run(t.process, start_travelling, &t), 0);
	assert_false(t.wrong);
	assert_int_equal(t.received, HOPS);
	env = os_process_env(t.process, 2);
	env_socket_close(env, t.listener.socket);
	env_socket_close(env, t.client);
	env_socket_close(env, t.server);
	os_process_free(t.process);
}

/* ---- no descriptors left ---- */

static void accept_one(struct env_socket *listener, unsigned events, void *context)
{
	struct end *end = context;
	struct env_socket *accepted;

	(void)events;
	end->calls++;
	if (env_accept(end->env, listener, note_ready, NULL, &accepted) == 0) {
		end->events++;
		env_socket_close(end->env, accepted);
	}
}

static struct rlimit leave_no_descriptor(void)
{
	struct rlimit before, none;
	int next = dup(STDIN_FILENO);

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

static void without_descriptors_a_listener_rests_and_its_callers_wait(void **state)
{
	struct counting_log log = {.log = {counting_log_write, LOG_DEBUG}};
	struct os_process *process = process_of((struct os_options){.log = &log.log});
	struct env *env = os_process_env(process, 0);
	struct net_address address = loopback("127.0.0.1:0");
	struct end listener = {.env = env}, client;
	struct rlimit before;
	uint64_t end_us;

	(void)state;
	assert_int_equal(env_listen(env, &address, (struct env_listen_options){0}, accept_one,
				    &listener, &listener.socket),
			 0);
	dial(&listener, &client);
	before = leave_no_descriptor();
	end_us = env_now_us(env) + 5 * OS_ACCEPT_REST_US / 2;
	while (env_now_us(env) < end_us)
		os_process_turn(process, 10000);
	assert_in_range(listener.calls, 1, 3); /* not once a round */
	assert_int_equal(log.lines, 1);
	assert_int_equal(listener.events, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	TURN_UNTIL(process, listener.events == 1);
	env_socket_close(env, client.socket);
	env_socket_close(env, listener.socket);
	os_process_free(process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_know_their_addresses),
		cmocka_unit_test(a_refused_connect_is_reported),
		cmocka_unit_test(s5_a_foreign_address_can_be_listened_on),
		cmocka_unit_test(a_port_is_shared_only_when_asked),
		cmocka_unit_test(a_port_has_room_for_both_families),
		cmocka_unit_test(a_port_can_be_listened_on_again_at_once),
		cmocka_unit_test(much_travels_both_ways_past_full_queues),
		cmocka_unit_test(a_cork_holds_back_until_it_is_drawn),
		cmocka_unit_test(unsent_counts_until_the_peer_s_kernel_has_it),
		cmocka_unit_test(a_reset_is_seen_as_one_and_a_close_as_the_end),
		cmocka_unit_test(a_reset_of_an_unwatched_socket_does_not_spin),
		cmocka_unit_test(a_callback_may_close_detach_and_silence_others_of_its_round),
		cmocka_unit_test(a_connection_moves_between_loops),
		cmocka_unit_test(without_descriptors_a_listener_rests_and_its_callers_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
