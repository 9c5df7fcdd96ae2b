/* AlterPartition, key 56, versions 2 to 3.
 * A partition's leader proposes a new ISR to the controller (KIP-497, R32). */
#pragma once

#include "wire/codec.h"

struct alter_partition_request_isr_member {
	int32_t broker_id;
	int64_t broker_epoch;
};

struct alter_partition_request_partition {
	int32_t partition_index;
	int32_t leader_epoch;
	WIRE_ARRAY(int32_t) new_isr; /* to 2 */
	WIRE_ARRAY(struct alter_partition_request_isr_member) new_isr_with_epochs; /* 3+ */
	int8_t leader_recovery_state;
	int32_t partition_epoch;
};

struct alter_partition_request_topic {
	struct uuid topic_id;
	WIRE_ARRAY(struct alter_partition_request_partition) partitions;
};

struct alter_partition_request {
	int32_t broker_id;
	int64_t broker_epoch;
	WIRE_ARRAY(struct alter_partition_request_topic) topics;
};

struct alter_partition_response_partition {
	int32_t partition_index;
	int16_t error_code;
	int32_t leader_id;
	int32_t leader_epoch;
	WIRE_ARRAY(int32_t) isr;
	int8_t leader_recovery_state;
	int32_t partition_epoch;
};

struct alter_partition_response_topic {
	struct uuid topic_id;
	WIRE_ARRAY(struct alter_partition_response_partition) partitions;
};

struct alter_partition_response {
	int32_t throttle_time_ms;
	int16_t error_code;
	WIRE_ARRAY(struct alter_partition_response_topic) topics;
};

extern const struct wire_api wire_alter_partition;
