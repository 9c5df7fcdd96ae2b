/* Frames that nobody should send, through every API's decoder and through the batch reader.
 *
 *	wire_fuzz [COUNT [SEED]]    COUNT frames (100000), then one line
 *
 * Half of the frames are drawn, half are good ones with a few bytes changed, cut or repeated. What
 * decodes must encode and decode again into the same. A sanitizer's build sees reads past the end:
 * each frame lies at the end of its own memory. Built with -DFUZZ_ENGINE and clang's
 * -fsanitize=fuzzer the engine brings the frames; the first bytes choose API, side and version. */
#include "../unit/wire/fill.h"

#include "base/mem.h"
#include "wire/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 1 << 20, FRAME_MOST_BYTES = 600, MUTATIONS = 6, CHOICE_BYTES = 3 };

struct target {
	const struct wire_schema *schema;
	int16_t version;
	bool flexible;
};

static unsigned api_count(void)
{
	unsigned count = 0;

	while (wire_apis[count])
		count++;
	return count;
}

static struct target target_of(const uint8_t choice[static CHOICE_BYTES])
{
	const struct wire_api *api = wire_apis[choice[0] % api_count()];
	int16_t version = (int16_t)(api->first + choice[2] % (api->last - api->first + 1));

	return (struct target){
		.schema = choice[1] % 2 ? api->response : api->request,
		.version = version,
		.flexible = wire_is_flexible(api, version),
	};
}

static void die(const char *what, const struct target *t)
{
	fprintf(stderr, "wire_fuzz: %s version %d: %s\n", t->schema->name, t->version, what);
	abort();
}

/* Encodes what was decoded, decodes that, and compares. */
static void check_stable(const struct target *t, const void *message, struct arena *arena)
{
	struct wire_output out = {0};
	void *again = arena_alloc(arena, t->schema->size);
	struct reader in;

	wire_encode(t->schema, t->version, t->flexible, message, &out);
	in = reader_of(out.bytes.data, out.bytes.size);
	if (!again ||
	    wire_decode(t->schema, t->version, t->flexible, &in, arena, again) == -EBADMSG)
		die("what was encoded does not decode", t);
	if (!in.failed && !fill_same_struct(t->schema, message, again))
		die("does not come back as it was", t);
	wire_output_done(&out);
}

/* Returns whether the frame was good. */
static bool try_message(const struct target *t, const uint8_t *bytes, size_t size)
{
	struct reader in = reader_of(bytes, size);
	struct arena arena;
	void *message;
	int rc;

	arena_init(&arena, ARENA_BYTES);
	message = arena_alloc(&arena, t->schema->size);
	rc = wire_decode(t->schema, t->version, t->flexible, &in, &arena, message);
	if (rc != 0 && rc != -EBADMSG && rc != -ENOMEM)
		die("an error that is not in the contract", t);
	if (rc == 0) {
		arena.limit_bytes *= 4; /* twice what the first took, and more */
		check_stable(t, message, &arena);
	}
	arena_done(&arena);
	return rc == 0;
}

static void try_batches(const uint8_t *bytes, size_t size)
{
	struct reader in = reader_of(bytes, size);
	struct batch batch;
	struct batch_record record;

	batch_peek(bytes, size, &batch);
	batch_next_produced(&in, &batch);
	in = reader_of(bytes, size);
	while (batch_next(&in, &batch) == BATCH_OK) {
		struct reader records = batch_records(&batch);

		while (batch_next_record(&batch, &records, &record) == BATCH_OK)
			;
	}
}

static void try_header(const uint8_t choice[static CHOICE_BYTES], const uint8_t *bytes,
		       size_t size)
{
	const struct wire_api *api = wire_apis[choice[0] % api_count()];
	struct reader in = reader_of(bytes, size);
	struct wire_request_header header;

	if (wire_peek_request(&in, &header) == 0)
		wire_decode_request_header(api, &in, &header);
}

