/* Fetch, for consumers and for followers.
 *
 *     READING --not enough yet--> WATCHING --one wakes, deadline, hurry--> RECALLING --> READING
 *        |
 *        +--enough bytes, an error, deadline--> reply
 *
 * Each part is read and watched on the shard that owns its partition (hop.h); what a consumer gets
 * leaves by sendfile. Invariant: `pending` counts the hops of this work that are under way; the
 * phase changes, and memory goes, only when it is 0. */
#include "broker/errors.h"

#include "base/container_of.h"
#include "broker/hop.h"
#include "broker/limits.h"
#include "broker/quorum_channel.h"
#include "broker/request.h"
#include "broker/session.h"
#include "broker/view.h"

enum { FETCH_COLD_TRIES = 8 };

struct fetch_part {
	struct hop hop;    /* reading and watching */
	struct hop recall; /* ends a watch */
	struct fetch_work *work;
	const struct fetch_request_partition *asked;
	struct uuid topic_id;
	struct fetch_response_partition *answer;

	enum kafka_error error;
	struct replica_fetched fetched;
	/* on the owner */
	struct hosted *hosted;
	struct replica_watch watch;
	bool is_watching;
	int cold_tries;
	struct env_read_ahead ahead;
};

enum fetch_phase { READING, WATCHING, RECALLING };

struct fetch_work {
	struct request *request;
	const struct fetch_request *body;
	struct fetch_response response;
	struct fetch_part *parts;
	int32_t part_count, pending;
	int32_t follower; /* -1: a consumer */
	int64_t broker_epoch;
	struct env_timer timer; /* the deadline */
	enum fetch_phase phase;
	bool is_woken;    /* while WATCHING: something came back */
	bool is_hurried;  /* to be answered empty (S4, or superseded) */
	bool is_over;     /* the deadline has passed */
	bool is_stepping; /* fetch_step() is on the stack */
};

static void fetch_step(struct fetch_work *work);

/* ---- on the owner: reading ---- */

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
	const struct fetch_request_partition *asked = part->asked;
	const struct fetch_work *work = part->work;
	struct replica_fetch fetch;

	if (work->follower < 0) {
		part->fetched = (struct replica_fetched){.diverging_epoch = -1};
		return replica_read(replica, asked->current_leader_epoch, asked->fetch_offset,
				    asked->partition_max_bytes, true, &part->fetched.read);
	}
	fetch = (struct replica_fetch){
		.follower = work->follower,
		.broker_epoch = work->broker_epoch,
		.current_leader_epoch = asked->current_leader_epoch,
		.fetch_offset = asked->fetch_offset,
		.last_fetched_epoch = asked->last_fetched_epoch,
		.durable_offset = asked->durable_offset,
		.max_bytes = asked->partition_max_bytes,
		.whole_first = true,
	};
	return replica_serve_follower(replica, &fetch, &part->fetched);
}

static void part_read(struct fetch_part *part)
{
	struct env *env = part->hop.owner->worker.env;
	struct hosted *hosted = shard_find(part->hop.owner, part->topic_id, part->asked->partition);
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
		env_file_unref(env, slice->file);
		part->fetched.read.slice = (struct plog_slice){0};
		error = REPLICA_OK;
	}
	if (part->work->follower < 0)
		error = replica_error_if_vouched(&part->hop.owner->worker, error);
	part->error = kafka_error_of_replica(error);
	part->hosted = hosted;
	hop_return(&part->hop);
}

static void part_run_read(struct hop *hop)
{
	struct fetch_part *part = (struct fetch_part *)hop;

	part->cold_tries = 0;
	part_read(part);
}

/* ---- on the owner: watching ---- */

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
	return part->work->follower >= 0 && bound > part->asked->fetch_offset;
}

static void part_run_watch(struct hop *hop)
{
	struct fetch_part *part = (struct fetch_part *)hop;
	struct hosted *hosted = shard_find(hop->owner, part->topic_id, part->asked->partition);

	if (part_is_stale(part, hosted)) {
		hop_return(hop);
		return;
	}
	part->watch = (struct replica_watch){.ready = part_woken,
					     .is_follower = part->work->follower >= 0};
	part->is_watching = true;
	replica_watch(hosted->replica, &part->watch);
}

static void part_run_recall(struct hop *hop)
{
	struct fetch_part *part = container_of(hop, struct fetch_part, recall);

	if (part->is_watching) {
		part->is_watching = false;
		replica_unwatch(part->hosted->replica, &part->watch);
		hop_return(&part->hop);
	}
	hop_return(hop);
}

/* ---- at home ---- */

static void part_back(struct hop *hop)
{
	struct fetch_work *work = ((struct fetch_part *)hop)->work;

	work->pending--;
	work->is_woken = true;
	fetch_step(work);
}

static void recall_back(struct hop *hop)
{
	struct fetch_part *part = container_of(hop, struct fetch_part, recall);

	part->work->pending--;
	fetch_step(part->work);
}

