/* A stage for fetch sessions: broker 1 leads PARTITIONS of one topic, on two shards, by images that
 * the test writes; broker 2 is a connection of its shard 0, which says what the test says. */
#pragma once

#include "broker/control_int.h"
#include "broker/fetch_session.h"
#include "broker/internal_listener.h"
#include "broker/peer.h"
#include "broker/session.h"
#include "broker/shard.h"
#include "base/mem.h"
#include "sim/sim_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { SHARDS = 2, PARTITIONS = 4, BROKERS = 3, ANSWERS = 4 };
enum { LEADER_EPOCH = 5, BROKER_EPOCH = 12, WAIT_MS = 500, FETCH = 16 };

struct answer {
	struct peer_call call;
	bool has_come;
	int rc;
	int16_t error;
	int32_t session_id;
	int count;
	struct {
		int32_t partition;
		int16_t error;
		int64_t high_watermark;
		int32_t bytes;
		int32_t diverging_epoch;
	} parts[PARTITIONS + 2];
};

struct ask {
	int32_t session_id, session_epoch;
	int64_t broker_epoch;
	int32_t wait_ms;
	int count, forgotten_count;
	struct fetch_request_partition parts[PARTITIONS + 2];
	int32_t forgotten[PARTITIONS];
};

struct stage {
	struct sim_world *world;
	struct sim_process *leader, *follower;
	struct broker_settings settings;
	struct broker_addresses addresses;
	struct broker broker;
	struct shard *shards[SHARDS];
	struct env *envs[SHARDS + 1];
	struct hosted *hosted[PARTITIONS];
	bool mirrors; /* what is appended goes to broker 2 by the mirror, too */

	struct image_broker brokers[BROKERS];
	struct image_broker *broker_list[BROKERS];
	struct image_partition partitions[PARTITIONS];
	struct image_partition *partition_list[PARTITIONS];
	int32_t replicas[BROKERS];
	struct image_topic topic;
	struct image_topic *topic_list[1];
	struct image image;

	struct identity identity; /* broker 2's */
	struct peer *peer;
	struct answer answers[ANSWERS];
	int asked;
};

static const struct uuid topic_id = {.bytes = {7}};

/* ---- facts ---- */

static void stage_image(struct stage *s)
{
	static char name[] = "orders";

	for (int32_t i = 0; i < BROKERS; i++) {
		s->brokers[i] = (struct image_broker){
			.references = 1000, .id = i + 1, .epoch = BROKER_EPOCH};
		s->broker_list[i] = &s->brokers[i];
		s->replicas[i] = i + 1;
	}
	for (int32_t i = 0; i < PARTITIONS; i++) {
		s->partitions[i] = (struct image_partition){
			.references = 1000,
			.id = i,
			.slot = i,
			.leader = 1,
			.leader_epoch = LEADER_EPOCH,
			.partition_epoch = 1,
			.replicas = s->replicas,
			.replica_count = 2,
			.isr = s->replicas,
			.isr_count = 2,
		};
		s->partition_list[i] = &s->partitions[i];
	}
	s->topic = (struct image_topic){.references = 1000,
					.name = name,
					.id = topic_id,
					.partition_count = PARTITIONS,
					.partitions = s->partition_list};
	s->topic_list[0] = &s->topic;
	s->image = (struct image){.references = 1000,
				  .broker_count = BROKERS,
				  .brokers = s->broker_list,
				  .topic_count = 1,
				  .topics = s->topic_list,
				  .topics_by_id = s->topic_list};
}

/* The leader's replicas learn what the image says now. */
static inline void stage_apply(struct stage *s)
{
	for (int32_t i = 0; i < PARTITIONS; i++)
		if (s->hosted[i])
			replica_apply(s->hosted[i]->replica, &s->image, &s->topic,
				      &s->partitions[i]);
}

/* ---- the leader ---- */

static void stage_alter_isr(void *context, struct replica *replica,
			    const struct replica_isr_change *change)
{
	(void)context;
	(void)replica;
	(void)change;
}

static void stage_storage_failed(void *context, struct replica *replica, int result)
{
	(void)context;
	(void)replica;
	fail_msg("storage failed: %d", result);
}

static void stage_appended(void *context, struct replica *replica,
			   const struct mirror_section *section, int64_t end_offset)
{
	struct stage *s = context;

	if (s->mirrors)
		assert_true(replica_mirror_to(replica, 2, section, end_offset));
}

static struct hosted *stage_host(struct stage *s, int32_t partition)
{
	struct shard *shard = s->shards[partition % SHARDS];
	struct replica_callbacks callbacks = {.context = s,
					      .alter_isr = stage_alter_isr,
					      .storage_failed = stage_storage_failed,
					      .appended = stage_appended};
	struct hosted *hosted = mem_alloc(sizeof(*hosted));
	struct plog_opening opening;
	struct plog *log;

