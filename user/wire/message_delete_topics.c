/* Owns the tables of DeleteTopics. */
#include "wire/message_delete_topics.h"
#include "wire/table.h"

#define OWNER struct delete_topics_request_topic
static const struct wire_field delete_topics_request_topic_fields[] = {
	FIELD(name, STRING, FROM(6), NULLABLE(6)),
	FIELD(topic_id, UUID, FROM(6)),
};
#undef OWNER
WIRE_SCHEMA(delete_topics_request_topic);

#define OWNER struct delete_topics_request
static const struct wire_field delete_topics_request_fields[] = {
	STRUCTS(topics, delete_topics_request_topic, FROM(6)),
	LIST(topic_names, STRING, WITHIN(0, 5)),
	FIELD(timeout_ms, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(delete_topics_request);

#define OWNER struct delete_topics_response_topic
static const struct wire_field delete_topics_response_topic_fields[] = {
	FIELD(name, STRING, FROM(0), NULLABLE(6)),
	FIELD(topic_id, UUID, FROM(6)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(error_message, STRING, FROM(5), NULLABLE(5)),
};
#undef OWNER
WIRE_SCHEMA(delete_topics_response_topic);

#define OWNER struct delete_topics_response
static const struct wire_field delete_topics_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(1)),
	STRUCTS(responses, delete_topics_response_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(delete_topics_response);

WIRE_API(delete_topics, "DeleteTopics", 20, 1, 6, 4);
