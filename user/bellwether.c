/* The broker's main: reads the command line and the settings, makes the real env and runs a broker
 * in it, or formats its data directory. */
#include "base/exposition.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/data_folder.h"
#include "broker/format_check.h"
#include "fastpath/fastpath.h"
#include "http/metrics_server.h"
#include "os/os_env.h"
#include "os/os_metrics.h"
#include "os/os_notify.h"
#include "os/os_seqpacket.h"
#include "os/os_settings.h"
#include "version.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, MOST_SHARDS = 256 };

static const char usage[] =
	"usage: bellwether [--config FILE] [--set NAME=VALUE]...\n"
	"       bellwether --format --cluster-id ID --initial-controllers LIST [--config FILE] "
	"[--set ...]\n"
	"       bellwether --random-id | --settings | --version | --help\n"
	"\n"
	"Without arguments: a single broker on 127.0.0.1:9092 with its data in ./data.\n"
	"\n"
	"  --config FILE               settings, one name=value a line, # for comments\n"
	"  --set NAME=VALUE            one setting; after the file's\n"
	"  --format                    prepare the data directory of a broker of a cluster\n"
	"  --cluster-id ID             the cluster's id (see --random-id)\n"
	"  --initial-controllers LIST  NODE@HOST:PORT:DIRECTORY-ID,... the first voters, the same "
	"on every node\n"
	"  --random-id                 print an id for a cluster or a directory\n"
	"  --settings                  print every setting with its default and meaning\n";

struct command {
	bool is_format;
	const char *cluster_id, *initial_controllers;
	struct broker_settings settings;
	struct broker_addresses addresses;
};

struct running {
	struct os_process *process;
	_Atomic(struct broker *) broker;       /* the metrics server's thread looks at it, too */
	struct metrics_server *metrics_server; /* NULL: none was asked for */
	int exit_status;
};

static int complain(const char *sentence)
{
	fprintf(stderr, "bellwether: %s\n", sentence);
	return EXIT_USAGE;
}

/* ---- small commands ---- */

static int print_random_id(void)
{
	char text[UUID_TEXT_BYTES];
	uint8_t random[16];

	do {
		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return EXIT_FAILURE;
		uuid_format(uuid_from_random(random), text);
	} while (text[0] == '-'); /* it would be taken for an option */
	puts(text);
	return EXIT_SUCCESS;
}

/* ---- settings ---- */

static int take_config(struct command *command, const char *name)
{
	char error[SETTINGS_ERROR_BYTES];

	if (os_settings_read(&broker_settings_table, &command->settings, name, error) < 0)
		return complain(error);
	return 0;
}

/* The secret must be nobody else's to read. */
static int check_secret_mode(const char *path)
{
	struct stat st;

	if (path && stat(path, &st) == 0 && (st.st_mode & 077)) {
		fprintf(stderr,
			"bellwether: cluster.secret.file=%s: others may read it; run chmod 600 "
			"%s\n",
			path, path);
		return EXIT_USAGE;
	}
	return 0;
}

enum option_code {
	OPTION_CONFIG = 1,
	OPTION_SET,
	OPTION_FORMAT,
	OPTION_CLUSTER,
	OPTION_CONTROLLERS,
	OPTION_RANDOM,
	OPTION_SETTINGS,
	OPTION_VERSION,
	OPTION_HELP
};

static const struct option options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"set", required_argument, NULL, OPTION_SET},
	{"format", no_argument, NULL, OPTION_FORMAT},
	{"cluster-id", required_argument, NULL, OPTION_CLUSTER},
	{"initial-controllers", required_argument, NULL, OPTION_CONTROLLERS},
	{"random-id", no_argument, NULL, OPTION_RANDOM},
	{"settings", no_argument, NULL, OPTION_SETTINGS},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

