/* Owns the reader of metadata: refreshes it many times and says whom it saw.
 *
 *	broker ID HOST:PORT COUNT        a broker of the list, in so many answers
 *	leader PARTITION ID COUNT        -1: nobody */
#include "history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN_MAX = 1000, SEEN_BYTES = 128, ANSWER_MS = 10000 };

struct seen {
	char text[SEEN_BYTES];
	int64_t count;
};

static void note(struct seen *seen, const char *text)
{
	int i = 0;

	while (i < SEEN_MAX && seen[i].count > 0 && strcmp(seen[i].text, text) != 0)
		i++;
	if (i == SEEN_MAX) {
		fputs("history: too many different answers\n", stderr);
		exit(1);
	}
	snprintf(seen[i].text, sizeof(seen[i].text), "%s", text);
	seen[i].count++;
}

static void note_answer(struct seen *seen, const struct rd_kafka_metadata *answer)
{
	char text[SEEN_BYTES];

	for (int i = 0; i < answer->broker_cnt; i++) {
		snprintf(text, sizeof(text), "broker %d %.80s:%d", answer->brokers[i].id,
			 answer->brokers[i].host, answer->brokers[i].port);
		note(seen, text);
	}
	for (int t = 0; t < answer->topic_cnt; t++)
		for (int p = 0; p < answer->topics[t].partition_cnt; p++) {
			snprintf(text, sizeof(text), "leader %d %d",
				 answer->topics[t].partitions[p].id,
				 answer->topics[t].partitions[p].leader);
			note(seen, text);
		}
}

static int refresh(rd_kafka_t *client, rd_kafka_topic_t *topic, struct seen *seen)
{
	const struct rd_kafka_metadata *answer;
	rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, topic, &answer, ANSWER_MS);

	if (error) {
		fprintf(stderr, "history: %s\n", rd_kafka_err2str(error));
		return 1;
	}
	note_answer(seen, answer);
	rd_kafka_metadata_destroy(answer);
	return 0;
}

int history_metadata(const struct history_options *options)
{
	struct seen *seen = calloc(SEEN_MAX, sizeof(*seen));
	char error[256];
	rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, history_conf(options), error,
					  sizeof(error));
	rd_kafka_topic_t *topic;
	int status = 0;

	if (!client || !seen) {
		fprintf(stderr, "history: %s\n", error);
		exit(2);
	}
	topic = rd_kafka_topic_new(client, options->topic, NULL);
	for (int64_t i = 0; i < options->count && status == 0 && !history_stopped(); i++)
		status = refresh(client, topic, seen);
	for (int i = 0; i < SEEN_MAX && seen[i].count > 0; i++)
		printf("%s %" PRId64 "\n", seen[i].text, seen[i].count);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(client);
	free(seen);
	return status;
}
