/* Owns the copying of a shard's figures: one walk over its replicas, no list that grows with the
 * number of partitions. */
#include "broker/metrics_shard.h"

#include "base/mem.h"

#include <string.h>

struct topic_figures *topic_figures_get(struct topic_figures **topics, struct uuid topic_id)
{
	struct topic_figures *topic;

	HASH_FIND(hh, *topics, &topic_id, sizeof(topic_id), topic);
	if (topic)
		return topic;
	topic = mem_alloc(sizeof(*topic));
	topic->topic_id = topic_id;
	HASH_ADD(hh, *topics, topic_id, sizeof(topic->topic_id), topic);
	return topic;
}

static int64_t merge_ALL(int64_t a, int64_t b)
{
	return a + b;
}

static int64_t merge_LEAST(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

static int64_t merge_MOST(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void topic_gauges_merge(int64_t into[static TOPIC_GAUGE_COUNT],
			const int64_t from[static TOPIC_GAUGE_COUNT])
{
#define MERGE(id, name, sum, help)                                                                 \
	into[TOPIC_##id] = merge_##sum(into[TOPIC_##id], from[TOPIC_##id]);
	TOPIC_GAUGES(MERGE)
#undef MERGE
}

static void add_replica(struct shard_figures *figures, struct replica *replica)
{
	struct replica_description d;
	int64_t gauges[TOPIC_GAUGE_COUNT] = {
		[TOPIC_LOG_BYTES] = plog_size_bytes(replica_log(replica)),
		[TOPIC_REPLICAS] = 1,
	};

	replica_describe(replica, &d);
	figures->replicas[d.role]++;
	if (d.role == REPLICA_LEADER) {
		gauges[TOPIC_LED] = 1;
		gauges[TOPIC_UNDER_REPLICATED] = d.isr_count < d.replica_count;
		gauges[TOPIC_UNDER_MIN_ISR] = d.isr_count < d.min_isr;
		gauges[TOPIC_LEAST_ISR] = d.isr_count;
		gauges[TOPIC_MAX_LAG] = d.max_lag;
	}
	topic_gauges_merge(topic_figures_get(&figures->topics, replica_topic_id(replica))->gauges,
			   gauges);
}

static void add_traffic(void *context, struct uuid topic_id, const struct traffic *traffic)
{
	struct shard_figures *figures = context;

	topic_figures_get(&figures->topics, topic_id)->traffic = *traffic;
}

void shard_figures_take(struct shard *shard, struct shard_figures *ret_figures)
{
	const struct traffic_table *traffic = &shard->worker.traffic;
	size_t slots_size = traffic->slot_count * sizeof(*traffic->slots);
	struct shard_figures figures = {
		.counters = shard->worker.counters,
		.slots = mem_alloc(slots_size + 1),
		.slot_count = traffic->slot_count,
	};
	struct hosted *hosted, *next;

	if (slots_size > 0)
		memcpy(figures.slots, traffic->slots, slots_size);
	HASH_ITER(hh, shard->hosted, hosted, next)
		add_replica(&figures, hosted->replica);
	traffic_take(&shard->worker.traffic, add_traffic, &figures);
	figures.forwards = forwards_count(shard);
	*ret_figures = figures;
}

void shard_figures_done(struct shard_figures *figures)
{
	struct topic_figures *topic, *next;

	HASH_ITER(hh, figures->topics, topic, next) {
		HASH_DEL(figures->topics, topic);
		mem_free(topic);
	}
	mem_free(figures->slots);
	*figures = (struct shard_figures){0};
}
