/* OffsetForLeaderEpoch: where a leader epoch ends (R20), so that clients notice truncation. */
#include "broker/errors.h"
#include "broker/gather.h"

struct epoch_part {
	struct gather_part base;
	const struct offset_for_leader_epoch_request_partition *asked;
	struct offset_for_leader_epoch_response_partition *answer;
};

struct epoch_work {
	struct gather gather;
	struct offset_for_leader_epoch_response response;
};

static void part_run(struct gather_part *base)
{
	struct epoch_part *part = (struct epoch_part *)base;
	struct hosted *hosted = gather_hosted(base);
	enum replica_error error = REPLICA_NOT_LEADER;

	if (hosted)
		error = replica_epoch_end(hosted->replica, part->asked->current_leader_epoch,
					  part->asked->leader_epoch, &part->answer->leader_epoch,
					  &part->answer->end_offset);
	part->answer->error_code = (int16_t)kafka_error_of_replica(error);
	gather_return(base);
}

static void start_part(struct epoch_work *work, struct wire_string topic,
		       const struct offset_for_leader_epoch_request_partition *asked,
		       struct offset_for_leader_epoch_response_partition *answer)
{
	struct epoch_part *part = request_alloc(work->gather.request, 1, sizeof(*part));
	enum kafka_error error;

	part->asked = asked;
	part->answer = answer;
	*answer = (struct offset_for_leader_epoch_response_partition){
		.partition = asked->partition,
		.leader_epoch = -1,
		.end_offset = -1,
	};
	error = gather_send(&work->gather, &part->base, topic, asked->partition, part_run);
	if (error != KAFKA_NONE)
		answer->error_code = (int16_t)error;
}

void api_offset_for_leader_epoch(struct request *request)
{
	const struct offset_for_leader_epoch_request *body = request->body;
	struct epoch_work *work = request_alloc(request, 1, sizeof(*work));
	struct offset_for_leader_epoch_response_topic *topics =
		request_alloc(request, (size_t)body->topics.count + 1, sizeof(*topics));

	wire_init(wire_offset_for_leader_epoch.response, &work->response);
	work->response.topics.items = topics;
	work->response.topics.count = body->topics.count;
	gather_begin(&work->gather, request, &work->response);
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
	gather_end(&work->gather);
}
