/* What the metadata log says, record by record (S1), and the quorum's control records.
 *
 * The bodies are Kafka's where Kafka has the record and we need no more than it says, shorter or
 * longer where not: nobody but this broker reads them. All are version 0 and flexible. How a
 * record's type and version lie in front of its body is user/meta's matter. Brokers that find an
 * unknown tag skip it; an unknown type stops them, which is what feature levels are for. */
#pragma once

#include "wire/codec.h"

/* Kafka's numbers where Kafka has the record, ours from 1000 on. */
enum metadata_record_type {
	METADATA_REGISTER_BROKER = 0,
	METADATA_TOPIC = 2,
	METADATA_PARTITION = 3,
	METADATA_CONFIG = 4,
	METADATA_PARTITION_CHANGE = 5,
	METADATA_FENCE_BROKER = 7,
	METADATA_UNFENCE_BROKER = 8,
	METADATA_REMOVE_TOPIC = 9,
	METADATA_FEATURE_LEVEL = 12,
	METADATA_PRODUCER_IDS = 15,
	METADATA_BROKER_CHANGE = 17,
	METADATA_NO_OP = 20,
	METADATA_SLOT = 1000,
	METADATA_SLOT_CHANGE = 1001,
	METADATA_VOTERS = 1002,
};

/* A leader or holder in a change record: leave it as it is. (-1 is "nobody".) */
enum { METADATA_UNCHANGED = -2 };

/* A state in broker_change_record: Kafka's way to say yes, no and nothing in one number. */
enum metadata_change {
	METADATA_CLEAR = -1,
	METADATA_KEEP = 0,
	METADATA_SET = 1,
};

struct register_broker_record_endpoint {
	struct wire_string name; /* the listener's */
	struct wire_string host;
	uint16_t port;
};

/* R45: what the broker's restart cut off: how far its log reaches now. */
struct register_broker_record_cut_partition {
	struct uuid topic_id;
	int32_t partition;
	int32_t last_epoch;
	int64_t end_offset; /* -1: anything may be missing (R38: the restart was not durable) */
};

struct register_broker_record {
	int32_t broker_id;
	struct uuid incarnation_id;
	int64_t broker_epoch; /* R5; -1: this record's own offset */
	struct uuid directory_id;
	WIRE_ARRAY(struct register_broker_record_endpoint) endpoints;
	struct wire_string rack; /* may be null */
	bool fenced;
	bool durable; /* R38 */
	bool in_controlled_shutdown;
	WIRE_ARRAY(struct register_broker_record_cut_partition) cut_partitions; /* tag 0 */
};

struct fence_broker_record {
	int32_t id;
	int64_t epoch;
	bool kept_places; /* tag 0; R45: it stays in ISRs whose other members were cut */
};

struct unfence_broker_record {
	int32_t id;
	int64_t epoch;
};

struct broker_change_record {
	int32_t broker_id;
	int64_t broker_epoch;
	int8_t fenced;                 /* enum metadata_change; tags 0, 1, 2 */
	int8_t in_controlled_shutdown;
	int8_t has_steer;
};

struct topic_record {
	struct wire_string name;
	struct uuid topic_id;
};

struct remove_topic_record {
	struct uuid topic_id;
};

struct partition_record {
	int32_t partition_id;
	struct uuid topic_id;
	WIRE_ARRAY(int32_t) replicas;
	WIRE_ARRAY(int32_t) isr;
	int32_t leader; /* -1: nobody */
	int32_t leader_epoch;
	int32_t partition_epoch;
	int32_t slot;
};

/* Raises the partition epoch, and the leader epoch too when leader is set. */
struct partition_change_record {
	int32_t partition_id;
	struct uuid topic_id;
	WIRE_ARRAY(int32_t) isr;      /* null: unchanged; tag 0 */
	int32_t leader;               /* METADATA_UNCHANGED; tag 1 */
	WIRE_ARRAY(int32_t) replicas; /* null: unchanged; tag 2 */
	int32_t slot;                 /* -1: unchanged; tag 3 */
};

struct slot_record_address {
	struct wire_string host;
	uint16_t port;
};

struct slot_record {
	int32_t slot_id;
	WIRE_ARRAY(struct slot_record_address) addresses;
	WIRE_ARRAY(int32_t) order; /* the first is the home */
	int32_t holder;            /* -1: nobody */
};

struct slot_change_record {
	int32_t slot_id;
	int32_t holder;            /* METADATA_UNCHANGED; tag 0 */
	WIRE_ARRAY(int32_t) order; /* null: unchanged; tag 1 */
	WIRE_ARRAY(struct slot_record_address) addresses; /* null: unchanged; tag 2 */
};

struct config_record {
	int8_t resource_type; /* Kafka's: 2 topic, 4 broker */
	struct wire_string resource_name;
	struct wire_string name;
	struct wire_string value; /* null: take it out */
};

struct producer_ids_record {
	int32_t broker_id;
	int64_t broker_epoch;
	int64_t next_producer_id; /* the first that nobody has been given */
};

struct feature_level_record {
	struct wire_string name;
	int16_t feature_level;
	/* 32 random bytes, or null; tag 0. Here because brokers that do not mirror yet skip a tag,
	 * and would stop at a record of a new type. */
	struct wire_bytes mirror_secret;
};

struct voters_record_voter {
	int32_t voter_id;
	struct uuid directory_id;
	struct wire_string host;
	uint16_t port;
};

struct voters_record {
	int16_t version;
	WIRE_ARRAY(struct voters_record_voter) voters;
};

struct no_op_record {
	char nothing; /* no fields; C wants a member */
};

extern const struct wire_schema register_broker_record_schema;
extern const struct wire_schema fence_broker_record_schema;
extern const struct wire_schema unfence_broker_record_schema;
extern const struct wire_schema broker_change_record_schema;
extern const struct wire_schema topic_record_schema;
extern const struct wire_schema remove_topic_record_schema;
extern const struct wire_schema partition_record_schema;
extern const struct wire_schema partition_change_record_schema;
extern const struct wire_schema slot_record_schema;
extern const struct wire_schema slot_change_record_schema;
extern const struct wire_schema config_record_schema;
extern const struct wire_schema producer_ids_record_schema;
extern const struct wire_schema feature_level_record_schema;
extern const struct wire_schema voters_record_schema;
extern const struct wire_schema no_op_record_schema;

/* The schema of a record's body, or NULL for a type that we do not know. */
const struct wire_schema *metadata_record_schema(int16_t type);
/* "PARTITION_CHANGE"; "UNKNOWN" for a type that we do not know. */
const char *metadata_record_name(int16_t type);

/* ---- control records: batches with BATCH_CONTROL (KIP-98, KIP-595) ---- */

enum control_record_type {
	CONTROL_ABORT = 0,
	CONTROL_COMMIT = 1,
	CONTROL_LEADER_CHANGE = 2,
};

/* A control record's key; not flexible. */
struct control_record_key {
	int16_t version;
	int16_t type; /* enum control_record_type */
};

/* The value of CONTROL_LEADER_CHANGE, the first record of each quorum epoch; flexible. */
struct leader_change_message {
	int16_t version;
	int32_t leader_id;
	WIRE_ARRAY(int32_t) voters;
};

extern const struct wire_schema control_record_key_schema;
extern const struct wire_schema leader_change_message_schema;
