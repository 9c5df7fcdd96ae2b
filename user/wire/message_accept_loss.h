/* AcceptLoss (1005): the operator gives up what a partition's only, corrupt replica lost (R48). */
#pragma once

#include "wire/codec.h"

struct accept_loss_request {
	struct wire_string topic;
	int32_t partition;
};

struct accept_loss_response {
	int16_t error_code;
	struct wire_string error_message; /* may be null */
	int64_t dropped_from;             /* offsets that are dropped: from this one */
	int64_t dropped_to;               /* up to, without this one */
};

extern const struct wire_api wire_accept_loss;
