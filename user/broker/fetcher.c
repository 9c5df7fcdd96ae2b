/* Owns the fetch loops of a shard.
 *
 * At most two Fetches are outstanding: one that the leader has parked, and a newer one that
 * supersedes it, sent when there is news (records appended, a durable offset moved, another set of
 * partitions). Invariant: `news` is set while the newest Fetch does not say what is true now; then
 * one more is sent as soon as fewer than two are outstanding. */
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

enum { FETCH_VERSION = 16, FETCHER_MOST_OUTSTANDING = 2, MICROSECONDS = 1000 };

struct fetcher {
	struct shard *shard;
	int32_t leader;
	struct net_address address;
	struct peer *peer;
	struct hosted_key *followed; /* what is fetched here, topic by topic */
	size_t count, capacity;
	int outstanding;
	bool news, is_wanted, send_is_posted, is_over;
	struct env_message send_message;
	struct env_timer again; /* after an error */
	struct fetcher *prev, *next;
};

struct fetch_question {
	struct peer_call call;
	struct fetcher *fetcher;
	size_t count;
	struct {
		struct hosted_key key;
		struct replica_position position;
	} asked[];
};

static void fetcher_send_later(struct fetcher *f);

static void fetcher_free(struct fetcher *f)
{
	mem_free(f->followed);
	mem_free(f);
}

/* The questions that are under way go with the peer; the rest when no message of it is queued. */
static void fetcher_end(struct fetcher *f)
{
	DL_DELETE(f->shard->fetchers, f);
	env_timer_stop(f->shard->worker.env, &f->again);
	f->is_over = true;
	peer_free(f->peer);
	if (!f->send_is_posted)
		fetcher_free(f);
}

/* ---- asking ---- */

static void add_partition(struct fetch_request_topic *topic,
			  const struct replica_position *position, int32_t partition,
			  int32_t max_bytes)
{
	topic->partitions.items[topic->partitions.count++] = (struct fetch_request_partition){
		.partition = partition,
		.current_leader_epoch = position->leader_epoch,
		.fetch_offset = position->fetch_offset,
		.last_fetched_epoch = position->last_fetched_epoch,
		.log_start_offset = -1,
		.partition_max_bytes = max_bytes,
		.durable_offset = position->durable_offset,
	};
}

/* Fills the request with every partition that follows this leader now. */
static void fill_request(struct fetcher *f, struct fetch_question *question,
			 struct fetch_request *request, struct fetch_request_topic *topics,
			 struct fetch_request_partition *partitions)
{
	int32_t max_bytes = (int32_t)f->shard->worker.broker->settings->replica_fetch_max_bytes;
	struct fetch_request_topic *topic = NULL;

	for (size_t i = 0; i < f->count; i++) {
		struct hosted *hosted =
			shard_find(f->shard, f->followed[i].topic_id, f->followed[i].partition);
		struct replica_position position;

		if (!hosted || !replica_fetch_position(hosted->replica, &position) ||
		    position.leader != f->leader)
			continue;
		if (!topic || !uuid_equal(topic->topic_id, f->followed[i].topic_id)) {
			topic = &topics[request->topics.count++];
			*topic = (struct fetch_request_topic){.topic_id = f->followed[i].topic_id};
			topic->partitions.items = partitions + question->count;
		}
		add_partition(topic, &position, f->followed[i].partition, max_bytes);
		question->asked[question->count].key = f->followed[i];
		question->asked[question->count].position = position;
		question->count++;
	}
	request->topics.items = topics;
}

static void fetch_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size);

static void fetcher_send(struct fetcher *f)
{
	const struct broker *broker = f->shard->worker.broker;
	const struct image_broker *self =
		image_find_broker(f->shard->worker.image, broker->identity.node_id);
	struct fetch_question *question =
		mem_alloc(sizeof(*question) + f->count * sizeof(*question->asked));
	struct fetch_request_topic *topics = mem_alloc(f->count * sizeof(*topics));
	struct fetch_request_partition *partitions = mem_alloc(f->count * sizeof(*partitions));
	struct fetch_request request;

	f->news = false;
	wire_init(wire_fetch.request, &request);
	fill_request(f, question, &request, topics, partitions);
	request.replica_state.replica_id = broker->identity.node_id;
	request.replica_state.replica_epoch = self ? self->epoch : -1;
	request.max_wait_ms = (int32_t)broker->settings->replica_fetch_wait_max_ms;
	request.min_bytes = 1;
	request.max_bytes = PEER_FETCH_MOST_BYTES;
	question->call.done = fetch_answered;
	question->fetcher = f;
	if (question->count > 0) {
		f->outstanding++;
		peer_send(f->peer, &wire_fetch, FETCH_VERSION, &request, &question->call);
	} else {
		mem_free(question);
	}
	mem_free(topics);
	mem_free(partitions);
}

static void fetcher_send_posted(struct env *here, struct env_message *message)
{
	struct fetcher *f = container_of(message, struct fetcher, send_message);

	(void)here;
	f->send_is_posted = false;
	if (f->is_over)
		fetcher_free(f);
	else if (f->news && f->outstanding < FETCHER_MOST_OUTSTANDING &&
		 !env_timer_is_running(&f->again))
		fetcher_send(f);
}

