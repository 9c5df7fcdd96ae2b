/* Produce, key 0, versions 3 to 11, flexible from 9 on.
 * Appends record batches. Answered only when acks is not 0. */
#pragma once

#include "wire/codec.h"

struct produce_request_partition {
	int32_t index;
	struct wire_records records; /* may be null */
};

struct produce_request_topic {
	struct wire_string name;
	WIRE_ARRAY(struct produce_request_partition) partition_data;
};

struct produce_request {
	struct wire_string transactional_id; /* may be null */
	int16_t acks;
	int32_t timeout_ms;
	WIRE_ARRAY(struct produce_request_topic) topic_data;
};

struct produce_response_record_error {
	int32_t batch_index;
	struct wire_string batch_index_error_message; /* may be null */
};

struct produce_response_current_leader {
	int32_t leader_id;
	int32_t leader_epoch;
};

struct produce_response_partition {
	int32_t index;
	int16_t error_code;
	int64_t base_offset;
	int64_t log_append_time_ms;
	int64_t log_start_offset; /* 5+ */
	WIRE_ARRAY(struct produce_response_record_error) record_errors; /* 8+ */
	struct wire_string error_message; /* 8+, may be null */
	struct produce_response_current_leader current_leader; /* 10+, tag 0 */
};

struct produce_response_topic {
	struct wire_string name;
	WIRE_ARRAY(struct produce_response_partition) partition_responses;
};

struct produce_response_node_endpoint {
	int32_t node_id;
	struct wire_string host;
	int32_t port;
	struct wire_string rack; /* may be null */
};

struct produce_response {
	WIRE_ARRAY(struct produce_response_topic) responses;
	int32_t throttle_time_ms;
	WIRE_ARRAY(struct produce_response_node_endpoint) node_endpoints; /* 10+, tag 0 */
};

extern const struct wire_api wire_produce;
