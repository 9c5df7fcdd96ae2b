/* Owns the bytes of bundles and pieces, and their tags.
 *
 * Invariants:
 *   1. No two bundles of an origin have the same sequence: the caller's promise, on which the tag
 *      rests (a nonce serves once).
 *   2. A piece says by itself where its bytes belong, and the pieces of one bundle cannot overlap:
 *      all but the last have the same size, which the last one's place proves.
 *   3. A sequence is marked as seen only by a bundle whose tag is right: a forger cannot make the
 *      real one look like a replay. */
#include "replica/mirror_bundle.h"

#include "base/gmac.h"
#include "base/hmac.h"

#include <errno.h>

enum { WINDOW = 64, UNTAGGED_BYTES = 4, TAGGED_HEAD_BYTES = 20 };
_Static_assert((int)MIRROR_TAG_BYTES == (int)GMAC_TAG_BYTES, "the tag is a GMAC");
_Static_assert((int)GMAC_KEY_BYTES == (int)HMAC_BYTES, "the key is an HMAC");

/* ---- keys and tags ---- */

bool mirror_origin_equal(const struct mirror_origin *a, const struct mirror_origin *b)
{
	return a->slot == b->slot && a->sender == b->sender && a->slot_epoch == b->slot_epoch &&
	       a->broker_epoch == b->broker_epoch;
}

struct gmac *mirror_key_new(const uint8_t secret[static MIRROR_SECRET_BYTES],
			    const struct mirror_origin *origin)
{
	uint8_t text[2 + 8 + 2 + 8], key[HMAC_BYTES];

	bytes_store_u16(text, (uint16_t)origin->slot);
	bytes_store_u64(text + 2, (uint64_t)origin->slot_epoch);
	bytes_store_u16(text + 10, (uint16_t)origin->sender);
	bytes_store_u64(text + 12, (uint64_t)origin->broker_epoch);
	hmac_sha256(secret, MIRROR_SECRET_BYTES, text, sizeof(text), key);
	return gmac_new(key);
}

/* Over bytes 4 to 23 and 28 to 31 of a header, and the bundle. */
static void tag_of(struct gmac *key, const struct mirror_piece *header, const uint8_t *bundle,
		   size_t size, uint8_t ret_tag[static MIRROR_TAG_BYTES])
{
	uint8_t nonce[GMAC_NONCE_BYTES] = {0};
	struct iovec tagged[] = {
		{(uint8_t *)header + UNTAGGED_BYTES, TAGGED_HEAD_BYTES},
		{(void *)&header->bundle_bytes, sizeof(header->bundle_bytes)},
		{(void *)bundle, size},
	};

	memcpy(nonce, &header->sequence, sizeof(header->sequence));
	gmac_tag(key, nonce, tagged, 3, ret_tag);
}

static struct mirror_piece header_of(const struct mirror_origin *origin, uint64_t sequence,
				     size_t bundle_bytes)
{
	struct mirror_piece header = {0};

	bytes_store_u32(&header.magic, MIRROR_MAGIC);
	bytes_store_u16(&header.slot, (uint16_t)origin->slot);
	bytes_store_u16(&header.sender, (uint16_t)origin->sender);
	bytes_store_u64(&header.slot_epoch, (uint64_t)origin->slot_epoch);
	bytes_store_u64(&header.sequence, sequence);
	bytes_store_u32(&header.bundle_bytes, (uint32_t)bundle_bytes);
	return header;
}

/* ---- sending ---- */

/* Do these batches go on where the last section ends? */
static bool extends_last(const struct mirror_bundle *bundle, const struct mirror_section *section)
{
	const uint8_t *last = bundle->bytes.data + bundle->last_section;

	return bundle->bytes.size > 0 && bundle->next_offset == section->base_offset &&
	       memcmp(last, section->topic_id.bytes, 16) == 0 &&
	       bytes_load_u32(last + 16) == (uint32_t)section->partition &&
	       bytes_load_u32(last + 20) == (uint32_t)section->leader_epoch;
}

