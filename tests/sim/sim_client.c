/* Owns what the client knows: topics, brokers, who leads each partition; asks for it when somebody
 * finds it wanting, one request at a time.
 *
 * Invariant: while metadata is wanted, a request for it is under way or the timer runs. */
#include "sim/sim_client_int.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

enum {
	METADATA_VERSION = 9,
	METADATA_AGAIN_LEAST_US = 2000,
	METADATA_AGAIN_MOST_US = 50000,
	CREATE_TOPICS_VERSION = 5,
	CREATE_AGAIN_US = 100000,
	CREATE_TIMEOUT_MS = 5000,
};

uint64_t sim_client_draw(struct sim_client *client, uint64_t least, uint64_t most)
{
	uint64_t z;

	env_random_bytes(client->env, &z, sizeof(z));
	return least + z % (most - least + 1);
}

bool sim_error_is_retriable(int16_t error_code)
{
	return kafka_error_is_retriable(error_code);
}

struct sim_lane *sim_client_lane(const struct sim_client *client, const char *topic,
				 int32_t partition)
{
	const struct sim_topic *t;

	DL_FOREACH(client->topics, t)
		if (strcmp(t->name, topic) == 0)
			break;
	assert(t && partition < t->partitions);
	return &t->lanes[partition];
}

const struct net_address *sim_client_any(struct sim_client *client)
{
	uint64_t draw = sim_client_draw(client, 0,
					client->node_count + client->options.bootstrap_count - 1);

	return draw < client->node_count ? &client->nodes[draw].address
					 : &client->bootstrap[draw - client->node_count];
}

const struct net_address *sim_lane_leader(const struct sim_lane *lane)
{
	const struct sim_client *client = lane->client;

	for (unsigned i = 0; lane->leader >= 0 && i < client->node_count; i++)
		if (client->nodes[i].id == lane->leader)
			return &client->nodes[i].address;
	return NULL;
}

/* ---- creating topics ---- */

static void creation_answered(struct sim_call *call, const void *body);

static void create_next(struct sim_client *client)
{
	struct sim_topic *topic = client->creating;
	struct create_topics_request_topic asked = {.name = wire_string_of(topic->name),
						    .num_partitions = topic->partitions,
						    .replication_factor =
							    topic->replication_factor};
	struct create_topics_request request = {.topics = {&asked, 1},
						.timeout_ms = CREATE_TIMEOUT_MS};

	client->creation.done = creation_answered;
	sim_link_call(client, sim_client_any(client), &client->creation, &wire_create_topics,
		      CREATE_TOPICS_VERSION, &request);
}

static void find_creation(struct sim_client *client)
{
	struct sim_topic *topic;

	if (client->creating)
		return;
	DL_FOREACH(client->topics, topic)
		if (topic->to_create && !topic->is_created)
			break;
	client->creating = topic;
	if (topic)
		create_next(client);
}

static void creation_answered(struct sim_call *call, const void *body)
{
	struct sim_client *client = SIM_OF(call, struct sim_client, creation);
	const struct create_topics_response *response = body;
	int16_t error = KAFKA_NETWORK_EXCEPTION;

	if (response && response->topics.count == 1)
		error = response->topics.items[0].error_code;
	if (error == KAFKA_NONE || error == KAFKA_TOPIC_ALREADY_EXISTS)
		client->creating->is_created = true;
	else
		env_log(client->env, LOG_DEBUG, "create %s: %s", client->creating->name,
			kafka_error_name(error));
	client->creating = NULL;
	sim_client_want_metadata(client); /* its timer looks for topics to create, too */
}

/* ---- metadata ---- */

static void take_nodes(struct sim_client *client, const struct metadata_response *response)
{
	char host[NET_HOST_TEXT_BYTES];

	client->node_count = 0;
	for (int32_t i = 0; i < response->brokers.count; i++) {
		const struct metadata_response_broker *broker = &response->brokers.items[i];
		struct sim_node *node = &client->nodes[client->node_count];

		if (client->node_count == SIM_CLIENT_MOST_NODES)
			return;
		snprintf(host, sizeof(host), "%.*s", (int)broker->host.size, broker->host.data);
		node->id = broker->node_id;
		if (net_address_parse_host(host, (uint16_t)broker->port, &node->address) == 0)
			client->node_count++;
	}
}

/* Returns whether the partition has a leader. What a broker of yesterday says is passed over
 * (KIP-320): epochs only rise. */
static bool take_leader(struct sim_lane *lane, const struct metadata_response_partition *from)
{
	if (from->leader_epoch >= lane->leader_epoch) {
		lane->leader = from->leader_id;
		lane->leader_epoch = from->leader_epoch;
	}
	return lane->leader >= 0;
}

/* Returns whether every partition has a leader. */
static bool take_topic(struct sim_topic *topic, const struct metadata_response_topic *from)
{
	bool all = from->partitions.count >= topic->partitions;

	for (int32_t i = 0; i < from->partitions.count; i++) {
		const struct metadata_response_partition *partition = &from->partitions.items[i];

		if (partition->partition_index < topic->partitions &&
		    !take_leader(&topic->lanes[partition->partition_index], partition))
			all = false;
	}
	return all;
}

