/* Bundles from one end to the other: packed, cut, put together, checked; and whatever else may
 * arrive at a port that anybody can send to. */
#include "replica/mirror_assembly.h"

#include "base/gmac.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_PIECE_BYTES = sizeof(struct mirror_piece) + MIRROR_PIECE_BYTES };

static const uint8_t secret[MIRROR_SECRET_BYTES] = "a secret of thirty-two bytes...";
static const struct mirror_origin origin = {
	.slot = 3, .sender = 2, .slot_epoch = 77, .broker_epoch = 50};

/* One side and the other. */
struct stage {
	struct mirror_bundle bundle;
	struct gmac *key;
	struct mirror_pieces pieces;
	struct mirror_stream stream;
	struct mirror_assembly assembly;
	uint64_t now_us;
	unsigned given_up;
};

static void stage_init(struct stage *s)
{
	*s = (struct stage){.key = mirror_key_new(secret, &origin), .now_us = 1000000};
	mirror_stream_init(&s->stream, secret, &origin);
}

static void stage_done(struct stage *s)
{
	buffer_done(&s->bundle.bytes);
	gmac_free(s->key);
	mirror_stream_done(&s->stream);
	mirror_assembly_done(&s->assembly);
}

/* A section of one topic's partition, filled with `fill`. */
static bool add(struct stage *s, int32_t partition, int64_t base_offset, int64_t end_offset,
		size_t size, uint8_t fill)
{
	uint8_t *batches = mem_alloc(size);
	struct mirror_section section = {.topic_id = {{9}},
					 .partition = partition,
					 .leader_epoch = 4,
					 .base_offset = base_offset,
					 .batches = batches,
					 .size_bytes = size};
	bool added;

	memset(batches, fill, size);
	added = mirror_bundle_add(&s->bundle, &section, end_offset);
	mem_free(batches);
	return added;
}

static void cut(struct stage *s, uint64_t sequence)
{
	mirror_bundle_cut(&s->bundle, s->key, &origin, sequence, MIRROR_CLONE, &s->pieces);
}

static int piece_count(const struct stage *s)
{
	return s->pieces.iov_count / 2;
}

/* Piece n as it is on the wire. */
static size_t piece_bytes(const struct stage *s, int n, uint8_t bytes[static MOST_PIECE_BYTES])
{
	size_t size = 0;

	for (int i = n * 2; i < n * 2 + 2; i++) {
		memcpy(bytes + size, s->pieces.iov[i].iov_base, s->pieces.iov[i].iov_len);
		size += s->pieces.iov[i].iov_len;
	}
	return size;
}

/* Hands it to the other side. *ret is the bundle when it is whole. */
static enum mirror_drop take(struct stage *s, const uint8_t *bytes, size_t size,
			     struct mirror_received **ret)
{
	struct mirror_arrival arrival;
	enum mirror_drop drop = mirror_piece_read(bytes, size, &arrival);
	unsigned given_up;

	*ret = NULL;
	if (drop != MIRROR_DROP_TAKEN)
		return drop;
	assert_true(arrival.at + arrival.size <= arrival.bundle_bytes);
	drop = mirror_assembly_take(&s->assembly, &arrival, s->now_us, ret, &given_up);
	s->given_up += given_up;
	return drop;
}

static struct mirror_received *take_piece(struct stage *s, int n)
{
	struct mirror_received *received;
	uint8_t bytes[MOST_PIECE_BYTES];
	size_t size = piece_bytes(s, n, bytes);

	assert_int_equal(take(s, bytes, size, &received), MIRROR_DROP_TAKEN);
	return received;
}

static struct mirror_received *take_all(struct stage *s)
{
	struct mirror_received *received = NULL;

	for (int i = 0; i < piece_count(s); i++) {
		assert_null(received);
		received = take_piece(s, i);
	}
	assert_non_null(received);
	return received;
}

static enum mirror_drop admit(struct stage *s, struct mirror_received *received)
{
	enum mirror_drop drop = mirror_stream_admit(&s->stream, received);

	mem_free(received);
	return drop;
}

