/* LogMatching, from the outside: a replica's files hold, below what readers have seen, exactly the
 * records that they saw there. */
#pragma once

#include "sim/sim_disk.h"
#include "sim/sim_history.h"

/* Reads the partition's segments under `data` on this disk, as the process that uses them sees
 * them, and tells the log of every record below the read end; whoever differs is a finding. A
 * broker that does not host the partition is passed over. Returns how many records were compared.
 */
int64_t sim_replica_compare(struct sim_disk *disk, const char *data, struct sim_log *log);