/* Once for all that changes in this round of events. */
static void fetcher_send_later(struct fetcher *f)
{
	f->news = true;
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

/* ---- the answer ---- */

/* One partition of it. Returns false when it was refused. */
static bool take_partition(struct fetcher *f, const struct hosted_key *key,
			   const struct replica_position *asked,
			   const struct fetch_response_partition *answer)
{
	struct hosted *hosted = shard_find(f->shard, key->topic_id, key->partition);
	struct replica_response response = {
		.high_watermark = answer->high_watermark,
		.log_start_offset = answer->log_start_offset,
		.diverging_epoch = answer->diverging_epoch.epoch,
		.diverging_end_offset = answer->diverging_epoch.end_offset,
		.records = answer->records.data,
		.records_size = answer->records.size > 0 ? (size_t)answer->records.size : 0,
	};
	int64_t appended;

	if (!hosted)
		return true;
	if (answer->error_code != KAFKA_NONE) {
		env_log(f->shard->worker.env, LOG_DEBUG, "fetching %s-%d from broker %d: %s",
			replica_topic(hosted->replica), key->partition, f->leader,
			kafka_error_name(answer->error_code));
		return false;
	}
	appended = replica_follow(hosted->replica, asked, &response);
	if (appended > 0)
		counter_add(&f->shard->worker.counters, COUNTER_REPLICATION_IN_BYTES,
			    (uint64_t)appended);
	if (appended > 0 || response.diverging_epoch >= 0)
		f->news = true;
	return true;
}

/* Answers come in the order of the question. Returns false when any partition was refused. */
static bool take_response(struct fetch_question *question, const struct fetch_response *response)
{
	bool is_good = response->error_code == KAFKA_NONE;
	size_t next = 0;

	for (int32_t t = 0; t < response->responses.count; t++) {
		const struct fetch_response_topic *topic = &response->responses.items[t];

		for (int32_t p = 0; p < topic->partitions.count && next < question->count;
		     p++, next++) {
			const struct hosted_key *key = &question->asked[next].key;

			if (!uuid_equal(topic->topic_id, key->topic_id) ||
			    topic->partitions.items[p].partition_index != key->partition)
				return false;
			is_good &= take_partition(question->fetcher, key,
						  &question->asked[next].position,
						  &topic->partitions.items[p]);
		}
	}
	return is_good;
}

static void fetch_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct fetch_question *question = (struct fetch_question *)call;
	struct fetcher *f = question->fetcher;
	struct reader in = reader_of(frame, size);
	struct fetch_response response;
	int32_t correlation_id;
	struct arena arena;
	bool is_good = false;

	f->outstanding--;
	arena_init(&arena, REQUEST_ARENA_BYTES * 16);
	if (rc == 0 && !f->is_over &&
	    wire_decode_response(&wire_fetch, FETCH_VERSION, &in, &arena, &correlation_id,
				 &response) == 0)
		is_good = take_response(question, &response);
	arena_done(&arena);
	mem_free(question);
	if (f->is_over)
		return;
	if (!is_good)
		env_timer_after(f->shard->worker.env, &f->again, PEER_RECONNECT_MS * MICROSECONDS);
	else if (f->outstanding == 0 || f->news)
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

static void fetcher_add(struct fetcher *f, const struct hosted_key *key)
{
	if (f->count == f->capacity) {
		f->capacity = f->capacity ? f->capacity * 2 : 16;
		f->followed = mem_resize(f->followed, f->capacity * sizeof(*f->followed));
	}
	f->followed[f->count++] = *key;
}

/* A topic's partitions next to each other: they share one entry of the request. */
static int by_topic(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hosted_key));
}

void fetchers_apply(struct shard *shard, const struct image *image)
{
	struct hosted *hosted, *next_hosted;
	struct fetcher *f, *next;

	DL_FOREACH(shard->fetchers, f) {
		f->count = 0;
		f->is_wanted = false;
	}
	HASH_ITER(hh, shard->hosted, hosted, next_hosted) {
		struct replica_position position;

		if (!replica_fetch_position(hosted->replica, &position) || position.leader < 0)
			continue;
		f = fetcher_get(shard, image, position.leader);
		if (!f)
			continue;
		f->is_wanted = true;
		fetcher_add(f, &hosted->key);
	}
	DL_FOREACH_SAFE(shard->fetchers, f, next) {
		if (!f->is_wanted) {
			fetcher_end(f);
			continue;
		}
		qsort(f->followed, f->count, sizeof(*f->followed), by_topic);
		fetcher_send_later(f);
	}
}

void fetchers_done(struct shard *shard)
{
	while (shard->fetchers)
		fetcher_end(shard->fetchers);
}

void fetcher_durable_moved(struct shard *shard, const struct replica *replica)
{
	int32_t leader = replica_leader(replica);
	struct fetcher *f;

	if (replica_role(replica) != REPLICA_FOLLOWER)
		return;
	DL_FOREACH(shard->fetchers, f)
		if (f->leader == leader)
			fetcher_send_later(f);
}
