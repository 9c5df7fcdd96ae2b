/* Produce: each partition's batch goes to the shard that owns it, is appended there, and waits
 * there until it is as safe as the producer asked; the answer leaves when all have come back.
 *
 * The frame is borrowed: a batch is appended straight from where it was received. Only when a batch
 * has to go to another shard is the frame kept. */
#include "broker/errors.h"

#include "base/container_of.h"
#include "broker/hop.h"
#include "broker/limits.h"
#include "broker/request.h"
#include "broker/view.h"

#include <string.h>

enum { MICROSECONDS = 1000 };

struct produce_part {
	struct hop hop;
	struct produce_work *work;
	struct uuid topic_id;
	int32_t slot;
	struct wire_records records;
	struct replica *replica; /* while waiting, on the owner */
	struct replica_waiter waiter;
	struct env_timer timer;
	enum replica_error verdict; /* waits to be confirmed */
	uint64_t judged_us;
	enum kafka_error error;
	int64_t base_offset, log_start_offset;
	int64_t record_count; /* that were written */
	struct produce_response_partition *answer;
};

struct produce_work {
	struct request *request;
	const struct produce_request *body;
	struct produce_response response;
	struct produce_part *parts;
	int32_t part_count, pending;
};

/* ---- on the owner ---- */

static void part_count(const struct produce_part *part, enum kafka_error error)
{
	bool is_written = part->record_count > 0;
	const struct traffic traffic = {{
		[TRAFFIC_RECORDS_IN] = (uint64_t)part->record_count,
		[TRAFFIC_BYTES_IN] = is_written ? (uint64_t)part->records.size : 0,
		[TRAFFIC_PRODUCE_REQUESTS] = 1,
		[TRAFFIC_PRODUCE_FAILURES] = error != KAFKA_NONE,
	}};

	traffic_add(&part->hop.owner->worker.traffic, part->topic_id, part->slot, &traffic);
}

static void part_finish(struct produce_part *part, enum kafka_error error)
{
	part_count(part, error);
	part->error = error;
	if (error != KAFKA_NONE)
		part->base_offset = -1;
	hop_return(&part->hop);
}

static void part_safe(struct replica_waiter *waiter, enum replica_error error)
{
	struct produce_part *part = container_of(waiter, struct produce_part, waiter);

	env_timer_stop(part->hop.owner->worker.env, &part->timer);
	part_finish(part, kafka_error_of_replica(error));
}

static void part_timed_out(struct env_timer *timer)
{
	struct produce_part *part = container_of(timer, struct produce_part, timer);

	replica_cancel(part->replica, &part->waiter);
	part_finish(part, KAFKA_REQUEST_TIMED_OUT);
}

/* One sound batch, and nothing after it. */
static enum kafka_error part_check(const struct produce_part *part, struct batch *ret_batch)
{
	struct reader in = reader_of(part->records.data, (size_t)part->records.size);
	enum batch_result result;

	if (!part->records.data || part->records.size == 0)
		return KAFKA_INVALID_RECORD;
	if (part->records.size > part->hop.home->broker->settings->message_max_bytes)
		return KAFKA_MESSAGE_TOO_LARGE;
	result = batch_next_produced(&in, ret_batch);
	if (result == BATCH_INVALID)
		return KAFKA_INVALID_RECORD;
	if (result != BATCH_OK || reader_left(&in) != 0)
		return KAFKA_CORRUPT_MESSAGE;
	/* Transactions come as a whole or not at all. */
	return ret_batch->attributes & BATCH_TRANSACTIONAL ? KAFKA_INVALID_TXN_STATE : KAFKA_NONE;
}

static void part_await(struct produce_part *part, int64_t last_offset)
{
	const struct produce_request *body = part->work->body;

	part->waiter.done = part_safe;
	part->waiter.last_offset = last_offset;
	part->waiter.all_replicas = body->acks == -1;
	part->timer = (struct env_timer){.fire = part_timed_out};
	/* Before the wait, which may be over at once. */
	env_timer_after(part->hop.owner->worker.env, &part->timer,
			(uint64_t)(body->timeout_ms > 0 ? body->timeout_ms : 1) * 1000);
	replica_await(part->replica, &part->waiter);
}

/* ---- verdicts ---- */

