/* Owns the socket and the bytes of the last answer.
 *
 * 1. The socket never blocks; wait_for() is the only place that waits, until the call's deadline.
 * 2. An answer's size is checked against ANSWER_BYTES_MAX before memory is taken for it. */
#include "ctl/connection.h"

#include "base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 64 << 20, NAME_BYTES = 280 };

struct connection {
	int fd;
	int timeout_ms;
	int64_t deadline_ms; /* of the call that runs */
	int32_t correlation_id;
	char name[NAME_BYTES];
	struct buffer answer;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_for(const struct connection *c, short events)
{
	struct pollfd poll_fd = {.fd = c->fd, .events = events};
	int64_t left_ms = c->deadline_ms - now_ms();
	int rc;

	if (left_ms < 0)
		return -ETIMEDOUT;
	rc = poll(&poll_fd, 1, (int)left_ms);
	if (rc < 0)
		return errno == EINTR ? 0 : -errno;
	return rc == 0 ? -ETIMEDOUT : 0;
}

static int send_all(const struct connection *c, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(c->fd, bytes, size, MSG_NOSIGNAL);
		int rc = sent < 0 ? -errno : 0;

		if (rc == -EAGAIN)
			rc = wait_for(c, POLLOUT);
		if (rc < 0)
			return rc;
		bytes += sent > 0 ? sent : 0;
		size -= sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

static int receive_all(const struct connection *c, uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t received = recv(c->fd, bytes, size, 0);
		int rc = received < 0 ? -errno : received == 0 ? -ECONNRESET : 0;

		if (rc == -EAGAIN)
			rc = wait_for(c, POLLIN);
		if (rc < 0)
			return rc;
		bytes += received > 0 ? received : 0;
		size -= received > 0 ? (size_t)received : 0;
	}
	return 0;
}

/* ---- connecting ---- */

static int connect_address(struct connection *c, const struct addrinfo *address)
{
	socklen_t size = sizeof(int);
	int rc, on = 1, result = 0;

	c->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	rc = connect(c->fd, address->ai_addr, address->ai_addrlen) < 0 ? -errno : 0;
	if (rc == -EINPROGRESS)
		rc = wait_for(c, POLLOUT);
	if (rc == 0 && getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &result, &size) == 0)
		rc = -result;
	if (rc < 0) {
		close(c->fd);
		c->fd = -1;
	}
	return rc;
}

/* Splits "HOST:PORT" or "[HOST]:PORT" at its last colon, in place. */
static int split_name(char *text, char **ret_host, char **ret_port)
{
	char *colon = strrchr(text, ':');
	size_t host_size = colon ? (size_t)(colon - text) : 0;

	if (host_size == 0 || !colon[1])
		return -EINVAL;
	*colon = 0;
	if (*text == '[' && text[host_size - 1] == ']') {
		text[host_size - 1] = 0;
		text++;
	}
	*ret_host = text;
	*ret_port = colon + 1;
	return 0;
}

static int connect_name(struct connection *c, const char *name,
			char error[static CONNECTION_ERROR_BYTES])
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char copy[NAME_BYTES], *host, *port;
	int rc;

	snprintf(copy, sizeof(copy), "%s", name);
	if (split_name(copy, &host, &port) < 0) {
		snprintf(error, CONNECTION_ERROR_BYTES, "'%s' is not HOST:PORT", name);
		return -EINVAL;
	}
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0) {
		snprintf(error, CONNECTION_ERROR_BYTES, "%s: %s", name, gai_strerror(rc));
		return -EHOSTUNREACH;
	}
	rc = -EHOSTUNREACH;
	for (const struct addrinfo *a = found; a && rc < 0; a = a->ai_next)
		rc = connect_address(c, a);
	freeaddrinfo(found);
	if (rc < 0)
		snprintf(error, CONNECTION_ERROR_BYTES, "%s: %s", name, strerror(-rc));
	return rc;
}

int connection_open(const char *brokers, int timeout_ms, char error[static CONNECTION_ERROR_BYTES],
		    struct connection **ret_connection)
{
	struct connection *c = mem_alloc(sizeof(*c));
	char *names = mem_string(brokers), *rest = NULL;
	int rc = -EINVAL;

	snprintf(error, CONNECTION_ERROR_BYTES, "'%s' names no broker", brokers);
	c->fd = -1;
	c->timeout_ms = timeout_ms;
	for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		c->deadline_ms = now_ms() + timeout_ms;
		snprintf(c->name, sizeof(c->name), "%s", name);
		rc = connect_name(c, name, error);
		if (rc == 0)
			break;
	}
	mem_free(names);
	if (rc == 0)
		*ret_connection = c;
	else
		connection_close(c);
	return rc;
}

void connection_close(struct connection *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	buffer_done(&c->answer);
	mem_free(c);
}

const char *connection_name(const struct connection *c)
{
	return c->name;
}

/* ---- calling ---- */

static int send_request(struct connection *c, const struct wire_api *api, int16_t version,
			const void *request)
{
	struct wire_output out = {0};
	int rc;

	wire_encode_request(api, version, ++c->correlation_id, "bwctl", request, &out);
	rc = send_all(c, out.bytes.data, out.bytes.size);
	wire_output_done(&out);
	return rc;
}

static int receive_answer(struct connection *c)
{
	uint8_t size_bytes[4];
	int rc = receive_all(c, size_bytes, sizeof(size_bytes));
	uint32_t size = rc == 0 ? bytes_load_u32(size_bytes) : 0;

	if (rc < 0)
		return rc;
	if (size > ANSWER_BYTES_MAX)
		return -EMSGSIZE;
	c->answer.size = 0;
	rc = receive_all(c, buffer_reserve(&c->answer, size), size);
	if (rc == 0)
		c->answer.size = size;
	return rc;
}

static int decode_answer(struct connection *c, const struct wire_api *api, int16_t version,
			 struct arena *arena, void *ret_response)
{
	struct reader in = reader_of(c->answer.data, c->answer.size);
	int32_t correlation_id;
	int rc;

	arena_reset(arena);
	rc = wire_decode_response(api, version, &in, arena, &correlation_id, ret_response);
	if (rc == 0 && (correlation_id != c->correlation_id || reader_left(&in) > 0))
		rc = -EBADMSG;
	return rc;
}

int connection_call(struct connection *c, const struct wire_api *api, int16_t version,
		    const void *request, struct arena *arena,
		    char error[static CONNECTION_ERROR_BYTES], void *ret_response)
{
	int rc;

	c->deadline_ms = now_ms() + c->timeout_ms;
	rc = send_request(c, api, version, request);
	if (rc == 0)
		rc = receive_answer(c);
	if (rc == 0)
		rc = decode_answer(c, api, version, arena, ret_response);
	if (rc == -EBADMSG)
		snprintf(error, CONNECTION_ERROR_BYTES,
			 "%s: does not answer %s version %d as we know it", c->name, api->name,
			 version);
	else if (rc == -ECONNRESET)
		snprintf(error, CONNECTION_ERROR_BYTES,
			 "%s: closed the connection instead of answering %s", c->name, api->name);
	else if (rc < 0)
		snprintf(error, CONNECTION_ERROR_BYTES, "%s: %s: %s", c->name, api->name,
			 strerror(-rc));
	return rc;
}
