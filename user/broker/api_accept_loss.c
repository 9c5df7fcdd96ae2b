/* AcceptLoss (ours, for bwctl): a partition whose only replica here is corrupt (R48) is cut where
 * the damage begins, said by an operator. */
#include "broker/hop.h"
#include "broker/request.h"

struct loss_work {
	struct hop hop;
	struct request *request;
	struct uuid topic_id;
	int32_t partition;
	struct accept_loss_response response;
};

static void loss_back(struct hop *hop)
{
	struct loss_work *work = (struct loss_work *)hop;

	request_reply(work->request, &work->response);
}

static void loss_run(struct hop *hop)
{
	struct loss_work *work = (struct loss_work *)hop;
	struct hosted *hosted = shard_find(hop->owner, work->topic_id, work->partition);
	int rc;

	if (!hosted) {
		work->response.error_code = KAFKA_REPLICA_NOT_AVAILABLE;
		work->response.error_message =
			wire_string_of("this broker has no replica of it; ask one that has");
	} else {
		rc = shard_accept_loss(hosted, &work->response.dropped_from,
				       &work->response.dropped_to);
		if (rc < 0) {
			work->response.error_code = KAFKA_INVALID_REQUEST;
			work->response.error_message =
				wire_string_of("the log is not corrupt: nothing to accept");
		}
	}
	hop_return(hop);
}

void api_accept_loss(struct request *request)
{
	const struct accept_loss_request *body = request->body;
	struct located located = locate_by_name(request->worker, body->topic, body->partition);
	struct loss_work *work = request_alloc(request, 1, sizeof(*work));

	*work = (struct loss_work){
		.hop = {.owner = located.owner,
			.home = request->worker,
			.run = loss_run,
			.back = loss_back},
		.request = request,
		.partition = body->partition,
		.response = {.dropped_from = -1, .dropped_to = -1},
	};
	if (!located.partition) {
		work->response.error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
		work->response.error_message = wire_string_of("no such topic or partition");
		request_reply(request, &work->response);
		return;
	}
	work->topic_id = located.topic->id;
	hop_go(&work->hop);
}
