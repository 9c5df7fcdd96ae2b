/* DescribeSlots (ours, for bwctl): every slot with its holder, epoch, order and addresses (S1). */
#include "broker/request.h"

static void describe_one(struct request *request, const struct image_slot *slot,
			 struct describe_slots_response_slot *ret)
{
	struct describe_slots_response_address *addresses =
		request_alloc(request, (size_t)slot->address_count + 1, sizeof(*addresses));

	for (int32_t i = 0; i < slot->address_count; i++) {
		addresses[i].host = wire_string_of(slot->addresses[i].host);
		addresses[i].port = slot->addresses[i].address.port;
	}
	*ret = (struct describe_slots_response_slot){
		.slot = slot->id,
		.slot_epoch = slot->epoch,
		.holder = slot->holder,
		.partitions = slot->partition_count,
	};
	ret->order.items = slot->order;
	ret->order.count = slot->order_count;
	ret->addresses.items = addresses;
	ret->addresses.count = slot->address_count;
}

void api_describe_slots(struct request *request)
{
	const struct image *image = request->worker->image;
	struct describe_slots_response response;

	wire_init(wire_describe_slots.response, &response);
	response.slots.items = request_alloc(request, (size_t)image->slot_count + 1,
					     sizeof(*response.slots.items));
	response.slots.count = image->slot_count;
	for (int32_t i = 0; i < image->slot_count; i++)
		describe_one(request, image->slots[i], &response.slots.items[i]);
	request_reply(request, &response);
}
