/* Owns the tie between the control thread and user/fastpath: what is published, and when (S8). */
#include "broker/steering.h"

#include "base/mem.h"

#include "broker/control_int.h"
#include "broker/registration.h"
#include "broker/told_flows.h"
#include "fastpath/fastpath.h"

void steering_open(struct control *control)
{
	struct broker *broker = control->worker.broker;

	control->fastpath = fastpath_new(&(struct fastpath_options){
		.env = control->worker.env,
		.link = broker->link,
		.socket_path = broker->settings->steer_socket,
		.cluster_id = broker->identity.cluster_id,
		.node_id = broker->identity.node_id,
	});
}

void steering_close(struct control *control)
{
	fastpath_free(control->fastpath);
}

/* ---- images ---- */

static void reset_flow(void *context, const struct flow_key *key)
{
	fastpath_reset_flow(context, key->slot, &key->slot_address, &key->client);
}

/* Active reset: behind the image that makes this broker the holder. */
static void reset_flows(struct control *control, const struct image *image)
{
	int32_t self = control->worker.broker->identity.node_id;
	size_t count =
		told_flows_apply(control->told_flows, image, self, reset_flow, control->fastpath);

	if (count == 0)
		return;
	fastpath_flush_resets(control->fastpath);
	env_log(control->worker.env, LOG_INFO,
		"%zu clients of fenced brokers' slots are to be reset", count);
}

void steering_image_applied(struct control *control)
{
	struct image *image = control->worker.image;

	/* S8: nothing before this broker is unfenced and has applied its own registration. */
	if (!registration_is_serving(control->registration) ||
	    control_applied_offset(control) < image->offset)
		return;
	fastpath_publish(control->fastpath, image);
	reset_flows(control, image);
}

void steering_renew(struct control *control, uint64_t evidence_us)
{
	control->worker.broker->vouched_until_us =
		evidence_us + (uint64_t)control->worker.broker->settings->lease_ms * 1000;
	fastpath_renew_lease(control->fastpath, evidence_us,
			     (uint32_t)control->worker.broker->settings->lease_ms);
}

void steering_confirm(struct control *control, uint64_t evidence_us)
{
	control->worker.broker->confirmed_us = evidence_us;
	steering_renew(control, evidence_us);
}

void steering_is_fenced(struct control *control)
{
	control->worker.broker->vouched_until_us = 0;
}

bool steering_is_served(const struct control *control)
{
	return fastpath_has_steer(control->fastpath);
}

bool steering_mirror_is_cloned(const struct broker *broker, const struct mirror_members *members)
{
	return fastpath_mirror_is_cloned(broker->control->fastpath, members);
}

/* ---- S4, from the shards ---- */

struct release_message {
	struct env_message message;
	struct control *control;
	int32_t slot;
	bool is_over;
};

static void release_arrive(struct env *here, struct env_message *message)
{
	struct release_message *m = (struct release_message *)message;

	(void)here;
	if (m->is_over)
		fastpath_slot_released(m->control->fastpath, m->slot);
	else
		fastpath_slot_releasing(m->control->fastpath, m->slot);
	mem_free(m);
}

void steering_release(struct broker *broker, struct env *from, int32_t slot, bool is_over)
{
	struct release_message *m = mem_alloc(sizeof(*m));

	*m = (struct release_message){{.run = release_arrive}, broker->control, slot, is_over};
	env_post(from, broker->shard_count, &m->message);
}
