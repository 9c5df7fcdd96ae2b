/* Elections and ISR changes: who may lead (R36, R38, R45), and what a leader may ask for (R33).
 *
 * 1. A leader is live and in the ISR, or there is none.
 * 2. An ISR never becomes empty: its last member stays, live or not.
 * 3. A replica that lacks more than another ISR member waits for that one (R45). While there is a
 *    leader, the others of its ISR were not cut: whoever was leaves, and comes back whole. */
#include "meta/controller_int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const struct image_partition *decision_partition(const struct decision *d,
						 const struct image_topic *topic, int32_t id)
{
	return image_find_partition(image_find_topic_by_id(d->after, topic->id), id);
}

/* ---- ranks ---- */

static const struct replica_rank rank_whole = {.last_epoch = INT32_MAX, .end_offset = INT64_MAX};

struct replica_rank partition_rank(const struct image *image, const struct image_topic *topic,
				   const struct image_partition *partition, int32_t broker)
{
	const struct image_broker *b = image_find_broker(image, broker);
	const struct image_cut *cut = b ? image_broker_cut(b, topic->id, partition->id) : NULL;

	if (!cut)
		return rank_whole;
	return (struct replica_rank){.last_epoch = cut->last_epoch, .end_offset = cut->end_offset};
}

int rank_compare(struct replica_rank a, struct replica_rank b)
{
	if (a.last_epoch != b.last_epoch)
		return a.last_epoch < b.last_epoch ? -1 : 1;
	return (a.end_offset > b.end_offset) - (a.end_offset < b.end_offset);
}

/* ---- elections ---- */

struct election {
	const struct decision *d;
	const struct image_topic *topic;
	const struct image_partition *partition;
	const int32_t *isr; /* as it will be */
	int32_t isr_count;
	struct replica_rank best; /* in that ISR */
};

static struct election election_of(const struct decision *d, const struct image_topic *topic,
				   const struct image_partition *p, const int32_t *isr,
				   int32_t isr_count)
{
	struct election e = {
		.d = d,
		.topic = topic,
		.partition = p,
		.isr = isr,
		.isr_count = isr_count,
		.best = partition_rank(d->after, topic, p, isr[0]),
	};

	for (int32_t i = 1; i < isr_count; i++) {
		struct replica_rank rank = partition_rank(d->after, topic, p, isr[i]);

		if (rank_compare(rank, e.best) > 0)
			e.best = rank;
	}
	return e;
}

static bool election_may_choose(const struct election *e, int32_t broker)
{
	if (!image_list_has(e->isr, e->isr_count, broker) ||
	    !image_broker_is_live(e->d->after, broker))
		return false;
	/* R45: only who has as much as anybody in the ISR. */
	if (rank_compare(partition_rank(e->d->after, e->topic, e->partition, broker), e->best) < 0)
		return false;
	/* R38: what is not durable is out of the ISR but for its name; R40: or by permission. */
	return e->best.end_offset != IMAGE_CUT_UNKNOWN || e->partition->replica_count == 1 ||
	       e->d->options->unclean_elections;
}

/* The leader to be: `preferred` if it may, else the first in the replicas' order; -1: nobody. */
static int32_t election_result(const struct election *e, int32_t preferred)
{
	if (election_may_choose(e, preferred))
		return preferred;
	for (int32_t i = 0; i < e->partition->replica_count; i++)
		if (election_may_choose(e, e->partition->replicas[i]))
			return e->partition->replicas[i];
	return -1;
}

static int32_t slot_holder(const struct decision *d, const struct image_partition *p)
{
	return image_find_slot(d->after, p->slot)->holder;
}

/* R40: an election that may lose records is always reported. */
static void report_loss(struct decision *d, const struct image_topic *topic, int32_t partition,
			int32_t leader, struct replica_rank rank)
{
	char *line;

	if (rank.end_offset == IMAGE_CUT_UNKNOWN)
		line = mem_format("%s-%d: broker %d leads after a restart that was not durable: "
				  "acknowledged records may be lost",
				  topic->name, (int)partition, (int)leader);
	else
		line = mem_format(
			"%s-%d: broker %d leads and its log was cut at offset %lld of epoch %d: "
			"acknowledged records may be lost",
			topic->name, (int)partition, (int)leader, (long long)rank.end_offset,
			(int)rank.last_epoch);
	buffer_put(&d->change->losses, line, strlen(line) + 1);
	mem_free(line);
}

void decision_change_partition(struct decision *d, const struct image_topic *topic,
			       int32_t partition, const int32_t *isr, int32_t isr_count,
			       int32_t leader)
{
	const struct image_partition *p = decision_partition(d, topic, partition);
	struct partition_change_record record;

	wire_init(&partition_change_record_schema, &record);
	record.topic_id = topic->id;
	record.partition_id = partition;
	if (isr) {
		record.isr.items = (int32_t *)isr;
		record.isr.count = isr_count;
	}
	record.leader = leader;
	if (leader >= 0) {
		struct replica_rank rank = partition_rank(d->after, topic, p, leader);

		if (rank_compare(rank, rank_whole) < 0)
			report_loss(d, topic, partition, leader, rank);
	}
	decision_add(d, METADATA_PARTITION_CHANGE, &record);
}

/* The ISR without `leaving` (unless that is all of it) and, when there is a leader, without those
 * others that were cut (R45): they replicate and come back by AlterPartition. */
