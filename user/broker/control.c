/* Owns the control thread: ties the quorum to the image, the image to the shards, and leadership of
 * the quorum to the controller.
 *
 * A fact's way (DESIGN section 3): quorum apply -> image -> every shard -> control_image_applied()
 * from each -> fastpath. Invariant: applied <= published <= committed, by offset. */
#include "broker/control_int.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/active_controller.h"
#include "broker/data_folder.h"
#include "broker/flow_sharing.h"
#include "broker/forward.h"
#include "broker/internal_listener.h"
#include "broker/limits.h"
#include "broker/metrics.h"
#include "broker/quorum_channel.h"
#include "broker/recovery.h"
#include "broker/registration.h"
#include "broker/request.h"
#include "broker/session.h"
#include "broker/shard.h"
#include "broker/steering.h"
#include "broker/told_flows.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

enum { CONTROL_TICK_US = 10000, MICROSECONDS = 1000 };

struct control *control_of(const struct request *request)
{
	struct control *control = request->worker->broker->control;

	return request->worker == &control->worker ? control : NULL;
}

int32_t control_leader_id(const struct control *control)
{
	return control->leader_id;
}

void control_fail(struct control *control, const char *sentence)
{
	struct broker *broker = control->worker.broker;

	env_log(control->worker.env, LOG_ERROR, "%s", sentence);
	broker->ended(broker->context, 1);
}

/* ---- the image's way to the shards and back ---- */

struct image_message {
	struct env_message message;
	struct broker *broker;
	unsigned shard;
	struct image *image; /* to a shard */
	int64_t offset;      /* back */
};

static void image_arrive(struct env *here, struct env_message *message)
{
	struct image_message *m = (struct image_message *)message;

	(void)here;
	shard_apply(m->broker->shards[m->shard], m->image);
	mem_free(m);
}

/* R7: a restarted broker leads nothing, and follows nobody, by what was true of its last life. */
static bool knows_this_life(const struct control *control)
{
	const struct identity *identity = &control->worker.broker->identity;
	const struct image_broker *self =
		image_find_broker(control->worker.image, identity->node_id);

	return self && uuid_equal(self->incarnation, identity->incarnation);
}

void control_publish(struct control *control)
{
	struct broker *broker = control->worker.broker;
	struct image *image = control->worker.image;

	if (control->published_offset == image->offset || !knows_this_life(control))
		return;
	control->published_offset = image->offset;
	for (unsigned i = 0; i < broker->shard_count; i++) {
		struct image_message *m = mem_alloc(sizeof(*m));

		m->message.run = image_arrive;
		m->broker = broker;
		m->shard = i;
		m->image = image_ref(image);
		env_post(control->worker.env, i, &m->message);
	}
}

static void publish_posted(struct env *here, struct env_message *message)
{
	struct control *control = container_of(message, struct control, publish_message);

	(void)here;
	control->publish_posted = false;
	control_publish(control);
}

int64_t control_applied_offset(const struct control *control)
{
	int64_t offset = INT64_MAX;

	for (unsigned i = 0; i < control->worker.broker->shard_count; i++)
		if (control->applied_offsets[i] < offset)
			offset = control->applied_offsets[i];
	return offset;
}

/* All: whatever they wait for. */
static void end_applied_waits(struct control *control, bool all)
{
	int64_t offset = all ? INT64_MAX : control_applied_offset(control);
	uint64_t now_us = env_now_us(control->worker.env);
	struct applied_wait *wait, *next;

	DL_FOREACH_SAFE(control->applied_waits, wait, next) {
		if (wait->offset > offset && now_us < wait->until_us)
			continue;
		DL_DELETE(control->applied_waits, wait);
		wait->done(wait);
	}
}

void control_await_applied(struct control *control, struct applied_wait *wait)
{
	if (wait->offset <= control_applied_offset(control))
		wait->done(wait);
	else
		DL_APPEND(control->applied_waits, wait);
}

static void applied_arrive(struct env *here, struct env_message *message)
{
	struct image_message *m = (struct image_message *)message;
	struct control *control = m->broker->control;
	int64_t before = control_applied_offset(control);

	(void)here;
	control->applied_offsets[m->shard] = m->offset;
	mem_free(m);
	if (control_applied_offset(control) == before)
		return;
	registration_image_applied(control->registration);
	steering_image_applied(control);
	end_applied_waits(control, false);
}

void control_image_applied(struct broker *broker, struct env *from, int64_t offset)
{
	struct image_message *m = mem_alloc(sizeof(*m));

	m->message.run = applied_arrive;
	m->broker = broker;
	m->shard = from->shard;
	m->offset = offset;
	env_post(from, broker->shard_count, &m->message);
}

/* ---- storage ---- */

