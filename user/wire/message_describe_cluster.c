/* Owns the tables of DescribeCluster. */
#include "wire/message_describe_cluster.h"
#include "wire/table.h"

#define OWNER struct describe_cluster_request
static const struct wire_field describe_cluster_request_fields[] = {
	FIELD(include_cluster_authorized_operations, BOOL, FROM(0)),
	FIELD(endpoint_type, INT8, FROM(1), MISSING(1)),
};
#undef OWNER
WIRE_SCHEMA(describe_cluster_request);

#define OWNER struct describe_cluster_response_broker
static const struct wire_field describe_cluster_response_broker_fields[] = {
	FIELD(broker_id, INT32, FROM(0)),
	FIELD(host, STRING, FROM(0)),
	FIELD(port, INT32, FROM(0)),
	FIELD(rack, STRING, FROM(0), NULLABLE(0)),
};
#undef OWNER
WIRE_SCHEMA(describe_cluster_response_broker);

#define OWNER struct describe_cluster_response
static const struct wire_field describe_cluster_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(error_message, STRING, FROM(0), NULLABLE(0)),
	FIELD(endpoint_type, INT8, FROM(1), MISSING(1)),
	FIELD(cluster_id, STRING, FROM(0)),
	FIELD(controller_id, INT32, FROM(0), MISSING(-1)),
	STRUCTS(brokers, describe_cluster_response_broker, FROM(0)),
	FIELD(cluster_authorized_operations, INT32, FROM(0), MISSING(INT32_MIN)),
};
#undef OWNER
WIRE_SCHEMA(describe_cluster_response);

WIRE_API(describe_cluster, "DescribeCluster", 60, 0, 1, 0);
