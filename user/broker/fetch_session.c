/* Owns the leader's side of fetch sessions. fetch_session.h says what is told when; here a part is
 *
 *     DUE --read_due()--> READING --nothing, or bounds only--> WATCHED --it wakes--> DUE
 *      ^                     |                                    |
 *      |                     +--records, diverging, an error--> FULL --work_reply()--> ANSWERED
 *      |                     +--left to the mirror--> HELD --grace is over--> DUE
 *      +--------------- listed again, from wherever it is ------------------------------+
 *
 * Invariants:
 *   1. Works (requests) are served one after the other, in the order of their arrival: the state of
 *      the session is that after the first work's request.
 *   2. `pending` counts the hops that the first work waits for; it is answered when there are none.
 *   3. `due` holds the parts in DUE, `held` those in HELD, `news` those that an answer is to name:
 *      FULL ones, and WATCHED ones whose bounds have moved. `full` counts the former.
 *   4. `asked` is written at home only: an owner reads it during a hop.
 * R4 without a walk over idle partitions: what a request re-validates (leader epoch, broker epoch,
 * assignment) changes only by events that wake the watch, and a part that woke is checked anew. */
#include "broker/fetch_session.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/fetch_part.h"
#include "broker/limits.h"
#include "broker/session.h"

#include <utlist.h>

enum part_state { DUE, READING, WATCHED, HELD, FULL, ANSWERED };

struct session_part {
	struct fetch_part part;
	struct hosted_key key;
	struct fetch_session *session;
	enum part_state state;
	struct fetch_request_partition wanted; /* as listed last; `asked` from its next read on */
	int64_t told_high_watermark, told_log_start;
	bool is_news, is_recalled, is_leaving;
	struct session_part *prev, *next;           /* in due or held */
	struct session_part *news_prev, *news_next; /* in news */
	UT_hash_handle hh;
};

struct fetch_work { /* one request, in its arena */
	struct request *request;
	const struct fetch_request *body;
	struct fetch_session *session;
	bool is_begun;
	bool is_hurried; /* to be answered without records (superseded, S4) */
	bool is_late;    /* the deadline has passed */
	struct fetch_work *prev, *next;
};

struct fetch_session {
	struct worker *worker;
	int32_t id, next_epoch, follower;
	int64_t broker_epoch;
	struct session_part *parts; /* uthash */
	struct session_part *due, *held, *news;
	struct fetch_work *works; /* oldest first */
	int32_t pending, full;
	struct env_timer deadline, grace;
	struct env_message step_message;
	bool step_is_posted, is_stepping, is_over;
};

static void session_step(struct fetch_session *session);

/* ---- parts and the lists they are in ---- */

static void news_add(struct session_part *part)
{
	if (!part->is_news)
		DL_APPEND2(part->session->news, part, news_prev, news_next);
	part->is_news = true;
}

static void news_remove(struct session_part *part)
{
	if (part->is_news)
		DL_DELETE2(part->session->news, part, news_prev, news_next);
	part->is_news = false;
}

static void part_set_state(struct session_part *part, enum part_state state)
{
	struct fetch_session *session = part->session;

	if (part->state == DUE)
		DL_DELETE(session->due, part);
	else if (part->state == HELD)
		DL_DELETE(session->held, part);
	else if (part->state == FULL)
		session->full--;
	part->state = state;
	if (state == DUE)
		DL_APPEND(session->due, part);
	else if (state == HELD)
		DL_APPEND(session->held, part);
	else if (state == FULL)
		session->full++;
}

static void part_free(struct session_part *part)
{
	news_remove(part);
	part_set_state(part, ANSWERED);
	fetch_part_release(part->session->worker->env, &part->part);
	HASH_DEL(part->session->parts, part);
	mem_free(part);
}

/* ---- back from the owner ---- */

/* Once for all that happens in this round of events: what was appended to many partitions in it
 * leaves in one answer. */
static void session_step_later(struct fetch_session *session);

static void part_hold(struct session_part *part)
{
	struct fetch_session *session = part->session;
	uint64_t until_us = part->part.fetched.held_until_us;

	part_set_state(part, HELD);
	if (!env_timer_is_running(&session->grace) || until_us < session->grace.deadline_us)
		env_timer_start(session->worker->env, &session->grace, until_us);
}

static void part_has_read(struct session_part *part)
{
	const struct fetch_part *p = &part->part;

	if (p->error != KAFKA_NONE || p->fetched.diverging_epoch >= 0 || fetch_part_bytes(p) > 0) {
		part_set_state(part, FULL);
		news_add(part);
	} else if (part->session->is_over) {
		part_set_state(part, ANSWERED); /* it stays at home */
	} else if (p->fetched.held_until_us != 0) {
		part_hold(part);
	} else {
		if (p->fetched.read.high_watermark != part->told_high_watermark ||
		    p->fetched.read.log_start_offset != part->told_log_start)
			news_add(part);
		part_set_state(part, WATCHED);
		part->part.hop.run = fetch_part_watch;
		hop_go(&part->part.hop);
	}
}

