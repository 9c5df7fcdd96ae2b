/* Active reset on the broker's side: who is told of a client's connection, when its first answer
 * leaves, and what is known when its broker is fenced. Orders of slots: 0 is 1,2,3; 1 is 2,3,1; 2
 * is 3,1,2; 3 is 1,3,2; every slot is held by broker 1 at first. */
#include "slots_stage.h"

#include "broker/limits.h"

static struct told_flows *told_to(struct stage *s, int32_t id)
{
	return s->nodes[id].broker.control->told_flows;
}

static size_t told(struct stage *s, int32_t to, int32_t by)
{
	return told_flows_count(told_to(s, to), by);
}

/* Brokers are connected to each other, as in a cluster that is at rest. */
static struct stage *stage_at_rest(void)
{
	struct stage *s = stage_new();

	run_ms(s, 100);
	return s;
}

static void apply_everywhere(struct stage *s)
{
	stage_apply_all(s);
	run_ms(s, 200);
}

/* ---- telling ---- */

static void a_client_of_the_holder_is_known_to_the_two_who_come_next(void **state)
{
	struct stage *s = stage_at_rest();
	struct client *c = client_connect(s, 0, 1);

	(void)state;
	assert_int_equal(told(s, 2, 1), 1);
	assert_int_equal(told(s, 3, 1), 1);
	env_socket_close(c->env, c->socket);
	c->socket = NULL;
	run_ms(s, 20);
	assert_int_equal(told(s, 2, 1), 0);
	assert_int_equal(told(s, 3, 1), 0);
	stage_free(s);
}

static void a_client_of_a_forwarder_is_known_to_the_holder(void **state)
{
	struct stage *s = stage_at_rest();

	(void)state;
	client_connect(s, 0, 3);
	assert_int_equal(told(s, 1, 3), 1);
	assert_int_equal(told(s, 2, 3), 1);
	assert_int_equal(told(s, 3, 1), 0); /* the holder's end is not a client's */
	stage_free(s);
}

static void a_fenced_broker_is_not_told(void **state)
{
	struct stage *s = stage_at_rest();
	const struct image_slot *slot = s->cluster->image->slots[0];
	int32_t nodes[FLOW_TOLD];

	(void)state;
	assert_int_equal(flow_sharing_targets(s->cluster->image, slot, 1, nodes), 2);
	assert_int_equal(nodes[0], 2);
	assert_int_equal(nodes[1], 3);
	assert_int_equal(flow_sharing_targets(s->cluster->image, slot, 2, nodes), 2);
	assert_int_equal(nodes[0], 1); /* the holder first */
	assert_int_equal(cluster_fence(s->cluster, 2), KAFKA_NONE);
	slot = s->cluster->image->slots[0];
	assert_int_equal(flow_sharing_targets(s->cluster->image, slot, 1, nodes), 1);
	assert_int_equal(nodes[0], 3);
	stage_free(s);
}

static void who_begins_to_be_told_gets_the_whole_list(void **state)
{
	struct stage *s = stage_at_rest();

	(void)state;
	assert_int_equal(cluster_fence(s->cluster, 3), KAFKA_NONE);
	apply_everywhere(s);
	client_connect(s, 0, 1);
	client_connect(s, 3, 1);
	assert_int_equal(told(s, 2, 1), 2);
	assert_int_equal(told(s, 3, 1), 0);
	assert_int_equal(cluster_unfence(s->cluster, 3), KAFKA_NONE);
	apply_everywhere(s);
	assert_int_equal(told(s, 3, 1), 2);
	stage_free(s);
}

static void who_comes_back_gets_the_whole_list(void **state)
{
	struct stage *s = stage_at_rest();
	struct client *gone = client_connect(s, 0, 1);

	(void)state;
	client_connect(s, 1, 1);
	sim_process_kill(s->nodes[2].process);
	env_socket_close(gone->env, gone->socket);
	gone->socket = NULL;
	run_ms(s, 100);
	node_start_again(&s->nodes[2]);
	assert_int_equal(told(s, 2, 1), 0);
	run_ms(s, FLOWS_RECONNECT_MS + 500);
	assert_int_equal(told(s, 2, 1), 1);
	stage_free(s);
}

/* ---- the first answer ---- */

static void the_first_answer_leaves_when_others_know(void **state)
{
	struct stage *s = stage_at_rest();
	struct client *c = client_connect(s, 0, 1);
	uint64_t before_us;

	(void)state;
	client_ask(c, 1);
	before_us = sim_world_now_us(s->world);
	while (client_answers(c) == 0)
		sim_world_step(s->world);
	assert_in_range(sim_world_now_us(s->world) - before_us, 0, 10 * STAGE_MS);
	assert_int_equal(told(s, 2, 1) + told(s, 3, 1), 2);
	stage_free(s);
}

/* Opens a connection on which a request lies before the flow can be known; returns how long its
 * answer takes. */
