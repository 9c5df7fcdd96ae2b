/* Owns reading and watching one partition for a Fetch, on the partition's shard. Only where the
 * records lie is read here: wire/ puts them into the answer. */
#include "broker/fetch_part.h"

#include "base/container_of.h"
#include "broker/errors.h"
#include "broker/view.h"

enum { FETCH_COLD_TRIES = 8 };

/* ---- reading ---- */

static void part_read(struct fetch_part *part);

static void part_ahead_done(struct env_read_ahead *ahead, int result)
{
	struct fetch_part *part = container_of(ahead, struct fetch_part, ahead);

	env_file_unref(part->hop.owner->worker.env, ahead->file);
	if (result < 0) {
		part->error = KAFKA_KAFKA_STORAGE_ERROR;
		hop_return(&part->hop);
		return;
	}
	part_read(part);
}

static enum replica_error part_read_as(struct fetch_part *part, struct replica *replica)
{
	const struct fetch_request_partition *asked = &part->asked;
	struct replica_fetch fetch;

	if (part->follower < 0) {
		part->fetched = (struct replica_fetched){.diverging_epoch = -1};
		return replica_read(replica, asked->current_leader_epoch, asked->fetch_offset,
				    asked->partition_max_bytes, true, &part->fetched.read);
	}
	fetch = (struct replica_fetch){
		.follower = part->follower,
		.broker_epoch = part->broker_epoch,
		.current_leader_epoch = asked->current_leader_epoch,
		.fetch_offset = asked->fetch_offset,
		.last_fetched_epoch = asked->last_fetched_epoch,
		.durable_offset = asked->durable_offset,
		.max_bytes = asked->partition_max_bytes,
		.whole_first = true,
		.leaves_mirrored = part->leaves_mirrored,
	};
	return replica_serve_follower(replica, &fetch, &part->fetched);
}

static void part_read(struct fetch_part *part)
{
	struct env *env = part->hop.owner->worker.env;
	struct hosted *hosted = shard_find(part->hop.owner, part->topic_id, part->asked.partition);
	enum replica_error error =
		hosted ? part_read_as(part, hosted->replica) : REPLICA_NOT_LEADER;
	const struct plog_slice *slice = &part->fetched.read.slice;

	if (error == REPLICA_COLD && part->cold_tries++ < FETCH_COLD_TRIES) {
		part->ahead = (struct env_read_ahead){
			.file = slice->file,
			.position = slice->position,
			.size = (size_t)slice->size_bytes,
			.done = part_ahead_done,
		};
		/* The reference is the read's now: an error after it must not give it back again.
		 */
		part->fetched.read.slice = (struct plog_slice){0};
		env_read_ahead(env, &part->ahead);
		return;
	}
	if (error == REPLICA_COLD) {
		/* Memory is so short that pages leave as fast as they come: the client asks again.
		 */
		fetch_part_release(env, part);
		error = REPLICA_OK;
	}
	if (part->follower < 0)
		error = replica_error_if_vouched(&part->hop.owner->worker, error);
	part->error = kafka_error_of_replica(error);
	part->hosted = hosted;
	hop_return(&part->hop);
}

void fetch_part_read(struct hop *hop)
{
	struct fetch_part *part = container_of(hop, struct fetch_part, hop);

	part->cold_tries = 0;
	part_read(part);
}

/* ---- watching ---- */

static void part_woken(struct replica_watch *watch)
{
	struct fetch_part *part = container_of(watch, struct fetch_part, watch);

	part->is_watching = false;
	hop_return(&part->hop);
}

/* Has anything come since the part was read? (It may have been read long ago on another loop.) */
static bool part_is_stale(const struct fetch_part *part, const struct hosted *hosted)
{
	int64_t bound;

	if (!hosted || hosted != part->hosted || replica_role(hosted->replica) != REPLICA_LEADER)
		return true;
	if (replica_high_watermark(hosted->replica) != part->fetched.read.high_watermark)
		return true;
	bound = plog_end_offset(replica_log(hosted->replica));
	return part->follower >= 0 && bound > part->asked.fetch_offset;
}

