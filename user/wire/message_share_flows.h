/* ShareFlows (ours), key 1010, version 0.
 * Which clients are connected to slots at the sender, told to those who come after it: when the
 * sender's host is dead they reset them (active reset). */
#pragma once

#include "wire/codec.h"

struct share_flows_change {
	bool closed; /* else: opened */
	int32_t slot;
	struct wire_bytes slot_host; /* 16 bytes each, as in struct net_address */
	int32_t slot_port;
	struct wire_bytes client_host;
	int32_t client_port;
};

struct share_flows_request {
	bool whole; /* what was told before is void */
	WIRE_ARRAY(struct share_flows_change) changes; /* in the order in which they happened */
};

struct share_flows_response {
	int16_t error_code;
	int32_t left_out; /* of this request: there was no room for them */
};

extern const struct wire_api wire_share_flows;