struct storage_message {
	struct env_message message;
	struct broker *broker;
	char *sentence;
};

static void storage_arrive(struct env *here, struct env_message *message)
{
	struct storage_message *m = (struct storage_message *)message;

	(void)here;
	control_fail(m->broker->control, m->sentence);
	mem_free(m->sentence);
	mem_free(m);
}

void control_storage_failed(struct broker *broker, struct env *from, const char *topic,
			    int32_t partition, int result)
{
	struct storage_message *m = mem_alloc(sizeof(*m));

	m->message.run = storage_arrive;
	m->broker = broker;
	m->sentence = mem_format("%s-%d: %s: the data directory cannot be trusted any more; "
				 "check the disk and its free space, then start again",
				 topic, partition, strerror(-result));
	env_post(from, broker->shard_count, &m->message);
}

/* ---- what the quorum says ---- */

static void quorum_applies(void *context, const struct batch *batch)
{
	struct control *control = context;
	struct image *image;

	if (image_apply(control->worker.image, batch, &image) < 0) {
		control_fail(control,
			     "the metadata log holds a record that this version does not know; "
			     "start the newer version");
		return;
	}
	nodes_apply(control, image);
	flow_sharing_apply(control->flow_sharing, image);
	worker_set_image(&control->worker, image);
	if (control->publish_posted)
		return;
	control->publish_posted = true;
	control->publish_message.run = publish_posted;
	env_post(control->worker.env, control->worker.env->shard, &control->publish_message);
}

struct leadership_message {
	struct env_message message;
	struct control *control;
	bool leads;
	int32_t epoch;
};

/* Outside the quorum's call: whoever begins to lead proposes. */
static void leadership_arrive(struct env *here, struct env_message *message)
{
	struct leadership_message *m = (struct leadership_message *)message;
	struct control *control = m->control;

	(void)here;
	active_controller_free(control->active);
	control->active = m->leads ? active_controller_new(control, m->epoch) : NULL;
	mem_free(m);
	registration_leader_changed(control->registration);
}

static void quorum_leadership(void *context, bool leads, int32_t epoch)
{
	struct control *control = context;
	struct leadership_message *m = mem_alloc(sizeof(*m));

	env_log(control->worker.env, LOG_INFO,
		leads ? "controller in epoch %d" : "controller no more, epoch %d", epoch);
	*m = (struct leadership_message){{.run = leadership_arrive}, control, leads, epoch};
	env_post(control->worker.env, control->worker.env->shard, &m->message);
}

static void quorum_leader_changed(void *context, int32_t leader_id, int32_t epoch)
{
	struct control *control = context;

	control->leader_id = leader_id;
	control->leader_epoch = epoch;
}

static void quorum_wants_evidence(void *context, int32_t node_id)
{
	struct node *node = node_find(context, node_id);

	if (node)
		node_seek_evidence(node);
}

static void quorum_fails(void *context, const char *sentence)
{
	control_fail(context, sentence);
}

/* ---- signs of life ---- */

/* A peer connection to us ended: its maker may be dead. */
static void control_session_ended(struct worker *worker, const struct session *session)
{
	struct control *control = worker->broker->control;
	const struct view *view = session_view(session);

	if (view->kind == VIEW_PEER && control->active)
		active_controller_disconnected(control->active, view->peer);
}

/* S11: the quorum's followers judge their leader as the controller judges brokers. */
static void control_tick(struct env_timer *timer)
{
	struct control *control = container_of(timer, struct control, tick);
	struct env *env = control->worker.env;
	uint64_t silence_us = (uint64_t)control->worker.broker->settings->silence_ms * MICROSECONDS;
	struct quorum_description quorum;
	struct node *leader;

	quorum_describe(control->quorum, &quorum);
	leader = node_find(control, quorum.leader_id);
	if (leader && !quorum.leads && !node_answered_lately(leader) &&
	    env_now_us(env) > quorum.leader_heard_us + silence_us)
		node_seek_evidence(leader);
	if (control->active)
		active_controller_tick(control->active);
	end_applied_waits(control, false);
	env_timer_after(env, timer, CONTROL_TICK_US);
}

/* ---- life ---- */

