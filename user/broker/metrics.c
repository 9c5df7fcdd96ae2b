/* Owns the rounds of collecting.
 *
 *     timer --> a message to each shard --all have answered--> text --> timer
 *
 * 1. A round begins when the last one is through, METRICS_PERIOD_MS later: a shard that hangs stops
 *    the clock, which bellwether_collected_timestamp_seconds shows.
 * 2. Counters never fall while the process lives. A topic's traffic comes as differences, and its
 * sum is kept here until the image knows the topic no more. Those for whom no place was free (the
 *    setting metrics.topics.max) go into one sum, which keeps what it has when one of them gets a
 *    free place. */
#include "broker/metrics_int.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/limits.h"

#include <string.h>

/* ---- sums ---- */

static void forget_deleted_topics(struct metrics *m)
{
	struct topic_series *topic, *next;

	HASH_ITER(hh, m->topics, topic, next)
		if (!image_find_topic_by_id(m->control->worker.image, topic->topic_id)) {
			HASH_DEL(m->topics, topic);
			mem_free(topic->name);
			mem_free(topic);
		}
}

/* The series of a topic, or that of the others; NULL: it has been deleted. */
static struct topic_series *series_of(struct metrics *m, struct uuid topic_id)
{
	const struct control *control = m->control;
	int64_t most = control->worker.broker->settings->metrics_topics_max;
	const struct image_topic *known;
	struct topic_series *topic;

	HASH_FIND(hh, m->topics, &topic_id, sizeof(topic_id), topic);
	if (topic)
		return topic;
	known = image_find_topic_by_id(control->worker.image, topic_id);
	if (!known)
		return NULL;
	if (HASH_COUNT(m->topics) >= (uint64_t)most)
		return &m->others;
	topic = mem_alloc(sizeof(*topic));
	topic->topic_id = topic_id;
	topic->name = mem_string(known->name);
	HASH_ADD(hh, m->topics, topic_id, sizeof(topic->topic_id), topic);
	return topic;
}

static void add_slots(struct metrics *m, const struct traffic *slots, size_t count)
{
	if (count > m->slot_count) {
		m->slots = mem_resize(m->slots, count * sizeof(*m->slots));
		memset(m->slots + m->slot_count, 0, (count - m->slot_count) * sizeof(*m->slots));
		m->slot_count = count;
	}
	for (size_t i = 0; i < count; i++)
		traffic_merge(&m->slots[i], &slots[i]);
}

static void add_shard(struct metrics *m, const struct shard_figures *figures)
{
	const struct topic_figures *topic;

	counters_merge(&m->counters, &figures->counters);
	add_slots(m, figures->slots, figures->slot_count);
	for (size_t role = 0; role < sizeof(m->replicas) / sizeof(*m->replicas); role++)
		m->replicas[role] += figures->replicas[role];
	m->forwards += figures->forwards;
	for (topic = figures->topics; topic; topic = topic->hh.next) {
		struct topic_series *series = series_of(m, topic->topic_id);

		if (!series)
			continue;
		traffic_merge(&series->traffic, &topic->traffic);
		topic_gauges_merge(series->gauges, topic->gauges);
	}
}

/* Everything that is counted anew in each round. */
static void clear_sums(struct metrics *m)
{
	struct topic_series *topic;

	m->counters = m->control->worker.counters;
	if (m->slot_count > 0)
		memset(m->slots, 0, m->slot_count * sizeof(*m->slots));
	memset(m->replicas, 0, sizeof(m->replicas));
	m->forwards = 0;
	memset(m->others.gauges, 0, sizeof(m->others.gauges));
	for (topic = m->topics; topic; topic = topic->hh.next)
		memset(topic->gauges, 0, sizeof(topic->gauges));
}

