/* Owns the tables of Metadata. */
#include "wire/message_metadata.h"
#include "wire/table.h"

#define OWNER struct metadata_request_topic
static const struct wire_field metadata_request_topic_fields[] = {
	FIELD(topic_id, UUID, FROM(10)),
	FIELD(name, STRING, FROM(0), NULLABLE(10)),
};
#undef OWNER
WIRE_SCHEMA(metadata_request_topic);

#define OWNER struct metadata_request
static const struct wire_field metadata_request_fields[] = {
	STRUCTS(topics, metadata_request_topic, FROM(0), NULLABLE(1)),
	FIELD(allow_auto_topic_creation, BOOL, FROM(4), MISSING(true)),
	FIELD(include_cluster_authorized_operations, BOOL, WITHIN(8, 10)),
	FIELD(include_topic_authorized_operations, BOOL, FROM(8)),
};
#undef OWNER
WIRE_SCHEMA(metadata_request);

#define OWNER struct metadata_response_broker
static const struct wire_field metadata_response_broker_fields[] = {
	FIELD(node_id, INT32, FROM(0)),
	FIELD(host, STRING, FROM(0)),
	FIELD(port, INT32, FROM(0)),
	FIELD(rack, STRING, FROM(1), NULLABLE(1)),
};
#undef OWNER
WIRE_SCHEMA(metadata_response_broker);

#define OWNER struct metadata_response_partition
static const struct wire_field metadata_response_partition_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(leader_id, INT32, FROM(0)),
	FIELD(leader_epoch, INT32, FROM(7), MISSING(-1)),
	LIST(replica_nodes, INT32, FROM(0)),
	LIST(isr_nodes, INT32, FROM(0)),
	LIST(offline_replicas, INT32, FROM(5)),
};
#undef OWNER
WIRE_SCHEMA(metadata_response_partition);

#define OWNER struct metadata_response_topic
static const struct wire_field metadata_response_topic_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	FIELD(name, STRING, FROM(0), NULLABLE(12)),
	FIELD(topic_id, UUID, FROM(10)),
	FIELD(is_internal, BOOL, FROM(1)),
	STRUCTS(partitions, metadata_response_partition, FROM(0)),
	FIELD(topic_authorized_operations, INT32, FROM(8), MISSING(INT32_MIN)),
};
#undef OWNER
WIRE_SCHEMA(metadata_response_topic);

#define OWNER struct metadata_response
static const struct wire_field metadata_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(3)),
	STRUCTS(brokers, metadata_response_broker, FROM(0)),
	FIELD(cluster_id, STRING, FROM(2), NULLABLE(2)),
	FIELD(controller_id, INT32, FROM(1), MISSING(-1)),
	STRUCTS(topics, metadata_response_topic, FROM(0)),
	FIELD(cluster_authorized_operations, INT32, WITHIN(8, 10), MISSING(INT32_MIN)),
};
#undef OWNER
WIRE_SCHEMA(metadata_response);

WIRE_API(metadata, "Metadata", 3, 0, 12, 9);
