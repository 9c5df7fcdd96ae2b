/* Owns the judgement of AlterPartition's answers: which of them prove that nothing was applied. */
#include "broker/isr_channel.h"

#include "base/mem.h"
#include "broker/controller_call.h"

#include <string.h>

enum { ALTER_VERSION = 3 };

struct isr_question {
	struct controller_call call;
	struct shard *shard;
	struct replica_isr_change change;
	int32_t *isr;
	int64_t *broker_epochs;
};

/* R32: INVALID_UPDATE_VERSION and FENCED_LEADER_EPOCH may be the answer to a repetition of a
 * request that was applied: the image will tell. */
static enum replica_isr_answer judge(int16_t code)
{
	switch (code) {
	case KAFKA_NONE:
		return REPLICA_ISR_APPLIED;
	case KAFKA_INELIGIBLE_REPLICA:
	case KAFKA_INVALID_REQUEST:
	case KAFKA_UNKNOWN_TOPIC_ID:
	case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
		return REPLICA_ISR_REFUSED;
	default:
		return REPLICA_ISR_UNKNOWN;
	}
}

static void question_done(struct controller_call *call, int rc)
{
	struct isr_question *question = (struct isr_question *)call;
	struct hosted *hosted =
		shard_find(question->shard, question->change.topic_id, question->change.partition);
	enum replica_isr_answer answer = REPLICA_ISR_UNKNOWN;
	struct alter_partition_response response;
	int32_t partition_epoch = -1;
	struct arena arena;

	arena_init(&arena, 64 * 1024);
	if (rc == 0 &&
	    controller_call_decode(call, &wire_alter_partition, ALTER_VERSION, &arena, &response) ==
		    0 &&
	    response.error_code == KAFKA_NONE && response.topics.count == 1 &&
	    response.topics.items[0].partitions.count == 1) {
		answer = judge(response.topics.items[0].partitions.items[0].error_code);
		partition_epoch = response.topics.items[0].partitions.items[0].partition_epoch;
	}
	arena_done(&arena);
	if (hosted)
		replica_isr_answer(hosted->replica, &question->change, answer, partition_epoch);
	controller_call_done(call);
	mem_free(question->isr);
	mem_free(question->broker_epochs);
	mem_free(question);
}

static void encode(struct isr_question *question, int64_t broker_epoch)
{
	const struct replica_isr_change *change = &question->change;
	size_t count = (size_t)change->count;
	struct alter_partition_request_isr_member *members = mem_alloc(count * sizeof(*members));
	struct alter_partition_request_partition partition = {
		.partition_index = change->partition,
		.leader_epoch = change->leader_epoch,
		.partition_epoch = change->partition_epoch,
		.new_isr_with_epochs = {members, change->count},
	};
	struct alter_partition_request_topic topic = {.topic_id = change->topic_id,
						      .partitions = {&partition, 1}};
	struct alter_partition_request request = {
		.broker_id = question->shard->worker.broker->identity.node_id,
		.broker_epoch = broker_epoch,
		.topics = {&topic, 1},
	};

	for (size_t i = 0; i < count; i++)
		members[i] = (struct alter_partition_request_isr_member){change->isr[i],
									 change->broker_epochs[i]};
	controller_call_encode(&question->call, &wire_alter_partition, ALTER_VERSION, &request);
	mem_free(members);
}

void isr_channel_send(struct shard *shard, const struct replica_isr_change *change)
{
	const struct image_broker *self =
		image_find_broker(shard->worker.image, shard->worker.broker->identity.node_id);
	struct isr_question *question = mem_alloc(sizeof(*question));
	size_t count = (size_t)change->count;

	question->shard = shard;
	question->change = *change;
	question->isr = mem_alloc(count * sizeof(*question->isr));
	question->broker_epochs = mem_alloc(count * sizeof(*question->broker_epochs));
	memcpy(question->isr, change->isr, count * sizeof(*question->isr));
	memcpy(question->broker_epochs, change->broker_epochs,
	       count * sizeof(*question->broker_epochs));
	question->change.isr = question->isr;
	question->change.broker_epochs = question->broker_epochs;
	question->call.from = &shard->worker;
	question->call.lane = LANE_CONTROL;
	question->call.as_peer = true;
	question->call.done = question_done;
	encode(question, self ? self->epoch : -1);
	controller_call(&question->call);
}
