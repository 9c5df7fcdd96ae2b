/* Owns the tables of DescribeSlots and MoveSlot. */
#include "wire/message_slots.h"
#include "wire/table.h"

WIRE_EMPTY_SCHEMA(describe_slots_request);

#define OWNER struct describe_slots_response_address
static const struct wire_field describe_slots_response_address_fields[] = {
	FIELD(host, STRING, FROM(0)),
	FIELD(port, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(describe_slots_response_address);

#define OWNER struct describe_slots_response_slot
static const struct wire_field describe_slots_response_slot_fields[] = {
	FIELD(slot, INT32, FROM(0)),
	FIELD(slot_epoch, INT64, FROM(0)),
	FIELD(holder, INT32, FROM(0)),
	LIST(order, INT32, FROM(0)),
	STRUCTS(addresses, describe_slots_response_address, FROM(0)),
	FIELD(partitions, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(describe_slots_response_slot);

#define OWNER struct describe_slots_response
static const struct wire_field describe_slots_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	STRUCTS(slots, describe_slots_response_slot, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(describe_slots_response);

WIRE_API(describe_slots, "DescribeSlots", 1003, 0, 0, 0);

#define OWNER struct move_slot_request
static const struct wire_field move_slot_request_fields[] = {
	FIELD(slot, INT32, FROM(0)),
	FIELD(to, INT32, FROM(0)),
	FIELD(timeout_ms, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(move_slot_request);

#define OWNER struct move_slot_response
static const struct wire_field move_slot_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	FIELD(error_message, STRING, FROM(0), NULLABLE(0)),
	FIELD(slot_epoch, INT64, FROM(0), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(move_slot_response);

WIRE_API(move_slot, "MoveSlot", 1004, 0, 0, 0);