static bool take_topics(struct sim_client *client, const struct metadata_response *response)
{
	struct sim_topic *topic;
	bool all = true;

	DL_FOREACH(client->topics, topic) {
		bool found = false;

		for (int32_t i = 0; i < response->topics.count && !found; i++) {
			const struct metadata_response_topic *from = &response->topics.items[i];

			if (wire_string_equal(from->name, wire_string_of(topic->name)))
				found = take_topic(topic, from);
		}
		all = all && found;
	}
	return all;
}

static void pump_all(struct sim_client *client)
{
	struct sim_topic *topic;

	DL_FOREACH(client->topics, topic)
		for (int32_t i = 0; i < topic->partitions; i++) {
			sim_producer_pump(&topic->lanes[i]);
			sim_reader_pump(&topic->lanes[i]);
		}
}

static void metadata_answered(struct sim_call *call, const void *body)
{
	struct sim_client *client = SIM_OF(call, struct sim_client, metadata);

	client->metadata_asked = client->metadata_wanted = false;
	if (!body)
		sim_client_want_metadata(client);
	if (!body)
		return;
	take_nodes(client, body);
	if (!take_topics(client, body))
		sim_client_want_metadata(client);
	pump_all(client);
}

static void ask_metadata(struct env_timer *timer)
{
	struct sim_client *client = SIM_OF(timer, struct sim_client, metadata_timer);
	struct metadata_request request;

	find_creation(client);
	if (client->metadata_asked)
		return;
	wire_init(wire_metadata.request, &request);
	request.topics.items = NULL;
	request.topics.count = -1; /* all */
	client->metadata_asked = true;
	client->metadata.done = metadata_answered;
	sim_link_call(client, sim_client_any(client), &client->metadata, &wire_metadata,
		      METADATA_VERSION, &request);
}

void sim_client_want_metadata(struct sim_client *client)
{
	client->metadata_wanted = true;
	if (!client->metadata_asked && !env_timer_is_running(&client->metadata_timer))
		env_timer_after(
			client->env, &client->metadata_timer,
			sim_client_draw(client, METADATA_AGAIN_LEAST_US, METADATA_AGAIN_MOST_US));
}

/* ---- topics ---- */

void sim_client_create_topic(struct sim_client *client, const char *name, int32_t partitions,
			     int16_t replication_factor)
{
	struct sim_topic *topic = mem_alloc(sizeof(*topic));

	topic->name = mem_string(name);
	topic->partitions = partitions;
	topic->replication_factor = replication_factor;
	topic->to_create = true;
	topic->lanes = mem_alloc((size_t)partitions * sizeof(*topic->lanes));
	for (int32_t i = 0; i < partitions; i++) {
		struct sim_lane *lane = &topic->lanes[i];

		*lane = (struct sim_lane){.client = client,
					  .topic = topic,
					  .partition = i,
					  .leader = -1,
					  .leader_epoch = -1};
		lane->log = sim_history_log(client->options.history, name, i);
		sim_producer_init(lane);
		sim_reader_init(lane);
	}
	DL_APPEND(client->topics, topic);
	sim_client_want_metadata(client);
}

bool sim_client_is_ready(const struct sim_client *client)
{
	const struct sim_topic *topic;

	DL_FOREACH(client->topics, topic)
		for (int32_t i = 0; i < topic->partitions; i++)
			if (!sim_lane_leader(&topic->lanes[i]))
				return false;
	return true;
}

int32_t sim_client_leader_of(const struct sim_client *client, const char *topic, int32_t partition)
{
	return sim_client_lane(client, topic, partition)->leader;
}

void sim_client_forget_leaders(struct sim_client *client)
{
	struct sim_topic *topic;

	DL_FOREACH(client->topics, topic)
		for (int32_t i = 0; i < topic->partitions; i++)
			topic->lanes[i].leader = -1;
	sim_client_want_metadata(client);
}

/* ---- life ---- */

struct sim_client *sim_client_new(struct env *env, const struct sim_client_options *options)
{
	struct sim_client *client = mem_alloc(sizeof(*client));
	size_t size = options->bootstrap_count * sizeof(*client->bootstrap);

	client->env = env;
	client->options = *options;
	client->bootstrap = mem_alloc(size);
	memcpy(client->bootstrap, options->bootstrap, size);
	client->producer_id = -1;
	client->metadata_timer.fire = ask_metadata;
	return client;
}

void sim_client_free(struct sim_client *client)
{
	struct sim_topic *topic, *next;

	if (!client)
		return;
	sim_links_done(client);
	env_timer_stop(client->env, &client->metadata_timer);
	DL_FOREACH_SAFE(client->topics, topic, next) {
		for (int32_t i = 0; i < topic->partitions; i++) {
			sim_producer_done(&topic->lanes[i]);
			env_timer_stop(client->env, &topic->lanes[i].fetch_retry);
		}
		mem_free(topic->lanes);
		mem_free(topic->name);
		mem_free(topic);
	}
	mem_free(client->bootstrap);
	mem_free(client);
}
