/* CreateTopics, key 19, versions 2 to 7, flexible from 5 on.
 * Creates topics; forwarded to the controller. */
#pragma once

#include "wire/codec.h"

struct create_topics_request_assignment {
	int32_t partition_index;
	WIRE_ARRAY(int32_t) broker_ids;
};

struct create_topics_request_config {
	struct wire_string name;
	struct wire_string value; /* may be null */
};

struct create_topics_request_topic {
	struct wire_string name;
	int32_t num_partitions;
	int16_t replication_factor;
	WIRE_ARRAY(struct create_topics_request_assignment) assignments;
	WIRE_ARRAY(struct create_topics_request_config) configs;
};

struct create_topics_request {
	WIRE_ARRAY(struct create_topics_request_topic) topics;
	int32_t timeout_ms;
	bool validate_only;
};

struct create_topics_response_config {
	struct wire_string name;
	struct wire_string value; /* may be null */
	bool read_only;
	int8_t config_source;
	bool is_sensitive;
};

struct create_topics_response_topic {
	struct wire_string name;
	struct uuid topic_id; /* 7+ */
	int16_t error_code;
	struct wire_string error_message; /* may be null */
	int16_t topic_config_error_code; /* 5+, tag 0 */
	int32_t num_partitions; /* 5+ */
	int16_t replication_factor; /* 5+ */
	WIRE_ARRAY(struct create_topics_response_config) configs; /* 5+, may be null */
};

struct create_topics_response {
	int32_t throttle_time_ms;
	WIRE_ARRAY(struct create_topics_response_topic) topics;
};

extern const struct wire_api wire_create_topics;
