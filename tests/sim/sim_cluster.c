/* Owns a simulated cluster: its brokers' programs, a process with a producing and a reading client,
 * and the waiting and judging around them. The world does the rest. */
#include "sim/sim_cluster.h"

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/control_int.h"
#include "broker/data_folder.h"
#include "broker/shard.h"
#include "broker/told_flows.h"
#include "sim/sim_client.h"
#include "sim/sim_replicas.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
	MOST_SHARDS = 3,
	SLOTS = 12,
	PATIENCE_US = 60000000,
	REQUEST_TIMEOUT_US = 3000000,
	SECRET_BYTES = 32,
	MOST_VOTERS = 3,
	METRICS_SEEDS = 8, /* one in so many, for the time that it takes */
};

static const char cluster_id[] = "c2ltdWxhdGVkLWNsdXN0ZQ";
static const char secret_path[] = "/etc/bellwether/cluster.secret";
static const char data_path[] = "/data";

/* One broker's program, over all its runs. */
struct sim_node {
	struct sim *s;
	int32_t id;
	struct sim_process *process;
	struct broker_settings settings;
	struct broker_addresses addresses;
	struct broker *broker; /* while it runs */
	int format_result;
};

struct sim {
	struct sim_world *world;
	struct sim_history *history;
	unsigned node_count, bad_ends;
	struct sim_node nodes[SIM_MOST_BROKERS];
	struct sim_process *client_process;
	struct net_address bootstrap[SIM_MOST_BROKERS];
	unsigned bootstrap_count;
	bool collects_metrics;
	struct sim_client *producer, *reader;
};

/* ---- settings ---- */

static void set(struct sim_node *node, const char *pair)
{
	char error[SETTINGS_ERROR_BYTES];

	if (settings_set_pair(&broker_settings_table, &node->settings, "simulation", pair, error) <
	    0) {
		fprintf(stderr, "%s\n", error);
		assert(!"a setting of the scenario's");
	}
}

static void set_to(struct sim_node *node, char *pair)
{
	set(node, pair);
	mem_free(pair);
}

static unsigned voter_count(const struct sim *s)
{
	return s->node_count >= MOST_VOTERS ? MOST_VOTERS : 1;
}

/* As the lab's: the first three brokers, or one where there are fewer. */
static char *format_voters(const struct sim *s)
{
	char *text = mem_string("");

	for (unsigned i = 1; i <= voter_count(s); i++) {
		char *longer = mem_format("%s%s%u@10.77.0.%u:9094", text, i > 1 ? "," : "", i, i);

		mem_free(text);
		text = longer;
	}
	return text;
}

static void write_settings(struct sim_node *node, const char *const *more)
{
	char error[SETTINGS_ERROR_BYTES];
	char *voters = format_voters(node->s);

	settings_init(&broker_settings_table, &node->settings);
	set_to(node, mem_format("node.id=%d", node->id));
	set_to(node, mem_format("listeners=PLAINTEXT://10.77.0.%d:9092,SLOT://10.77.0.%d:9093,"
				"INTERNAL://10.77.0.%d:9094",
				node->id, node->id, node->id));
	set_to(node, mem_format("controller.quorum.voters=%s", voters));
	set_to(node, mem_format("log.dirs=%s", data_path));
	set_to(node, mem_format("cluster.secret.file=%s", secret_path));
	set_to(node, mem_format("slots.count=%d", SLOTS));
	set(node, "mirror.mode=user");
	set_to(node, mem_format("slots.addresses=10.77.0.100:9100-%d,10.77.0.100:9092=0",
				9100 + SLOTS - 1));
	for (; more && *more; more++)
		set(node, *more);
	mem_free(voters);
	if (broker_addresses_parse(&node->settings, &node->addresses, error) < 0) {
		fprintf(stderr, "%s\n", error);
		assert(!"the addresses of a scenario");
	}
}

/* ---- formatting: a program of its own, as --format is ---- */

static int format_start(struct sim_process *process, void *context)
{
	struct sim_node *node = context;
	struct voter_address voters[QUORUM_MOST_VOTERS] = {0};
	struct format_options options = {.cluster_id = cluster_id, .voters = voters};
	char *text = format_voters(node->s), error[SETTINGS_ERROR_BYTES];
	int rc = broker_parse_voters("voters", text, voters, error);

	assert(rc > 0);
	options.voter_count = rc;
	for (int32_t i = 0; i < rc; i++) {
		uint8_t id[16] = {(uint8_t)(i + 1), 0x5a};

		voters[i].voter.directory_id = uuid_from_random(id);
	}
	node->format_result = data_folder_format(sim_process_env(process, 0), &node->settings,
						 &node->addresses, &options);
	for (int32_t i = 0; i < options.voter_count; i++)
		image_endpoint_done(&voters[i].endpoint);
	mem_free(text);
	return -1; /* its work is done */
}

