/* Owns the format of the file quorum-state, big endian:
 *
 *  offset size  field
 *       0    4  version = 1
 *       4    4  epoch
 *       8    4  id of the node voted for in that epoch, -1 none
 *      12   16  its directory id
 *      28    4  CRC-32C of all before */
#include "quorum/quorum_vote.h"

#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/small_file.h"

#include <errno.h>

#define VOTE_FILE "quorum-state"

enum { VOTE_VERSION = 1, VOTE_BYTES = 32, VOTE_CHECKED_BYTES = 28 };

static bool decode(const struct buffer *bytes, struct quorum_vote *ret_vote)
{
	struct reader r = reader_of(bytes->data, bytes->size);

	if (bytes->size != VOTE_BYTES || crc32c(0, bytes->data, VOTE_CHECKED_BYTES) !=
					 bytes_load_u32(bytes->data + VOTE_CHECKED_BYTES))
		return false;
	if (reader_i32(&r) != VOTE_VERSION)
		return false;
	ret_vote->present = true;
	ret_vote->epoch = reader_i32(&r);
	ret_vote->voted_id = reader_i32(&r);
	memcpy(ret_vote->voted_directory.bytes, reader_take(&r, 16), 16);
	return true;
}

int quorum_vote_read(struct env *env, const char *folder, struct quorum_vote *ret_vote)
{
	char *path = mem_format("%s/" VOTE_FILE, folder);
	struct buffer bytes = {0};
	int rc = small_file_read(env, path, VOTE_BYTES, &bytes);

	*ret_vote = (struct quorum_vote){.voted_id = -1};
	if (rc == 0 && !decode(&bytes, ret_vote))
		env_log(env, LOG_ERROR, "%s is damaged", path);
	if (rc == -ENOENT || rc == -EFBIG)
		rc = 0;
	buffer_done(&bytes);
	mem_free(path);
	return rc;
}

int quorum_vote_write(struct env *env, const char *folder, const struct quorum_vote *vote)
{
	uint8_t bytes[VOTE_BYTES];

	bytes_store_u32(bytes, VOTE_VERSION);
	bytes_store_u32(bytes + 4, (uint32_t)vote->epoch);
	bytes_store_u32(bytes + 8, (uint32_t)vote->voted_id);
	memcpy(bytes + 12, vote->voted_directory.bytes, 16);
	bytes_store_u32(bytes + VOTE_CHECKED_BYTES, crc32c(0, bytes, VOTE_CHECKED_BYTES));
	return small_file_write(env, folder, VOTE_FILE, bytes, sizeof(bytes));
}
