/* S4, S5 and S6 on the broker's side. Every slot is held by broker 1 at first; clients' connections
 * are accepted wherever a test says. */
#include "slots_stage.h"

static void s5_a_connection_is_carried_to_the_holder_and_back(void **state)
{
	struct stage *s = stage_new();
	struct client *c = client_connect(s, 2, 2);

	(void)state;
	client_ask(c, 1);
	client_ask(c, 2);
	run_ms(s, 50);
	assert_int_equal(client_answers(c), 2);
	assert_int_equal(counted(s, 2, COUNTER_FORWARDED), 1);
	assert_int_equal(counted(s, 2, COUNTER_FORWARD_UP_BYTES), 2 * CLIENT_REQUEST_BYTES);
	assert_int_equal(counted(s, 2, COUNTER_FORWARD_DOWN_BYTES), c->in.size);
	assert_int_equal(counted(s, 1, COUNTER_FORWARD_ARRIVED), 1);
	/* S6: the view is that of the preface's slot. */
	assert_int_equal(sessions_of_slot(s, 1, 2), 1);
	assert_int_equal(sessions_of_slot(s, 2, 2), 0);
	stage_free(s);
}

static void s6_the_holder_serves_its_slots_itself(void **state)
{
	struct stage *s = stage_new();
	struct client *c = client_connect(s, 3, 1);

	(void)state;
	client_ask(c, 1);
	run_ms(s, 50);
	assert_int_equal(client_answers(c), 1);
	assert_int_equal(sessions_of_slot(s, 1, 3), 1);
	assert_int_equal(counted(s, 1, COUNTER_FORWARDED) + counted(s, 1, COUNTER_FORWARD_ARRIVED),
			 0);
	stage_free(s);
}

static void s5_ends_are_carried_over_both_ways(void **state)
{
	struct stage *s = stage_new();
	struct client *a = client_connect(s, 2, 2), *b = client_connect(s, 2, 3);

	(void)state;
	assert_int_equal(sessions_of_slot(s, 1, 2), 2);
	env_socket_close(a->env, a->socket);
	a->socket = NULL;
	run_ms(s, 50);
	assert_int_equal(sessions_of_slot(s, 1, 2), 1);
	assert_null(s->nodes[2].shard->forwards);
	client_ask(b, 1);
	run_ms(s, 50);
	session_close(s->nodes[1].shard->worker.sessions);
	run_ms(s, 50);
	assert_true(b->ended);
	assert_int_equal(b->error, 0); /* in good order */
	assert_null(s->nodes[3].shard->forwards);
	stage_free(s);
}

static void s5_an_idle_connection_outlives_its_holders_goodbye(void **state)
{
	struct stage *s = stage_new();
	struct client *c = client_connect(s, 2, 2);

	(void)state;
	session_close(s->nodes[1].shard->worker.sessions);
	run_ms(s, 50);
	assert_false(c->ended);
	stage_move(s, 2, 3);
	stage_apply_all(s);
	client_ask(c, 1);
	run_ms(s, 50);
	assert_int_equal(client_answers(c), 1);
	stage_free(s);
}

static void s5_a_reset_is_carried_over(void **state)
{
	struct stage *s = stage_new();
	struct client *c = client_connect(s, 2, 2);

	(void)state;
	client_ask(c, 1);
	run_ms(s, 50);
	session_reset(s->nodes[1].shard->worker.sessions);
	run_ms(s, 50);
	assert_true(c->ended);
	assert_int_equal(c->error, -ECONNRESET);
	stage_free(s);
}

/* ---- holding ---- */

static void s5_a_held_connection_follows_the_slot_to_another_broker(void **state)
{
	struct stage *s = stage_new();
	struct client *c;

	(void)state;
	sim_process_power_cut(s->nodes[1].process);
	c = client_connect(s, 2, 2);
	client_ask(c, 1);
	run_ms(s, 300);
	assert_false(c->ended);
	stage_move(s, 2, 3);
	stage_apply_all(s);
	run_ms(s, 50);
	assert_int_equal(client_answers(c), 1);
	assert_int_equal(counted(s, 3, COUNTER_FORWARD_ARRIVED), 1);
	stage_free(s);
}

