/* What brokers ask of the controller: BrokerRegistration, BrokerHeartbeat, AlterPartition,
 * AllocateProducerIds, and Envelope, in which shards' and clients' requests come. Peer connections
 * only; node ids in requests must be the proven one (S9). */
#include "broker/active_controller.h"
#include "broker/request.h"

#include <string.h>

static const char principal_peer[] = "peer";

/* ---- registration ---- */

static void registration_committed(struct proposal *proposal, enum kafka_error error)
{
	struct request *request = proposal->context;
	const struct broker_registration_request *body = request->body;
	const struct image_broker *broker =
		image_find_broker(proposal->control->worker.image, body->broker_id);
	struct broker_registration_response response = {.error_code = (int16_t)error,
							.broker_epoch = -1};

	if (error == KAFKA_NONE && broker && uuid_equal(broker->incarnation, body->incarnation_id))
		response.broker_epoch = broker->epoch;
	else if (error == KAFKA_NONE)
		response.error_code = KAFKA_DUPLICATE_BROKER_REGISTRATION;
	request_reply(request, &response);
}

void api_broker_registration(struct request *request)
{
	const struct broker_registration_request *body = request->body;
	struct control *control = control_of(request);
	struct broker_registration_response response = {.broker_epoch = -1};
	struct proposal *proposal;

	if (!control || !control->active)
		response.error_code = KAFKA_NOT_CONTROLLER;
	else if (body->broker_id != request->view.peer)
		response.error_code = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
	if (response.error_code != KAFKA_NONE) {
		request_reply(request, &response);
		return;
	}
	proposal = proposal_new(control->active, registration_committed, request);
	response.error_code = (int16_t)controller_register(
		active_controller_image(control->active),
		active_controller_options(control->active), body, false, &proposal->change);
	if (response.error_code == KAFKA_NONE) {
		active_controller_registers(control->active, body->broker_id);
		proposal_send(control->active, proposal);
		return;
	}
	proposal_drop(proposal);
	request_reply(request, &response);
}

/* ---- heartbeats ---- */

void api_broker_heartbeat(struct request *request)
{
	const struct broker_heartbeat_request *body = request->body;
	struct control *control = control_of(request);
	struct broker_heartbeat_response response;
	const struct image_broker *broker;

	wire_init(wire_broker_heartbeat.response, &response);
	response.is_fenced = true;
	if (!control || body->broker_id != request->view.peer) {
		response.error_code = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
	} else if (control->active) {
		response.error_code =
			(int16_t)active_controller_heartbeat(control->active, body, &response);
	} else {
		/* S2: whether this voter's log holds a fencing of that broker epoch. */
		broker = image_find_broker(control->worker.image, body->broker_id);
		response.is_fenced =
			!broker || broker->fenced || broker->epoch != body->broker_epoch;
		response.error_code = KAFKA_NOT_CONTROLLER;
	}
	request_reply(request, &response);
}

/* ---- AlterPartition ---- */

static void alter_reply(struct request *request, enum kafka_error error)
{
	struct alter_partition_response *response = request->work;

	response->error_code = (int16_t)error;
	if (error != KAFKA_NONE)
		response->topics.count = 0;
	request_reply(request, response);
}

static void alter_committed(struct proposal *proposal, enum kafka_error error)
{
	alter_reply(proposal->context, error);
}

static void alter_one(struct active_controller *active, struct request *request,
		      struct uuid topic_id, const struct alter_partition_request_partition *asked,
		      struct change *change, struct alter_partition_response_partition *answer)
{
	const struct alter_partition_request *body = request->body;
	size_t count = (size_t)asked->new_isr_with_epochs.count;
	int32_t *isr = request_alloc(request, count + 1, sizeof(*isr));
	int64_t *epochs = request_alloc(request, count + 1, sizeof(*epochs));

	for (size_t i = 0; i < count; i++) {
		isr[i] = asked->new_isr_with_epochs.items[i].broker_id;
		epochs[i] = asked->new_isr_with_epochs.items[i].broker_epoch;
	}
	*answer = (struct alter_partition_response_partition){
		.partition_index = asked->partition_index,
		.leader_id = body->broker_id,
		.leader_epoch = asked->leader_epoch,
		.partition_epoch = asked->partition_epoch,
	};
	answer->error_code = (int16_t)controller_alter_partition(
		active_controller_image(active), active_controller_options(active), body->broker_id,
		body->broker_epoch, topic_id, asked->partition_index, asked->leader_epoch,
		asked->partition_epoch, isr, epochs, (int32_t)count, change,
		&answer->partition_epoch);
	if (answer->error_code == KAFKA_NONE) {
		answer->isr.items = isr;
		answer->isr.count = (int32_t)count;
	}
}

