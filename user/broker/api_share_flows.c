/* ShareFlows (ours, between brokers): which clients are connected to slots at the sender. */
#include "broker/control_int.h"
#include "broker/request.h"
#include "broker/told_flows.h"

#include <string.h>

/* Returns false for what no broker would say: the client's and the slot's place are nobody's. */
static bool take_address(const struct wire_bytes *host, int32_t port, struct net_address *ret)
{
	static const uint8_t nobody[sizeof(ret->ip)];

	if (host->size != (int32_t)sizeof(ret->ip) || port <= 0 || port > UINT16_MAX ||
	    memcmp(host->data, nobody, sizeof(nobody)) == 0)
		return false;
	memcpy(ret->ip, host->data, sizeof(ret->ip));
	ret->port = (uint16_t)port;
	return true;
}

static bool take_key(const struct share_flows_change *change, struct flow_key *ret)
{
	ret->slot = change->slot;
	return change->slot >= 0 && change->slot < IMAGE_MOST_SLOTS &&
	       take_address(&change->slot_host, change->slot_port, &ret->slot_address) &&
	       take_address(&change->client_host, change->client_port, &ret->client);
}

static void take_changes(struct told_flows *told, int32_t sender,
			 const struct share_flows_request *body,
			 struct share_flows_response *response)
{
	for (int32_t i = 0; i < body->changes.count; i++) {
		const struct share_flows_change *change = &body->changes.items[i];
		struct flow_key key;

		if (!take_key(change, &key)) {
			response->error_code = KAFKA_INVALID_REQUEST;
			return;
		}
		if (change->closed)
			told_flows_close(told, sender, &key);
		else if (told_flows_open(told, sender, &key) < 0)
			response->left_out++;
	}
}

void api_share_flows(struct request *request)
{
	const struct share_flows_request *body = request->body;
	struct control *control = control_of(request);
	int32_t sender = request->view.peer; /* S9: the proven one; the request names nobody */
	struct share_flows_response response = {.error_code = KAFKA_NONE};

	if (!control) {
		response.error_code = KAFKA_INVALID_REQUEST;
		request_reply(request, &response);
		return;
	}
	if (body->whole)
		told_flows_forget(control->told_flows, sender);
	take_changes(control->told_flows, sender, body, &response);
	request_reply(request, &response);
}
