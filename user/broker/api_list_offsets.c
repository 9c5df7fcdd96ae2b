/* ListOffsets: the first offset, the end, or the first batch at or after a timestamp. */
#include "broker/errors.h"

#include "base/container_of.h"
#include "broker/gather.h"

#include <errno.h>

enum { LATEST = -1, EARLIEST = -2, COLD_TRIES = 1000 };

struct offset_part {
	struct gather_part base;
	const struct list_offsets_request_partition *asked;
	struct list_offsets_response_partition *answer;
	int cold_tries;
	struct env_read_ahead ahead;
};

struct offset_work {
	struct gather gather;
	struct list_offsets_response response;
};

static void part_finish(struct offset_part *part, enum kafka_error error)
{
	part->answer->error_code = (int16_t)error;
	gather_return(&part->base);
}

static void part_found(struct offset_part *part, struct replica *replica, int64_t offset,
		       int64_t timestamp)
{
	part->answer->offset = offset;
	part->answer->timestamp = timestamp;
	part->answer->leader_epoch = replica_leader_epoch(replica);
	part_finish(part, KAFKA_NONE);
}

static void part_search(struct offset_part *part);

static void part_ahead_done(struct env_read_ahead *ahead, int result)
{
	struct offset_part *part = container_of(ahead, struct offset_part, ahead);

	env_file_unref(part->base.hop.owner->worker.env, ahead->file);
	if (result < 0)
		part_finish(part, KAFKA_KAFKA_STORAGE_ERROR);
	else
		part_search(part);
}

/* By timestamp: scans batch headers, reading ahead where pages are cold. */
static void part_search(struct offset_part *part)
{
	struct env *env = part->base.hop.owner->worker.env;
	struct hosted *hosted = gather_hosted(&part->base);
	int64_t bound, offset = -1, timestamp = -1;
	struct plog_slice cold;
	enum replica_error error =
		hosted ? replica_list_end(hosted->replica, part->asked->current_leader_epoch,
					  &bound)
		       : REPLICA_NOT_LEADER;
	int rc;

	if (error != REPLICA_OK) {
		part_finish(part, kafka_error_of_replica(error));
		return;
	}
	rc = plog_find_timestamp(replica_log(hosted->replica), part->asked->timestamp, bound,
				 &offset, &timestamp, &cold);
	if (rc == -EAGAIN && part->cold_tries++ < COLD_TRIES) {
		part->ahead = (struct env_read_ahead){
			.file = cold.file,
			.position = cold.position,
			.size = (size_t)cold.size_bytes,
			.done = part_ahead_done,
		};
		env_read_ahead(env, &part->ahead);
		return;
	}
	if (rc == -EAGAIN)
		env_file_unref(env, cold.file);
	if (rc < 0)
		part_finish(part, KAFKA_UNKNOWN_SERVER_ERROR);
	else
		part_found(part, hosted->replica, rc ? offset : -1, rc ? timestamp : -1);
}

static void part_run(struct gather_part *base)
{
	struct offset_part *part = (struct offset_part *)base;
	struct hosted *hosted = gather_hosted(base);
	enum replica_error error;
	int64_t end;

	if (part->asked->timestamp >= 0) {
		part_search(part);
		return;
	}
	error = hosted ? replica_list_end(hosted->replica, part->asked->current_leader_epoch, &end)
		       : REPLICA_NOT_LEADER;
	/* R15 is about the end alone: where a log begins does not depend on HW. */
	if (error == REPLICA_OFFSET_NOT_AVAILABLE && part->asked->timestamp == EARLIEST)
		error = REPLICA_OK;
	if (error != REPLICA_OK)
		part_finish(part, kafka_error_of_replica(error));
	else if (part->asked->timestamp == EARLIEST)
		part_found(part, hosted->replica, plog_start_offset(replica_log(hosted->replica)),
			   -1);
	else if (part->asked->timestamp == LATEST)
		part_found(part, hosted->replica, end, -1);
	else
		part_finish(part, KAFKA_UNSUPPORTED_VERSION);
}

static void start_part(struct offset_work *work, struct wire_string topic,
		       const struct list_offsets_request_partition *asked,
		       struct list_offsets_response_partition *answer)
{
	struct offset_part *part = request_alloc(work->gather.request, 1, sizeof(*part));
	enum kafka_error error;

	part->asked = asked;
	part->answer = answer;
	*answer = (struct list_offsets_response_partition){
		.partition_index = asked->partition_index,
		.timestamp = -1,
		.offset = -1,
		.leader_epoch = -1,
	};
	error = gather_send(&work->gather, &part->base, topic, asked->partition_index, part_run);
	if (error != KAFKA_NONE)
		answer->error_code = (int16_t)error;
}

void api_list_offsets(struct request *request)
{
	const struct list_offsets_request *body = request->body;
	struct offset_work *work = request_alloc(request, 1, sizeof(*work));
	struct list_offsets_response_topic *topics =
		request_alloc(request, (size_t)body->topics.count + 1, sizeof(*topics));

	wire_init(wire_list_offsets.response, &work->response);
	work->response.topics.items = topics;
	work->response.topics.count = body->topics.count;
	gather_begin(&work->gather, request, &work->response);
	for (int32_t i = 0; i < body->topics.count; i++) {
		const struct list_offsets_request_topic *topic = &body->topics.items[i];

		topics[i].name = topic->name;
		topics[i].partitions.count = topic->partitions.count;
		topics[i].partitions.items =
			request_alloc(request, (size_t)topic->partitions.count + 1,
				      sizeof(*topics[i].partitions.items));
		for (int32_t p = 0; p < topic->partitions.count; p++)
			start_part(work, topic->name, &topic->partitions.items[p],
				   &topics[i].partitions.items[p]);
	}
	gather_end(&work->gather);
}
