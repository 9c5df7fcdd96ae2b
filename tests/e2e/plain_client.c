/* Owns nothing but the system calls: see plain_client.h. */
#include "plain_client.h"

#include "base/bytes.h"
#include "base/net_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST_FRAME_BYTES = 64 << 20, CORRELATION_ID = 7 };

int client_open(const char *address)
{
	const struct timeval wait = {.tv_sec = CLIENT_WAIT_MS / 1000};
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct net_address parsed;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || net_address_parse(address, &parsed) < 0)
		abort();
	memcpy(&to.sin_addr, parsed.ip + 12, sizeof(to.sin_addr));
	to.sin_port = htons(parsed.port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

void client_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

static enum client_result result_of_errno(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK ? CLIENT_SILENT : CLIENT_CLOSED;
}

enum client_result client_send(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	while (size > 0) {
		ssize_t count = send(fd, at, size, MSG_NOSIGNAL);

		if (count < 0)
			return result_of_errno();
		at += count;
		size -= (size_t)count;
	}
	return CLIENT_OK;
}

static enum client_result receive_all(int fd, uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t count = recv(fd, bytes, size, 0);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count == 0 ? CLIENT_CLOSED : result_of_errno();
		bytes += count;
		size -= (size_t)count;
	}
	return CLIENT_OK;
}

enum client_result client_receive(int fd, struct buffer *ret_frame)
{
	uint8_t size_bytes[4];
	uint32_t size;
	enum client_result result = receive_all(fd, size_bytes, sizeof(size_bytes));

	if (result != CLIENT_OK)
		return result;
	size = bytes_load_u32(size_bytes);
	if (size > MOST_FRAME_BYTES)
		return CLIENT_RUBBISH;
	ret_frame->size = 0;
	result = receive_all(fd, buffer_reserve(ret_frame, size), size);
	if (result == CLIENT_OK)
		ret_frame->size = size;
	return result;
}

bool client_is_closed(int fd)
{
	uint8_t bytes[4096];
	ssize_t count;

	do
		count = recv(fd, bytes, sizeof(bytes), 0);
	while (count > 0);
	return count == 0 || result_of_errno() == CLIENT_CLOSED;
}

enum client_result client_call(int fd, const struct wire_api *api, int16_t version,
			       const void *request, struct arena *arena, struct buffer *frame,
			       void *ret_response)
{
	struct wire_output out = {0};
	struct reader in;
	int32_t correlation_id;
	enum client_result result;

	wire_encode_request(api, version, CORRELATION_ID, "test", request, &out);
	result = client_send(fd, out.bytes.data, out.bytes.size);
	wire_output_done(&out);
	if (result == CLIENT_OK)
		result = client_receive(fd, frame);
	if (result != CLIENT_OK)
		return result;
	in = reader_of(frame->data, frame->size);
	if (wire_decode_response(api, version, &in, arena, &correlation_id, ret_response) < 0 ||
	    correlation_id != CORRELATION_ID || reader_left(&in) != 0)
		return CLIENT_RUBBISH;
	return CLIENT_OK;
}
