/* Owns the tables of OffsetForLeaderEpoch. */
#include "wire/message_offset_for_leader_epoch.h"
#include "wire/table.h"

#define OWNER struct offset_for_leader_epoch_request_partition
static const struct wire_field offset_for_leader_epoch_request_partition_fields[] = {
	FIELD(partition, INT32, FROM(0)),
	FIELD(current_leader_epoch, INT32, FROM(2), MISSING(-1)),
	FIELD(leader_epoch, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(offset_for_leader_epoch_request_partition);

#define OWNER struct offset_for_leader_epoch_request_topic
static const struct wire_field offset_for_leader_epoch_request_topic_fields[] = {
	FIELD(topic, STRING, FROM(0)),
	STRUCTS(partitions, offset_for_leader_epoch_request_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(offset_for_leader_epoch_request_topic);

#define OWNER struct offset_for_leader_epoch_request
static const struct wire_field offset_for_leader_epoch_request_fields[] = {
	FIELD(replica_id, INT32, FROM(3), MISSING(-2)),
	STRUCTS(topics, offset_for_leader_epoch_request_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(offset_for_leader_epoch_request);

#define OWNER struct offset_for_leader_epoch_response_partition
static const struct wire_field offset_for_leader_epoch_response_partition_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	FIELD(partition, INT32, FROM(0)),
	FIELD(leader_epoch, INT32, FROM(1), MISSING(-1)),
	FIELD(end_offset, INT64, FROM(0), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(offset_for_leader_epoch_response_partition);

#define OWNER struct offset_for_leader_epoch_response_topic
static const struct wire_field offset_for_leader_epoch_response_topic_fields[] = {
	FIELD(topic, STRING, FROM(0)),
	STRUCTS(partitions, offset_for_leader_epoch_response_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(offset_for_leader_epoch_response_topic);

#define OWNER struct offset_for_leader_epoch_response
static const struct wire_field offset_for_leader_epoch_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(2)),
	STRUCTS(topics, offset_for_leader_epoch_response_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(offset_for_leader_epoch_response);

WIRE_API(offset_for_leader_epoch, "OffsetForLeaderEpoch", 23, 2, 4, 4);
