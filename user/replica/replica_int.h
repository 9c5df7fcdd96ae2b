/* What the files of user/replica share: one partition's state. */
#pragma once

#include "replica/replica.h"

enum {
	ISR_SAMPLES = 64,	     /* covers twice the lag time */
	ISR_SAMPLES_PER_LAG = 32,    /* so a caught-up time is at most 1/32 of it too early */
	ISR_REPEAT_US = 1000 * 1000, /* an AlterPartition without any answer is sent again */
	ISR_PAUSE_US = 100 * 1000,   /* after a refusal */
	/* What one tick adds to a flush's age, however late it is. */
	STALL_MOST_TICK_US = 200 * 1000,
	/* Mirrored to one follower and not acknowledged: more would fill its socket's queue. */
	MIRROR_WINDOW_BYTES = 128 * 1024,
	/* replica_outruns_fetches(): the scale of `outrun`, and how many batches change it much. */
	OUTRUN_ALWAYS = 1024,
	OUTRUN_BATCHES = 8,
	/* DESIGN section 7: how long a mirrored batch is left to the mirror, at least and at most.
	 */
	GRACE_LEAST_US = 2000,
	GRACE_MOST_US = 20 * 1000,
	/* So many misses in a row mean that no mirror reaches the follower: the first pause, and
	 * how often it doubles. */
	GRACE_MISSES = 3,
	GRACE_PAUSE_US = 100 * 1000,
	GRACE_PAUSE_DOUBLES = 7,
};
_Static_assert(ISR_SAMPLES >= ISR_SAMPLES_PER_LAG * 2, "the samples must cover the lag time");

/* What was mirrored to one follower, and how long its fetches leave that to the mirror (grace.c).
 */
struct grace {
	int64_t from_offset, to_offset; /* mirrored without a gap, and none of it missed yet */
	int64_t held_offset;		/* of the fetch that is, or was last, made to wait */
	uint64_t held_until_us;
	int64_t timed_offset; /* a fetch from there on ends the measurement begun at timed_us */
	uint64_t timed_us;    /* 0: none */
	uint64_t turn_round_us;
	unsigned misses;         /* in a row */
	uint64_t paused_until_us; /* nothing is mirrored before */
};

/* One of the partition's replicas, this one included, as its leader knows it. */
struct replica_peer {
	int32_t id;
	bool in_isr;	  /* committed */
	bool in_proposed; /* of the change in flight */

	/* From the image. */
	int64_t broker_epoch; /* -1: not registered */
	bool is_live;	      /* neither fenced nor shutting down */
	bool may_stay;	      /* the controller takes an ISR that holds it */

	/* From its fetches in this leader epoch (R31); not used for this replica itself. */
	int64_t fetched_broker_epoch; /* R6; -1: it has not fetched */
	int64_t counted_offset;	      /* what of its log counts; -1: nothing */
	bool was_caught_up;
	uint64_t caught_up_us; /* R35; when was_caught_up */

	/* Mirroring, in this leader epoch: what is on its way is [fetch_offset, mirrored_offset),
	 * if that is above it, about mirrored_bytes long. */
	int64_t fetch_offset; /* of its last fetch; -1: it has not fetched */
	int64_t mirrored_offset, mirrored_bytes;
	struct grace grace;
};

/* R35: at time_us the leader's LEO was offset. */
struct isr_sample {
	uint64_t time_us;
	int64_t offset;
};

enum { WAIT_DURABLE, WAIT_COMMITTED, WAIT_KINDS };    /* struct replica_waiter's all_replicas */
enum { WATCH_CONSUMER, WATCH_FOLLOWER, WATCH_KINDS }; /* struct replica_watch's is_follower */

struct replica {
	struct env *env;
	struct replica_options options;
	struct replica_callbacks callbacks;
	char *topic;
	struct uuid topic_id;
	int32_t partition;
	struct plog *log;

	enum replica_role role;
	bool storage_failed; /* R46, R48: offline for good */
	int32_t leader, leader_epoch, partition_epoch;
	int32_t min_isr; /* R10, R13: at most the number of replicas */
	int64_t high_watermark;
	uint64_t generation; /* R25 */
	/* Following: a Fetch of this generation was answered without divergence, so this log is a
	 * prefix of the leader's; else 0. */
	uint64_t proved_generation;

	struct replica_peer *peers; /* in the order of the image's replicas */
	int32_t peer_count, isr_count;

	/* Leading. */
	int64_t epoch_start_offset;		/* LESO */
	/* How many of the latest batches found a follower of the ISR that had not yet fetched past
	 * the one before: 0 to OUTRUN_ALWAYS, a mean that leans to what is new. */
	int32_t outrun;
	struct isr_sample samples[ISR_SAMPLES]; /* a ring: sample n at n % ISR_SAMPLES */
	uint64_t sample_count;
	bool change_pending; /* R32 */
	bool change_repeat;  /* at the next tick */
	struct replica_isr_change change;
	uint64_t change_sent_us, isr_pause_until_us;

	/* R35: how long a flush has been under way without moving the durable offset. */
	int64_t stall_offset;
	uint64_t stall_us, stall_tick_us;

	struct replica_waiter *waiters[WAIT_KINDS]; /* in order of last_offset */
	struct replica_watch *watches[WATCH_KINDS]; /* in order of `since` */
	bool wake[WATCH_KINDS];			    /* due at the end of this event */
	uint64_t wake_count;
};

/* replica.c: the end of every event. Re-evaluates HW (R11) and ISR, then calls whoever waited for
 * what happened; the replica's state is whole by then, since they call back. */
void replica_settle(struct replica *r);
/* R46. Ends in replica_settle(). */
void replica_fail_storage(struct replica *r, int result);
/* What of this replica's own log counts: LEO, or with flush=ack the durable offset. */
int64_t replica_counted_offset(const struct replica *r);
/* Starts a flush when somebody can wait for it. */
void replica_flush(struct replica *r);

/* waiters.c */
void waiters_deliver(struct replica *r);

/* leader.c */
void leader_begin(struct replica *r);
/* Its fetch acknowledges what was mirrored to it. */
void leader_note_mirror_fetch(struct replica_peer *peer, int64_t fetch_offset);
void leader_advance_high_watermark(struct replica *r);

/* grace.c */
void grace_note_mirrored(struct grace *g, uint64_t now_us, int64_t base_offset, int64_t end_offset);
/* Not worth while: one grace after the other was for nothing. */
bool grace_is_paused(const struct grace *g, uint64_t now_us);
/* A fetch at this offset has come: returns until when it is left to the mirror, or 0. */
uint64_t grace_hold_until(struct grace *g, uint64_t now_us, int64_t fetch_offset);

/* isr.c */
void isr_begin_epoch(struct replica *r);
void isr_note_append(struct replica *r, int64_t end_offset_before);
void isr_note_fetch(struct replica *r, struct replica_peer *peer,
		    const struct replica_fetch *fetch);
/* R9: does HW wait for this replica? */
bool isr_holds_back(const struct replica *r, const struct replica_peer *peer, uint64_t now_us);
int32_t isr_maximal_count(const struct replica *r);
/* Proposes an ISR when it should be another and nothing is in flight. */
void isr_review(struct replica *r);
void isr_repeat(struct replica *r);
void isr_drop_change(struct replica *r);
