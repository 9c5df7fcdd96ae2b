/* Owns the table of commands, the command line, and what commands share. */
#include "ctl/ctl.h"

#include "version.h"
#include "wire/errors.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 256 << 20, WORDS_MAX = 64 };

static const struct ctl_command commands[] = {
	{"cluster", NULL, "", "Shows the cluster's id, controller, brokers and slots.", false,
	 ctl_cluster},
	{"topic", "create", "NAME", "Creates a topic.", true, ctl_topic_create},
	{"topic", "list", "", "Lists the topics.", false, ctl_topic_list},
	{"topic", "describe", "NAME...", "Shows leaders, epochs, replicas and in-sync replicas.",
	 false, ctl_topic_describe},
	{"topic", "delete", "NAME...", "Deletes topics and everything in them.", false,
	 ctl_topic_delete},
	{"slot", "list", "", "Lists the slots: addresses, holder, epoch, order.", false,
	 ctl_slot_list},
	{"slot", "move", "SLOT BROKER",
	 "Moves a slot, and the leadership of its partitions, to a broker.", false, ctl_slot_move},
	{"partition", "accept-loss", "TOPIC PARTITION",
	 "Gives up what the only replica of a partition lost to corruption, so that the partition "
	 "is\n"
	 "served again. What was acknowledged and is lost stays lost.",
	 false, ctl_partition_accept_loss},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(*commands) };

/* ---- usage ---- */

static void print_command(FILE *out, const struct ctl_command *c)
{
	fprintf(out, "bwctl [-b HOST:PORT] %s%s%s%s%s%s\n", c->group, c->verb ? " " : "",
		c->verb ? c->verb : "", *c->arguments ? " " : "", c->arguments,
		c->takes_topic_options
			? " [--partitions N] [--replication-factor N] [--config NAME=VALUE]..."
			: "");
}

static void print_options(FILE *out)
{
	fputs("  -b, --bootstrap-server HOST:PORT,...  a broker to ask (127.0.0.1:9092)\n"
	      "      --json                            JSON instead of tables\n"
	      "      --timeout SECONDS                 how long to wait for an answer (10)\n"
	      "      --version                         print the version\n"
	      "      --help                            this, or a command's own help\n",
	      out);
}

static void print_help(FILE *out, const struct ctl_command *command)
{
	if (command) {
		fputs("usage: ", out);
		print_command(out, command);
		fprintf(out, "%s\n\n", command->help);
	} else {
		fputs("usage:\n", out);
		for (int i = 0; i < COMMAND_COUNT; i++) {
			fputs("  ", out);
			print_command(out, &commands[i]);
		}
		fputc('\n', out);
	}
	print_options(out);
}

/* ---- what commands share ---- */

int ctl_call(struct ctl *ctl, const struct wire_api *api, int16_t version, const void *request,
	     void *ret_response)
{
	char error[CONNECTION_ERROR_BYTES];
	int rc = 0;

	if (!ctl->connection)
		rc = connection_open(ctl->brokers, ctl->timeout_ms, error, &ctl->connection);
	if (rc == 0)
		rc = connection_call(ctl->connection, api, version, request, &ctl->arena, error,
				     ret_response);
	if (rc < 0)
		fprintf(ctl->err, "bwctl: %s\n", error);
	return rc < 0 ? CTL_FAILED : CTL_OK;
}

int ctl_check(struct ctl *ctl, const char *what, int16_t code, struct wire_string message)
{
	if (code == KAFKA_NONE)
		return CTL_OK;
	fprintf(ctl->err, "bwctl: %s: %s%s%.*s\n", what, kafka_error_name(code),
		message.data ? ": " : "", message.data ? message.size : 0,
		message.data ? message.data : "");
	return CTL_FAILED;
}

void ctl_print_json(struct ctl *ctl, json_t *value)
{
	json_dumpf(value, ctl->out, JSON_INDENT(2));
	fputc('\n', ctl->out);
	json_decref(value);
}

bool ctl_parse_number(struct ctl *ctl, const char *what, const char *text, int64_t least,
		      int64_t most, int64_t *ret_number)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < least || value > most) {
		fprintf(ctl->err, "bwctl: %s '%s' is not a number from %lld to %lld\n", what, text,
			(long long)least, (long long)most);
		return false;
	}
	*ret_number = value;
	return true;
}

json_t *ctl_json_string(struct wire_string text)
{
	json_t *value = text.data ? json_stringn(text.data, (size_t)text.size) : NULL;

	return value ? value : json_null(); /* jansson refuses what is not UTF-8 */
}

json_t *ctl_json_int32s(const int32_t *items, int32_t count)
{
	json_t *array = json_array();

	for (int32_t i = 0; i < count; i++)
		json_array_append_new(array, json_integer(items[i]));
	return array;
}

