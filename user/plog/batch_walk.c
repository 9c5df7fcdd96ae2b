/* Owns the piece of the file that is in memory while a walk lasts: bytes [piece_position,
 * piece_position + piece_size) of the file. Knows lengths and checksums, not offsets. */
#include "plog/batch_walk.h"

#include "base/crc32c.h"

#include <errno.h>

/* Where the checksum lies in a batch, and where what it covers begins (batch.h). */
enum { CRC_PLACE = 17, CRC_COVERS_FROM = 21 };

static ssize_t read_piece(struct batch_walk *walk, int64_t position)
{
	int64_t left = walk->end_position - position;
	size_t size = left < (int64_t)walk->capacity ? (size_t)left : walk->capacity;
	ssize_t got;

	if (walk->cached_only)
		got = env_file_read_cached(walk->env, walk->file, walk->piece, size, position);
	else
		got = env_file_read(walk->env, walk->file, walk->piece, size, position);

	walk->piece_position = position;
	walk->piece_size = got < 0 ? 0 : (size_t)got;
	return got;
}

/* The bytes in memory from position on, at least `least` unless the file has fewer. */
static ssize_t piece_at(struct batch_walk *walk, int64_t position, size_t least,
			const uint8_t **ret_bytes)
{
	int64_t into = position - walk->piece_position;
	ssize_t got;

	if (into < 0 || into + (int64_t)least > (int64_t)walk->piece_size) {
		got = read_piece(walk, position);
		if (got < 0)
			return got;
		into = 0;
	}
	*ret_bytes = walk->piece + into;
	return (ssize_t)walk->piece_size - into;
}

int batch_walk_next(struct batch_walk *walk, struct batch *ret_batch, int64_t *ret_position)
{
	int64_t left = walk->end_position - walk->position;
	const uint8_t *bytes;
	struct batch batch;
	ssize_t size;

	if (left <= 0)
		return 0;
	size = piece_at(walk, walk->position, BATCH_HEADER_BYTES, &bytes);
	if (size < 0)
		return (int)size;
	if (batch_peek(bytes, (size_t)size, &batch) != BATCH_OK || batch.size_bytes > left)
		return -EBADMSG;
	batch.bytes = NULL; /* the piece does not hold the records */
	*ret_position = walk->position;
	*ret_batch = batch;
	walk->position += batch.size_bytes;
	return 1;
}

int batch_walk_check(struct batch_walk *walk, const struct batch *batch, int64_t position)
{
	int64_t end = position + batch->size_bytes;
	const uint8_t *bytes;
	uint32_t expected, crc = 0;
	ssize_t size = piece_at(walk, position, CRC_COVERS_FROM, &bytes);

	if (size < CRC_COVERS_FROM)
		return size < 0 ? (int)size : 0;
	expected = bytes_load_u32(bytes + CRC_PLACE);
	for (int64_t at = position + CRC_COVERS_FROM; at < end; at += size) {
		size = piece_at(walk, at, 1, &bytes);
		if (size <= 0)
			return (int)size;
		if (size > end - at)
			size = (ssize_t)(end - at);
		crc = crc32c(crc, bytes, (size_t)size);
	}
	return crc == expected;
}
