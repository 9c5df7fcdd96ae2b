/* Owns the fetch loops of a shard: for each leader one connection, and the session that the leader
 * keeps for it (fetch_session.h).
 *
 *     CLOSED --fetcher_send()--> OPENING --an id--> OPEN      each Fetch lists what has changed
 *        ^                          +------no id---> DECLINED  each Fetch lists everything
 *        +---- the connection or the session ended -----------+
 *
 * A few Fetches may be outstanding: one that the leader has parked; newer ones that supersede it,
 * sent when there is news (records appended, a durable offset moved, another set of partitions);
 * and those before it whose answers leave together (SESSION_PATIENCE_US). While a session is being
 * opened there is one.
 *
 * Invariants:
 *   1. `changed` holds every partition of which the newest Fetch does not say what is true now, or
 *      of which the leader waits to hear again; one more Fetch is sent as soon as fewer than
 *      FETCHER_MOST_OUTSTANDING are. `paused` holds those that were refused or did not fit.
 *   2. A partition's `told` are its last positions, one for each Fetch that may be outstanding and
 *      with the one that said it first: an answer is about the newest one that is not newer than
 *      its own Fetch (R25). */
#include "broker/fetcher.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/handshake.h"
#include "broker/limits.h"
#include "broker/peer.h"
#include "wire/errors.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { FETCH_VERSION = 16, MICROSECONDS = 1000 };

enum fetcher_session { CLOSED, OPENING, OPEN, DECLINED };

enum followed_list { QUIET, CHANGED, PAUSED };

struct followed { /* one partition that is fetched here */
	struct hosted_key key;
	struct {
		uint64_t question; /* 0: none */
		struct replica_position position;
	} told[FETCHER_MOST_OUTSTANDING]; /* newest first */
	bool is_wanted;
	enum followed_list list;
	struct followed *prev, *next; /* in that list */
	UT_hash_handle hh;
};

struct fetcher {
	struct shard *shard;
	int32_t leader;
	struct net_address address;
	struct peer *peer;
	struct followed *followed;          /* uthash */
	struct followed *lists[PAUSED + 1]; /* none is kept for QUIET */
	enum fetcher_session session;
	int32_t session_id, session_epoch;
	uint64_t questions;
	int outstanding;
	bool is_wanted, send_is_posted, is_over;
	struct env_message send_message;
	struct env_timer again; /* after the connection or the session has ended */
	struct env_timer pause; /* of the paused */
	struct fetcher *prev, *next;
};

struct fetch_question {
	struct peer_call call;
	struct fetcher *fetcher;
	uint64_t number;
	int32_t session_id;
};

static void fetcher_send_later(struct fetcher *f);

/* ---- the partitions ---- */

static void followed_move(struct fetcher *f, struct followed *followed, enum followed_list list)
{
	if (followed->list == list)
		return;
	if (followed->list != QUIET)
		DL_DELETE(f->lists[followed->list], followed);
	followed->list = list;
	if (list != QUIET)
		DL_APPEND(f->lists[list], followed);
}

static void followed_free(struct fetcher *f, struct followed *followed)
{
	followed_move(f, followed, QUIET);
	HASH_DEL(f->followed, followed);
	mem_free(followed);
}

static struct followed *followed_find(const struct fetcher *f, const struct hosted_key *key)
{
	struct followed *followed;

	HASH_FIND(hh, f->followed, key, sizeof(*key), followed);
	return followed;
}

/* Its position, when it still follows this leader. */
static bool followed_position(const struct fetcher *f, const struct followed *followed,
			      struct replica_position *ret_position)
{
	struct hosted *hosted =
		shard_find(f->shard, followed->key.topic_id, followed->key.partition);

	return followed->is_wanted && hosted &&
	       replica_fetch_position(hosted->replica, ret_position) &&
	       ret_position->leader == f->leader;
}

static void followed_tell(struct followed *followed, uint64_t question,
			  const struct replica_position *position)
{
	for (int i = FETCHER_MOST_OUTSTANDING - 1; i > 0; i--)
		followed->told[i] = followed->told[i - 1];
	followed->told[0].question = question;
	followed->told[0].position = *position;
}

