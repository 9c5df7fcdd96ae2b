/* bwsteer's settings (DESIGN section 9): one table, one struct. */
#pragma once

#include "base/settings.h"

#include <sys/types.h>

enum mirror_wish { MIRROR_ATTACH_AUTO, MIRROR_ATTACH_OFF };

struct config {
	char *interface, *interface_place; /* "FILE:LINE", "--set" or NULL */
	char *instance, *instance_place;
	char *socket, *socket_place;
	char *socket_user, *socket_user_place;
	int mode;   /* enum attach_wish */
	int mirror; /* enum mirror_wish */
	int64_t lease_ms, orphan_ms, grace_ms, announce_ms;
};

extern const struct settings_table config_table;

/* What the table cannot say: required values, the shape of names, whether the user exists. Returns
 * 0 with *ret_user (bwsteer's own when none is set), or -EINVAL with a sentence. */
int config_check(const struct config *config, uid_t *ret_user,
		 char error[static SETTINGS_ERROR_BYTES]);
