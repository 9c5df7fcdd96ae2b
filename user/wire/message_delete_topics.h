/* DeleteTopics, key 20, versions 1 to 6, flexible from 4 on.
 * Deletes topics by name or, from version 6 on, by id; forwarded to the controller. */
#pragma once

#include "wire/codec.h"

struct delete_topics_request_topic {
	struct wire_string name; /* may be null */
	struct uuid topic_id;
};

struct delete_topics_request {
	WIRE_ARRAY(struct delete_topics_request_topic) topics; /* 6+ */
	WIRE_ARRAY(struct wire_string) topic_names; /* to 5 */
	int32_t timeout_ms;
};

struct delete_topics_response_topic {
	struct wire_string name; /* null: from 6 on */
	struct uuid topic_id; /* 6+ */
	int16_t error_code;
	struct wire_string error_message; /* 5+, may be null */
};

struct delete_topics_response {
	int32_t throttle_time_ms;
	WIRE_ARRAY(struct delete_topics_response_topic) responses;
};

extern const struct wire_api wire_delete_topics;