static bool try_frame(const uint8_t choice[static CHOICE_BYTES], const uint8_t *bytes, size_t size)
{
	struct target target = target_of(choice);

	try_header(choice, bytes, size);
	try_batches(bytes, size);
	return try_message(&target, bytes, size);
}

#ifdef FUZZ_ENGINE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= CHOICE_BYTES)
		try_frame(data, data + CHOICE_BYTES, size - CHOICE_BYTES);
	return 0;
}

#else

/* Bytes in which small lengths and counts are common, or hardly anything would decode. */
static void draw_bytes(struct filler *f, struct buffer *frame)
{
	size_t size = fill_below(f, FRAME_MOST_BYTES);

	for (size_t i = 0; i < size; i++) {
		uint64_t byte = fill_below(f, 3) ? fill_below(f, 4) : fill_random(f);

		buffer_put_i8(frame, (int8_t)byte);
	}
}

static void draw_batch(struct filler *f, struct buffer *frame)
{
	struct batch_builder builder;

	batch_begin(&builder, frame, (int64_t)fill_below(f, 1000), 1);
	for (uint64_t i = fill_below(f, 5) + 1; i > 0; i--)
		batch_add(&builder, fill_below(f, 2) ? "k" : NULL, 1, "value", 5);
	batch_end(&builder);
}

static void mutate(struct filler *f, struct buffer *frame)
{
	for (uint64_t left = fill_below(f, MUTATIONS); left > 0 && frame->size > 0; left--) {
		uint8_t *at = frame->data + fill_below(f, frame->size);

		switch (fill_below(f, 5)) {
		case 0:
			*at = (uint8_t)fill_random(f);
			break;
		case 1:
			*at ^= (uint8_t)(1 << fill_below(f, 8));
			break;
		case 2:
			*at = fill_below(f, 2) ? 0xff : 0x7f;
			break;
		case 3:
			frame->size = fill_below(f, frame->size);
			break;
		default:
			memmove(at, frame->data, (size_t)(frame->data + frame->size - at));
		}
	}
}

static void draw_frame(struct filler *f, const uint8_t choice[static CHOICE_BYTES],
		       struct buffer *frame)
{
	struct wire_output out = {0};
	struct target target = target_of(choice);

	f->version = target.version;
	switch (fill_below(f, 8)) {
	case 0:
		draw_batch(f, frame);
		break;
	case 1:
	case 2:
	case 3:
		draw_bytes(f, frame);
		return;
	default:
		wire_encode(target.schema, target.version, target.flexible,
			    fill_message(f, target.schema), &out);
		buffer_put(frame, out.bytes.data, out.bytes.size);
		wire_output_done(&out);
	}
	mutate(f, frame);
}

/* Tries the frame from memory that ends with it. */
static bool try_copy(const uint8_t choice[static CHOICE_BYTES], const struct buffer *frame)
{
	uint8_t *copy = mem_resize(NULL, frame->size + 1);
	bool good;

	if (frame->size)
		memcpy(copy + 1, frame->data, frame->size);
	good = try_frame(choice, copy + 1, frame->size);
	mem_free(copy);
	return good;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	struct filler f = {.state = seed, .most_items = 3};
	struct buffer frame = {0};
	unsigned long good = 0;

	for (unsigned long i = 0; i < count; i++) {
		uint64_t bits = fill_random(&f);
		uint8_t choice[CHOICE_BYTES] = {(uint8_t)bits, (uint8_t)(bits >> 8),
						(uint8_t)(bits >> 16)};
		struct arena arena;

		arena_init(&arena, ARENA_BYTES * 8);
		f.arena = &arena;
		frame.size = 0;
		draw_frame(&f, choice, &frame);
		good += try_copy(choice, &frame);
		arena_done(&arena);
	}
	buffer_done(&frame);
	printf("wire_fuzz: %lu frames, %lu of them good, SEED=%lu\n", count, good, seed);
	return good > 0 || count == 0 ? 0 : 1;
}

#endif
