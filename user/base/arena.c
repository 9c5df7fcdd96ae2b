/* Owns the chunks of an arena. Invariant: chunks->used <= chunks->size for every chunk, and
 * used_bytes is their sum, so that the limit holds over all of them. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

enum { ARENA_CHUNK_BYTES = 2048, ARENA_LARGEST_CHUNK_BYTES = 1 << 20 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used;
	alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *a, size_t limit_bytes)
{
	*a = (struct arena){.limit_bytes = limit_bytes};
}

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;

		mem_free(a->chunks);
		a->chunks = next;
	}
	a->used_bytes = 0;
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *keep = NULL;

	for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		if (!keep && c->size == ARENA_CHUNK_BYTES) {
			keep = c;
			keep->next = NULL;
			keep->used = 0;
		} else {
			mem_free(c);
		}
	}
	a->chunks = keep;
	a->used_bytes = 0;
}

static struct arena_chunk *arena_grow(struct arena *a, size_t size)
{
	size_t chunk_bytes = a->chunks ? a->chunks->size * 2 : ARENA_CHUNK_BYTES;
	struct arena_chunk *c;

	if (chunk_bytes > ARENA_LARGEST_CHUNK_BYTES)
		chunk_bytes = ARENA_LARGEST_CHUNK_BYTES;
	if (chunk_bytes < size)
		chunk_bytes = size;
	c = mem_resize(NULL, sizeof(*c) + chunk_bytes);
	*c = (struct arena_chunk){.next = a->chunks, .size = chunk_bytes};
	a->chunks = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
	size_t size = (size_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct arena_chunk *c = a->chunks;
	void *at;

	if (size < size_bytes || size > a->limit_bytes - a->used_bytes)
		return NULL;
	if (!c || c->size - c->used < size)
		c = arena_grow(a, size);
	at = c->bytes + c->used;
	c->used += size;
	a->used_bytes += size;
	return memset(at, 0, size);
}

void *arena_array(struct arena *a, size_t count, size_t element_bytes)
{
	size_t size;

	if (__builtin_mul_overflow(count, element_bytes, &size))
		return NULL;
	return arena_alloc(a, size);
}