static void put_header(struct mirror_bundle *bundle, const struct mirror_section *section)
{
	bundle->last_section = bundle->bytes.size;
	buffer_put(&bundle->bytes, section->topic_id.bytes, sizeof(section->topic_id.bytes));
	buffer_put_i32(&bundle->bytes, section->partition);
	buffer_put_i32(&bundle->bytes, section->leader_epoch);
	buffer_put_i64(&bundle->bytes, section->base_offset);
	buffer_put_i32(&bundle->bytes, 0);
}

bool mirror_bundle_add(struct mirror_bundle *bundle, const struct mirror_section *section,
		       int64_t end_offset)
{
	bool extends = extends_last(bundle, section);
	size_t more = section->size_bytes + (extends ? 0 : MIRROR_SECTION_BYTES);
	uint8_t *size;

	if (more > MIRROR_BUNDLE_BYTES_MAX - bundle->bytes.size)
		return false;
	if (!extends)
		put_header(bundle, section);
	buffer_put(&bundle->bytes, section->batches, section->size_bytes);
	size = bundle->bytes.data + bundle->last_section + MIRROR_SECTION_BYTES - 4;
	bytes_store_u32(size, bytes_load_u32(size) + (uint32_t)section->size_bytes);
	bundle->next_offset = end_offset;
	return true;
}

void mirror_bundle_reset(struct mirror_bundle *bundle)
{
	bundle->bytes.size = 0;
}

void mirror_bundle_cut(const struct mirror_bundle *bundle, struct gmac *key,
		       const struct mirror_origin *origin, uint64_t sequence, uint16_t flags,
		       struct mirror_pieces *ret_pieces)
{
	struct mirror_piece header = header_of(origin, sequence, bundle->bytes.size);
	size_t pieces = (bundle->bytes.size + MIRROR_PIECE_BYTES - 1) / MIRROR_PIECE_BYTES;

	tag_of(key, &header, bundle->bytes.data, bundle->bytes.size, header.tag);
	bytes_store_u16(&header.pieces, (uint16_t)pieces);
	bytes_store_u16(&header.flags, flags);
	ret_pieces->iov_count = (int)pieces * 2;
	ret_pieces->segment_bytes = sizeof(header) + MIRROR_PIECE_BYTES;
	for (size_t i = 0, at = 0; i < pieces; i++, at += MIRROR_PIECE_BYTES) {
		size_t left = bundle->bytes.size - at;

		bytes_store_u16(&header.piece, (uint16_t)i);
		ret_pieces->headers[i] = header;
		ret_pieces->iov[i * 2] = (struct iovec){&ret_pieces->headers[i], sizeof(header)};
		ret_pieces->iov[i * 2 + 1] =
			(struct iovec){bundle->bytes.data + at,
				       left < MIRROR_PIECE_BYTES ? left : MIRROR_PIECE_BYTES};
	}
}

/* ---- receiving ---- */

/* Invariant 2. */
static bool has_place(struct mirror_arrival *a)
{
	size_t others = a->pieces - 1, unit = a->size;

	if (a->size == 0 || a->size > a->bundle_bytes)
		return false;
	if (a->piece == others && others > 0) {
		unit = (a->bundle_bytes - a->size) / others;
		if (unit * others != a->bundle_bytes - a->size || a->size > unit)
			return false;
	}
	a->at = unit * a->piece;
	return a->piece < others
		       ? unit * others < a->bundle_bytes && unit * a->pieces >= a->bundle_bytes
		       : a->at + a->size == a->bundle_bytes;
}

enum mirror_drop mirror_piece_read(const uint8_t *datagram, size_t size,
				   struct mirror_arrival *ret_arrival)
{
	struct mirror_piece header;
	struct mirror_arrival a;

