/* Owns the names of the broker's metrics. Each family is written by one function or one table; the
 * table of deploy/dashboards/metrics.md lists them all, and a test compares the two. */
#include "broker/metrics_int.h"

#include "broker/api.h"
#include "broker/flow_sharing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MICROSECONDS = 1000, NUMBER_TEXT_BYTES = 16 };

/* A topic cannot be called so. */
#define OTHER_TOPICS "(others)"

#define FAMILY(type_, name_, help_) (&(const struct metric){"bellwether_" name_, type_, help_})
#define COUNTER(name_, help_)       FAMILY(METRIC_COUNTER, name_ "_total", help_)
#define GAUGE(name_, help_)         FAMILY(METRIC_GAUGE, name_, help_)

struct number_text {
	char text[NUMBER_TEXT_BYTES];
};

static struct number_text number_text(int64_t value)
{
	struct number_text t;

	snprintf(t.text, sizeof(t.text), "%" PRId64, value);
	return t;
}

/* ---- counters of loops ---- */

static void write_counters(const struct metrics *m, struct buffer *out)
{
	static const struct {
		struct metric metric;
		const char *label, *value;
	} table[] = {
#define COUNTER_ROW(id, name, label, value, help)                                                  \
	{{"bellwether_" name "_total", METRIC_COUNTER, help}, label, value},
		COUNTERS(COUNTER_ROW)
#undef COUNTER_ROW
	};

	for (int i = 0; i < COUNTER_COUNT; i++) {
		if (table[i].metric.help)
			exposition_begin(out, &table[i].metric);
		exposition_value(out, &table[i].metric, LABELS({table[i].label, table[i].value}),
				 (int64_t)m->counters.counts[i]);
	}
}

static void write_refusals(const struct metrics *m, struct buffer *out)
{
	static const char *const reasons[] = {
#define REFUSAL_VALUE(id, value, sentence) value,
		REFUSALS(REFUSAL_VALUE)
#undef REFUSAL_VALUE
	};
	const struct metric *metric =
		COUNTER("connections_refused",
			"Connections that were closed because of what came over them, by reason");

	exposition_begin(out, metric);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		exposition_value(out, metric, LABELS({"reason", reasons[i]}),
				 (int64_t)m->counters.refusals[i]);
}

static void write_mirror_outcomes(const struct metrics *m, struct buffer *out)
{
	static const char *const outcomes[] = {
#define SKIP_TEXT(name, text, meaning) text,
		MIRROR_SKIPS(SKIP_TEXT)
#undef SKIP_TEXT
	};
	const struct metric *metric =
		COUNTER("mirrored_batches", "Batches appended for producers to slots held here, by "
					    "whether they were mirrored and why not");

	exposition_begin(out, metric);
	for (int i = 0; i < MIRROR_SKIP_COUNT; i++)
		exposition_value(out, metric, LABELS({"outcome", outcomes[i]}),
				 (int64_t)m->counters.mirror.skips[i]);
}

static void write_mirror_results(const struct metrics *m, struct buffer *out)
{
	static const char *const results[] = {
#define DROP_TEXT(name, text, meaning) text,
		MIRROR_DROPS(DROP_TEXT)
#undef DROP_TEXT
	};
	const struct metric *metric =
		COUNTER("mirror_received", "Sections of mirrored records that were appended, and "
					   "pieces, bundles and sections that were not, by reason");

	exposition_begin(out, metric);
	for (int i = 0; i < MIRROR_DROP_COUNT; i++)
		exposition_value(out, metric, LABELS({"result", results[i]}),
				 (int64_t)m->counters.mirror.drops[i]);
}

static void write_mirror(const struct metrics *m, struct buffer *out)
{
	const struct mirror_counts *counts = &m->counters.mirror;
	const struct metric *metric =
		COUNTER("mirror_bundles", "Bundles of mirrored records that were sent, by who made "
					  "the copies for further followers");

	write_mirror_outcomes(m, out);
	exposition_begin(out, metric);
	exposition_value(out, metric, LABELS({"copies", "kernel"}),
			 (int64_t)counts->bundles_cloned);
	exposition_value(out, metric, LABELS({"copies", "user"}),
			 (int64_t)(counts->bundles_sent - counts->bundles_cloned));
	write_mirror_results(m, out);
}

