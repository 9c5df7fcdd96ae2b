/* Fetch, key 1, versions 4 to 17, flexible from 12 on.
 * Reads batches from partitions: consumers, and followers (replica_id or replica_state set). */
#pragma once

#include "wire/codec.h"

struct fetch_request_replica_state {
	int32_t replica_id;
	int64_t replica_epoch;
};

struct fetch_request_partition {
	int32_t partition;
	int32_t current_leader_epoch; /* 9+ */
	int64_t fetch_offset;
	int32_t last_fetched_epoch; /* 12+ */
	int64_t log_start_offset; /* 5+ */
	int32_t partition_max_bytes;
	struct uuid replica_directory_id; /* 17+, tag 0 */
	int64_t durable_offset; /* tag 10000, ours; what the follower has flushed */
};

struct fetch_request_topic {
	struct wire_string topic; /* to 12 */
	struct uuid topic_id; /* 13+ */
	WIRE_ARRAY(struct fetch_request_partition) partitions;
};

struct fetch_request_forgotten_topic {
	struct wire_string topic; /* to 12 */
	struct uuid topic_id; /* 13+ */
	WIRE_ARRAY(int32_t) partitions;
};

struct fetch_request {
	struct wire_string cluster_id; /* 12+, may be null, tag 0 */
	int32_t replica_id; /* to 14 */
	struct fetch_request_replica_state replica_state; /* 15+, tag 1 */
	int32_t max_wait_ms;
	int32_t min_bytes;
	int32_t max_bytes;
	int8_t isolation_level;
	int32_t session_id; /* 7+ */
	int32_t session_epoch; /* 7+ */
	WIRE_ARRAY(struct fetch_request_topic) topics;
	WIRE_ARRAY(struct fetch_request_forgotten_topic) forgotten_topics_data; /* 7+ */
	struct wire_string rack_id; /* 11+ */
};

struct fetch_response_diverging_epoch {
	int32_t epoch;
	int64_t end_offset;
};

struct fetch_response_current_leader {
	int32_t leader_id;
	int32_t leader_epoch;
};

struct fetch_response_snapshot_id {
	int64_t end_offset;
	int32_t epoch;
};

struct fetch_response_aborted_transaction {
	int64_t producer_id;
	int64_t first_offset;
};

struct fetch_response_partition {
	int32_t partition_index;
	int16_t error_code;
	int64_t high_watermark;
	int64_t last_stable_offset;
	int64_t log_start_offset; /* 5+ */
	struct fetch_response_diverging_epoch diverging_epoch; /* 12+, tag 0 */
	struct fetch_response_current_leader current_leader; /* 12+, tag 1 */
	struct fetch_response_snapshot_id snapshot_id; /* 12+, tag 2 */
	WIRE_ARRAY(struct fetch_response_aborted_transaction)
	aborted_transactions; /* may be null */
	int32_t preferred_read_replica; /* 11+ */
	struct wire_records records;
};

struct fetch_response_topic {
	struct wire_string topic; /* to 12 */
	struct uuid topic_id; /* 13+ */
	WIRE_ARRAY(struct fetch_response_partition) partitions;
};

struct fetch_response_node_endpoint {
	int32_t node_id;
	struct wire_string host;
	int32_t port;
	struct wire_string rack; /* may be null */
};

struct fetch_response {
	int32_t throttle_time_ms;
	int16_t error_code; /* 7+ */
	int32_t session_id; /* 7+ */
	WIRE_ARRAY(struct fetch_response_topic) responses;
	WIRE_ARRAY(struct fetch_response_node_endpoint) node_endpoints; /* 16+, tag 0 */
};

extern const struct wire_api wire_fetch;