/* ---- there and back ---- */

static void check_section(struct reader *in, int32_t partition, int64_t base_offset, size_t size,
			  uint8_t fill)
{
	struct mirror_section section;

	assert_int_equal(mirror_section_next(in, &section), 1);
	assert_int_equal(section.topic_id.bytes[0], 9);
	assert_int_equal(section.partition, partition);
	assert_int_equal(section.leader_epoch, 4);
	assert_int_equal(section.base_offset, base_offset);
	assert_int_equal(section.size_bytes, size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(section.batches[i], fill);
}

static void sections_arrive_as_they_left(void **state)
{
	struct mirror_received *received;
	struct mirror_section section;
	struct reader in;
	struct stage s;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 10, 15, 3000, 1));
	assert_true(add(&s, 1, 7, 8, 100, 2));
	assert_true(add(&s, 0, 15, 16, 5000, 3));
	cut(&s, 0);
	assert_int_equal(piece_count(&s), 6);
	received = take_all(&s);
	assert_int_equal(received->head.slot, 3);
	assert_int_equal(received->head.sender, 2);
	assert_int_equal(received->head.slot_epoch, 77);
	assert_int_equal(mirror_stream_admit(&s.stream, received), MIRROR_DROP_TAKEN);
	in = reader_of(received->bytes, received->head.bundle_bytes);
	check_section(&in, 0, 10, 3000, 1);
	check_section(&in, 1, 7, 100, 2);
	check_section(&in, 0, 15, 5000, 3);
	assert_int_equal(mirror_section_next(&in, &section), 0);
	mem_free(received);
	stage_done(&s);
}

static void batches_that_follow_on_share_a_section(void **state)
{
	struct mirror_received *received;
	struct mirror_section section;
	struct reader in;
	struct stage s;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 10, 15, 100, 1));
	assert_true(add(&s, 0, 15, 20, 100, 1));
	assert_true(add(&s, 0, 21, 22, 100, 1)); /* 20 went another way */
	cut(&s, 0);
	received = take_all(&s);
	in = reader_of(received->bytes, received->head.bundle_bytes);
	check_section(&in, 0, 10, 200, 1);
	check_section(&in, 0, 21, 100, 1);
	assert_int_equal(mirror_section_next(&in, &section), 0);
	mem_free(received);
	mirror_bundle_reset(&s.bundle);
	assert_true(add(&s, 0, 22, 23, 100, 1)); /* a new bundle begins with a header */
	assert_int_equal(s.bundle.bytes.size, MIRROR_SECTION_BYTES + 100);
	stage_done(&s);
}

static void every_size_travels(void **state)
{
	static const size_t sizes[] = {
		1,
		MIRROR_PIECE_BYTES - MIRROR_SECTION_BYTES - 1,
		MIRROR_PIECE_BYTES - MIRROR_SECTION_BYTES,
		MIRROR_PIECE_BYTES - MIRROR_SECTION_BYTES + 1,
		2 * MIRROR_PIECE_BYTES - MIRROR_SECTION_BYTES,
		2 * MIRROR_PIECE_BYTES - MIRROR_SECTION_BYTES + 1,
		40000,
		MIRROR_BUNDLE_BYTES_MAX - MIRROR_SECTION_BYTES,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct stage s;

		stage_init(&s);
		assert_true(add(&s, 0, 0, 1, sizes[i], (uint8_t)i));
		assert_false(add(&s, 1, 0, 1, MIRROR_BUNDLE_BYTES_MAX, 0));
		cut(&s, i);
		assert_true(s.pieces.segment_bytes == MOST_PIECE_BYTES);
		assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_TAKEN);
		stage_done(&s);
	}
}

static void pieces_may_come_in_any_order_and_twice(void **state)
{
	struct mirror_received *received;
	uint8_t bytes[MOST_PIECE_BYTES];
	struct stage s;
	size_t size;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 0, 1, 4000, 5));
	cut(&s, 0);
	assert_int_equal(piece_count(&s), 3);
	assert_null(take_piece(&s, 2));
	assert_null(take_piece(&s, 0));
	size = piece_bytes(&s, 0, bytes);
	assert_int_equal(take(&s, bytes, size, &received), MIRROR_DROP_REPLAYED);
	assert_int_equal(admit(&s, take_piece(&s, 1)), MIRROR_DROP_TAKEN);
	stage_done(&s);
}

