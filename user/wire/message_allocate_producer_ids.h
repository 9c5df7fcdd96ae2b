/* AllocateProducerIds, key 67, version 0.
 * A broker asks for a block of producer ids (KIP-730). */
#pragma once

#include "wire/codec.h"

struct allocate_producer_ids_request {
	int32_t broker_id;
	int64_t broker_epoch;
};

struct allocate_producer_ids_response {
	int32_t throttle_time_ms;
	int16_t error_code;
	int64_t producer_id_start;
	int32_t producer_id_len;
};

extern const struct wire_api wire_allocate_producer_ids;
