/* Owns the tables of BrokerHeartbeat. */
#include "wire/message_broker_heartbeat.h"
#include "wire/table.h"

#define OWNER struct broker_heartbeat_request
static const struct wire_field broker_heartbeat_request_fields[] = {
	FIELD(broker_id, INT32, FROM(0)),
	FIELD(broker_epoch, INT64, FROM(0), MISSING(-1)),
	FIELD(current_metadata_offset, INT64, FROM(0)),
	FIELD(want_fence, BOOL, FROM(0)),
	FIELD(want_shut_down, BOOL, FROM(0)),
	LIST(offline_log_dirs, UUID, FROM(1), TAG(0)),
	FIELD(has_steer, BOOL, FROM(0), TAG(10000)),
};
#undef OWNER
WIRE_SCHEMA(broker_heartbeat_request);

#define OWNER struct broker_heartbeat_response
static const struct wire_field broker_heartbeat_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(is_caught_up, BOOL, FROM(0)),
	FIELD(is_fenced, BOOL, FROM(0), MISSING(true)),
	FIELD(should_shut_down, BOOL, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(broker_heartbeat_response);

WIRE_API(broker_heartbeat, "BrokerHeartbeat", 63, 0, 1, 0);