static void part_back(struct hop *hop)
{
	struct session_part *part = container_of(hop, struct session_part, part.hop);
	struct fetch_session *session = part->session;

	if (part->state == READING) {
		session->pending--;
		part_has_read(part);
		session_step(session);
	} else {
		part_set_state(part, DUE);
		if (!part->is_recalled)
			session_step_later(session);
	}
}

static void recall_back(struct hop *hop)
{
	struct session_part *part = container_of(hop, struct session_part, part.recall);
	struct fetch_session *session = part->session;

	session->pending--;
	part->is_recalled = false;
	if (part->is_leaving)
		part_free(part);
	session_step(session);
}

/* ---- what a request lists ---- */

static void part_recall(struct session_part *part)
{
	if (part->is_recalled)
		return;
	part->is_recalled = true;
	part->session->pending++;
	part->part.recall.run = fetch_part_recall;
	hop_go(&part->part.recall);
}

/* What this broker does not host is not kept: it is told, and leaves by that. */
static enum kafka_error refusal_of(const struct fetch_session *session,
				   const struct located *located)
{
	if (!located->topic)
		return KAFKA_UNKNOWN_TOPIC_ID;
	if (!located->partition)
		return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	return image_partition_has_replica(located->partition,
					   session->worker->broker->identity.node_id)
		       ? KAFKA_NONE
		       : KAFKA_NOT_LEADER_OR_FOLLOWER;
}

static struct session_part *part_add(struct fetch_session *session, const struct hosted_key *key)
{
	struct located located = locate_by_id(session->worker, key->topic_id, key->partition);
	struct session_part *part = mem_alloc(sizeof(*part));

	part->session = session;
	part->key = *key;
	part->told_high_watermark = -1;
	part->part = (struct fetch_part){
		.hop = {.owner = located.owner, .home = session->worker, .back = part_back},
		.recall = {.owner = located.owner, .home = session->worker, .back = recall_back},
		.topic_id = key->topic_id,
		.asked = {.partition = key->partition},
		.follower = session->follower,
		.broker_epoch = session->broker_epoch,
		.leaves_mirrored = true,
		.error = refusal_of(session, &located),
		.fetched = {.diverging_epoch = -1},
	};
	part->state = ANSWERED;
	HASH_ADD(hh, session->parts, key, sizeof(part->key), part);
	if (part->part.error != KAFKA_NONE) {
		part_set_state(part, FULL);
		news_add(part);
	}
	return part;
}

static void part_listed(struct fetch_session *session, struct uuid topic_id,
			const struct fetch_request_partition *asked)
{
	struct hosted_key key = {topic_id, asked->partition};
	struct session_part *part;

	HASH_FIND(hh, session->parts, &key, sizeof(key), part);
	if (!part)
		part = part_add(session, &key);
	/* Its log is another than the one that was told of: it hears that this one is right. */
	if (asked->current_leader_epoch != part->wanted.current_leader_epoch ||
	    asked->fetch_offset < part->wanted.fetch_offset)
		part->told_high_watermark = -1;
	part->wanted = *asked;
	part->is_leaving = false;
	if (part->state == WATCHED)
		part_recall(part);
	else if (part->state == ANSWERED || part->state == HELD)
		part_set_state(part, DUE);
}

static void part_forgotten(struct fetch_session *session, struct uuid topic_id, int32_t partition)
{
	struct hosted_key key = {topic_id, partition};
	struct session_part *part;

	HASH_FIND(hh, session->parts, &key, sizeof(key), part);
	if (!part)
		return;
	part->is_leaving = true;
	if (part->state == WATCHED)
		part_recall(part);
	else
		part_free(part);
}

static void work_begin(struct fetch_work *work)
{
	const struct fetch_request *body = work->body;
	struct fetch_session *session = work->session;

	work->is_begun = true;
	if (body->max_wait_ms > 0)
		env_timer_after(session->worker->env, &session->deadline,
				(uint64_t)body->max_wait_ms * 1000);
	for (int32_t t = 0; t < body->forgotten_topics_data.count; t++) {
		const struct fetch_request_forgotten_topic *topic =
			&body->forgotten_topics_data.items[t];

		for (int32_t p = 0; p < topic->partitions.count; p++)
			part_forgotten(session, topic->topic_id, topic->partitions.items[p]);
	}
	for (int32_t t = 0; t < body->topics.count; t++) {
		const struct fetch_request_topic *topic = &body->topics.items[t];

		for (int32_t p = 0; p < topic->partitions.count; p++)
			part_listed(session, topic->topic_id, &topic->partitions.items[p]);
	}
}

