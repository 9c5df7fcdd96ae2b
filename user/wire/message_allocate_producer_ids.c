/* Owns the tables of AllocateProducerIds. */
#include "wire/message_allocate_producer_ids.h"
#include "wire/table.h"

#define OWNER struct allocate_producer_ids_request
static const struct wire_field allocate_producer_ids_request_fields[] = {
	FIELD(broker_id, INT32, FROM(0)),
	FIELD(broker_epoch, INT64, FROM(0), MISSING(-1)),
};
#undef OWNER
WIRE_SCHEMA(allocate_producer_ids_request);

#define OWNER struct allocate_producer_ids_response
static const struct wire_field allocate_producer_ids_response_fields[] = {
	FIELD(throttle_time_ms, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(producer_id_start, INT64, FROM(0)),
	FIELD(producer_id_len, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(allocate_producer_ids_response);

WIRE_API(allocate_producer_ids, "AllocateProducerIds", 67, 0, 0, 0);