static uint64_t first_answer_us(struct stage *s, int32_t at)
{
	struct client *c = &s->clients[s->client_count++];
	struct net_address address = address_of("10.77.0.100", 9100);
	uint64_t from_us = sim_world_now_us(s->world);

	sim_world_set_holder(s->world, &address, s->nodes[at].process);
	c->env = sim_process_env(s->client_process, 0);
	assert_int_equal(env_connect(c->env, &address, client_ready, c, &c->socket), 0);
	while (!c->connected)
		sim_world_step(s->world);
	client_ask(c, 1);
	while (client_answers(c) == 0 && sim_world_now_us(s->world) < from_us + 500 * STAGE_MS)
		sim_world_step(s->world);
	assert_int_equal(client_answers(c), 1);
	return sim_world_now_us(s->world) - from_us;
}

static void the_first_answer_waits_50_ms_at_most_for_a_silent_broker(void **state)
{
	struct stage *s = stage_at_rest();

	(void)state;
	sim_process_pause(s->nodes[2].process);
	assert_in_range(first_answer_us(s, 1), FLOW_UNKNOWN_MOST_MS * STAGE_MS,
			(FLOW_UNKNOWN_MOST_MS + 10) * STAGE_MS);
	assert_int_equal(told(s, 3, 1), 1);
	/* Forwarded: the holder is 1, and 3 is who accepts. */
	assert_in_range(first_answer_us(s, 3), FLOW_UNKNOWN_MOST_MS * STAGE_MS,
			(FLOW_UNKNOWN_MOST_MS + 10) * STAGE_MS);
	stage_free(s);
}

static void nobody_waits_for_a_broker_that_is_not_connected(void **state)
{
	struct stage *s = stage_at_rest();

	(void)state;
	sim_process_kill(s->nodes[2].process);
	run_ms(s, 50);
	assert_in_range(first_answer_us(s, 1), 0, 20 * STAGE_MS);
	stage_free(s);
}

/* ---- when a broker is fenced ---- */

struct asked {
	int count;
	struct flow_key last;
};

static void note(void *context, const struct flow_key *key)
{
	struct asked *asked = context;

	asked->count++;
	asked->last = *key;
}

static struct asked apply_told(struct stage *s, int32_t id)
{
	struct asked asked = {0};

	told_flows_apply(told_to(s, id), s->cluster->image, id, note, &asked);
	return asked;
}

static void the_new_holder_resets_a_fenced_brokers_clients(void **state)
{
	struct stage *s = stage_at_rest();
	struct client *c = client_connect(s, 0, 1);
	struct net_address client;
	struct asked asked;

	(void)state;
	client_connect(s, 3, 1);
	env_socket_local(c->env, c->socket, &client);
	assert_int_equal(apply_told(s, 2).count, 0); /* it is live */
	assert_int_equal(cluster_fence(s->cluster, 1), KAFKA_NONE);
	assert_int_equal(s->cluster->image->slots[0]->holder, 2);
	assert_int_equal(s->cluster->image->slots[3]->holder, 3);
	asked = apply_told(s, 2);
	assert_int_equal(asked.count, 1); /* slot 3 is another's */
	assert_int_equal(asked.last.slot, 0);
	assert_true(net_address_equal(&asked.last.client, &client));
	assert_int_equal(asked.last.slot_address.port, 9100);
	assert_int_equal(told(s, 2, 1), 0);
	assert_int_equal(apply_told(s, 2).count, 0); /* once */
	stage_free(s);
}

static void the_holder_resets_the_clients_of_a_fenced_forwarder(void **state)
{
	struct stage *s = stage_at_rest();

	(void)state;
	client_connect(s, 0, 3);
	assert_int_equal(apply_told(s, 1).count, 0);
	assert_int_equal(apply_told(s, 2).count, 0);
	assert_int_equal(cluster_fence(s->cluster, 3), KAFKA_NONE);
	assert_int_equal(apply_told(s, 2).count, 0);
	assert_int_equal(apply_told(s, 1).count, 1);
	stage_free(s);
}

/* A broker that was fenced all along has no dead clients: it may be on its way in. */
static void what_a_fenced_broker_tells_is_kept_until_it_dies(void **state)
{
	struct stage *s = stage_at_rest();
	struct flow_key key = {.slot = 0, .client.port = 1};

	(void)state;
	assert_int_equal(cluster_fence(s->cluster, 3), KAFKA_NONE);
	apply_told(s, 1);
	assert_int_equal(told_flows_open(told_to(s, 1), 3, &key), 0);
	assert_int_equal(apply_told(s, 1).count, 0);
	assert_int_equal(cluster_unfence(s->cluster, 3), KAFKA_NONE);
	assert_int_equal(apply_told(s, 1).count, 0);
	assert_int_equal(told(s, 1, 3), 1);
	assert_int_equal(cluster_fence(s->cluster, 3), KAFKA_NONE);
	assert_int_equal(apply_told(s, 1).count, 1);
	stage_free(s);
}

static void who_tells_after_the_last_image_is_known_to_be_live(void **state)
{
	struct stage *s = stage_at_rest();
	struct told_flows *t = told_flows_new();
	struct flow_key key = {.slot = 0};
	struct asked asked = {0};

	(void)state;
	told_flows_apply(t, s->cluster->image, 2, note, &asked);
	assert_int_equal(told_flows_open(t, 1, &key), 0);
	assert_int_equal(cluster_fence(s->cluster, 1), KAFKA_NONE);
	told_flows_apply(t, s->cluster->image, 2, note, &asked);
	assert_int_equal(asked.count, 1);
	assert_int_equal(told_flows_count(t, 1), 0);
	told_flows_free(t);
	stage_free(s);
}

