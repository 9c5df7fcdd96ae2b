/* FindCoordinator: groups are not served yet, so there is no coordinator; the API is listed because
 * librdkafka compresses with lz4 only for brokers that have it. */
#include "broker/request.h"

void api_find_coordinator(struct request *request)
{
	struct find_coordinator_response response;

	wire_init(wire_find_coordinator.response, &response);
	response.error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
	response.error_message = wire_string_of("groups are not served by this version");
	response.node_id = -1;
	response.host = wire_string_of("");
	response.port = -1;
	request_reply(request, &response);
}