static void publish(struct metrics *m)
{
	struct broker *broker = m->control->worker.broker;
	struct buffer text = {0};

	forget_deleted_topics(m);
	clear_sums(m);
	for (unsigned i = 0; i < broker->shard_count; i++) {
		add_shard(m, &m->collects[i].figures);
		shard_figures_done(&m->collects[i].figures);
	}
	metrics_write(m, &text);
	broker->publish_metrics(broker->context, &text);
}

/* ---- rounds ---- */

static void answer_came(struct metrics *m)
{
	if (--m->pending > 0)
		return;
	if (m->control->quorum) /* else the broker is closing */
		publish(m);
	env_timer_after(m->control->worker.env, &m->timer, METRICS_PERIOD_MS * 1000);
}

static void collect_back(struct env *here, struct env_message *message)
{
	(void)here;
	answer_came(((struct collect *)message)->metrics);
}

static void collect_run(struct env *here, struct env_message *message)
{
	struct collect *collect = (struct collect *)message;

	shard_figures_take(collect->shard, &collect->figures);
	message->run = collect_back;
	env_post(here, collect->shard->worker.broker->shard_count, message);
}

static void kernel_slot_came(struct fastpath_query *query, const struct steer_stats_slot *slot,
			     int rc)
{
	struct kernel_query *kernel = container_of(query, struct kernel_query, query);

	if (slot) {
		if (kernel->next_count < STEER_SLOTS_MAX)
			kernel->next[kernel->next_count++] = *slot;
		return;
	}
	kernel->is_asked = false;
	kernel->counts = kernel->next_counts;
	kernel->has_counts = rc == 0 && kernel->has_next_counts;
	kernel->slot_count = rc == 0 ? kernel->next_count : 0;
	memcpy(kernel->slots, kernel->next, kernel->slot_count * sizeof(*kernel->slots));
}

static void kernel_counts_came(struct fastpath_query *query, const struct steer_counts *counts)
{
	struct kernel_query *kernel = container_of(query, struct kernel_query, query);

	kernel->next_counts = *counts;
	kernel->has_next_counts = true;
}

static void ask_kernel(struct metrics *m)
{
	if (m->kernel.is_asked)
		return;
	m->kernel.is_asked = true;
	m->kernel.next_count = 0;
	m->kernel.has_next_counts = false;
	m->kernel.query.counts = kernel_counts_came;
	m->kernel.query.each = kernel_slot_came;
	fastpath_ask_stats(m->control->fastpath, &m->kernel.query);
}

static void begin_round(struct env_timer *timer)
{
	struct metrics *m = container_of(timer, struct metrics, timer);
	struct broker *broker = m->control->worker.broker;

	m->pending = broker->shard_count;
	for (unsigned i = 0; i < broker->shard_count; i++) {
		struct collect *collect = &m->collects[i];

		collect->metrics = m;
		collect->shard = broker->shards[i];
		collect->message.run = collect_run;
		env_post(m->control->worker.env, i, &collect->message);
	}
	ask_kernel(m);
}

struct metrics *metrics_new(struct control *control)
{
	struct broker *broker = control->worker.broker;
	struct metrics *m;

	if (!broker->publish_metrics)
		return NULL;
	m = mem_alloc(sizeof(*m));
	m->control = control;
	m->collects = mem_alloc(broker->shard_count * sizeof(*m->collects));
	m->timer.fire = begin_round;
	env_timer_after(control->worker.env, &m->timer, 0);
	return m;
}

void metrics_free(struct metrics *metrics)
{
	struct topic_series *topic, *next;

	if (!metrics)
		return;
	env_timer_stop(metrics->control->worker.env, &metrics->timer);
	for (unsigned i = 0; i < metrics->control->worker.broker->shard_count; i++)
		shard_figures_done(&metrics->collects[i].figures);
	HASH_ITER(hh, metrics->topics, topic, next) {
		HASH_DEL(metrics->topics, topic);
		mem_free(topic->name);
		mem_free(topic);
	}
	mem_free(metrics->slots);
	mem_free(metrics->collects);
	mem_free(metrics);
}