/* What the leader knew when it answered that Fetch; NULL: nothing. */
static const struct replica_position *followed_told(const struct followed *followed,
						    uint64_t question)
{
	for (int i = 0; i < FETCHER_MOST_OUTSTANDING; i++)
		if (followed->told[i].question > 0 && followed->told[i].question <= question)
			return &followed->told[i].position;
	return NULL;
}

static void fetcher_free(struct fetcher *f)
{
	struct followed *followed, *next;

	HASH_ITER(hh, f->followed, followed, next)
		followed_free(f, followed);
	mem_free(f);
}

/* The questions that are under way go with the peer; the rest when no message of it is queued. */
static void fetcher_end(struct fetcher *f)
{
	DL_DELETE(f->shard->fetchers, f);
	env_timer_stop(f->shard->worker.env, &f->again);
	env_timer_stop(f->shard->worker.env, &f->pause);
	f->is_over = true;
	peer_free(f->peer);
	if (!f->send_is_posted)
		fetcher_free(f);
}

/* ---- asking ---- */

struct fetch_list { /* what a request is made of */
	struct arena arena;
	struct followed **listed, **forgotten;
	size_t listed_count, forgotten_count;
	struct fetch_request_topic *topics;
	struct fetch_request_partition *partitions;
	struct fetch_request_forgotten_topic *forgotten_topics;
	int32_t *forgotten_partitions;
};

/* A topic's partitions next to each other: they share one entry of the request. */
static int by_topic(const void *a, const void *b)
{
	const struct followed *const *one = a, *const *other = b;

	return memcmp(&(*one)->key, &(*other)->key, sizeof((*one)->key));
}

static void list_add(struct fetch_list *list, struct fetcher *f, struct followed *followed)
{
	struct replica_position position;

	if (followed_position(f, followed, &position)) {
		followed_tell(followed, f->questions, &position);
		list->listed[list->listed_count++] = followed;
	} else {
		list->forgotten[list->forgotten_count++] = followed;
	}
	followed_move(f, followed, QUIET);
}

/* What this request is to name: what has changed, or, without a session, everything. */
static void list_make(struct fetch_list *list, struct fetcher *f)
{
	struct followed *followed, *next;
	size_t count = HASH_COUNT(f->followed);

	if (f->session == OPEN)
		DL_COUNT(f->lists[CHANGED], followed, count);
	*list = (struct fetch_list){0};
	arena_init(&list->arena, SIZE_MAX);
	list->listed = arena_array(&list->arena, count, sizeof(*list->listed));
	list->forgotten = arena_array(&list->arena, count, sizeof(*list->forgotten));
	list->topics = arena_array(&list->arena, count, sizeof(*list->topics));
	list->partitions = arena_array(&list->arena, count, sizeof(*list->partitions));
	list->forgotten_topics = arena_array(&list->arena, count, sizeof(*list->forgotten_topics));
	list->forgotten_partitions =
		arena_array(&list->arena, count, sizeof(*list->forgotten_partitions));
	if (f->session == OPEN) {
		DL_FOREACH_SAFE(f->lists[CHANGED], followed, next)
			list_add(list, f, followed);
	} else {
		HASH_ITER(hh, f->followed, followed, next)
			list_add(list, f, followed);
	}
	qsort(list->listed, list->listed_count, sizeof(*list->listed), by_topic);
	qsort(list->forgotten, list->forgotten_count, sizeof(*list->forgotten), by_topic);
}

/* The request has been encoded: what it made the leader forget is forgotten here. */
static void list_done(struct fetch_list *list, struct fetcher *f)
{
	for (size_t i = 0; i < list->forgotten_count; i++)
		followed_free(f, list->forgotten[i]);
	arena_done(&list->arena);
}

static void fill_listed(struct fetch_request *request, const struct fetch_list *list,
			int32_t max_bytes)
{
	struct fetch_request_topic *topic = NULL;

	for (size_t i = 0; i < list->listed_count; i++) {
		const struct followed *followed = list->listed[i];
		const struct replica_position *position = &followed->told[0].position;

		if (!topic || !uuid_equal(topic->topic_id, followed->key.topic_id)) {
			topic = &list->topics[request->topics.count++];
			topic->topic_id = followed->key.topic_id;
			topic->partitions.items = list->partitions + i;
		}
		topic->partitions.items[topic->partitions.count++] =
			(struct fetch_request_partition){
				.partition = followed->key.partition,
				.current_leader_epoch = position->leader_epoch,
				.fetch_offset = position->fetch_offset,
				.last_fetched_epoch = position->last_fetched_epoch,
				.log_start_offset = -1,
				.partition_max_bytes = max_bytes,
				.durable_offset = position->durable_offset,
			};
	}
	request->topics.items = list->topics;
}

