/* One partition on this broker, in one of its roles. Belongs to the shard that owns its slot; every
 * function is called there.
 *
 *                  image says: leader                     image says: another leads
 *     OFFLINE ---------------------> LEADER <----------------------> FOLLOWER
 *        ^    replica_apply()                  replica_apply()          |
 *        +---------------------- storage failed, or leaderless --------+
 *
 * The rules that keep records safe are REPLICATION.md's: R2-R3, R6, R9-R16, R18-R19, R23-R26, R28,
 * R30-R35, F5-F7 live here. The replica decides; the log stores (plog.h); the broker carries
 * bytes. */
#pragma once

#include "base/env.h"
#include "meta/image.h"
#include "plog/plog.h"
#include "replica/mirror_bundle.h"

struct replica;

enum replica_role { REPLICA_OFFLINE, REPLICA_LEADER, REPLICA_FOLLOWER };

/* What a request is told; the broker maps these to Kafka's codes in one place. */
enum replica_error {
	REPLICA_OK = 0,
	REPLICA_NOT_LEADER,
	REPLICA_FENCED_EPOCH,	    /* R2: the request's leader epoch is lower than mine */
	REPLICA_UNKNOWN_EPOCH,	    /* R2: higher */
	REPLICA_NOT_ASSIGNED,	    /* R3 */
	REPLICA_STALE_BROKER_EPOCH, /* R6 */
	REPLICA_NOT_ENOUGH,	    /* R13: refused before the append */
	REPLICA_NOT_ENOUGH_AFTER,   /* R13: appended, and then the ISR fell below min */
	REPLICA_OFFSET_OUT_OF_RANGE,
	REPLICA_OFFSET_NOT_AVAILABLE, /* R15 */
	REPLICA_OUT_OF_ORDER_SEQUENCE,
	REPLICA_INVALID_PRODUCER_EPOCH,
	REPLICA_STORAGE, /* R46, R48 */
	REPLICA_TIMED_OUT,
	REPLICA_COLD, /* read the piece ahead and try again */
};

struct replica_options {
	int32_t node_id;
	bool flush_ack;		     /* durable offsets decide (flush=ack) */
	int32_t min_insync_replicas; /* a topic's own wins; 0: 2 from three replicas, else 1 */
	uint64_t lag_time_max_us;    /* R35, 10 s */
};

struct replica_isr_change { /* R32: an AlterPartition request in flight; rebuilt the same (R34) */
	struct uuid topic_id;
	int32_t partition, leader_epoch, partition_epoch;
	int32_t count;
	const int32_t *isr;
	const int64_t *broker_epochs;
};

struct replica_callbacks {
	void *context;
	/* Ask the controller. The answer comes by replica_isr_answer(), also from within this call;
	 * the request stays pending, and is repeated by replica_tick(), until one comes. The change
	 * is the replica's memory: copy what outlives the call. */
	void (*alter_isr)(void *context, struct replica *replica,
			  const struct replica_isr_change *change);
	/* Following: more of the log is durable here than when the last Fetch was sent, so the next
	 * one is worth sending at once. May be NULL. */
	void (*durable_moved)(void *context, struct replica *replica);
	/* Writing or flushing failed (R46; -ETIMEDOUT: a flush took longer than the lag time, R35):
	 * the controller is to be told. Once; the replica is offline for good. Not for freeing
	 * the replica in. */
	void (*storage_failed)(void *context, struct replica *replica, int result);
	/* Leading: a produced batch is in the log (F5) and nobody has been woken by it yet: now is
	 * the moment for replica_mirror_to(). The section's batch is lent. May be NULL. */
	void (*appended)(void *context, struct replica *replica,
			 const struct mirror_section *section, int64_t end_offset);
};

/* Takes the log over; the rest is copied. Offline until replica_apply(), and for good when the log
 * is corrupt (R48): who leads by the image then answers STORAGE. */
struct replica *replica_new(struct env *env, const struct replica_options *options,
			    const struct replica_callbacks *callbacks, const char *topic,
			    struct uuid topic_id, int32_t partition, struct plog *log);
/* Every waiter is told NOT_LEADER first, every watch is woken. The log is returned to the caller,
 * not closed. Not from within a callback. */
struct plog *replica_free(struct replica *replica);

/* A new image: role, epochs, ISR, followers' broker epochs and fencing are taken from it and
 * copied. Committed facts only. Becoming leader: R19, R31; ceasing to lead: waiters are told
 * NOT_LEADER (those of a leader that gets a new epoch wait on: its log keeps what they wait for). A
 * lower partition epoch is ignored; partition may be unchanged (R8): then only settings and the
 * brokers' states are looked at. A partition epoch above that of the change in flight ends it: it
 * was applied, or never can be. */
