/* Owns the tables of InitProducerId. */
#include "wire/message_init_producer_id.h"
#include "wire/table.h"

#define OWNER struct init_producer_id_request
static const struct wire_field init_producer_id_request_fields[] = {
	FIELD(transactional_id, STRING, FROM(0), NULLABLE(0)),
	FIELD(transaction_timeout_ms, INT32, FROM(0)),
	FIELD(producer_id, INT64, FROM(3), MISSING(-1)),
	FIELD(producer_epoch, INT16, FROM(3), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(init_producer_id_request);

#define OWNER struct init_producer_id_response
static const struct wire_field init_producer_id_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(producer_id, INT64, FROM(0), MISSING(-1)),
	FIELD(producer_epoch, INT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(init_producer_id_response);

WIRE_API(init_producer_id, "InitProducerId", 22, 0, 4, 2);
