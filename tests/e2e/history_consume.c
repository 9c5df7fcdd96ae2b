/* Owns the reader: every partition from its first offset up to the end it had when we asked. */
#include "history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const struct history_options *options;
	rd_kafka_t *client;
	FILE *out;
	int64_t *next, *high; /* by partition: to be read next, and the end */
	int32_t unfinished;
	int64_t count;
};

/* Asks until a leader answers; gives up after idle_ms. */
static bool find_range(struct reader *r, int32_t partition)
{
	int64_t give_up_us = history_now_us() + r->options->idle_ms * 1000, low, high;
	rd_kafka_resp_err_t error;

	do {
		error = rd_kafka_query_watermark_offsets(r->client, r->options->topic, partition,
							 &low, &high, 2000);
	} while (error && history_now_us() < give_up_us && !history_stopped());
	if (error) {
		fprintf(stderr, "history: no offsets of partition %d: %s\n", partition,
			rd_kafka_err2str(error));
		return false;
	}
	r->next[partition] = low;
	r->high[partition] = high;
	r->unfinished += low < high;
	fprintf(r->out, "range %" PRId64 " %d %" PRId64 " %" PRId64 "\n", history_now_us(),
		partition, low, high);
	return true;
}

static void assign(struct reader *r)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(r->options->partitions);

	for (int32_t i = 0; i < r->options->partitions; i++)
		if (r->next[i] < r->high[i])
			rd_kafka_topic_partition_list_add(list, r->options->topic, i)->offset =
				r->next[i];
	rd_kafka_assign(r->client, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* Splits "NAME:SEQUENCE" and compares the value with the one that belongs to it. */
static bool is_ours(const rd_kafka_message_t *message, char *key, size_t key_size,
		    char **ret_sequence)
{
	char *colon, *expected;
	bool equal;

	if (!message->key || message->key_len >= key_size)
		return false;
	memcpy(key, message->key, message->key_len);
	key[message->key_len] = 0;
	colon = strchr(key, ':');
	if (!colon || colon == key || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    !colon[1])
		return false;
	expected = malloc(message->len + 1);
	if (!expected)
		abort();
	history_fill_value(key, expected, message->len);
	equal = memcmp(expected, message->payload, message->len) == 0;
	free(expected);
	*colon = 0;
	*ret_sequence = colon + 1;
	return equal;
}

static void note(struct reader *r, const rd_kafka_message_t *message)
{
	char key[HISTORY_NAME_BYTES + 24], *sequence;
	int32_t partition = message->partition;

	if (r->next[partition] >= r->high[partition])
		return; /* written since we asked */
	if (is_ours(message, key, sizeof(key), &sequence))
		fprintf(r->out, "read %" PRId64 " %d %" PRId64 " %s %s\n", history_now_us(),
			partition, message->offset, key, sequence);
	else
		fprintf(r->out, "corrupt %" PRId64 " %d %" PRId64 "\n", history_now_us(), partition,
			message->offset);
	r->count++;
	r->next[partition] = message->offset + 1;
	if (r->next[partition] >= r->high[partition])
		r->unfinished--;
}

static bool read_all(struct reader *r)
{
	int64_t idle_since_us = history_now_us();

	while (r->unfinished > 0 && !history_stopped()) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(r->client, 100);

		if (message && !message->err) {
			note(r, message);
			idle_since_us = history_now_us();
		}
		if (message)
			rd_kafka_message_destroy(message);
		if (history_now_us() - idle_since_us > r->options->idle_ms * 1000) {
			fprintf(stderr, "history: %d partitions are not read to their end\n",
				r->unfinished);
			return false;
		}
	}
	return r->unfinished == 0;
}

static rd_kafka_t *open_consumer(const struct history_options *options)
{
	rd_kafka_conf_t *conf = history_conf(options);
	char error[256];
	rd_kafka_t *client;

	rd_kafka_conf_set(conf, "group.id", "history", NULL, 0); /* librdkafka wants one; unused */
	rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
	rd_kafka_conf_set(conf, "auto.offset.reset", "error", NULL, 0);
	rd_kafka_conf_set(conf, "check.crcs", "true", NULL, 0);
	client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (!client) {
		fprintf(stderr, "history: %s\n", error);
		exit(2);
	}
	rd_kafka_poll_set_consumer(client);
	return client;
}

int history_consume(const struct history_options *options)
{
	struct reader r = {.options = options};
	bool good = true;

	r.next = calloc((size_t)options->partitions, sizeof(*r.next));
	r.high = calloc((size_t)options->partitions, sizeof(*r.high));
	if (!r.next || !r.high)
		abort();
	r.out = history_open(options);
	r.client = open_consumer(options);
	fprintf(r.out, "pass %" PRId64 " %s\n", history_now_us(), options->topic);
	for (int32_t i = 0; i < options->partitions && good; i++)
		good = find_range(&r, i);
	if (good) {
		assign(&r);
		good = read_all(&r);
	}
	fprintf(stderr, "read %" PRId64 "\n", r.count);
	/* Closing a consumer waits for its group's coordinator; we never had one. */
	rd_kafka_destroy_flags(r.client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	fclose(r.out);
	free(r.next);
	free(r.high);
	return good ? 0 : 1;
}
