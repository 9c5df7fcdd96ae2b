/* The HTTP side of metrics: GET and HEAD of /metrics (Prometheus' text format) and /healthz (200,
 * or 503 with a sentence), served by one thread of libmicrohttpd from text that others hand in. No
 * event loop ever waits for a scraper, and a scraper for no event loop.
 *
 * Strangers are bounded: MOST_CONNECTIONS at once, fewer from one address, IDLE_S of silence, and a
 * few KB of headers each. There is no TLS and no password here: listen where only those can connect
 * who may know. */
#pragma once

#include "base/buffer.h"
#include "base/net_address.h"

struct metrics_server;

enum {
	METRICS_SERVER_MOST_CONNECTIONS = 64,
	METRICS_SERVER_MOST_FROM_ONE_ADDRESS = 16,
	METRICS_SERVER_IDLE_S = 5,
	METRICS_SERVER_SENTENCE_BYTES = 160,
};

struct metrics_server_options {
	struct net_address address;
	/* Appends what is known at this moment, behind the text handed in last. On the server's
	 * thread. */
	void (*append)(void *context, struct buffer *out);
	/* Returns true, or false with a sentence. On the server's thread. */
	bool (*is_healthy)(void *context, char sentence[static METRICS_SERVER_SENTENCE_BYTES]);
	void *context;
};

/* Listens and starts the thread. Returns 0 or -errno (-EADDRINUSE...). */
int metrics_server_new(const struct metrics_server_options *options,
		       struct metrics_server **ret_server);
/* Ends the thread and every connection. NULL is fine. */
void metrics_server_free(struct metrics_server *server);

/* Takes the text over (and empties *text): what /metrics answers from now on. Any thread; waits for
 * nobody but a scraper that takes a reference. */
void metrics_server_publish(struct metrics_server *server, struct buffer *text);
