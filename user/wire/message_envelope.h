/* Envelope, key 58, version 0.
 * A client's request on its way to the controller, with its principal (KIP-590). */
#pragma once

#include "wire/codec.h"

struct envelope_request {
	struct wire_bytes request_data;
	struct wire_bytes request_principal; /* may be null */
	struct wire_bytes client_host_address;
};

struct envelope_response {
	struct wire_bytes response_data; /* may be null */
	int16_t error_code;
};

extern const struct wire_api wire_envelope;
