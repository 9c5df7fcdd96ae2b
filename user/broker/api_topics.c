/* CreateTopics and DeleteTopics, on the controller. Each topic is one atomic change; the answer
 * leaves when all of them are committed and this broker's shards have opened the new logs; when the
 * disk takes longer than half of the client's time, without waiting for that. */
#include "broker/active_controller.h"
#include "broker/request.h"

#include "base/container_of.h"

struct topics_work {
	struct request *request;
	void *response;
	int32_t pending;
	int32_t timeout_ms;
	struct applied_wait applied;
};

struct topic_proposal { /* what a commit has to know */
	struct topics_work *work;
	int16_t *error_code;
};

static void work_applied(struct applied_wait *wait)
{
	struct topics_work *work = container_of(wait, struct topics_work, applied);

	request_reply(work->request, work->response);
}

static void work_done_one(struct topics_work *work)
{
	if (--work->pending > 0)
		return;
	work->applied.done = work_applied;
	work->applied.offset = work->request->worker->image->offset;
	work->applied.until_us = env_now_us(work->request->worker->env);
	if (work->timeout_ms > 0)
		work->applied.until_us += (uint64_t)work->timeout_ms * 1000 / 2;
	control_await_applied(control_of(work->request), &work->applied);
}

static void topic_committed(struct proposal *proposal, enum kafka_error error)
{
	struct topic_proposal *topic = proposal->context;

	*topic->error_code = (int16_t)error;
	work_done_one(topic->work);
}

static struct proposal *begin(struct active_controller *active, struct topics_work *work,
			      int16_t *error_code)
{
	struct topic_proposal *topic = request_alloc(work->request, 1, sizeof(*topic));

	*topic = (struct topic_proposal){work, error_code};
	return proposal_new(active, topic_committed, topic);
}

/* ---- CreateTopics ---- */

/* The assignment by hand as one array, NULL when there is none; -1 when it is not regular. */
static int32_t flatten_assignment(struct request *request,
				  const struct create_topics_request_topic *asked,
				  const int32_t **ret_assignment)
{
	int32_t partitions = asked->assignments.count, factor;
	int32_t *flat;

	*ret_assignment = NULL;
	if (partitions <= 0)
		return 0;
	factor = asked->assignments.items[0].broker_ids.count;
	flat = request_alloc(request, (size_t)partitions * (size_t)(factor > 0 ? factor : 1) + 1,
			     sizeof(*flat));
	for (int32_t i = 0; i < partitions; i++) {
		const struct create_topics_request_assignment *a = &asked->assignments.items[i];

		if (a->partition_index < 0 || a->partition_index >= partitions ||
		    a->broker_ids.count != factor || factor <= 0)
			return -1;
		for (int32_t r = 0; r < factor; r++)
			flat[a->partition_index * factor + r] = a->broker_ids.items[r];
	}
	*ret_assignment = flat;
	return factor;
}

static char *text_of(struct request *request, struct wire_string string)
{
	char *text = request_alloc(request, (size_t)string.size + 1, 1);

	for (int32_t i = 0; string.data && i < string.size; i++)
		text[i] = string.data[i];
	return text;
}

static struct image_setting *settings_of(struct request *request,
					 const struct create_topics_request_topic *asked)
{
	struct image_setting *settings =
		request_alloc(request, (size_t)asked->configs.count + 1, sizeof(*settings));

	for (int32_t i = 0; i < asked->configs.count; i++) {
		settings[i].name = text_of(request, asked->configs.items[i].name);
		settings[i].value = text_of(request, asked->configs.items[i].value);
	}
	return settings;
}

static void fill_created(const struct active_controller *active,
			 struct create_topics_response_topic *answer)
{
	const struct image_topic *topic =
		image_find_topic_by_id(active_controller_image(active), answer->topic_id);

	if (!topic)
		return;
	answer->num_partitions = topic->partition_count;
	answer->replication_factor = (int16_t)topic->partitions[0]->replica_count;
}

static void create_one(struct active_controller *active, struct topics_work *work,
		       const struct create_topics_request_topic *asked,
		       struct create_topics_response_topic *answer)
{
	const struct create_topics_request *body = work->request->body;
	struct controller_topic topic = {
		.name = asked->name,
		.partitions = asked->num_partitions,
		.replication_factor = asked->replication_factor,
		.settings = settings_of(work->request, asked),
		.setting_count = asked->configs.count,
	};
	struct proposal *proposal;
	const char *sentence = NULL;
	uint8_t random[16];
	int32_t factor = flatten_assignment(work->request, asked, &topic.assignment);
	enum kafka_error error = KAFKA_INVALID_REPLICA_ASSIGNMENT;

