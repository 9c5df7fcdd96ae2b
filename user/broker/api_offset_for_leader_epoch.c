/* OffsetForLeaderEpoch: where a leader epoch ends (R20), so that clients notice truncation. */
#include "broker/errors.h"
#include "broker/hop.h"
#include "broker/request.h"

struct epoch_part {
	struct hop hop;
	struct epoch_work *work;
	const struct offset_for_leader_epoch_request_partition *asked;
	struct uuid topic_id;
	struct offset_for_leader_epoch_response_partition *answer;
};

struct epoch_work {
	struct request *request;
	struct offset_for_leader_epoch_response response;
	int32_t pending;
};

static void part_run(struct hop *hop)
{
	struct epoch_part *part = (struct epoch_part *)hop;
	struct hosted *hosted = shard_find(hop->owner, part->topic_id, part->asked->partition);
	enum replica_error error = REPLICA_NOT_LEADER;

	if (hosted)
		error = replica_epoch_end(hosted->replica, part->asked->current_leader_epoch,
					  part->asked->leader_epoch, &part->answer->leader_epoch,
					  &part->answer->end_offset);
	part->answer->error_code = (int16_t)kafka_error_of_replica(error);
	hop_return(hop);
}

static void work_done_one(struct epoch_work *work)
{
	if (--work->pending == 0)
		request_reply(work->request, &work->response);
}

static void part_back(struct hop *hop)
{
	work_done_one(((struct epoch_part *)hop)->work);
}

static void start_part(struct epoch_work *work, struct wire_string topic,
		       const struct offset_for_leader_epoch_request_partition *asked,
		       struct offset_for_leader_epoch_response_partition *answer)
{
	struct worker *worker = work->request->worker;
	struct located located = locate_by_name(worker, topic, asked->partition);
	struct epoch_part *part;

	*answer = (struct offset_for_leader_epoch_response_partition){
		.partition = asked->partition,
		.leader_epoch = -1,
		.end_offset = -1,
	};
	if (!located.partition) {
		answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
		return;
	}
	part = request_alloc(work->request, 1, sizeof(*part));
	*part = (struct epoch_part){
		.hop = {.owner = located.owner, .home = worker, .run = part_run, .back = part_back},
		.work = work,
		.asked = asked,
		.topic_id = located.topic->id,
		.answer = answer,
	};
	work->pending++;
	hop_go(&part->hop);
}

void api_offset_for_leader_epoch(struct request *request)
{
	const struct offset_for_leader_epoch_request *body = request->body;
	struct epoch_work *work = request_alloc(request, 1, sizeof(*work));
	struct offset_for_leader_epoch_response_topic *topics =
		request_alloc(request, (size_t)body->topics.count + 1, sizeof(*topics));

	work->request = request;
	work->pending = 1;
	wire_init(wire_offset_for_leader_epoch.response, &work->response);
	work->response.topics.items = topics;
	work->response.topics.count = body->topics.count;
	for (int32_t i = 0; i < body->topics.count; i++) {
		const struct offset_for_leader_epoch_request_topic *topic = &body->topics.items[i];

		topics[i].topic = topic->topic;
		topics[i].partitions.count = topic->partitions.count;
		topics[i].partitions.items =
			request_alloc(request, (size_t)topic->partitions.count + 1,
				      sizeof(*topics[i].partitions.items));
		for (int32_t p = 0; p < topic->partitions.count; p++)
			start_part(work, topic->topic, &topic->partitions.items[p],
				   &topics[i].partitions.items[p]);
	}
	work_done_one(work);
}