static void fill_forgotten(struct fetch_request *request, const struct fetch_list *list)
{
	struct fetch_request_forgotten_topic *topic = NULL;

	for (size_t i = 0; i < list->forgotten_count; i++) {
		const struct hosted_key *key = &list->forgotten[i]->key;

		if (!topic || !uuid_equal(topic->topic_id, key->topic_id)) {
			topic = &list->forgotten_topics[request->forgotten_topics_data.count++];
			topic->topic_id = key->topic_id;
			topic->partitions.items = list->forgotten_partitions + i;
		}
		topic->partitions.items[topic->partitions.count++] = key->partition;
	}
	request->forgotten_topics_data.items = list->forgotten_topics;
}

static void fill_session(struct fetcher *f, struct fetch_request *request)
{
	const struct broker_settings *settings = f->shard->worker.broker->settings;

	request->max_wait_ms = (int32_t)settings->replica_fetch_wait_max_ms;
	if (f->session == CLOSED) {
		f->session = OPENING;
		request->session_epoch = 0;
		request->max_wait_ms = 0; /* until the id is known no newer Fetch can be sent */
	} else if (f->session == OPEN) {
		request->session_id = f->session_id;
		request->session_epoch = f->session_epoch;
		f->session_epoch = f->session_epoch == INT32_MAX ? 1 : f->session_epoch + 1;
	}
}

static void fetch_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size);

static void fetcher_send(struct fetcher *f)
{
	const struct broker *broker = f->shard->worker.broker;
	const struct image_broker *self =
		image_find_broker(f->shard->worker.image, broker->identity.node_id);
	struct fetch_question *question = mem_alloc(sizeof(*question));
	struct fetch_request request;
	struct fetch_list list;

	question->call.done = fetch_answered;
	question->fetcher = f;
	question->number = ++f->questions;
	question->session_id = f->session_id;
	wire_init(wire_fetch.request, &request);
	list_make(&list, f);
	fill_session(f, &request);
	fill_listed(&request, &list, (int32_t)broker->settings->replica_fetch_max_bytes);
	if (f->session == OPEN)
		fill_forgotten(&request, &list);
	request.replica_state.replica_id = broker->identity.node_id;
	request.replica_state.replica_epoch = self ? self->epoch : -1;
	request.min_bytes = 1;
	request.max_bytes = PEER_FETCH_MOST_BYTES;
	f->outstanding++;
	peer_send(f->peer, &wire_fetch, FETCH_VERSION, &request, &question->call);
	list_done(&list, f);
}

static bool fetcher_may_send(const struct fetcher *f)
{
	if (env_timer_is_running(&f->again) || !f->followed)
		return false;
	if (f->session == OPEN || f->session == DECLINED)
		return f->outstanding == 0 ||
		       (f->lists[CHANGED] && f->outstanding < FETCHER_MOST_OUTSTANDING);
	return f->outstanding == 0;
}

static void fetcher_send_posted(struct env *here, struct env_message *message)
{
	struct fetcher *f = container_of(message, struct fetcher, send_message);

	(void)here;
	f->send_is_posted = false;
	if (f->is_over)
		fetcher_free(f);
	else if (fetcher_may_send(f))
		fetcher_send(f);
}

/* Once for all that changes in this round of events. */
static void fetcher_send_later(struct fetcher *f)
{
	if (f->send_is_posted || f->is_over)
		return;
	f->send_is_posted = true;
	f->send_message.run = fetcher_send_posted;
	env_post(f->shard->worker.env, f->shard->worker.env->shard, &f->send_message);
}

static void fetcher_again(struct env_timer *timer)
{
	fetcher_send_later(container_of(timer, struct fetcher, again));
}

static void fetcher_pause_over(struct env_timer *timer)
{
	struct fetcher *f = container_of(timer, struct fetcher, pause);
	struct followed *followed, *next;

	DL_FOREACH_SAFE(f->lists[PAUSED], followed, next)
		followed_move(f, followed, CHANGED);
	fetcher_send_later(f);
}

