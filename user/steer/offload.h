/* What an interface does for us in its transmit path. */
#pragma once

#include <stdbool.h>

/* Does it take many UDP datagrams as one packet (ethtool -k: tx-udp-segmentation)? When nobody can
 * say, yes. */
bool offload_segments_udp(const char *interface);
