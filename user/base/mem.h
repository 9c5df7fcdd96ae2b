/* Heap memory for objects of our own, whose size no client chooses.
 *
 * When memory runs out here the process ends with one line: every record that was acknowledged is
 * safe by then, and a broker that limps along half-built is not. What a client's frame asks for
 * is allocated from an arena with a limit instead (arena.h), which can say no. */
#pragma once

#include <stddef.h>

/* Returns size_bytes zeroed bytes, never NULL. Free with mem_free(). */
void *mem_alloc(size_t size_bytes);

/* As realloc(): new bytes are not zeroed. Never returns NULL unless size_bytes is 0. */
void *mem_resize(void *memory, size_t size_bytes);

/* A copy of text (NULL gives NULL). */
char *mem_string(const char *text);

/* A formatted string of its own. */
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Frees; NULL is fine. */
void mem_free(void *memory);
