/* One blocking connection of a test to a broker: frames out, frames in, no opinion about what they
 * say. Every wait ends after CLIENT_WAIT_MS. What cannot be (no socket, no memory) aborts. */
#pragma once

#include "wire/messages.h"

enum { CLIENT_WAIT_MS = 10000 };
enum client_result {
	CLIENT_OK = 0,
	CLIENT_CLOSED = -1,  /* by the broker: end of stream or reset */
	CLIENT_SILENT = -2,  /* nothing for CLIENT_WAIT_MS */
	CLIENT_RUBBISH = -3, /* what came is not what was asked for */
};

/* "HOST:PORT". Returns a file descriptor, or -errno: nobody accepts. */
int client_open(const char *address);
void client_close(int fd);

/* Sends all of it. */
enum client_result client_send(int fd, const void *bytes, size_t size);
/* The next frame without its size. */
enum client_result client_receive(int fd, struct buffer *ret_frame);
/* Has the broker closed the connection? Waits for it; frames that come before are dropped. */
bool client_is_closed(int fd);

/* One request and its answer, whose strings lie in frame and whose arrays lie in arena. */
enum client_result client_call(int fd, const struct wire_api *api, int16_t version,
			       const void *request, struct arena *arena, struct buffer *frame,
			       void *ret_response);