	hosted->key = (struct hosted_key){topic_id, partition};
	hosted->shard = shard;
	hosted->folder = mem_format("orders-%d", partition);
	assert_int_equal(plog_open(shard->worker.env, hosted->folder, topic_id,
				   &shard->plog_options, true, &opening, &log),
			 0);
	hosted->replica = replica_new(shard->worker.env, &shard->replica_options, &callbacks,
				      "orders", topic_id, partition, log);
	HASH_ADD(hh, shard->hosted, key, sizeof(hosted->key), hosted);
	return hosted;
}

static int leader_start(struct sim_process *process, void *context)
{
	struct stage *s = context;
	struct control *control = mem_alloc(sizeof(*control));

	for (unsigned i = 0; i <= SHARDS; i++)
		s->envs[i] = sim_process_env(process, i);
	s->broker.envs = s->envs;
	s->broker.control = control;
	s->broker.shard_count = SHARDS;
	s->broker.shards = s->shards;
	worker_init(&control->worker, s->envs[SHARDS], &s->broker);
	for (unsigned i = 0; i < SHARDS; i++) {
		s->shards[i] = shard_new(&s->broker, s->envs[i], i);
		worker_set_image(&s->shards[i]->worker, image_ref(&s->image));
	}
	for (int32_t i = 0; i < PARTITIONS; i++)
		s->hosted[i] = stage_host(s, i);
	return internal_listener_open(&control->worker, &control->listener);
}

static void leader_gone(struct sim_process *process, bool exited, void *context)
{
	struct stage *s = context;
	struct control *control = s->broker.control;

	(void)process;
	(void)exited;
	internal_listener_close(control->listener);
	worker_done(&control->worker);
	mem_free(control);
	s->broker.is_over = true;
	for (unsigned i = 0; i < SHARDS; i++)
		shard_stop(s->shards[i]);
	for (unsigned i = 0; i < SHARDS; i++)
		shard_free(s->shards[i]);
}

static int nothing_starts(struct sim_process *process, void *context)
{
	(void)process;
	(void)context;
	return 0;
}

static void nothing_ends(struct sim_process *process, bool exited, void *context)
{
	(void)process;
	(void)exited;
	(void)context;
}

static inline void run_ms(struct stage *s, uint64_t duration_ms)
{
	sim_world_run_for(s->world, duration_ms * 1000);
}

/* ---- the follower's connection ---- */

static inline void stage_connect(struct stage *s)
{
	s->peer = peer_new(&(struct peer_options){
		.env = sim_process_env(s->follower, 0),
		.identity = &s->identity,
		.node_id = 1,
		.address = s->addresses.listeners[IMAGE_INTERNAL].address,
		.purpose = HANDSHAKE_PEER,
		.lane = LANE_FETCH,
	});
}

static void take_answer(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct answer *a = (struct answer *)call;
	struct reader in = reader_of(frame, size);
	struct fetch_response response;
	int32_t correlation_id;
	struct arena arena;

	a->has_come = true;
	a->rc = rc;
	if (rc < 0)
		return;
	arena_init(&arena, 1 << 20);
	assert_int_equal(
		wire_decode_response(&wire_fetch, FETCH, &in, &arena, &correlation_id, &response),
		0);
	a->error = response.error_code;
	a->session_id = response.session_id;
	for (int32_t t = 0; t < response.responses.count; t++) {
		const struct fetch_response_topic *topic = &response.responses.items[t];

		for (int32_t p = 0; p < topic->partitions.count; p++) {
			const struct fetch_response_partition *part = &topic->partitions.items[p];

			assert_true(a->count < PARTITIONS + 2);
			a->parts[a->count].partition = part->partition_index;
			a->parts[a->count].error = part->error_code;
			a->parts[a->count].high_watermark = part->high_watermark;
			a->parts[a->count].bytes = part->records.size;
			a->parts[a->count++].diverging_epoch = part->diverging_epoch.epoch;
		}
	}
	arena_done(&arena);
}

/* Lists a partition whose log ends, durably, at offset. */
static inline void ask_list(struct ask *ask, int32_t partition, int64_t offset)
{
	ask->parts[ask->count++] = (struct fetch_request_partition){
		.partition = partition,
		.current_leader_epoch = LEADER_EPOCH,
		.fetch_offset = offset,
		.last_fetched_epoch = offset > 0 ? LEADER_EPOCH : -1,
		.log_start_offset = -1,
		.partition_max_bytes = 1 << 20,
		.durable_offset = offset,
	};
}

