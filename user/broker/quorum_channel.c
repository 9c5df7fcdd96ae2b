/* Owns the translation between the quorum's messages and the protocol, and which answer belongs to
 * which question.
 *
 * Out: a question goes on a peer (fetches on a lane of their own, because they wait); its answer
 * comes back with the question's id. In: a request waits in `waiting` under a tag until the quorum
 * answers that tag. */
#include "broker/quorum_channel.h"

#include "base/mem.h"
#include "broker/control_int.h"
#include "broker/peer.h"

#include <uthash.h>

static const char metadata_topic[] = "__cluster_metadata";
static const struct uuid metadata_topic_id = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

enum { FETCH_VERSION = 17, VOTE_VERSION = 2, END_EPOCH_VERSION = 1, QUORUM_FETCH_BYTES = 1 << 20 };

struct waiting {
	uint64_t tag;
	struct request *request;
	UT_hash_handle hh;
};

struct asked {
	struct peer_call call;
	struct control *control;
	struct quorum_message question; /* without its records */
};

struct quorum_channel {
	struct control *control;
	struct waiting *waiting;
	uint64_t last_tag;
};

struct quorum_channel *quorum_channel_new(struct control *control)
{
	struct quorum_channel *channel = mem_alloc(sizeof(*channel));

	channel->control = control;
	return channel;
}

void quorum_channel_free(struct quorum_channel *channel)
{
	struct waiting *waiting, *next;

	if (!channel)
		return;
	HASH_ITER(hh, channel->waiting, waiting, next) {
		HASH_DEL(channel->waiting, waiting);
		arena_done(&waiting->request->arena);
		wire_output_done(&waiting->request->out);
		mem_free(waiting->request);
		mem_free(waiting);
	}
	mem_free(channel);
}

/* ---- errors ---- */

static int16_t code_of(enum quorum_error error)
{
	static const int16_t codes[] = {
		[QUORUM_OK] = KAFKA_NONE,
		[QUORUM_NOT_LEADER] = KAFKA_NOT_LEADER_OR_FOLLOWER,
		[QUORUM_FENCED_EPOCH] = KAFKA_FENCED_LEADER_EPOCH,
		[QUORUM_UNKNOWN_EPOCH] = KAFKA_UNKNOWN_LEADER_EPOCH,
		[QUORUM_WRONG_VOTER] = KAFKA_INCONSISTENT_VOTER_SET,
	};

	return codes[error];
}

static enum quorum_error error_of(int16_t code)
{
	for (int error = QUORUM_OK; error <= QUORUM_WRONG_VOTER; error++)
		if (code_of((enum quorum_error)error) == code)
			return (enum quorum_error)error;
	return QUORUM_NOT_LEADER;
}

/* ---- answers to our questions ---- */

static bool take_vote(const struct vote_response *response, struct quorum_message *m)
{
	const struct vote_response_partition *partition;

	if (response->error_code != 0 || response->topics.count != 1 ||
	    response->topics.items[0].partitions.count != 1)
		return false;
	partition = &response->topics.items[0].partitions.items[0];
	m->type = QUORUM_VOTE_RESPONSE;
	m->error = error_of(partition->error_code);
	m->leader_id = partition->leader_id;
	m->epoch = partition->leader_epoch;
	m->granted = partition->vote_granted;
	return true;
}

static bool take_fetch(const struct fetch_response *response, struct quorum_message *m)
{
	const struct fetch_response_partition *partition;

	if (response->error_code != 0 || response->responses.count != 1 ||
	    response->responses.items[0].partitions.count != 1)
		return false;
	partition = &response->responses.items[0].partitions.items[0];
	m->type = QUORUM_FETCH_RESPONSE;
	m->error = error_of(partition->error_code);
	m->leader_id = partition->current_leader.leader_id;
	m->epoch = partition->current_leader.leader_epoch;
	m->high_watermark = partition->high_watermark;
	m->diverging_epoch = partition->diverging_epoch.epoch;
	m->diverging_end_offset = partition->diverging_epoch.end_offset;
	m->records = partition->records.data;
	m->records_size = partition->records.size > 0 ? (size_t)partition->records.size : 0;
	return true;
}