static void two_bundles_interleaved_are_both_whole(void **state)
{
	struct stage s, other;

	(void)state;
	stage_init(&s);
	stage_init(&other);
	assert_true(add(&s, 0, 0, 1, 2000, 5));
	assert_true(add(&other, 0, 1, 2, 2000, 6));
	cut(&s, 0);
	cut(&other, 1);
	assert_null(take_piece(&s, 0));
	s.pieces = other.pieces;
	assert_null(take_piece(&s, 1));
	assert_int_equal(admit(&s, take_piece(&s, 0)), MIRROR_DROP_TAKEN);
	cut(&s, 0);
	assert_int_equal(admit(&s, take_piece(&s, 1)), MIRROR_DROP_TAKEN);
	assert_int_equal(s.given_up, 0);
	stage_done(&s);
	stage_done(&other);
}

/* ---- bounds ---- */

static void unfinished_bundles_are_few_and_short_lived(void **state)
{
	struct stage s;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 0, 1, 2000, 5));
	for (uint64_t i = 0; i < MIRROR_ASSEMBLIES; i++, s.now_us++) {
		cut(&s, i);
		assert_null(take_piece(&s, 0));
	}
	assert_int_equal(s.given_up, 0);
	cut(&s, 100);
	assert_null(take_piece(&s, 0));
	assert_int_equal(s.given_up, 1); /* the oldest, which is number 0 */
	cut(&s, 1);
	assert_int_equal(admit(&s, take_piece(&s, 1)), MIRROR_DROP_TAKEN);
	s.now_us += MIRROR_ASSEMBLY_MOST_US;
	cut(&s, 100);
	assert_int_equal(admit(&s, take_piece(&s, 1)), MIRROR_DROP_TAKEN);
	s.now_us++;
	cut(&s, 2);
	assert_null(take_piece(&s, 1)); /* too late: its other half is gone, and all others */
	assert_int_equal(s.given_up, MIRROR_ASSEMBLIES - 1);
	stage_done(&s);
}

/* ---- what is not believed ---- */

static void a_bundle_counts_once_and_late_ones_within_a_window(void **state)
{
	struct stage s;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 0, 1, 10, 5));
	for (uint64_t i = 0; i < 100; i++) {
		if (i == 50 || i == 30)
			continue;
		cut(&s, i);
		assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_TAKEN);
		assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_REPLAYED);
	}
	cut(&s, 50);
	assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_TAKEN);
	assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_REPLAYED);
	cut(&s, 30); /* older than the window: perhaps it was here */
	assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_REPLAYED);
	cut(&s, 100000);
	assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_TAKEN);
	cut(&s, 99990);
	assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_TAKEN);
	cut(&s, 99);
	assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_REPLAYED);
	stage_done(&s);
}

static void a_key_belongs_to_slot_epoch_sender_and_its_life(void **state)
{
	struct mirror_origin others[4] = {origin, origin, origin, origin};

	(void)state;
	others[0].slot++;
	others[1].slot_epoch++;
	others[2].sender++;
	others[3].broker_epoch++;
	for (int i = 0; i < 4; i++) {
		struct stage s;

		stage_init(&s);
		assert_false(mirror_origin_equal(&origin, &others[i]));
		mirror_stream_done(&s.stream);
		mirror_stream_init(&s.stream, secret, &others[i]);
		assert_true(add(&s, 0, 0, 1, 100, 5));
		cut(&s, 0);
		assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_FORGED);
		stage_done(&s);
	}
}

/* Every bit of a bundle of one piece: nothing that was changed is taken, but for two fields that
 * say how it travelled. */