static void s5_a_held_connection_is_served_here_when_the_slot_comes(void **state)
{
	struct stage *s = stage_new();
	struct client *c;

	(void)state;
	sim_process_kill(s->nodes[1].process);
	c = client_connect(s, 2, 2);
	client_ask(c, 1);
	run_ms(s, 300);
	stage_move(s, 2, 2);
	stage_apply_all(s);
	run_ms(s, 50);
	client_ask(c, 2);
	run_ms(s, 50);
	assert_int_equal(client_answers(c), 2);
	assert_int_equal(counted(s, 2, COUNTER_FORWARD_LOCAL), 1);
	assert_int_equal(counted(s, 2, COUNTER_FORWARDED), 0);
	assert_int_equal(sessions_of_slot(s, 2, 2), 1);
	stage_free(s);
}

/* Which of several ways to be unreachable: each is held for hold_ms, then reset. */
static void check_held_for_a_second(struct stage *s)
{
	struct client *c = client_connect(s, 2, 2); /* took 20 ms */

	client_ask(c, 1);
	run_ms(s, STAGE_HOLD_MS - 40);
	assert_false(c->ended);
	run_ms(s, 60);
	assert_true(c->ended);
	assert_int_equal(c->error, -ECONNRESET);
	assert_int_equal(counted(s, 2, COUNTER_FORWARD_RESET), 1);
	assert_int_equal(counted(s, 2, COUNTER_FORWARD_UP_BYTES), 0);
	stage_free(s);
}

static void s5_held_for_a_second_when_the_holder_refuses(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	sim_process_kill(s->nodes[1].process);
	check_held_for_a_second(s);
}

static void s5_held_for_a_second_when_the_holder_is_silent(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	sim_process_power_cut(s->nodes[1].process);
	check_held_for_a_second(s);
}

static void s5_held_for_a_second_when_the_holder_accepts_and_says_nothing(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	sim_process_pause(s->nodes[1].process);
	check_held_for_a_second(s);
}

static void s5_a_client_that_leaves_is_not_held(void **state)
{
	struct stage *s = stage_new();
	struct client *c;

	(void)state;
	sim_process_kill(s->nodes[1].process);
	c = client_connect(s, 2, 2);
	env_socket_close(c->env, c->socket);
	c->socket = NULL;
	run_ms(s, 50);
	assert_null(s->nodes[2].shard->forwards);
	stage_free(s);
}

static void s5_no_more_than_64_kib_are_read_while_held(void **state)
{
	struct stage *s = stage_new();
	struct client *c;

	(void)state;
	sim_process_kill(s->nodes[1].process);
	c = client_connect(s, 2, 2);
	c->to_send = 8 << 20;
	client_send_more(c);
	run_ms(s, 500);
	assert_false(c->ended);
	assert_in_range(c->sent, 64 * 1024, 1 << 20); /* the kernels' queues take some, too */
	stage_move(s, 2, 3);
	stage_apply(s, 2);
	stage_apply(s, 3);
	while (counted(s, 2, COUNTER_FORWARD_UP_BYTES) == 0 &&
	       sim_world_now_us(s->world) < 2000 * STAGE_MS)
		sim_world_step(s->world);
	/* What had been read goes in one go, as far as the way takes it. */
	assert_in_range(counted(s, 2, COUNTER_FORWARD_UP_BYTES), 32 * 1024, 64 * 1024);
	stage_free(s);
}

/* ---- when the slot moves under a connection ---- */

static void s5_a_connection_of_which_bytes_were_forwarded_is_reset(void **state)
{
	struct stage *s = stage_new();
	struct client *busy = client_connect(s, 2, 2), *idle = client_connect(s, 2, 2);

	(void)state;
	client_ask(busy, 1);
	run_ms(s, 50);
	stage_move(s, 2, 3);
	stage_apply(s, 2);
	stage_apply(s, 3);
	run_ms(s, 50);
	assert_true(busy->ended);
	assert_int_equal(busy->error, -ECONNRESET);
	assert_false(idle->ended);
	client_ask(idle, 1);
	run_ms(s, 50);
	assert_int_equal(client_answers(idle), 1);
	assert_int_equal(sessions_of_slot(s, 3, 2), 1);
	stage_free(s);
}

