/* InitProducerId, key 22, versions 0 to 4, flexible from 2 on.
 * Gives an idempotent producer its id and epoch (KIP-98). */
#pragma once

#include "wire/codec.h"

struct init_producer_id_request {
	struct wire_string transactional_id; /* may be null */
	int32_t transaction_timeout_ms;
	int64_t producer_id; /* 3+ */
	int16_t producer_epoch; /* 3+ */
};

struct init_producer_id_response {
	int32_t throttle_time_ms;
	int16_t error_code;
	int64_t producer_id;
	int16_t producer_epoch;
};

extern const struct wire_api wire_init_producer_id;
