/* A mirror datagram: records on their way from a slot's holder to the slot's followers, all at once
 * (DESIGN section 7). It is a hint: whoever loses one fetches (F9).
 *
 * A *bundle* is what the holder sends in one go: sections of records of partitions of one slot. It
 * travels in *pieces*, each a UDP datagram of at most one MTU with a header of its own, so that
 * UDP GSO may send all pieces as one. They go from and to the port number of the brokers'
 * internal listeners.
 *
 * The holder sends a bundle to the first follower of the slot's mirror set when
 * the kernel clones it (mirror.bpf.c, flag MIRROR_CLONE) and to each follower when it does not.
 *
 *   offset size  a piece's header, numbers in network order
 *        0    4  magic, "BWM1"
 *        4    2  slot
 *        6    2  sender, a node id
 *        8    8  slot epoch
 *       16    8  sequence: counts the bundles of (slot, slot epoch, sender), from 0
 *       24    2  piece: 0 up to pieces - 1
 *       26    2  pieces: 1 up to MIRROR_PIECES_MAX
 *       28    4  size of the bundle in bytes, at most MIRROR_BUNDLE_BYTES_MAX
 *       32    2  flags
 *       34    2  zero
 *       36   16  tag over the bundle: see below
 *       52    -  bytes of the bundle; all pieces but the last have the same size
 *
 *   offset size  a section; a bundle is one section after the other, to its end
 *        0   16  topic id
 *       16    4  partition
 *       20    4  leader epoch
 *       24    8  base offset
 *       32    4  size of the record batches that follow
 *       36    -  whole record batches, as the leader appended them (F5)
 *
 * The tag is AES-256-GMAC. Its key is HMAC-SHA-256(mirror secret of the metadata log, slot, slot
 * epoch, sender, sender's broker epoch), so it changes with each move of the slot and each life of
 * the sender; its nonce is the sequence and four zeros; it covers bytes 4 to 23 and 28 to 31 of
 * the header and the bundle. Only user space knows the key. */
#pragma once

#include <linux/types.h>

enum mirror_limits {
	MIRROR_MAGIC = 0x42574d31,          /* "BWM1" */
	MIRROR_TAG_BYTES = 16,
	MIRROR_PIECES_MAX = 64,             /* as many as UDP GSO takes in one call */
	MIRROR_BUNDLE_BYTES_MAX = 57344,    /* with 44 headers of 1500-byte pieces below 64 KiB */
	MIRROR_SECTION_BYTES = 36,          /* of a section's header */
	MIRROR_FOLLOWERS_MAX = 6,           /* of one slot that the kernel sends to */
};

enum mirror_flags {
	MIRROR_CLONE = 1, /* the sender relies on its kernel to clone this piece */
};

struct mirror_piece {          /* a piece's header; the table above */
	__be32 magic;
	__be16 slot;
	__be16 sender;
	__be64 slot_epoch;
	__be64 sequence;
	__be16 piece;
	__be16 pieces;
	__be32 bundle_bytes;
	__be16 flags;          /* enum mirror_flags */
	__u16 zero;
	__u8 tag[MIRROR_TAG_BYTES];
} __attribute__((packed));
_Static_assert(sizeof(struct mirror_piece) == 4 + 2 * 2 + 8 * 2 + 2 * 2 + 4 + 2 * 2 + 16,
	       "mirror_piece is not what travels");
