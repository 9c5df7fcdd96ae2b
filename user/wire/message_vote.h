/* Vote, key 52, versions 0 to 2.
 * Asks a voter for its vote or, from version 2 on, its pre-vote (KIP-595, KIP-996). */
#pragma once

#include "wire/codec.h"

struct vote_request_partition {
	int32_t partition_index;
	int32_t replica_epoch;
	int32_t replica_id;
	struct uuid replica_directory_id; /* 1+ */
	struct uuid voter_directory_id; /* 1+ */
	int32_t last_offset_epoch;
	int64_t last_offset;
	bool pre_vote; /* 2+ */
};

struct vote_request_topic {
	struct wire_string topic_name;
	WIRE_ARRAY(struct vote_request_partition) partitions;
};

struct vote_request {
	struct wire_string cluster_id; /* may be null */
	int32_t voter_id; /* 1+ */
	WIRE_ARRAY(struct vote_request_topic) topics;
};

struct vote_response_partition {
	int32_t partition_index;
	int16_t error_code;
	int32_t leader_id;
	int32_t leader_epoch;
	bool vote_granted;
};

struct vote_response_topic {
	struct wire_string topic_name;
	WIRE_ARRAY(struct vote_response_partition) partitions;
};

struct vote_response_node_endpoint {
	int32_t node_id;
	struct wire_string host;
	uint16_t port;
};

struct vote_response {
	int16_t error_code;
	WIRE_ARRAY(struct vote_response_topic) topics;
	WIRE_ARRAY(struct vote_response_node_endpoint) node_endpoints; /* 1+, tag 0 */
};

extern const struct wire_api wire_vote;
