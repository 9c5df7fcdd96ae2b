/* A mirror bundle's two ends (bellwether/mirror_packet.h): packing sections, cutting them into
 * pieces with a tag; reading a piece, checking a whole bundle, taking its sections apart. No I/O,
 * and nothing is believed before its tag was checked. */
#pragma once

#include "base/buffer.h"
#include "base/uuid.h"
#include "bellwether/mirror_packet.h"
#include "replica/mirror_counts.h"

#include <stdbool.h>
#include <sys/uio.h>

enum {
	/* Of a bundle, in one piece: with its header, UDP's and IPv6's it fills 1500 bytes. */
	MIRROR_PIECE_BYTES = 1500 - 40 - 8 - (int)sizeof(struct mirror_piece),
	MIRROR_SECRET_BYTES = 32,
};
_Static_assert(MIRROR_PIECES_MAX *MIRROR_PIECE_BYTES >= MIRROR_BUNDLE_BYTES_MAX,
	       "a bundle has more pieces than it may");

/* Which key a bundle is tagged with. */
struct mirror_origin {
	int64_t slot_epoch, broker_epoch; /* of the slot's last move; of the sender's uptime */
	int32_t slot, sender;
};

bool mirror_origin_equal(const struct mirror_origin *a, const struct mirror_origin *b);

struct gmac *mirror_key_new(const uint8_t secret[static MIRROR_SECRET_BYTES],
			    const struct mirror_origin *origin);

struct mirror_section {
	struct uuid topic_id;
	int32_t partition, leader_epoch;
	int64_t base_offset;
	const uint8_t *batches; /* whole ones, as the leader appended them (F5) */
	size_t size_bytes;
};

/* ---- sending ---- */

struct mirror_bundle { /* zeroed: an empty one */
	struct buffer bytes;
	size_t last_section; /* where its header is; batches that follow on extend it */
	int64_t next_offset; /* where the last section's partition goes on */
};

/* Returns false, and adds nothing, when there is no room for it. end_offset is the offset after its
 * last record. */
bool mirror_bundle_add(struct mirror_bundle *bundle, const struct mirror_section *section,
		       int64_t end_offset);
/* Empties it; its memory is kept. */
void mirror_bundle_reset(struct mirror_bundle *bundle);

struct mirror_pieces { /* as env_datagrams_send() takes them */
	struct mirror_piece headers[MIRROR_PIECES_MAX];
	struct iovec iov[MIRROR_PIECES_MAX * 2];
	int iov_count;
	size_t segment_bytes;
};

/* Cuts a bundle that is not empty. The sequence must be new for this origin. */
void mirror_bundle_cut(const struct mirror_bundle *bundle, struct gmac *key,
		       const struct mirror_origin *origin, uint64_t sequence, uint16_t flags,
		       struct mirror_pieces *ret_pieces);

/* ---- receiving ---- */

struct mirror_arrival { /* one piece, in host order; nothing of it is proved */
	int32_t slot, sender;
	int64_t slot_epoch;
	uint64_t sequence;
	unsigned piece, pieces;
	size_t bundle_bytes;
	size_t at; /* where its bytes belong in the bundle */
	uint8_t tag[MIRROR_TAG_BYTES];
	const uint8_t *bytes;
	size_t size;
};

/* TAKEN, SHORT or ODD. */
enum mirror_drop mirror_piece_read(const uint8_t *datagram, size_t size,
				   struct mirror_arrival *ret_arrival);

/* A whole bundle as it was received. */
struct mirror_received {
	struct mirror_arrival head; /* of any of its pieces; bytes and size unused */
	uint8_t bytes[];            /* head.bundle_bytes */
};

/* What came from one origin: its key, and which sequences were here (a window of 64). */
struct mirror_stream {
	struct mirror_origin origin;
	struct gmac *key;
	uint64_t next_sequence; /* above all that were here */
	uint64_t seen;          /* bit n: next_sequence - 1 - n was here */
};

void mirror_stream_init(struct mirror_stream *stream,
			const uint8_t secret[static MIRROR_SECRET_BYTES],
			const struct mirror_origin *origin);
void mirror_stream_done(struct mirror_stream *stream); /* zeroed is fine */

/* TAKEN once for each bundle that the origin made; else REPLAYED or FORGED. */
enum mirror_drop mirror_stream_admit(struct mirror_stream *stream,
				     const struct mirror_received *received);

/* The next section of an admitted bundle. Returns 1, 0 at the end, or -EBADMSG. */
int mirror_section_next(struct reader *bundle, struct mirror_section *ret_section);
