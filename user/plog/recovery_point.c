/* Owns the recovery-point file: two slots 512 bytes apart, a sector each.
 *
 *  offset size  field of a slot, big endian
 *       0    4  "BWRP"
 *       4    8  sequence: the higher one counts; slot = sequence mod 2
 *      12    8  offset
 *      20    8  base offset of the segment that holds the record below it
 *      28    8  log start offset
 *      36    4  CRC-32C of the epoch cache below offset
 *      40    4  CRC-32C of all before */
#include "plog/recovery_point.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "plog/file_names.h"

#include <errno.h>

enum {
	SLOT_MAGIC = 0x42575250,
	SLOT_BYTES = 44,
	SLOT_CRC_PLACE = 40,
	SLOT_SPACING = 512,
	SLOTS = 2,
};

_Static_assert(SLOT_CRC_PLACE + 4 == SLOT_BYTES, "the slot ends with its checksum");

static bool parse_slot(const uint8_t *bytes, uint64_t *ret_sequence, struct recovery_point *ret)
{
	struct reader r = reader_of(bytes, SLOT_BYTES);

	if (reader_i32(&r) != SLOT_MAGIC ||
	    bytes_load_u32(bytes + SLOT_CRC_PLACE) != crc32c(0, bytes, SLOT_CRC_PLACE))
		return false;
	*ret_sequence = (uint64_t)reader_i64(&r);
	ret->offset = reader_i64(&r);
	ret->segment_base = reader_i64(&r);
	ret->start_offset = reader_i64(&r);
	ret->epochs_crc = (uint32_t)reader_i32(&r);
	return true;
}

static int newest_slot(const uint8_t *bytes, size_t size, uint64_t *ret_sequence,
		       struct recovery_point *ret_point)
{
	int found = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		struct recovery_point point;
		uint64_t sequence;

		if (size < i * SLOT_SPACING + SLOT_BYTES ||
		    !parse_slot(bytes + i * SLOT_SPACING, &sequence, &point) ||
		    (found && sequence < *ret_sequence))
			continue;
		*ret_sequence = sequence;
		*ret_point = point;
		found = 1;
	}
	return found;
}

int recovery_point_load(struct env *env, const char *folder, struct recovery_point_file *ret_file,
			struct recovery_point *ret_point)
{
	char *path = file_name_in(folder, POINT_NAME);
	uint8_t bytes[SLOT_SPACING + SLOT_BYTES];
	struct env_file *file = NULL;
	int rc = env_file_open(env, path, ENV_OPEN_WRITE, &file);
	ssize_t got;

	mem_free(path);
	if (rc < 0)
		return rc;
	got = env_file_read(env, file, bytes, sizeof(bytes), 0);
	if (got < 0) {
		env_file_unref(env, file);
		return (int)got;
	}
	*ret_file = (struct recovery_point_file){.file = file};
	return newest_slot(bytes, (size_t)got, &ret_file->sequence, ret_point);
}

static int open_for_writing(struct env *env, const char *folder, struct recovery_point_file *file)
{
	char *path = file_name_in(folder, POINT_NAME);
	int rc = env_file_open(env, path, ENV_OPEN_WRITE | ENV_OPEN_CREATE, &file->file);

	mem_free(path);
	return rc;
}

int recovery_point_write(struct env *env, const char *folder, struct recovery_point_file *file,
			 const struct recovery_point *point)
{
	uint64_t sequence = file->sequence + 1;
	uint8_t slot[SLOT_BYTES];
	struct iovec piece = {slot, sizeof(slot)};
	int rc = file->file ? 0 : open_for_writing(env, folder, file);

	if (rc < 0)
		return rc;
	bytes_store_u32(slot, SLOT_MAGIC);
	bytes_store_u64(slot + 4, sequence);
	bytes_store_u64(slot + 12, (uint64_t)point->offset);
	bytes_store_u64(slot + 20, (uint64_t)point->segment_base);
	bytes_store_u64(slot + 28, (uint64_t)point->start_offset);
	bytes_store_u32(slot + 36, point->epochs_crc);
	bytes_store_u32(slot + SLOT_CRC_PLACE, crc32c(0, slot, SLOT_CRC_PLACE));
	rc = env_file_write(env, file->file, &piece, 1, (int64_t)(sequence % SLOTS) * SLOT_SPACING);
	if (rc == 0)
		file->sequence = sequence;
	return rc;
}

void recovery_point_done(struct env *env, struct recovery_point_file *file)
{
	env_file_unref(env, file->file);
	*file = (struct recovery_point_file){0};
}
