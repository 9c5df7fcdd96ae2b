/* A table for people: columns as wide as their widest cell. */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct columns;

/* headings ends with NULL. */
struct columns *columns_new(const char *const *headings);
void columns_free(struct columns *c);

/* Puts one cell; the row is full when every column has one. */
void columns_put(struct columns *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

void columns_print(const struct columns *c, FILE *out);
