/* Metadata: the cluster in this listener's view (S6, S7). Topics that are missing come into being
 * on first use; the answer waits until they are there. */
#include "broker/controller_call.h"
#include "broker/limits.h"
#include "broker/view.h"

#include "base/container_of.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct metadata_work {
	struct controller_call call; /* creates what is missing */
	struct image_waiter waiter;
	struct request *request;
};

static void metadata_reply(struct request *request);

/* ---- the answer ---- */

static void fill_partition(const struct request *request, const struct image_partition *partition,
			   struct metadata_response_partition *answer)
{
	*answer = (struct metadata_response_partition){
		.partition_index = partition->id,
		.leader_id = view_leader_id(request, partition),
		.leader_epoch = partition->leader_epoch,
		.error_code = partition->leader < 0 ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_NONE,
	};
	answer->replica_nodes.items = partition->replicas;
	answer->replica_nodes.count = partition->replica_count;
	answer->isr_nodes.items = partition->isr;
	answer->isr_nodes.count = partition->isr_count;
}

static void fill_offline(struct request *request, const struct image_partition *partition,
			 struct metadata_response_partition *answer)
{
	int32_t *offline =
		request_alloc(request, (size_t)partition->replica_count + 1, sizeof(*offline));

	for (int32_t i = 0; i < partition->replica_count; i++)
		if (!image_broker_is_live(request->worker->image, partition->replicas[i]))
			offline[answer->offline_replicas.count++] = partition->replicas[i];
	answer->offline_replicas.items = offline;
}

static void fill_topic(struct request *request, const struct image_topic *topic,
		       struct metadata_response_topic *answer)
{
	*answer = (struct metadata_response_topic){
		.name = wire_string_of(topic->name),
		.topic_id = topic->id,
		.topic_authorized_operations = INT32_MIN,
	};
	answer->partitions.items = request_alloc(request, (size_t)topic->partition_count + 1,
						 sizeof(*answer->partitions.items));
	answer->partitions.count = topic->partition_count;
	for (int32_t i = 0; i < topic->partition_count; i++) {
		fill_partition(request, topic->partitions[i], &answer->partitions.items[i]);
		fill_offline(request, topic->partitions[i], &answer->partitions.items[i]);
	}
}

static const struct image_topic *find_asked(const struct request *request,
					    const struct metadata_request_topic *asked)
{
	const struct image *image = request->worker->image;

	if (asked->name.data)
		return image_find_topic(image, asked->name.data, (size_t)asked->name.size);
	return image_find_topic_by_id(image, asked->topic_id);
}

static void fill_asked(struct request *request, const struct metadata_request_topic *asked,
		       struct metadata_response_topic *answer)
{
	const struct image_topic *topic = find_asked(request, asked);

	if (topic) {
		fill_topic(request, topic, answer);
		return;
	}
	*answer = (struct metadata_response_topic){
		.error_code = asked->name.data ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
					       : KAFKA_UNKNOWN_TOPIC_ID,
		.name = asked->name,
		.topic_id = asked->topic_id,
		.topic_authorized_operations = INT32_MIN,
	};
}

/* Version 0 has no null: an empty list asks for all. */
static bool asks_for_all(const struct request *request)
{
	const struct metadata_request *body = request->body;

	return body->topics.count < 0 ||
	       (request->header.api_version == 0 && body->topics.count == 0);
}

static int compare_topics(const void *a, const void *b)
{
	return strcmp((*(struct image_topic *const *)a)->name,
		      (*(struct image_topic *const *)b)->name);
}

/* Notes in `answered`, one for each topic of the image, that it is; was it before? */
static bool note_answered(const struct image *image, const struct image_topic *topic,
			  bool *answered)
{
	struct image_topic **found = bsearch(&topic, image->topics, (size_t)image->topic_count,
					     sizeof(*image->topics), compare_topics);
	bool *noted = found ? &answered[found - image->topics] : NULL;
	bool before = noted && *noted;

	if (noted)
		*noted = true;
	return before;
}

/* Each topic once, however often it is asked for: the answer is never larger than all topics. */
static int32_t fill_all_asked(struct request *request, struct metadata_response_topic *answers)
{
	const struct metadata_request *body = request->body;
	const struct image *image = request->worker->image;
	bool *answered = request_alloc(request, (size_t)image->topic_count + 1, sizeof(*answered));
	int32_t count = 0;

	for (int32_t i = 0; i < body->topics.count; i++) {
		const struct image_topic *topic = find_asked(request, &body->topics.items[i]);

		if (!topic || !note_answered(image, topic, answered))
			fill_asked(request, &body->topics.items[i], &answers[count++]);
	}
	return count;
}

