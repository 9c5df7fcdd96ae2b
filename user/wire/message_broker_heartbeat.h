/* BrokerHeartbeat, key 63, versions 0 to 1.
 * A broker says that it lives and how far it has applied the metadata log (S2, S11). */
#pragma once

#include "wire/codec.h"

struct broker_heartbeat_request {
	int32_t broker_id;
	int64_t broker_epoch;
	int64_t current_metadata_offset;
	bool want_fence;
	bool want_shut_down;
	WIRE_ARRAY(struct uuid) offline_log_dirs; /* 1+, tag 0 */
	bool has_steer; /* tag 10000, ours; a bwsteer serves this broker */
};

struct broker_heartbeat_response {
	int32_t throttle_time_ms;
	int16_t error_code;
	bool is_caught_up;
	bool is_fenced;
	bool should_shut_down;
};

extern const struct wire_api wire_broker_heartbeat;