	if (size < sizeof(header))
		return MIRROR_DROP_SHORT;
	memcpy(&header, datagram, sizeof(header));
	a = (struct mirror_arrival){
		.slot = bytes_load_u16(&header.slot),
		.sender = bytes_load_u16(&header.sender),
		.slot_epoch = (int64_t)bytes_load_u64(&header.slot_epoch),
		.sequence = bytes_load_u64(&header.sequence),
		.piece = bytes_load_u16(&header.piece),
		.pieces = bytes_load_u16(&header.pieces),
		.bundle_bytes = bytes_load_u32(&header.bundle_bytes),
		.bytes = datagram + sizeof(header),
		.size = size - sizeof(header),
	};
	if (bytes_load_u32(&header.magic) != MIRROR_MAGIC || header.zero != 0 ||
	    (bytes_load_u16(&header.flags) & ~MIRROR_CLONE) || a.pieces == 0 ||
	    a.pieces > MIRROR_PIECES_MAX || a.piece >= a.pieces ||
	    a.bundle_bytes < MIRROR_SECTION_BYTES || a.bundle_bytes > MIRROR_BUNDLE_BYTES_MAX)
		return MIRROR_DROP_ODD;
	if (!has_place(&a))
		return MIRROR_DROP_SHORT;
	memcpy(a.tag, header.tag, sizeof(a.tag));
	*ret_arrival = a;
	return MIRROR_DROP_TAKEN;
}

void mirror_stream_init(struct mirror_stream *stream,
			const uint8_t secret[static MIRROR_SECRET_BYTES],
			const struct mirror_origin *origin)
{
	*stream = (struct mirror_stream){
		.origin = *origin,
		.key = mirror_key_new(secret, origin),
	};
}

void mirror_stream_done(struct mirror_stream *stream)
{
	gmac_free(stream->key);
	*stream = (struct mirror_stream){0};
}

static bool was_here(const struct mirror_stream *stream, uint64_t sequence)
{
	uint64_t back;

	if (sequence >= stream->next_sequence)
		return false;
	back = stream->next_sequence - 1 - sequence;
	return back >= WINDOW || (stream->seen >> back & 1); /* what is too old counts as seen */
}

static void mark(struct mirror_stream *stream, uint64_t sequence)
{
	uint64_t ahead;

	if (sequence < stream->next_sequence) {
		stream->seen |= (uint64_t)1 << (stream->next_sequence - 1 - sequence);
		return;
	}
	ahead = sequence - stream->next_sequence + 1;
	stream->seen = ahead < WINDOW ? stream->seen << ahead | 1 : 1;
	stream->next_sequence = sequence + 1;
}

enum mirror_drop mirror_stream_admit(struct mirror_stream *stream,
				     const struct mirror_received *received)
{
	const struct mirror_arrival *head = &received->head;
	const struct mirror_origin said = {
		.slot = head->slot, .sender = head->sender, .slot_epoch = head->slot_epoch};
	struct mirror_piece header = header_of(&said, head->sequence, head->bundle_bytes);
	uint8_t tag[MIRROR_TAG_BYTES];

	/* The last sequence has no successor: nobody counts that far. */
	if (head->sequence == UINT64_MAX || was_here(stream, head->sequence))
		return MIRROR_DROP_REPLAYED;
	tag_of(stream->key, &header, received->bytes, head->bundle_bytes, tag);
	if (!gmac_tag_equal(tag, head->tag))
		return MIRROR_DROP_FORGED;
	mark(stream, head->sequence);
	return MIRROR_DROP_TAKEN;
}

int mirror_section_next(struct reader *bundle, struct mirror_section *ret_section)
{
	const uint8_t *topic_id;
	int32_t size;

	if (reader_left(bundle) == 0)
		return 0;
	topic_id = reader_take(bundle, sizeof(ret_section->topic_id.bytes));
	ret_section->partition = reader_i32(bundle);
	ret_section->leader_epoch = reader_i32(bundle);
	ret_section->base_offset = reader_i64(bundle);
	size = reader_i32(bundle);
	ret_section->batches = size > 0 ? reader_take(bundle, (size_t)size) : NULL;
	if (bundle->failed || !ret_section->batches)
		return -EBADMSG;
	memcpy(ret_section->topic_id.bytes, topic_id, sizeof(ret_section->topic_id.bytes));
	ret_section->size_bytes = (size_t)size;
	return 1;
}
