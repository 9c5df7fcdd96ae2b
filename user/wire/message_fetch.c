/* Owns the tables of Fetch. */
#include "wire/message_fetch.h"
#include "wire/table.h"

#define OWNER struct fetch_request_replica_state
static const struct wire_field fetch_request_replica_state_fields[] = {
	FIELD(replica_id, INT32, FROM(15), MISSING(-1)),
	FIELD(replica_epoch, INT64, FROM(15), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(fetch_request_replica_state);

#define OWNER struct fetch_request_partition
static const struct wire_field fetch_request_partition_fields[] = {
	FIELD(partition, INT32, FROM(0)),
	FIELD(current_leader_epoch, INT32, FROM(9), MISSING(-1)),
	FIELD(fetch_offset, INT64, FROM(0)),
	FIELD(last_fetched_epoch, INT32, FROM(12), MISSING(-1)),
	FIELD(log_start_offset, INT64, FROM(5), MISSING(-1)),
	FIELD(partition_max_bytes, INT32, FROM(0)),
	FIELD(replica_directory_id, UUID, FROM(17), TAG(0)),
	FIELD(durable_offset, INT64, FROM(12), TAG(10000), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(fetch_request_partition);

#define OWNER struct fetch_request_topic
static const struct wire_field fetch_request_topic_fields[] = {
	FIELD(topic, STRING, WITHIN(0, 12)),
	FIELD(topic_id, UUID, FROM(13)),
	STRUCTS(partitions, fetch_request_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(fetch_request_topic);

#define OWNER struct fetch_request_forgotten_topic
static const struct wire_field fetch_request_forgotten_topic_fields[] = {
	FIELD(topic, STRING, WITHIN(7, 12)),
	FIELD(topic_id, UUID, FROM(13)),
	LIST(partitions, INT32, FROM(7)),
};
#undef OWNER
WIRE_SCHEMA(fetch_request_forgotten_topic);

#define OWNER struct fetch_request
static const struct wire_field fetch_request_fields[] = {
	FIELD(cluster_id, STRING, FROM(12), NULLABLE(12), TAG(0)),
	FIELD(replica_id, INT32, WITHIN(0, 14), MISSING(-1)),
	STRUCT(replica_state, fetch_request_replica_state, FROM(15), TAG(1)),
	FIELD(max_wait_ms, INT32, FROM(0)),
	FIELD(min_bytes, INT32, FROM(0)),
	FIELD(max_bytes, INT32, FROM(3), MISSING(INT32_MAX)),
	FIELD(isolation_level, INT8, FROM(4)),
	FIELD(session_id, INT32, FROM(7)),
	FIELD(session_epoch, INT32, FROM(7), MISSING(-1)),
	STRUCTS(topics, fetch_request_topic, FROM(0)),
	STRUCTS(forgotten_topics_data, fetch_request_forgotten_topic, FROM(7)),
	FIELD(rack_id, STRING, FROM(11)),
};
#undef OWNER
WIRE_SCHEMA(fetch_request);

#define OWNER struct fetch_response_diverging_epoch
static const struct wire_field fetch_response_diverging_epoch_fields[] = {
	FIELD(epoch, INT32, FROM(12), MISSING(-1)),
	FIELD(end_offset, INT64, FROM(12), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(fetch_response_diverging_epoch);

#define OWNER struct fetch_response_current_leader
static const struct wire_field fetch_response_current_leader_fields[] = {
	FIELD(leader_id, INT32, FROM(12), MISSING(-1)),
	FIELD(leader_epoch, INT32, FROM(12), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(fetch_response_current_leader);

#define OWNER struct fetch_response_snapshot_id
static const struct wire_field fetch_response_snapshot_id_fields[] = {
	FIELD(end_offset, INT64, FROM(0), MISSING(-1)),
	FIELD(epoch, INT32, FROM(0), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(fetch_response_snapshot_id);

#define OWNER struct fetch_response_aborted_transaction
static const struct wire_field fetch_response_aborted_transaction_fields[] = {
	FIELD(producer_id, INT64, FROM(4)),
	FIELD(first_offset, INT64, FROM(4)),
};
#undef OWNER
WIRE_SCHEMA(fetch_response_aborted_transaction);

#define OWNER struct fetch_response_partition
static const struct wire_field fetch_response_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(high_watermark, INT64, FROM(0)),
	FIELD(last_stable_offset, INT64, FROM(4), MISSING(-1)),
	FIELD(log_start_offset, INT64, FROM(5), MISSING(-1)),
	STRUCT(diverging_epoch, fetch_response_diverging_epoch, FROM(12), TAG(0)),
	STRUCT(current_leader, fetch_response_current_leader, FROM(12), TAG(1)),
	STRUCT(snapshot_id, fetch_response_snapshot_id, FROM(12), TAG(2)),
	STRUCTS(aborted_transactions, fetch_response_aborted_transaction, FROM(4), NULLABLE(4)),
	FIELD(preferred_read_replica, INT32, FROM(11), MISSING(-1)),
	FIELD(records, RECORDS, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(fetch_response_partition);

#define OWNER struct fetch_response_topic
static const struct wire_field fetch_response_topic_fields[] = {
	FIELD(topic, STRING, WITHIN(0, 12)),
	FIELD(topic_id, UUID, FROM(13)),
	STRUCTS(partitions, fetch_response_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(fetch_response_topic);

#define OWNER struct fetch_response_node_endpoint
static const struct wire_field fetch_response_node_endpoint_fields[] = {
	FIELD(node_id, INT32, FROM(16)),
	FIELD(host, STRING, FROM(16)),
	FIELD(port, INT32, FROM(16)),
	FIELD(rack, STRING, FROM(16), NULLABLE(16)),
};
#undef OWNER
WIRE_SCHEMA(fetch_response_node_endpoint);

#define OWNER struct fetch_response
static const struct wire_field fetch_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(1)),
	FIELD(error_code, INT16, FROM(7)),
	FIELD(session_id, INT32, FROM(7)),
	STRUCTS(responses, fetch_response_topic, FROM(0)),
	STRUCTS(node_endpoints, fetch_response_node_endpoint, FROM(16), TAG(0)),
};
#undef OWNER
WIRE_SCHEMA(fetch_response);

WIRE_API(fetch, "Fetch", 1, 4, 17, 12);
