/* OffsetForLeaderEpoch, key 23, versions 2 to 4, flexible from 4 on.
 * Where a leader epoch ends (KIP-101, R20). */
#pragma once

#include "wire/codec.h"

struct offset_for_leader_epoch_request_partition {
	int32_t partition;
	int32_t current_leader_epoch;
	int32_t leader_epoch;
};

struct offset_for_leader_epoch_request_topic {
	struct wire_string topic;
	WIRE_ARRAY(struct offset_for_leader_epoch_request_partition) partitions;
};

struct offset_for_leader_epoch_request {
	int32_t replica_id; /* 3+ */
	WIRE_ARRAY(struct offset_for_leader_epoch_request_topic) topics;
};

struct offset_for_leader_epoch_response_partition {
	int16_t error_code;
	int32_t partition;
	int32_t leader_epoch;
	int64_t end_offset;
};

struct offset_for_leader_epoch_response_topic {
	struct wire_string topic;
	WIRE_ARRAY(struct offset_for_leader_epoch_response_partition) partitions;
};

struct offset_for_leader_epoch_response {
	int32_t throttle_time_ms;
	WIRE_ARRAY(struct offset_for_leader_epoch_response_topic) topics;
};

extern const struct wire_api wire_offset_for_leader_epoch;
