/* Owns the tables of the metadata log's records and of the quorum's control records. */
#include "wire/message_metadata_records.h"
#include "wire/table.h"

#define OWNER struct register_broker_record_endpoint
static const struct wire_field register_broker_record_endpoint_fields[] = {
	FIELD(name, STRING, FROM(0)),
	FIELD(host, STRING, FROM(0)),
	FIELD(port, UINT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(register_broker_record_endpoint);

#define OWNER struct register_broker_record_cut_partition
static const struct wire_field register_broker_record_cut_partition_fields[] = {
	FIELD(topic_id, UUID, FROM(0)),
	FIELD(partition, INT32, FROM(0)),
	FIELD(last_epoch, INT32, FROM(0)),
	FIELD(end_offset, INT64, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(register_broker_record_cut_partition);

#define OWNER struct register_broker_record
static const struct wire_field register_broker_record_fields[] = {
	FIELD(broker_id, INT32, FROM(0)),
	FIELD(incarnation_id, UUID, FROM(0)),
	FIELD(broker_epoch, INT64, FROM(0)),
	FIELD(directory_id, UUID, FROM(0)),
	STRUCTS(endpoints, register_broker_record_endpoint, FROM(0)),
	FIELD(rack, STRING, FROM(0), NULLABLE(0)),
	FIELD(fenced, BOOL, FROM(0), MISSING(true)),
	FIELD(durable, BOOL, FROM(0)),
	FIELD(in_controlled_shutdown, BOOL, FROM(0)),
	STRUCTS(cut_partitions, register_broker_record_cut_partition, FROM(0), TAG(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(register_broker_record);

#define OWNER struct fence_broker_record
static const struct wire_field fence_broker_record_fields[] = {
	FIELD(id, INT32, FROM(0)),
	FIELD(epoch, INT64, FROM(0)),
	FIELD(kept_places, BOOL, FROM(0), TAG(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(fence_broker_record);

#define OWNER struct unfence_broker_record
static const struct wire_field unfence_broker_record_fields[] = {
	FIELD(id, INT32, FROM(0)),
	FIELD(epoch, INT64, FROM(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(unfence_broker_record);

#define OWNER struct broker_change_record
static const struct wire_field broker_change_record_fields[] = {
	FIELD(broker_id, INT32, FROM(0)),
	FIELD(broker_epoch, INT64, FROM(0)),
	FIELD(fenced, INT8, FROM(0), TAG(0)),
	FIELD(in_controlled_shutdown, INT8, FROM(0), TAG(1)),
	FIELD(has_steer, INT8, FROM(0), TAG(2)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(broker_change_record);

#define OWNER struct topic_record
static const struct wire_field topic_record_fields[] = {
	FIELD(name, STRING, FROM(0)),
	FIELD(topic_id, UUID, FROM(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(topic_record);

#define OWNER struct remove_topic_record
static const struct wire_field remove_topic_record_fields[] = {
	FIELD(topic_id, UUID, FROM(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(remove_topic_record);

#define OWNER struct partition_record
static const struct wire_field partition_record_fields[] = {
	FIELD(partition_id, INT32, FROM(0), MISSING(-1)),
	FIELD(topic_id, UUID, FROM(0)),
	LIST(replicas, INT32, FROM(0)),
	LIST(isr, INT32, FROM(0)),
	FIELD(leader, INT32, FROM(0), MISSING(-1)),
	FIELD(leader_epoch, INT32, FROM(0), MISSING(-1)),
	FIELD(partition_epoch, INT32, FROM(0), MISSING(-1)),
	FIELD(slot, INT32, FROM(0), MISSING(-1)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(partition_record);

#define OWNER struct partition_change_record
static const struct wire_field partition_change_record_fields[] = {
	FIELD(partition_id, INT32, FROM(0), MISSING(-1)),
	FIELD(topic_id, UUID, FROM(0)),
	LIST(isr, INT32, FROM(0), NULLABLE(0), TAG(0)),
	FIELD(leader, INT32, FROM(0), TAG(1), MISSING(METADATA_UNCHANGED)),
	LIST(replicas, INT32, FROM(0), NULLABLE(0), TAG(2)),
	FIELD(slot, INT32, FROM(0), TAG(3), MISSING(-1)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(partition_change_record);

#define OWNER struct slot_record_address
static const struct wire_field slot_record_address_fields[] = {
	FIELD(host, STRING, FROM(0)),
	FIELD(port, UINT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(slot_record_address);

#define OWNER struct slot_record
static const struct wire_field slot_record_fields[] = {
	FIELD(slot_id, INT32, FROM(0)),
	STRUCTS(addresses, slot_record_address, FROM(0)),
	LIST(order, INT32, FROM(0)),
	FIELD(holder, INT32, FROM(0), MISSING(-1)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(slot_record);

#define OWNER struct slot_change_record
static const struct wire_field slot_change_record_fields[] = {
	FIELD(slot_id, INT32, FROM(0)),
	FIELD(holder, INT32, FROM(0), TAG(0), MISSING(METADATA_UNCHANGED)),
	LIST(order, INT32, FROM(0), NULLABLE(0), TAG(1)),
	STRUCTS(addresses, slot_record_address, FROM(0), NULLABLE(0), TAG(2)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(slot_change_record);

#define OWNER struct config_record
static const struct wire_field config_record_fields[] = {
	FIELD(resource_type, INT8, FROM(0)),
	FIELD(resource_name, STRING, FROM(0)),
	FIELD(name, STRING, FROM(0)),
	FIELD(value, STRING, FROM(0), NULLABLE(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(config_record);

#define OWNER struct producer_ids_record
static const struct wire_field producer_ids_record_fields[] = {
	FIELD(broker_id, INT32, FROM(0)),
	FIELD(broker_epoch, INT64, FROM(0), MISSING(-1)),
	FIELD(next_producer_id, INT64, FROM(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(producer_ids_record);

#define OWNER struct feature_level_record
static const struct wire_field feature_level_record_fields[] = {
	FIELD(name, STRING, FROM(0)),
	FIELD(feature_level, INT16, FROM(0)),
	FIELD(mirror_secret, BYTES, FROM(0), NULLABLE(0), TAG(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(feature_level_record);

#define OWNER struct voters_record_voter
static const struct wire_field voters_record_voter_fields[] = {
	FIELD(voter_id, INT32, FROM(0)),
	FIELD(directory_id, UUID, FROM(0)),
	FIELD(host, STRING, FROM(0)),
	FIELD(port, UINT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(voters_record_voter);

#define OWNER struct voters_record
static const struct wire_field voters_record_fields[] = {
	FIELD(version, INT16, FROM(0)),
	STRUCTS(voters, voters_record_voter, FROM(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(voters_record);

#define OWNER struct control_record_key
static const struct wire_field control_record_key_fields[] = {
	FIELD(version, INT16, FROM(0)),
	FIELD(type, INT16, FROM(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(control_record_key);

#define OWNER struct leader_change_message
static const struct wire_field leader_change_message_fields[] = {
	FIELD(version, INT16, FROM(0)),
	FIELD(leader_id, INT32, FROM(0)),
	LIST(voters, INT32, FROM(0)),
};
#undef OWNER
WIRE_PUBLIC_SCHEMA(leader_change_message);

const struct wire_schema no_op_record_schema = {
	.name = "no_op_record",
	.size = sizeof(struct no_op_record),
};

static const struct {
	int16_t type;
	const char *name;
	const struct wire_schema *schema;
} record_types[] = {
	{METADATA_REGISTER_BROKER, "REGISTER_BROKER", &register_broker_record_schema},
	{METADATA_TOPIC, "TOPIC", &topic_record_schema},
	{METADATA_PARTITION, "PARTITION", &partition_record_schema},
	{METADATA_CONFIG, "CONFIG", &config_record_schema},
	{METADATA_PARTITION_CHANGE, "PARTITION_CHANGE", &partition_change_record_schema},
	{METADATA_FENCE_BROKER, "FENCE_BROKER", &fence_broker_record_schema},
	{METADATA_UNFENCE_BROKER, "UNFENCE_BROKER", &unfence_broker_record_schema},
	{METADATA_REMOVE_TOPIC, "REMOVE_TOPIC", &remove_topic_record_schema},
	{METADATA_FEATURE_LEVEL, "FEATURE_LEVEL", &feature_level_record_schema},
	{METADATA_PRODUCER_IDS, "PRODUCER_IDS", &producer_ids_record_schema},
	{METADATA_BROKER_CHANGE, "BROKER_CHANGE", &broker_change_record_schema},
	{METADATA_NO_OP, "NO_OP", &no_op_record_schema},
	{METADATA_SLOT, "SLOT", &slot_record_schema},
	{METADATA_SLOT_CHANGE, "SLOT_CHANGE", &slot_change_record_schema},
	{METADATA_VOTERS, "VOTERS", &voters_record_schema},
};

enum { RECORD_TYPES = sizeof(record_types) / sizeof(*record_types) };

const struct wire_schema *metadata_record_schema(int16_t type)
{
	for (size_t i = 0; i < RECORD_TYPES; i++)
		if (record_types[i].type == type)
			return record_types[i].schema;
	return NULL;
}

const char *metadata_record_name(int16_t type)
{
	for (size_t i = 0; i < RECORD_TYPES; i++)
		if (record_types[i].type == type)
			return record_types[i].name;
	return "UNKNOWN";
}
