/* Owns `bwctl cluster`: who is there, who is the controller, who holds which slot. */
#include "ctl/columns.h"
#include "ctl/ctl.h"

#include "wire/message_describe_cluster.h"
#include "wire/message_slots.h"

enum { ENDPOINT_TYPE_BROKERS = 1 };

static json_t *json_brokers(const struct describe_cluster_response *response)
{
	json_t *brokers = json_array();

	for (int32_t i = 0; i < response->brokers.count; i++) {
		const struct describe_cluster_response_broker *b = &response->brokers.items[i];
		json_t *broker = json_object();

		json_object_set_new(broker, "id", json_integer(b->broker_id));
		json_object_set_new(broker, "host", ctl_json_string(b->host));
		json_object_set_new(broker, "port", json_integer(b->port));
		json_object_set_new(broker, "rack", ctl_json_string(b->rack));
		json_array_append_new(brokers, broker);
	}
	return brokers;
}

static void print_brokers(struct ctl *ctl, const struct describe_cluster_response *response)
{
	static const char *const headings[] = {"BROKER", "ADDRESS", "RACK", "CONTROLLER", NULL};
	struct columns *table = columns_new(headings);

	fprintf(ctl->out, "cluster %.*s\n\n", response->cluster_id.size, response->cluster_id.data);
	for (int32_t i = 0; i < response->brokers.count; i++) {
		const struct describe_cluster_response_broker *b = &response->brokers.items[i];

		columns_put(table, "%d", b->broker_id);
		columns_put(table, "%.*s:%d", b->host.size, b->host.data, b->port);
		columns_put(table, "%.*s", b->rack.data ? b->rack.size : 0,
			    b->rack.data ? b->rack.data : "");
		columns_put(table, "%s", b->broker_id == response->controller_id ? "yes" : "");
	}
	columns_print(table, ctl->out);
	columns_free(table);
	fputc('\n', ctl->out);
}

int ctl_cluster(struct ctl *ctl, char **words, int count)
{
	struct describe_cluster_request request;
	struct describe_cluster_response response;
	struct describe_slots_request slots_request;
	struct describe_slots_response slots;
	json_t *value = NULL;
	int status;

	wire_init(wire_describe_cluster.request, &request);
	wire_init(wire_describe_slots.request, &slots_request);
	request.endpoint_type = ENDPOINT_TYPE_BROKERS;
	status = ctl_call(ctl, &wire_describe_cluster, 1, &request, &response);
	if (status == CTL_OK)
		status = ctl_check(ctl, "cluster", response.error_code, response.error_message);
	if (status != CTL_OK)
		return status;
	if (!ctl->json) {
		print_brokers(ctl, &response);
		return ctl_slot_list(ctl, words, count);
	}
	/* The next call overwrites the response: what is needed of it is taken first. */
	value = json_object();
	json_object_set_new(value, "cluster_id", ctl_json_string(response.cluster_id));
	json_object_set_new(value, "controller", json_integer(response.controller_id));
	json_object_set_new(value, "brokers", json_brokers(&response));
	status = ctl_call(ctl, &wire_describe_slots, 0, &slots_request, &slots);
	if (status == CTL_OK)
		status = ctl_check(ctl, "cluster", slots.error_code, (struct wire_string){0});
	if (status != CTL_OK) {
		json_decref(value);
		return status;
	}
	json_object_set_new(value, "slots", ctl_json_slots(&slots));
	ctl_print_json(ctl, value);
	return CTL_OK;
}