/* ---- the answer ---- */

/* Asks for it again, but not at once. */
static void followed_pause(struct fetcher *f, struct followed *followed)
{
	followed_move(f, followed, PAUSED);
	if (!env_timer_is_running(&f->pause))
		env_timer_after(f->shard->worker.env, &f->pause, PEER_RECONNECT_MS * MICROSECONDS);
}

static void take_partition(struct fetcher *f, uint64_t question, struct uuid topic_id,
			   const struct fetch_response_partition *answer)
{
	struct hosted_key key = {topic_id, answer->partition_index};
	struct hosted *hosted = shard_find(f->shard, topic_id, answer->partition_index);
	struct followed *followed = followed_find(f, &key);
	const struct replica_position *asked = followed ? followed_told(followed, question) : NULL;
	struct replica_response response = {
		.high_watermark = answer->high_watermark,
		.log_start_offset = answer->log_start_offset,
		.diverging_epoch = answer->diverging_epoch.epoch,
		.diverging_end_offset = answer->diverging_epoch.end_offset,
		.records = answer->records.data,
		.records_size = answer->records.size > 0 ? (size_t)answer->records.size : 0,
	};
	int64_t appended;

	if (!hosted || !asked)
		return;
	if (answer->error_code != KAFKA_NONE) {
		env_log(f->shard->worker.env, LOG_DEBUG, "fetching %s-%d from broker %d: %s",
			replica_topic(hosted->replica), key.partition, f->leader,
			kafka_error_name(answer->error_code));
		followed_pause(f, followed);
		return;
	}
	appended = replica_follow(hosted->replica, asked, &response);
	if (appended > 0)
		counter_add(&f->shard->worker.counters, COUNTER_REPLICATION_IN_BYTES,
			    (uint64_t)appended);
	if (appended < 0)
		followed_pause(f, followed);
	/* Whatever became of them: the leader is silent until it hears of this partition again. */
	else if (response.records_size > 0 || response.diverging_epoch >= 0)
		followed_move(f, followed, CHANGED);
}

static void take_partitions(struct fetcher *f, uint64_t question,
			    const struct fetch_response *response)
{
	for (int32_t t = 0; t < response->responses.count; t++) {
		const struct fetch_response_topic *topic = &response->responses.items[t];

		for (int32_t p = 0; p < topic->partitions.count; p++)
			take_partition(f, question, topic->topic_id, &topic->partitions.items[p]);
	}
}

/* Returns false when it ends the session. */
static bool take_response(struct fetch_question *question, const struct fetch_response *response)
{
	struct fetcher *f = question->fetcher;

	if (response->error_code != KAFKA_NONE) {
		env_log(f->shard->worker.env, LOG_DEBUG, "fetching from broker %d: %s", f->leader,
			kafka_error_name(response->error_code));
		return false;
	}
	if (f->session == OPENING) {
		f->session = response->session_id != 0 ? OPEN : DECLINED;
		f->session_id = response->session_id;
		f->session_epoch = 1;
	}
	take_partitions(f, question->number, response);
	return true;
}

/* Everything is asked for anew, after a pause. */
static void close_session(struct fetcher *f)
{
	f->session = CLOSED;
	f->session_id = 0;
	env_timer_after(f->shard->worker.env, &f->again, PEER_RECONNECT_MS * MICROSECONDS);
}

static void fetch_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct fetch_question *question = (struct fetch_question *)call;
	struct fetcher *f = question->fetcher;
	bool is_current = question->session_id == f->session_id;
	struct reader in = reader_of(frame, size);
	struct fetch_response response;
	int32_t correlation_id;
	struct arena arena;
	bool is_good = false;

	f->outstanding--;
	arena_init(&arena, REQUEST_ARENA_BYTES * 16);
	if (rc == 0 && !f->is_over && is_current &&
	    wire_decode_response(&wire_fetch, FETCH_VERSION, &in, &arena, &correlation_id,
				 &response) == 0)
		is_good = take_response(question, &response);
	arena_done(&arena);
	mem_free(question);
	if (f->is_over)
		return;
	if (is_current && !is_good)
		close_session(f);
	fetcher_send_later(f);
}

/* ---- whom to ask for what ---- */

