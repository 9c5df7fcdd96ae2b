/* What bwctl asks about slots (S1): DescribeSlots (1003) and MoveSlot (1004). */
#pragma once

#include "wire/codec.h"

struct describe_slots_request {
	char nothing; /* no fields yet; C wants a member */
};

struct describe_slots_response_address {
	struct wire_string host;
	int32_t port;
};

struct describe_slots_response_slot {
	int32_t slot;
	int64_t slot_epoch;
	int32_t holder;
	WIRE_ARRAY(int32_t) order; /* the first is the home */
	WIRE_ARRAY(struct describe_slots_response_address) addresses;
	int32_t partitions; /* how many follow this slot */
};

struct describe_slots_response {
	int16_t error_code;
	WIRE_ARRAY(struct describe_slots_response_slot) slots;
};

struct move_slot_request {
	int32_t slot;
	int32_t to; /* broker */
	int32_t timeout_ms;
};

struct move_slot_response {
	int16_t error_code;
	struct wire_string error_message; /* may be null */
	int64_t slot_epoch;               /* of the move; -1 when there was none */
};

extern const struct wire_api wire_describe_slots;
extern const struct wire_api wire_move_slot;
