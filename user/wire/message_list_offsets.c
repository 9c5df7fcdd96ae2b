/* Owns the tables of ListOffsets. */
#include "wire/message_list_offsets.h"
#include "wire/table.h"

#define OWNER struct list_offsets_request_partition
static const struct wire_field list_offsets_request_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(current_leader_epoch, INT32, FROM(4), MISSING(-1)),
	FIELD(timestamp, INT64, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(list_offsets_request_partition);

#define OWNER struct list_offsets_request_topic
static const struct wire_field list_offsets_request_topic_fields[] = {
	FIELD(name, STRING, FROM(0)),
	STRUCTS(partitions, list_offsets_request_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(list_offsets_request_topic);

#define OWNER struct list_offsets_request
static const struct wire_field list_offsets_request_fields[] = {
	FIELD(replica_id, INT32, FROM(0)),
	FIELD(isolation_level, INT8, FROM(2)),
	STRUCTS(topics, list_offsets_request_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(list_offsets_request);

#define OWNER struct list_offsets_response_partition
static const struct wire_field list_offsets_response_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(timestamp, INT64, FROM(1), MISSING(-1)),
	FIELD(offset, INT64, FROM(1), MISSING(-1)),
	FIELD(leader_epoch, INT32, FROM(4), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(list_offsets_response_partition);

#define OWNER struct list_offsets_response_topic
static const struct wire_field list_offsets_response_topic_fields[] = {
	FIELD(name, STRING, FROM(0)),
	STRUCTS(partitions, list_offsets_response_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(list_offsets_response_topic);

#define OWNER struct list_offsets_response
static const struct wire_field list_offsets_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(2)),
	STRUCTS(topics, list_offsets_response_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(list_offsets_response);

WIRE_API(list_offsets, "ListOffsets", 2, 1, 9, 6);
