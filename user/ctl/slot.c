/* Owns `bwctl slot list` and `slot move` (S1, S4). */
#include "ctl/columns.h"
#include "ctl/ctl.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "wire/message_slots.h"

enum { NODE_ID_MOST = 999 };

static char *format_address(const struct describe_slots_response_address *a)
{
	return mem_format("%.*s:%d", a->host.size, a->host.data, a->port);
}

json_t *ctl_json_slots(const struct describe_slots_response *response)
{
	json_t *slots = json_array();

	for (int32_t i = 0; i < response->slots.count; i++) {
		const struct describe_slots_response_slot *s = &response->slots.items[i];
		json_t *slot = json_object(), *addresses = json_array();

		for (int32_t j = 0; j < s->addresses.count; j++) {
			char *address = format_address(&s->addresses.items[j]);

			json_array_append_new(addresses, json_string(address));
			mem_free(address);
		}
		json_object_set_new(slot, "slot", json_integer(s->slot));
		json_object_set_new(slot, "addresses", addresses);
		json_object_set_new(slot, "holder", json_integer(s->holder));
		json_object_set_new(slot, "epoch", json_integer(s->slot_epoch));
		json_object_set_new(slot, "order", ctl_json_int32s(s->order.items, s->order.count));
		json_object_set_new(slot, "partitions", json_integer(s->partitions));
		json_array_append_new(slots, slot);
	}
	return slots;
}

static void put_addresses(struct columns *table, const struct describe_slots_response_slot *s)
{
	struct buffer text = {0};

	for (int32_t i = 0; i < s->addresses.count; i++) {
		char *address = format_address(&s->addresses.items[i]);

		buffer_put(&text, ",", i > 0);
		buffer_put(&text, address, strlen(address));
		mem_free(address);
	}
	columns_put(table, "%.*s", (int)text.size, text.data ? (const char *)text.data : "");
	buffer_done(&text);
}

static void print_slots(struct ctl *ctl, const struct describe_slots_response *response)
{
	static const char *const headings[] = {"SLOT",       "HOLDER",    "EPOCH", "ORDER",
					       "PARTITIONS", "ADDRESSES", NULL};
	struct columns *table = columns_new(headings);
	char order[CTL_LIST_BYTES];

	for (int32_t i = 0; i < response->slots.count; i++) {
		const struct describe_slots_response_slot *s = &response->slots.items[i];

		columns_put(table, "%d", s->slot);
		columns_put(table, "%d", s->holder);
		columns_put(table, "%lld", (long long)s->slot_epoch);
		columns_put(table, "%s", ctl_format_int32s(s->order.items, s->order.count, order));
		columns_put(table, "%d", s->partitions);
		put_addresses(table, s);
	}
	columns_print(table, ctl->out);
	columns_free(table);
}

int ctl_slot_list(struct ctl *ctl, char **words, int count)
{
	struct describe_slots_request request;
	struct describe_slots_response response;
	int status;

	(void)words;
	(void)count;
	wire_init(wire_describe_slots.request, &request);
	status = ctl_call(ctl, &wire_describe_slots, 0, &request, &response);
	if (status == CTL_OK)
		status = ctl_check(ctl, "slot list", response.error_code, (struct wire_string){0});
	if (status == CTL_OK && ctl->json)
		ctl_print_json(ctl, ctl_json_slots(&response));
	else if (status == CTL_OK)
		print_slots(ctl, &response);
	return status;
}

static void print_move(struct ctl *ctl, const struct move_slot_request *request, int64_t slot_epoch)
{
	json_t *value;

	if (!ctl->json) {
		fprintf(ctl->out, "slot %d: broker %d holds it, slot epoch %lld\n", request->slot,
			request->to, (long long)slot_epoch);
		return;
	}
	value = json_object();
	json_object_set_new(value, "slot", json_integer(request->slot));
	json_object_set_new(value, "holder", json_integer(request->to));
	json_object_set_new(value, "epoch", json_integer(slot_epoch));
	ctl_print_json(ctl, value);
}

int ctl_slot_move(struct ctl *ctl, char **words, int count)
{
	struct move_slot_request request;
	struct move_slot_response response;
	int64_t slot, broker;
	int status;

	(void)count;
	if (!ctl_parse_number(ctl, "SLOT", words[0], 0, INT32_MAX, &slot) ||
	    !ctl_parse_number(ctl, "BROKER", words[1], 0, NODE_ID_MOST, &broker))
		return CTL_USAGE;
	wire_init(wire_move_slot.request, &request);
	request.slot = (int32_t)slot;
	request.to = (int32_t)broker;
	request.timeout_ms = ctl->timeout_ms;
	status = ctl_call(ctl, &wire_move_slot, 0, &request, &response);
	if (status == CTL_OK)
		status = ctl_check(ctl, "slot move", response.error_code, response.error_message);
	if (status == CTL_OK)
		print_move(ctl, &request, response.slot_epoch);
	return status;
}
