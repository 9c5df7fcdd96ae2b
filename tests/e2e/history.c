/* The command line of the history client, and what its parts share. */
#include "history.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static const char usage_text[] =
	"usage: history produce -b BROKERS -t TOPIC [-p PARTITIONS] [-r RATE] [-d SECONDS]\n"
	"                       [-s VALUE_BYTES] [-m MESSAGE_TIMEOUT_MS] [-n NAME] [-o FILE] [-X "
	"k=v]\n"
	"       history consume -b BROKERS -t TOPIC [-p PARTITIONS] [-i IDLE_MS] [-o FILE] [-X "
	"k=v]\n"
	"       history check [-w FROM_US-TO_US]... FILE...\n"
	"       history metadata -b BROKERS -t TOPIC [-c COUNT] [-X k=v]\n"
	"       history now      prints the clock that histories use, in microseconds\n"
	"A producer that is asked to end (SIGINT, SIGTERM) finishes what it sent.\n";

int64_t history_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool history_stopped(void)
{
	return stopped != 0;
}

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void usage(void)
{
	fputs(usage_text, stderr);
	exit(2);
}

FILE *history_open(const struct history_options *options)
{
	FILE *file = options->output ? fopen(options->output, "w") : stdout;

	if (!file) {
		perror(options->output);
		exit(1);
	}
	/* A history that ends with the process that wrote it is still good up to its last line. */
	setvbuf(file, NULL, _IOLBF, 1 << 16);
	return file;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[256];

	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) {
		fprintf(stderr, "history: %s\n", error);
		exit(2);
	}
}

rd_kafka_conf_t *history_conf(const struct history_options *options)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	set(conf, "bootstrap.servers", options->brokers);
	for (int i = 0; i < options->settings_count; i++) {
		char name[128], *equals;

		snprintf(name, sizeof(name), "%s", options->settings[i]);
		equals = strchr(name, '=');
		if (!equals)
			usage();
		*equals = 0;
		set(conf, name, strchr(options->settings[i], '=') + 1);
	}
	return conf;
}

void history_fill_value(const char *key, char *value, size_t size_bytes)
{
	size_t key_size = strlen(key);

	for (size_t i = 0; i < size_bytes; i++)
		value[i] = key[(i + i / key_size) % key_size];
}

static int64_t number(const char *text, int64_t least)
{
	char *end;
	int64_t value = strtoll(text, &end, 10);

	if (*end || end == text || value < least) {
		fprintf(stderr, "history: '%s' is not a number from %" PRId64 " on\n", text, least);
		exit(2);
	}
	return value;
}

static void add_window(struct history_options *options, const char *text)
{
	struct history_window *w = &options->windows[options->window_count];

	if (options->window_count == HISTORY_WINDOWS_MAX ||
	    sscanf(text, "%" SCNd64 "-%" SCNd64, &w->from_us, &w->to_us) != 2 ||
	    w->to_us <= w->from_us)
		usage();
	options->window_count++;
}

static void parse_option(struct history_options *options, int letter)
{
	switch (letter) {
	case 'b':
		options->brokers = optarg;
		break;
	case 't':
		options->topic = optarg;
		break;
	case 'p':
		options->partitions = (int32_t)number(optarg, 1);
		break;
	case 'r':
		options->rate = number(optarg, 1);
		break;
	case 'c':
		options->count = number(optarg, 1);
		break;
	case 'd':
		options->seconds = number(optarg, 1);
		break;
	case 's':
		options->size_bytes = number(optarg, 0);
		break;
	case 'm':
		options->message_timeout_ms = number(optarg, 1);
		break;
	case 'i':
		options->idle_ms = number(optarg, 1);
		break;
	case 'n':
		options->name = optarg;
		break;
	case 'o':
		options->output = optarg;
		break;
	case 'w':
		add_window(options, optarg);
		break;
	case 'X':
		if (options->settings_count == HISTORY_SETTINGS_MAX)
			usage();
		options->settings[options->settings_count++] = optarg;
		break;
	default:
		usage();
	}
}

static int run(const char *command, struct history_options *options)
{
	bool is_client = options->brokers && options->topic && options->file_count == 0;

	if (strcmp(command, "produce") == 0 && is_client)
		return history_produce(options);
	if (strcmp(command, "consume") == 0 && is_client)
		return history_consume(options);
	if (strcmp(command, "metadata") == 0 && is_client)
		return history_metadata(options);
	if (strcmp(command, "check") == 0 && options->file_count > 0)
		return history_check(options);
	usage();
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {{"window", required_argument, NULL, 'w'}, {0}};
	static struct history_options options = {
		.partitions = 1,
		.rate = 100,
		.seconds = 10,
		.count = 1,
		.size_bytes = 100,
		.message_timeout_ms = 60000,
		.idle_ms = 30000,
	};
	static const char letters[] = "b:t:p:r:c:d:s:m:i:n:o:w:X:";
	char name[HISTORY_NAME_BYTES];
	int letter;

	if (argc < 2)
		usage();
	if (strcmp(argv[1], "now") == 0)
		return printf("%" PRId64 "\n", history_now_us()) < 0;
	snprintf(name, sizeof(name), "%d-%" PRIx64, (int)getpid(), (uint64_t)history_now_us());
	options.name = name;
	optind = 2;
	while ((letter = getopt_long(argc, argv, letters, long_options, NULL)) >= 0)
		parse_option(&options, letter);
	if (strpbrk(options.name, ": \n") || strlen(options.name) >= HISTORY_NAME_BYTES)
		usage();
	options.files = argv + optind;
	options.file_count = argc - optind;
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	return run(argv[1], &options);
}
