/* ApiVersions: which APIs and versions this listener serves. An unknown version of it is answered
 * in the layout of version 0 with error 35 and the range, so that clients can step down (KIP-511).
 */
#include "broker/request.h"

void api_versions(struct request *request)
{
	struct api_versions_response response;
	bool is_unknown_version = request->body == NULL;
	struct api_versions_response_api_key *keys =
		request_alloc(request, api_count, sizeof(*keys));
	int32_t count = 0;

	wire_init(wire_api_versions.response, &response);
	for (size_t i = 0; i < api_count; i++) {
		const struct api *api = &api_table[i];
		bool is_peer = request->view.kind == VIEW_PEER;
		struct api_versions_range range = is_peer ? api->brokers : api->clients;

		if (range.last < 0)
			continue;
		keys[count++] = (struct api_versions_response_api_key){
			.api_key = api->wire->key,
			.min_version = is_peer ? range.first : api->advertised_first,
			.max_version = range.last,
		};
	}
	response.api_keys.items = keys;
	response.api_keys.count = count;
	if (is_unknown_version) {
		response.error_code = KAFKA_UNSUPPORTED_VERSION;
		request->header.api_version = 0;
	}
	request_reply(request, &response);
}
