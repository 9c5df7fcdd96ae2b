/* Owns `bwctl topic list` and `topic describe`, which only look.
 *
 * Asked through a slot listener the answer is the slot view (S7): leaders are slots, whose ids
 * begin at SLOT_ID_FIRST; asked through a plain listener they are brokers. */
#include "ctl/columns.h"
#include "ctl/ctl.h"

#include "base/mem.h"
#include "base/uuid.h"
#include "wire/errors.h"
#include "wire/message_metadata.h"

enum { SLOT_ID_FIRST = 1000 };

/* names NULL: all topics. */
static int ask(struct ctl *ctl, char **names, int count, struct metadata_response *ret_response)
{
	struct metadata_request_topic *topics = mem_alloc((size_t)count * sizeof(*topics));
	struct metadata_request request;
	int status;

	for (int i = 0; i < count; i++)
		topics[i].name = wire_string_of(names[i]);
	wire_init(wire_metadata.request, &request);
	request.topics.items = names ? topics : NULL;
	request.topics.count = names ? count : -1;
	request.allow_auto_topic_creation = false;
	status = ctl_call(ctl, &wire_metadata, 12, &request, ret_response);
	mem_free(topics);
	return status;
}

static int32_t replication_factor(const struct metadata_response_topic *topic)
{
	return topic->partitions.count ? topic->partitions.items[0].replica_nodes.count : 0;
}

static json_t *json_partition(const struct metadata_response_partition *p)
{
	bool leads_by_slot = p->leader_id >= SLOT_ID_FIRST;
	json_t *partition = json_object();

	json_object_set_new(partition, "partition", json_integer(p->partition_index));
	json_object_set_new(partition, "error", json_string(kafka_error_name(p->error_code)));
	json_object_set_new(partition, "leader", json_integer(p->leader_id));
	json_object_set_new(partition, "epoch", json_integer(p->leader_epoch));
	json_object_set_new(partition, "slot",
			    leads_by_slot ? json_integer(p->leader_id - SLOT_ID_FIRST)
					  : json_null());
	json_object_set_new(partition, "replicas",
			    ctl_json_int32s(p->replica_nodes.items, p->replica_nodes.count));
	json_object_set_new(partition, "isr",
			    ctl_json_int32s(p->isr_nodes.items, p->isr_nodes.count));
	json_object_set_new(partition, "offline",
			    ctl_json_int32s(p->offline_replicas.items, p->offline_replicas.count));
	return partition;
}

static json_t *json_topic(const struct metadata_response_topic *t, bool with_partitions)
{
	json_t *topic = json_object(), *partitions = json_array();
	char id[UUID_TEXT_BYTES];

	json_object_set_new(topic, "name", ctl_json_string(t->name));
	json_object_set_new(topic, "topic_id", json_string(uuid_format(t->topic_id, id)));
	json_object_set_new(topic, "internal", json_boolean(t->is_internal));
	json_object_set_new(topic, "replication_factor", json_integer(replication_factor(t)));
	for (int32_t i = 0; i < t->partitions.count; i++)
		json_array_append_new(partitions, json_partition(&t->partitions.items[i]));
	if (with_partitions) {
		json_object_set_new(topic, "partitions", partitions);
	} else {
		json_object_set_new(topic, "partitions", json_integer(t->partitions.count));
		json_decref(partitions);
	}
	return topic;
}

static void print_list(struct ctl *ctl, const struct metadata_response *response)
{
	static const char *const headings[] = {"TOPIC", "PARTITIONS", "REPLICATION", "ID", NULL};
	struct columns *table = columns_new(headings);
	char id[UUID_TEXT_BYTES];

	for (int32_t i = 0; i < response->topics.count; i++) {
		const struct metadata_response_topic *t = &response->topics.items[i];

		columns_put(table, "%.*s", t->name.size, t->name.data ? t->name.data : "");
		columns_put(table, "%d", t->partitions.count);
		columns_put(table, "%d", replication_factor(t));
		columns_put(table, "%s", uuid_format(t->topic_id, id));
	}
	columns_print(table, ctl->out);
	columns_free(table);
}

int ctl_topic_list(struct ctl *ctl, char **words, int count)
{
	struct metadata_response response;
	json_t *topics;
	int status = ask(ctl, NULL, 0, &response);

	(void)words;
	(void)count;
	if (status != CTL_OK)
		return status;
	if (!ctl->json) {
		print_list(ctl, &response);
		return status;
	}
	topics = json_array();
	for (int32_t i = 0; i < response.topics.count; i++)
		json_array_append_new(topics, json_topic(&response.topics.items[i], false));
	ctl_print_json(ctl, topics);
	return status;
}

static void print_partitions(struct ctl *ctl, const struct metadata_response_topic *t)
{
	static const char *const headings[] = {"PARTITION", "LEADER", "EPOCH", "REPLICAS",
					       "ISR",       "ERROR",  NULL};
	struct columns *table = columns_new(headings);
	char list[CTL_LIST_BYTES];

	fprintf(ctl->out, "topic %.*s\n", t->name.size, t->name.data ? t->name.data : "");
	for (int32_t i = 0; i < t->partitions.count; i++) {
		const struct metadata_response_partition *p = &t->partitions.items[i];

		columns_put(table, "%d", p->partition_index);
		if (p->leader_id >= SLOT_ID_FIRST)
			columns_put(table, "slot %d", p->leader_id - SLOT_ID_FIRST);
		else
			columns_put(table, "%d", p->leader_id);
		columns_put(table, "%d", p->leader_epoch);
		columns_put(
			table, "%s",
			ctl_format_int32s(p->replica_nodes.items, p->replica_nodes.count, list));
		columns_put(table, "%s",
			    ctl_format_int32s(p->isr_nodes.items, p->isr_nodes.count, list));
		columns_put(table, "%s", p->error_code ? kafka_error_name(p->error_code) : "");
	}
	columns_print(table, ctl->out);
	columns_free(table);
}

int ctl_topic_describe(struct ctl *ctl, char **words, int count)
{
	struct metadata_response response;
	json_t *topics;
	int status = ask(ctl, words, count, &response);

	if (status != CTL_OK)
		return status;
	topics = json_array();
	for (int32_t i = 0; i < response.topics.count; i++) {
		const struct metadata_response_topic *t = &response.topics.items[i];
		char name[256];

		snprintf(name, sizeof(name), "%.*s", t->name.size,
			 t->name.data ? t->name.data : "");
		if (ctl_check(ctl, name, t->error_code, (struct wire_string){0}) != CTL_OK)
			status = CTL_FAILED;
		else if (ctl->json)
			json_array_append_new(topics, json_topic(t, true));
		else
			print_partitions(ctl, t);
	}
	if (ctl->json)
		ctl_print_json(ctl, json_incref(topics));
	json_decref(topics);
	return status;
}