static void part_look(struct env_timer *timer)
{
	struct produce_part *part = container_of(timer, struct produce_part, timer);
	struct worker *worker = &part->hop.owner->worker;
	bool is_confirmed = worker->broker->confirmed_us >= part->judged_us;

	if (!is_confirmed &&
	    env_now_us(worker->env) < part->judged_us + VERDICT_MOST_MS * MICROSECONDS) {
		env_timer_after(worker->env, &part->timer, VERDICT_LOOK_MS * MICROSECONDS);
		return;
	}
	replica_cancel(part->replica, &part->waiter);
	part_finish(part,
		    kafka_error_of_replica(is_confirmed ? part->verdict : REPLICA_NOT_LEADER));
}

/* OUT_OF_ORDER_SEQUENCE is never returned needlessly: a leader that was replaced without knowing it
 * lacks what its successor took, and has a lease for some time. So the controller is heard first;
 * should it say that somebody else leads, what waits for an offset that never comes is told so. */
static void part_judge(struct produce_part *part, enum replica_error verdict)
{
	struct env *env = part->hop.owner->worker.env;

	part->verdict = verdict;
	part->judged_us = env_now_us(env);
	part->waiter.done = part_safe;
	part->waiter.last_offset = INT64_MAX;
	part->waiter.all_replicas = true;
	part->timer = (struct env_timer){.fire = part_look};
	env_timer_after(env, &part->timer, VERDICT_LOOK_MS * MICROSECONDS);
	replica_await(part->replica, &part->waiter);
}

/* ---- running ---- */

static void part_run(struct hop *hop)
{
	struct produce_part *part = (struct produce_part *)hop;
	int16_t acks = part->work->body->acks;
	struct hosted *hosted = shard_find(hop->owner, part->topic_id, part->answer->index);
	struct plog_appended appended;
	enum replica_error error;
	struct batch batch;
	enum kafka_error invalid = part_check(part, &batch);

	if (invalid != KAFKA_NONE) {
		part_finish(part, invalid);
		return;
	}
	if (!hosted) {
		part_finish(part, KAFKA_NOT_LEADER_OR_FOLLOWER);
		return;
	}
	/* The batch lies in a frame that is ours: offset and epoch are set in place. */
	error = replica_append(hosted->replica, (uint8_t *)(uintptr_t)batch.bytes, &batch,
			       acks == -1, &appended);
	part->replica = hosted->replica;
	if (replica_error_is_verdict(error)) {
		part_judge(part, error);
		return;
	}
	if (error != REPLICA_OK) {
		part_finish(part, kafka_error_of_replica(error));
		return;
	}
	part->base_offset = appended.base_offset;
	part->record_count =
		appended.duplicate ? 0 : appended.last_offset - appended.base_offset + 1;
	part->log_start_offset = plog_start_offset(replica_log(hosted->replica));
	if (acks == -1 || (acks == 1 && hop->owner->replica_options.flush_ack))
		part_await(part, appended.last_offset);
	else
		part_finish(part, KAFKA_NONE);
}

/* ---- at home ---- */

static void fill_answer(struct request *request, struct produce_part *part)
{
	struct produce_response_partition *answer = part->answer;
	struct located located;

	answer->error_code = (int16_t)part->error;
	answer->base_offset = part->base_offset;
	answer->log_append_time_ms = -1;
	answer->log_start_offset = part->error == KAFKA_NONE ? part->log_start_offset : -1;
	if (part->error != KAFKA_NOT_LEADER_OR_FOLLOWER)
		return;
	/* By the image in force, not by the one that the request was started with. */
	located = locate_by_id(request->worker, part->topic_id, answer->index);
	if (located.partition) {
		answer->current_leader.leader_id = view_leader_id(request, located.partition);
		answer->current_leader.leader_epoch = located.partition->leader_epoch;
	}
}

static void produce_finish(struct produce_work *work)
{
	struct request *request = work->request;

	if (work->body->acks == 0) {
		request_finish(request);
		return;
	}
	for (int32_t i = 0; i < work->part_count; i++)
		fill_answer(request, &work->parts[i]);
	request_reply(request, &work->response);
}

static void part_back(struct hop *hop)
{
	struct produce_work *work = ((struct produce_part *)hop)->work;

	if (--work->pending == 0)
		produce_finish(work);
}

