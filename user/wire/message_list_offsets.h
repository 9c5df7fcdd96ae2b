/* ListOffsets, key 2, versions 1 to 9, flexible from 6 on.
 * Asks for the offset that belongs to a timestamp, the first or the last one. */
#pragma once

#include "wire/codec.h"

struct list_offsets_request_partition {
	int32_t partition_index;
	int32_t current_leader_epoch; /* 4+ */
	int64_t timestamp;
};

struct list_offsets_request_topic {
	struct wire_string name;
	WIRE_ARRAY(struct list_offsets_request_partition) partitions;
};

struct list_offsets_request {
	int32_t replica_id;
	int8_t isolation_level; /* 2+ */
	WIRE_ARRAY(struct list_offsets_request_topic) topics;
};

struct list_offsets_response_partition {
	int32_t partition_index;
	int16_t error_code;
	int64_t timestamp;
	int64_t offset;
	int32_t leader_epoch; /* 4+ */
};

struct list_offsets_response_topic {
	struct wire_string name;
	WIRE_ARRAY(struct list_offsets_response_partition) partitions;
};

struct list_offsets_response {
	int32_t throttle_time_ms; /* 2+ */
	WIRE_ARRAY(struct list_offsets_response_topic) topics;
};

extern const struct wire_api wire_list_offsets;
