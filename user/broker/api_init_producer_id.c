/* InitProducerId without transactions: ids from this shard's block, which the controller gave out
 * once and never gives out again. A transactional id is refused: transactions come whole or not. */
#include "base/mem.h"
#include "broker/controller_call.h"
#include "broker/limits.h"
#include "broker/request.h"
#include "broker/shard.h"

#include <utlist.h>

static void reply(struct request *request, enum kafka_error error, int64_t producer_id)
{
	struct init_producer_id_response response = {
		.error_code = (int16_t)error,
		.producer_id = producer_id,
		.producer_epoch = error == KAFKA_NONE ? 0 : -1,
	};

	request_reply(request, &response);
}

/* A request that waits for the next block; in the request's arena. */
struct id_waiting {
	struct request *request;
	struct id_waiting *prev, *next;
};

struct block_question {
	struct controller_call call;
	struct shard *shard;
};

static void block_done(struct controller_call *call, int rc)
{
	struct block_question *question = (struct block_question *)call;
	struct producer_ids *ids = &question->shard->producer_ids;
	struct id_waiting *waiting = ids->waiting, *one, *next;
	struct allocate_producer_ids_response response;
	struct arena arena;

	ids->asked = false;
	ids->waiting = NULL;
	arena_init(&arena, 4096);
	if (rc == 0 &&
	    controller_call_decode(call, &wire_allocate_producer_ids, 0, &arena, &response) == 0 &&
	    response.error_code == KAFKA_NONE) {
		ids->next = response.producer_id_start;
		ids->end = response.producer_id_start + response.producer_id_len;
	}
	arena_done(&arena);
	controller_call_done(call);
	mem_free(question);
	DL_FOREACH_SAFE(waiting, one, next) {
		if (ids->next < ids->end)
			reply(one->request, KAFKA_NONE, ids->next++);
		else
			reply(one->request, KAFKA_COORDINATOR_NOT_AVAILABLE, -1);
	}
}

static void ask_block(struct shard *shard)
{
	const struct broker *broker = shard->worker.broker;
	const struct image_broker *self =
		image_find_broker(shard->worker.image, broker->identity.node_id);
	struct allocate_producer_ids_request request = {
		.broker_id = broker->identity.node_id,
		.broker_epoch = self ? self->epoch : -1,
	};
	struct block_question *question = mem_alloc(sizeof(*question));

	shard->producer_ids.asked = true;
	question->shard = shard;
	question->call.from = &shard->worker;
	question->call.lane = LANE_CONTROL;
	question->call.as_peer = true;
	question->call.deadline_us = env_now_us(shard->worker.env) + CONTROLLER_CALL_MS * 1000;
	question->call.done = block_done;
	controller_call_encode(&question->call, &wire_allocate_producer_ids, 0, &request);
	controller_call(&question->call);
}

void api_init_producer_id(struct request *request)
{
	const struct init_producer_id_request *body = request->body;
	struct shard *shard = (struct shard *)request->worker; /* its first member */
	struct producer_ids *ids = &shard->producer_ids;

	if (body->transactional_id.data && body->transactional_id.size == 0)
		reply(request, KAFKA_INVALID_REQUEST, -1);
	else if (body->transactional_id.data)
		reply(request, KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1);
	else if (ids->next < ids->end)
		reply(request, KAFKA_NONE, ids->next++);
	else {
		struct id_waiting *w = request_alloc(request, 1, sizeof(*w));

		w->request = request;
		DL_APPEND(ids->waiting, w);
		if (!ids->asked)
			ask_block(shard);
	}
}
