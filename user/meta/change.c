/* Owns the batch of metadata records under construction, and the draft that follows it.
 *
 * A record's value: unsigned varints frame version, type, record version; the flexible struct. */
#include "meta/controller_int.h"

#include <assert.h>

void change_begin(struct change *change, int64_t timestamp_ms)
{
	*change = (struct change){0};
	batch_begin(&change->builder, &change->records, 0, timestamp_ms);
}

void change_add(struct change *change, int16_t type, const void *record)
{
	const struct wire_schema *schema = metadata_record_schema(type);
	struct wire_output out = {0};

	assert(schema);
	buffer_put_uvarint(&out.bytes, IMAGE_FRAME_VERSION);
	buffer_put_uvarint(&out.bytes, (uint64_t)type);
	buffer_put_uvarint(&out.bytes, IMAGE_RECORD_VERSION);
	wire_encode(schema, IMAGE_RECORD_VERSION, true, record, &out);
	batch_add(&change->builder, NULL, 0, out.bytes.data, (int32_t)out.bytes.size);
	wire_output_done(&out);
	change->count++;
}

size_t change_end(struct change *change)
{
	return change->count > 0 ? (size_t)batch_end(&change->builder) : 0;
}

void change_done(struct change *change)
{
	buffer_done(&change->records);
	buffer_done(&change->losses);
}

struct decision decision_begin(const struct image *image, const struct controller_options *options,
			       struct change *change)
{
	return (struct decision){
		.before = image,
		.after = image_draft(image),
		.options = options,
		.change = change,
	};
}

void decision_done(struct decision *d)
{
	image_unref(d->after);
}

void decision_add(struct decision *d, int16_t type, const void *record)
{
	/* The offset only has to rise here: nobody decides by the epochs that come of it. */
	int rc = image_apply_record(d->after, d->after->offset++, type, record);

	assert(rc == 0);
	(void)rc;
	change_add(d->change, type, record);
}
