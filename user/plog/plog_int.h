/* The log's inside, shared by the files of user/plog that work on it: plog.c (the object, offsets,
 * epochs), append.c, read.c, durability.c, truncation.c, recovery.c (opening), folder.c. */
#pragma once

#include "plog/epoch_cache.h"
#include "plog/file_names.h"
#include "plog/plog.h"
#include "plog/producer_state.h"
#include "plog/recovery_point.h"
#include "plog/segment.h"

enum {
	PLOG_TAIL_BATCHES = 64,           /* batch boundaries remembered at the log's end */
	PLOG_POINT_INTERVAL_US = 100000,  /* R45: the recovery point is written at most so often */
};

struct plog_boundary {
	int64_t base_offset;
	int64_t end_offset;
	int64_t position; /* in the active segment */
};

/* One round of group commit, see durability.c. */
struct plog_round {
	struct env_flush ticket;
	struct env_file *opened;       /* folder or snapshot, while its ticket is under way */
	int64_t target_offset;         /* what is durable when the round ends */
	bool running;
	bool again;                    /* asked for while one was running */
	bool void_;                    /* R48a: a truncation came between: it proves nothing */
};

struct plog {
	struct env *env;
	char *folder;
	struct uuid topic_id;
	struct plog_options options;

	struct segment **segments; /* oldest first, at least one; the last is the active one */
	size_t segment_count;
	size_t segment_capacity;
	int64_t start_offset;
	int64_t durable_offset;
	struct epoch_cache epochs;
	struct producer_state producers;
	struct plog_boundary *tail; /* ring of the active segment's newest batches, or NULL */
	uint64_t tail_count;        /* ever put in since the segment became active */

	struct plog_round round;
	struct recovery_point_file point_file;
	struct env_timer point_timer;
	uint64_t point_written_us;
	bool point_written;       /* ever, by this object */
	bool point_dirty;
	bool point_must_flush;    /* the next round flushes the recovery point as well */
	bool folder_dirty;        /* a file came or went since the folder was flushed */
	bool cut_unflushed;       /* a truncation's new segment has no durable name yet */
	bool epochs_dirty;

	void (*durable)(void *context, int result);
	void *context;
	struct env_message failure; /* says so on this loop, once */
	int failure_result;
	bool offline;     /* R46 */
	bool corrupt;     /* R48 */
	int64_t lost_to;  /* while corrupt: the highest end that there once was, as far as known */
	bool closing;     /* freed when nothing is pending any more */
	unsigned pending; /* tickets and messages whose callbacks have not run */
};

/* The log that holds this timer, ticket or message. */
#define PLOG_OF(pointer, member) \
	((struct plog *)(void *)((char *)(pointer) - offsetof(struct plog, member)))

static inline struct segment *plog_active(const struct plog *log)
{
	return log->segments[log->segment_count - 1];
}

/* ---- plog.c ---- */
void plog_push_segment(struct plog *log, struct segment *segment);
/* Forgets the last (or the first) segment; the caller owns it now. */
struct segment *plog_pop_segment(struct plog *log);
struct segment *plog_shift_segment(struct plog *log);
/* The segment that holds offset: the last one that begins at or below it. */
size_t plog_segment_at(const struct plog *log, int64_t offset);
/* -EROFS when the log takes no writes (R46, R48), else 0. */
int plog_check_writable(const struct plog *log);
/* R46: offline for good; plog_on_durable's callback hears of it. Returns rc. */
int plog_fail(struct plog *log, int rc);
/* Frees when closed and nothing is pending. */
void plog_release(struct plog *log);

/* ---- append.c ---- */
/* A new active segment at the log's end. */
int plog_add_segment(struct plog *log);
/* The same for a log that goes on: seals the one before. */
int plog_roll(struct plog *log);

/* ---- durability.c ---- */
/* Writes epochs (when they changed) and the recovery point at min(durable, LEO), not awaited. */
int plog_write_point(struct plog *log);
/* The same lower down, for what is about to be truncated. */
int plog_write_point_at(struct plog *log, int64_t offset);
/* Something was removed or cut: what a running round proves is no longer what it set out to. */
void plog_void_round(struct plog *log);

/* ---- settle.c ---- */
/* Makes all of the log durable, and then the recovery point at its end. WAITS. */
int plog_settle(struct plog *log);
/* R46: dirties what is stored from offset on, so that the next flush writes it. WAITS. */
int plog_write_again(struct plog *log, int64_t offset);

/* ---- recovery.c ---- */
/* The mark that outlives a restart, however clean (R48). WAITS. */
int plog_mark_corrupt(struct plog *log, bool corrupt);

/* ---- snapshots.c: the producers' snapshots ---- */
/* Writes one for the log's end. `wait`: by R44, for a clean close. */
int plog_save_snapshot(struct plog *log, bool wait);
/* Is there a sound one for offset? Clears the producers. WAITS. */
bool plog_has_snapshot(struct plog *log, int64_t offset);
int plog_sync_snapshot(struct plog *log, int64_t offset);
/* Clears the producers, loads the newest sound snapshot at or below limit and goes through the
 * batches from there on up to the log's end. WAITS. */
int plog_rebuild_producers(struct plog *log, int64_t limit);
/* Removes the snapshots above offset. WAITS. */
int plog_remove_snapshots_above(struct plog *log, int64_t offset);
int plog_remove_snapshot(struct plog *log, int64_t offset);
/* Makes those that are not durable so. WAITS. */
int plog_sync_snapshots(struct plog *log);
/* Calls each for every batch that ends above from_offset, by headers. WAITS. */
int plog_replay(struct plog *log, int64_t from_offset,
		void (*each)(struct plog *log, const struct batch *batch));

/* ---- folder.c ---- */
struct plog_names { /* the base offsets of files with one suffix, rising */
	int64_t *offsets;
	size_t count;
	size_t capacity;
};
int plog_list(struct env *env, const char *folder, const char *suffix, struct plog_names *ret);
void plog_names_done(struct plog_names *names);
int plog_remove_at(struct env *env, const char *folder, int64_t offset, const char *suffix);
/* Makes `folder` this topic's: creates it, or sets another topic's aside. WAITS. */
int plog_claim_folder(struct env *env, const char *folder, struct uuid topic_id, bool sync,
		      bool *ret_created);
/* R45: keeps what lies behind the last segment's good bytes as .cut and sets later segments aside.
 * WAITS; what it changes is durable afterwards. */
int plog_cut_rest(struct plog *log, int64_t *ret_cut_bytes);
