/* Owns the producer: one record every 1/rate seconds, whatever happens to those before. */
#include "history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct producer {
	const struct history_options *options;
	rd_kafka_t *client;
	FILE *out;
	char *value;
	int64_t *sent_us; /* by sequence */
	int64_t total;
	int64_t sent, acked, failed;
};

static int32_t partition_of(const struct producer *p, int64_t sequence)
{
	return (int32_t)(sequence % p->options->partitions);
}

/* librdkafka's delivery report, called by rd_kafka_poll(). */
static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
	struct producer *p = context;
	int64_t sequence = (int64_t)(intptr_t)message->_private, now_us = history_now_us();

	(void)client;
	if (message->err) {
		p->failed++;
		fprintf(p->out, "failed %" PRId64 " %d %" PRId64 " %s\n", now_us,
			partition_of(p, sequence), sequence, rd_kafka_err2name(message->err));
		return;
	}
	p->acked++;
	fprintf(p->out, "acked %" PRId64 " %d %" PRId64 " %" PRId64 " %" PRId64 "\n", now_us,
		message->partition, sequence, message->offset, now_us - p->sent_us[sequence]);
}

/* Records that librdkafka takes are sent for the history, even if it fails them later. A full queue
 * holds the producer up: the record is then sent late and its latency counts from there. */
static void send_one(struct producer *p, int64_t sequence)
{
	char key[HISTORY_NAME_BYTES + 24];
	int32_t partition = partition_of(p, sequence);
	rd_kafka_resp_err_t error;

	snprintf(key, sizeof(key), "%s:%" PRId64, p->options->name, sequence);
	history_fill_value(key, p->value, (size_t)p->options->size_bytes);
	do {
		p->sent_us[sequence] = history_now_us();
		error = rd_kafka_producev(
			p->client, RD_KAFKA_V_TOPIC(p->options->topic),
			RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY(key, strlen(key)),
			RD_KAFKA_V_VALUE(p->value, (size_t)p->options->size_bytes),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_OPAQUE((void *)(intptr_t)sequence), RD_KAFKA_V_END);
		if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(p->client, 10);
	} while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL && !history_stopped());
	if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return;
	p->sent++;
	fprintf(p->out, "sent %" PRId64 " %d %" PRId64 "\n", p->sent_us[sequence], partition,
		sequence);
	if (error) {
		p->failed++;
		fprintf(p->out, "failed %" PRId64 " %d %" PRId64 " %s\n", p->sent_us[sequence],
			partition, sequence, rd_kafka_err2name(error));
	}
}

static void send_all(struct producer *p)
{
	int64_t start_us = history_now_us();

	for (int64_t i = 0; i < p->total && !history_stopped(); i++) {
		int64_t due_us = start_us + i * 1000000 / p->options->rate, wait_us;

		rd_kafka_poll(p->client, 0);
		while ((wait_us = due_us - history_now_us()) > 0 && !history_stopped())
			rd_kafka_poll(p->client, (int)(wait_us / 1000));
		send_one(p, i);
	}
}

static rd_kafka_t *open_producer(struct producer *p)
{
	rd_kafka_conf_t *conf = history_conf(p->options);
	char timeout[32], error[256];
	rd_kafka_t *client;

	snprintf(timeout, sizeof(timeout), "%" PRId64, p->options->message_timeout_ms);
	rd_kafka_conf_set(conf, "message.timeout.ms", timeout, NULL, 0);
	/* Idempotence implies acks=all. Everything else is as a user finds it. */
	rd_kafka_conf_set(conf, "enable.idempotence", "true", NULL, 0);
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_conf_set_opaque(conf, p);
	client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!client) {
		fprintf(stderr, "history: %s\n", error);
		exit(2);
	}
	return client;
}

int history_produce(const struct history_options *options)
{
	struct producer p = {.options = options, .total = options->rate * options->seconds};

	p.value = malloc((size_t)options->size_bytes + 1);
	p.sent_us = calloc((size_t)p.total + 1, sizeof(*p.sent_us));
	if (!p.value || !p.sent_us)
		abort();
	p.out = history_open(options);
	p.client = open_producer(&p);
	fprintf(p.out, "run %" PRId64 " %s\n", history_now_us(), options->name);
	send_all(&p);
	/* Every record gets its verdict within the message timeout. */
	rd_kafka_flush(p.client, (int)options->message_timeout_ms + 5000);
	rd_kafka_destroy(p.client);
	fprintf(stderr, "sent %" PRId64 ", acknowledged %" PRId64 ", failed %" PRId64 "\n", p.sent,
		p.acked, p.failed);
	fclose(p.out);
	free(p.value);
	free(p.sent_us);
	return p.acked == p.sent ? 0 : 1;
}