static int32_t count_partitions(const struct produce_request *body)
{
	int32_t count = 0;

	for (int32_t i = 0; i < body->topic_data.count; i++)
		count += body->topic_data.items[i].partition_data.count;
	return count;
}

static void plan_part(struct produce_work *work, const struct produce_request_topic *topic,
		      const struct produce_request_partition *partition,
		      struct produce_response_partition *answer)
{
	struct produce_part *part = &work->parts[work->part_count++];
	struct worker *worker = work->request->worker;
	struct located located = locate_by_name(worker, topic->name, partition->index);

	*answer = (struct produce_response_partition){
		.index = partition->index,
		.current_leader = {-1, -1},
	};
	*part = (struct produce_part){
		.hop = {.owner = located.owner, .home = worker, .run = part_run, .back = part_back},
		.work = work,
		.records = partition->records,
		.base_offset = -1,
		.answer = answer,
	};
	if (located.partition) {
		part->topic_id = located.topic->id;
		part->slot = located.partition->slot;
	} else {
		part->error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	}
}

static void plan(struct produce_work *work)
{
	struct request *request = work->request;
	const struct produce_request *body = work->body;
	struct produce_response_topic *topics =
		request_alloc(request, (size_t)body->topic_data.count + 1, sizeof(*topics));

	work->parts =
		request_alloc(request, (size_t)count_partitions(body) + 1, sizeof(*work->parts));
	for (int32_t i = 0; i < body->topic_data.count; i++) {
		const struct produce_request_topic *topic = &body->topic_data.items[i];

		topics[i].name = topic->name;
		topics[i].partition_responses.items =
			request_alloc(request, (size_t)topic->partition_data.count + 1,
				      sizeof(*topics[i].partition_responses.items));
		topics[i].partition_responses.count = topic->partition_data.count;
		for (int32_t p = 0; p < topic->partition_data.count; p++)
			plan_part(work, topic, &topic->partition_data.items[p],
				  &topics[i].partition_responses.items[p]);
	}
	work->response.responses.items = topics;
	work->response.responses.count = body->topic_data.count;
}

/* Does any part leave this loop? Then the frame, which is borrowed, must not go away. */
static bool leaves_home(const struct produce_work *work)
{
	for (int32_t i = 0; i < work->part_count; i++)
		if (work->parts[i].hop.owner &&
		    &work->parts[i].hop.owner->worker != work->request->worker)
			return true;
	return false;
}

/* Copies what outlives the handler: records and topic names for parts on other shards, the names
 * alone otherwise (records are done with when a local part waits). */
static void keep_frame(struct produce_work *work, bool with_records)
{
	struct request *request = work->request;

	for (int32_t i = 0; i < work->response.responses.count; i++) {
		struct wire_string *name = &work->response.responses.items[i].name;

		if (name->size > 0)
			name->data = memcpy(request_alloc(request, 1, (size_t)name->size),
					    name->data, (size_t)name->size);
	}
	for (int32_t i = 0; with_records && i < work->part_count; i++) {
		struct wire_records *records = &work->parts[i].records;

		if (records->size > 0)
			records->data = memcpy(request_alloc(request, 1, (size_t)records->size),
					       records->data, (size_t)records->size);
	}
}

static enum kafka_error refuse_request(const struct request *request)
{
	const struct produce_request *body = request->body;

	if (request->header.api_version < 3)
		return KAFKA_UNSUPPORTED_VERSION;
	if (body->acks < -1 || body->acks > 1)
		return KAFKA_INVALID_REQUIRED_ACKS;
	if (body->transactional_id.data)
		return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
	return KAFKA_NONE;
}

void api_produce(struct request *request)
{
	struct produce_work *work = request_alloc(request, 1, sizeof(*work));
	enum kafka_error refusal = refuse_request(request);

	work->request = request;
	work->body = request->body;
	wire_init(wire_produce.response, &work->response);
	plan(work);
	keep_frame(work, leaves_home(work));
	work->pending = 1;
	for (int32_t i = 0; i < work->part_count; i++) {
		struct produce_part *part = &work->parts[i];

		if (refusal != KAFKA_NONE)
			part->error = refusal;
		if (part->error != KAFKA_NONE)
			continue;
		work->pending++;
		hop_go(&part->hop);
	}
	if (--work->pending == 0)
		produce_finish(work);
}
