/* Owns the tables of CreateTopics. */
#include "wire/message_create_topics.h"
#include "wire/table.h"

#define OWNER struct create_topics_request_assignment
static const struct wire_field create_topics_request_assignment_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	LIST(broker_ids, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(create_topics_request_assignment);

#define OWNER struct create_topics_request_config
static const struct wire_field create_topics_request_config_fields[] = {
	FIELD(name, STRING, FROM(0)),
	FIELD(value, STRING, FROM(0), NULLABLE(0)),
};
#undef OWNER
WIRE_SCHEMA(create_topics_request_config);

#define OWNER struct create_topics_request_topic
static const struct wire_field create_topics_request_topic_fields[] = {
	FIELD(name, STRING, FROM(0)),
	FIELD(num_partitions, INT32, FROM(0)),
	FIELD(replication_factor, INT16, FROM(0)),
	STRUCTS(assignments, create_topics_request_assignment, FROM(0)),
	STRUCTS(configs, create_topics_request_config, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(create_topics_request_topic);

#define OWNER struct create_topics_request
static const struct wire_field create_topics_request_fields[] = {
	STRUCTS(topics, create_topics_request_topic, FROM(0)),
	FIELD(timeout_ms, INT32, FROM(0), MISSING(60000)),
	FIELD(validate_only, BOOL, FROM(1)),
};
#undef OWNER
WIRE_SCHEMA(create_topics_request);

#define OWNER struct create_topics_response_config
static const struct wire_field create_topics_response_config_fields[] = {
	FIELD(name, STRING, FROM(5)),
	FIELD(value, STRING, FROM(5), NULLABLE(5)),
	FIELD(read_only, BOOL, FROM(5)),
	FIELD(config_source, INT8, FROM(5), MISSING(-1)),
	FIELD(is_sensitive, BOOL, FROM(5)),
};
#undef OWNER
WIRE_SCHEMA(create_topics_response_config);

#define OWNER struct create_topics_response_topic
static const struct wire_field create_topics_response_topic_fields[] = {
	FIELD(name, STRING, FROM(0)),
	FIELD(topic_id, UUID, FROM(7)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(error_message, STRING, FROM(1), NULLABLE(0)),
	FIELD(topic_config_error_code, INT16, FROM(5), TAG(0)),
	FIELD(num_partitions, INT32, FROM(5), MISSING(-1)),
	FIELD(replication_factor, INT16, FROM(5), MISSING(-1)),
	STRUCTS(configs, create_topics_response_config, FROM(5), NULLABLE(5)),
};
#undef OWNER
WIRE_SCHEMA(create_topics_response_topic);

#define OWNER struct create_topics_response
static const struct wire_field create_topics_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(2)),
	STRUCTS(topics, create_topics_response_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(create_topics_response);

WIRE_API(create_topics, "CreateTopics", 19, 2, 7, 5);
