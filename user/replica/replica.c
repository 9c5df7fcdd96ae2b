/* One partition's replica: its life, and what images make of it.
 *
 * Owns role, epochs and the copies of what the image says. Invariants:
 *   1. Role, leader and leader epoch change together, here, and `generation` grows with them (R25).
 *   2. The partition epoch never falls (R8).
 *   3. Every event ends in replica_settle(): nobody is called back before the state is whole.
 * Leading is leader.c, isr.c and waiters.c; following is follower.c; bytes are plog's. */
#include "base/mem.h"
#include "replica/replica_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

int64_t replica_counted_offset(const struct replica *r)
{
	return r->options.flush_ack ? plog_durable_offset(r->log) : plog_end_offset(r->log);
}

void replica_flush(struct replica *r)
{
	if (r->options.flush_ack)
		plog_flush(r->log);
}

void replica_settle(struct replica *r)
{
	if (r->role == REPLICA_LEADER)
		leader_advance_high_watermark(r);
	if (r->role == REPLICA_LEADER)
		isr_review(r);
	waiters_deliver(r);
}

/* Everything that a role or an epoch ends, ends here. */
static void replica_turn(struct replica *r, enum replica_role role)
{
	isr_drop_change(r);
	r->generation++;
	r->role = role;
	r->wake[WATCH_CONSUMER] = r->wake[WATCH_FOLLOWER] = true;
	if (role == REPLICA_LEADER)
		leader_begin(r);
}

void replica_fail_storage(struct replica *r, int result)
{
	if (r->storage_failed)
		return;
	r->storage_failed = true;
	env_log(r->env, LOG_ERROR, "%s-%" PRId32 ": storage failed (%d), offline from now on",
		r->topic, r->partition, result);
	replica_turn(r, REPLICA_OFFLINE);
	r->callbacks.storage_failed(r->callbacks.context, r, result);
	replica_settle(r);
}

static void replica_durable(void *context, int result)
{
	struct replica *r = context;

	if (result < 0) {
		replica_fail_storage(r, result);
		return;
	}
	if (r->role == REPLICA_FOLLOWER && r->options.flush_ack && r->callbacks.durable_moved)
		r->callbacks.durable_moved(r->callbacks.context, r);
	replica_settle(r);
}

struct replica *replica_new(struct env *env, const struct replica_options *options,
			    const struct replica_callbacks *callbacks, const char *topic,
			    struct uuid topic_id, int32_t partition, struct plog *log)
{
	struct replica *r = mem_alloc(sizeof(*r));

	r->env = env;
	r->options = *options;
	r->callbacks = *callbacks;
	r->topic = mem_string(topic);
	r->topic_id = topic_id;
	r->partition = partition;
	r->log = log;
	r->role = REPLICA_OFFLINE;
	r->storage_failed = plog_is_corrupt(log); /* R48: neither leads nor follows */
	r->leader = r->leader_epoch = r->partition_epoch = -1;
	r->high_watermark = plog_start_offset(log);
	r->stall_tick_us = env_now_us(env);
	plog_on_durable(log, replica_durable, r);
	return r;
}

struct plog *replica_free(struct replica *r)
{
	struct plog *log;

	if (!r)
		return NULL;
	log = r->log;
	r->leader = -1;
	r->storage_failed = false; /* NOT_LEADER is the truth from here on */
	replica_turn(r, REPLICA_OFFLINE);
	replica_settle(r);
	plog_on_durable(log, NULL, NULL);
	mem_free(r->peers);
	mem_free(r->topic);
	mem_free(r);
	return log;
}

/* ---- images ---- */

static struct replica_peer *replica_find_peer(struct replica *r, int32_t id)
{
	for (int32_t i = 0; i < r->peer_count; i++) {
		if (r->peers[i].id == id)
			return &r->peers[i];
	}
	return NULL;
}

/* Replicas that stay keep what their fetches have proved. */
static void replica_set_peers(struct replica *r, const struct image_partition *partition)
{
	struct replica_peer *peers = mem_alloc((size_t)partition->replica_count * sizeof(*peers));

	for (int32_t i = 0; i < partition->replica_count; i++) {
		const struct replica_peer *known = replica_find_peer(r, partition->replicas[i]);

		peers[i] = known ? *known
				 : (struct replica_peer){
					   .broker_epoch = -1,
					   .fetched_broker_epoch = -1,
					   .counted_offset = -1,
					   .fetch_offset = -1,
					   .mirrored_offset = -1,
				   };
		peers[i].id = partition->replicas[i];
		peers[i].in_isr = image_partition_in_isr(partition, peers[i].id);
	}
	mem_free(r->peers);
	r->wake[WATCH_FOLLOWER] = true; /* R4: who is assigned is judged anew */
	r->peers = peers;
	r->peer_count = partition->replica_count;
	r->isr_count = partition->isr_count;
}

static void replica_set_brokers(struct replica *r, const struct image *image)
{
	for (int32_t i = 0; i < r->peer_count; i++) {
		struct replica_peer *peer = &r->peers[i];
		const struct image_broker *broker = image_find_broker(image, peer->id);
		int64_t epoch = broker ? broker->epoch : -1;

		if (peer->broker_epoch != epoch)
			r->wake[WATCH_FOLLOWER] = true; /* R4, R6 */
		peer->broker_epoch = epoch;
		peer->is_live = broker && !broker->fenced && !broker->shutting_down;
		peer->may_stay = peer->id == r->options.node_id || peer->is_live ||
				 /* R38 */
				 (broker && broker->kept_places && !broker->shutting_down);
	}
}