static bool take_end_epoch(const struct end_quorum_epoch_response *response,
			   struct quorum_message *m)
{
	const struct end_quorum_epoch_response_partition *partition;

	if (response->error_code != 0 || response->topics.count != 1 ||
	    response->topics.items[0].partitions.count != 1)
		return false;
	partition = &response->topics.items[0].partitions.items[0];
	m->type = QUORUM_END_EPOCH_RESPONSE;
	m->error = error_of(partition->error_code);
	m->leader_id = partition->leader_id;
	m->epoch = partition->leader_epoch;
	return true;
}

/* Decodes the answer to `question` and hands it to the quorum. */
static void take_answer(struct control *control, const struct quorum_message *question,
			const uint8_t *frame, size_t size)
{
	struct reader in = reader_of(frame, size);
	struct quorum_message m = {
		.from = question->to,
		.to = question->from,
		.id = question->id,
		.pre_vote = question->pre_vote,
		.diverging_epoch = -1,
	};
	union {
		struct vote_response vote;
		struct fetch_response fetch;
		struct end_quorum_epoch_response end_epoch;
	} response;
	int32_t correlation_id;
	struct arena arena;
	bool good = false;

	arena_init(&arena, 1 << 20);
	if (question->type == QUORUM_VOTE_REQUEST)
		good = wire_decode_response(&wire_vote, VOTE_VERSION, &in, &arena, &correlation_id,
					    &response.vote) == 0 &&
		       take_vote(&response.vote, &m);
	else if (question->type == QUORUM_FETCH_REQUEST)
		good = wire_decode_response(&wire_fetch, FETCH_VERSION, &in, &arena,
					    &correlation_id, &response.fetch) == 0 &&
		       take_fetch(&response.fetch, &m);
	else
		good = wire_decode_response(&wire_end_quorum_epoch, END_EPOCH_VERSION, &in, &arena,
					    &correlation_id, &response.end_epoch) == 0 &&
		       take_end_epoch(&response.end_epoch, &m);
	if (good && control->quorum)
		quorum_receive(control->quorum, &m);
	arena_done(&arena);
}

static void asked_done(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct asked *asked = (struct asked *)call;

	/* A broken connection is told to the quorum by the node (quorum_disconnected). */
	if (rc == 0)
		take_answer(asked->control, &asked->question, frame, size);
	mem_free(asked);
}

/* ---- our questions ---- */

static void ask_vote(struct peer *peer, const struct quorum_message *m, struct peer_call *call)
{
	struct vote_request_partition partition = {
		.replica_epoch = m->epoch,
		.replica_id = m->from,
		.replica_directory_id = m->from_directory,
		.voter_directory_id = m->to_directory,
		.last_offset_epoch = m->last_epoch,
		.last_offset = m->end_offset,
		.pre_vote = m->pre_vote,
	};
	struct vote_request_topic topic = {wire_string_of(metadata_topic), {&partition, 1}};
	struct vote_request request = {.voter_id = m->to, .topics = {&topic, 1}};

	peer_send(peer, &wire_vote, VOTE_VERSION, &request, call);
}

static void ask_fetch(struct peer *peer, const struct quorum_message *m, struct peer_call *call)
{
	struct fetch_request_partition partition;
	struct fetch_request_topic topic = {.topic_id = metadata_topic_id,
					    .partitions = {&partition, 1}};
	struct fetch_request request;

	partition = (struct fetch_request_partition){
		.current_leader_epoch = m->epoch,
		.fetch_offset = m->end_offset,
		.last_fetched_epoch = m->last_epoch,
		.log_start_offset = -1,
		.partition_max_bytes = QUORUM_FETCH_BYTES,
		.replica_directory_id = m->from_directory,
		.durable_offset = m->durable_offset,
	};
	wire_init(wire_fetch.request, &request);
	request.replica_state.replica_id = m->from;
	request.topics.items = &topic;
	request.topics.count = 1;
	peer_send(peer, &wire_fetch, FETCH_VERSION, &request, call);
}

