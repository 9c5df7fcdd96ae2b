/* Bytes as a test writes them: hexadecimal digits with 'text' between; spaces mean nothing. */
#pragma once

#include <stdint.h>
#include <stdlib.h>

enum { HEX_MOST_BYTES = 1024 };

struct hex {
	uint8_t bytes[HEX_MOST_BYTES];
	size_t size;
};

static inline struct hex hex_of(const char *text)
{
	struct hex h = {0};

	for (const char *at = text; *at && h.size < HEX_MOST_BYTES;) {
		if (*at == ' ') {
			at++;
		} else if (*at == '\'') {
			for (at++; *at != '\''; at++)
				h.bytes[h.size++] = (uint8_t)*at;
			at++;
		} else {
			char pair[3] = {at[0], at[1], 0};

			h.bytes[h.size++] = (uint8_t)strtoul(pair, NULL, 16);
			at += 2;
		}
	}
	return h;
}