static void write_requests(const struct metrics *m, struct buffer *out)
{
	const struct metric *metric =
		FAMILY(METRIC_HISTOGRAM, "request_duration_seconds",
		       "From a request's arrival to its answer, waits that the client asked for "
		       "included, by API");

	exposition_begin(out, metric);
	for (size_t i = 0; i < api_count; i++)
		exposition_histogram(out, metric, LABELS({"api", api_table[i].wire->name}),
				     &m->counters.requests[i]);
}

static void write_connections(const struct metrics *m, struct buffer *out)
{
	static const char *const listeners[] = {"plain", "slot", "internal"};
	const uint64_t *counts = m->counters.counts;
	const struct metric *metric =
		GAUGE("connections", "Sessions that are open, by the listener that they came to");

	exposition_begin(out, metric);
	for (int i = 0; i < 3; i++)
		exposition_value(out, metric, LABELS({"listener", listeners[i]}),
				 (int64_t)(counts[COUNTER_CONNECTIONS_PLAIN + i] -
					   counts[COUNTER_CLOSED_PLAIN + i]));
	exposition_one(out,
		       GAUGE("forwards", "Connections to slots held elsewhere that this broker "
					 "carries or holds in user space"),
		       m->forwards);
}

/* ---- topics, replicas, slots ---- */

static void write_topic(struct buffer *out, const struct metric *family, const char *topic,
			int64_t value)
{
	exposition_value(out, family, LABELS({"topic", topic}), value);
}

static void write_topic_traffic(const struct metrics *m, struct buffer *out)
{
	static const struct metric families[] = {
#define TRAFFIC_TOPIC(id, name, meaning)                                                           \
	{"bellwether_topic_" name "_total", METRIC_COUNTER, meaning ", by topic"},
		TRAFFIC(TRAFFIC_TOPIC)
#undef TRAFFIC_TOPIC
	};
	const struct topic_series *topic;

	for (int i = 0; i < TRAFFIC_COUNT; i++) {
		exposition_begin(out, &families[i]);
		for (topic = m->topics; topic; topic = topic->hh.next)
			write_topic(out, &families[i], topic->name,
				    (int64_t)topic->traffic.counts[i]);
		write_topic(out, &families[i], OTHER_TOPICS, (int64_t)m->others.traffic.counts[i]);
	}
}

static void write_topic_gauges(const struct metrics *m, struct buffer *out)
{
	static const struct metric families[] = {
#define TOPIC_GAUGE(id, name, sum, help) {"bellwether_topic_" name, METRIC_GAUGE, help},
		TOPIC_GAUGES(TOPIC_GAUGE)
#undef TOPIC_GAUGE
	};
	const struct topic_series *topic;

	for (int i = 0; i < TOPIC_GAUGE_COUNT; i++) {
		exposition_begin(out, &families[i]);
		for (topic = m->topics; topic; topic = topic->hh.next)
			write_topic(out, &families[i], topic->name, topic->gauges[i]);
		write_topic(out, &families[i], OTHER_TOPICS, m->others.gauges[i]);
	}
}

static void write_replicas(const struct metrics *m, struct buffer *out)
{
	static const char *const roles[] = {
		[REPLICA_OFFLINE] = "offline",
		[REPLICA_LEADER] = "leader",
		[REPLICA_FOLLOWER] = "follower",
	};
	const struct metric *metric =
		GAUGE("replicas", "Replicas on this broker by role; offline: without a leader, or "
				  "with a log that has failed");

	exposition_begin(out, metric);
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		exposition_value(out, metric, LABELS({"role", roles[i]}), m->replicas[i]);
}

static void write_slot_traffic(const struct metrics *m, struct buffer *out)
{
	static const struct metric families[] = {
#define TRAFFIC_SLOT(id, name, meaning)                                                            \
	{"bellwether_slot_" name "_total", METRIC_COUNTER, meaning ", by slot"},
		TRAFFIC(TRAFFIC_SLOT)
#undef TRAFFIC_SLOT
	};
	const struct image *image = m->control->worker.image;

	for (int i = 0; i < TRAFFIC_COUNT; i++) {
		exposition_begin(out, &families[i]);
		for (int32_t slot = 0; slot < image->slot_count; slot++)
			exposition_value(
				out, &families[i], LABELS({"slot", number_text(slot).text}),
				(size_t)slot < m->slot_count ? (int64_t)m->slots[slot].counts[i]
							     : 0);
	}
}

