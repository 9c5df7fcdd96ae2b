/* Owns a partition's reader: one Fetch after the other from the leader, from offset 0 on.
 *
 * Invariant: the position only rises; every record at or above it that arrives is told to the
 * history, once. */
#include "sim/sim_client_int.h"

#include "wire/batch.h"

enum {
	FETCH_VERSION = 12,
	FETCH_WAIT_MS = 100,
	FETCH_MOST_BYTES = 65536,
	FETCH_RETRY_US = 20000,
};

static void read_batch(struct sim_lane *lane, const struct batch *batch)
{
	struct reader records = batch_records(batch);
	struct batch_record record;

	while (batch_next_record(batch, &records, &record) == BATCH_OK) {
		if (record.offset < lane->position)
			continue;
		if (record.offset > lane->position)
			sim_log_fail(lane->log, "poll-skip", -1);
		sim_log_read(lane->log, record.offset, record.value, record.value_size);
		lane->position = record.offset + 1;
	}
}

static void read_records(struct sim_lane *lane, const struct wire_records *records)
{
	struct reader in = reader_of(records->data, records->data ? (size_t)records->size : 0);
	enum batch_result result;
	struct batch batch;

	while ((result = batch_next(&in, &batch)) == BATCH_OK)
		read_batch(lane, &batch);
	if (result == BATCH_CORRUPT)
		sim_log_fail(lane->log, "corrupt-batch", -1);
}

static void fetch_answered(struct sim_call *call, const void *body)
{
	struct sim_lane *lane = SIM_OF(call, struct sim_lane, fetch);
	const struct fetch_response *response = body;
	const struct fetch_response_partition *partition = NULL;

	lane->fetching = false;
	if (response && response->error_code == KAFKA_NONE && response->responses.count == 1 &&
	    response->responses.items[0].partitions.count == 1)
		partition = &response->responses.items[0].partitions.items[0];
	if (partition && partition->error_code == KAFKA_NONE) {
		read_records(lane, &partition->records);
		sim_reader_pump(lane);
		return;
	}
	/* R14: between log start and LEO no offset is out of range, and nothing is deleted here. */
	if (partition && partition->error_code == KAFKA_OFFSET_OUT_OF_RANGE)
		sim_log_fail(lane->log, "offset-out-of-range", -1);
	sim_client_want_metadata(lane->client);
	env_timer_after(lane->client->env, &lane->fetch_retry, FETCH_RETRY_US);
}

void sim_reader_pump(struct sim_lane *lane)
{
	struct sim_client *client = lane->client;
	const struct net_address *leader = sim_lane_leader(lane);
	struct fetch_request_partition partition = {.partition = lane->partition,
						    .current_leader_epoch = lane->leader_epoch,
						    .fetch_offset = lane->position,
						    .last_fetched_epoch = -1,
						    .log_start_offset = -1,
						    .partition_max_bytes = FETCH_MOST_BYTES,
						    .durable_offset = -1};
	struct fetch_request_topic topic = {.topic = wire_string_of(lane->topic->name),
					    .partitions = {&partition, 1}};
	struct fetch_request request;

	if (!lane->reads || lane->fetching || env_timer_is_running(&lane->fetch_retry))
		return;
	if (!leader) {
		sim_client_want_metadata(client);
		return;
	}
	wire_init(wire_fetch.request, &request);
	request.max_wait_ms = FETCH_WAIT_MS;
	request.min_bytes = 1;
	request.max_bytes = FETCH_MOST_BYTES;
	request.session_epoch = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	lane->fetching = true;
	lane->fetch.done = fetch_answered;
	sim_link_call(client, leader, &lane->fetch, &wire_fetch, FETCH_VERSION, &request);
}

static void retry(struct env_timer *timer)
{
	sim_reader_pump(SIM_OF(timer, struct sim_lane, fetch_retry));
}

void sim_reader_init(struct sim_lane *lane)
{
	lane->fetch_retry.fire = retry;
}

void sim_client_read(struct sim_client *client, const char *topic, int32_t partition)
{
	struct sim_lane *lane = sim_client_lane(client, topic, partition);

	lane->reads = true;
	sim_reader_pump(lane);
}

int64_t sim_client_read_position(const struct sim_client *client, const char *topic,
				 int32_t partition)
{
	return sim_client_lane(client, topic, partition)->position;
}