void replica_apply(struct replica *replica, const struct image *image,
		   const struct image_topic *topic, const struct image_partition *partition);

/* Now and then (100 ms): shrinks the ISR by R35, repeats what is in flight (R32, R34), and watches
 * that flushes end (R35). */
void replica_tick(struct replica *replica);

const char *replica_topic(const struct replica *replica);
struct uuid replica_topic_id(const struct replica *replica);
int32_t replica_partition(const struct replica *replica);
enum replica_role replica_role(const struct replica *replica);
int32_t replica_leader(const struct replica *replica); /* -1: none */
int32_t replica_leader_epoch(const struct replica *replica);
int64_t replica_high_watermark(const struct replica *replica);
struct plog *replica_log(struct replica *replica);

/* R2: the check that every request with a leader epoch begins with; -1 means "not given". The epoch
 * comes first, then NOT_LEADER, then STORAGE (this broker leads, and its log has failed). */
enum replica_error replica_check_leader(const struct replica *replica,
					int32_t current_leader_epoch);

/* ---- producing ---- */

/* Appends one validated batch as leader, in place. all_replicas: acks=all (R13's first half). What
 * wakes up by it is called before this returns. The minimum of R10 and R13 is never more than there
 * are replicas. */
enum replica_error replica_append(struct replica *replica, uint8_t *bytes,
				  const struct batch *batch, bool all_replicas,
				  struct plog_appended *ret_appended);

/* Waits until what ends at last_offset is safe: acks=all: HW is above it; else (acks=1 with
 * flush=ack): durable here. done may be called from within replica_await(). The waiter is the
 * caller's memory. */
struct replica_waiter {
	void (*done)(struct replica_waiter *waiter, enum replica_error error);
	int64_t last_offset;
	bool all_replicas;
	struct replica_waiter *prev, *next; /* the replica's; NULL: it does not wait */
};
void replica_await(struct replica *replica, struct replica_waiter *waiter);
/* done is not called. Fine when it does not wait (any more). */
void replica_cancel(struct replica *replica, struct replica_waiter *waiter);

/* ---- reading ---- */

struct replica_read {
	int64_t high_watermark, log_start_offset, last_stable_offset;
	struct plog_slice slice; /* the caller's reference to its file */
};
/* A consumer's read from the leader, below HW (R14; each bound is read once). REPLICA_COLD: slice
 * says which piece. */
enum replica_error replica_read(struct replica *replica, int32_t current_leader_epoch,
				int64_t offset, int32_t max_bytes, bool whole_first,
				struct replica_read *ret_read);

struct replica_fetch { /* a follower's Fetch, one partition of it */
	int32_t follower;
	int64_t broker_epoch;
	int32_t current_leader_epoch;
	int64_t fetch_offset;
	int32_t last_fetched_epoch;
	int64_t durable_offset; /* -1: counts as nothing */
	int32_t max_bytes;
	bool whole_first;
	/* Wants no records yet that were mirrored to it a moment ago (replica_mirror_to()). */
	bool leaves_mirrored;
};
struct replica_fetched {
	struct replica_read read;
	uint64_t held_until_us; /* not 0: there is something, and it is left to the mirror */
	int32_t diverging_epoch; /* R23, R24; -1: none */
	int64_t diverging_end_offset;
};
/* Serves it and records what it proves (R3, R6, R24: not when diverging): may advance HW and grow
 * the ISR. Reads up to LEO. The bounds in ret_fetched are also written with
 * REPLICA_OFFSET_OUT_OF_RANGE: the follower needs the log start (R27, replica_follow_reset()). */
enum replica_error replica_serve_follower(struct replica *replica,
					  const struct replica_fetch *fetch,
					  struct replica_fetched *ret_fetched);

/* Parked reads: called once (then forgotten) when HW has advanced, or, for followers, when LEO or
 * HW has (they must learn it), or when the role or leader epoch has changed, or, for followers
 * (R4), who the replicas are or in which uptime. Zeroed when it is new.
 * The callback may read, append and watch again. */
struct replica_watch {
	void (*ready)(struct replica_watch *watch);
	bool is_follower;
	uint64_t since;			   /* the replica's: it was set after this many wake-ups */
	struct replica_watch *prev, *next; /* the replica's; NULL: not watched */
};
void replica_watch(struct replica *replica, struct replica_watch *watch);
/* Fine when not watched. */
void replica_unwatch(struct replica *replica, struct replica_watch *watch);

