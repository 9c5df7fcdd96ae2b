/* bwctl: the operator's command line. It speaks Kafka's protocol to any broker and nothing else. */
#pragma once

#include "ctl/connection.h"

#include <jansson.h>
#include <stdio.h>

/* Exit statuses. */
enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

enum { CTL_CONFIGS_MAX = 64 };

/* What the command line said, and what every command works with. */
struct ctl {
	const char *brokers;
	bool json;
	int timeout_ms;
	/* topic create; -1: the cluster's default */
	int32_t partitions;
	int16_t replication_factor;
	const char *configs[CTL_CONFIGS_MAX]; /* "name=value" */
	int config_count;

	struct connection *connection;
	struct arena arena;
	FILE *out, *err;
};

/* One command: a row of the table in ctl.c. `run` gets as many words as `arguments` has, or more
 * where it ends in "...", and returns an exit status. */
struct ctl_command {
	const char *group, *verb; /* verb NULL: the group alone is the command */
	const char *arguments;
	const char *help;
	bool takes_topic_options;
	int (*run)(struct ctl *ctl, char **words, int count);
};

/* Parses the command line and runs it. Returns the exit status. */
int ctl_run(int argc, char **argv, FILE *out, FILE *err);

/* ---- for commands ---- */

/* Asks the broker. Returns CTL_OK, or prints why not and returns CTL_FAILED. */
int ctl_call(struct ctl *ctl, const struct wire_api *api, int16_t version, const void *request,
	     void *ret_response);

/* Prints "what: ERROR_NAME: message" when code is an error. Returns CTL_OK or CTL_FAILED. */
int ctl_check(struct ctl *ctl, const char *what, int16_t code, struct wire_string message);

/* Prints value and drops the reference. */
void ctl_print_json(struct ctl *ctl, json_t *value);

/* A number in base 10 between least and most; prints a complaint and returns false otherwise. */
bool ctl_parse_number(struct ctl *ctl, const char *what, const char *text, int64_t least,
		      int64_t most, int64_t *ret_number);

json_t *ctl_json_string(struct wire_string text); /* null is null */
json_t *ctl_json_int32s(const int32_t *items, int32_t count);

enum { CTL_LIST_BYTES = 512 };
/* "1,2,3" */
const char *ctl_format_int32s(const int32_t *items, int32_t count,
			      char text[static CTL_LIST_BYTES]);

int ctl_cluster(struct ctl *ctl, char **words, int count);
int ctl_topic_create(struct ctl *ctl, char **words, int count);
int ctl_topic_list(struct ctl *ctl, char **words, int count);
int ctl_topic_describe(struct ctl *ctl, char **words, int count);
int ctl_topic_delete(struct ctl *ctl, char **words, int count);
int ctl_slot_list(struct ctl *ctl, char **words, int count);
int ctl_slot_move(struct ctl *ctl, char **words, int count);
int ctl_partition_accept_loss(struct ctl *ctl, char **words, int count);

/* Slots as `slot list` and `cluster` show them. */
struct describe_slots_response;
json_t *ctl_json_slots(const struct describe_slots_response *response);
