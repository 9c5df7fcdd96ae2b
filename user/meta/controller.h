/* The controller's decisions: pure functions from an image and an event to one atomic batch of
 * metadata records. No I/O, no clock: the broker's control thread calls them while it leads the
 * quorum, with the image that includes its own pending proposals, and proposes what they add.
 *
 * Every function returns a kafka_error (KAFKA_NONE: perhaps with no records at all, when there is
 * nothing to change) and adds nothing to `change` when it fails. A change may gather several
 * decisions only where none depends on another (an AlterPartition request's partitions); else apply
 * each before the next is made. */
#pragma once

#include "meta/image.h"
#include "wire/errors.h"
#include "wire/messages.h"

/* Records under construction: become one batch, that is, one atomic change. Does not move between
 * begin and done. */
struct change {
	struct buffer records; /* the batch, growing; base offset 0: quorum_propose() sets it */
	struct batch_builder builder;
	int32_t count;
	/* R40: one line of text, ended by a zero byte, for each election in this change that may
	 * lose records. The proposer logs them when the change is committed. */
	struct buffer losses;
};

void change_begin(struct change *change, int64_t timestamp_ms);
/* Appends a record of `type` (enum metadata_record_type); record is its struct. */
void change_add(struct change *change, int16_t type, const void *record);
/* Seals the batch, which is then change->records. Returns its size, 0 when it has no records. */
size_t change_end(struct change *change);
void change_done(struct change *change);

struct controller_options {
	int32_t default_partitions;
	int32_t default_replication_factor; /* 0: min(3, registered brokers) */
	int32_t min_insync_replicas;        /* 0: 2 from three replicas on, else 1 */
	bool unclean_elections;
};

/* ---- the first records (--format), the same on every node byte for byte ---- */
struct controller_seed {
	int32_t slot_count;
	/* addresses[slot * addresses_per_slot + i], up to a NULL host; NULL: slots without any */
	const struct image_endpoint *addresses;
	int32_t addresses_per_slot;
	const int32_t *brokers; /* the initial voters: the first orders are made of them */
	int32_t broker_count;
};
void controller_seed(const struct controller_seed *seed, struct change *change);

/* ---- brokers ---- */

/* R5, R7, R38, R45: a partition that was cut leaves the ISR where somebody leads, else it waits in
 * the ISR for the others. `old_is_dead`: a dial was answered by another incarnation. Another
 * incarnation of the same directory (its lock) proves as much by itself. Fencing the old one and
 * registering the new one is one batch. A new broker id joins the slots' orders (slots.h).
 * log_dirs[0] is the directory id; durable counts only with the directory that the image knows. The
 * same incarnation again changes nothing: the epoch to answer is the image's, after the change.
 * KAFKA_DUPLICATE_BROKER_REGISTRATION while the old incarnation may live.
 * KAFKA_INVALID_REGISTRATION. */
enum kafka_error controller_register(const struct image *image,
				     const struct controller_options *options,
				     const struct broker_registration_request *request,
				     bool old_is_dead, struct change *change);

/* R36: takes the broker out of every ISR that it does not form alone, moves its slots to their next
 * live broker and elects leaders, preferring those.
 *
 * R45: a broker that is fenced for the first time stays in ISRs whose other members were cut and it
 * was not (or less), or have not said yet what they still have (their own kept_places is set): then
 * its kept_places is set. Fencing a fenced broker takes it out of those as
 * well: do so when a broker with kept_places stays fenced for the session time-out (R38). */
enum kafka_error controller_fence(const struct image *image,
				  const struct controller_options *options, int32_t broker_id,
				  struct change *change);

/* The broker's last life is over and its next one is there to register (a dial was answered by
 * another incarnation): fenced, without leadership and slots, and with its places in ISRs, since
 * only the registration says whether it deserves them (R38, R45). As with kept_places otherwise.
 * Nothing changes when it is fenced. */
enum kafka_error controller_end_life(const struct image *image,
				     const struct controller_options *options, int32_t broker_id,
				     struct change *change);

/* Unfences; leaderless partitions and slots without a holder that it can serve get it. A slot
 * without partitions goes to the first live broker of its order. A broker that is shutting down
 * stays fenced. */
enum kafka_error controller_unfence(const struct image *image,
				    const struct controller_options *options, int32_t broker_id,
				    struct change *change);

