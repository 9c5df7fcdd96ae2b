/* The internal listener (S9): accepts on the control thread, performs the handshake, and hands the
 * connection to whom it is for: the control thread itself, a shard (fetches), or forward.h. */
#pragma once

#include "broker/worker.h"

struct internal_listener;

/* Returns 0 (*ret NULL when no internal listener is configured) or -errno after an error line. */
int internal_listener_open(struct worker *control, struct internal_listener **ret);
void internal_listener_close(struct internal_listener *listener);
