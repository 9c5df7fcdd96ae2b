/* A stage for S4 to S6: three brokers that are only a shard, an internal listener and images
 * written by the test (no quorum, no replicas), and a client, in the simulated world. */
#pragma once

#include "../meta/meta_testing.h"
#include "broker/control_int.h"
#include "broker/flow_sharing.h"
#include "broker/handshake.h"
#include "broker/internal_listener.h"
#include "broker/mirror.h"
#include "broker/session.h"
#include "broker/shard.h"
#include "broker/slot_listener.h"
#include "broker/peer.h"
#include "broker/steering.h"
#include "broker/told_flows.h"
#include "fastpath/fastpath.h"
#include "sim/sim_world.h"

#include <errno.h>

enum {
	STAGE_BROKERS = 3,
	STAGE_SLOTS = 4,
	STAGE_MS = 1000,
	STAGE_HOLD_MS = 1000,
	STAGE_CLIENTS = 4
};

struct stage;

struct stage_broker {
	struct stage *stage;
	int32_t id;
	struct sim_process *process;
	struct env *envs[2];
	struct broker_settings settings;
	struct broker_addresses addresses;
	struct broker broker;
	struct shard *shards[1];
	struct shard *shard; /* NULL: it does not run */
};

struct client {
	struct env *env;
	struct env_socket *socket;
	struct buffer in;
	size_t to_send; /* of filler bytes */
	size_t sent;
	bool connected, ended;
	int error;
};

struct stage {
	struct sim_world *world;
	struct cluster *cluster;
	struct stage_broker nodes[STAGE_BROKERS + 1]; /* from 1 on */
	struct sim_process *client_process;
	struct client clients[STAGE_CLIENTS];
	unsigned client_count;
};

static inline struct net_address address_of(const char *host, uint16_t port)
{
	struct net_address address;

	assert_int_equal(net_address_parse_host(host, port, &address), 0);
	return address;
}

/* ---- the cluster's facts ---- */

static inline struct cluster *stage_cluster(void)
{
	static const int32_t ids[STAGE_BROKERS] = {1, 2, 3};
	static char host[] = "10.77.0.100";
	struct image_endpoint addresses[STAGE_SLOTS] = {0};
	struct controller_seed seed = {STAGE_SLOTS, addresses, 1, ids, STAGE_BROKERS};
	struct cluster *c = calloc(1, sizeof(*c));
	struct change change;

	for (uint16_t i = 0; i < STAGE_SLOTS; i++)
		addresses[i] =
			(struct image_endpoint){host, address_of(host, (uint16_t)(9100 + i))};
	c->image = image_new();
	c->replayed = image_new();
	change_begin(&change, 0);
	controller_seed(&seed, &change);
	cluster_commit(c, &change);
	for (int32_t id = 1; id <= STAGE_BROKERS; id++) {
		assert_int_equal(cluster_register(c, (struct test_registration){.id = id}),
				 KAFKA_NONE);
		assert_int_equal(cluster_unfence(c, id), KAFKA_NONE);
	}
	return c;
}

static inline void stage_move(struct stage *s, int32_t slot, int32_t to)
{
	struct cluster *c = s->cluster;
	const char *sentence;

	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, slot, to,
							    &change, &sentence)),
			 KAFKA_NONE);
	assert_int_equal(c->image->slots[slot]->holder, to);
}

/* The node applies the newest facts: what hosting.c does, without replicas. */
static inline void stage_apply(struct stage *s, int32_t id)
{
	struct shard *shard = s->nodes[id].shard;
	struct image *image = image_ref(s->cluster->image);

	slot_listeners_apply(shard, image);
	worker_set_image(&shard->worker, image);
	forwards_follow(shard);
	flow_sharing_apply(s->nodes[id].broker.control->flow_sharing, image);
}

static inline void stage_apply_all(struct stage *s)
{
	for (int32_t id = 1; id <= STAGE_BROKERS; id++)
		if (s->nodes[id].shard)
			stage_apply(s, id);
}

static inline uint64_t counted(struct stage *s, int32_t id, enum counter counter)
{
	return s->nodes[id].shard->worker.counters.counts[counter];
}

/* ---- brokers ---- */