static void what_does_not_fit_is_left_out(void **state)
{
	struct told_flows *t = told_flows_new();
	struct flow_key key = {.slot = 0};

	(void)state;
	for (int32_t i = 0; i < FLOWS_MOST; i++) {
		key.client.port = (uint16_t)i;
		assert_int_equal(told_flows_open(t, 2, &key), 0);
	}
	assert_int_equal(told_flows_open(t, 2, &key), 0); /* there already */
	key.slot = 1;
	assert_int_equal(told_flows_open(t, 2, &key), -ENOSPC);
	assert_int_equal(told_flows_open(t, 3, &key), 0); /* each sender has room of its own */
	told_flows_forget(t, 2);
	assert_int_equal(told_flows_count(t, 2), 0);
	assert_int_equal(told_flows_count(t, 3), 1);
	told_flows_free(t);
}

/* ---- S9: what a peer says is judged ---- */

struct asking {
	struct peer_call call;
	int rc;
	struct share_flows_response response;
	bool is_done;
};

static void take_answer(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct asking *asking = (struct asking *)call;
	struct reader in = reader_of(frame, size);
	struct arena arena;
	int32_t id;

	asking->is_done = true;
	asking->rc = rc;
	if (rc < 0)
		return;
	arena_init(&arena, 4096);
	assert_int_equal(
		wire_decode_response(&wire_share_flows, 0, &in, &arena, &id, &asking->response), 0);
	arena_done(&arena);
}

static int16_t say(struct stage *s, struct peer *peer, struct share_flows_change *change)
{
	struct share_flows_request request = {.changes = {change, 1}};
	struct asking asking = {.call.done = take_answer};

	peer_send(peer, &wire_share_flows, 0, &request, &asking.call);
	run_ms(s, 100);
	assert_true(asking.is_done);
	assert_int_equal(asking.rc, 0);
	return asking.response.error_code;
}

static void s9_a_flow_belongs_to_the_proven_sender_and_makes_sense(void **state)
{
	struct stage *s = stage_at_rest();
	static const uint8_t host[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 7}, nobody[16];
	const struct share_flows_change good = {.slot = 1,
						.slot_host = {host, 16},
						.slot_port = 1,
						.client_host = {host, 16},
						.client_port = 65535};
	struct share_flows_change odd[] = {good, good, good, good, good, good, good};
	struct peer *peer = peer_new(&(struct peer_options){
		.env = s->nodes[3].envs[1],
		.identity = &s->nodes[3].broker.identity,
		.node_id = 1,
		.address = address_of("10.77.0.1", 9094),
		.purpose = HANDSHAKE_PEER,
		.lane = LANE_FLOWS,
	});

	(void)state;
	odd[0].slot = -1;
	odd[1].slot = IMAGE_MOST_SLOTS;
	odd[2].client_port = 0;
	odd[3].slot_port = 65536;
	odd[4].client_host.size = 4;
	odd[5].slot_host.data = nobody;
	odd[6].slot_host.size = -1;
	odd[6].slot_host.data = NULL;
	odd[6].slot_host.size = 0;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		assert_int_equal(say(s, peer, &odd[i]), KAFKA_INVALID_REQUEST);
	assert_int_equal(told(s, 1, 3), 0);
	odd[0] = good;
	assert_int_equal(say(s, peer, &odd[0]), KAFKA_NONE);
	assert_int_equal(told(s, 1, 3), 1);
	assert_int_equal(told(s, 1, 2), 0);
	odd[0].closed = true;
	assert_int_equal(say(s, peer, &odd[0]), KAFKA_NONE);
	assert_int_equal(told(s, 1, 3), 0);
	peer_free(peer);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_of_the_holder_is_known_to_the_two_who_come_next),
		cmocka_unit_test(a_client_of_a_forwarder_is_known_to_the_holder),
		cmocka_unit_test(a_fenced_broker_is_not_told),
		cmocka_unit_test(who_begins_to_be_told_gets_the_whole_list),
		cmocka_unit_test(who_comes_back_gets_the_whole_list),
		cmocka_unit_test(the_first_answer_leaves_when_others_know),
		cmocka_unit_test(the_first_answer_waits_50_ms_at_most_for_a_silent_broker),
		cmocka_unit_test(nobody_waits_for_a_broker_that_is_not_connected),
		cmocka_unit_test(the_new_holder_resets_a_fenced_brokers_clients),
		cmocka_unit_test(the_holder_resets_the_clients_of_a_fenced_forwarder),
		cmocka_unit_test(what_a_fenced_broker_tells_is_kept_until_it_dies),
		cmocka_unit_test(who_tells_after_the_last_image_is_known_to_be_live),
		cmocka_unit_test(what_does_not_fit_is_left_out),
		cmocka_unit_test(s9_a_flow_belongs_to_the_proven_sender_and_makes_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
