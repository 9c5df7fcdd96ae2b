/* Owns the text form of ids. */
#include "base/uuid.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool uuid_equal(struct uuid a, struct uuid b)
{
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

bool uuid_is_zero(struct uuid id)
{
	return uuid_equal(id, (struct uuid){0});
}

struct uuid uuid_from_random(const uint8_t random[16])
{
	struct uuid id;

	memcpy(id.bytes, random, sizeof(id.bytes));
	id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
	id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
	return id;
}

const char *uuid_format(struct uuid id, char text[static UUID_TEXT_BYTES])
{
	unsigned bits = 0, held = 0;
	char *at = text;

	for (size_t i = 0; i < sizeof(id.bytes); i++) {
		held = held << 8 | id.bytes[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*at++ = digits[held >> (bits - 6) & 63];
	}
	*at++ = digits[held << (6 - bits) & 63];
	*at = 0;
	return text;
}

int uuid_parse(const char *text, struct uuid *ret_id)
{
	struct uuid id;
	unsigned bits = 0, held = 0;
	size_t filled = 0;

	if (strlen(text) != UUID_TEXT_BYTES - 1)
		return -EINVAL;
	for (; *text; text++) {
		const char *digit = strchr(digits, *text);

		if (!digit)
			return -EINVAL;
		held = held << 6 | (unsigned)(digit - digits);
		bits += 6;
		if (bits >= 8 && filled < sizeof(id.bytes)) {
			bits -= 8;
			id.bytes[filled++] = (uint8_t)(held >> bits);
		}
	}
	*ret_id = id;
	return 0;
}
