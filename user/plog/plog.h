/* One partition's log: segments, offset index, leader epoch cache, producer state, durability.
 *
 * A log belongs to one loop (a shard, or the control thread for the metadata log); every function
 * is called there. Offsets count records (what clients see) and are named *_offset; positions
 * count bytes in a segment file and are named *_position.
 *
 *     append --> log end offset (LEO) --flush--> durable offset --(lazily)--> recovery point
 *
 *     log start <= durable <= LEO,  recovery point <= durable
 *
 * Files, in Kafka's own layout (DESIGN section 6), in the partition's folder:
 *     00000000000000000000.log        record batches         20 digits: the base offset
 *     00000000000000000000.index      sparse offset -> position, derivable; .timeindex beside it
 *     leader-epoch-checkpoint         epochs and their start offsets, derivable (R48a)
 *     00000000000000000042.snapshot   producer state before offset 42, with a CRC
 *     recovery-point                  two slots with CRCs, written in turn (R45)
 *     corrupt                         empty; there while R48 holds, whatever a clean close says
 *     partition.metadata              topic id
 *     <offset>.cut                    what recovery cut off (R45), kept for people
 *     <base offset>.log.cut           a later segment, set aside with it
 */
#pragma once

#include "base/env.h"
#include "base/uuid.h"
#include "wire/batch.h"

struct plog;

struct plog_options {
	int64_t segment_bytes;          /* roll when the next append would pass it */
	int32_t index_interval_bytes;   /* at most one index entry for so many bytes */
	int64_t producer_expiry_ms;     /* producer ids unused for longer are forgotten */
	bool compacted;                 /* offsets may be missing between batches */
	/* What is flushed is what counts: after an unclean start all above the recovery point is
	 * written again before it is flushed (R46). Without it nobody relies on more than the page
	 * cache, and what may be a whole segment is left alone. */
	bool flush_ack;
};

/* What opening found; the broker reports it (R38, R45, R48). */
struct plog_opening {
	bool created;       /* there was no log (or it belonged to another topic id: set aside) */
	bool cut;           /* bytes at or above the recovery point were bad and are cut off; true
			     * also when only an empty later segment went (cut_bytes 0) */
	int64_t cut_bytes;
	bool corrupt;       /* R48: a bad batch below the recovery point, or a hole. The log is open
			     * for plog_read() below corrupt_offset only; appends give -EROFS until
			     * plog_accept_loss() or plog_reset() */
	int64_t corrupt_offset;
	bool unsettled;     /* by plog_open_unsynced() only: it is not as durable as it should be */
};

/* Opens, creating when missing, the log in `folder`. `clean`: the last run ended by a clean
 * shutdown (R38), so nothing is scanned; otherwise every segment from the recovery point on is
 * checked by CRC and order, what is kept is fsynced, and the epoch cache and producer state are
 * rebuilt. When no slot of the recovery point is sound, everything is scanned, and anything bad is
 * R48. WAITS. Returns 0 or -errno. */
int plog_open(struct env *env, const char *folder, struct uuid topic_id,
	      const struct plog_options *options, bool clean, struct plog_opening *ret_opening,
	      struct plog **ret_log);

/* As plog_open(), for many logs: nothing is fsynced yet. The caller makes the file system durable
 * once for all (env_file_system_sync()), then calls plog_synced() for each that is unsettled, which
 * notes it in the recovery point, and makes the file system durable once more. WAITS. */
int plog_open_unsynced(struct env *env, const char *folder, struct uuid topic_id,
		       const struct plog_options *options, bool clean,
		       struct plog_opening *ret_opening, struct plog **ret_log);
int plog_synced(struct plog *log);

/* Drops the object; files stay as they are. For a clean shutdown call plog_close_clean() instead,
 * which flushes (WAITS) and writes snapshot, epochs and recovery point first; unless it returns 0
 * (-EROFS: the log was offline) the broker must not call its shutdown clean. A corrupt log closes
 * cleanly: its mark stays. Tickets under way outlive the log: their memory goes with the last of
 * them. NULL is fine for the first. */
void plog_close(struct plog *log);
int plog_close_clean(struct plog *log);

/* Removes the folder of a log that is closed: renamed to FOLDER.deleted first, then its files. When
 * a crash left FOLDER.deleted behind, calling it again finishes the work. A folder that belongs to
 * another topic id by now stays. WAITS. */
int plog_destroy(struct env *env, const char *folder, struct uuid topic_id);

/* Called on this loop whenever the durable offset has moved, or (result < 0) when writing or
 * flushing failed: the log is then offline for good (R46) and every append gives -EROFS. */
void plog_on_durable(struct plog *log, void (*durable)(void *context, int result), void *context);

int64_t plog_start_offset(const struct plog *log);
int64_t plog_end_offset(const struct plog *log);
int64_t plog_durable_offset(const struct plog *log);
int64_t plog_size_bytes(const struct plog *log);
struct uuid plog_topic_id(const struct plog *log);
bool plog_is_offline(const struct plog *log);
bool plog_is_corrupt(const struct plog *log); /* R48: until plog_accept_loss() or plog_reset() */

/* ---- appending ---- */

struct plog_appended {
	int64_t base_offset;
	int64_t last_offset;
	bool duplicate; /* one of the producer's last five batches, again: nothing was written */
};