/* Broker 1 knows already that the slot is broker 3's, broker 2 does not. */
static void s5_what_was_forwarded_is_never_forwarded_again(void **state)
{
	struct stage *s = stage_new();
	struct client *c;

	(void)state;
	stage_move(s, 2, 3);
	stage_apply(s, 1);
	stage_apply(s, 3);
	c = client_connect(s, 2, 2);
	client_ask(c, 1);
	run_ms(s, 200);
	assert_int_equal(counted(s, 1, COUNTER_FORWARD_ARRIVED_RESET), 1);
	assert_int_equal(counted(s, 1, COUNTER_FORWARDED), 0);
	assert_null(s->nodes[1].shard->forwards);
	assert_false(c->ended); /* held, until broker 2 knows as well */
	stage_apply(s, 2);
	run_ms(s, 50);
	assert_int_equal(client_answers(c), 1);
	assert_int_equal(sessions_of_slot(s, 3, 2), 1);
	stage_free(s);
}

/* Broker 2 knows already that the slot is broker 3's, broker 3 does not. */
static void s5_an_older_image_holds_the_arrival_until_it_has_caught_up(void **state)
{
	struct stage *s = stage_new();
	struct client *c;

	(void)state;
	stage_move(s, 2, 3);
	stage_apply(s, 2);
	c = client_connect(s, 2, 2);
	client_ask(c, 1);
	run_ms(s, 300);
	assert_int_equal(counted(s, 3, COUNTER_FORWARD_ARRIVED), 0);
	assert_int_equal(counted(s, 2, COUNTER_FORWARDED),
			 0); /* the preface is not answered: nothing left */
	assert_int_equal(counted(s, 2, COUNTER_FORWARD_UP_BYTES), 0);
	stage_apply(s, 3);
	run_ms(s, 50);
	assert_int_equal(counted(s, 3, COUNTER_FORWARD_ARRIVED), 1);
	assert_int_equal(client_answers(c), 1);
	stage_free(s);
}

static void s5_an_arrival_does_not_wait_for_ever(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	stage_move(s, 2, 3);
	stage_apply(s, 2);
	client_connect(s, 2, 2);
	run_ms(s, STAGE_HOLD_MS + 200);
	assert_int_equal(counted(s, 3, COUNTER_FORWARD_ARRIVED_RESET), 1);
	assert_null(s->nodes[3].shard->worker.image_waiters);
	stage_free(s);
}

static void s5_forwarding_can_be_switched_off(void **state)
{
	struct stage *s = stage_new();
	struct client *c;

	(void)state;
	s->nodes[2].settings.forwarding = false;
	c = client_connect(s, 2, 2);
	run_ms(s, 50);
	assert_true(c->ended);
	assert_int_equal(c->error, -ECONNRESET);
	assert_int_equal(counted(s, 2, COUNTER_FORWARDED), 0);
	stage_free(s);
}

/* ---- prefaces of strangers (S9 let them in) ---- */

/* A forward connection to broker 1, as broker 2 makes it, with its handshake done. */
struct dialler {
	struct env *env;
	struct peer *peer;
	struct env_socket *socket;
	bool ended;
};

static void dialler_socket_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct dialler *d = context;

	(void)events;
	d->ended = true;
	env_socket_watch(d->env, socket, 0);
}

static struct dialler *dial_holder(struct stage *s)
{
	struct dialler *d = calloc(1, sizeof(*d));
	struct stage_broker *from = &s->nodes[2];
	struct peer_options options = {
		.env = from->envs[0],
		.identity = &from->broker.identity,
		.node_id = 1,
		.address = address_of("10.77.0.1", 9094),
		.purpose = HANDSHAKE_FORWARD,
		.lane = LANE_FORWARD,
	};

	d->env = from->envs[0];
	d->peer = peer_new(&options);
	peer_connect(d->peer);
	run_ms(s, 50);
	assert_true(peer_is_ready(d->peer));
	d->socket = peer_take_socket(d->peer);
	env_socket_attach(from->envs[0], d->socket, dialler_socket_ready, d);
	env_socket_watch(from->envs[0], d->socket, ENV_READABLE);
	return d;
}