static int node_start(struct sim_process *process, void *context)
{
	struct stage_broker *node = context;
	struct control *control = mem_alloc(sizeof(*control));

	node->broker.is_over = false;
	node->envs[0] = sim_process_env(process, 0);
	node->envs[1] = sim_process_env(process, 1);
	node->broker.envs = node->envs;
	node->broker.control = control;
	node->broker.shard_count = 1;
	node->broker.shards = node->shards;
	worker_init(&control->worker, node->envs[1], &node->broker);
	steering_open(control);
	control->flow_sharing = flow_sharing_new(control);
	control->told_flows = told_flows_new();
	node->shard = node->shards[0] = shard_new(&node->broker, node->envs[0], 0);
	return internal_listener_open(&control->worker, &control->listener);
}

static void node_gone(struct sim_process *process, bool exited, void *context)
{
	struct stage_broker *node = context;
	struct control *control = node->broker.control;

	(void)process;
	(void)exited;
	flow_sharing_free(control->flow_sharing);
	internal_listener_close(control->listener);
	forward_arrivals_done(&control->worker);
	worker_done(&control->worker);
	steering_close(control);
	told_flows_free(control->told_flows);
	mem_free(control);
	node->broker.is_over = true;
	slot_listeners_done(node->shard);
	mirror_close(node->shard);
	shard_free(node->shard);
	node->shard = NULL;
}

static inline void node_set(struct stage_broker *node, const char *text)
{
	char error[SETTINGS_ERROR_BYTES];

	assert_int_equal(
		settings_set_pair(&broker_settings_table, &node->settings, "test", text, error), 0);
}

static inline void node_start_again(struct stage_broker *node)
{
	struct sim_program program = {2, node_start, node_gone, node};

	assert_int_equal(sim_process_start(node->process, &program), 0);
}

static inline void node_init(struct stage *s, int32_t id)
{
	struct stage_broker *node = &s->nodes[id];
	char error[SETTINGS_ERROR_BYTES], text[128], name[16], ip[32];
	const char *addresses[] = {ip};

	node->stage = s;
	node->id = id;
	snprintf(name, sizeof(name), "b%d", id);
	snprintf(ip, sizeof(ip), "10.77.0.%d", id);
	snprintf(text, sizeof(text), "listeners=PLAINTEXT://%s:9092,INTERNAL://%s:9094", ip, ip);
	settings_init(&broker_settings_table, &node->settings);
	node_set(node, text);
	node_set(node,
		 "controller.quorum.voters=1@10.77.0.1:9094,2@10.77.0.2:9094,3@10.77.0.3:9094");
	node_set(node, "cluster.secret.file=secret");
	snprintf(text, sizeof(text), "node.id=%d", id);
	node_set(node, text);
	if (broker_addresses_parse(&node->settings, &node->addresses, error) < 0)
		fail_msg("%s", error);
	node->broker.settings = &node->settings;
	node->broker.addresses = &node->addresses;
	node->broker.identity.node_id = id;
	node->broker.identity.incarnation = test_uuid(id);
	strcpy(node->broker.identity.cluster_id, "a cluster");
	node->process = sim_process_new(s->world, name, addresses, 1);
	node_start_again(node);
}

/* ---- clients ---- */

static inline void client_send_more(struct client *c)
{
	static const uint8_t filler[5000];

	while (c->sent < c->to_send) {
		struct iovec piece = {(void *)filler, sizeof(filler)};
		ssize_t sent;

		if (piece.iov_len > c->to_send - c->sent)
			piece.iov_len = c->to_send - c->sent;
		sent = env_socket_send(c->env, c->socket, &piece, 1);
		if (sent < 0)
			break;
		c->sent += (size_t)sent;
	}
	env_socket_watch(c->env, c->socket,
			 ENV_READABLE | (c->sent < c->to_send ? ENV_WRITABLE : 0));
}

static void client_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct client *c = context;
	ssize_t count;

	(void)events;
	if (!c->connected) {
		c->error = env_socket_error(c->env, socket);
		c->connected = c->error == 0;
	}
	do {
		count = env_socket_receive(c->env, socket, buffer_reserve(&c->in, 4096), 4096);
		if (count > 0)
			c->in.size += (size_t)count;
	} while (count > 0);
	if (count == 0 || (count < 0 && count != -EAGAIN)) {
		c->ended = true;
		c->error = (int)count;
		env_socket_close(c->env, socket);
		c->socket = NULL;
		return;
	}
	client_send_more(c);
}

