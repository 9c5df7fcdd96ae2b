/* Fetch, for consumers, and for followers that have no session (fetch_session.h).
 *
 *     READING --not enough yet--> WATCHING --one wakes, deadline, hurry--> RECALLING --> READING
 *        |
 *        +--enough bytes, an error, deadline--> reply
 *
 * Each part is read and watched on the shard that owns its partition (fetch_part.h). Invariant:
 * `pending` counts the hops of this work that are under way; the phase changes, and memory goes,
 * only when it is 0. */
#include "base/container_of.h"
#include "broker/fetch_part.h"
#include "broker/fetch_session.h"
#include "broker/limits.h"
#include "broker/quorum_channel.h"
#include "broker/session.h"

struct asked_part {
	struct fetch_part part;
	struct fetch_work *work;
	struct fetch_response_partition *answer;
};

enum fetch_phase { READING, WATCHING, RECALLING };

struct fetch_work {
	struct request *request;
	const struct fetch_request *body;
	struct fetch_response response;
	struct asked_part *parts;
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

/* ---- at home ---- */

static void part_back(struct hop *hop)
{
	struct fetch_work *work = container_of(hop, struct asked_part, part.hop)->work;

	work->pending--;
	work->is_woken = true;
	fetch_step(work);
}

static void recall_back(struct hop *hop)
{
	struct fetch_work *work = container_of(hop, struct asked_part, part.recall)->work;

	work->pending--;
	fetch_step(work);
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
		struct fetch_part *part = &work->parts[i].part;
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
	for (int32_t i = 0; i < work->part_count; i++)
		fetch_part_release(work->request->worker->env, &work->parts[i].part);
}

static void fill_answer(struct fetch_work *work, const struct asked_part *asked, int64_t *room)
{
	bool records = !work->is_hurried && *room > 0;

	fetch_part_fill(work->request, &asked->part, records, asked->answer);
	if (records)
		*room -= fetch_part_bytes(&asked->part);
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
		const struct fetch_part *part = &work->parts[i].part;

		if (part->error != KAFKA_NONE || part->fetched.diverging_epoch >= 0)
			return true;
		bytes += fetch_part_bytes(part);
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
			fetch_begin(work, RECALLING, fetch_part_recall);
			continue;
		}
		if (work->pending > 0 || work->phase == WATCHING)
			break;
		if (work->phase == RECALLING) {
			fetch_begin(work, READING, fetch_part_read);
		} else if (fetch_is_enough(work)) {
			fetch_reply(work);
			return;
		} else {
			fetch_release_slices(work);
			fetch_begin(work, WATCHING, fetch_part_watch);
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
	struct asked_part *planned = &work->parts[work->part_count++];
	struct worker *worker = work->request->worker;
	bool by_id = work->request->header.api_version >= 13;
	struct located located = by_id ? locate_by_id(worker, topic->topic_id, asked->partition)
				       : locate_by_name(worker, topic->topic, asked->partition);

	*planned = (struct asked_part){.work = work, .answer = answer};
	planned->part = (struct fetch_part){
		.hop = {.owner = located.owner, .home = worker, .back = part_back},
		.recall = {.owner = located.owner, .home = worker, .back = recall_back},
		.asked = *asked,
		.follower = work->follower,
		.broker_epoch = work->broker_epoch,
		.fetched = {.diverging_epoch = -1},
	};
	if (located.partition)
		planned->part.topic_id = located.topic->id;
	else
		planned->part.error = by_id && !located.topic ? KAFKA_UNKNOWN_TOPIC_ID
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
	if (request->view.kind != VIEW_PEER) /* a client that claims to be a replica, too */
		return body->session_id == 0
			       ? KAFKA_NONE
			       : KAFKA_FETCH_SESSION_ID_NOT_FOUND; /* declined: clients have id 0 */
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
	if (work->follower >= 0) {
		if (fetch_session_takes(request))
			return;
		session_hurry_older(request);
	}
	plan(work);
	request->work = work;
	request->hurry = fetch_hurry;
	if (body->max_wait_ms > 0)
		env_timer_after(request->worker->env, &work->timer,
				(uint64_t)body->max_wait_ms * 1000);
	work->is_stepping = true;
	fetch_begin(work, READING, fetch_part_read);
	work->is_stepping = false;
	fetch_step(work);
}
