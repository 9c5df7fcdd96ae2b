/* Owns a loop's table of traffic. A topic's row is found by one look-up for each part of a request,
 * never for each record; it is made by the topic's first traffic and goes when there was none
 * between two calls of traffic_take(): steady traffic allocates nothing. */
#include "broker/traffic.h"

#include "base/mem.h"

#include <string.h>

void traffic_done(struct traffic_table *table)
{
	struct topic_traffic *topic, *next;

	HASH_ITER(hh, table->topics, topic, next) {
		HASH_DEL(table->topics, topic);
		mem_free(topic);
	}
	mem_free(table->slots);
	*table = (struct traffic_table){0};
}

static struct topic_traffic *topic_of(struct traffic_table *table, struct uuid topic_id)
{
	struct topic_traffic *topic;

	HASH_FIND(hh, table->topics, &topic_id, sizeof(topic_id), topic);
	if (topic)
		return topic;
	topic = mem_alloc(sizeof(*topic));
	topic->topic_id = topic_id;
	HASH_ADD(hh, table->topics, topic_id, sizeof(topic->topic_id), topic);
	return topic;
}

static struct traffic *slot_of(struct traffic_table *table, int32_t slot)
{
	size_t count = (size_t)slot + 1;

	if (count > table->slot_count) {
		table->slots = mem_resize(table->slots, count * sizeof(*table->slots));
		memset(table->slots + table->slot_count, 0,
		       (count - table->slot_count) * sizeof(*table->slots));
		table->slot_count = count;
	}
	return &table->slots[slot];
}

void traffic_merge(struct traffic *into, const struct traffic *from)
{
	for (int i = 0; i < TRAFFIC_COUNT; i++)
		into->counts[i] += from->counts[i];
}

void traffic_add(struct traffic_table *table, struct uuid topic_id, int32_t slot,
		 const struct traffic *more)
{
	struct topic_traffic *topic;

	if (!table->is_counted)
		return;
	topic = topic_of(table, topic_id);
	topic->is_idle = false;
	traffic_merge(&topic->traffic, more);
	traffic_merge(slot_of(table, slot), more);
}

void traffic_take(struct traffic_table *table,
		  void (*each)(void *context, struct uuid topic_id, const struct traffic *traffic),
		  void *context)
{
	struct topic_traffic *topic, *next;

	HASH_ITER(hh, table->topics, topic, next) {
		if (topic->is_idle) {
			HASH_DEL(table->topics, topic);
			mem_free(topic);
			continue;
		}
		each(context, topic->topic_id, &topic->traffic);
		topic->traffic = (struct traffic){0};
		topic->is_idle = true;
	}
}
