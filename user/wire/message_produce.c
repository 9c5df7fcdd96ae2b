/* Owns the tables of Produce. */
#include "wire/message_produce.h"
#include "wire/table.h"

#define OWNER struct produce_request_partition
static const struct wire_field produce_request_partition_fields[] = {
	FIELD(index, INT32, FROM(0)),
	FIELD(records, RECORDS, FROM(0), NULLABLE(0)),
};
#undef OWNER
WIRE_SCHEMA(produce_request_partition);

#define OWNER struct produce_request_topic
static const struct wire_field produce_request_topic_fields[] = {
	FIELD(name, STRING, WITHIN(0, 12)),
	STRUCTS(partition_data, produce_request_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(produce_request_topic);

#define OWNER struct produce_request
static const struct wire_field produce_request_fields[] = {
	FIELD(transactional_id, STRING, FROM(3), NULLABLE(3)),
	FIELD(acks, INT16, FROM(0)),
	FIELD(timeout_ms, INT32, FROM(0)),
	STRUCTS(topic_data, produce_request_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(produce_request);

#define OWNER struct produce_response_record_error
static const struct wire_field produce_response_record_error_fields[] = {
	FIELD(batch_index, INT32, FROM(8)),
	FIELD(batch_index_error_message, STRING, FROM(8), NULLABLE(8)),
};
#undef OWNER
WIRE_SCHEMA(produce_response_record_error);

#define OWNER struct produce_response_current_leader
static const struct wire_field produce_response_current_leader_fields[] = {
	FIELD(leader_id, INT32, FROM(10), MISSING(-1)),
	FIELD(leader_epoch, INT32, FROM(10), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(produce_response_current_leader);

#define OWNER struct produce_response_partition
static const struct wire_field produce_response_partition_fields[] = {
	FIELD(index, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(base_offset, INT64, FROM(0)),
	FIELD(log_append_time_ms, INT64, FROM(2), MISSING(-1)),
	FIELD(log_start_offset, INT64, FROM(5), MISSING(-1)),
	STRUCTS(record_errors, produce_response_record_error, FROM(8)),
	FIELD(error_message, STRING, FROM(8), NULLABLE(8)),
	STRUCT(current_leader, produce_response_current_leader, FROM(10), TAG(0)),
};
#undef OWNER
WIRE_SCHEMA(produce_response_partition);

#define OWNER struct produce_response_topic
static const struct wire_field produce_response_topic_fields[] = {
	FIELD(name, STRING, WITHIN(0, 12)),
	STRUCTS(partition_responses, produce_response_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(produce_response_topic);

#define OWNER struct produce_response_node_endpoint
static const struct wire_field produce_response_node_endpoint_fields[] = {
	FIELD(node_id, INT32, FROM(10)),
	FIELD(host, STRING, FROM(10)),
	FIELD(port, INT32, FROM(10)),
	FIELD(rack, STRING, FROM(10), NULLABLE(10)),
};
#undef OWNER
WIRE_SCHEMA(produce_response_node_endpoint);

#define OWNER struct produce_response
static const struct wire_field produce_response_fields[] = {
	STRUCTS(responses, produce_response_topic, FROM(0)),
	FIELD(throttle_time_ms, INT32, FROM(1)),
	STRUCTS(node_endpoints, produce_response_node_endpoint, FROM(10), TAG(0)),
};
#undef OWNER
WIRE_SCHEMA(produce_response);

WIRE_API(produce, "Produce", 0, 3, 11, 9);
