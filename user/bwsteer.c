/* bwsteer's main: reads the command line and the settings, then runs the daemon or prints counters.
 *
 * Exit status: 0 told to stop, 1 cannot go on, 2 wrong usage or a wrong setting. */
#include "base/mem.h"
#include "os/os_env.h"
#include "os/os_notify.h"
#include "os/os_settings.h"
#include "steer/config.h"
#include "steer/daemon.h"
#include "steer/maps.h"
#include "steer/stats.h"
#include "version.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static const char usage[] =
	"usage: bwsteer [--config FILE] [--set NAME=VALUE]...\n"
	"       bwsteer stats [--json] [--instance NAME] [--config FILE]\n"
	"       bwsteer --settings | --version | --help\n"
	"\n"
	"Attaches the steering and mirroring programs and announces slot addresses, as its\n"
	"broker says.\n"
	"Needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW, and a BPF file system at /sys/fs/bpf.\n"
	"\n"
	"  --config FILE      settings, one name=value a line, # for comments\n"
	"  --set NAME=VALUE   one setting\n"
	"  --settings         print every setting with its default and meaning\n"
	"  stats              print what the programs of an instance have counted\n"
	"  --instance NAME    the same as --set steer.instance=NAME\n"
	"  --json             one JSON object instead of tables\n";

struct command {
	struct config config;
	uid_t broker_user;
	bool is_stats;
	bool is_json;
};

static int complain(const char *sentence)
{
	fprintf(stderr, "bwsteer: %s\n", sentence);
	return EXIT_USAGE;
}

/* ---- settings ---- */

static int take_config(struct command *command, const char *name)
{
	char error[SETTINGS_ERROR_BYTES];

	return os_settings_read(&config_table, &command->config, name, error) < 0 ? complain(error)
										  : 0;
}

static int take_setting(struct command *command, const char *place, const char *pair)
{
	char error[SETTINGS_ERROR_BYTES];
	int rc = settings_set_pair(&config_table, &command->config, place, pair, error);

	return rc < 0 ? complain(error) : 0;
}

static int take_instance(struct command *command, const char *name)
{
	char *pair = mem_format("steer.instance=%s", name);
	int rc = take_setting(command, "--instance", pair);

	mem_free(pair);
	return rc;
}

/* ---- the command line ---- */

enum {
	OPTION_CONFIG = 1,
	OPTION_SET,
	OPTION_INSTANCE,
	OPTION_JSON,
	OPTION_SETTINGS,
	OPTION_VERSION,
	OPTION_HELP
};

static const struct option options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"set", required_argument, NULL, OPTION_SET},
	{"instance", required_argument, NULL, OPTION_INSTANCE},
	{"json", no_argument, NULL, OPTION_JSON},
	{"settings", no_argument, NULL, OPTION_SETTINGS},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

/* Returns 0 to go on, or 1 + the exit status. */
static int take_option(struct command *command, int code)
{
	int rc;

	switch (code) {
	case OPTION_CONFIG:
		rc = take_config(command, optarg);
		return rc ? 1 + rc : 0;
	case OPTION_SET:
		rc = take_setting(command, "--set", optarg);
		return rc ? 1 + rc : 0;
	case OPTION_INSTANCE:
		rc = take_instance(command, optarg);
		return rc ? 1 + rc : 0;
	case OPTION_JSON:
		command->is_json = true;
		return 0;
	case OPTION_SETTINGS:
		os_settings_print(&config_table);
		return 1 + EXIT_SUCCESS;
	case OPTION_VERSION:
		puts("bwsteer " VERSION);
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

	settings_init(&config_table, &command->config);
	while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = take_option(command, code);
		if (rc)
			return rc;
	}
	command->is_stats = optind + 1 == argc && strcmp(argv[optind], "stats") == 0;
	if ((optind < argc || command->is_json) && !command->is_stats) {
		fputs(usage, stderr);
		return 1 + EXIT_USAGE;
	}
	if (!command->is_stats && config_check(&command->config, &command->broker_user, error) < 0)
		return 1 + complain(error);
	return 0;
}

static int print_stats(const struct command *command)
{
	const char *instance = command->config.instance;
	struct maps maps;
	int rc = maps_open(instance, &maps);

	if (rc == 0) {
		rc = stats_print(&maps, command->is_json, stdout);
		maps_close(&maps);
	}
	if (rc == 0)
		return EXIT_SUCCESS;
	if (rc == -ENOENT)
		fprintf(stderr,
			"bwsteer: no maps are pinned under /sys/fs/bpf/bellwether/%s: name a "
			"running bwsteer's steer.instance (mode off has no maps; ip netns exec "
			"hides them: use nsenter --net)\n",
			instance);
	else
		fprintf(stderr, "bwsteer: the maps of %s cannot be read: %s; run as root\n",
			instance, strerror(-rc));
	return EXIT_FAILURE;
}

static void tell_ready(void)
{
	os_notify("READY=1");
}

static int run(const struct command *command, struct log *log)
{
	int rc = daemon_run(&command->config, command->broker_user, tell_ready, log);

	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct command command = {0};
	int rc = parse_command(&command, argc, argv);
	struct os_log log;

	os_log_init(&log, STDERR_FILENO, LOG_INFO);
	if (rc)
		rc--;
	else if (command.is_stats)
		rc = print_stats(&command);
	else
		rc = run(&command, &log.log);
	settings_done(&config_table, &command.config);
	return rc;
}