static void ask_end_epoch(struct peer *peer, const struct quorum_message *m, struct peer_call *call)
{
	struct end_quorum_epoch_request_candidate candidate = {.candidate_id = m->successor_id};
	struct end_quorum_epoch_request_partition partition = {
		.leader_id = m->from,
		.leader_epoch = m->epoch,
		.preferred_candidates = {&candidate, 1},
	};
	struct end_quorum_epoch_request_topic topic = {wire_string_of(metadata_topic),
						       {&partition, 1}};
	struct end_quorum_epoch_request request = {.topics = {&topic, 1}};

	peer_send(peer, &wire_end_quorum_epoch, END_EPOCH_VERSION, &request, call);
}

static void send_question(struct control *control, const struct quorum_message *m)
{
	struct node *node = node_find(control, m->to);
	struct asked *asked;

	if (!node)
		return;
	asked = mem_alloc(sizeof(*asked));
	asked->call.done = asked_done;
	asked->control = control;
	asked->question = *m;
	if (m->type == QUORUM_VOTE_REQUEST)
		ask_vote(node_peer(node, LANE_VOTE), m, &asked->call);
	else if (m->type == QUORUM_FETCH_REQUEST)
		ask_fetch(node_peer(node, LANE_QUORUM), m, &asked->call);
	else
		ask_end_epoch(node_peer(node, LANE_VOTE), m, &asked->call);
}

/* ---- our answers ---- */

static void answer_vote(struct request *request, const struct quorum_message *m)
{
	struct vote_response_partition partition = {
		.error_code = code_of(m->error),
		.leader_id = m->leader_id,
		.leader_epoch = m->epoch,
		.vote_granted = m->granted,
	};
	struct vote_response_topic topic = {wire_string_of(metadata_topic), {&partition, 1}};
	struct vote_response response = {.topics = {&topic, 1}};

	request_reply(request, &response);
}

static void answer_fetch(struct request *request, const struct quorum_message *m)
{
	struct fetch_response_partition partition = {
		.error_code = code_of(m->error),
		.high_watermark = m->high_watermark,
		.last_stable_offset = m->high_watermark,
		.diverging_epoch = {m->diverging_epoch, m->diverging_end_offset},
		.current_leader = {m->leader_id, m->epoch},
		.snapshot_id = {-1, -1},
		.aborted_transactions = {NULL, -1},
		.preferred_read_replica = -1,
		.records = {.data = m->records, .size = (int32_t)m->records_size},
	};
	struct fetch_response_topic topic = {.topic_id = metadata_topic_id,
					     .partitions = {&partition, 1}};
	struct fetch_response response = {.responses = {&topic, 1}};

	request_reply(request, &response);
}

static void answer_end_epoch(struct request *request, const struct quorum_message *m)
{
	struct end_quorum_epoch_response_partition partition = {
		.error_code = code_of(m->error),
		.leader_id = m->leader_id,
		.leader_epoch = m->epoch,
	};
	struct end_quorum_epoch_response_topic topic = {wire_string_of(metadata_topic),
							{&partition, 1}};
	struct end_quorum_epoch_response response = {.topics = {&topic, 1}};

	request_reply(request, &response);
}

static void send_answer(struct quorum_channel *channel, const struct quorum_message *m)
{
	struct waiting *waiting;
	struct request *request;

	HASH_FIND(hh, channel->waiting, &m->tag, sizeof(m->tag), waiting);
	if (!waiting)
		return;
	request = waiting->request;
	HASH_DEL(channel->waiting, waiting);
	mem_free(waiting);
	if (m->type == QUORUM_VOTE_RESPONSE)
		answer_vote(request, m);
	else if (m->type == QUORUM_FETCH_RESPONSE)
		answer_fetch(request, m);
	else
		answer_end_epoch(request, m);
}