static void write_slots_held(const struct metrics *m, struct buffer *out)
{
	const struct image *image = m->control->worker.image;
	int32_t self = m->control->worker.broker->identity.node_id;
	const struct metric *metric = GAUGE("slot_held", "1: this broker holds the slot");

	exposition_begin(out, metric);
	for (int32_t i = 0; i < image->slot_count; i++)
		exposition_value(out, metric, LABELS({"slot", number_text(i).text}),
				 image->slots[i]->holder == self);
}

/* ---- the cluster, as this broker knows it ---- */

static int64_t count_offline_partitions(const struct image *image)
{
	int64_t count = 0;

	for (int32_t t = 0; t < image->topic_count; t++)
		for (int32_t p = 0; p < image->topics[t]->partition_count; p++)
			count += image->topics[t]->partitions[p]->leader < 0;
	return count;
}

static int64_t count_brokers(const struct image *image, bool fenced)
{
	int64_t count = 0;

	for (int32_t i = 0; i < image->broker_count; i++)
		count += image->brokers[i]->fenced == fenced;
	return count;
}

/* One broker of the cluster is the controller: sums over brokers are right. */
static void write_controller(const struct metrics *m, struct buffer *out)
{
	const struct image *image = m->control->worker.image;
	bool leads = control_leads(m->control);
	const struct metric *brokers =
		GAUGE("controller_brokers", "Registered brokers, as the controller has them; 0 "
					    "when another broker is the controller");

	exposition_one(out, GAUGE("controller_active", "1: this broker is the controller"), leads);
	exposition_one(out,
		       GAUGE("controller_offline_partitions",
			     "Partitions without a leader; 0 when another broker is the "
			     "controller"),
		       leads ? count_offline_partitions(image) : 0);
	exposition_begin(out, brokers);
	exposition_value(out, brokers, LABELS({"state", "unfenced"}),
			 leads ? count_brokers(image, false) : 0);
	exposition_value(out, brokers, LABELS({"state", "fenced"}),
			 leads ? count_brokers(image, true) : 0);
}

static bool is_voter(const struct identity *identity)
{
	for (int32_t i = 0; i < identity->voter_count; i++)
		if (identity->voters[i].voter.id == identity->node_id)
			return true;
	return false;
}

static void write_quorum_role(const struct metrics *m, const struct quorum_description *quorum,
			      struct buffer *out)
{
	static const char *const roles[] = {"leader", "follower", "observer", "unattached"};
	const struct metric *metric = GAUGE(
		"quorum_role", "1: this broker's role in the metadata quorum; unattached: it knows "
			       "no leader");
	int role = 0;

	if (!quorum->leads)
		role = quorum->leader_id < 0                            ? 3
		       : is_voter(&m->control->worker.broker->identity) ? 1
									: 2;
	exposition_begin(out, metric);
	for (int i = 0; i < 4; i++)
		exposition_value(out, metric, LABELS({"role", roles[i]}), i == role);
}

static void write_voter_lags(const struct metrics *m, const struct quorum_description *quorum,
			     struct buffer *out)
{
	const struct identity *identity = &m->control->worker.broker->identity;
	const struct metric *metric =
		GAUGE("quorum_voter_lag_records",
		      "Metadata records that a voter has not made durable, as the leader knows");

	exposition_begin(out, metric);
	for (int32_t i = 0; quorum->leads && i < identity->voter_count; i++) {
		int32_t id = identity->voters[i].voter.id;

		exposition_value(out, metric, LABELS({"voter", number_text(id).text}),
				 quorum->end_offset -
					 quorum_voter_durable_offset(m->control->quorum, id));
	}
}

static void write_quorum(const struct metrics *m, struct buffer *out)
{
	struct quorum_description quorum;

	quorum_describe(m->control->quorum, &quorum);
	write_quorum_role(m, &quorum, out);
	exposition_one(out, GAUGE("quorum_epoch", "Epoch of the metadata quorum"), quorum.epoch);
	exposition_one(out, GAUGE("quorum_leader", "Node id of the quorum's leader; -1: not known"),
		       quorum.leader_id);
	exposition_one(out, GAUGE("quorum_committed_offset", "End of the committed metadata log"),
		       quorum.high_watermark);
	exposition_one(out, GAUGE("quorum_end_offset", "End of the metadata log here"),
		       quorum.end_offset);
	exposition_one(out,
		       GAUGE("metadata_applied_offset",
			     "End of the metadata that all shards have applied"),
		       control_applied_offset(m->control));
	write_voter_lags(m, &quorum, out);
}

