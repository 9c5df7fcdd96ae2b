/* Owns the way of a piece of work between two loops. */
#include "broker/hop.h"

static void hop_arrive(struct env *here, struct env_message *message)
{
	struct hop *hop = (struct hop *)message;

	(void)here;
	hop->run(hop);
}

static void hop_arrive_back(struct env *here, struct env_message *message)
{
	struct hop *hop = (struct hop *)message;

	(void)here;
	hop->back(hop);
}

/* After the loops have ended everything is one thread's. */
static bool is_a_call(const struct hop *hop)
{
	return hop->home == &hop->owner->worker || hop->home->broker->is_over;
}

void hop_go(struct hop *hop)
{
	if (is_a_call(hop)) {
		hop->run(hop);
		return;
	}
	hop->message.run = hop_arrive;
	env_post(hop->home->env, hop->owner->number, &hop->message);
}

void hop_return(struct hop *hop)
{
	if (is_a_call(hop)) {
		hop->back(hop);
		return;
	}
	hop->message.run = hop_arrive_back;
	env_post(hop->owner->worker.env, hop->home->env->shard, &hop->message);
}

static struct located locate_in(const struct worker *worker, const struct image_topic *topic,
				int32_t partition)
{
	struct located located = {.topic = topic};

	if (topic)
		located.partition = image_find_partition(topic, partition);
	if (located.partition)
		located.owner = worker->broker->shards[broker_shard_of_slot(
			worker->broker, located.partition->slot)];
	return located;
}

struct located locate_by_name(const struct worker *worker, struct wire_string topic,
			      int32_t partition)
{
	const struct image_topic *found =
		topic.data ? image_find_topic(worker->image, topic.data, (size_t)topic.size) : NULL;

	return locate_in(worker, found, partition);
}

struct located locate_by_id(const struct worker *worker, struct uuid topic_id, int32_t partition)
{
	return locate_in(worker, image_find_topic_by_id(worker->image, topic_id), partition);
}