void fetch_part_watch(struct hop *hop)
{
	struct fetch_part *part = container_of(hop, struct fetch_part, hop);
	struct hosted *hosted = shard_find(hop->owner, part->topic_id, part->asked.partition);

	if (part_is_stale(part, hosted)) {
		hop_return(hop);
		return;
	}
	part->watch =
		(struct replica_watch){.ready = part_woken, .is_follower = part->follower >= 0};
	part->is_watching = true;
	replica_watch(hosted->replica, &part->watch);
}

void fetch_part_recall(struct hop *recall)
{
	struct fetch_part *part = container_of(recall, struct fetch_part, recall);

	if (part->is_watching) {
		part->is_watching = false;
		replica_unwatch(part->hosted->replica, &part->watch);
		hop_return(&part->hop);
	}
	hop_return(recall);
}

/* ---- the answer ---- */

void fetch_part_release(struct env *env, struct fetch_part *part)
{
	struct plog_slice *slice = &part->fetched.read.slice;

	env_file_unref(env, slice->file);
	*slice = (struct plog_slice){0};
}

/* Who leads now: by the image in force, not by the one that the request was started with. */
static void fill_leader(const struct request *request, const struct fetch_part *part,
			struct fetch_response_partition *answer)
{
	struct located located =
		locate_by_id(request->worker, part->topic_id, part->asked.partition);

	if (!located.partition)
		return;
	answer->current_leader.leader_id = view_leader_id(request, located.partition);
	answer->current_leader.leader_epoch = located.partition->leader_epoch;
}

static void count_records(struct worker *worker, const struct fetch_part *part)
{
	uint64_t size = (uint64_t)fetch_part_bytes(part);
	const struct traffic traffic = {{
		[TRAFFIC_BYTES_OUT] = size,
		[TRAFFIC_FETCH_REQUESTS] = 1,
	}};
	struct located located;

	if (part->follower >= 0) {
		counter_add(&worker->counters, COUNTER_REPLICATION_OUT_BYTES, size);
		return;
	}
	located = locate_by_id(worker, part->topic_id, part->asked.partition);
	if (located.partition)
		traffic_add(&worker->traffic, part->topic_id, located.partition->slot, &traffic);
}

void fetch_part_fill(const struct request *request, const struct fetch_part *part, bool records,
		     struct fetch_response_partition *answer)
{
	const struct replica_read *read = &part->fetched.read;

	*answer = (struct fetch_response_partition){
		.partition_index = part->asked.partition,
		.error_code = (int16_t)part->error,
		.high_watermark = -1,
		.last_stable_offset = -1,
		.log_start_offset = -1,
		.diverging_epoch = {-1, -1},
		.current_leader = {-1, -1},
		.snapshot_id = {-1, -1},
		.aborted_transactions = {NULL, -1},
		.preferred_read_replica = -1,
		.records = {.data = (const uint8_t *)""}, /* never null */
	};
	if (part->error == KAFKA_NOT_LEADER_OR_FOLLOWER || part->error == KAFKA_FENCED_LEADER_EPOCH)
		fill_leader(request, part, answer);
	if (part->error != KAFKA_NONE)
		return;
	answer->high_watermark = read->high_watermark;
	answer->last_stable_offset = read->last_stable_offset;
	answer->log_start_offset = read->log_start_offset;
	answer->diverging_epoch.epoch = part->fetched.diverging_epoch;
	answer->diverging_epoch.end_offset = part->fetched.diverging_end_offset;
	if (!records || fetch_part_bytes(part) == 0)
		return;
	answer->records = (struct wire_records){
		.size = (int32_t)read->slice.size_bytes,
		.file = read->slice.file,
		.position = read->slice.position,
	};
	count_records(request->worker, part);
}