/* ---- leases, bwsteer, the kernel ---- */

static void write_lease(const struct metrics *m, struct buffer *out)
{
	const struct worker *worker = &m->control->worker;
	const struct image_broker *self =
		image_find_broker(worker->image, worker->broker->identity.node_id);
	uint64_t until_us = worker->broker->vouched_until_us, now_us = env_now_us(worker->env);
	const struct metric *lease = GAUGE("lease_remaining_seconds",
					   "Until this broker has to be vouched for again (S2)");

	exposition_one(out,
		       GAUGE("fenced", "1: this broker is fenced, or not registered, by the "
				       "metadata that it has"),
		       !self || self->fenced);
	exposition_begin(out, lease);
	exposition_seconds(out, lease, NO_LABELS,
			   until_us > now_us ? (int64_t)(until_us - now_us) : 0);
}

static void write_steer(const struct metrics *m, struct buffer *out)
{
	const struct fastpath *fastpath = m->control->fastpath;
	struct fastpath_counts counts = fastpath_counts(fastpath);

	exposition_one(out, GAUGE("steer_connected", "1: a bwsteer serves this broker"),
		       fastpath_has_steer(fastpath));
	exposition_one(out,
		       GAUGE("steer_attached", "1: a program steers on this node, and not only "
					       "announcements are made"),
		       fastpath_is_steered(fastpath));
	exposition_one(out, COUNTER("steer_connections", "Times that a bwsteer began to serve"),
		       (int64_t)counts.connections);
	exposition_one(out, COUNTER("steer_images", "Images of slots sent to bwsteer"),
		       (int64_t)counts.images);
	exposition_one(out, COUNTER("steer_images_refused", "Images of slots that bwsteer refused"),
		       (int64_t)counts.refused);
	exposition_one(out, COUNTER("steer_leases", "Renewals of the announcing lease"),
		       (int64_t)counts.leases);
	exposition_one(out,
		       COUNTER("steer_leases_lost", "Times that bwsteer saw the lease run out"),
		       (int64_t)counts.leases_lost);
}

/* Active reset. */
static void write_flows(const struct metrics *m, struct buffer *out)
{
	struct flow_counts counts = flow_sharing_counts(m->control->flow_sharing);

	exposition_one(out,
		       COUNTER("flows_told", "Openings and closings of clients' connections to "
					     "slots that another broker has taken note of"),
		       (int64_t)counts.told);
	exposition_one(out,
		       COUNTER("flows_left_out",
			       "Clients' connections to slots that others have no room to know of: "
			       "if this host dies they wait for their time-outs"),
		       (int64_t)counts.left_out);
	exposition_one(out,
		       COUNTER("flows_reset", "Clients of fenced brokers that bwsteer was told to "
					      "reset, of slots held here"),
		       (int64_t)fastpath_counts(m->control->fastpath).resets);
}

static void write_kernel_slots(const struct metrics *m, struct buffer *out)
{
	static const struct {
		struct metric metric;
		size_t offset;
	} families[] = {
#define KERNEL_SLOT(member_, name_, help_)                                                         \
	{{"bellwether_kernel_slot_" name_ "_total", METRIC_COUNTER, help_},                        \
	 offsetof(struct slot_stats, member_)}
		KERNEL_SLOT(packets, "packets", "Frames for a slot that this node's program saw"),
		KERNEL_SLOT(bytes, "bytes",
			    "Bytes of the frames for a slot that this node's program saw"),
		KERNEL_SLOT(syns, "syns", "Frames for a slot that open a connection"),
		KERNEL_SLOT(forwarded, "steered_packets",
			    "Frames for a slot that were sent on to its holder"),
#undef KERNEL_SLOT
	};
	const struct kernel_query *kernel = &m->kernel;

	for (size_t f = 0; f < sizeof(families) / sizeof(*families); f++) {
		exposition_begin(out, &families[f].metric);
		for (size_t i = 0; i < kernel->slot_count; i++) {
			const char *sum = (const char *)&kernel->slots[i].sum;
			__u64 value;

			memcpy(&value, sum + families[f].offset, sizeof(value));
			exposition_value(out, &families[f].metric,
					 LABELS({"slot", number_text(kernel->slots[i].slot).text}),
					 (int64_t)value);
		}
	}
}

