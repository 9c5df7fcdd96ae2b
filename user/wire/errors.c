/* Owns the names of Kafka's error codes. */
#include "wire/errors.h"

#include <stddef.h>

#define KAFKA_ERROR_ROW(name, code, retriable) {code, retriable, #name},
static const struct {
	int16_t code;
	bool is_retriable;
	const char *name;
} errors[] = {KAFKA_ERRORS(KAFKA_ERROR_ROW)};

enum { ERRORS = sizeof(errors) / sizeof(*errors), LEAST_CODE = -1 };

/* The codes have no gaps: a code's place in the table follows from it. */
_Static_assert(KAFKA_CONTROLLER_ID_NOT_REGISTERED == LEAST_CODE + ERRORS - 1, "a code is missing");

static bool error_is_known(int16_t code)
{
	return code >= LEAST_CODE && code < LEAST_CODE + ERRORS;
}

const char *kafka_error_name(int16_t code)
{
	return error_is_known(code) ? errors[code - LEAST_CODE].name : "UNKNOWN_ERROR_CODE";
}

bool kafka_error_is_retriable(int16_t code)
{
	return error_is_known(code) && errors[code - LEAST_CODE].is_retriable;
}
