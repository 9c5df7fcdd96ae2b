/* Owns the broker epoch of this uptime.
 *
 *     UNREGISTERED --registration accepted--> REGISTERED --heartbeats--> (fenced | unfenced by the
 * image) ^                                     |
 *          +------- stale broker epoch ----------+
 *
 * S2: an answer of the controller renews the lease; while the controller is silent the answers of
 * voters do whose log holds no fencing of this broker epoch. */
#include "broker/registration.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/controller_call.h"
#include "broker/peer.h"
#include "broker/recovery.h"
#include "broker/steering.h"

enum { MICROSECONDS = 1000, REGISTRATION_VERSION = 4, HEARTBEAT_VERSION = 1 };

struct voter_question {
	struct peer_call call;
	struct registration *registration;
	uint64_t asked_us;
};

struct registration {
	struct control *control;
	struct env_timer timer;
	int64_t broker_epoch; /* -1: unregistered */
	bool is_asking;       /* a registration or heartbeat of ours is under way */
	bool is_stopping, is_let_go;
	uint64_t stop_deadline_us;
	uint64_t asked_us;    /* when what is under way was sent */
	uint64_t answered_us; /* the controller's last answer */
	struct controller_call call;
};

static void registration_ask(struct registration *r);

bool registration_is_serving(const struct registration *registration)
{
	const struct control *control = registration->control;
	const struct broker *broker = control->worker.broker;
	const struct image_broker *self =
		image_find_broker(control->worker.image, broker->identity.node_id);

	return self && !self->fenced && self->epoch == registration->broker_epoch &&
	       control_applied_offset(control) > self->epoch;
}

/* ---- registering ---- */

static int32_t
fill_listeners(const struct broker_addresses *addresses,
	       struct broker_registration_request_listener listeners[IMAGE_LISTENERS])
{
	int32_t count = 0;

	for (int i = 0; i < IMAGE_LISTENERS; i++) {
		const struct image_endpoint *endpoint = &addresses->advertised[i];

		if (endpoint->host)
			listeners[count++] = (struct broker_registration_request_listener){
				.name = wire_string_of(image_listener_name((enum image_listener)i)),
				.host = wire_string_of(endpoint->host),
				.port = endpoint->address.port,
			};
	}
	return count;
}

static void encode_registration(struct registration *r)
{
	struct broker *broker = r->control->worker.broker;
	struct broker_registration_request_listener listeners[IMAGE_LISTENERS];
	struct broker_registration_request request;

	wire_init(wire_broker_registration.request, &request);
	request.broker_id = broker->identity.node_id;
	request.cluster_id = wire_string_of(broker->identity.cluster_id);
	request.incarnation_id = broker->identity.incarnation;
	request.listeners.items = listeners;
	request.listeners.count = fill_listeners(broker->addresses, listeners);
	request.rack = wire_string_of(broker->settings->rack);
	request.log_dirs.items = &broker->identity.directory_id;
	request.log_dirs.count = 1;
	request.previous_broker_epoch = broker->recovery->previous_epoch;
	request.durable = broker->recovery->is_durable;
	request.cut_partitions.items = broker->recovery->cuts;
	request.cut_partitions.count = broker->recovery->cut_count;
	controller_call_encode(&r->call, &wire_broker_registration, REGISTRATION_VERSION, &request);
}

static void registration_done(struct controller_call *call, int rc)
{
	struct registration *r = container_of(call, struct registration, call);
	struct env *env = r->control->worker.env;
	struct broker_registration_response response;
	struct arena arena;

	r->is_asking = false;
	arena_init(&arena, 4096);
	if (rc == 0 && controller_call_decode(call, &wire_broker_registration, REGISTRATION_VERSION,
					      &arena, &response) == 0) {
		r->answered_us = env_now_us(env);
		if (response.error_code == KAFKA_NONE) {
			r->broker_epoch = response.broker_epoch;
			env_log(env, LOG_INFO, "registered with broker epoch %lld",
				(long long)r->broker_epoch);
			registration_ask(r);
		} else if (response.error_code != KAFKA_DUPLICATE_BROKER_REGISTRATION) {
			env_log(env, LOG_WARN, "the controller refuses this broker: %s",
				kafka_error_name(response.error_code));
		}
	}
	arena_done(&arena);
}

/* ---- heartbeats ---- */

static struct broker_heartbeat_request make_heartbeat(const struct registration *r)
{
	return (struct broker_heartbeat_request){
		.broker_id = r->control->worker.broker->identity.node_id,
		.broker_epoch = r->broker_epoch,
		.current_metadata_offset = control_applied_offset(r->control),
		.want_shut_down = r->is_stopping,
		.has_steer = steering_is_served(r->control),
	};
}

static void heartbeat_answered(struct registration *r,
			       const struct broker_heartbeat_response *response)
{
	struct env *env = r->control->worker.env;

	switch (response->error_code) {
	case KAFKA_NONE:
		r->answered_us = env_now_us(env);
		if (response->is_fenced)
			steering_is_fenced(r->control);
		else
			steering_confirm(r->control, r->asked_us);
		if (response->should_shut_down && !r->is_let_go) {
			r->is_let_go = true;
			control_close_logs(r->control);
		}
		break;
	case KAFKA_STALE_BROKER_EPOCH:
	case KAFKA_BROKER_ID_NOT_REGISTERED:
		env_log(env, LOG_WARN, "registering again: %s",
			kafka_error_name(response->error_code));
		r->broker_epoch = -1;
		break;
	default:
		break;
	}
}

