/* Owns the tables of AlterPartition. */
#include "wire/message_alter_partition.h"
#include "wire/table.h"

#define OWNER struct alter_partition_request_isr_member
static const struct wire_field alter_partition_request_isr_member_fields[] = {
	FIELD(broker_id, INT32, FROM(3)),
	FIELD(broker_epoch, INT64, FROM(3), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(alter_partition_request_isr_member);

#define OWNER struct alter_partition_request_partition
static const struct wire_field alter_partition_request_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(leader_epoch, INT32, FROM(0)),
	LIST(new_isr, INT32, WITHIN(0, 2)),
	STRUCTS(new_isr_with_epochs, alter_partition_request_isr_member, FROM(3)),
	FIELD(leader_recovery_state, INT8, FROM(1)),
	FIELD(partition_epoch, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(alter_partition_request_partition);

#define OWNER struct alter_partition_request_topic
static const struct wire_field alter_partition_request_topic_fields[] = {
	FIELD(topic_id, UUID, FROM(2)),
	STRUCTS(partitions, alter_partition_request_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(alter_partition_request_topic);

#define OWNER struct alter_partition_request
static const struct wire_field alter_partition_request_fields[] = {
	FIELD(broker_id, INT32, FROM(0)),
	FIELD(broker_epoch, INT64, FROM(0), MISSING(-1)),
	STRUCTS(topics, alter_partition_request_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(alter_partition_request);

#define OWNER struct alter_partition_response_partition
static const struct wire_field alter_partition_response_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(leader_id, INT32, FROM(0)),
	FIELD(leader_epoch, INT32, FROM(0)),
	LIST(isr, INT32, FROM(0)),
	FIELD(leader_recovery_state, INT8, FROM(1)),
	FIELD(partition_epoch, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(alter_partition_response_partition);

#define OWNER struct alter_partition_response_topic
static const struct wire_field alter_partition_response_topic_fields[] = {
	FIELD(topic_id, UUID, FROM(2)),
	STRUCTS(partitions, alter_partition_response_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(alter_partition_response_topic);

#define OWNER struct alter_partition_response
static const struct wire_field alter_partition_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	STRUCTS(topics, alter_partition_response_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(alter_partition_response);

WIRE_API(alter_partition, "AlterPartition", 56, 2, 3, 0);
