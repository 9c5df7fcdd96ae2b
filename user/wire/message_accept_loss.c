/* Owns the tables of AcceptLoss. */
#include "wire/message_accept_loss.h"
#include "wire/table.h"

#define OWNER struct accept_loss_request
static const struct wire_field accept_loss_request_fields[] = {
	FIELD(topic, STRING, FROM(0)),
	FIELD(partition, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(accept_loss_request);

#define OWNER struct accept_loss_response
static const struct wire_field accept_loss_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	FIELD(error_message, STRING, FROM(0), NULLABLE(0)),
	FIELD(dropped_from, INT64, FROM(0), MISSING(-1)),
	FIELD(dropped_to, INT64, FROM(0), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(accept_loss_response);

WIRE_API(accept_loss, "AcceptLoss", 1005, 0, 0, 0);