/* R15, ListOffsets: the end that a consumer may be told; LATEST is HW. */
enum replica_error replica_list_end(struct replica *replica, int32_t current_leader_epoch,
				    int64_t *ret_offset);
/* R20 for OffsetForLeaderEpoch. */
enum replica_error replica_epoch_end(struct replica *replica, int32_t current_leader_epoch,
				     int32_t epoch, int32_t *ret_epoch, int64_t *ret_end_offset);

/* ---- following: the broker's fetcher asks what to send and hands in what came ---- */

struct replica_position {
	int32_t leader, leader_epoch;
	int64_t fetch_offset;	    /* LEO */
	int32_t last_fetched_epoch; /* R28: remembered over empty responses */
	int64_t durable_offset;
	uint64_t generation; /* grows with every truncation and role change (R25) */
};
/* Returns false when this partition is not followed now. */
bool replica_fetch_position(const struct replica *replica, struct replica_position *ret_position);

struct replica_response { /* one partition of a Fetch response, without error */
	int64_t high_watermark, log_start_offset;
	int32_t diverging_epoch; /* -1: none */
	int64_t diverging_end_offset;
	const uint8_t *records;
	size_t records_size;
};
/* `asked` is what replica_fetch_position() gave for the request (R25). Truncates (R18, R23), or
 * appends (R26), then moves HW (R16). Returns how many bytes were appended, -EBADMSG (they do not
 * fit here: logged; ask again after a pause) or another -errno (storage; it is offline now). */
int64_t replica_follow(struct replica *replica, const struct replica_position *asked,
		       const struct replica_response *response);

/* The leader answered OFFSET_OUT_OF_RANGE and where its log starts. R27: when everything here lies
 * below that, or nothing is here, the log begins anew there. Returns 1 when it did, 0 when the
 * answer is stale (R25), -ERANGE when there are records that the leader's log start does not
 * explain: they are kept, and people are told; or -errno (storage). */
int replica_follow_reset(struct replica *replica, const struct replica_position *asked,
			 int64_t log_start_offset);

/* ---- mirroring ---- */

/* Is that other broker a replica of this partition (F8)? */
bool replica_has_replica(const struct replica *replica, int32_t broker);

/* Leading: do batches come faster than the followers fetch? A fetch that waits here carries a batch
 * at once and for less than a mirror bundle costs; where batches come meanwhile, the mirror carries
 * them and the fetches would come late. */
bool replica_outruns_fetches(const struct replica *replica);

/* Leading, from within callbacks.appended: may this section be mirrored to the follower? Only to a
 * replica that has, or is being mirrored, all that comes before; and no more than
 * MIRROR_WINDOW_BYTES that its fetch offset does not acknowledge. True notes it as on its way. */
bool replica_mirror_to(struct replica *replica, int32_t follower,
		       const struct mirror_section *section, int64_t end_offset);

/* F5-F7: appends mirrored bytes when they begin at LEO exactly, HW stays. Only when the sender
 * leads in that epoch and a Fetch of this epoch has been answered: then the log is known to be a
 * prefix of the leader's (R23), which mirrored bytes alone would never find out. Returns TAKEN, or
 * why not; *ret_bytes is what was appended, also when not all of it fitted. */
enum mirror_drop replica_follow_mirror(struct replica *replica, int32_t sender,
				       const struct mirror_section *section, int64_t *ret_bytes);

/* ---- ISR ---- */
enum replica_isr_answer {
	/* Committed; the image will say the same. */
	REPLICA_ISR_APPLIED,
	/* Proved not applied, no earlier copy either: back to the committed ISR. INELIGIBLE_REPLICA
	 * proves it, as R33 checks the partition epoch first, provided that a connection which
	 * timed out was reset: no copy may arrive afterwards. */
	REPLICA_ISR_REFUSED,
	/* Time-out, connection lost, NOT_CONTROLLER, INVALID_UPDATE_VERSION (an earlier copy may be
	 * why) and so on: stays pending (R32). */
	REPLICA_ISR_UNKNOWN,
};
/* Answers that are not to the change in flight are ignored. */
void replica_isr_answer(struct replica *replica, const struct replica_isr_change *change,
			enum replica_isr_answer answer, int32_t partition_epoch);

/* For `bwctl` and logs. */
struct replica_description {
	enum replica_role role;
	int32_t leader, leader_epoch, partition_epoch;
	int64_t log_start_offset, high_watermark, end_offset, durable_offset;
	int32_t isr_count, maximal_isr_count;
	int32_t replica_count, min_isr;
	int64_t max_lag; /* leading: records that the furthest replica is behind */
};
void replica_describe(const struct replica *replica, struct replica_description *ret);