static int32_t isr_after(const struct decision *d, const struct image_topic *topic,
			 const struct image_partition *p, const int32_t *isr, int32_t isr_count,
			 int32_t leaving, int32_t leader, int32_t *ret_isr)
{
	int32_t count = 0;

	for (int32_t i = 0; i < isr_count; i++) {
		bool whole =
			rank_compare(partition_rank(d->after, topic, p, isr[i]), rank_whole) == 0;

		if ((isr[i] != leaving || isr_count == 1) &&
		    (leader == -1 || isr[i] == leader || whole))
			ret_isr[count++] = isr[i];
	}
	return count;
}

/* Makes ISR and leader what they must be now: without `leaving` (-1: nobody); a leader that can go
 * on does, unless `preferred` (-1: nobody) may lead instead. */
static void settle(struct decision *d, const struct image_topic *topic, int32_t partition,
		   int32_t leaving, int32_t preferred)
{
	const struct image_partition *p = decision_partition(d, topic, partition);
	int32_t *isr = mem_alloc((size_t)p->isr_count * sizeof(*isr));
	int32_t count = isr_after(d, topic, p, p->isr, p->isr_count, leaving, -1, isr);
	struct election e = election_of(d, topic, p, isr, count);
	int32_t leader = p->leader;

	if (preferred != -1 && election_may_choose(&e, preferred))
		leader = preferred;
	else if (leader == leaving || !image_broker_is_live(d->after, leader))
		leader = election_result(&e, slot_holder(d, p));
	count = isr_after(d, topic, p, isr, count, -1, leader, isr);
	if (count < p->isr_count || leader != p->leader)
		decision_change_partition(d, topic, partition, count < p->isr_count ? isr : NULL,
					  count, leader == p->leader ? METADATA_UNCHANGED : leader);
	mem_free(isr);
}

void decision_elect(struct decision *d, const struct image_topic *topic, int32_t partition)
{
	settle(d, topic, partition, -1, -1);
}

void decision_leave_isr(struct decision *d, const struct image_topic *topic, int32_t partition,
			int32_t broker)
{
	settle(d, topic, partition, broker, -1);
}

void decision_prefer(struct decision *d, const struct image_topic *topic, int32_t partition,
		     int32_t broker)
{
	settle(d, topic, partition, -1, broker);
}

/* ---- AlterPartition ---- */

/* R33: within the replicas, each once, and with the leader. */
static bool isr_is_sound(const struct image_partition *p, const int32_t *isr, int32_t count)
{
	for (int32_t i = 0; i < count; i++)
		if (!image_partition_has_replica(p, isr[i]) || image_list_has(isr, i, isr[i]))
			return false;
	return image_list_has(isr, count, p->leader);
}

/* R33, KIP-903: every member alive, not shutting down, and in the uptime that the leader means. */
static bool isr_is_eligible(const struct image *image, const int32_t *isr, const int64_t *epochs,
			    int32_t count)
{
	for (int32_t i = 0; i < count; i++)
		if (!image_broker_is_live(image, isr[i]) ||
		    image_find_broker(image, isr[i])->epoch != epochs[i])
			return false;
	return true;
}

enum kafka_error
controller_alter_partition(const struct image *image, const struct controller_options *options,
			   int32_t broker_id, int64_t broker_epoch, struct uuid topic_id,
			   int32_t partition, int32_t leader_epoch, int32_t partition_epoch,
			   const int32_t *isr, const int64_t *isr_broker_epochs, int32_t isr_count,
			   struct change *change, int32_t *ret_partition_epoch)
{
	const struct image_broker *sender = image_find_broker(image, broker_id);
	const struct image_topic *topic = image_find_topic_by_id(image, topic_id);
	const struct image_partition *p = topic ? image_find_partition(topic, partition) : NULL;
	struct decision d;

	if (!sender || sender->epoch != broker_epoch)
		return KAFKA_STALE_BROKER_EPOCH;
	/* R33, in its order. */
	if (!p)
		return topic ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_UNKNOWN_TOPIC_ID;
	if (leader_epoch > p->leader_epoch || partition_epoch > p->partition_epoch)
		return KAFKA_NOT_CONTROLLER;
	if (leader_epoch < p->leader_epoch)
		return KAFKA_FENCED_LEADER_EPOCH;
	if (p->leader != broker_id)
		return KAFKA_INVALID_REQUEST;
	if (partition_epoch < p->partition_epoch)
		return KAFKA_INVALID_UPDATE_VERSION;
	if (!isr_is_sound(p, isr, isr_count))
		return KAFKA_INVALID_REQUEST;
	if (!isr_is_eligible(image, isr, isr_broker_epochs, isr_count))
		return KAFKA_INELIGIBLE_REPLICA;
	d = decision_begin(image, options, change);
	if (isr_count != p->isr_count || memcmp(isr, p->isr, (size_t)isr_count * sizeof(*isr)) != 0)
		decision_change_partition(&d, topic, partition, isr, isr_count, METADATA_UNCHANGED);
	*ret_partition_epoch = decision_partition(&d, topic, partition)->partition_epoch;
	decision_done(&d);
	return KAFKA_NONE;
}

int32_t controller_min_insync(const struct controller_options *options,
			      const struct image_topic *topic,
			      const struct image_partition *partition)
{
	const char *own = image_topic_setting(topic, "min.insync.replicas");

	if (own)
		return (int32_t)strtol(own, NULL, 10); /* checked when it was set */
	if (options->min_insync_replicas > 0)
		return options->min_insync_replicas;
	return partition->replica_count >= 3 ? 2 : 1;
}