static void format(struct sim_node *node)
{
	static const uint8_t secret[SECRET_BYTES] = "a secret of thirty-two bytes now";
	const struct sim_program program = {.loops = 1, .start = format_start, .context = node};

	sim_process_put_file(node->process, secret_path, secret, sizeof(secret));
	/* The operator makes the folder, best as a file system of its own (DESIGN section 6). */
	sim_process_put_file(node->process, "/data/lost+found", "", 0);
	sim_process_start(node->process, &program);
	if (node->format_result < 0)
		fprintf(stderr, "formatting broker %d: %s\n", node->id,
			strerror(-node->format_result));
	assert(node->format_result == 0);
}

/* ---- a broker's run ---- */

static void broker_ended(void *context, int exit_status)
{
	struct sim_node *node = context;

	if (exit_status != 0)
		node->s->bad_ends++;
	sim_process_exit(node->process);
}

/* Metrics are collected for nobody: what they walk over is what the run makes. */
static void drop_metrics(void *context, struct buffer *text)
{
	(void)context;
	buffer_done(text);
}

/* Not alike, so that what comes to one shard is often another's. */
static unsigned shards_of(const struct sim_node *node)
{
	return 1 + (unsigned)node->id % MOST_SHARDS;
}

static int broker_start(struct sim_process *process, void *context)
{
	struct sim_node *node = context;
	struct broker_options options = {.settings = &node->settings,
					 .addresses = &node->addresses,
					 .ended = broker_ended,
					 .context = node};
	unsigned shards = shards_of(node);
	struct env *envs[MOST_SHARDS + 1];

	if (node->s->collects_metrics)
		options.publish_metrics = drop_metrics;
	for (unsigned i = 0; i <= shards; i++)
		envs[i] = sim_process_env(process, i);
	return broker_open(&options, envs, shards + 1, &node->broker);
}

/* What a killed broker had in memory is left where it lies: its own clean-up is not what a kill -9
 * runs, and walking its objects would prove nothing. */
static void broker_gone(struct sim_process *process, bool exited, void *context)
{
	struct sim_node *node = context;

	(void)process;
	if (exited)
		broker_free(node->broker);
	node->broker = NULL;
}

void sim_start(struct sim *s, int32_t broker)
{
	struct sim_node *node = &s->nodes[broker - 1];
	const struct sim_program program = {.loops = shards_of(node) + 1,
					    .start = broker_start,
					    .gone = broker_gone,
					    .context = node};

	if (sim_process_is_running(node->process))
		return;
	if (sim_process_start(node->process, &program) < 0)
		s->bad_ends++;
}

void sim_start_all(struct sim *s)
{
	for (unsigned i = 0; i < s->node_count; i++)
		sim_start(s, s->nodes[i].id);
}

void sim_crash(struct sim *s, int32_t broker)
{
	sim_process_kill(s->nodes[broker - 1].process);
}

void sim_power_cut(struct sim *s, int32_t broker)
{
	sim_process_power_cut(s->nodes[broker - 1].process);
}

void sim_stop(struct sim *s, int32_t broker)
{
	if (s->nodes[broker - 1].broker)
		broker_stop(s->nodes[broker - 1].broker);
}

unsigned sim_bad_ends(const struct sim *s)
{
	return s->bad_ends;
}

/* ---- the clients' process ---- */

static struct sim_client *client_new(struct sim *s, unsigned shard)
{
	const struct sim_client_options options = {.bootstrap = s->bootstrap,
						   .bootstrap_count = s->bootstrap_count,
						   .history = s->history,
						   .request_timeout_us = REQUEST_TIMEOUT_US};

	return sim_client_new(sim_process_env(s->client_process, shard), &options);
}

static int clients_start(struct sim_process *process, void *context)
{
	struct sim *s = context;

	(void)process;
	s->producer = client_new(s, 0);
	s->reader = client_new(s, 1);
	return 0;
}

static void clients_gone(struct sim_process *process, bool exited, void *context)
{
	struct sim *s = context;

	(void)process;
	(void)exited;
	sim_client_free(s->producer);
	sim_client_free(s->reader);
	s->producer = s->reader = NULL;
}

