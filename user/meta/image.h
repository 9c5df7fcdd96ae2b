/* The metadata image: what the committed metadata log says, as one immutable object.
 *
 * Applying a batch gives a new image that shares everything the batch did not touch. An image is
 * counted (atomically: shards and the control thread hold it at once) and never changes, so every
 * reader sees one moment. The records are those of wire/message_metadata_records.h. */
#pragma once

#include "base/net_address.h"
#include "base/uuid.h"
#include "wire/batch.h"

struct image_endpoint {
	char *host;                 /* as clients are told it */
	struct net_address address; /* ip all zero when host is a name, not a literal address */
};

enum image_listener { IMAGE_PLAIN, IMAGE_SLOT, IMAGE_INTERNAL, IMAGE_LISTENERS };

/* The listeners' names in registrations and records: "PLAIN", "SLOT", "INTERNAL". Others in a
 * registration are skipped. */
const char *image_listener_name(enum image_listener listener);

/* R45: a replica whose restart cut its log: in elections the others of the ISR come first.
 * Forgotten when it enters the ISR anew, or leads. */
struct image_cut {
	struct uuid topic_id;
	int32_t partition;
	int32_t last_epoch;
	int64_t end_offset; /* IMAGE_CUT_UNKNOWN: anything may be missing (R38: not durable) */
};

enum { IMAGE_CUT_UNKNOWN = -1 };

struct image_broker {
	unsigned references;
	int32_t id;
	int64_t epoch; /* R5: the metadata offset of its registration */
	struct uuid incarnation, directory_id;
	struct image_endpoint endpoints[IMAGE_LISTENERS]; /* host NULL: it has none */
	char *rack;                                       /* or NULL */
	bool fenced;
	bool shutting_down;
	bool has_steer; /* a bwsteer serves it */
	/* R38, R45: it is fenced and may yet be in ISRs that it does not form alone. When it is not
	 * unfenced within the session time-out, controller_fence() once more takes it out. */
	bool kept_places;
	struct image_cut *cuts;
	int32_t cut_count;
};

struct image_partition {
	unsigned references;
	int32_t id;
	int32_t slot;
	int32_t leader; /* -1: none */
	int32_t leader_epoch;
	int32_t partition_epoch; /* R8 */
	int32_t replica_count, isr_count;
	int32_t *replicas; /* in order of preference */
	int32_t *isr;
};

struct image_setting { /* a config of a topic */
	char *name, *value;
};

struct image_topic {
	unsigned references;
	char *name;
	struct uuid id;
	int32_t partition_count;
	struct image_partition **partitions; /* by id */
	struct image_setting *settings;
	int32_t setting_count;
};

struct image_slot {
	unsigned references;
	int32_t id;
	int64_t epoch;  /* the metadata offset of its last move (S1) */
	int32_t holder; /* -1: no broker is unfenced */
	int32_t order_count, address_count;
	int32_t *order;                   /* brokers: the home first */
	struct image_endpoint *addresses; /* the first is the one that clients are told */
	int32_t partition_count;          /* how many partitions it bundles */
};

enum { IMAGE_MIRROR_SECRET_BYTES = 32 };

struct image {
	unsigned references;
	int64_t offset; /* of the next metadata record: everything below is in here */
	int64_t next_producer_id;
	bool has_mirror_secret;
	uint8_t mirror_secret[IMAGE_MIRROR_SECRET_BYTES];
	int32_t broker_count, topic_count, slot_count;
	struct image_broker **brokers; /* by id, rising */
	struct image_topic **topics;   /* by name */
	struct image_topic **topics_by_id;
	struct image_slot **slots; /* slot n at place n */
};

/* Slots appear in slot views as brokers with these ids; real ones are below 1000. */
enum { IMAGE_SLOT_ID_BASE = 1000, IMAGE_MOST_SLOTS = 1000 };

struct image *image_new(void); /* empty, one reference */
struct image *image_ref(struct image *image);
void image_unref(struct image *image); /* any thread; NULL is fine */

/* Applies one whole batch (all of it or nothing): `image` stays as it was, *ret_image is a new
 * reference. Offsets may skip (control batches are not applied). Epochs of registrations and slots
 * are the offsets of their records, so a proposer gets them right once the batch has its base
 * offset. Returns 0, or -EBADMSG: a record that this version does not know or that contradicts the
 * image (logged by the caller; the process ends). */
int image_apply(const struct image *image, const struct batch *batch, struct image **ret_image);

struct image_broker *image_find_broker(const struct image *image, int32_t id);
struct image_topic *image_find_topic(const struct image *image, const char *name, size_t size);
struct image_topic *image_find_topic_by_id(const struct image *image, struct uuid id);
struct image_partition *image_find_partition(const struct image_topic *topic, int32_t id);
struct image_slot *image_find_slot(const struct image *image, int32_t id);
/* The value of a topic's setting, or NULL. */
const char *image_topic_setting(const struct image_topic *topic, const char *name);

/* The replica's cut, or NULL: it has all that it ever reported as durable. */
const struct image_cut *image_broker_cut(const struct image_broker *broker, struct uuid topic_id,
					 int32_t partition);

/* Registered, unfenced and not shutting down. */
bool image_broker_is_live(const struct image *image, int32_t id);
bool image_partition_has_replica(const struct image_partition *partition, int32_t broker);
bool image_partition_in_isr(const struct image_partition *partition, int32_t broker);
/* A partition whose leader is not its slot's holder. */
bool image_partition_is_away(const struct image *image, const struct image_partition *partition);
/* The next live broker of the order after the holder, from the end of the order on to its beginning
 * (S12); without a holder the first live one. -1 when there is none but the holder. */
int32_t image_slot_successor(const struct image *image, const struct image_slot *slot);