static void dialler_free(struct stage *s, struct dialler *d)
{
	env_socket_close(s->nodes[2].envs[0], d->socket);
	peer_free(d->peer);
	free(d);
}

static void s5_a_preface_that_does_not_come_is_not_waited_for(void **state)
{
	struct stage *s = stage_new();
	struct dialler *d = dial_holder(s);

	(void)state;
	run_ms(s, HANDSHAKE_MOST_MS - 100);
	assert_false(d->ended);
	run_ms(s, 200);
	assert_true(d->ended);
	assert_null(s->nodes[1].broker.control->worker.image_waiters);
	dialler_free(s, d);
	stage_free(s);
}

/* Sends that to broker 1 instead of a preface, and sees the end. */
static void check_refused(struct stage *s, const void *bytes, size_t size)
{
	struct dialler *d = dial_holder(s);
	const struct iovec piece = {(void *)bytes, size};

	assert_true(env_socket_send(d->env, d->socket, &piece, 1) > 0);
	run_ms(s, 50);
	assert_true(d->ended);
	dialler_free(s, d);
}

static void s5_nonsense_in_a_preface_ends_the_connection(void **state)
{
	static const uint8_t too_long[] = {0x7f, 0xff, 0xff, 0xff, 1};
	struct forward_preface_request preface = {.slot = 2};
	struct wire_output other_api = {0}, no_slot = {0};
	struct stage *s = stage_new();

	(void)state;
	wire_encode_request(&wire_forward_preface, 0, 1, NULL, &preface, &other_api);
	other_api.bytes.data[5] ^= 1; /* of the API key */
	preface.slot = 1 << 30;
	wire_encode_request(&wire_forward_preface, 0, 1, NULL, &preface, &no_slot);
	check_refused(s, too_long, sizeof(too_long));
	check_refused(s, other_api.bytes.data, other_api.bytes.size);
	check_refused(s, no_slot.bytes.data, no_slot.bytes.size);
	assert_int_equal(s->nodes[1].broker.control->worker.counters.refusals[REFUSAL_NO_PREFACE],
			 3);
	assert_int_equal(counted(s, 1, COUNTER_FORWARD_ARRIVED), 0);
	wire_output_done(&other_api);
	wire_output_done(&no_slot);
	stage_free(s);
}

/* ---- listeners and release ---- */

static void s4_connections_of_a_slot_that_moves_away_are_reset(void **state)
{
	struct stage *s = stage_new();
	struct client *moved = client_connect(s, 2, 1), *stays = client_connect(s, 3, 1);

	(void)state;
	client_ask(moved, 1);
	run_ms(s, 50);
	stage_move(s, 2, 3);
	stage_apply(s, 1);
	run_ms(s, 200);
	assert_int_equal(client_answers(moved), 1);
	assert_true(moved->ended);
	assert_int_equal(moved->error, -ECONNRESET);
	assert_false(stays->ended);
	assert_int_equal(fastpath_releases(s->nodes[1].broker.control->fastpath), 0);
	stage_free(s);
}

/* S4: what was published stays until the connections are gone. */
static void s4_fastpath_knows_of_a_release_before_the_image_counts_as_applied(void **state)
{
	struct stage *s = stage_new();
	struct fastpath *fastpath = s->nodes[1].broker.control->fastpath;
	struct client *c = client_connect(s, 2, 1);

	(void)state;
	sim_net_cut(s->world, s->nodes[1].process,
		    s->client_process); /* the answer does not leave */
	client_ask(c, 1);
	run_ms(s, 50);
	assert_int_equal(fastpath_releases(fastpath), 0);
	stage_move(s, 2, 3);
	stage_apply(s, 1);
	sim_world_run_for(s->world, 2 * STAGE_MS);
	assert_int_equal(fastpath_releases(fastpath), 1);
	run_ms(s, 90);
	assert_int_equal(sessions_of_slot(s, 1, 2), 1);
	assert_int_equal(fastpath_releases(fastpath), 1);
	run_ms(s, 40);
	assert_int_equal(sessions_of_slot(s, 1, 2), 0);
	assert_int_equal(fastpath_releases(fastpath), 0);
	stage_free(s);
}