static void fetch_deadline(struct env_timer *timer)
{
	struct fetch_work *work = container_of(timer, struct fetch_work, timer);

	work->is_over = true;
	work->is_woken = true;
	fetch_step(work);
}

static void fetch_hurry(struct request *request)
{
	struct fetch_work *work = request->work;

	work->is_hurried = true;
	work->is_woken = true;
	fetch_step(work);
}

/* Starts a phase: every part that has a place to go to goes there. */
static void fetch_begin(struct fetch_work *work, enum fetch_phase phase,
			void (*run)(struct hop *hop))
{
	work->phase = phase;
	work->is_woken = work->is_hurried || work->is_over;
	for (int32_t i = 0; i < work->part_count; i++) {
		struct fetch_part *part = &work->parts[i];
		struct hop *hop = phase == RECALLING ? &part->recall : &part->hop;

		if (!hop->owner)
			continue;
		hop->run = run;
		work->pending++;
		hop_go(hop);
	}
}

static void fetch_release_slices(struct fetch_work *work)
{
	for (int32_t i = 0; i < work->part_count; i++) {
		struct plog_slice *slice = &work->parts[i].fetched.read.slice;

		env_file_unref(work->request->worker->env, slice->file);
		*slice = (struct plog_slice){0};
	}
}

/* Who leads now: by the image in force, not by the one that the request was started with. */
static void fill_leader(const struct request *request, struct fetch_part *part)
{
	struct located located =
		locate_by_id(request->worker, part->topic_id, part->asked->partition);

	if (!located.partition)
		return;
	part->answer->current_leader.leader_id = view_leader_id(request, located.partition);
	part->answer->current_leader.leader_epoch = located.partition->leader_epoch;
}

static void count_records(const struct fetch_work *work, const struct fetch_part *part)
{
	struct worker *worker = work->request->worker;
	uint64_t size = (uint64_t)part->answer->records.size;
	const struct traffic traffic = {{
		[TRAFFIC_BYTES_OUT] = size,
		[TRAFFIC_FETCH_REQUESTS] = 1,
	}};
	struct located located;

	if (work->follower >= 0) {
		counter_add(&worker->counters, COUNTER_REPLICATION_OUT_BYTES, size);
		return;
	}
	located = locate_by_id(worker, part->topic_id, part->asked->partition);
	if (located.partition)
		traffic_add(&worker->traffic, part->topic_id, located.partition->slot, &traffic);
}

static void fill_answer(struct fetch_work *work, struct fetch_part *part, int64_t *room)
{
	struct fetch_response_partition *answer = part->answer;
	const struct replica_read *read = &part->fetched.read;
	int64_t size = read->slice.file ? read->slice.size_bytes : 0;

	answer->error_code = (int16_t)part->error;
	answer->records = (struct wire_records){.data = (const uint8_t *)""}; /* never null */
	if (part->error == KAFKA_NOT_LEADER_OR_FOLLOWER || part->error == KAFKA_FENCED_LEADER_EPOCH)
		fill_leader(work->request, part);
	if (part->error != KAFKA_NONE)
		return;
	answer->high_watermark = read->high_watermark;
	answer->last_stable_offset = read->last_stable_offset;
	answer->log_start_offset = read->log_start_offset;
	answer->diverging_epoch.epoch = part->fetched.diverging_epoch;
	answer->diverging_epoch.end_offset = part->fetched.diverging_end_offset;
	if (work->is_hurried || size == 0 || *room <= 0)
		return;
	answer->records = (struct wire_records){
		.size = (int32_t)size,
		.file = read->slice.file,
		.position = read->slice.position,
	};
	*room -= size;
	count_records(work, part);
}

static void fetch_reply(struct fetch_work *work)
{
	struct request *request = work->request;
	int64_t most = work->follower >= 0 ? PEER_FETCH_MOST_BYTES : FETCH_MOST_BYTES;
	int64_t room = work->body->max_bytes < most ? work->body->max_bytes : most;

	if (room < 1)
		room = 1; /* the first batch leaves in any case (KIP-74) */
	env_timer_stop(request->worker->env, &work->timer);
	for (int32_t i = 0; i < work->part_count; i++)
		fill_answer(work, &work->parts[i], &room);
	request_encode(request, &work->response);
	fetch_release_slices(work); /* the encoder has references of its own */
	request_finish(request);
}

static bool fetch_is_enough(const struct fetch_work *work)
{
	int64_t bytes = 0;

	if (work->is_hurried || work->is_over || work->body->max_wait_ms <= 0)
		return true;
	for (int32_t i = 0; i < work->part_count; i++) {
		const struct fetch_part *part = &work->parts[i];

		if (part->error != KAFKA_NONE || part->fetched.diverging_epoch >= 0)
			return true;
		bytes += part->fetched.read.slice.file ? part->fetched.read.slice.size_bytes : 0;
	}
	return bytes >= work->body->min_bytes;
}

