/* Topics come and go; what they are made of is checked here (names, counts, settings), where their
 * partitions lie is placement.h's matter. */
#include "meta/controller_int.h"
#include "meta/placement.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static bool name_byte_is_legal(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static const char *name_fault(struct wire_string name)
{
	enum { NAME_MOST_BYTES = 249 }; /* with "-<partition>" it is a folder's name */

	if (!name.data || name.size < 1 || name.size > NAME_MOST_BYTES)
		return "a topic's name has 1 to 249 characters";
	if (name.data[0] == '.' && (name.size == 1 || (name.size == 2 && name.data[1] == '.')))
		return "a topic's name is not . or ..";
	for (int32_t i = 0; i < name.size; i++)
		if (!name_byte_is_legal(name.data[i]))
			return "a topic's name consists of letters, digits, '.', '_' and '-'";
	return NULL;
}

/* ---- settings ---- */

static bool number_is_within(const char *text, long long least, long long most)
{
	char *end;
	long long value;

	if (!text || (*text != '-' && (*text < '0' || *text > '9')))
		return false;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == 0 && value >= least && value <= most;
}

static const struct number_setting {
	const char *name;
	long long least, most;
	const char *fault;
} number_settings[] = {
	{"min.insync.replicas", 1, INT32_MAX, "min.insync.replicas is a number from 1 on"},
	{"segment.bytes", 14, INT32_MAX, "segment.bytes is a number from 14 to 2147483647"},
	{"retention.ms", -1, INT64_MAX, "retention.ms is a number from -1 (for ever) on"},
	{"retention.bytes", -1, INT64_MAX, "retention.bytes is a number from -1 (no limit) on"},
};

static const char *setting_fault(const struct image_setting *setting)
{
	if (!setting->name || !setting->value)
		return "a setting has a name and a value";
	if (strcmp(setting->name, "cleanup.policy") == 0) {
		if (strcmp(setting->value, "delete") == 0)
			return NULL;
		return "cleanup.policy can only be delete yet: compaction comes later";
	}
	for (size_t i = 0; i < sizeof(number_settings) / sizeof(*number_settings); i++) {
		const struct number_setting *known = &number_settings[i];

		if (strcmp(setting->name, known->name) == 0)
			return number_is_within(setting->value, known->least, known->most)
				       ? NULL
				       : known->fault;
	}
	return "a setting's name is not known: min.insync.replicas, segment.bytes, retention.ms, "
	       "retention.bytes and cleanup.policy are";
}

static const char *settings_fault(const struct controller_topic *topic)
{
	for (int32_t i = 0; i < topic->setting_count; i++) {
		const char *fault = setting_fault(&topic->settings[i]);

		for (int32_t j = 0; !fault && j < i; j++)
			if (strcmp(topic->settings[i].name, topic->settings[j].name) == 0)
				fault = "a setting is given twice";
		if (fault)
			return fault;
	}
	return NULL;
}

/* ---- counts ---- */

static int32_t replication_factor(const struct image *image,
				  const struct controller_options *options,
				  const struct controller_topic *topic)
{
	enum { MOST_BY_DEFAULT = 3 };

	if (topic->replication_factor != -1)
		return topic->replication_factor;
	if (options->default_replication_factor > 0)
		return options->default_replication_factor;
	return image->broker_count < MOST_BY_DEFAULT ? image->broker_count : MOST_BY_DEFAULT;
}

static bool somebody_is_live(const struct image *image)
{
	for (int32_t i = 0; i < image->broker_count; i++)
		if (image_broker_is_live(image, image->brokers[i]->id))
			return true;
	return false;
}

static enum kafka_error refuse(enum kafka_error error, const char *sentence,
			       const char **ret_sentence)
{
	*ret_sentence = sentence;
	return error;
}

static enum kafka_error check_counts(const struct image *image, int32_t partitions,
				     int32_t replicas, const char **ret_sentence)
{
	if (partitions < 1 || partitions > CONTROLLER_MOST_PARTITIONS)
		return refuse(KAFKA_INVALID_PARTITIONS, "a topic has 1 to 10000 partitions",
			      ret_sentence);
	if (replicas < 1)
		return refuse(KAFKA_INVALID_REPLICATION_FACTOR,
			      "the replication factor is 1 at least", ret_sentence);
	if (replicas > image->broker_count)
		return refuse(
			KAFKA_INVALID_REPLICATION_FACTOR,
			"the replication factor is larger than the number of registered brokers",
			ret_sentence);
	if (image->slot_count == 0 || !somebody_is_live(image))
		return refuse(KAFKA_INVALID_REPLICATION_FACTOR,
			      "all brokers are fenced or shutting down", ret_sentence);
	return KAFKA_NONE;
}