static void start_clients(struct sim *s, bool slot_view)
{
	static const char *const address[] = {"10.77.0.250"};
	const struct sim_program program = {
		.loops = 2, .start = clients_start, .gone = clients_gone, .context = s};
	char text[NET_ADDRESS_TEXT_BYTES];

	s->bootstrap_count = slot_view ? 1 : s->node_count;
	for (unsigned i = 0; i < s->bootstrap_count; i++) {
		snprintf(text, sizeof(text), "10.77.0.%u:9092", slot_view ? 100 : i + 1);
		net_address_parse(text, &s->bootstrap[i]);
	}
	s->client_process = sim_process_new(s->world, "client", address, 1);
	sim_process_start(s->client_process, &program);
}

unsigned sim_shard_waits(const struct sim *s)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < s->node_count; i++) {
		const struct broker *broker = s->nodes[i].broker;

		for (unsigned shard = 0; broker && shard < broker->shard_count; shard++)
			sum += sim_process_loop_waits(s->nodes[i].process, shard);
	}
	return sum;
}

struct mirror_counts sim_mirror_counts(const struct sim *s)
{
	struct mirror_counts sum = {0};

	for (unsigned i = 0; i < s->node_count; i++) {
		const struct broker *broker = s->nodes[i].broker;

		for (unsigned shard = 0; broker && shard < broker->shard_count; shard++)
			mirror_counts_add(&sum,
					  &broker->shards[shard]->worker.counters.mirror);
	}
	return sum;
}

/* ---- the whole ---- */

static void node_init(struct sim *s, unsigned place, const char *const *settings)
{
	struct sim_node *node = &s->nodes[place];
	char *name = mem_format("b%u", place + 1), *host = mem_format("10.77.0.%u", place + 1);
	const char *addresses[] = {host};

	node->s = s;
	node->id = (int32_t)place + 1;
	node->process = sim_process_new(s->world, name, addresses, 1);
	write_settings(node, settings);
	format(node);
	mem_free(name);
	mem_free(host);
}

struct sim *sim_new(const struct sim_cluster_options *options)
{
	struct sim *s = mem_alloc(sizeof(*s));

	s->world = sim_world_new(&(struct sim_world_options){
		.seed = options->seed, .verbose = options->verbose, .trace = options->trace});
	s->history = sim_history_new();
	s->collects_metrics = options->seed % METRICS_SEEDS == 0;
	s->node_count = options->brokers ? options->brokers : 3;
	assert(s->node_count <= SIM_MOST_BROKERS);
	for (unsigned i = 0; i < s->node_count; i++)
		node_init(s, i, options->settings);
	start_clients(s, options->slot_view);
	return s;
}

void sim_free(struct sim *s)
{
	if (!s)
		return;
	sim_world_free(s->world);
	for (unsigned i = 0; i < s->node_count; i++) {
		broker_addresses_done(&s->nodes[i].addresses);
		settings_done(&broker_settings_table, &s->nodes[i].settings);
	}
	sim_history_free(s->history);
	mem_free(s);
}

struct sim_world *sim_world_of(struct sim *s)
{
	return s->world;
}

struct sim_history *sim_history_of(struct sim *s)
{
	return s->history;
}

struct sim_process *sim_broker(struct sim *s, int32_t broker)
{
	return s->nodes[broker - 1].process;
}

struct sim_process *sim_client_process(struct sim *s)
{
	return s->client_process;
}

unsigned sim_broker_count(const struct sim *s)
{
	return s->node_count;
}

/* ---- clients ---- */

bool sim_create_topic(struct sim *s, const char *topic, int32_t partitions, int16_t factor)
{
	sim_client_create_topic(s->producer, topic, partitions, factor);
	sim_client_create_topic(s->reader, topic, partitions, factor);
	for (int32_t i = 0; i < partitions; i++) {
		sim_client_read(s->reader, topic, i);
		if (!sim_run_until_leader(s, topic, i))
			return false;
	}
	return true;
}

void sim_produce(struct sim *s, const char *topic, int32_t partition, const char *text)
{
	sim_client_produce(s->producer, topic, partition, text);
}

int64_t sim_acked(const struct sim *s)
{
	return sim_history_acked(s->history);
}

int64_t sim_unacked(const struct sim *s)
{
	return sim_client_unacked(s->producer);
}

/* ---- waiting ---- */

struct awaited {
	struct sim *s;
	const char *topic;
	int32_t partition;
	int64_t count;
};

