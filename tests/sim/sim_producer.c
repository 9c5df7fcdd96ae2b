/* Owns a partition's idempotent producer.
 *
 *     waiting --send--> in flight --answered without error--> acknowledged, gone
 *        ^                  |
 *        +--draining ended--+-- failed, or out of order behind one that failed
 *
 * Invariants:
 *  1. A batch keeps its first sequence, whatever happens to it.
 *  2. When one fails, nothing is sent before every one in flight has ended; then all that are not
 *     acknowledged go again, in order.
 *  3. In flight are none but the oldest that is not acknowledged and the SIM_PRODUCER_IN_FLIGHT - 1
 *     made after it, acknowledged or not: with more, the oldest might leave the broker's window
 *     while its answer is on the way, and could not be told from one out of order. */
#include "sim/sim_client_int.h"

#include "base/mem.h"

#include <utlist.h>

enum {
	RETRY_LEAST_US = 5000,
	RETRY_MOST_US = 100000,
	PRODUCE_VERSION = 9,
	PRODUCE_TIMEOUT_MS = 5000,
	INIT_PRODUCER_ID_VERSION = 4,
};

struct sim_batch {
	struct sim_call call;
	struct sim_lane *lane;
	int64_t first; /* of the history's records */
	int32_t count;
	int32_t sequence;
	uint64_t number; /* of the lane's batches */
	bool sent, in_flight;
	struct sim_batch *prev, *next;
};

/* ---- the producer id ---- */

static void producer_id_answered(struct sim_call *call, const void *body)
{
	struct sim_client *client = SIM_OF(call, struct sim_client, producer_id_call);
	const struct init_producer_id_response *response = body;
	struct sim_topic *topic;

	client->producer_id_asked = false;
	if (response && response->error_code == KAFKA_NONE) {
		client->producer_id = response->producer_id;
		client->producer_epoch = response->producer_epoch;
	}
	DL_FOREACH(client->topics, topic)
		for (int32_t i = 0; i < topic->partitions; i++)
			if (topic->lanes[i].batches && client->producer_id >= 0)
				sim_producer_pump(&topic->lanes[i]);
			else if (topic->lanes[i].batches)
				env_timer_after(client->env, &topic->lanes[i].retry, RETRY_MOST_US);
}

static void ask_producer_id(struct sim_client *client)
{
	struct init_producer_id_request request = {
		.transaction_timeout_ms = 60000, .producer_id = -1, .producer_epoch = -1};

	if (client->producer_id_asked)
		return;
	client->producer_id_asked = true;
	client->producer_id_call.done = producer_id_answered;
	sim_link_call(client, sim_client_any(client), &client->producer_id_call,
		      &wire_init_producer_id, INIT_PRODUCER_ID_VERSION, &request);
}

/* ---- answers ---- */

static void batch_acked(struct sim_batch *batch, int64_t base_offset)
{
	struct sim_lane *lane = batch->lane;

	for (int32_t i = 0; i < batch->count; i++)
		sim_log_acked(lane->log, batch->first + i, base_offset < 0 ? -1 : base_offset + i);
	DL_DELETE(lane->batches, batch);
	mem_free(batch);
}

static void batch_failed(struct sim_batch *batch, int16_t error_code)
{
	struct sim_lane *lane = batch->lane;

	/* Behind a batch that failed, out of order is to be expected; the oldest one never is. */
	if (error_code == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER && batch == lane->batches)
		sim_log_fail(lane->log, "needless-out-of-order", batch->first);
	else if (error_code != KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER &&
		 !sim_error_is_retriable(error_code))
		sim_log_fail(lane->log, kafka_error_name(error_code), batch->first);
	if (error_code != KAFKA_NETWORK_EXCEPTION)
		env_log(lane->client->env, LOG_DEBUG, "produce %s-%d sequence %d: %s",
			lane->topic->name, lane->partition, batch->sequence,
			kafka_error_name(error_code));
	lane->draining = true;
	sim_client_want_metadata(lane->client);
	env_timer_after(lane->client->env, &lane->retry,
			sim_client_draw(lane->client, RETRY_LEAST_US, RETRY_MOST_US));
}