static void no_bit_can_be_turned(void **state)
{
	struct mirror_received *received;
	uint8_t bytes[MOST_PIECE_BYTES];
	struct stage s;
	size_t size;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 0, 1, 100, 5));
	cut(&s, 5);
	size = piece_bytes(&s, 0, bytes);
	for (size_t bit = 0; bit < size * 8; bit++) {
		enum mirror_drop drop;

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		drop = take(&s, bytes, size, &received);
		if (drop == MIRROR_DROP_TAKEN && received)
			drop = mirror_stream_admit(&s.stream, received);
		else if (drop == MIRROR_DROP_TAKEN)
			drop = MIRROR_DROP_SUPERSEDED; /* it waits for others that never come */
		if (bit / 8 == offsetof(struct mirror_piece, flags) + 1 && bit % 8 == 0)
			assert_int_equal(drop, MIRROR_DROP_TAKEN);
		else
			assert_true(drop != MIRROR_DROP_TAKEN);
		mem_free(received);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (drop == MIRROR_DROP_TAKEN) { /* the same once more, for the rest of the bits */
			mirror_stream_done(&s.stream);
			mirror_stream_init(&s.stream, secret, &origin);
		}
	}
	stage_done(&s);
}

static void a_forged_bundle_does_not_shut_out_the_real_one(void **state)
{
	struct mirror_received *received;
	uint8_t bytes[MOST_PIECE_BYTES];
	struct stage s;
	size_t size;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 0, 1, 2000, 5));
	cut(&s, 0);
	size = piece_bytes(&s, 0, bytes);
	bytes[offsetof(struct mirror_piece, tag)] ^= 1;
	assert_int_equal(take(&s, bytes, size, &received), MIRROR_DROP_TAKEN);
	assert_null(received);
	assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_TAKEN);
	size = piece_bytes(&s, 1, bytes);
	bytes[offsetof(struct mirror_piece, tag)] ^= 1;
	assert_int_equal(take(&s, bytes, size, &received), MIRROR_DROP_TAKEN);
	assert_non_null(received);
	received->head.sequence = 9; /* with a tag that is not its own */
	assert_int_equal(admit(&s, received), MIRROR_DROP_FORGED);
	cut(&s, 9);
	assert_int_equal(admit(&s, take_all(&s)), MIRROR_DROP_TAKEN);
	stage_done(&s);
}

static void store_u16(uint8_t *piece, size_t at, uint16_t value)
{
	bytes_store_u16(piece + at, value);
}

static void odd_and_cut_pieces_are_named(void **state)
{
	const size_t piece = offsetof(struct mirror_piece, piece);
	const size_t pieces = offsetof(struct mirror_piece, pieces);
	const size_t bundle = offsetof(struct mirror_piece, bundle_bytes);
	struct mirror_arrival a;
	uint8_t b[MOST_PIECE_BYTES];
	struct stage s;
	size_t size;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 0, 1, 2000, 5));
	cut(&s, 0);
	for (size_t short_of = 0; short_of < sizeof(struct mirror_piece); short_of++) {
		piece_bytes(&s, 0, b);
		assert_int_equal(mirror_piece_read(b, short_of, &a), MIRROR_DROP_SHORT);
	}
	assert_int_equal(mirror_piece_read(b, sizeof(struct mirror_piece), &a), MIRROR_DROP_SHORT);
	store_u16(b, piece, 2);
	assert_int_equal(mirror_piece_read(b, sizeof(b), &a), MIRROR_DROP_ODD);
	store_u16(b, piece, 0);
	store_u16(b, pieces, 0);
	assert_int_equal(mirror_piece_read(b, sizeof(b), &a), MIRROR_DROP_ODD);
	store_u16(b, pieces, MIRROR_PIECES_MAX + 1);
	assert_int_equal(mirror_piece_read(b, sizeof(b), &a), MIRROR_DROP_ODD);
	store_u16(b, pieces, 1); /* more bytes than one such piece */
	assert_int_equal(mirror_piece_read(b, sizeof(b), &a), MIRROR_DROP_SHORT);
	store_u16(b, pieces, 2);
	bytes_store_u32(b + bundle, MIRROR_BUNDLE_BYTES_MAX + 1);
	assert_int_equal(mirror_piece_read(b, sizeof(b), &a), MIRROR_DROP_ODD);
	bytes_store_u32(b + bundle, MIRROR_SECTION_BYTES - 1);
	assert_int_equal(mirror_piece_read(b, sizeof(b), &a), MIRROR_DROP_ODD);
	size = piece_bytes(&s, 1, b);
	assert_int_equal(mirror_piece_read(b, size, &a), MIRROR_DROP_TAKEN);
	assert_int_equal(a.at, MIRROR_PIECE_BYTES);
	bytes_store_u32(b + bundle, (uint32_t)(size - sizeof(struct mirror_piece)) * 2 - 1);
	assert_int_equal(mirror_piece_read(b, size, &a),
			 MIRROR_DROP_SHORT); /* larger than others */
	stage_done(&s);
}