/* Leader: assigns offsets and epoch to one batch that batch_next_produced() accepted, in place at
 * `bytes` (= batch->bytes, writable), and writes it; LEO moves at once (R47).
 * Returns 0, or
 *   -EILSEQ  sequence out of order for this producer
 *   -ESTALE  producer epoch lower than the one known
 *   -EROFS   the log is offline (R46) or corrupt (R48)
 *   -EINVAL  leader_epoch is lower than the log's last epoch
 *   -errno   the write failed: the log is offline from now on. */
int plog_append_as_leader(struct plog *log, uint8_t *bytes, const struct batch *batch,
			  int32_t leader_epoch, struct plog_appended *ret_appended);

/* Follower (R26): appends the whole batches of a fetched run, each with its own offset and epoch.
 * A partial batch at the end is ignored. The first base offset must be >= LEO (`exact`: equal, for
 * mirrored bytes; into an empty log the first batch may begin before a log start inside it),
 * batches must follow each other, no epoch may exceed leader_epoch or fall below the log's last
 * one, every CRC must hold; batches before a violation are kept, the rest is not written.
 * Returns how many records' offsets LEO moved by, or -EBADMSG (nothing fitted or the first bad
 * batch was met; what came before it is in the log), -EROFS, -errno. */
int64_t plog_append_as_follower(struct plog *log, const uint8_t *bytes, size_t size,
				int32_t leader_epoch, bool exact);

/* ---- durability: group commit ---- */

/* Makes everything appended so far durable, some time soon: starts a flush ticket, or, while one
 * is under way, remembers to start the next when it ends. plog_on_durable's callback reports. New
 * segments count only after their folder is fsynced too (R48a). */
void plog_flush(struct plog *log);

/* ---- reading ---- */

struct plog_slice {
	struct env_file *file; /* the caller's reference; NULL: empty */
	int64_t position;
	int32_t size_bytes;
	int64_t base_offset;   /* of the first batch in it */
};

/* Finds the batches from the one that holds `offset` on, all below bound_offset (a batch that
 * holds bound_offset is left out), at most max_bytes (the last batch may be cut short, the first
 * may not when `whole_first` is set: then the slice is at least that batch). One slice lies in one
 * segment. Reads cached pages only.
 * Returns 0 (slice empty when offset >= bound_offset), -ERANGE when offset is below the log start
 * or above LEO, -EIO when the stored bytes are no batches any more, or -EAGAIN: a page is not in
 * memory; then ret_slice says which piece to env_read_ahead() before trying again (the caller's
 * reference too). */
int plog_read(struct plog *log, int64_t offset, int64_t bound_offset, int32_t max_bytes,
	      bool whole_first, struct plog_slice *ret_slice);

/* The first offset whose batch has max timestamp >= timestamp_ms, below bound_offset, and that
 * batch's max timestamp; for the metadata of ListOffsets. Returns 1 when found, 0 when not, or
 * -EAGAIN as plog_read(). */
int plog_find_timestamp(struct plog *log, int64_t timestamp_ms, int64_t bound_offset,
			int64_t *ret_offset, int64_t *ret_timestamp_ms,
			struct plog_slice *ret_cold);

/* ---- leader epochs (R18-R22) ---- */

/* R19: a leader begins its epoch at LEO even when no record follows. No effect when the cache's
 * last epoch is this one already. */
void plog_begin_epoch(struct plog *log, int32_t leader_epoch);

/* The epoch of the last entry, -1 when there is none. */
int32_t plog_last_epoch(const struct plog *log);

/* R20: the largest known epoch <= leader_epoch and where it ends. Unknown: -1 and -1. */
void plog_epoch_end(const struct plog *log, int32_t leader_epoch, int32_t *ret_epoch,
		    int64_t *ret_end_offset);

/* The epoch of the record at `offset` (LEO: the last epoch), -1 when none. */
int32_t plog_epoch_of(const struct plog *log, int64_t offset);

/* ---- truncation ---- */

/* Removes every batch that ends at or above offset (LEO is then the end of the last one kept);
 * epochs (R22: also when offset >= LEO), producer state, durable offset and recovery point follow.
 * The log goes on in a new segment. A flush is started, and the durable offset does not rise again
 * before recovery point and folder are flushed, too (R48a). Below the log start it is a
 * plog_reset(). WAITS where it reads a cold page and when a segment goes. Returns 0 or -errno. */
int plog_truncate(struct plog *log, int64_t offset);

/* R27: drops everything, also what is corrupt; the log then starts, and ends, durably, at offset.
 * WAITS. Returns 0 or -errno. */
int plog_reset(struct plog *log, int64_t offset);

/* R17: forgets records below offset. Whole segments are removed once a flush, which is started, has
 * made the new start durable; plog_size_bytes() counts them until then. The caller has checked HW.
 * Returns 0 or -errno; -EINVAL above LEO. */
int plog_advance_start(struct plog *log, int64_t offset);

/* R48, said by an operator: a corrupt log is cut at its corrupt offset (the rest is kept as .cut)
 * and opened for appends. Offsets [from, to) are gone, as far as known. WAITS. Returns 0, -EINVAL
 * when the log is not corrupt, or -errno. */
int plog_accept_loss(struct plog *log, int64_t *ret_dropped_from, int64_t *ret_dropped_to);
