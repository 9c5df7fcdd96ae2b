/* Owns the replicas of a shard: opens, feeds with facts and closes them as images say.
 *
 *     shard_apply(image) --> coming --a helper opens the logs that it needs--> apply_image()
 *          ^                                                                        |
 *          +------------------- the newest image that has come meanwhile -----------+
 *
 * Invariant: once an image is applied, exactly the partitions are hosted that it gives this broker
 * and whose slot is this shard's. Until then all is served by the image before it. */
#include "broker/shard.h"

#include "base/mem.h"
#include "broker/control.h"
#include "broker/data_folder.h"
#include "broker/fetcher.h"
#include "broker/isr_channel.h"
#include "broker/mirror.h"
#include "broker/openings.h"
#include "broker/recovery.h"
#include "broker/slot_listener.h"

#include <errno.h>
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

	/* R48: corrupt is this partition's matter. R46: a write or flush that failed is the data
	 * directory's, and there is only one: the broker ends, and by that is fenced. */
	if (!hosted->is_corrupt)
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

	fetcher_position_moved(hosted->shard, replica);
}

static void hosted_appended(void *context, struct replica *replica,
			    const struct mirror_section *section, int64_t end_offset)
{
	(void)replica;
	mirror_appended(context, section, end_offset);
}

/* Makes the replica of a log that has been opened. */
static void hosted_begin(struct hosted *hosted, const char *topic, struct plog *log,
			 const struct plog_opening *opening)
{
	struct shard *shard = hosted->shard;
	struct replica_callbacks callbacks = {
		.context = hosted,
		.alter_isr = hosted_alter_isr,
		.storage_failed = hosted_storage_failed,
		.durable_moved = hosted_durable_moved,
		.appended = hosted_appended,
	};

	hosted->is_corrupt = opening->corrupt;
	hosted->replica = replica_new(shard->worker.env, &shard->replica_options, &callbacks, topic,
				      hosted->key.topic_id, hosted->key.partition, log);
}

/* After damage: opens its log here and now, which WAITS. Returns 0 or -errno. */
static int hosted_start(struct hosted *hosted, const char *topic, bool is_clean)
{
	struct shard *shard = hosted->shard;
	struct plog_opening opening;
	struct plog *log;
	int rc = plog_open(shard->worker.env, hosted->folder, hosted->key.topic_id,
			   &shard->plog_options, is_clean, &opening, &log);

	if (rc < 0)
		control_storage_failed(shard->worker.broker, shard->worker.env, topic,
				       hosted->key.partition, rc);
	else
		hosted_begin(hosted, topic, log, &opening);
	return rc;
}

/* Its log is among those that were opened for this image. */
static struct hosted *hosted_open(struct shard *shard, const struct image_topic *topic,
				  int32_t partition)
{
	struct hosted_key key = {topic->id, partition};
	struct hosted *hosted;
	struct plog_opening opening;
	struct plog *log;
	int rc = openings_take(shard->openings, &key, &opening, &log);

	if (rc < 0) {
		control_storage_failed(shard->worker.broker, shard->worker.env, topic->name,
				       partition, rc);
		return NULL;
	}
	hosted = mem_alloc(sizeof(*hosted));
	hosted->shard = shard;
	hosted->key = key;
	hosted->folder = data_folder_partition(shard->worker.broker, topic->name, partition);
	hosted_begin(hosted, topic->name, log, &opening);
	HASH_ADD(hh, shard->hosted, key, sizeof(hosted->key), hosted);
	return hosted;
}

/* R48: with another leader to copy from, a corrupt log is set aside, never deleted, and the replica
 * begins anew. */
static void hosted_begin_anew(struct hosted *hosted, const char *topic)
{
	struct env *env = hosted->shard->worker.env;
	char *aside = mem_format("%s.%lld.corrupt", hosted->folder, (long long)env_wall_ms(env));
	int rc;

	plog_close(replica_free(hosted->replica));
	hosted->replica = NULL;
	rc = env_path_rename(env, hosted->folder, aside);
	env_log(env, LOG_WARN, "%s is corrupt: set aside as %s, replicating again", hosted->folder,
		aside);
	mem_free(aside);
	if (rc < 0 || hosted_start(hosted, topic, true) < 0) {
		HASH_DEL(hosted->shard->hosted, hosted);
		mem_free(hosted->folder);
		mem_free(hosted);
	}
}

