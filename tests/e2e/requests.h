/* What the files of requests share: one broker, asked in the project's own words.
 *
 * Every test opens its own connection, and has topics of its own: the order does not matter. */
#pragma once

#include "plain_client.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The state of a cmocka test. */
struct asker {
	const char *address; /* BROKER in the environment */
	const char *data;    /* DATA: the broker's data directory */
	int fd;
	struct arena arena;
	struct buffer frame; /* the last answer */
};

/* Asks, and fails the test when no sound answer comes. */
void ask(struct asker *a, const struct wire_api *api, int16_t version, const void *request,
	 void *ret_response);
void send_only(struct asker *a, const struct wire_api *api, int16_t version, const void *request);

/* ---- topics ---- */
enum kafka_error create_topic(struct asker *a, const char *name, int32_t partitions,
			      struct uuid *ret_id);
enum kafka_error delete_topic(struct asker *a, const char *name);

/* ---- records ---- */

/* A batch of `records` records with timestamps first_ms, first_ms + 1, ... */
void make_batch(struct buffer *out, int32_t records, int64_t first_ms);
/* The checksum of a batch that was changed by hand. */
void reseal_batch(struct buffer *batch);

struct produced {
	enum kafka_error error;
	int64_t base_offset;
};
struct produced produce(struct asker *a, const char *topic, int32_t partition,
			const struct buffer *records, int16_t acks);

struct fetched {
	enum kafka_error error;
	int64_t high_watermark;
	struct wire_records records;
};
/* max_wait_ms 0. */
struct fetched fetch(struct asker *a, const char *topic, int32_t partition, int64_t offset);
/* Answers the offset, or -1; the error must be `expected`. */
int64_t list_offset(struct asker *a, const char *topic, int64_t timestamp,
		    enum kafka_error expected);

/* ---- the tests, by file ---- */
extern const struct CMUnitTest protocol_tests[], produce_tests[], topic_tests[];
extern const size_t protocol_test_count, produce_test_count, topic_test_count;
int asker_open(void **state);
int asker_close(void **state);
#define ASKER_TEST(function) cmocka_unit_test_setup_teardown(function, asker_open, asker_close)