void api_alter_partition(struct request *request)
{
	const struct alter_partition_request *body = request->body;
	struct control *control = control_of(request);
	struct alter_partition_response *response = request_alloc(request, 1, sizeof(*response));
	struct proposal *proposal;

	request->work = response;
	if (!control || !control->active || body->broker_id != request->view.peer) {
		alter_reply(request, KAFKA_NOT_CONTROLLER);
		return;
	}
	response->topics.count = body->topics.count;
	response->topics.items = request_alloc(request, (size_t)body->topics.count + 1,
					       sizeof(*response->topics.items));
	proposal = proposal_new(control->active, alter_committed, request);
	for (int32_t t = 0; t < body->topics.count; t++) {
		const struct alter_partition_request_topic *topic = &body->topics.items[t];
		struct alter_partition_response_topic *answer = &response->topics.items[t];

		answer->topic_id = topic->topic_id;
		answer->partitions.count = topic->partitions.count;
		answer->partitions.items =
			request_alloc(request, (size_t)topic->partitions.count + 1,
				      sizeof(*answer->partitions.items));
		for (int32_t p = 0; p < topic->partitions.count; p++)
			alter_one(control->active, request, topic->topic_id,
				  &topic->partitions.items[p], &proposal->change,
				  &answer->partitions.items[p]);
	}
	proposal_send(control->active, proposal);
}

/* ---- producer ids ---- */

static void ids_committed(struct proposal *proposal, enum kafka_error error)
{
	struct request *request = proposal->context;
	struct allocate_producer_ids_response *response = request->work;

	response->error_code = (int16_t)error;
	request_reply(request, response);
}

void api_allocate_producer_ids(struct request *request)
{
	const struct allocate_producer_ids_request *body = request->body;
	struct control *control = control_of(request);
	struct allocate_producer_ids_response *response =
		request_alloc(request, 1, sizeof(*response));
	struct proposal *proposal;

	request->work = response;
	response->producer_id_len = CONTROLLER_PRODUCER_ID_BLOCK;
	if (!control || !control->active || body->broker_id != request->view.peer) {
		response->error_code = KAFKA_NOT_CONTROLLER;
		request_reply(request, response);
		return;
	}
	proposal = proposal_new(control->active, ids_committed, request);
	response->error_code = (int16_t)controller_allocate_producer_ids(
		active_controller_image(control->active), body->broker_id, body->broker_epoch,
		&proposal->change, &response->producer_id_start);
	if (response->error_code == KAFKA_NONE) {
		proposal_send(control->active, proposal);
		return;
	}
	proposal_drop(proposal);
	request_reply(request, response);
}

/* ---- Envelope ---- */

/* request->answered of what was inside. */
static void inner_answered(struct request *inner)
{
	struct request *request = inner->owner;
	const struct buffer *out = &inner->out.bytes;
	struct envelope_response response = {
		.response_data = {out->data + 4, (int32_t)(out->size - 4)},
	};

	request_reply(request, &response);
	request_free(inner);
}

void api_envelope(struct request *request)
{
	const struct envelope_request *body = request->body;
	struct control *control = control_of(request);
	struct envelope_response response = {.response_data = {NULL, -1}};
	bool as_peer = body->request_principal.size == (int32_t)sizeof(principal_peer) - 1 &&
		       memcmp(body->request_principal.data, principal_peer,
			      sizeof(principal_peer) - 1) == 0;
	struct view view = {as_peer ? VIEW_PEER : VIEW_PLAIN, -1,
			    as_peer ? request->view.peer : -1};
	struct request *inner;

	if (!control || !control->active) {
		response.error_code = KAFKA_NOT_CONTROLLER;
		request_reply(request, &response);
		return;
	}
	if (request_parse(&control->worker, &view, body->request_data.data,
			  (size_t)body->request_data.size, &inner) < 0) {
		response.error_code = KAFKA_INVALID_REQUEST;
		request_reply(request, &response);
		return;
	}
	inner->owner = request;
	inner->answered = inner_answered;
	if ((!as_peer && inner->api->place != API_CONTROLLER) ||
	    inner->api->handle == api_envelope) {
		request_free(inner);
		response.error_code = KAFKA_INVALID_REQUEST;
		request_reply(request, &response);
		return;
	}
	inner->api->handle(inner);
}