static void batch_answered(struct sim_call *call, const void *body)
{
	struct sim_batch *batch = SIM_OF(call, struct sim_batch, call);
	const struct produce_response *response = body;
	const struct produce_response_partition *partition = NULL;
	struct sim_lane *lane = batch->lane;

	lane->in_flight--;
	batch->in_flight = false;
	if (response && response->responses.count == 1 &&
	    response->responses.items[0].partition_responses.count == 1)
		partition = &response->responses.items[0].partition_responses.items[0];
	if (!partition)
		batch_failed(batch, KAFKA_NETWORK_EXCEPTION);
	else if (partition->error_code == KAFKA_NONE)
		batch_acked(batch, partition->base_offset);
	else if (partition->error_code == KAFKA_DUPLICATE_SEQUENCE_NUMBER)
		batch_acked(batch, -1);
	else
		batch_failed(batch, partition->error_code);
	sim_producer_pump(lane);
}

/* ---- sending ---- */

static void encode_batch(const struct sim_batch *batch, struct buffer *out)
{
	struct sim_client *client = batch->lane->client;
	struct batch_builder builder;

	batch_begin(&builder, out, 0, env_wall_ms(client->env));
	builder.header.producer_id = client->producer_id;
	builder.header.producer_epoch = client->producer_epoch;
	builder.header.base_sequence = batch->sequence;
	for (int32_t i = 0; i < batch->count; i++) {
		struct wire_string text =
			wire_string_of(sim_log_text(batch->lane->log, batch->first + i));

		batch_add(&builder, NULL, 0, text.data, text.size);
	}
	batch_end(&builder);
}

static void batch_send(struct sim_batch *batch, const struct net_address *leader)
{
	struct sim_lane *lane = batch->lane;
	struct buffer records = {0};
	struct produce_request_partition partition = {.index = lane->partition};
	struct produce_request_topic topic = {.name = wire_string_of(lane->topic->name),
					      .partition_data = {&partition, 1}};
	struct produce_request request = {
		.acks = -1, .timeout_ms = PRODUCE_TIMEOUT_MS, .topic_data = {&topic, 1}};

	if (!batch->sent)
		batch->sequence = lane->next_sequence;
	if (!batch->sent)
		lane->next_sequence += batch->count;
	batch->sent = batch->in_flight = true;
	lane->in_flight++;
	encode_batch(batch, &records);
	partition.records =
		(struct wire_records){.data = records.data, .size = (int32_t)records.size};
	batch->call.done = batch_answered;
	sim_link_call(lane->client, leader, &batch->call, &wire_produce, PRODUCE_VERSION, &request);
	buffer_done(&records);
}

void sim_producer_pump(struct sim_lane *lane)
{
	struct sim_client *client = lane->client;
	const struct net_address *leader = sim_lane_leader(lane);
	struct sim_batch *batch;

	if (lane->in_flight == 0 && !env_timer_is_running(&lane->retry))
		lane->draining = false;
	if (!lane->batches || lane->draining)
		return;
	if (client->producer_id < 0) {
		ask_producer_id(client);
		return;
	}
	if (!leader) {
		sim_client_want_metadata(client);
		return;
	}
	DL_FOREACH(lane->batches, batch) {
		if (batch->number >= lane->batches->number + SIM_PRODUCER_IN_FLIGHT)
			break;
		if (!batch->in_flight)
			batch_send(batch, leader);
	}
}

static void retry(struct env_timer *timer)
{
	sim_producer_pump(SIM_OF(timer, struct sim_lane, retry));
}

/* ---- records ---- */

void sim_client_produce(struct sim_client *client, const char *topic, int32_t partition,
			const char *text)
{
	struct sim_lane *lane = sim_client_lane(client, topic, partition);
	int64_t number = sim_log_add(lane->log, text);
	struct sim_batch *last = lane->batches ? lane->batches->prev : NULL;

	if (last && !last->sent && last->count < SIM_BATCH_MOST_RECORDS) {
		last->count++;
		return;
	}
	last = mem_alloc(sizeof(*last));
	last->lane = lane;
	last->number = lane->batch_count++;
	last->first = number;
	last->count = 1;
	DL_APPEND(lane->batches, last);
	sim_producer_pump(lane);
}

int64_t sim_client_unacked(const struct sim_client *client)
{
	const struct sim_topic *topic;
	const struct sim_batch *batch;
	int64_t count = 0;

	DL_FOREACH(client->topics, topic)
		for (int32_t i = 0; i < topic->partitions; i++)
			DL_FOREACH(topic->lanes[i].batches, batch)
				count += batch->count;
	return count;
}

void sim_producer_init(struct sim_lane *lane)
{
	lane->retry.fire = retry;
}

void sim_producer_done(struct sim_lane *lane)
{
	struct sim_batch *batch, *next;

	env_timer_stop(lane->client->env, &lane->retry);
	DL_FOREACH_SAFE(lane->batches, batch, next)
		mem_free(batch);
	lane->batches = NULL;
}
