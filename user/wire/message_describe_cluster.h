/* DescribeCluster, key 60, versions 0 to 1.
 * The cluster's id, controller and brokers (KIP-700). */
#pragma once

#include "wire/codec.h"

struct describe_cluster_request {
	bool include_cluster_authorized_operations;
	int8_t endpoint_type; /* 1+ */
};

struct describe_cluster_response_broker {
	int32_t broker_id;
	struct wire_string host;
	int32_t port;
	struct wire_string rack; /* may be null */
};

struct describe_cluster_response {
	int32_t throttle_time_ms;
	int16_t error_code;
	struct wire_string error_message; /* may be null */
	int8_t endpoint_type; /* 1+ */
	struct wire_string cluster_id;
	int32_t controller_id;
	WIRE_ARRAY(struct describe_cluster_response_broker) brokers;
	int32_t cluster_authorized_operations;
};

extern const struct wire_api wire_describe_cluster;
