/* FindCoordinator, key 10, versions 0 to 4, flexible from 3 on.
 * Which broker coordinates a group or a transactional id. */
#pragma once

#include "wire/codec.h"

struct find_coordinator_request {
	struct wire_string key; /* to 3 */
	int8_t key_type; /* 1+ */
	WIRE_ARRAY(struct wire_string) coordinator_keys; /* 4+ */
};

struct find_coordinator_response_coordinator {
	struct wire_string key;
	int32_t node_id;
	struct wire_string host;
	int32_t port;
	int16_t error_code;
	struct wire_string error_message; /* may be null */
};

struct find_coordinator_response {
	int32_t throttle_time_ms; /* 1+ */
	int16_t error_code; /* to 3 */
	struct wire_string error_message; /* 1-3, may be null */
	int32_t node_id; /* to 3 */
	struct wire_string host; /* to 3 */
	int32_t port; /* to 3 */
	WIRE_ARRAY(struct find_coordinator_response_coordinator) coordinators; /* 4+ */
};

extern const struct wire_api wire_find_coordinator;
