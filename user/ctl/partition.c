/* Owns `bwctl partition accept-loss` (R48). */
#include "ctl/ctl.h"

#include "wire/message_accept_loss.h"

#include <stdlib.h>

static void print_loss(struct ctl *ctl, char **words, const struct accept_loss_response *response)
{
	json_t *value;

	if (!ctl->json) {
		fprintf(ctl->out, "%s partition %s: offsets %lld up to %lld are given up\n",
			words[0], words[1], (long long)response->dropped_from,
			(long long)response->dropped_to - 1);
		return;
	}
	value = json_object();
	json_object_set_new(value, "topic", json_string(words[0]));
	json_object_set_new(value, "partition", json_integer(strtoll(words[1], NULL, 10)));
	json_object_set_new(value, "dropped_from", json_integer(response->dropped_from));
	json_object_set_new(value, "dropped_to", json_integer(response->dropped_to));
	ctl_print_json(ctl, value);
}

int ctl_partition_accept_loss(struct ctl *ctl, char **words, int count)
{
	struct accept_loss_request request;
	struct accept_loss_response response;
	int64_t partition;
	int status;

	(void)count;
	if (!ctl_parse_number(ctl, "PARTITION", words[1], 0, INT32_MAX, &partition))
		return CTL_USAGE;
	wire_init(wire_accept_loss.request, &request);
	request.topic = wire_string_of(words[0]);
	request.partition = (int32_t)partition;
	status = ctl_call(ctl, &wire_accept_loss, 0, &request, &response);
	if (status == CTL_OK)
		status = ctl_check(ctl, "partition accept-loss", response.error_code,
				   response.error_message);
	if (status == CTL_OK)
		print_loss(ctl, words, &response);
	return status;
}