static int open_quorum(struct control *control)
{
	struct broker *broker = control->worker.broker;
	const struct identity *identity = &broker->identity;
	struct quorum_callbacks callbacks = {
		.context = control,
		.send = quorum_channel_send,
		.apply = quorum_applies,
		.leadership = quorum_leadership,
		.leader_changed = quorum_leader_changed,
		.want_evidence = quorum_wants_evidence,
		.fatal = quorum_fails,
	};
	char *folder = data_folder_metadata(broker->settings);
	struct quorum_options options = {
		.node_id = identity->node_id,
		.directory_id = identity->directory_id,
		.folder = folder,
		.voter_count = identity->voter_count,
		.election_timeout_us =
			(uint64_t)broker->settings->election_timeout_ms * MICROSECONDS,
		.fetch_wait_us = 50 * MICROSECONDS,
	};
	int rc;

	for (int32_t i = 0; i < identity->voter_count; i++)
		options.voters[i] = identity->voters[i].voter;
	rc = quorum_open(control->worker.env, &options, &callbacks, broker->recovery->was_clean,
			 &control->quorum);
	if (rc < 0)
		env_log(control->worker.env, LOG_ERROR, "%s: the metadata log cannot be opened: %s",
			folder, strerror(-rc));
	mem_free(folder);
	return rc;
}

int control_open(struct broker *broker, struct env *env, struct control **ret_control)
{
	struct control *control = mem_alloc(sizeof(*control));
	int rc;

	worker_init(&control->worker, env, broker);
	control->worker.session_ended = control_session_ended;
	control->leader_id = -1;
	control->applied_offsets =
		mem_alloc(broker->shard_count * sizeof(*control->applied_offsets));
	broker->control = control;
	control->quorum_channel = quorum_channel_new(control);
	nodes_open(control);
	steering_open(control);
	control->flow_sharing = flow_sharing_new(control);
	control->told_flows = told_flows_new();
	control->registration = registration_new(control);
	rc = open_quorum(control);
	if (rc == 0)
		rc = internal_listener_open(&control->worker, &control->listener);
	if (rc < 0) {
		broker->control = NULL;
		control_free(control);
		return rc;
	}
	control->tick.fire = control_tick;
	env_timer_after(env, &control->tick, CONTROL_TICK_US);
	control->metrics = metrics_new(control);
	*ret_control = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	env_timer_stop(control->worker.env, &control->tick);
	metrics_free(control->metrics);
	active_controller_free(control->active);
	control->active = NULL;
	registration_free(control->registration);
	internal_listener_close(control->listener);
	forward_arrivals_done(&control->worker);
	flow_sharing_free(control->flow_sharing);
	nodes_done(control);
	quorum_close(control->quorum);
	end_applied_waits(control, true);
	control->worker.session_ended = NULL;
	worker_done(&control->worker);
	quorum_channel_free(control->quorum_channel);
	steering_close(control);
	told_flows_free(control->told_flows);
	mem_free(control->applied_offsets);
	mem_free(control);
}

/* ---- clean shutdown (R38, R41) ---- */

struct closing_message {
	struct env_message message;
	struct broker *broker;
	unsigned shard;
	int result;
};

static void closing_arrive_back(struct env *here, struct env_message *message)
{
	struct closing_message *m = (struct closing_message *)message;
	struct broker *broker = m->broker;
	struct control *control = broker->control;

	(void)here;
	if (m->result < 0)
		control->exit_status = 1;
	mem_free(m);
	if (--control->open_shards > 0)
		return;
	/* The loop's round goes on: nothing in it finds a quorum any more. */
	env_timer_stop(control->worker.env, &control->tick);
	active_controller_free(control->active);
	control->active = NULL;
	quorum_close(control->quorum);
	control->quorum = NULL;
	end_applied_waits(control, true);
	if (control->exit_status == 0 && data_folder_write_clean(broker, control->worker.env) < 0)
		control->exit_status = 1;
	broker->ended(broker->context, control->exit_status);
}

static void close_logs(struct env *here, struct env_message *message)
{
	struct closing_message *m = (struct closing_message *)message;

	m->result = shard_close_logs(m->broker->shards[m->shard]);
	m->message.run = closing_arrive_back;
	env_post(here, m->broker->shard_count, &m->message);
}

static void closing_arrive(struct env *here, struct env_message *message)
{
	struct closing_message *m = (struct closing_message *)message;

	(void)here;
	m->message.run = close_logs;
	shard_begin_to_close(m->broker->shards[m->shard], &m->message);
}

/* The controller has let us go (or there is nobody to ask): logs first, the clean mark last. */
void control_close_logs(struct control *control)
{
	struct broker *broker = control->worker.broker;

	env_timer_stop(control->worker.env, &control->tick);
	control->open_shards = broker->shard_count;
	for (unsigned i = 0; i < broker->shard_count; i++) {
		struct closing_message *m = mem_alloc(sizeof(*m));

		*m = (struct closing_message){{.run = closing_arrive}, broker, i, 0};
		env_post(control->worker.env, i, &m->message);
	}
}

void control_stop(struct control *control)
{
	if (control->is_stopping)
		return;
	control->is_stopping = true;
	env_log(control->worker.env, LOG_INFO, "shutting down");
	registration_stop(control->registration);
}