static void fill_topics(struct request *request, struct metadata_response *response)
{
	const struct metadata_request *body = request->body;
	const struct image *image = request->worker->image;
	bool all = asks_for_all(request);
	int32_t most = all ? image->topic_count : body->topics.count;

	response->topics.items =
		request_alloc(request, (size_t)most + 1, sizeof(*response->topics.items));
	response->topics.count = most;
	for (int32_t i = 0; all && i < most; i++)
		fill_topic(request, image->topics[i], &response->topics.items[i]);
	if (!all)
		response->topics.count = fill_all_asked(request, response->topics.items);
}

static void fill_nodes(struct request *request, struct metadata_response *response)
{
	struct view_node *nodes;
	int32_t count = view_nodes(request, &nodes);

	response->brokers.items =
		request_alloc(request, (size_t)count + 1, sizeof(*response->brokers.items));
	response->brokers.count = count;
	for (int32_t i = 0; i < count; i++)
		response->brokers.items[i] = (struct metadata_response_broker){
			.node_id = nodes[i].id,
			.host = wire_string_of(nodes[i].host),
			.port = nodes[i].port,
			.rack = wire_string_of(nodes[i].rack),
		};
}

static void metadata_reply(struct request *request)
{
	struct metadata_response response;

	wire_init(wire_metadata.response, &response);
	response.cluster_id = wire_string_of(request->worker->broker->identity.cluster_id);
	response.controller_id = view_controller_id(request);
	response.cluster_authorized_operations = INT32_MIN;
	fill_nodes(request, &response);
	fill_topics(request, &response);
	request_reply(request, &response);
}

/* ---- topics that come into being on first use ---- */

static int32_t count_missing(const struct request *request)
{
	const struct metadata_request *body = request->body;
	int32_t count = 0;

	for (int32_t i = 0; i < body->topics.count; i++)
		count += body->topics.items[i].name.data &&
			 !find_asked(request, &body->topics.items[i]);
	return count;
}

static void work_end(struct metadata_work *work)
{
	struct request *request = work->request;

	controller_call_done(&work->call);
	mem_free(work);
	metadata_reply(request);
}

/* The image that has them may come after the controller's answer. */
static bool created_look(struct image_waiter *waiter, bool deadline)
{
	struct metadata_work *work = container_of(waiter, struct metadata_work, waiter);

	if (!deadline && count_missing(work->request) > 0)
		return false;
	work_end(work);
	return true;
}

/* Has any topic been made (or was there already)? Only then is there an image to wait for. */
static bool any_created(const struct controller_call *call)
{
	struct create_topics_response response;
	struct arena arena;
	bool any = false;

	arena_init(&arena, REQUEST_ARENA_BYTES);
	if (controller_call_decode(call, &wire_create_topics, 7, &arena, &response) == 0)
		for (int32_t i = 0; i < response.topics.count; i++)
			any |= response.topics.items[i].error_code == KAFKA_NONE ||
			       response.topics.items[i].error_code == KAFKA_TOPIC_ALREADY_EXISTS;
	arena_done(&arena);
	return any;
}

static void created_done(struct controller_call *call, int rc)
{
	struct metadata_work *work = (struct metadata_work *)call;
	struct worker *worker = work->request->worker;

	if (rc < 0 || count_missing(work->request) == 0 || !any_created(call)) {
		work_end(work);
		return;
	}
	work->waiter.look = created_look;
	worker_await_image(worker, &work->waiter, env_now_us(worker->env) + 1000000);
}

static void create_missing(struct request *request, int32_t missing)
{
	const struct metadata_request *body = request->body;
	struct metadata_work *work = mem_alloc(sizeof(*work));
	struct create_topics_request create = {.timeout_ms = CONTROLLER_CALL_MS};
	int32_t count = 0;

	create.topics.items = request_alloc(request, (size_t)missing, sizeof(*create.topics.items));
	for (int32_t i = 0; i < body->topics.count && count < missing; i++)
		if (body->topics.items[i].name.data && !find_asked(request, &body->topics.items[i]))
			create.topics.items[count++] = (struct create_topics_request_topic){
				.name = body->topics.items[i].name,
				.num_partitions = -1,
				.replication_factor = -1,
			};
	create.topics.count = count;
	work->request = request;
	work->call.from = request->worker;
	work->call.lane = LANE_CONTROL;
	work->call.deadline_us = env_now_us(request->worker->env) + CONTROLLER_CALL_MS * 1000;
	work->call.done = created_done;
	controller_call_encode(&work->call, &wire_create_topics, 7, &create);
	controller_call(&work->call);
}

void api_metadata(struct request *request)
{
	const struct metadata_request *body = request->body;
	int32_t missing = asks_for_all(request) ? 0 : count_missing(request);
	bool may_create = request->worker->broker->settings->auto_create_topics &&
			  missing <= METADATA_MOST_CREATED &&
			  (request->header.api_version < 4 || body->allow_auto_topic_creation);

	if (missing > 0 && may_create)
		create_missing(request, missing);
	else
		metadata_reply(request);
}
