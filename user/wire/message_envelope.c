/* Owns the tables of Envelope. */
#include "wire/message_envelope.h"
#include "wire/table.h"

#define OWNER struct envelope_request
static const struct wire_field envelope_request_fields[] = {
	FIELD(request_data, BYTES, FROM(0)),
	FIELD(request_principal, BYTES, FROM(0), NULLABLE(0)),
	FIELD(client_host_address, BYTES, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(envelope_request);

#define OWNER struct envelope_response
static const struct wire_field envelope_response_fields[] = {
	FIELD(response_data, BYTES, FROM(0), NULLABLE(0)),
	FIELD(error_code, INT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(envelope_response);

WIRE_API(envelope, "Envelope", 58, 0, 0, 0);
