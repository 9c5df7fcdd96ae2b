/* DescribeCluster: the nodes of this view (S7). */
#include "broker/view.h"

void api_describe_cluster(struct request *request)
{
	const struct describe_cluster_request *body = request->body;
	struct describe_cluster_response response;
	struct describe_cluster_response_broker *brokers;
	struct view_node *nodes;
	int32_t count = view_nodes(request, &nodes);

	wire_init(wire_describe_cluster.response, &response);
	response.cluster_id = wire_string_of(request->worker->broker->identity.cluster_id);
	response.controller_id = view_controller_id(request);
	response.endpoint_type = body->endpoint_type;
	brokers = request_alloc(request, (size_t)count + 1, sizeof(*brokers));
	for (int32_t i = 0; i < count; i++)
		brokers[i] = (struct describe_cluster_response_broker){
			.broker_id = nodes[i].id,
			.host = wire_string_of(nodes[i].host),
			.port = nodes[i].port,
			.rack = wire_string_of(nodes[i].rack),
		};
	response.brokers.items = brokers;
	response.brokers.count = count;
	if (request->header.api_version >= 1 && body->endpoint_type != 1) {
		response.error_code = KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
		response.brokers.count = 0;
	}
	request_reply(request, &response);
}