/* A client's connection to the slot; its first segment reaches broker `at`. */
static inline struct client *client_connect(struct stage *s, int32_t slot, int32_t at)
{
	struct client *c = &s->clients[s->client_count++];
	struct net_address address = address_of("10.77.0.100", (uint16_t)(9100 + slot));

	assert_true(s->client_count <= STAGE_CLIENTS);
	sim_world_set_holder(s->world, &address, s->nodes[at].process);
	c->env = sim_process_env(s->client_process, 0);
	assert_int_equal(env_connect(c->env, &address, client_ready, c, &c->socket), 0);
	sim_world_run_for(s->world, 20 * STAGE_MS);
	assert_true(c->connected);
	return c;
}

/* ApiVersions 0: every broker answers it by itself. */
static inline void client_ask(struct client *c, uint8_t correlation)
{
	const uint8_t frame[] = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, correlation, 0xff, 0xff};
	struct iovec piece = {(void *)frame, sizeof(frame)};

	assert_int_equal(env_socket_send(c->env, c->socket, &piece, 1), sizeof(frame));
}

enum { CLIENT_REQUEST_BYTES = 14 };

/* How many whole answers have come, whose correlation ids count from 1. */
static inline int client_answers(const struct client *c)
{
	size_t at = 0;
	int count = 0;

	while (c->in.size - at >= 8) {
		uint32_t size = bytes_load_u32(c->in.data + at);

		if (c->in.size - at - 4 < size)
			break;
		assert_int_equal(bytes_load_u32(c->in.data + at + 4), ++count);
		at += 4 + size;
	}
	return count;
}

static int client_start(struct sim_process *process, void *context)
{
	(void)process;
	(void)context;
	return 0;
}

static void client_gone(struct sim_process *process, bool exited, void *context)
{
	(void)process;
	(void)exited;
	(void)context;
}

/* ---- the stage ---- */

static inline struct stage *stage_new(void)
{
	static const char *const client_addresses[] = {"10.77.0.250"};
	struct sim_world_options options = {.seed = 7, .verbose = getenv("SIM_VERBOSE") != NULL};
	struct sim_program program = {1, client_start, client_gone, NULL};
	struct stage *s = calloc(1, sizeof(*s));

	s->world = sim_world_new(&options);
	s->cluster = stage_cluster();
	for (int32_t id = 1; id <= STAGE_BROKERS; id++)
		node_init(s, id);
	s->client_process = sim_process_new(s->world, "client", client_addresses, 1);
	assert_int_equal(sim_process_start(s->client_process, &program), 0);
	for (int32_t slot = 0; slot < STAGE_SLOTS; slot++)
		if (s->cluster->image->slots[slot]->holder != 1)
			stage_move(s, slot, 1);
	stage_apply_all(s);
	sim_world_run_for(s->world, STAGE_MS);
	return s;
}

static inline void stage_free(struct stage *s)
{
	for (unsigned i = 0; i < s->client_count; i++) {
		env_socket_close(s->clients[i].env, s->clients[i].socket);
		buffer_done(&s->clients[i].in);
	}
	sim_world_run_for(s->world, 100 * STAGE_MS); /* what was posted is done */
	sim_world_free(s->world);
	for (int32_t id = 1; id <= STAGE_BROKERS; id++) {
		broker_addresses_done(&s->nodes[id].addresses);
		settings_done(&broker_settings_table, &s->nodes[id].settings);
	}
	cluster_free(s->cluster);
	free(s);
}

static inline void run_ms(struct stage *s, uint64_t duration_ms)
{
	sim_world_run_for(s->world, duration_ms * STAGE_MS);
}

static inline int sessions_of_slot(struct stage *s, int32_t id, int32_t slot)
{
	int count = 0;

	for (const struct session *x = s->nodes[id].shard->worker.sessions; x; x = session_next(x))
		count += session_view(x)->kind == VIEW_SLOT && session_view(x)->slot == slot;
	return count;
}
