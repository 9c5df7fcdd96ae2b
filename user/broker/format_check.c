/* Owns the questions to the other voters. Each is a pre-vote that nobody could grant (its log is
 * empty, its epoch 0): the answer names the voter's epoch, and an epoch above 0 has had a leader,
 * who committed the first record of it. */
#include "broker/format_check.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/peer.h"

#include <errno.h>
#include <string.h>

enum { CHECK_MOST_US = 1000000, CHECK_VOTE_VERSION = 2 };

struct format_question {
	struct peer_call call;
	struct format_check *check;
	struct peer *peer;
	int32_t node_id;
};

struct format_check {
	struct env *env;
	struct identity identity;
	struct format_question questions[QUORUM_MOST_VOTERS];
	int count, open;
	int result;
	struct env_message over;
	void (*done)(void *context, int result);
	void *context;
};

static void check_over(struct env *here, struct env_message *message)
{
	struct format_check *check = container_of(message, struct format_check, over);

	(void)here;
	check->done(check->context, check->result);
}

static void question_over(struct format_check *check)
{
	if (--check->open > 0)
		return;
	check->over.run = check_over;
	env_post(check->env, check->env->shard, &check->over);
}

static void question_answered(struct peer_call *call, int rc, const uint8_t *frame, size_t size)
{
	struct format_question *question = container_of(call, struct format_question, call);
	struct format_check *check = question->check;
	struct reader in = reader_of(frame, size);
	struct vote_response response;
	int32_t correlation_id;
	struct arena arena;

	arena_init(&arena, HANDSHAKE_MOST_BYTES);
	if (rc < 0)
		env_log(check->env, LOG_INFO, "voter %d does not answer: taken as not started yet",
			question->node_id);
	else if (wire_decode_response(&wire_vote, CHECK_VOTE_VERSION, &in, &arena, &correlation_id,
				      &response) == 0 &&
		 response.topics.count == 1 && response.topics.items[0].partitions.count == 1 &&
		 response.topics.items[0].partitions.items[0].leader_epoch > 0) {
		env_log(check->env, LOG_ERROR,
			"voter %d has committed records already: format all voters of a new "
			"cluster before the first one starts; a voter that lost its directory "
			"cannot come back under its old id",
			question->node_id);
		check->result = -EEXIST;
	}
	arena_done(&arena);
	question_over(check);
}

static void ask(struct format_check *check, const struct voter_address *voter)
{
	struct format_question *question = &check->questions[check->count++];
	struct vote_request_partition partition = {
		.replica_id = check->identity.node_id,
		.replica_directory_id = check->identity.directory_id,
		.voter_directory_id = voter->voter.directory_id,
		.last_offset_epoch = -1,
		.pre_vote = true,
	};
	struct vote_request_topic topic = {wire_string_of("__cluster_metadata"), {&partition, 1}};
	struct vote_request request = {.voter_id = voter->voter.id, .topics = {&topic, 1}};

	question->check = check;
	question->node_id = voter->voter.id;
	question->call.done = question_answered;
	question->peer = peer_new(&(struct peer_options){
		.env = check->env,
		.identity = &check->identity,
		.node_id = voter->voter.id,
		.address = voter->endpoint.address,
		.purpose = HANDSHAKE_PEER,
		.lane = LANE_HEARTBEAT,
		.silence_us = CHECK_MOST_US,
	});
	check->open++;
	peer_send(question->peer, &wire_vote, CHECK_VOTE_VERSION, &request, &question->call);
}

int format_check_start(struct env *env, const struct broker_settings *settings,
		       const struct broker_addresses *addresses,
		       const struct format_options *options,
		       void (*done)(void *context, int result), void *context,
		       struct format_check **ret_check)
{
	struct format_check *check = mem_alloc(sizeof(*check));
	int rc = 0;

	*check = (struct format_check){.env = env, .open = 1, .done = done, .context = context};
	check->identity.node_id = (int32_t)settings->node_id;
	strncpy(check->identity.cluster_id, options->cluster_id,
		sizeof(check->identity.cluster_id) - 1);
	if (addresses->listeners[IMAGE_INTERNAL].host)
		rc = data_folder_read_secret(env, settings, &check->identity);
	if (rc < 0) {
		mem_free(check);
		return rc;
	}
	for (int32_t i = 0; check->identity.has_secret && i < options->voter_count; i++)
		if (options->voters[i].voter.id != check->identity.node_id)
			ask(check, &options->voters[i]);
	*ret_check = check;
	question_over(check);
	return 0;
}

void format_check_free(struct format_check *check)
{
	for (int i = 0; i < check->count; i++)
		peer_free(check->questions[i].peer);
	mem_free(check);
}
