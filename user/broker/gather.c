/* Owns the counting of parts. Invariant: pending is one more than the parts under way until
 * gather_end(), so that the answer cannot leave before all have been sent. */
#include "broker/gather.h"

#include "base/container_of.h"

void gather_begin(struct gather *gather, struct request *request, const void *response)
{
	*gather = (struct gather){request, response, 1};
}

void gather_end(struct gather *gather)
{
	if (--gather->pending == 0)
		request_reply(gather->request, gather->response);
}

static void part_back(struct hop *hop)
{
	gather_end(container_of(hop, struct gather_part, hop)->gather);
}

static void part_run(struct hop *hop)
{
	struct gather_part *part = container_of(hop, struct gather_part, hop);

	part->run(part);
}

enum kafka_error gather_send(struct gather *gather, struct gather_part *part,
			     struct wire_string topic, int32_t partition,
			     void (*run)(struct gather_part *part))
{
	struct worker *worker = gather->request->worker;
	struct located located = locate_by_name(worker, topic, partition);

	if (!located.partition)
		return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	part->hop = (struct hop){
		.owner = located.owner, .home = worker, .run = part_run, .back = part_back};
	part->gather = gather;
	part->topic_id = located.topic->id;
	part->partition = partition;
	part->run = run;
	gather->pending++;
	hop_go(&part->hop);
	return KAFKA_NONE;
}

struct hosted *gather_hosted(const struct gather_part *part)
{
	return shard_find(part->hop.owner, part->topic_id, part->partition);
}

void gather_return(struct gather_part *part)
{
	hop_return(&part->hop);
}
