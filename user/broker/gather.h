/* A request whose partitions are each asked on the shard that owns them, and whose answer leaves
 * when all have come back: ListOffsets, OffsetForLeaderEpoch, AcceptLoss. (Produce and Fetch have
 * more to do on the way and use hop.h themselves.) */
#pragma once

#include "broker/hop.h"
#include "broker/request.h"

struct gather {
	struct request *request;
	const void *response; /* filled while the parts come back */
	int32_t pending;
};

struct gather_part { /* the first member of an API's own part */
	struct hop hop;
	void (*run)(struct gather_part *part);
	struct gather *gather;
	struct uuid topic_id;
	int32_t partition;
};

void gather_begin(struct gather *gather, struct request *request, const void *response);

/* Sends a part (in the request's arena) to its owner, where run() is called; gather_return() ends
 * it. Returns KAFKA_NONE, or why it was not sent. */
enum kafka_error gather_send(struct gather *gather, struct gather_part *part,
			     struct wire_string topic, int32_t partition,
			     void (*run)(struct gather_part *part));

/* On the owner: what hosts the part's partition, NULL when nothing does. */
struct hosted *gather_hosted(const struct gather_part *part);
void gather_return(struct gather_part *part);

/* Everything has been sent: replies now or when the last part is back. */
void gather_end(struct gather *gather);
