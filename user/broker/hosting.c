/* Owns the replicas of a shard: opens, feeds with facts and closes them as images say.
 *
 * Invariant: after shard_apply(image) exactly the partitions are hosted that the image gives this
 * broker and whose slot is this shard's. */
#include "broker/shard.h"

#include "base/mem.h"
#include "broker/control.h"
#include "broker/data_folder.h"
#include "broker/fetcher.h"
#include "broker/isr_channel.h"
#include "broker/recovery.h"
#include "broker/slot_listener.h"

#include <string.h>

struct hosted *shard_find(struct shard *shard, struct uuid topic_id, int32_t partition)
{
	struct hosted_key key = {topic_id, partition};
	struct hosted *hosted;

	HASH_FIND(hh, shard->hosted, &key, sizeof(key), hosted);
	return hosted;
}

static void hosted_storage_failed(void *context, struct replica *replica, int result)
{
	struct hosted *hosted = context;

	/* R46: this is the only data directory: the broker ends, and by that is fenced. */
	control_storage_failed(hosted->shard->worker.broker, hosted->shard->worker.env,
			       replica_topic(replica), replica_partition(replica), result);
}

static void hosted_alter_isr(void *context, struct replica *replica,
			     const struct replica_isr_change *change)
{
	struct hosted *hosted = context;

	(void)replica;
	isr_channel_send(hosted->shard, change);
}

static void hosted_durable_moved(void *context, struct replica *replica)
{
	struct hosted *hosted = context;

	fetcher_durable_moved(hosted->shard, replica);
}

static struct hosted *hosted_open(struct shard *shard, const struct image_topic *topic,
				  int32_t partition)
{
	struct broker *broker = shard->worker.broker;
	struct env *env = shard->worker.env;
	struct plog_opening opening;
	struct plog *log;
	struct hosted *hosted = mem_alloc(sizeof(*hosted));
	struct replica_callbacks callbacks = {
		.context = hosted,
		.alter_isr = hosted_alter_isr,
		.storage_failed = hosted_storage_failed,
		.durable_moved = hosted_durable_moved,
	};
	int rc;

	hosted->shard = shard;
	hosted->key = (struct hosted_key){topic->id, partition};
	hosted->folder = data_folder_partition(broker, topic->name, partition);
	/* Recovery has been over every log before the loops ran: clean, unless it found it corrupt.
	 */
	rc = plog_open(env, hosted->folder, topic->id, &shard->plog_options,
		       !recovery_is_corrupt(broker->recovery, topic->id), &opening, &log);
	if (rc < 0) {
		control_storage_failed(broker, env, topic->name, partition, rc);
		mem_free(hosted->folder);
		mem_free(hosted);
		return NULL;
	}
	hosted->replica = replica_new(env, &shard->replica_options, &callbacks, topic->name,
				      topic->id, partition, log);
	HASH_ADD(hh, shard->hosted, key, sizeof(hosted->key), hosted);
	return hosted;
}

static void hosted_close(struct hosted *hosted, bool destroy)
{
	struct shard *shard = hosted->shard;
	struct plog *log;

	HASH_DEL(shard->hosted, hosted);
	log = replica_free(hosted->replica);
	plog_close(log);
	if (destroy)
		plog_destroy(shard->worker.env, hosted->folder);
	mem_free(hosted->folder);
	mem_free(hosted);
}

static bool is_mine(const struct shard *shard, const struct image_partition *partition)
{
	const struct broker *broker = shard->worker.broker;

	return broker_shard_of_slot(broker, partition->slot) == shard->number &&
	       image_partition_has_replica(partition, broker->identity.node_id);
}

static void apply_topic(struct shard *shard, const struct image *image,
			const struct image_topic *topic)
{
	for (int32_t i = 0; i < topic->partition_count; i++) {
		const struct image_partition *partition = topic->partitions[i];
		struct hosted *hosted = shard_find(shard, topic->id, partition->id);

		if (!is_mine(shard, partition)) {
			if (hosted)
				hosted_close(hosted, false);
			continue;
		}
		if (!hosted)
			hosted = hosted_open(shard, topic, partition->id);
		if (hosted)
			replica_apply(hosted->replica, image, topic, partition);
	}
}

static bool same_brokers(const struct image *a, const struct image *b)
{
	return a->broker_count == b->broker_count &&
	       (a->broker_count == 0 ||
		memcmp(a->brokers, b->brokers, (size_t)a->broker_count * sizeof(*a->brokers)) == 0);
}

static void drop_topic(struct shard *shard, const struct image_topic *topic)
{
	for (int32_t i = 0; i < topic->partition_count; i++) {
		struct hosted *hosted = shard_find(shard, topic->id, i);

		if (hosted)
			hosted_close(hosted, true);
	}
}

void shard_apply(struct shard *shard, struct image *image)
{
	const struct image *old = shard->worker.image;
	/* A leader's view of who is eligible (R12, R30) changes with brokers, not with topics. */
	bool all = !same_brokers(old, image);

	for (int32_t i = 0; i < old->topic_count; i++)
		if (!image_find_topic_by_id(image, old->topics[i]->id))
			drop_topic(shard, old->topics[i]);
	for (int32_t i = 0; i < image->topic_count; i++) {
		const struct image_topic *topic = image->topics[i];

		if (all || topic != image_find_topic_by_id(old, topic->id))
			apply_topic(shard, image, topic);
	}
	fetchers_apply(shard, image);
	slot_listeners_apply(shard, image);
	worker_set_image(&shard->worker, image);
	forwards_follow(shard);
	if (image_broker_is_live(image, shard->worker.broker->identity.node_id))
		shard_begin_to_accept(shard);
	control_image_applied(shard->worker.broker, shard->worker.env, image->offset);
}
