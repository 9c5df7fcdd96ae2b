/* Metadata, key 3, versions 0 to 12, flexible from 9 on.
 * Brokers, topics, partitions and their leaders. */
#pragma once

#include "wire/codec.h"

struct metadata_request_topic {
	struct uuid topic_id; /* 10+ */
	struct wire_string name; /* null: from 10 on */
};

struct metadata_request {
	WIRE_ARRAY(struct metadata_request_topic) topics; /* null: from 1 on */
	bool allow_auto_topic_creation; /* 4+ */
	bool include_cluster_authorized_operations; /* 8-10 */
	bool include_topic_authorized_operations; /* 8+ */
};

struct metadata_response_broker {
	int32_t node_id;
	struct wire_string host;
	int32_t port;
	struct wire_string rack; /* 1+, may be null */
};

struct metadata_response_partition {
	int16_t error_code;
	int32_t partition_index;
	int32_t leader_id;
	int32_t leader_epoch; /* 7+ */
	WIRE_ARRAY(int32_t) replica_nodes;
	WIRE_ARRAY(int32_t) isr_nodes;
	WIRE_ARRAY(int32_t) offline_replicas; /* 5+ */
};

struct metadata_response_topic {
	int16_t error_code;
	struct wire_string name; /* null: from 12 on */
	struct uuid topic_id; /* 10+ */
	bool is_internal; /* 1+ */
	WIRE_ARRAY(struct metadata_response_partition) partitions;
	int32_t topic_authorized_operations; /* 8+ */
};

struct metadata_response {
	int32_t throttle_time_ms; /* 3+ */
	WIRE_ARRAY(struct metadata_response_broker) brokers;
	struct wire_string cluster_id; /* 2+, may be null */
	int32_t controller_id; /* 1+ */
	WIRE_ARRAY(struct metadata_response_topic) topics;
	int32_t cluster_authorized_operations; /* 8-10 */
};

extern const struct wire_api wire_metadata;