static void heartbeat_done(struct controller_call *call, int rc)
{
	struct registration *r = container_of(call, struct registration, call);
	struct broker_heartbeat_response response;
	struct arena arena;

	r->is_asking = false;
	arena_init(&arena, 4096);
	if (rc == 0 && controller_call_decode(call, &wire_broker_heartbeat, HEARTBEAT_VERSION,
					      &arena, &response) == 0)
		heartbeat_answered(r, &response);
	arena_done(&arena);
}

/* S2: a voter's word while the controller is silent. */
static void voter_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct voter_question *question = (struct voter_question *)call;
	struct reader in = reader_of(frame, size);
	struct broker_heartbeat_response response;
	int32_t correlation_id;
	struct arena arena;

	arena_init(&arena, 4096);
	if (rc == 0 &&
	    wire_decode_response(&wire_broker_heartbeat, HEARTBEAT_VERSION, &in, &arena,
				 &correlation_id, &response) == 0 &&
	    response.error_code == KAFKA_NOT_CONTROLLER && !response.is_fenced)
		steering_renew(question->registration->control, question->asked_us);
	arena_done(&arena);
	mem_free(question);
}

static void ask_voters(struct registration *r)
{
	struct control *control = r->control;
	const struct identity *identity = &control->worker.broker->identity;
	struct broker_heartbeat_request heartbeat = make_heartbeat(r);

	for (int32_t i = 0; i < identity->voter_count; i++) {
		int32_t id = identity->voters[i].voter.id;
		struct node *node = id == control->leader_id ? NULL : node_find(control, id);
		struct voter_question *question;

		if (!node)
			continue;
		question = mem_alloc(sizeof(*question));
		question->call.done = voter_answered;
		question->registration = r;
		question->asked_us = env_now_us(control->worker.env);
		peer_send(node_peer(node, LANE_HEARTBEAT), &wire_broker_heartbeat,
			  HEARTBEAT_VERSION, &heartbeat, &question->call);
	}
}

static void registration_ask(struct registration *r)
{
	if (r->is_asking || r->is_let_go)
		return;
	r->is_asking = true;
	r->asked_us = env_now_us(r->control->worker.env);
	r->call.from = &r->control->worker;
	r->call.lane = LANE_HEARTBEAT;
	r->call.as_peer = true;
	if (r->broker_epoch < 0) {
		r->call.lane = LANE_CONTROL;
		r->call.done = registration_done;
		encode_registration(r);
	} else {
		struct broker_heartbeat_request heartbeat = make_heartbeat(r);

		r->call.done = heartbeat_done;
		controller_call_encode(&r->call, &wire_broker_heartbeat, HEARTBEAT_VERSION,
				       &heartbeat);
	}
	controller_call(&r->call);
}

static void registration_tick(struct env_timer *timer)
{
	struct registration *r = container_of(timer, struct registration, timer);
	struct env *env = r->control->worker.env;
	const struct broker_settings *settings = r->control->worker.broker->settings;
	uint64_t now = env_now_us(env);

	if (r->is_let_go)
		return;
	if (r->is_stopping && now >= r->stop_deadline_us) {
		env_log(env, LOG_WARN, "no controller lets this broker go: closing without it");
		r->is_let_go = true;
		control_close_logs(r->control);
		return;
	}
	registration_ask(r);
	if (r->broker_epoch >= 0 &&
	    now > r->answered_us + (uint64_t)settings->silence_ms * MICROSECONDS)
		ask_voters(r);
	env_timer_after(env, timer, (uint64_t)settings->heartbeat_interval_ms * MICROSECONDS);
}

void registration_image_applied(struct registration *registration)
{
	const struct control *control = registration->control;
	const struct image_broker *self =
		image_find_broker(control->worker.image, control->worker.broker->identity.node_id);

	/* A fenced broker that has caught up is unfenced by its next heartbeat: now, not in 50 ms.
	 */
	if (registration->broker_epoch >= 0 && (!self || self->fenced || registration->is_stopping))
		registration_ask(registration);
}

void registration_leader_changed(struct registration *registration)
{
	registration_ask(registration);
}

void registration_stop(struct registration *registration)
{
	struct control *control = registration->control;
	const struct broker *broker = control->worker.broker;

	registration->is_stopping = true;
	registration->stop_deadline_us =
		env_now_us(control->worker.env) +
		(uint64_t)broker->settings->session_timeout_ms * MICROSECONDS;
	/* Another controller sees this one off. */
	if (control_leads(control) && broker->identity.voter_count > 1)
		quorum_resign(control->quorum);
	registration_ask(registration);
}

struct registration *registration_new(struct control *control)
{
	struct registration *r = mem_alloc(sizeof(*r));

	r->control = control;
	r->broker_epoch = -1;
	r->timer.fire = registration_tick;
	env_timer_after(control->worker.env, &r->timer, 0);
	return r;
}

void registration_free(struct registration *registration)
{
	if (!registration)
		return;
	env_timer_stop(registration->control->worker.env, &registration->timer);
	controller_call_done(&registration->call);
	mem_free(registration);
}