/* ---- the answer ---- */

/* Its records go with a later answer, and are read anew for it. */
static void part_put_off(struct session_part *part)
{
	news_remove(part);
	fetch_part_release(part->session->worker->env, &part->part);
	part_set_state(part, DUE);
}

static void part_answered(struct session_part *part)
{
	const struct fetch_part *p = &part->part;

	news_remove(part);
	if (p->error != KAFKA_NONE) {
		part_free(part);
		return;
	}
	part->told_high_watermark = p->fetched.read.high_watermark;
	part->told_log_start = p->fetched.read.log_start_offset;
	if (part->state == FULL) {
		fetch_part_release(part->session->worker->env, &part->part);
		part_set_state(part, ANSWERED);
	}
}

/* Partitions of one topic that follow each other share an entry. */
static struct fetch_response_partition *response_add(struct fetch_response *response,
						     struct uuid topic_id,
						     struct fetch_response_partition *next)
{
	struct fetch_response_topic *topic =
		response->responses.items + response->responses.count - 1;

	if (response->responses.count == 0 || !uuid_equal(topic->topic_id, topic_id)) {
		response->responses.count++;
		*++topic = (struct fetch_response_topic){.topic_id = topic_id};
		topic->partitions.items = next;
	}
	topic->partitions.count++;
	return next;
}

static void fill_response(struct fetch_work *work, struct fetch_response *response)
{
	struct fetch_session *session = work->session;
	int64_t room = work->body->max_bytes < PEER_FETCH_MOST_BYTES ? work->body->max_bytes
								     : PEER_FETCH_MOST_BYTES;
	struct fetch_response_partition *next;
	struct session_part *part, *following;
	size_t count;

	DL_COUNT2(session->news, part, count, news_next);
	response->responses.items =
		request_alloc(work->request, count + 1, sizeof(*response->responses.items));
	next = request_alloc(work->request, count + 1, sizeof(*next));
	if (room < 1)
		room = 1; /* the first batch leaves in any case (KIP-74) */
	DL_FOREACH_SAFE2(session->news, part, following, news_next) {
		int64_t bytes = fetch_part_bytes(&part->part);

		if (bytes > 0 && (work->is_hurried || room <= 0)) {
			part_put_off(part);
			continue;
		}
		fetch_part_fill(work->request, &part->part, true,
				response_add(response, part->key.topic_id, next++));
		room -= bytes;
	}
}

/* High watermarks and starts of logs are news that a follower does nothing about. */
static bool tells_offsets_only(const struct fetch_response *response)
{
	for (int32_t t = 0; t < response->responses.count; t++)
		for (int32_t p = 0; p < response->responses.items[t].partitions.count; p++) {
			const struct fetch_response_partition *told =
				&response->responses.items[t].partitions.items[p];

			if (told->error_code != KAFKA_NONE || told->records.size > 0 ||
			    told->diverging_epoch.epoch >= 0)
				return false;
		}
	return true;
}

static void work_reply(struct fetch_work *work)
{
	struct fetch_session *session = work->session;
	struct request *request = work->request;
	struct fetch_response response;
	struct session_part *part, *following;

	env_timer_stop(session->worker->env, &session->deadline);
	wire_init(wire_fetch.response, &response);
	response.session_id = session->id;
	fill_response(work, &response);
	/* Superseded: the newer one's answer follows. */
	request->is_patient = work->is_hurried && work->next && tells_offsets_only(&response);
	request_encode(request, &response);
	/* The encoder has references of its own. */
	DL_FOREACH_SAFE2(session->news, part, following, news_next)
		part_answered(part);
	DL_DELETE(session->works, work);
	request_finish(request);
}

/* ---- the machine ---- */

static void read_due(struct fetch_session *session)
{
	struct session_part *part;

	while ((part = session->due)) {
		news_remove(part);
		part_set_state(part, READING);
		part->part.asked = part->wanted;
		part->part.hop.run = fetch_part_read;
		session->pending++;
		hop_go(&part->part.hop);
	}
}

/* The first bytes are enough: a follower never waits for more. */
static bool work_is_enough(const struct fetch_work *work)
{
	return work->is_hurried || work->is_late || work->body->max_wait_ms <= 0 ||
	       work->session->full > 0;
}

/* Returns whether there may be more to do. */
static bool session_advance(struct fetch_session *session)
{
	struct fetch_work *work = session->works;

	if (!work)
		return false;
	if (!work->is_begun)
		work_begin(work);
	else if (session->pending > 0)
		return false;
	else if (session->due && !work->is_hurried)
		read_due(session);
	else if (work_is_enough(work))
		work_reply(work);
	else
		return false;
	return true;
}

