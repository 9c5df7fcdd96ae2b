/* Owns finding batches for readers, from cached pages only. The newest batches' places are known
 * without reading, which is where consumers and followers that keep up read, and where HW is. */
#include "plog/plog_int.h"

#include <errno.h>

enum { COLD_READ_BYTES = 64 * 1024 };

/* Where a batch lies in its segment. */
struct place {
	int64_t position;
	int64_t end_position;
	int64_t base_offset;
};

static const struct plog_boundary *boundary(const struct plog *log, uint64_t number)
{
	return &log->tail[number % PLOG_TAIL_BATCHES];
}

/* The first batch that ends above offset, if it is among the newest. */
static bool find_in_tail(const struct plog *log, int64_t offset, struct place *ret_place)
{
	uint64_t oldest =
		log->tail_count > PLOG_TAIL_BATCHES ? log->tail_count - PLOG_TAIL_BATCHES : 0;
	uint64_t low = oldest, high = log->tail_count;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (boundary(log, middle)->end_offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	/* An older one, which is not remembered, might be the first. */
	if (low == log->tail_count ||
	    (low == oldest && boundary(log, low)->base_offset > offset))
		return false;
	ret_place->base_offset = boundary(log, low)->base_offset;
	ret_place->position = boundary(log, low)->position;
	ret_place->end_position = low + 1 < log->tail_count ? boundary(log, low + 1)->position
							    : plog_active(log)->size_bytes;
	return true;
}

/* The first batch of the segment that ends above offset. 1, 0, or -errno as segment_find(). */
static int find_place(struct plog *log, struct segment *segment, int64_t offset,
		      struct place *ret_place)
{
	struct batch batch;
	int rc;

	if (segment == plog_active(log) && find_in_tail(log, offset, ret_place))
		return 1;
	rc = segment_find(log->env, segment, offset, true, &batch, &ret_place->position);
	if (rc <= 0)
		return rc;
	ret_place->end_position = ret_place->position + batch.size_bytes;
	ret_place->base_offset = batch.base_offset;
	return 1;
}

/* -EAGAIN with what to read, as plog_read() says. */
static int say_cold(struct plog *log, struct segment *segment, int64_t position,
		    struct plog_slice *ret_slice)
{
	int64_t left = segment->size_bytes - position;

	*ret_slice = (struct plog_slice){
		.file = env_file_ref(log->env, segment->file),
		.position = position,
		.size_bytes = (int32_t)(left < COLD_READ_BYTES ? left : COLD_READ_BYTES),
	};
	return -EAGAIN;
}

/* Where the segment's batches below bound_offset end; on -EAGAIN what is cold. */
static int find_bound(struct plog *log, struct segment *segment, int64_t bound_offset,
		      int64_t *ret_position)
{
	struct place place;
	int rc = 0;

	*ret_position = segment->size_bytes;
	if (bound_offset < segment->end_offset)
		rc = find_place(log, segment, bound_offset, &place);
	if (rc == 1 || rc == -EAGAIN)
		*ret_position = place.position;
	return rc < 0 ? rc : 0;
}

static int slice_from(struct plog *log, struct segment *segment, const struct place *first,
		      int64_t end_position, int32_t max_bytes, bool whole_first,
		      struct plog_slice *ret_slice)
{
	int64_t first_bytes = first->end_position - first->position;
	int64_t size_bytes = end_position - first->position;

	if (size_bytes > max_bytes)
		size_bytes = whole_first && first_bytes > max_bytes ? first_bytes : max_bytes;
	if (size_bytes <= 0)
		return 0;
	*ret_slice = (struct plog_slice){
		.file = env_file_ref(log->env, segment->file),
		.position = first->position,
		.size_bytes = (int32_t)size_bytes,
		.base_offset = first->base_offset,
	};
	return 0;
}

int plog_read(struct plog *log, int64_t offset, int64_t bound_offset, int32_t max_bytes,
	      bool whole_first, struct plog_slice *ret_slice)
{
	int64_t end_offset = plog_end_offset(log);
	int64_t bound_position;
	struct segment *segment;
	struct place first;
	int rc;

	if (offset < log->start_offset || offset > end_offset)
		return -ERANGE;
	if (bound_offset > end_offset)
		bound_offset = end_offset;
	*ret_slice = (struct plog_slice){0};
	if (offset >= bound_offset)
		return 0;
	segment = log->segments[plog_segment_at(log, offset)];
	rc = find_place(log, segment, offset, &first);
	if (rc == -EAGAIN)
		return say_cold(log, segment, first.position, ret_slice);
	if (rc <= 0)
		return rc < 0 ? rc : -EIO; /* LEO says that it is there */
	rc = find_bound(log, segment, bound_offset, &bound_position);
	if (rc == -EAGAIN)
		return say_cold(log, segment, bound_position, ret_slice);
	if (rc < 0)
		return rc;
	return slice_from(log, segment, &first, bound_position, max_bytes, whole_first, ret_slice);
}

int plog_find_timestamp(struct plog *log, int64_t timestamp_ms, int64_t bound_offset,
			int64_t *ret_offset, int64_t *ret_timestamp_ms,
			struct plog_slice *ret_cold)
{
	size_t first = plog_segment_at(log, log->start_offset);

	for (size_t i = first; i < log->segment_count; i++) {
		struct segment *segment = log->segments[i];
		struct batch batch;
		int64_t position;
		int rc;

		if (segment->base_offset >= bound_offset)
			return 0;
		if (segment->max_timestamp_ms < timestamp_ms || segment->size_bytes == 0)
			continue;
		rc = segment_find_timestamp(log->env, segment, log->start_offset, timestamp_ms,
					    &batch, &position);
		if (rc == -EAGAIN)
			return say_cold(log, segment, position, ret_cold);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		if (batch_last_offset(&batch) >= bound_offset)
			return 0;
		*ret_offset = batch.base_offset > log->start_offset ? batch.base_offset
								   : log->start_offset;
		*ret_timestamp_ms = batch.max_timestamp_ms;
		return 1;
	}
	return 0;
}