static void a_section_ends_where_the_bundle_does(void **state)
{
	struct mirror_section section;
	struct reader in;
	struct stage s;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 0, 1, 100, 5));
	for (size_t size = 1; size < s.bundle.bytes.size; size++) {
		in = reader_of(s.bundle.bytes.data, size);
		assert_int_equal(mirror_section_next(&in, &section), -EBADMSG);
	}
	bytes_store_u32(s.bundle.bytes.data + 32, 0);
	in = reader_of(s.bundle.bytes.data, s.bundle.bytes.size);
	assert_int_equal(mirror_section_next(&in, &section), -EBADMSG);
	bytes_store_u32(s.bundle.bytes.data + 32, UINT32_MAX);
	in = reader_of(s.bundle.bytes.data, s.bundle.bytes.size);
	assert_int_equal(mirror_section_next(&in, &section), -EBADMSG);
	stage_done(&s);
}

/* Seeded noise in the fields that say how pieces fit together: the sanitizers look on. */
static void noise_writes_nowhere_and_completes_nothing_true(void **state)
{
	uint64_t noise = 88172645463325252;
	struct stage s;

	(void)state;
	stage_init(&s);
	assert_true(add(&s, 0, 0, 1, 9000, 5));
	cut(&s, 0);
	for (int round = 0; round < 200000; round++) {
		struct mirror_received *received;
		uint8_t b[MOST_PIECE_BYTES];
		size_t size;

		noise ^= noise << 13;
		noise ^= noise >> 7;
		noise ^= noise << 17;
		size = piece_bytes(&s, (int)(noise % (unsigned)piece_count(&s)), b);
		b[24 + (noise >> 8) % 28] = (uint8_t)(noise >> 16);
		if (noise >> 60 < 4)
			size -= (noise >> 24) % size;
		s.now_us += (noise >> 32) % 4000;
		if (take(&s, b, size, &received) == MIRROR_DROP_TAKEN && received &&
		    mirror_stream_admit(&s.stream, received) == MIRROR_DROP_TAKEN) {
			struct reader in = reader_of(received->bytes, received->head.bundle_bytes);

			check_section(&in, 0, 0, 9000, 5);
		}
		mem_free(received);
	}
	stage_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_arrive_as_they_left),
		cmocka_unit_test(batches_that_follow_on_share_a_section),
		cmocka_unit_test(every_size_travels),
		cmocka_unit_test(pieces_may_come_in_any_order_and_twice),
		cmocka_unit_test(two_bundles_interleaved_are_both_whole),
		cmocka_unit_test(unfinished_bundles_are_few_and_short_lived),
		cmocka_unit_test(a_bundle_counts_once_and_late_ones_within_a_window),
		cmocka_unit_test(a_key_belongs_to_slot_epoch_sender_and_its_life),
		cmocka_unit_test(no_bit_can_be_turned),
		cmocka_unit_test(a_forged_bundle_does_not_shut_out_the_real_one),
		cmocka_unit_test(odd_and_cut_pieces_are_named),
		cmocka_unit_test(a_section_ends_where_the_bundle_does),
		cmocka_unit_test(noise_writes_nowhere_and_completes_nothing_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