/* Frees it when nothing of it is under way any more. */
static void session_end_if_done(struct fetch_session *session)
{
	struct session_part *part, *next;

	if (session->works || session->pending > 0)
		return;
	HASH_ITER(hh, session->parts, part, next)
		part_free(part);
	if (!session->step_is_posted)
		mem_free(session);
}

static void session_step(struct fetch_session *session)
{
	if (session->is_stepping)
		return;
	session->is_stepping = true;
	while (session_advance(session))
		;
	session->is_stepping = false;
	if (session->is_over)
		session_end_if_done(session);
}

static void step_posted(struct env *here, struct env_message *message)
{
	struct fetch_session *session = container_of(message, struct fetch_session, step_message);

	(void)here;
	session->step_is_posted = false;
	session_step(session);
}

static void session_step_later(struct fetch_session *session)
{
	struct env *env = session->worker->env;

	if (session->worker->broker->is_over) {
		session_step(session); /* no message would arrive any more */
		return;
	}
	if (session->step_is_posted)
		return;
	session->step_is_posted = true;
	session->step_message.run = step_posted;
	env_post(env, env->shard, &session->step_message);
}

static void session_late(struct env_timer *timer)
{
	struct fetch_session *session = container_of(timer, struct fetch_session, deadline);

	session->works->is_late = true;
	session_step(session);
}

static void session_grace_over(struct env_timer *timer)
{
	struct fetch_session *session = container_of(timer, struct fetch_session, grace);
	struct session_part *part, *next;

	/* A part whose own grace is longer is read too early, and held again. */
	DL_FOREACH_SAFE(session->held, part, next)
		part_set_state(part, DUE);
	session_step(session);
}

static void work_hurry(struct request *request)
{
	struct fetch_work *work = request->work;

	work->is_hurried = true;
	session_step(work->session);
}

/* ---- life ---- */

static struct fetch_session *session_begin(struct request *request)
{
	const struct fetch_request *body = request->body;
	struct fetch_session *session = mem_alloc(sizeof(*session));
	uint32_t id;

	env_random_bytes(request->worker->env, &id, sizeof(id));
	session->worker = request->worker;
	session->id = (int32_t)(id >> 1 | 1); /* positive */
	session->follower = request->view.peer;
	session->broker_epoch = body->replica_state.replica_epoch;
	session->deadline.fire = session_late;
	session->grace.fire = session_grace_over;
	return session;
}

/* Every part that is still out is called back; the last one to come home frees the session. */
void fetch_session_end(struct fetch_session *session)
{
	struct session_part *part, *next;

	if (!session)
		return;
	session->is_over = true;
	env_timer_stop(session->worker->env, &session->deadline);
	env_timer_stop(session->worker->env, &session->grace);
	session->is_stepping = true; /* recalls may come back at once */
	HASH_ITER(hh, session->parts, part, next)
		if (part->state == WATCHED)
			part_recall(part);
	session->is_stepping = false;
	session_step(session);
}

static enum kafka_error check(const struct fetch_session *session, const struct fetch_request *body)
{
	/* R6: another broker epoch is another uptime, which has no session here. */
	if (!session || session->id != body->session_id ||
	    session->broker_epoch != body->replica_state.replica_epoch)
		return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
	return session->next_epoch == body->session_epoch ? KAFKA_NONE
							  : KAFKA_INVALID_FETCH_SESSION_EPOCH;
}

/* The session that the request belongs to, or why there is none. */
static enum kafka_error find(struct request *request, struct fetch_session **ret)
{
	const struct fetch_request *body = request->body;
	struct fetch_session **at = session_fetch_session(request->owner);
	enum kafka_error error = KAFKA_NONE;

	if (body->session_epoch != 0)
		error = check(*at, body);
	if (body->session_epoch == 0 || error != KAFKA_NONE) {
		fetch_session_end(*at);
		*at = NULL;
	}
	if (error != KAFKA_NONE)
		return error;
	if (!*at)
		*at = session_begin(request);
	(*at)->next_epoch = (*at)->next_epoch == INT32_MAX ? 1 : (*at)->next_epoch + 1;
	*ret = *at;
	return KAFKA_NONE;
}

bool fetch_session_takes(struct request *request)
{
	const struct fetch_request *body = request->body;
	struct fetch_session *session;
	struct fetch_work *work;
	enum kafka_error error;

	if (body->session_id == 0 && body->session_epoch == -1)
		return false;
	error = find(request, &session);
	if (error != KAFKA_NONE) {
		session_hurry_older(request);
		request_reply(request, &(struct fetch_response){.error_code = (int16_t)error});
		return true;
	}
	work = request_alloc(request, 1, sizeof(*work));
	*work = (struct fetch_work){.request = request, .body = body, .session = session};
	request->work = work;
	request->hurry = work_hurry;
	DL_APPEND(session->works, work);
	session_hurry_older(request); /* they see that they are superseded */
	session_step(session);
	return true;
}
