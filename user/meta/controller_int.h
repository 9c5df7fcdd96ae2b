/* Inside meta: a decision in the making.
 *
 * A decision reads `before` where it asks what there is to do, and `after`, a draft that already
 * holds every record it has added, where it asks how things stand then: who is live, who holds a
 * slot. So no rule needs to imagine the effect of a record that another one has added. */
#pragma once

#include "meta/controller.h"
#include "meta/image_int.h"
#include "wire/message_metadata_records.h"

struct decision {
	const struct image *before;
	struct image *after;
	const struct controller_options *options;
	struct change *change;
};

struct decision decision_begin(const struct image *image, const struct controller_options *options,
			       struct change *change);
void decision_done(struct decision *d);
/* Adds a record to the change and to the draft. It must fit: our own bug otherwise. */
void decision_add(struct decision *d, int16_t type, const void *record);

/* ---- partitions (controller_partitions.c) ---- */

/* A partition as the draft has it. */
const struct image_partition *decision_partition(const struct decision *d,
						 const struct image_topic *topic, int32_t id);

/* How much of what it once acknowledged a replica has (R45): all of it, or up to a cut. */
struct replica_rank {
	int32_t last_epoch;
	int64_t end_offset;
};
struct replica_rank partition_rank(const struct image *image, const struct image_topic *topic,
				   const struct image_partition *partition, int32_t broker);
int rank_compare(struct replica_rank a, struct replica_rank b);

/* Adds a change of ISR (NULL: as it is) and leader (METADATA_UNCHANGED: as it is), with a line in
 * change->losses where R40 wants one. */
void decision_change_partition(struct decision *d, const struct image_topic *topic,
			       int32_t partition, const int32_t *isr, int32_t isr_count,
			       int32_t leader);
/* Elects when the leader cannot lead (any more): R36, R38, R45. */
void decision_elect(struct decision *d, const struct image_topic *topic, int32_t partition);
/* Takes the broker out of the partition's ISR unless it is alone there; it cannot lead any more. */
void decision_leave_isr(struct decision *d, const struct image_topic *topic, int32_t partition,
			int32_t broker);
/* Makes that broker the leader if it is live and an election could choose it. */
void decision_prefer(struct decision *d, const struct image_topic *topic, int32_t partition,
		     int32_t broker);

/* ---- slots (controller_slots.c) ---- */
void decision_move_slot(struct decision *d, int32_t slot, int32_t holder);
/* Every slot that the broker holds goes to its successor, if it has one; else nobody holds it,
 * or, with keep_last, the broker still does. */
void decision_release_slots(struct decision *d, int32_t broker, bool keep_last);
/* After an unfencing: slots that have no live holder, or no partitions, follow their order. */
void decision_settle_slots(struct decision *d);
/* A new broker id joins the orders (slots.h). */
void decision_plan_slots(struct decision *d, int32_t broker);