void quorum_channel_send(void *context, const struct quorum_message *message)
{
	struct control *control = context;

	if (message->type == QUORUM_VOTE_REQUEST || message->type == QUORUM_FETCH_REQUEST ||
	    message->type == QUORUM_END_EPOCH_REQUEST)
		send_question(control, message);
	else
		send_answer(control->quorum_channel, message);
}

/* ---- others' questions ---- */

/* Hands a question to the quorum; the request waits for the answer with this tag. */
static void ask_quorum(struct control *control, struct request *request, struct quorum_message *m)
{
	struct quorum_channel *channel = control->quorum_channel;
	struct waiting *waiting = mem_alloc(sizeof(*waiting));

	waiting->tag = ++channel->last_tag;
	waiting->request = request;
	HASH_ADD(hh, channel->waiting, tag, sizeof(waiting->tag), waiting);
	m->tag = waiting->tag;
	m->from = request->view.peer; /* the proven one (S9) */
	m->to = control->worker.broker->identity.node_id;
	if (control->quorum)
		quorum_receive(control->quorum, m);
}

void api_vote(struct request *request)
{
	const struct vote_request *body = request->body;
	struct control *control = control_of(request);
	const struct vote_request_partition *asked;
	struct quorum_message m;

	if (!control || body->topics.count != 1 || body->topics.items[0].partitions.count != 1 ||
	    body->topics.items[0].partitions.items[0].replica_id != request->view.peer) {
		request_reply(request,
			      &(struct vote_response){.error_code = KAFKA_INVALID_REQUEST});
		return;
	}
	asked = &body->topics.items[0].partitions.items[0];
	m = (struct quorum_message){
		.type = QUORUM_VOTE_REQUEST,
		.epoch = asked->replica_epoch,
		.leader_id = -1,
		.pre_vote = asked->pre_vote,
		.from_directory = asked->replica_directory_id,
		.to_directory = asked->voter_directory_id,
		.last_epoch = asked->last_offset_epoch,
		.end_offset = asked->last_offset,
		.diverging_epoch = -1,
	};
	ask_quorum(control, request, &m);
}

void api_end_quorum_epoch(struct request *request)
{
	const struct end_quorum_epoch_request *body = request->body;
	struct control *control = control_of(request);
	const struct end_quorum_epoch_request_partition *asked;
	struct quorum_message m;

	if (!control || body->topics.count != 1 || body->topics.items[0].partitions.count != 1) {
		request_reply(request, &(struct end_quorum_epoch_response){
					       .error_code = KAFKA_INVALID_REQUEST});
		return;
	}
	asked = &body->topics.items[0].partitions.items[0];
	m = (struct quorum_message){
		.type = QUORUM_END_EPOCH_REQUEST,
		.epoch = asked->leader_epoch,
		.leader_id = asked->leader_id,
		.successor_id = asked->preferred_candidates.count
					? asked->preferred_candidates.items[0].candidate_id
					: -1,
		.diverging_epoch = -1,
	};
	ask_quorum(control, request, &m);
}

bool quorum_channel_takes_fetch(struct request *request)
{
	const struct fetch_request *body = request->body;
	struct control *control = control_of(request);
	const struct fetch_request_partition *asked;
	struct quorum_message m;

	if (!control)
		return false;
	if (request->header.api_version < FETCH_VERSION || body->topics.count != 1 ||
	    !uuid_equal(body->topics.items[0].topic_id, metadata_topic_id) ||
	    body->topics.items[0].partitions.count != 1) {
		request_reply(request,
			      &(struct fetch_response){.error_code = KAFKA_INVALID_REQUEST});
		return true;
	}
	asked = &body->topics.items[0].partitions.items[0];
	m = (struct quorum_message){
		.type = QUORUM_FETCH_REQUEST,
		.epoch = asked->current_leader_epoch,
		.leader_id = -1,
		.from_directory = asked->replica_directory_id,
		.last_epoch = asked->last_fetched_epoch,
		.end_offset = asked->fetch_offset,
		.durable_offset = asked->durable_offset,
		.diverging_epoch = -1,
	};
	ask_quorum(control, request, &m);
	return true;
}
