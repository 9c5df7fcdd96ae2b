/* Owns the entries. Invariant: entries[i].epoch < entries[i+1].epoch and
 * entries[i].start_offset < entries[i+1].start_offset. */
#include "plog/epoch_cache.h"

#include "base/crc32c.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { EPOCH_LINE_BYTES = 40 };

void epoch_cache_done(struct epoch_cache *cache)
{
	mem_free(cache->entries);
	*cache = (struct epoch_cache){0};
}

static void push(struct epoch_cache *cache, int32_t epoch, int64_t start_offset)
{
	if (cache->count == cache->capacity) {
		cache->capacity = cache->capacity ? cache->capacity * 2 : 4;
		cache->entries =
			mem_resize(cache->entries, cache->capacity * sizeof(*cache->entries));
	}
	cache->entries[cache->count++] =
		(struct epoch_entry){.epoch = epoch, .start_offset = start_offset};
}

void epoch_cache_assign(struct epoch_cache *cache, int32_t epoch, int64_t start_offset)
{
	/* R21. Both rise, so what is not below is at the end. */
	while (cache->count > 0) {
		const struct epoch_entry *last = &cache->entries[cache->count - 1];

		if (last->epoch < epoch && last->start_offset < start_offset)
			break;
		cache->count--;
	}
	push(cache, epoch, start_offset);
}

int32_t epoch_cache_last(const struct epoch_cache *cache)
{
	return cache->count ? cache->entries[cache->count - 1].epoch : -1;
}

void epoch_cache_end_of(const struct epoch_cache *cache, int32_t epoch, int64_t log_end_offset,
			int32_t *ret_epoch, int64_t *ret_end_offset)
{
	int32_t last = epoch_cache_last(cache);
	size_t higher = 0; /* the first entry above epoch */

	*ret_epoch = -1;
	*ret_end_offset = -1;
	if (epoch < 0 || epoch > last)
		return;
	*ret_epoch = epoch;
	if (epoch == last) {
		*ret_end_offset = log_end_offset;
		return;
	}
	while (cache->entries[higher].epoch <= epoch)
		higher++;
	*ret_end_offset = cache->entries[higher].start_offset;
	if (higher > 0)
		*ret_epoch = cache->entries[higher - 1].epoch;
}

int32_t epoch_cache_at(const struct epoch_cache *cache, int64_t offset)
{
	size_t above = cache->count;

	while (above > 0 && cache->entries[above - 1].start_offset > offset)
		above--;
	return above ? cache->entries[above - 1].epoch : -1;
}

bool epoch_cache_truncate_end(struct epoch_cache *cache, int64_t offset)
{
	size_t before = cache->count;

	while (cache->count > 0 && cache->entries[cache->count - 1].start_offset >= offset)
		cache->count--;
	return cache->count != before;
}

bool epoch_cache_truncate_start(struct epoch_cache *cache, int64_t offset)
{
	size_t drop = 0;

	while (drop + 1 < cache->count && cache->entries[drop + 1].start_offset <= offset)
		drop++;
	if (cache->count == 0 || (drop == 0 && cache->entries[0].start_offset >= offset))
		return false;
	cache->count -= drop;
	memmove(cache->entries, cache->entries + drop, cache->count * sizeof(*cache->entries));
	if (cache->entries[0].start_offset < offset)
		cache->entries[0].start_offset = offset;
	return true;
}

uint32_t epoch_cache_crc_below(const struct epoch_cache *cache, int64_t offset)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < cache->count && cache->entries[i].start_offset < offset; i++) {
		uint8_t bytes[12];

		bytes_store_u32(bytes, (uint32_t)cache->entries[i].epoch);
		bytes_store_u64(bytes + 4, (uint64_t)cache->entries[i].start_offset);
		crc = crc32c(crc, bytes, sizeof(bytes));
	}
	return crc;
}

void epoch_cache_format(const struct epoch_cache *cache, struct buffer *out)
{
	char line[EPOCH_LINE_BYTES];
	int size = snprintf(line, sizeof(line), "0\n%zu\n", cache->count);

	buffer_put(out, line, (size_t)size);
	for (size_t i = 0; i < cache->count; i++) {
		size = snprintf(line, sizeof(line), "%" PRId32 " %" PRId64 "\n",
				cache->entries[i].epoch, cache->entries[i].start_offset);
		buffer_put(out, line, (size_t)size);
	}
}

/* A decimal number of at most `most` that ends with `stop`. */
static int64_t read_number(struct reader *r, char stop, int64_t most)
{
	int64_t value = 0;
	uint8_t digit = (uint8_t)reader_i8(r);

	if (digit < '0' || digit > '9')
		r->failed = true;
	for (; digit >= '0' && digit <= '9'; digit = (uint8_t)reader_i8(r)) {
		if (value > (most - (digit - '0')) / 10) {
			r->failed = true;
			return 0;
		}
		value = value * 10 + (digit - '0');
	}
	if (digit != (uint8_t)stop)
		r->failed = true;
	return value;
}

int epoch_cache_parse(struct epoch_cache *cache, const void *text, size_t size)
{
	struct reader r = reader_of(text, size);
	int64_t version = read_number(&r, '\n', INT32_MAX);
	int64_t count = read_number(&r, '\n', INT32_MAX);
	int64_t below = -1;

	for (int64_t i = 0; i < count && version == 0 && !r.failed; i++) {
		int32_t epoch = (int32_t)read_number(&r, ' ', INT32_MAX);
		int64_t start_offset = read_number(&r, '\n', INT64_MAX);

		if (epoch <= epoch_cache_last(cache) || start_offset <= below)
			r.failed = true;
		if (!r.failed)
			push(cache, epoch, start_offset);
		below = start_offset;
	}
	if (!r.failed && version == 0)
		return 0;
	cache->count = 0;
	return -EBADMSG;
}
