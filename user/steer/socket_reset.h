/* SOCK_DESTROY: ends this node's TCP connections on given addresses with a reset, whether their
 * process runs or is stopped (S2). Needs CAP_NET_ADMIN and CONFIG_INET_DIAG_DESTROY. */
#pragma once

#include "base/net_address.h"

#include <stddef.h>

/* Listeners stay. Returns how many connections were reset, or -errno. */
int socket_reset_all(const struct net_address *addresses, size_t count);