/* stats NULL: not known. */
static void write_verdict_family(const struct metric *metric, const char *const *names, int count,
				 const struct verdict_stats *stats, bool bytes, struct buffer *out)
{
	exposition_begin(out, metric);
	for (int i = 0; stats && i < count; i++)
		exposition_value(out, metric, LABELS({"verdict", names[i]}),
				 (int64_t)(bytes ? stats[i].bytes : stats[i].packets));
}

static void write_kernel_verdicts(const struct metrics *m, struct buffer *out)
{
#define VERDICT_NAME(name, text, meaning) text,
	static const char *const steering[] = {STEER_VERDICTS(VERDICT_NAME)};
	static const char *const mirroring[] = {MIRROR_VERDICTS(VERDICT_NAME)};
#undef VERDICT_NAME
	const struct kernel_query *kernel = &m->kernel;
	const struct verdict_stats *steered = kernel->has_counts ? kernel->counts.steering : NULL;
	const struct verdict_stats *mirrored = kernel->has_counts ? kernel->counts.mirroring : NULL;

	write_verdict_family(COUNTER("kernel_verdict_packets",
				     "Frames that this node's steering program saw, by what it "
				     "did with them (bwsteer stats explains each verdict)"),
			     steering, STEER_VERDICT_COUNT, steered, false, out);
	write_verdict_family(
		COUNTER("kernel_verdict_bytes",
			"Bytes of the frames that this node's steering program saw, by verdict"),
		steering, STEER_VERDICT_COUNT, steered, true, out);
	write_verdict_family(
		COUNTER("kernel_mirror_packets",
			"Frames that this node's mirroring program judged, by verdict"),
		mirroring, MIRROR_VERDICT_COUNT, mirrored, false, out);
	write_verdict_family(COUNTER("kernel_mirror_bytes",
				     "Bytes of frames that the mirroring program judged, by "
				     "verdict"),
			     mirroring, MIRROR_VERDICT_COUNT, mirrored, true, out);
}

static void write_client_resets(const struct metrics *m, struct buffer *out)
{
	static const char *const names[] = {
#define RESET_NAME(member, text, meaning) text,
		STEER_RESETS(RESET_NAME)
#undef RESET_NAME
	};
	const struct reset_stats *r = &m->kernel.counts.resets;
	const uint64_t values[] = {
#define RESET_VALUE(member, text, meaning) r->member,
		STEER_RESETS(RESET_VALUE)
#undef RESET_VALUE
	};
	const struct metric *metric =
		COUNTER("client_resets", "Active reset: clients of dead holders that this broker "
					 "named, and what bwsteer did about them");

	exposition_begin(out, metric);
	for (size_t i = 0; m->kernel.has_counts && i < sizeof(values) / sizeof(*values); i++)
		exposition_value(out, metric, LABELS({"step", names[i]}), (int64_t)values[i]);
}

/* ---- all of it ---- */

static void write_about(const struct metrics *m, struct buffer *out)
{
	const struct worker *worker = &m->control->worker;
	const struct identity *identity = &worker->broker->identity;
	const struct metric *node = GAUGE("node_info", "1: who this is");
	const struct metric *collected =
		GAUGE("collected_timestamp_seconds",
		      "When these figures were collected, since 1970; once a second");

	exposition_begin(out, node);
	exposition_value(out, node,
			 LABELS({"cluster_id", identity->cluster_id},
				{"node_id", number_text(identity->node_id).text}),
			 1);
	exposition_begin(out, collected);
	exposition_seconds(out, collected, NO_LABELS, env_wall_ms(worker->env) * MICROSECONDS);
}

void metrics_write(const struct metrics *m, struct buffer *out)
{
	write_about(m, out);
	write_requests(m, out);
	write_connections(m, out);
	write_counters(m, out);
	write_refusals(m, out);
	write_mirror(m, out);
	write_topic_traffic(m, out);
	write_topic_gauges(m, out);
	write_replicas(m, out);
	write_slot_traffic(m, out);
	write_slots_held(m, out);
	write_controller(m, out);
	write_quorum(m, out);
	write_lease(m, out);
	write_steer(m, out);
	write_flows(m, out);
	write_kernel_slots(m, out);
	write_kernel_verdicts(m, out);
	write_client_resets(m, out);
}