/* Returns 0 to go on, or 1 + the exit status. */
static int take_option(struct command *command, int code)
{
	char error[SETTINGS_ERROR_BYTES];
	int rc = 0;

	switch (code) {
	case OPTION_CONFIG:
		rc = take_config(command, optarg);
		return rc ? 1 + rc : 0;
	case OPTION_SET:
		rc = settings_set_pair(&broker_settings_table, &command->settings, "--set", optarg,
				       error);
		return rc < 0 ? 1 + complain(error) : 0;
	case OPTION_FORMAT:
		command->is_format = true;
		return 0;
	case OPTION_CLUSTER:
		command->cluster_id = optarg;
		return 0;
	case OPTION_CONTROLLERS:
		command->initial_controllers = optarg;
		return 0;
	case OPTION_RANDOM:
		return 1 + print_random_id();
	case OPTION_SETTINGS:
		os_settings_print(&broker_settings_table);
		return 1 + EXIT_SUCCESS;
	case OPTION_VERSION:
		puts("bellwether " VERSION);
		return 1 + EXIT_SUCCESS;
	case OPTION_HELP:
		fputs(usage, stdout);
		return 1 + EXIT_SUCCESS;
	default:
		fputs(usage, stderr);
		return 1 + EXIT_USAGE;
	}
}

static int parse_command(struct command *command, int argc, char **argv)
{
	char error[SETTINGS_ERROR_BYTES];
	int code, rc;

	settings_init(&broker_settings_table, &command->settings);
	while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = take_option(command, code);
		if (rc)
			return rc;
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 1 + EXIT_USAGE;
	}
	if (broker_addresses_parse(&command->settings, &command->addresses, error) < 0)
		return 1 + complain(error);
	rc = check_secret_mode(command->settings.cluster_secret_file);
	return rc ? 1 + rc : 0;
}

/* ---- formatting ---- */

struct checked {
	bool is_done;
	int result;
};

static void format_checked(void *context, int result)
{
	*(struct checked *)context = (struct checked){true, result};
}

/* Asks the other voters, on the control loop. Returns 0 or -errno after an error line. */
static int check_format(struct command *command, struct os_process *process, struct env *env,
			const struct format_options *format)
{
	struct checked checked = {0};
	struct format_check *check;
	int rc = format_check_start(env, &command->settings, &command->addresses, format,
				    format_checked, &checked, &check);

	if (rc < 0)
		return rc;
	while (!checked.is_done)
		os_process_turn(process, 100000);
	format_check_free(check);
	return checked.result;
}

static int check_directory_ids(const struct format_options *format)
{
	for (int32_t i = 0; i < format->voter_count; i++)
		if (uuid_is_zero(format->voters[i].voter.directory_id))
			return complain("--initial-controllers: every voter needs its directory "
					"id: NODE@HOST:PORT:DIRECTORY-ID");
	return 0;
}

static int run_format(struct command *command, struct os_process *process, struct env *env)
{
	struct voter_address voters[QUORUM_MOST_VOTERS] = {0};
	struct format_options format = {.cluster_id = command->cluster_id, .voters = voters};
	char error[SETTINGS_ERROR_BYTES];
	int rc;

	if (!command->cluster_id || !command->initial_controllers)
		return complain(
			"--format needs --cluster-id and --initial-controllers; see --help");
	rc = broker_parse_voters("--initial-controllers", command->initial_controllers, voters,
				 error);
	if (rc < 0)
		return complain(error);
	format.voter_count = rc;
	rc = check_directory_ids(&format);
	if (rc == 0 &&
	    (check_format(command, process, env, &format) < 0 ||
	     data_folder_format(env, &command->settings, &command->addresses, &format) < 0))
		rc = EXIT_FAILURE;
	for (int32_t i = 0; i < format.voter_count; i++)
		image_endpoint_done(&voters[i].endpoint);
	return rc;
}

/* ---- running ---- */

static void broker_ended(void *context, int exit_status)
{
	struct running *running = context;

	running->exit_status = exit_status;
	os_process_stop(running->process);
}

static void signalled(struct os_process *process, int signal_number, void *context)
{
	struct running *running = context;

	(void)process;
	(void)signal_number;
	os_notify("STOPPING=1");
	broker_stop(running->broker);
}

/* ---- metrics ---- */

static void publish_metrics(void *context, struct buffer *text)
{
	struct running *running = context;

	metrics_server_publish(running->metrics_server, text);
}

static void append_metrics(void *context, struct buffer *out)
{
	static const struct metric build = {"bellwether_build_info", METRIC_GAUGE,
					    "1: the version that runs"};
	struct running *running = context;

	exposition_begin(out, &build);
	exposition_value(out, &build, LABELS({"version", VERSION}), 1);
	os_process_write_metrics(running->process, out);
}