static bool has_acked(void *context)
{
	const struct awaited *a = context;

	return sim_acked(a->s) >= a->count;
}

bool sim_wait_acked(struct sim *s, int64_t count)
{
	struct awaited a = {.s = s, .count = count};

	return sim_world_run_while_not(s->world, has_acked, &a, PATIENCE_US);
}

static bool has_no_unacked(void *context)
{
	const struct awaited *a = context;

	return sim_unacked(a->s) == 0;
}

bool sim_wait_all_acked(struct sim *s)
{
	struct awaited a = {.s = s};

	return sim_world_run_while_not(s->world, has_no_unacked, &a, PATIENCE_US);
}

static bool has_leader(void *context)
{
	const struct awaited *a = context;

	return sim_client_leader_of(a->s->producer, a->topic, a->partition) >= 0;
}

bool sim_run_until_leader(struct sim *s, const char *topic, int32_t partition)
{
	struct awaited a = {.s = s, .topic = topic, .partition = partition};

	sim_client_forget_leaders(s->producer);
	return sim_world_run_while_not(s->world, has_leader, &a, PATIENCE_US);
}

void sim_run_ms(struct sim *s, uint64_t duration_ms)
{
	sim_world_run_for(s->world, duration_ms * 1000);
}

int32_t sim_leader_of(struct sim *s, const char *topic, int32_t partition)
{
	sim_run_until_leader(s, topic, partition);
	return sim_client_leader_of(s->producer, topic, partition);
}

/* ---- flows ---- */

struct unknown_flows {
	struct sim *s;
	unsigned count;
};

static const struct told_flows *told_to(const struct sim_node *node)
{
	return node->broker ? node->broker->control->told_flows : NULL;
}

static bool is_known(const struct sim *s, const struct flow_key *key)
{
	for (unsigned i = 0; i < s->node_count; i++)
		for (int32_t sender = 1; sender <= (int32_t)s->node_count; sender++)
			if (told_to(&s->nodes[i]) &&
			    told_flows_has(told_to(&s->nodes[i]), sender, key))
				return true;
	return false;
}

static void count_unknown(void *context, const struct net_address *own,
			  const struct net_address *to)
{
	struct unknown_flows *u = context;
	/* Slot n has port 9100 + n, and the first one 9092 as well. */
	struct flow_key key = {*own, *to, to->port == 9092 ? 0 : to->port - 9100};

	u->count += to->ip[15] == 100 && !is_known(u->s, &key);
}

unsigned sim_unknown_flows(struct sim *s)
{
	struct unknown_flows u = {.s = s};

	sim_links_each_answered(s->producer, count_unknown, &u);
	sim_links_each_answered(s->reader, count_unknown, &u);
	return u.count;
}

size_t sim_told_flows(struct sim *s, int32_t broker)
{
	size_t most = 0;

	for (unsigned i = 0; i < s->node_count; i++) {
		const struct told_flows *told = told_to(&s->nodes[i]);
		size_t count = told ? told_flows_count(told, broker) : 0;

		most = count > most ? count : most;
	}
	return most;
}

/* ---- reading and judging ---- */

static bool has_read(void *context)
{
	const struct awaited *a = context;

	return sim_client_read_position(a->s->reader, a->topic, a->partition) >= a->count;
}

/* Until everything that was acknowledged has been read, as far as its offset is known. */
static bool read_all(struct sim *s, struct sim_log *log)
{
	struct awaited a = {.s = s,
			    .topic = sim_log_topic(log),
			    .partition = sim_log_partition(log),
			    .count = sim_log_acked_end(log)};

	return sim_world_run_while_not(s->world, has_read, &a, PATIENCE_US);
}

int64_t sim_count(struct sim *s, const char *topic, int32_t partition)
{
	read_all(s, sim_history_log(s->history, topic, partition));
	return sim_client_read_position(s->reader, topic, partition);
}

static void print_finding(void *context, const char *sentence)
{
	(void)context;
	printf("  %s\n", sentence);
}

unsigned sim_check(struct sim *s)
{
	for (struct sim_log *log = sim_history_first(s->history); log; log = sim_log_next(log)) {
		if (!read_all(s, log))
			sim_log_fail(log, "unseen: acknowledged records cannot be read", -1);
		for (unsigned i = 0; i < s->node_count; i++)
			sim_replica_compare(sim_process_disk(s->nodes[i].process), data_path, log);
	}
	return sim_history_check(s->history, print_finding, NULL);
}
