/* BeginQuorumEpoch, key 53, version 1.
 * A new quorum leader tells the voters that it leads (KIP-595). */
#pragma once

#include "wire/codec.h"

struct begin_quorum_epoch_request_partition {
	int32_t partition_index;
	struct uuid voter_directory_id;
	int32_t leader_id;
	int32_t leader_epoch;
};

struct begin_quorum_epoch_request_topic {
	struct wire_string topic_name;
	WIRE_ARRAY(struct begin_quorum_epoch_request_partition) partitions;
};

struct begin_quorum_epoch_request_leader_endpoint {
	struct wire_string name;
	struct wire_string host;
	uint16_t port;
};

struct begin_quorum_epoch_request {
	struct wire_string cluster_id; /* may be null */
	int32_t voter_id;
	WIRE_ARRAY(struct begin_quorum_epoch_request_topic) topics;
	WIRE_ARRAY(struct begin_quorum_epoch_request_leader_endpoint) leader_endpoints;
};

struct begin_quorum_epoch_response_partition {
	int32_t partition_index;
	int16_t error_code;
	int32_t leader_id;
	int32_t leader_epoch;
};

struct begin_quorum_epoch_response_topic {
	struct wire_string topic_name;
	WIRE_ARRAY(struct begin_quorum_epoch_response_partition) partitions;
};

struct begin_quorum_epoch_response_node_endpoint {
	int32_t node_id;
	struct wire_string host;
	uint16_t port;
};

struct begin_quorum_epoch_response {
	int16_t error_code;
	WIRE_ARRAY(struct begin_quorum_epoch_response_topic) topics;
	WIRE_ARRAY(struct begin_quorum_epoch_response_node_endpoint) node_endpoints; /* tag 0 */
};

extern const struct wire_api wire_begin_quorum_epoch;
