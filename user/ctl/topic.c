/* Owns `bwctl topic create` and `topic delete`, which change something. */
#include "ctl/ctl.h"

#include "base/mem.h"
#include "base/uuid.h"
#include "wire/message_create_topics.h"
#include "wire/message_delete_topics.h"

#include <string.h>

static void fill_configs(const struct ctl *ctl, struct create_topics_request_config *configs)
{
	for (int i = 0; i < ctl->config_count; i++) {
		const char *text = ctl->configs[i], *equals = strchr(text, '=');

		configs[i].name = (struct wire_string){text, (int32_t)(equals - text)};
		configs[i].value = wire_string_of(equals + 1);
	}
}

static void print_created(struct ctl *ctl, const struct create_topics_response_topic *topic)
{
	char id[UUID_TEXT_BYTES];
	json_t *value;

	if (!ctl->json) {
		fprintf(ctl->out, "topic %.*s: %d partitions, replication factor %d\n",
			topic->name.size, topic->name.data, topic->num_partitions,
			topic->replication_factor);
		return;
	}
	value = json_object();
	json_object_set_new(value, "name", ctl_json_string(topic->name));
	json_object_set_new(value, "topic_id", json_string(uuid_format(topic->topic_id, id)));
	json_object_set_new(value, "partitions", json_integer(topic->num_partitions));
	json_object_set_new(value, "replication_factor", json_integer(topic->replication_factor));
	ctl_print_json(ctl, value);
}

int ctl_topic_create(struct ctl *ctl, char **words, int count)
{
	struct create_topics_request_config configs[CTL_CONFIGS_MAX];
	struct create_topics_request_topic topic = {
		.name = wire_string_of(words[0]),
		.num_partitions = ctl->partitions,
		.replication_factor = ctl->replication_factor,
	};
	struct create_topics_request request;
	struct create_topics_response response;
	int status;

	(void)count;
	fill_configs(ctl, configs);
	topic.configs.items = configs;
	topic.configs.count = ctl->config_count;
	wire_init(wire_create_topics.request, &request);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.timeout_ms = ctl->timeout_ms;
	status = ctl_call(ctl, &wire_create_topics, 7, &request, &response);
	for (int32_t i = 0; status == CTL_OK && i < response.topics.count; i++) {
		const struct create_topics_response_topic *t = &response.topics.items[i];

		status = ctl_check(ctl, words[0], t->error_code, t->error_message);
		if (status == CTL_OK)
			print_created(ctl, t);
	}
	return status;
}

/* One request for all names; every name has its own verdict. */
int ctl_topic_delete(struct ctl *ctl, char **words, int count)
{
	struct delete_topics_request_topic *topics;
	struct delete_topics_request request;
	struct delete_topics_response response;
	int status, worst = CTL_OK;

	topics = mem_alloc((size_t)count * sizeof(*topics));
	for (int i = 0; i < count; i++)
		topics[i].name = wire_string_of(words[i]);
	wire_init(wire_delete_topics.request, &request);
	request.topics.items = topics;
	request.topics.count = count;
	request.timeout_ms = ctl->timeout_ms;
	status = ctl_call(ctl, &wire_delete_topics, 6, &request, &response);
	mem_free(topics);
	for (int32_t i = 0; status == CTL_OK && i < response.responses.count; i++) {
		const struct delete_topics_response_topic *t = &response.responses.items[i];
		char name[256];

		snprintf(name, sizeof(name), "%.*s", t->name.data ? t->name.size : 0,
			 t->name.data ? t->name.data : "");
		if (ctl_check(ctl, name, t->error_code, t->error_message) != CTL_OK)
			worst = CTL_FAILED;
		else if (!ctl->json)
			fprintf(ctl->out, "topic %s is deleted\n", name);
	}
	return status != CTL_OK ? status : worst;
}
