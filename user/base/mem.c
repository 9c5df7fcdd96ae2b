/* Owns nothing: wraps the heap so that running out of it ends the process in one place. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *memory)
{
	if (!memory) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *mem_alloc(size_t size_bytes)
{
	return check(calloc(1, size_bytes ? size_bytes : 1));
}

void *mem_resize(void *memory, size_t size_bytes)
{
	if (size_bytes == 0) {
		free(memory);
		return NULL;
	}
	return check(realloc(memory, size_bytes));
}

char *mem_string(const char *text)
{
	return text ? check(strdup(text)) : NULL;
}

char *mem_format(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	return check(text);
}

void mem_free(void *memory)
{
	free(memory);
}
