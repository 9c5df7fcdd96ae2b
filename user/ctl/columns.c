/* Owns the cells of a table, row after row; the headings are its first row. */
#include "ctl/columns.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { CELL_BYTES = 1024, GAP = 2 };

struct columns {
	char **cells;
	size_t count, width; /* cells, and cells in a row */
};

static void put(struct columns *c, const char *text)
{
	c->cells = mem_resize(c->cells, (c->count + 1) * sizeof(*c->cells));
	c->cells[c->count++] = mem_string(text);
}

struct columns *columns_new(const char *const *headings)
{
	struct columns *c = mem_alloc(sizeof(*c));

	for (; *headings; headings++) {
		put(c, *headings);
		c->width++;
	}
	return c;
}

void columns_free(struct columns *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		mem_free(c->cells[i]);
	mem_free(c->cells);
	mem_free(c);
}

void columns_put(struct columns *c, const char *format, ...)
{
	char text[CELL_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put(c, *text ? text : "-");
}

static size_t widest(const struct columns *c, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < c->count; i += c->width)
		if (strlen(c->cells[i]) > width)
			width = strlen(c->cells[i]);
	return width;
}

void columns_print(const struct columns *c, FILE *out)
{
	size_t *widths = mem_alloc(c->width * sizeof(*widths));

	for (size_t i = 0; i < c->width; i++)
		widths[i] = widest(c, i);
	for (size_t i = 0; i < c->count; i++) {
		bool is_last = i % c->width == c->width - 1; /* nothing pads the end of a line */

		if (is_last)
			fprintf(out, "%s\n", c->cells[i]);
		else
			fprintf(out, "%-*s", (int)(widths[i % c->width] + GAP), c->cells[i]);
	}
	mem_free(widths);
}
