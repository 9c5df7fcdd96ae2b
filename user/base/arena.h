/* Memory of one request: allocated piece by piece, freed at once. A limit bounds what one frame
 * can make us allocate. */
#pragma once

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t used_bytes;          /* over all chunks */
	size_t limit_bytes;
};

/* No memory is taken before the first allocation. */
void arena_init(struct arena *a, size_t limit_bytes);
void arena_done(struct arena *a);

/* Forgets every allocation; keeps one small chunk for the next request. */
void arena_reset(struct arena *a);

/* Returns size_bytes zeroed bytes, aligned for any type, or NULL past the limit. */
void *arena_alloc(struct arena *a, size_t size_bytes);

/* A zeroed array; NULL past the limit or when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t element_bytes);