static bool accepts(struct stage *s, const char *host, uint16_t port, int32_t at)
{
	struct client c = {.env = sim_process_env(s->client_process, 0)};
	struct net_address address = address_of(host, port);

	sim_world_set_holder(s->world, &address, s->nodes[at].process);
	assert_int_equal(env_connect(c.env, &address, client_ready, &c, &c.socket), 0);
	run_ms(s, 20);
	env_socket_close(c.env, c.socket);
	buffer_done(&c.in);
	return c.connected;
}

static void s3_listeners_stay_whoever_holds_the_slot(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	for (int32_t to = 1; to <= STAGE_BROKERS; to++) {
		if (s->cluster->image->slots[2]->holder != to)
			stage_move(s, 2, to);
		stage_apply_all(s);
		for (int32_t at = 1; at <= STAGE_BROKERS; at++)
			assert_true(accepts(s, "10.77.0.100", 9102, at));
	}
	stage_free(s);
}

/* Slot 2 gets other addresses. */
static void readdress(struct stage *s, int32_t slot, uint16_t port)
{
	struct slot_record_address address = {wire_string_of("10.77.0.100"), port};
	struct slot_change_record record = {.slot_id = slot, .holder = METADATA_UNCHANGED};
	struct change change;

	record.order.count = -1;
	record.addresses.items = &address;
	record.addresses.count = 1;
	change_begin(&change, 1000);
	change_add(&change, METADATA_SLOT_CHANGE, &record);
	cluster_commit(s->cluster, &change);
}

static void s3_listeners_follow_a_slots_addresses(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	readdress(s, 3, 9500);
	readdress(s, 2, 9103); /* which slot 3 gives up */
	stage_apply_all(s);
	for (int32_t at = 1; at <= STAGE_BROKERS; at++) {
		assert_true(accepts(s, "10.77.0.100", 9500, at));
		assert_true(accepts(s, "10.77.0.100", 9103, at));
		assert_false(accepts(s, "10.77.0.100", 9102, at));
	}
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s5_a_connection_is_carried_to_the_holder_and_back),
		cmocka_unit_test(s6_the_holder_serves_its_slots_itself),
		cmocka_unit_test(s5_ends_are_carried_over_both_ways),
		cmocka_unit_test(s5_an_idle_connection_outlives_its_holders_goodbye),
		cmocka_unit_test(s5_a_reset_is_carried_over),
		cmocka_unit_test(s5_a_held_connection_follows_the_slot_to_another_broker),
		cmocka_unit_test(s5_a_held_connection_is_served_here_when_the_slot_comes),
		cmocka_unit_test(s5_held_for_a_second_when_the_holder_refuses),
		cmocka_unit_test(s5_held_for_a_second_when_the_holder_is_silent),
		cmocka_unit_test(s5_held_for_a_second_when_the_holder_accepts_and_says_nothing),
		cmocka_unit_test(s5_a_client_that_leaves_is_not_held),
		cmocka_unit_test(s5_no_more_than_64_kib_are_read_while_held),
		cmocka_unit_test(s5_a_connection_of_which_bytes_were_forwarded_is_reset),
		cmocka_unit_test(s5_what_was_forwarded_is_never_forwarded_again),
		cmocka_unit_test(s5_an_older_image_holds_the_arrival_until_it_has_caught_up),
		cmocka_unit_test(s5_an_arrival_does_not_wait_for_ever),
		cmocka_unit_test(s5_forwarding_can_be_switched_off),
		cmocka_unit_test(s5_a_preface_that_does_not_come_is_not_waited_for),
		cmocka_unit_test(s5_nonsense_in_a_preface_ends_the_connection),
		cmocka_unit_test(s4_connections_of_a_slot_that_moves_away_are_reset),
		cmocka_unit_test(s4_fastpath_knows_of_a_release_before_the_image_counts_as_applied),
		cmocka_unit_test(s3_listeners_stay_whoever_holds_the_slot),
		cmocka_unit_test(s3_listeners_follow_a_slots_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
