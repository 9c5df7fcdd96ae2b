/* Owns the two views of one cluster. A client of one view never gets an address of the other (S6).
 */
#include "broker/view.h"

#include "broker/control.h"

static enum image_listener listener_of(const struct view *view)
{
	return view->kind == VIEW_SLOT ? IMAGE_SLOT : IMAGE_PLAIN;
}

int32_t view_nodes(struct request *request, struct view_node **ret_nodes)
{
	const struct image *image = request->worker->image;
	enum image_listener listener = listener_of(&request->view);
	struct view_node *nodes = request_alloc(
		request, (size_t)(image->broker_count + image->slot_count) + 1, sizeof(*nodes));
	int32_t count = 0;

	for (int32_t i = 0; i < image->broker_count; i++) {
		const struct image_broker *broker = image->brokers[i];
		const struct image_endpoint *endpoint = &broker->endpoints[listener];

		if (!broker->fenced && endpoint->host)
			nodes[count++] = (struct view_node){broker->id, endpoint->host,
							    endpoint->address.port, broker->rack};
	}
	for (int32_t i = 0; request->view.kind == VIEW_SLOT && i < image->slot_count; i++) {
		const struct image_slot *slot = image->slots[i];

		if (slot->address_count)
			nodes[count++] = (struct view_node){IMAGE_SLOT_ID_BASE + slot->id,
							    slot->addresses[0].host,
							    slot->addresses[0].address.port, NULL};
	}
	*ret_nodes = nodes;
	return count;
}

int32_t view_leader_id(const struct request *request, const struct image_partition *partition)
{
	const struct image *image = request->worker->image;

	if (partition->leader < 0 || request->view.kind != VIEW_SLOT ||
	    image_partition_is_away(image, partition))
		return partition->leader;
	return IMAGE_SLOT_ID_BASE + partition->slot;
}

int32_t view_controller_id(const struct request *request)
{
	const struct broker *broker = request->worker->broker;
	int32_t controller = control_leader_id(broker->control);

	return request->view.kind == VIEW_SLOT || controller < 0 ? broker->identity.node_id
								 : controller;
}
