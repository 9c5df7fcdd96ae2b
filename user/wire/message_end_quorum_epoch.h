/* EndQuorumEpoch, key 54, version 1.
 * A quorum leader that leaves asks for an election (KIP-595). */
#pragma once

#include "wire/codec.h"

struct end_quorum_epoch_request_candidate {
	int32_t candidate_id;
	struct uuid candidate_directory_id;
};

struct end_quorum_epoch_request_partition {
	int32_t partition_index;
	int32_t leader_id;
	int32_t leader_epoch;
	WIRE_ARRAY(int32_t) preferred_successors; /* to 0 */
	WIRE_ARRAY(struct end_quorum_epoch_request_candidate) preferred_candidates;
};

struct end_quorum_epoch_request_topic {
	struct wire_string topic_name;
	WIRE_ARRAY(struct end_quorum_epoch_request_partition) partitions;
};

struct end_quorum_epoch_request_leader_endpoint {
	struct wire_string name;
	struct wire_string host;
	uint16_t port;
};

struct end_quorum_epoch_request {
	struct wire_string cluster_id; /* may be null */
	WIRE_ARRAY(struct end_quorum_epoch_request_topic) topics;
	WIRE_ARRAY(struct end_quorum_epoch_request_leader_endpoint) leader_endpoints;
};

struct end_quorum_epoch_response_partition {
	int32_t partition_index;
	int16_t error_code;
	int32_t leader_id;
	int32_t leader_epoch;
};

struct end_quorum_epoch_response_topic {
	struct wire_string topic_name;
	WIRE_ARRAY(struct end_quorum_epoch_response_partition) partitions;
};

struct end_quorum_epoch_response_node_endpoint {
	int32_t node_id;
	struct wire_string host;
	uint16_t port;
};

struct end_quorum_epoch_response {
	int16_t error_code;
	WIRE_ARRAY(struct end_quorum_epoch_response_topic) topics;
	WIRE_ARRAY(struct end_quorum_epoch_response_node_endpoint) node_endpoints; /* tag 0 */
};

extern const struct wire_api wire_end_quorum_epoch;
