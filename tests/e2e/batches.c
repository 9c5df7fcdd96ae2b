/* Prints the record batches of segment files, one a line, for scripts that look at a broker's log
 * from outside:
 *
 *	batches FILE...
 *
 *	POSITION BYTES BASE-OFFSET LAST-OFFSET CODEC PRODUCER-ID
 *
 * CODEC is none, gzip, snappy, lz4 or zstd. Exit status 1 when a batch is not sound. */
#include "base/mem.h"
#include "wire/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20 };

static int read_file(const char *name, struct buffer *ret_bytes)
{
	FILE *file = fopen(name, "re");
	size_t count = file ? CHUNK_BYTES : 0;

	if (!file) {
		fprintf(stderr, "batches: %s: %s\n", name, strerror(errno));
		return -1;
	}
	while (count == CHUNK_BYTES) {
		count = fread(buffer_reserve(ret_bytes, CHUNK_BYTES), 1, CHUNK_BYTES, file);
		ret_bytes->size += count;
	}
	fclose(file);
	return 0;
}

static void print_batch(const struct batch *batch, size_t position)
{
	static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
	unsigned codec = (unsigned)batch->attributes & BATCH_CODEC_MASK;

	printf("%zu %d %lld %lld %s %lld\n", position, batch->size_bytes,
	       (long long)batch->base_offset, (long long)batch_last_offset(batch),
	       codec <= BATCH_CODEC_LAST ? codecs[codec] : "unknown",
	       (long long)batch->producer_id);
}

static int print_file(const char *name)
{
	struct buffer bytes = {0};
	struct reader in;
	struct batch batch;
	enum batch_result result = BATCH_END;
	int rc = read_file(name, &bytes);

	if (rc == 0) {
		in = reader_of(bytes.data, bytes.size);
		while ((result = batch_next(&in, &batch)) == BATCH_OK)
			print_batch(&batch, (size_t)(batch.bytes - bytes.data));
		if (result != BATCH_END) {
			fprintf(stderr, "batches: %s: bad at byte %zu\n", name,
				bytes.size - reader_left(&in));
			rc = -1;
		}
	}
	buffer_done(&bytes);
	return rc;
}

int main(int argc, char **argv)
{
	int status = argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;

	for (int i = 1; i < argc; i++)
		if (print_file(argv[i]) < 0)
			status = EXIT_FAILURE;
	return status;
}
