/* Owns the tables of FindCoordinator. */
#include "wire/message_find_coordinator.h"
#include "wire/table.h"

#define OWNER struct find_coordinator_request
static const struct wire_field find_coordinator_request_fields[] = {
	FIELD(key, STRING, WITHIN(0, 3)),
	FIELD(key_type, INT8, FROM(1)),
	LIST(coordinator_keys, STRING, FROM(4)),
};
#undef OWNER
WIRE_SCHEMA(find_coordinator_request);

#define OWNER struct find_coordinator_response_coordinator
static const struct wire_field find_coordinator_response_coordinator_fields[] = {
	FIELD(key, STRING, FROM(4)),
	FIELD(node_id, INT32, FROM(4)),
	FIELD(host, STRING, FROM(4)),
	FIELD(port, INT32, FROM(4)),
	FIELD(error_code, INT16, FROM(4)),
	FIELD(error_message, STRING, FROM(4), NULLABLE(4)),
};
#undef OWNER
WIRE_SCHEMA(find_coordinator_response_coordinator);

#define OWNER struct find_coordinator_response
static const struct wire_field find_coordinator_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(1)),
	FIELD(error_code, INT16, WITHIN(0, 3)),
	FIELD(error_message, STRING, WITHIN(1, 3), NULLABLE(1)),
	FIELD(node_id, INT32, WITHIN(0, 3)),
	FIELD(host, STRING, WITHIN(0, 3)),
	FIELD(port, INT32, WITHIN(0, 3)),
	STRUCTS(coordinators, find_coordinator_response_coordinator, FROM(4)),
};
#undef OWNER
WIRE_SCHEMA(find_coordinator_response);

WIRE_API(find_coordinator, "FindCoordinator", 10, 0, 4, 3);