static bool is_healthy(void *context, char sentence[static METRICS_SERVER_SENTENCE_BYTES])
{
	struct running *running = context;
	const struct broker *broker = running->broker;
	struct timespec now;

	if (!broker) {
		snprintf(sentence, METRICS_SERVER_SENTENCE_BYTES,
			 "starting: the logs are being opened");
		return false;
	}
	clock_gettime(CLOCK_BOOTTIME, &now);
	return broker_is_healthy(
		broker, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000, sentence);
}

_Static_assert((int)BROKER_HEALTH_BYTES <= (int)METRICS_SERVER_SENTENCE_BYTES, "the sentence fits");

/* Returns 0, or -errno after a sentence. */
static int open_metrics_server(const struct command *command, struct running *running)
{
	struct metrics_server_options wanted = {
		.address = command->addresses.metrics,
		.append = append_metrics,
		.is_healthy = is_healthy,
		.context = running,
	};
	int rc;

	if (wanted.address.port == 0)
		return 0;
	rc = metrics_server_new(&wanted, &running->metrics_server);
	if (rc < 0)
		fprintf(stderr,
			"bellwether: cannot listen on %s: %s; set metrics.listener to a free "
			"address\n",
			command->settings.metrics_listener, strerror(-rc));
	return rc;
}

static int run_broker(struct command *command, struct running *running, unsigned loops)
{
	static const struct fastpath_link link = {.open = os_seqpacket_connect};
	struct broker_options broker = {
		.settings = &command->settings,
		.addresses = &command->addresses,
		.link = &link,
		.ended = broker_ended,
		.context = running,
	};
	struct env *envs[MOST_SHARDS + 1];
	struct broker *opened;

	for (unsigned i = 0; i < loops; i++)
		envs[i] = os_process_env(running->process, i);
	if (open_metrics_server(command, running) < 0)
		return EXIT_FAILURE;
	if (running->metrics_server)
		broker.publish_metrics = publish_metrics;
	if (broker_open(&broker, envs, loops, &opened) < 0) {
		metrics_server_free(running->metrics_server);
		return EXIT_FAILURE;
	}
	running->broker = opened;
	os_notify("READY=1"); /* whoever connects from now on is answered */
	if (os_process_run(running->process, NULL, NULL) < 0)
		running->exit_status = EXIT_FAILURE;
	os_process_settle(running->process);
	metrics_server_free(running->metrics_server);
	broker_free(running->broker);
	os_process_settle(running->process);
	return running->exit_status;
}

/* As many file descriptors as we may have: each partition and each connection needs some. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static unsigned shards_wanted(const struct command *command)
{
	unsigned shards = (unsigned)command->settings.shards;

	if (shards == 0)
		shards = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	return shards > MOST_SHARDS ? MOST_SHARDS : shards;
}

/* What was asked for, in a process of loops. Returns the exit status. */
static int run_command(struct command *command)
{
	struct running running = {0};
	struct os_options options_os = {
		.signalled = signalled,
		.context = &running,
		.data_folder = command->settings.log_dirs,
		.log_level = (enum log_level)command->settings.log_level,
	};
	unsigned shards = shards_wanted(command);
	int rc;

	if (mkdir(command->settings.log_dirs, 0750) < 0 && errno != EEXIST) {
		fprintf(stderr, "bellwether: log.dirs=%s: %s\n", command->settings.log_dirs,
			strerror(errno));
		return EXIT_FAILURE;
	}
	rc = os_process_new(&options_os, shards + 1, &running.process);
	if (rc < 0) {
		fprintf(stderr, "bellwether: %s\n", strerror(-rc));
		return EXIT_FAILURE;
	}
	if (command->is_format)
		rc = run_format(command, running.process, os_process_env(running.process, shards));
	else
		rc = run_broker(command, &running, shards + 1);
	os_process_free(running.process);
	return rc;
}

int main(int argc, char **argv)
{
	struct command command = {0};
	int rc = parse_command(&command, argc, argv);

	if (rc == 0) {
		raise_file_limit();
		rc = 1 + run_command(&command);
	}
	broker_addresses_done(&command.addresses);
	settings_done(&broker_settings_table, &command.settings);
	return rc - 1;
}
