/* BrokerRegistration, key 62, versions 0 to 4.
 * A broker asks for a broker epoch (KIP-631, R5). */
#pragma once

#include "wire/codec.h"

struct broker_registration_request_listener {
	struct wire_string name;
	struct wire_string host;
	uint16_t port;
	int16_t security_protocol;
};

struct broker_registration_request_feature {
	struct wire_string name;
	int16_t min_supported_version;
	int16_t max_supported_version;
};

struct broker_registration_request_cut_partition {
	struct uuid topic_id;
	int32_t partition;
	int32_t last_epoch;
	int64_t end_offset;
};

struct broker_registration_request {
	int32_t broker_id;
	struct wire_string cluster_id;
	struct uuid incarnation_id;
	WIRE_ARRAY(struct broker_registration_request_listener) listeners;
	WIRE_ARRAY(struct broker_registration_request_feature) features;
	struct wire_string rack; /* may be null */
	bool is_migrating_zk_broker; /* 1+ */
	WIRE_ARRAY(struct uuid) log_dirs; /* 2+; ours is one: its directory id */
	int64_t previous_broker_epoch; /* 3+ */
	/* Ours, tags 10000 and 10001. */
	bool durable; /* R38 */
	WIRE_ARRAY(struct broker_registration_request_cut_partition) cut_partitions; /* R45 */
};

struct broker_registration_response {
	int32_t throttle_time_ms;
	int16_t error_code;
	int64_t broker_epoch;
};

extern const struct wire_api wire_broker_registration;