int shard_accept_loss(struct hosted *hosted, int64_t *ret_dropped_from, int64_t *ret_dropped_to)
{
	struct shard *shard = hosted->shard;
	const struct image *image = shard->worker.image;
	const struct image_topic *topic = image_find_topic_by_id(image, hosted->key.topic_id);
	struct plog *log;
	int rc = hosted->is_corrupt && topic ? 0 : -EINVAL;

	if (rc == 0)
		rc = plog_accept_loss(replica_log(hosted->replica), ret_dropped_from,
				      ret_dropped_to);
	if (rc < 0)
		return rc;
	log = replica_free(hosted->replica);
	plog_close(log);
	rc = hosted_start(hosted, topic->name, false);
	if (rc == 0)
		replica_apply(hosted->replica, image, topic,
			      image_find_partition(topic, hosted->key.partition));
	return rc;
}

static void hosted_close(struct hosted *hosted, bool destroy)
{
	struct shard *shard = hosted->shard;
	struct plog *log;

	HASH_DEL(shard->hosted, hosted);
	log = replica_free(hosted->replica);
	plog_close(log);
	if (destroy)
		openings_destroy(shard, hosted->key.topic_id, hosted->folder);
	else
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
		if (hosted && hosted->is_corrupt && partition->leader >= 0 &&
		    partition->leader != shard->worker.broker->identity.node_id) {
			hosted_begin_anew(hosted, topic->name);
			hosted = shard_find(shard, topic->id, partition->id);
		}
		if (!hosted)
			continue;
		hosted->slot = partition->slot;
		replica_apply(hosted->replica, image, topic, partition);
	}
}

static void openings_are_done(struct shard *shard);

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

/* The logs that this image needs and that are not open yet. */
static struct openings *plan_openings(struct shard *shard, const struct image *image)
{
	const struct broker *broker = shard->worker.broker;
	struct openings *openings = openings_new(shard, openings_are_done);

	for (int32_t t = 0; t < image->topic_count; t++) {
		const struct image_topic *topic = image->topics[t];

		if (topic == image_find_topic_by_id(shard->worker.image, topic->id))
			continue;
		for (int32_t i = 0; i < topic->partition_count; i++) {
			struct hosted_key key = {topic->id, topic->partitions[i]->id};

			if (!is_mine(shard, topic->partitions[i]) ||
			    shard_find(shard, key.topic_id, key.partition))
				continue;
			/* Recovery has been over every log before the loops ran: clean, unless
			 * found corrupt. */
			openings_add(openings, &key,
				     data_folder_partition(broker, topic->name, key.partition),
				     !recovery_is_corrupt(broker->recovery, topic->id));
		}
	}
	return openings;
}

static void apply_topics(struct shard *shard, const struct image *image)
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
}

static void apply_image(struct shard *shard, struct image *image)
{
	apply_topics(shard, image);
	mirror_apply(shard, image);
	fetchers_apply(shard, image);
	slot_listeners_apply(shard, image);
	worker_set_image(&shard->worker, image);
	forwards_follow(shard);
	if (image_broker_is_live(image, shard->worker.broker->identity.node_id))
		shard_begin_to_accept(shard);
	control_image_applied(shard->worker.broker, shard->worker.env, image->offset);
}

static void openings_are_done(struct shard *shard)
{
	struct image *image = shard->coming, *next = shard->next_image;

	if (shard->is_closing)
		image_unref(image);
	else
		apply_image(shard, image);
	openings_free(shard->openings);
	shard->openings = NULL;
	shard->coming = shard->next_image = NULL;
	if (next)
		shard_apply(shard, next);
	if (shard->closing)
		shard->closing->run(shard->worker.env, shard->closing);
}

void shard_apply(struct shard *shard, struct image *image)
{
	if (shard->is_closing) {
		image_unref(image);
		return;
	}
	if (shard->coming) { /* images may be skipped */
		image_unref(shard->next_image);
		shard->next_image = image;
		return;
	}
	shard->coming = image;
	shard->openings = plan_openings(shard, image);
	if (openings_count(shard->openings) == 0)
		openings_are_done(shard);
	else
		openings_start(shard->openings);
}

void shard_begin_to_close(struct shard *shard, struct env_message *message)
{
	shard->is_closing = true;
	if (shard->openings)
		shard->closing = message;
	else
		message->run(shard->worker.env, message);
}

void shard_forget_coming(struct shard *shard)
{
	openings_free(shard->openings);
	image_unref(shard->coming);
	image_unref(shard->next_image);
	shard->openings = NULL;
	shard->coming = shard->next_image = NULL;
}