/* One partition's replicas by hand: registered, each once, and one of them live. */
static const char *assignment_fault(const struct image *image, const int32_t *replicas,
				    int32_t count)
{
	bool live = false;

	for (int32_t i = 0; i < count; i++) {
		if (image_list_has(replicas, i, replicas[i]))
			return "a partition's replicas are different brokers";
		if (!image_find_broker(image, replicas[i]))
			return "a replica is on a broker that is not registered";
		live |= image_broker_is_live(image, replicas[i]);
	}
	return live ? NULL
		    : "all replicas of a partition are on brokers that are fenced or shutting down";
}

static enum kafka_error check_topic(const struct image *image, const struct controller_topic *topic,
				    int32_t partitions, int32_t replicas, const char **ret_sentence)
{
	const char *fault = name_fault(topic->name);
	enum kafka_error error;

	if (fault)
		return refuse(KAFKA_INVALID_TOPIC_EXCEPTION, fault, ret_sentence);
	if (image_find_topic(image, topic->name.data, (size_t)topic->name.size))
		return refuse(KAFKA_TOPIC_ALREADY_EXISTS, "a topic of this name exists",
			      ret_sentence);
	fault = settings_fault(topic);
	if (fault)
		return refuse(KAFKA_INVALID_CONFIG, fault, ret_sentence);
	error = check_counts(image, partitions, replicas, ret_sentence);
	for (int32_t p = 0; !fault && error == KAFKA_NONE && topic->assignment && p < partitions;
	     p++) {
		fault = assignment_fault(image, topic->assignment + p * replicas, replicas);
		if (fault)
			error = refuse(KAFKA_INVALID_REPLICA_ASSIGNMENT, fault, ret_sentence);
	}
	return error;
}

/* ---- creation ---- */

static void add_settings(struct decision *d, const struct controller_topic *topic)
{
	enum { RESOURCE_TOPIC = 2 };

	for (int32_t i = 0; i < topic->setting_count; i++) {
		struct config_record record = {
			.resource_type = RESOURCE_TOPIC,
			.resource_name = topic->name,
			.name = wire_string_of(topic->settings[i].name),
			.value = wire_string_of(topic->settings[i].value),
		};

		decision_add(d, METADATA_CONFIG, &record);
	}
}

/* ISR at creation: the replicas that are live. Returns how many. */
static int32_t first_isr(const struct image *image, const int32_t *replicas, int32_t count,
			 int32_t *ret_isr)
{
	int32_t live = 0;

	for (int32_t i = 0; i < count; i++)
		if (image_broker_is_live(image, replicas[i]))
			ret_isr[live++] = replicas[i];
	return live;
}

static void add_partitions(struct decision *d, const struct controller_topic *topic,
			   int32_t partitions, int32_t replicas)
{
	struct placement *placement = placement_new(d->before, replicas);
	int32_t *slots = mem_alloc((size_t)partitions * sizeof(*slots));
	int32_t *isr = mem_alloc((size_t)replicas * sizeof(*isr));

	if (!topic->assignment)
		placement_spread(placement, partitions, slots);
	for (int32_t p = 0; p < partitions; p++) {
		const int32_t *by_hand =
			topic->assignment ? topic->assignment + p * replicas : NULL;
		struct placed placed = by_hand ? placement_by_hand(placement, by_hand)
					       : placement_in(placement, slots[p]);
		struct partition_record record = {
			.partition_id = p,
			.topic_id = topic->id,
			.leader = placed.leader,
			.slot = placed.slot,
		};

		record.replicas.items = (int32_t *)placed.replicas;
		record.replicas.count = replicas;
		record.isr.items = isr;
		record.isr.count = first_isr(d->before, placed.replicas, replicas, isr);
		decision_add(d, METADATA_PARTITION, &record);
	}
	mem_free(isr);
	mem_free(slots);
	placement_free(placement);
}

enum kafka_error controller_create_topic(const struct image *image,
					 const struct controller_options *options,
					 const struct controller_topic *topic,
					 struct change *change, const char **ret_sentence)
{
	int32_t partitions =
		topic->partitions == -1 ? options->default_partitions : topic->partitions;
	int32_t replicas = replication_factor(image, options, topic);
	enum kafka_error error = check_topic(image, topic, partitions, replicas, ret_sentence);
	struct topic_record record = {.name = topic->name, .topic_id = topic->id};
	struct decision d;

	if (error != KAFKA_NONE)
		return error;
	d = decision_begin(image, options, change);
	decision_add(&d, METADATA_TOPIC, &record);
	add_settings(&d, topic);
	add_partitions(&d, topic, partitions, replicas);
	decision_done(&d);
	return KAFKA_NONE;
}

enum kafka_error controller_delete_topic(const struct image *image, struct uuid topic_id,
					 struct change *change)
{
	struct remove_topic_record record = {.topic_id = topic_id};

	if (!image_find_topic_by_id(image, topic_id))
		return KAFKA_UNKNOWN_TOPIC_ID;
	change_add(change, METADATA_REMOVE_TOPIC, &record);
	return KAFKA_NONE;
}