	env_random_bytes(work->request->worker->env, random, sizeof(random));
	topic.id = uuid_from_random(random);
	if (topic.assignment) {
		topic.partitions = asked->assignments.count;
		topic.replication_factor = factor;
	}
	proposal = begin(active, work, &answer->error_code);
	if (factor >= 0)
		error = controller_create_topic(active_controller_image(active),
						active_controller_options(active), &topic,
						&proposal->change, &sentence);
	answer->name = asked->name;
	answer->error_code = (int16_t)error;
	answer->num_partitions = -1;
	answer->replication_factor = -1;
	if (error != KAFKA_NONE || body->validate_only) {
		answer->error_message = wire_string_of(sentence);
		proposal_drop(proposal);
		return;
	}
	answer->topic_id = topic.id;
	work->pending++;
	proposal_send(active, proposal);
	fill_created(active, answer);
}

static struct create_topics_response *new_create_response(struct request *request)
{
	const struct create_topics_request *body = request->body;
	struct create_topics_response *response = request_alloc(request, 1, sizeof(*response));

	response->topics.count = body->topics.count;
	response->topics.items = request_alloc(request, (size_t)body->topics.count + 1,
					       sizeof(*response->topics.items));
	return response;
}

void api_create_topics_refuse(struct request *request, int16_t error)
{
	const struct create_topics_request *body = request->body;
	struct create_topics_response *response = new_create_response(request);

	for (int32_t i = 0; i < body->topics.count; i++) {
		response->topics.items[i].name = body->topics.items[i].name;
		response->topics.items[i].error_code = error;
		response->topics.items[i].num_partitions = -1;
		response->topics.items[i].replication_factor = -1;
	}
	request_reply(request, response);
}

void api_create_topics(struct request *request)
{
	const struct create_topics_request *body = request->body;
	struct control *control = control_of(request);
	struct topics_work *work;
	struct create_topics_response *response;

	if (!control || !control->active) {
		api_create_topics_refuse(request, KAFKA_NOT_CONTROLLER);
		return;
	}
	work = request_alloc(request, 1, sizeof(*work));
	response = new_create_response(request);
	*work = (struct topics_work){.request = request,
				     .response = response,
				     .pending = 1,
				     .timeout_ms = body->timeout_ms};
	for (int32_t i = 0; i < body->topics.count; i++)
		create_one(control->active, work, &body->topics.items[i],
			   &response->topics.items[i]);
	work_done_one(work);
}

/* ---- DeleteTopics: by name up to version 5, by name or id from 6 on ---- */

static struct delete_topics_response *new_delete_response(struct request *request)
{
	const struct delete_topics_request *body = request->body;
	bool by_list = request->header.api_version >= 6;
	int32_t count = by_list ? body->topics.count : body->topic_names.count;
	struct delete_topics_response *response = request_alloc(request, 1, sizeof(*response));

	response->responses.count = count;
	response->responses.items =
		request_alloc(request, (size_t)count + 1, sizeof(*response->responses.items));
	for (int32_t i = 0; i < count; i++) {
		response->responses.items[i].name =
			by_list ? body->topics.items[i].name : body->topic_names.items[i];
		if (by_list)
			response->responses.items[i].topic_id = body->topics.items[i].topic_id;
	}
	return response;
}

static void delete_one(struct active_controller *active, struct topics_work *work,
		       struct delete_topics_response_topic *answer)
{
	const struct image *image = active_controller_image(active);
	const struct image_topic *topic =
		answer->name.data
			? image_find_topic(image, answer->name.data, (size_t)answer->name.size)
			: image_find_topic_by_id(image, answer->topic_id);
	struct proposal *proposal;
	enum kafka_error error;

	if (!topic) {
		answer->error_code = answer->name.data ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
						       : KAFKA_UNKNOWN_TOPIC_ID;
		return;
	}
	answer->topic_id = topic->id;
	if (!answer->name.data)
		answer->name = wire_string_of(text_of(work->request, wire_string_of(topic->name)));
	proposal = begin(active, work, &answer->error_code);
	error = controller_delete_topic(image, topic->id, &proposal->change);
	if (error != KAFKA_NONE) {
		answer->error_code = (int16_t)error;
		proposal_drop(proposal);
		return;
	}
	work->pending++;
	proposal_send(active, proposal);
}

void api_delete_topics_refuse(struct request *request, int16_t error)
{
	struct delete_topics_response *response = new_delete_response(request);

	for (int32_t i = 0; i < response->responses.count; i++)
		response->responses.items[i].error_code = error;
	request_reply(request, response);
}

void api_delete_topics(struct request *request)
{
	const struct delete_topics_request *body = request->body;
	struct control *control = control_of(request);
	struct topics_work *work;
	struct delete_topics_response *response;

	if (!control || !control->active) {
		api_delete_topics_refuse(request, KAFKA_NOT_CONTROLLER);
		return;
	}
	work = request_alloc(request, 1, sizeof(*work));
	response = new_delete_response(request);
	*work = (struct topics_work){.request = request,
				     .response = response,
				     .pending = 1,
				     .timeout_ms = body->timeout_ms};
	for (int32_t i = 0; i < response->responses.count; i++)
		delete_one(control->active, work, &response->responses.items[i]);
	work_done_one(work);
}