const char *ctl_format_int32s(const int32_t *items, int32_t count, char text[static CTL_LIST_BYTES])
{
	size_t used = 0;

	text[0] = 0;
	for (int32_t i = 0; i < count && used < CTL_LIST_BYTES; i++)
		used += (size_t)snprintf(text + used, CTL_LIST_BYTES - used, "%s%d", i ? "," : "",
					 items[i]);
	return text;
}

/* ---- the command line ---- */

enum option_letter {
	OPTION_PARTITIONS = 256,
	OPTION_FACTOR,
	OPTION_CONFIG,
	OPTION_JSON,
	OPTION_TIMEOUT,
	OPTION_VERSION,
	OPTION_HELP
};

static const struct option long_options[] = {
	{"bootstrap-server", required_argument, NULL, 'b'},
	{"partitions", required_argument, NULL, OPTION_PARTITIONS},
	{"replication-factor", required_argument, NULL, OPTION_FACTOR},
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"json", no_argument, NULL, OPTION_JSON},
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

struct command_line {
	bool help, version;
	bool topic_options; /* at least one was given */
	char **words;
	int word_count;
};

static bool take_option(struct ctl *ctl, struct command_line *line, int letter)
{
	int64_t number = 0;
	bool good = true;

	line->topic_options |= letter >= OPTION_PARTITIONS && letter <= OPTION_CONFIG;
	switch (letter) {
	case 'b':
		ctl->brokers = optarg;
		break;
	case OPTION_PARTITIONS:
		good = ctl_parse_number(ctl, "--partitions", optarg, 1, INT32_MAX, &number);
		ctl->partitions = (int32_t)number;
		break;
	case OPTION_FACTOR:
		good = ctl_parse_number(ctl, "--replication-factor", optarg, 1, INT16_MAX, &number);
		ctl->replication_factor = (int16_t)number;
		break;
	case OPTION_CONFIG:
		good = strchr(optarg, '=') && ctl->config_count < CTL_CONFIGS_MAX;
		if (good)
			ctl->configs[ctl->config_count++] = optarg;
		else
			fprintf(ctl->err, "bwctl: --config '%s' is not NAME=VALUE\n", optarg);
		break;
	case OPTION_JSON:
		ctl->json = true;
		break;
	case OPTION_TIMEOUT:
		good = ctl_parse_number(ctl, "--timeout", optarg, 1, 3600, &number);
		ctl->timeout_ms = (int)number * 1000;
		break;
	case OPTION_VERSION:
		line->version = true;
		break;
	case OPTION_HELP:
		line->help = true;
		break;
	default:
		good = false; /* getopt has said why */
	}
	return good;
}

static bool parse_command_line(struct ctl *ctl, int argc, char **argv, struct command_line *line)
{
	int letter;

	optind = 0; /* start over: tests parse more than one line */
	while ((letter = getopt_long(argc, argv, "b:", long_options, NULL)) >= 0)
		if (!take_option(ctl, line, letter))
			return false;
	line->words = argv + optind;
	line->word_count = argc - optind;
	return true;
}

static const struct ctl_command *find_command(const struct command_line *line)
{
	for (int i = 0; i < COMMAND_COUNT; i++) {
		const struct ctl_command *c = &commands[i];

		if (line->word_count < (c->verb ? 2 : 1) || strcmp(line->words[0], c->group) != 0)
			continue;
		if (!c->verb || strcmp(line->words[1], c->verb) == 0)
			return c;
	}
	return NULL;
}

/* Do as many words follow as the command has arguments? */
static bool words_fit(const struct ctl_command *c, int count)
{
	bool is_open = strstr(c->arguments, "...") != NULL;
	int wanted = *c->arguments ? 1 : 0;

	for (const char *p = c->arguments; *p; p++)
		wanted += *p == ' ';
	return is_open ? count >= wanted && count <= WORDS_MAX : count == wanted;
}

int ctl_run(int argc, char **argv, FILE *out, FILE *err)
{
	struct ctl ctl = {
		.brokers = "127.0.0.1:9092",
		.timeout_ms = 10000,
		.partitions = -1,
		.replication_factor = -1,
		.out = out,
		.err = err,
	};
	struct command_line line = {0};
	const struct ctl_command *c;
	int status, skip;

	if (!parse_command_line(&ctl, argc, argv, &line))
		return CTL_USAGE;
	if (line.version) {
		fputs("bwctl " VERSION "\n", out);
		return CTL_OK;
	}
	c = find_command(&line);
	if (line.help) {
		print_help(out, c);
		return CTL_OK;
	}
	skip = c && c->verb ? 2 : 1;
	if (!c || !words_fit(c, line.word_count - skip) ||
	    (line.topic_options && !c->takes_topic_options)) {
		print_help(err, c);
		return CTL_USAGE;
	}
	arena_init(&ctl.arena, ARENA_BYTES_MAX);
	status = c->run(&ctl, line.words + skip, line.word_count - skip);
	if (fflush(out) != 0 && status == CTL_OK)
		status = CTL_FAILED;
	connection_close(ctl.connection);
	arena_done(&ctl.arena);
	return status;
}