/* Controlled shutdown: takes no more leadership, gives away what it has (-1 where nobody else can
 * lead; a slot that nobody else can hold stays, S1). It stays in ISRs, and follows, until it is
 * fenced: do that when it has applied this. */
enum kafka_error controller_begin_shutdown(const struct image *image,
					   const struct controller_options *options,
					   int32_t broker_id, struct change *change);

/* A heartbeat said something else about bwsteer than the image. */
enum kafka_error controller_set_steer(const struct image *image, int32_t broker_id, bool has_steer,
				      struct change *change);

/* ---- partitions ---- */

/* R33, in its order, after KAFKA_STALE_BROKER_EPOCH for the sender. A refused member is
 * KAFKA_INELIGIBLE_REPLICA. On KAFKA_NONE *ret_partition_epoch is the epoch after the change. */
enum kafka_error
controller_alter_partition(const struct image *image, const struct controller_options *options,
			   int32_t broker_id, int64_t broker_epoch, struct uuid topic_id,
			   int32_t partition, int32_t leader_epoch, int32_t partition_epoch,
			   const int32_t *isr, const int64_t *isr_broker_epochs, int32_t isr_count,
			   struct change *change, int32_t *ret_partition_epoch);

/* ---- topics ---- */
enum { CONTROLLER_MOST_PARTITIONS = 10000 }; /* of one topic: they are one batch */
struct controller_topic {
	struct wire_string name;
	struct uuid id;             /* random, from the caller */
	int32_t partitions;         /* -1: the default */
	int32_t replication_factor; /* -1: the default */
	/* By hand: assignment[p * replication_factor ...] with both counts given, or NULL: by
	 * slots. */
	const int32_t *assignment;
	const struct image_setting *settings; /* validated by name and value here */
	int32_t setting_count;
};
/* Checks name, counts, assignment, settings. ret_sentence explains a refusal (static text).
 * Partitions go to slots as placement.h says, those of the brokers that lead least first: leaders
 * differ by at most one, replicas by at most two (where slots are no multiple of brokers, rarely by
 * more: tests/unit/meta/placement_test.c). */
enum kafka_error controller_create_topic(const struct image *image,
					 const struct controller_options *options,
					 const struct controller_topic *topic,
					 struct change *change, const char **ret_sentence);
enum kafka_error controller_delete_topic(const struct image *image, struct uuid topic_id,
					 struct change *change);

/* ---- slots (S1) ---- */

/* Moves a slot and elects its partitions' leaders: the new holder where it is in the ISR; the
 * others stay away. to -1: home. KAFKA_BROKER_NOT_AVAILABLE when it is not live. */
enum kafka_error controller_move_slot(const struct image *image,
				      const struct controller_options *options, int32_t slot,
				      int32_t to, struct change *change, const char **ret_sentence);
/* Moves home every slot whose home is live and in the ISR of all its partitions. Away partitions
 * whose slot's holder is in their ISR go back to it. */
enum kafka_error controller_rebalance(const struct image *image,
				      const struct controller_options *options,
				      struct change *change);
/* Layout "each": gives the broker's slots away to brokers that have a bwsteer. */
enum kafka_error controller_yield_slots(const struct image *image,
					const struct controller_options *options, int32_t broker_id,
					struct change *change);

/* ---- producer ids ---- */
enum { CONTROLLER_PRODUCER_ID_BLOCK = 1000 };
/* A block of ids that nobody was given before. KAFKA_STALE_BROKER_EPOCH,
 * KAFKA_BROKER_ID_NOT_REGISTERED. */
enum kafka_error controller_allocate_producer_ids(const struct image *image, int32_t broker_id,
						  int64_t broker_epoch, struct change *change,
						  int64_t *ret_first);

/* ---- mirroring (DESIGN section 7) ---- */

/* The secret that mirror keys are made of, when the image has none yet. */
enum kafka_error controller_make_mirror_secret(const struct image *image,
					       const uint8_t random[IMAGE_MIRROR_SECRET_BYTES],
					       struct change *change);

/* min.insync.replicas of a topic: its own setting, or the cluster's. */
int32_t controller_min_insync(const struct controller_options *options,
			      const struct image_topic *topic,
			      const struct image_partition *partition);