/* The machine at the top of this file; called whenever something came back. */
static void fetch_step(struct fetch_work *work)
{
	if (work->is_stepping)
		return;
	work->is_stepping = true;
	for (;;) {
		if (work->phase == WATCHING && work->is_woken) {
			fetch_begin(work, RECALLING, part_run_recall);
			continue;
		}
		if (work->pending > 0 || work->phase == WATCHING)
			break;
		if (work->phase == RECALLING) {
			fetch_begin(work, READING, part_run_read);
		} else if (fetch_is_enough(work)) {
			fetch_reply(work);
			return;
		} else {
			fetch_release_slices(work);
			fetch_begin(work, WATCHING, part_run_watch);
		}
	}
	work->is_stepping = false;
}

static int32_t count_partitions(const struct fetch_request *body)
{
	int32_t count = 0;

	for (int32_t i = 0; i < body->topics.count; i++)
		count += body->topics.items[i].partitions.count;
	return count;
}

static void plan_part(struct fetch_work *work, const struct fetch_request_topic *topic,
		      const struct fetch_request_partition *asked,
		      struct fetch_response_partition *answer)
{
	struct fetch_part *part = &work->parts[work->part_count++];
	struct worker *worker = work->request->worker;
	bool by_id = work->request->header.api_version >= 13;
	struct located located = by_id ? locate_by_id(worker, topic->topic_id, asked->partition)
				       : locate_by_name(worker, topic->topic, asked->partition);

	*answer = (struct fetch_response_partition){
		.partition_index = asked->partition,
		.high_watermark = -1,
		.last_stable_offset = -1,
		.log_start_offset = -1,
		.diverging_epoch = {-1, -1},
		.current_leader = {-1, -1},
		.snapshot_id = {-1, -1},
		.aborted_transactions = {NULL, -1},
		.preferred_read_replica = -1,
	};
	*part = (struct fetch_part){
		.hop = {.owner = located.owner, .home = worker, .back = part_back},
		.recall = {.owner = located.owner, .home = worker, .back = recall_back},
		.work = work,
		.asked = asked,
		.answer = answer,
		.fetched = {.diverging_epoch = -1},
	};
	if (located.partition)
		part->topic_id = located.topic->id;
	else
		part->error = by_id && !located.topic ? KAFKA_UNKNOWN_TOPIC_ID
						      : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static void plan(struct fetch_work *work)
{
	struct request *request = work->request;
	const struct fetch_request *body = work->body;
	struct fetch_response_topic *topics =
		request_alloc(request, (size_t)body->topics.count + 1, sizeof(*topics));

	work->parts =
		request_alloc(request, (size_t)count_partitions(body) + 1, sizeof(*work->parts));
	for (int32_t i = 0; i < body->topics.count; i++) {
		const struct fetch_request_topic *topic = &body->topics.items[i];

		topics[i].topic = topic->topic;
		topics[i].topic_id = topic->topic_id;
		topics[i].partitions.items =
			request_alloc(request, (size_t)topic->partitions.count + 1,
				      sizeof(*topics[i].partitions.items));
		topics[i].partitions.count = topic->partitions.count;
		for (int32_t p = 0; p < topic->partitions.count; p++)
			plan_part(work, topic, &topic->partitions.items[p],
				  &topics[i].partitions.items[p]);
	}
	work->response.responses.items = topics;
	work->response.responses.count = body->topics.count;
}

/* Who asks: a follower says so, and only on a peer connection, with the id that it proved (S9). */
static enum kafka_error identify(struct fetch_work *work)
{
	const struct request *request = work->request;
	const struct fetch_request *body = work->body;
	int32_t replica_id = request->header.api_version >= 15 ? body->replica_state.replica_id
							       : body->replica_id;

	work->follower = -1;
	if (body->session_id != 0)
		return KAFKA_FETCH_SESSION_ID_NOT_FOUND; /* sessions are declined: id 0 */
	if (request->view.kind != VIEW_PEER)
		return KAFKA_NONE; /* a client that claims to be a replica is a consumer here */
	if (replica_id != request->view.peer)
		return KAFKA_CLUSTER_AUTHORIZATION_FAILED;
	work->follower = replica_id;
	work->broker_epoch = body->replica_state.replica_epoch;
	return KAFKA_NONE;
}

void api_fetch(struct request *request)
{
	const struct fetch_request *body = request->body;
	struct fetch_work *work;
	enum kafka_error refusal;

	if (quorum_channel_takes_fetch(request))
		return;
	work = request_alloc(request, 1, sizeof(*work));
	*work = (struct fetch_work){
		.request = request, .body = body, .timer = {.fire = fetch_deadline}};
	wire_init(wire_fetch.response, &work->response);
	refusal = identify(work);
	if (refusal != KAFKA_NONE) {
		work->response.error_code = (int16_t)refusal;
		request_reply(request, &work->response);
		return;
	}
	plan(work);
	request->work = work;
	request->hurry = fetch_hurry;
	if (work->follower >= 0)
		session_hurry_older(request);
	if (body->max_wait_ms > 0)
		env_timer_after(request->worker->env, &work->timer,
				(uint64_t)body->max_wait_ms * 1000);
	work->is_stepping = true;
	fetch_begin(work, READING, part_run_read);
	work->is_stepping = false;
	fetch_step(work);
}
