/* Owns the tables of BrokerRegistration. */
#include "wire/message_broker_registration.h"
#include "wire/table.h"

#define OWNER struct broker_registration_request_listener
static const struct wire_field broker_registration_request_listener_fields[] = {
	FIELD(name, STRING, FROM(0)),
	FIELD(host, STRING, FROM(0)),
	FIELD(port, UINT16, FROM(0)),
	FIELD(security_protocol, INT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(broker_registration_request_listener);

#define OWNER struct broker_registration_request_feature
static const struct wire_field broker_registration_request_feature_fields[] = {
	FIELD(name, STRING, FROM(0)),
	FIELD(min_supported_version, INT16, FROM(0)),
	FIELD(max_supported_version, INT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(broker_registration_request_feature);

#define OWNER struct broker_registration_request_cut_partition
static const struct wire_field broker_registration_request_cut_partition_fields[] = {
	FIELD(topic_id, UUID, FROM(0)),
	FIELD(partition, INT32, FROM(0)),
	FIELD(last_epoch, INT32, FROM(0)),
	FIELD(end_offset, INT64, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(broker_registration_request_cut_partition);

#define OWNER struct broker_registration_request
static const struct wire_field broker_registration_request_fields[] = {
	FIELD(broker_id, INT32, FROM(0)),
	FIELD(cluster_id, STRING, FROM(0)),
	FIELD(incarnation_id, UUID, FROM(0)),
	STRUCTS(listeners, broker_registration_request_listener, FROM(0)),
	STRUCTS(features, broker_registration_request_feature, FROM(0)),
	FIELD(rack, STRING, FROM(0), NULLABLE(0)),
	FIELD(is_migrating_zk_broker, BOOL, FROM(1)),
	LIST(log_dirs, UUID, FROM(2)),
	FIELD(previous_broker_epoch, INT64, FROM(3), MISSING(-1)),
	FIELD(durable, BOOL, FROM(0), TAG(10000)),
	STRUCTS(cut_partitions, broker_registration_request_cut_partition, FROM(0), TAG(10001)),
};
#undef OWNER
WIRE_SCHEMA(broker_registration_request);

#define OWNER struct broker_registration_response
static const struct wire_field broker_registration_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(broker_epoch, INT64, FROM(0), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(broker_registration_response);

WIRE_API(broker_registration, "BrokerRegistration", 62, 0, 4, 0);
