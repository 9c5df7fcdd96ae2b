/* Which leader epoch began at which offset (KIP-101, KIP-279; R18-R22). Entries rise strictly in
 * both. A plain value: no I/O, no clock. */
#pragma once

#include "base/buffer.h"

struct epoch_entry {
	int32_t epoch;
	int64_t start_offset;
};

struct epoch_cache {
	struct epoch_entry *entries;
	size_t count;
	size_t capacity;
};

void epoch_cache_done(struct epoch_cache *cache);

/* R21: adds the entry and drops every one whose epoch or start offset is not below it. */
void epoch_cache_assign(struct epoch_cache *cache, int32_t epoch, int64_t start_offset);

/* The last entry's epoch, -1 when there is none. */
int32_t epoch_cache_last(const struct epoch_cache *cache);

/* R20: the largest known epoch <= epoch and where it ends; -1 and -1 when unknown. */
void epoch_cache_end_of(const struct epoch_cache *cache, int32_t epoch, int64_t log_end_offset,
			int32_t *ret_epoch, int64_t *ret_end_offset);

/* The epoch in which the record at offset was written, -1 when unknown. */
int32_t epoch_cache_at(const struct epoch_cache *cache, int64_t offset);

/* R22: drops the entries that start at or above offset. Returns whether there were any. */
bool epoch_cache_truncate_end(struct epoch_cache *cache, int64_t offset);

/* The log now begins at offset: entries that ended below it go, and the one that covers it starts
 * there. Returns whether something changed. */
bool epoch_cache_truncate_start(struct epoch_cache *cache, int64_t offset);

/* A checksum over the entries that start below offset: how a file is known to be the one that a
 * recovery point was written with (R48a). */
uint32_t epoch_cache_crc_below(const struct epoch_cache *cache, int64_t offset);

/* Kafka's leader-epoch-checkpoint: lines "0", the count, then "epoch start" for each. */
void epoch_cache_format(const struct epoch_cache *cache, struct buffer *out);

/* The reverse, into an empty cache. Returns 0, or -EBADMSG (and the cache stays empty) when the
 * text is not whole or not in order. */
int epoch_cache_parse(struct epoch_cache *cache, const void *text, size_t size);
