/* AcceptLoss (ours, for bwctl): a partition whose only replica here is corrupt (R48) is cut where
 * the damage begins, said by an operator. */
#include "broker/gather.h"

struct loss_work {
	struct gather_part part;
	struct gather gather;
	struct accept_loss_response response;
};

static void refuse(struct loss_work *work, enum kafka_error error, const char *sentence)
{
	work->response.error_code = (int16_t)error;
	work->response.error_message = wire_string_of(sentence);
}

static void loss_run(struct gather_part *part)
{
	struct loss_work *work = (struct loss_work *)part;
	struct hosted *hosted = gather_hosted(part);

	if (!hosted)
		refuse(work, KAFKA_REPLICA_NOT_AVAILABLE,
		       "this broker has no replica of it; ask one that has");
	else if (shard_accept_loss(hosted, &work->response.dropped_from,
				   &work->response.dropped_to) < 0)
		refuse(work, KAFKA_INVALID_REQUEST, "the log is not corrupt: nothing to accept");
	gather_return(part);
}

void api_accept_loss(struct request *request)
{
	const struct accept_loss_request *body = request->body;
	struct loss_work *work = request_alloc(request, 1, sizeof(*work));

	work->response = (struct accept_loss_response){.dropped_from = -1, .dropped_to = -1};
	gather_begin(&work->gather, request, &work->response);
	if (gather_send(&work->gather, &work->part, body->topic, body->partition, loss_run) !=
	    KAFKA_NONE)
		refuse(work, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "no such topic or partition");
	gather_end(&work->gather);
}
