/* Owns the tables of ShareFlows. */
#include "wire/message_share_flows.h"
#include "wire/table.h"

#define OWNER struct share_flows_change
static const struct wire_field share_flows_change_fields[] = {
	FIELD(closed, BOOL, FROM(0)),
	FIELD(slot, INT32, FROM(0)),
	FIELD(slot_host, BYTES, FROM(0)),
	FIELD(slot_port, INT32, FROM(0)),
	FIELD(client_host, BYTES, FROM(0)),
	FIELD(client_port, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(share_flows_change);

#define OWNER struct share_flows_request
static const struct wire_field share_flows_request_fields[] = {
	FIELD(whole, BOOL, FROM(0)),
	STRUCTS(changes, share_flows_change, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(share_flows_request);

#define OWNER struct share_flows_response
static const struct wire_field share_flows_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	FIELD(left_out, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(share_flows_response);

WIRE_API(share_flows, "ShareFlows", 1010, 0, 0, 0);