static struct fetcher *fetcher_get(struct shard *shard, const struct image *image, int32_t leader)
{
	const struct image_broker *broker = image_find_broker(image, leader);
	const struct image_endpoint *endpoint = broker ? &broker->endpoints[IMAGE_INTERNAL] : NULL;
	const struct broker_settings *settings = shard->worker.broker->settings;
	struct fetcher *f;

	if (!endpoint || !endpoint->host)
		return NULL;
	DL_FOREACH(shard->fetchers, f)
		if (f->leader == leader && net_address_equal(&f->address, &endpoint->address))
			return f;
	f = mem_alloc(sizeof(*f));
	f->shard = shard;
	f->leader = leader;
	f->address = endpoint->address;
	f->again.fire = fetcher_again;
	f->pause.fire = fetcher_pause_over;
	f->peer = peer_new(&(struct peer_options){
		.env = shard->worker.env,
		.identity = &shard->worker.broker->identity,
		.node_id = leader,
		.address = endpoint->address,
		.purpose = HANDSHAKE_PEER,
		.lane = LANE_FETCH + (int32_t)shard->number,
		.silence_us = (uint64_t)(settings->session_timeout_ms +
					 settings->replica_fetch_wait_max_ms) *
			      MICROSECONDS,
	});
	DL_APPEND(shard->fetchers, f);
	return f;
}

static bool same_position(const struct replica_position *a, const struct replica_position *b)
{
	return a->leader_epoch == b->leader_epoch && a->fetch_offset == b->fetch_offset &&
	       a->last_fetched_epoch == b->last_fetched_epoch &&
	       a->durable_offset == b->durable_offset && a->generation == b->generation;
}

static void fetcher_want(struct fetcher *f, const struct hosted_key *key,
			 const struct replica_position *position)
{
	struct followed *followed = followed_find(f, key);

	if (!followed) {
		followed = mem_alloc(sizeof(*followed));
		followed->key = *key;
		HASH_ADD(hh, f->followed, key, sizeof(followed->key), followed);
	}
	followed->is_wanted = true;
	if (followed->told[0].question == 0 ||
	    !same_position(&followed->told[0].position, position))
		followed_move(f, followed, CHANGED);
}

static void fetcher_forget_unwanted(struct fetcher *f)
{
	struct followed *followed, *next;

	HASH_ITER(hh, f->followed, followed, next)
		if (!followed->is_wanted)
			followed_move(f, followed, CHANGED);
}

static void fetchers_begin(struct shard *shard)
{
	struct followed *followed, *next;
	struct fetcher *f;

	DL_FOREACH(shard->fetchers, f) {
		f->is_wanted = false;
		HASH_ITER(hh, f->followed, followed, next)
			followed->is_wanted = false;
	}
}

void fetchers_apply(struct shard *shard, const struct image *image)
{
	struct hosted *hosted, *next_hosted;
	struct fetcher *f, *next;

	fetchers_begin(shard);
	HASH_ITER(hh, shard->hosted, hosted, next_hosted) {
		struct replica_position position;

		if (!replica_fetch_position(hosted->replica, &position) || position.leader < 0)
			continue;
		f = fetcher_get(shard, image, position.leader);
		if (!f)
			continue;
		f->is_wanted = true;
		fetcher_want(f, &hosted->key, &position);
	}
	DL_FOREACH_SAFE(shard->fetchers, f, next) {
		if (!f->is_wanted) {
			fetcher_end(f);
			continue;
		}
		fetcher_forget_unwanted(f);
		fetcher_send_later(f);
	}
}

void fetchers_done(struct shard *shard)
{
	while (shard->fetchers)
		fetcher_end(shard->fetchers);
}

void fetcher_position_moved(struct shard *shard, const struct replica *replica)
{
	struct hosted_key key = {replica_topic_id(replica), replica_partition(replica)};
	int32_t leader = replica_leader(replica);
	struct followed *followed;
	struct fetcher *f;

	if (replica_role(replica) != REPLICA_FOLLOWER)
		return;
	DL_FOREACH(shard->fetchers, f) {
		followed = f->leader == leader ? followed_find(f, &key) : NULL;
		if (!followed)
			continue;
		followed_move(f, followed, CHANGED);
		fetcher_send_later(f);
	}
}
