/* Before a node is formatted: has its cluster begun already? A lost voter must not come back empty
 * under its old id (R50): it would vote for logs that lack what it had acknowledged. */
#pragma once

#include "broker/data_folder.h"

struct format_check;

/* Asks every other voter that answers within a second, on this env, and calls done once: with 0, or
 * -EEXIST after an error line when one of them has elected a leader. Without an INTERNAL listener
 * or a secret there is nobody to ask. Returns 0 or -errno after an error line; then done is not
 * called. */
int format_check_start(struct env *env, const struct broker_settings *settings,
		       const struct broker_addresses *addresses,
		       const struct format_options *options,
		       void (*done)(void *context, int result), void *context,
		       struct format_check **ret_check);
void format_check_free(struct format_check *check);
