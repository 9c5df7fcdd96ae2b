/* 128-bit ids of clusters, directories and topics, with Kafka's text form: 22 characters of
 * base64url without padding. All zero means "none". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct uuid {
	uint8_t bytes[16];
};

enum { UUID_TEXT_BYTES = 23 }; /* with the closing zero */

bool uuid_equal(struct uuid a, struct uuid b);
bool uuid_is_zero(struct uuid id);

/* Makes a version 4 id of 16 random bytes. */
struct uuid uuid_from_random(const uint8_t random[16]);

/* Writes the text form and returns it. */
const char *uuid_format(struct uuid id, char text[static UUID_TEXT_BYTES]);

/* Returns 0, or -EINVAL when text is not 22 characters of base64url. */
int uuid_parse(const char *text, struct uuid *ret_id);
