/* Owns the way of a request to the controller and of the answer back. */
#include "broker/controller_call.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/control_int.h"
#include "broker/limits.h"

#include <errno.h>
#include <string.h>

static const char principal_peer[] = "peer", principal_client[] = "client";

/* ---- back to where it came from ---- */

static void call_arrive_back(struct env *here, struct env_message *message)
{
	struct controller_call *call = (struct controller_call *)message;

	(void)here;
	call->done(call, call->rc);
}

static void call_return(struct control *control, struct controller_call *call, int rc)
{
	call->rc = rc;
	call->message.run = call_arrive_back;
	/* What the answer speaks of is applied at home before the answer arrives there. */
	control_publish(control);
	env_post(control->worker.env, call->from->env->shard, &call->message);
}

/* ---- on the control thread ---- */

static void call_try(struct control *control, struct controller_call *call);

static void call_retry(struct env_timer *timer)
{
	struct controller_call *call = container_of(timer, struct controller_call, timer);

	call_try(call->from->broker->control, call);
}

/* Nobody to ask just now: again soon, or give up. */
static void call_postpone(struct control *control, struct controller_call *call, int rc)
{
	if (env_now_us(control->worker.env) >= call->deadline_us) {
		call_return(control, call, rc);
		return;
	}
	call->timer = (struct env_timer){.fire = call_retry};
	env_timer_after(control->worker.env, &call->timer, CONTROLLER_RETRY_MS * 1000);
}

/* request->answered for a call that is carried out here. */
static void call_answered(struct request *request)
{
	struct controller_call *call = request->owner;
	struct control *control = call->from->broker->control;
	const struct buffer *out = &request->out.bytes;

	call->response.size = 0;
	buffer_put(&call->response, out->data + 4, out->size - 4);
	request_free(request);
	call_return(control, call, 0);
}

static void call_here(struct control *control, struct controller_call *call)
{
	struct view view = {call->as_peer ? VIEW_PEER : VIEW_PLAIN, -1,
			    call->as_peer ? control->worker.broker->identity.node_id : -1};
	struct request *request;

	if (request_parse(&control->worker, &view, call->frame.data, call->frame.size, &request) <
	    0) {
		call_return(control, call, -EBADMSG);
		return;
	}
	request->owner = call;
	request->answered = call_answered;
	request->api->handle(request);
}

static void call_envelope_done(struct peer_call *peer_call, int rc, const uint8_t *frame,
			       size_t size)
{
	struct controller_call *call = container_of(peer_call, struct controller_call, peer_call);
	struct control *control = call->from->broker->control;
	struct reader in = reader_of(frame, size);
	struct envelope_response response;
	int32_t correlation_id;
	struct arena arena;

	if (rc < 0) {
		call_return(control, call, -ECONNRESET);
		return;
	}
	arena_init(&arena, REQUEST_ARENA_BYTES);
	rc = wire_decode_response(&wire_envelope, 0, &in, &arena, &correlation_id, &response);
	arena_done(&arena);
	if (rc == 0 && response.error_code == KAFKA_NOT_CONTROLLER) {
		call_postpone(control, call, -ENOTCONN);
		return;
	}
	if (rc < 0 || response.error_code != KAFKA_NONE || !response.response_data.data) {
		call_return(control, call, -EBADMSG);
		return;
	}
	call->response.size = 0;
	buffer_put(&call->response, response.response_data.data,
		   (size_t)response.response_data.size);
	call_return(control, call, 0);
}

static void call_there(struct peer *peer, struct controller_call *call)
{
	const char *principal = call->as_peer ? principal_peer : principal_client;
	struct envelope_request envelope = {
		.request_data = {call->frame.data, (int32_t)call->frame.size},
		.request_principal = {(const uint8_t *)principal, (int32_t)strlen(principal)},
		.client_host_address = {(const uint8_t *)"", 0},
	};

	call->peer_call.done = call_envelope_done;
	peer_send(peer, &wire_envelope, 0, &envelope, &call->peer_call);
}

static void call_try(struct control *control, struct controller_call *call)
{
	struct peer *peer;

	if (control_leads(control)) {
		call_here(control, call);
		return;
	}
	peer = control_peer_to_controller(control, call->lane);
	if (peer)
		call_there(peer, call);
	else
		call_postpone(control, call, -ENOTCONN);
}

static void call_arrive(struct env *here, struct env_message *message)
{
	struct controller_call *call = (struct controller_call *)message;

	(void)here;
	call_try(call->from->broker->control, call);
}

/* ---- from any loop ---- */

void controller_call_encode(struct controller_call *call, const struct wire_api *api,
			    int16_t version, const void *request)
{
	struct wire_output out = {0};

	wire_encode_request(api, version, 0, NULL, request, &out);
	call->frame.size = 0;
	buffer_put(&call->frame, out.bytes.data + 4, out.bytes.size - 4);
	wire_output_done(&out);
}

void controller_call(struct controller_call *call)
{
	call->message.run = call_arrive;
	env_post(call->from->env, call->from->broker->shard_count, &call->message);
}

void controller_call_done(struct controller_call *call)
{
	buffer_done(&call->frame);
	buffer_done(&call->response);
}

int controller_call_decode(const struct controller_call *call, const struct wire_api *api,
			   int16_t version, struct arena *arena, void *ret_response)
{
	struct reader in = reader_of(call->response.data, call->response.size);
	int32_t correlation_id;

	return wire_decode_response(api, version, &in, arena, &correlation_id, ret_response);
}

/* ---- a client's request ---- */

struct forwarded {
	struct controller_call call;
	struct request *request;
};

/* The answer that the controller gave leaves as it is: the header's correlation id is the client's.
 */
static void forwarded_finish(struct forwarded *f)
{
	struct request *request = f->request;

	buffer_put_i32(&request->out.bytes, (int32_t)f->call.response.size);
	buffer_put(&request->out.bytes, f->call.response.data, f->call.response.size);
	controller_call_done(&f->call);
	mem_free(f);
	request_finish(request);
}

static void forwarded_done(struct controller_call *call, int rc)
{
	struct forwarded *f = (struct forwarded *)call;
	struct request *request = f->request;

	if (rc == 0) {
		forwarded_finish(f);
		return;
	}
	controller_call_done(call);
	mem_free(f);
	request->api->refuse(request,
			     rc == -ENOTCONN ? KAFKA_NOT_CONTROLLER : KAFKA_REQUEST_TIMED_OUT);
}

void controller_forward(struct request *request)
{
	struct forwarded *f = mem_alloc(sizeof(*f));

	f->request = request;
	f->call.from = request->worker;
	f->call.lane = LANE_CONTROL;
	f->call.done = forwarded_done;
	f->call.deadline_us = env_now_us(request->worker->env) + CONTROLLER_CALL_MS * 1000;
	buffer_put(&f->call.frame, request->frame, request->frame_size);
	controller_call(&f->call);
}
