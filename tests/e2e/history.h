/* The history client: produces with an unmodified librdkafka, reads everything back, and checks
 * that what was acknowledged is what was read.
 *
 * A history file has one event a line; times are CLOCK_MONOTONIC in microseconds:
 *
 *	run T NAME                        a producer begins; its keys are NAME:SEQUENCE
 *	sent T PARTITION SEQUENCE
 *	acked T PARTITION SEQUENCE OFFSET LATENCY_US
 *	failed T PARTITION SEQUENCE ERROR
 *	pass T TOPIC                      a reader begins
 *	range T PARTITION LOW HIGH        what it is going to read: offsets LOW up to HIGH - 1
 *	read T PARTITION OFFSET NAME SEQUENCE
 *	corrupt T PARTITION OFFSET        a key or value that no producer of ours wrote
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { HISTORY_NAME_BYTES = 64, HISTORY_WINDOWS_MAX = 1000, HISTORY_SETTINGS_MAX = 64 };

struct history_window {
	int64_t from_us, to_us;
};

struct history_options {
	const char *brokers;
	const char *topic;
	int32_t partitions;
	int64_t rate; /* records a second, over all partitions */
	int64_t seconds;
	int64_t count; /* of metadata refreshes */
	int64_t size_bytes; /* of a value */
	int64_t message_timeout_ms;
	int64_t idle_ms;    /* a reader that gets nothing for so long gives up */
	const char *output; /* the history file; NULL is standard output */
	const char *name;   /* of the run */
	const char *settings[HISTORY_SETTINGS_MAX]; /* librdkafka's, as name=value */
	int settings_count;
	struct history_window windows[HISTORY_WINDOWS_MAX];
	int window_count;
	char **files; /* check */
	int file_count;
};

/* Each returns the exit status: 0, 1 something is wrong or unreachable. */
int history_produce(const struct history_options *options);
int history_consume(const struct history_options *options);
int history_check(const struct history_options *options);
int history_metadata(const struct history_options *options);

int64_t history_now_us(void);

/* Becomes true when the process was asked to end. */
bool history_stopped(void);

/* Opens the history file, or ends the process. */
FILE *history_open(const struct history_options *options);

/* librdkafka's settings from the options, or ends the process. */
rd_kafka_conf_t *history_conf(const struct history_options *options);

/* The value that belongs to a key: size_bytes bytes, different for every key. */
void history_fill_value(const char *key, char *value, size_t size_bytes);
