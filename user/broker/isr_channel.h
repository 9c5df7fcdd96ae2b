/* Carries a leader's AlterPartition (R32) to the controller and the answer back to its replica. */
#pragma once

#include "broker/shard.h"

void isr_channel_send(struct shard *shard, const struct replica_isr_change *change);