static inline struct answer *stage_ask(struct stage *s, const struct ask *ask)
{
	struct answer *a = &s->answers[s->asked++ % ANSWERS];
	struct fetch_request_topic topic = {.topic_id = topic_id,
					    .partitions = {(void *)ask->parts, ask->count}};
	struct fetch_request_forgotten_topic forgotten = {
		.topic_id = topic_id, .partitions = {(void *)ask->forgotten, ask->forgotten_count}};
	struct fetch_request request;

	wire_init(wire_fetch.request, &request);
	request.replica_state.replica_id = 2;
	request.replica_state.replica_epoch = ask->broker_epoch;
	request.max_wait_ms = ask->wait_ms;
	request.min_bytes = 1;
	request.max_bytes = 1 << 20;
	request.session_id = ask->session_id;
	request.session_epoch = ask->session_epoch;
	request.topics.items = &topic;
	request.topics.count = ask->count > 0;
	request.forgotten_topics_data.items = &forgotten;
	request.forgotten_topics_data.count = ask->forgotten_count > 0;
	*a = (struct answer){.call = {.done = take_answer}};
	peer_send(s->peer, &wire_fetch, FETCH, &request, &a->call);
	return a;
}

/* ---- the stage ---- */

static inline void stage_set(struct stage *s, const char *text)
{
	char error[SETTINGS_ERROR_BYTES];

	assert_int_equal(
		settings_set_pair(&broker_settings_table, &s->settings, "test", text, error), 0);
}

static inline struct stage *stage_new(void)
{
	static const char *const leader_addresses[] = {"10.77.0.1"};
	static const char *const follower_addresses[] = {"10.77.0.2"};
	struct sim_world_options options = {.seed = 7, .verbose = getenv("SIM_VERBOSE") != NULL};
	struct stage *s = calloc(1, sizeof(*s));
	struct sim_program leader = {SHARDS + 1, leader_start, leader_gone, s};
	struct sim_program follower = {1, nothing_starts, nothing_ends, NULL};
	char error[SETTINGS_ERROR_BYTES];

	s->world = sim_world_new(&options);
	settings_init(&broker_settings_table, &s->settings);
	stage_set(s, "node.id=1");
	stage_set(s, "listeners=PLAINTEXT://10.77.0.1:9092,INTERNAL://10.77.0.1:9094");
	stage_set(s, "controller.quorum.voters=1@10.77.0.1:9094,2@10.77.0.2:9094");
	stage_set(s, "cluster.secret.file=secret");
	if (broker_addresses_parse(&s->settings, &s->addresses, error) < 0)
		fail_msg("%s", error);
	s->broker.settings = &s->settings;
	s->broker.addresses = &s->addresses;
	s->broker.identity.node_id = 1;
	strcpy(s->broker.identity.cluster_id, "a cluster");
	s->identity = s->broker.identity;
	s->identity.node_id = 2;
	s->identity.incarnation.bytes[0] = 2;
	stage_image(s);
	s->leader = sim_process_new(s->world, "b1", leader_addresses, 1);
	s->follower = sim_process_new(s->world, "b2", follower_addresses, 1);
	assert_int_equal(sim_process_start(s->leader, &leader), 0);
	assert_int_equal(sim_process_start(s->follower, &follower), 0);
	stage_apply(s);
	stage_connect(s);
	return s;
}

static inline void stage_free(struct stage *s)
{
	peer_free(s->peer);
	run_ms(s, 10);
	sim_process_exit(s->leader);
	run_ms(s, 10);
	sim_world_free(s->world);
	broker_addresses_done(&s->addresses);
	settings_done(&broker_settings_table, &s->settings);
	free(s);
}

/* One batch of one record, appended by a producer. */
static inline void stage_append(struct stage *s, int32_t partition)
{
	struct buffer bytes = {0};
	struct batch_builder builder;
	struct plog_appended appended;
	struct batch batch;
	struct reader in;

	batch_begin(&builder, &bytes, 0, 1000);
	builder.header.leader_epoch = -1;
	batch_add(&builder, NULL, 0, "value", 5);
	batch_end(&builder);
	in = reader_of(bytes.data, bytes.size);
	assert_int_equal(batch_next_produced(&in, &batch), BATCH_OK);
	assert_int_equal(
		replica_append(s->hosted[partition]->replica, bytes.data, &batch, false, &appended),
		REPLICA_OK);
	buffer_done(&bytes);
}

/* A session of all partitions, each empty at both ends; returns its id. */
static inline int32_t stage_open(struct stage *s)
{
	struct ask ask = {.broker_epoch = BROKER_EPOCH};
	struct answer *a;

	for (int32_t i = 0; i < PARTITIONS; i++)
		ask_list(&ask, i, 0);
	a = stage_ask(s, &ask);
	run_ms(s, 20);
	assert_true(a->has_come);
	assert_int_equal(a->error, KAFKA_NONE);
	assert_int_equal(a->count, PARTITIONS);
	assert_int_not_equal(a->session_id, 0);
	return a->session_id;
}

/* The next request of a session, which lists nothing yet. */
static inline struct ask ask_of(int32_t session_id, int32_t session_epoch)
{
	return (struct ask){.session_id = session_id,
			    .session_epoch = session_epoch,
			    .broker_epoch = BROKER_EPOCH,
			    .wait_ms = WAIT_MS};
}