static void replica_set_min_isr(struct replica *r, const struct image_topic *topic)
{
	const char *setting = image_topic_setting(topic, "min.insync.replicas");
	long least = setting ? strtol(setting, NULL, 10) : r->options.min_insync_replicas;

	if (least <= 0)
		least = r->peer_count >= 3 ? 2 : 1;
	r->min_isr = least < r->peer_count ? (int32_t)least : r->peer_count; /* R10 */
}

static enum replica_role replica_role_in(const struct replica *r,
					 const struct image_partition *partition)
{
	if (r->storage_failed || partition->leader < 0 ||
	    !image_partition_has_replica(partition, r->options.node_id))
		return REPLICA_OFFLINE;
	return partition->leader == r->options.node_id ? REPLICA_LEADER : REPLICA_FOLLOWER;
}

/* Returns whether role, leader or leader epoch are new. */
static bool replica_set_partition(struct replica *r, const struct image_partition *partition)
{
	bool turned = partition->leader_epoch != r->leader_epoch ||
		      partition->leader != r->leader || replica_role_in(r, partition) != r->role;

	/* R32: above it, the change in flight was applied, or R33 will refuse it for ever. */
	if (partition->partition_epoch > r->partition_epoch) {
		isr_drop_change(r);
		replica_set_peers(r, partition);
	}
	r->leader = partition->leader;
	r->leader_epoch = partition->leader_epoch;
	r->partition_epoch = partition->partition_epoch;
	return turned;
}

void replica_apply(struct replica *r, const struct image *image, const struct image_topic *topic,
		   const struct image_partition *partition)
{
	bool turned = partition->partition_epoch >= r->partition_epoch && /* R8 */
		      replica_set_partition(r, partition);

	replica_set_brokers(r, image);
	replica_set_min_isr(r, topic);
	if (turned)
		replica_turn(r, replica_role_in(r, partition));
	replica_settle(r);
}

/* ---- time ---- */

/* R35: a flush that takes longer than the lag time counts as failed. Late ticks (the process was
 * stopped) say nothing about the disk, so each adds little. */
static void replica_watch_flush(struct replica *r)
{
	int64_t durable_offset = plog_durable_offset(r->log);
	uint64_t now_us = env_now_us(r->env);
	uint64_t passed_us = now_us - r->stall_tick_us;

	r->stall_tick_us = now_us;
	if (!r->options.flush_ack || r->role == REPLICA_OFFLINE ||
	    durable_offset != r->stall_offset || durable_offset >= plog_end_offset(r->log)) {
		r->stall_offset = durable_offset;
		r->stall_us = 0;
		return;
	}
	r->stall_us += passed_us < STALL_MOST_TICK_US ? passed_us : STALL_MOST_TICK_US;
	if (r->stall_us > r->options.lag_time_max_us)
		replica_fail_storage(r, -ETIMEDOUT);
}

void replica_tick(struct replica *r)
{
	replica_watch_flush(r);
	if (r->role == REPLICA_LEADER)
		isr_repeat(r);
	replica_settle(r);
}

/* ---- questions ---- */

const char *replica_topic(const struct replica *r)
{
	return r->topic;
}

struct uuid replica_topic_id(const struct replica *r)
{
	return r->topic_id;
}

int32_t replica_partition(const struct replica *r)
{
	return r->partition;
}

enum replica_role replica_role(const struct replica *r)
{
	return r->role;
}

int32_t replica_leader(const struct replica *r)
{
	return r->leader;
}

int32_t replica_leader_epoch(const struct replica *r)
{
	return r->leader_epoch;
}

int64_t replica_high_watermark(const struct replica *r)
{
	return r->high_watermark;
}

struct plog *replica_log(struct replica *r)
{
	return r->log;
}

/* One that has not been heard of yet in this epoch is behind by the whole log. */
static int64_t max_lag_of(const struct replica *r)
{
	int64_t start_offset = plog_start_offset(r->log), least = plog_end_offset(r->log);

	for (int32_t i = 0; r->role == REPLICA_LEADER && i < r->peer_count; i++)
		if (r->peers[i].id != r->options.node_id && r->peers[i].counted_offset < least)
			least = r->peers[i].counted_offset;
	return plog_end_offset(r->log) - (least > start_offset ? least : start_offset);
}

void replica_describe(const struct replica *r, struct replica_description *ret)
{
	*ret = (struct replica_description){
		.role = r->role,
		.leader = r->leader,
		.leader_epoch = r->leader_epoch,
		.partition_epoch = r->partition_epoch,
		.log_start_offset = plog_start_offset(r->log),
		.high_watermark = r->high_watermark,
		.end_offset = plog_end_offset(r->log),
		.durable_offset = plog_durable_offset(r->log),
		.isr_count = r->isr_count,
		.maximal_isr_count = isr_maximal_count(r),
		.replica_count = r->peer_count,
		.min_isr = r->min_isr,
		.max_lag = max_lag_of(r),
	};
}
