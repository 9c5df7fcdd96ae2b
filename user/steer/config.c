/* Owns the names and limits of bwsteer's settings. */
#include "steer/config.h"

#include "steer/server.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { INSTANCE_BYTES_MAX = 64, HOUR_MS = 3600 * 1000 };

static const char *const modes[] = {"auto", "xdp", "tc", "off", NULL}; /* as enum attach_wish */
static const char *const mirror_wishes[] = {"auto", "off", NULL}; /* enum mirror_wish */

#define TEXT(member, value, sentence)                                                              \
	.type = SETTING_TEXT, .offset = offsetof(struct config, member),                           \
	.place_offset = offsetof(struct config, member##_place), .default_value = value,           \
	.help = sentence
#define TIME(member, value, from, sentence)                                                        \
	.type = SETTING_INT, .offset = offsetof(struct config, member), .default_value = value,    \
	.least = from, .most = HOUR_MS, .help = sentence

static const struct setting settings[] = {
	{.name = "steer.interface",
	 TEXT(interface, NULL, "the network interface that clients' packets arrive at; required")},
	{.name = "steer.mode", .type = SETTING_CHOICE, .offset = offsetof(struct config, mode),
	 .default_value = "auto", .choices = modes,
	 .help = "where the steering program sits: auto, xdp, tc, or off (announce only)"},
	{.name = "steer.instance",
	 TEXT(instance, "default", "names the folder of pinned maps under /sys/fs/bpf/bellwether")},
	{.name = "steer.socket",
	 TEXT(socket, "/run/bellwether/steer.sock", "the Unix socket that the broker connects to")},
	{.name = "steer.socket.user",
	 TEXT(socket_user, NULL, "the user (name or number) that the broker is; unset: our own")},
	{.name = "steer.lease.ms",
	 TIME(lease_ms, "1000", 100, "the longest announcing lease, in milliseconds")},
	{.name = "steer.orphan.ms",
	 TIME(orphan_ms, "1000", 0, "how long a dead broker's slots point to its successor, in "
				    "milliseconds")},
	{.name = "steer.grace.ms",
	 TIME(grace_ms, "10000", 0, "how long open connections follow an expired entry, in "
				    "milliseconds")},
	{.name = "steer.announce.ms",
	 TIME(announce_ms, "3000", 100, "the time between announcements, in milliseconds")},
	{.name = "mirror.attach", .type = SETTING_CHOICE, .offset = offsetof(struct config, mirror),
	 .default_value = "auto", .choices = mirror_wishes,
	 .help = "whether the kernel copies a leader's records to all followers: auto (unless "
		 "steer.mode is off) or off"},
};

const struct settings_table config_table = {
	.settings = settings,
	.count = sizeof(settings) / sizeof(*settings),
};

static int refuse(char *error, const char *place, const char *sentence)
{
	snprintf(error, SETTINGS_ERROR_BYTES, "%s: %s", place ? place : "default", sentence);
	return -EINVAL;
}

int config_check(const struct config *config, uid_t *ret_user,
		 char error[static SETTINGS_ERROR_BYTES])
{
	const size_t path_max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	size_t instance_size = strlen(config->instance);
	uid_t user = geteuid();

	if (!config->interface || !*config->interface)
		return refuse(error, config->interface_place,
			      "steer.interface is not set: name the network interface");
	if (strlen(config->interface) >= IF_NAMESIZE || strchr(config->interface, '/'))
		return refuse(error, config->interface_place,
			      "steer.interface: no interface can have this name");
	/* bpffs keeps dots for itself. */
	if (instance_size == 0 || instance_size > INSTANCE_BYTES_MAX ||
	    strpbrk(config->instance, "/."))
		return refuse(error, config->instance_place,
			      "steer.instance: must be 1 to 64 characters without '/' and '.'");
	if (!*config->socket || strlen(config->socket) > path_max)
		return refuse(error, config->socket_place,
			      "steer.socket: must be a path of 1 to 107 characters");
	if (config->socket_user && server_find_user(config->socket_user, &user) < 0)
		return refuse(error, config->socket_user_place,
			      "steer.socket.user: there is no such user");
	*ret_user = user;
	return 0;
}
