/* One blocking connection to a broker, over which bwctl asks one question after the other.
 *
 * Every call has the same time-out, counted from its start. Failures come with a sentence for the
 * operator. One thread. */
#pragma once

#include "wire/codec.h"

struct connection;

enum { CONNECTION_ERROR_BYTES = 512 };

/* Connects to the first of `brokers` ("HOST:PORT,HOST:PORT") that accepts; names are resolved.
 * Returns 0 or -errno with a sentence in error. */
int connection_open(const char *brokers, int timeout_ms, char error[static CONNECTION_ERROR_BYTES],
		    struct connection **ret_connection);

/* NULL is fine. */
void connection_close(struct connection *c);

/* Which broker it is, as it was written in `brokers`. */
const char *connection_name(const struct connection *c);

/* Sends a request and waits for its answer, whose strings lie in the connection and whose arrays
 * in the arena: both are good until the next call. Returns 0 or -errno with a sentence in error. */
int connection_call(struct connection *c, const struct wire_api *api, int16_t version,
		    const void *request, struct arena *arena,
		    char error[static CONNECTION_ERROR_BYTES], void *ret_response);
