/* What a receiver in C costs that does the least: it takes Produce frames, appends each to a file
 * (one per connection, emptied when the connection begins) and answers it. The yardstick beside
 * which brokers are measured in alternating rounds. A thread for each connection. */
#include "base/buffer.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 256 << 10, FILES_MAX = 64 };

struct lane {
	int fd, file;
};

static void put_string(struct buffer *out, const uint8_t *text, int16_t size)
{
	buffer_put_i16(out, size);
	buffer_put(out, text, (size_t)size);
}

/* The answer to a Produce request of one topic and one partition, version 7. False when the frame
 * is something else. */
static bool put_answer(struct buffer *out, const uint8_t *frame, size_t size)
{
	struct reader in = reader_of(frame + 4, size - 4);
	int16_t topic_size, skipped;
	int32_t correlation_id, partition;
	const uint8_t *topic;

	reader_take(&in, 4); /* key and version */
	correlation_id = reader_i32(&in);
	skipped = reader_i16(&in); /* client id */
	reader_take(&in, skipped > 0 ? (size_t)skipped : 0);
	skipped = reader_i16(&in); /* transactional id */
	reader_take(&in, skipped > 0 ? (size_t)skipped : 0);
	reader_take(&in, 2 + 4 + 4); /* acks, timeout, one topic */
	topic_size = reader_i16(&in);
	topic = reader_take(&in, topic_size > 0 ? (size_t)topic_size : 0);
	reader_take(&in, 4); /* one partition */
	partition = reader_i32(&in);
	if (in.failed || topic_size < 0)
		return false;
	buffer_put_i32(out, 4 + 4 + 2 + topic_size + 4 + 4 + 2 + 8 + 8 + 8 + 4);
	buffer_put_i32(out, correlation_id);
	buffer_put_i32(out, 1);
	put_string(out, topic, topic_size);
	buffer_put_i32(out, 1);
	buffer_put_i32(out, partition);
	buffer_put_i16(out, 0);
	buffer_put_i64(out, 0);  /* base offset */
	buffer_put_i64(out, -1); /* append time */
	buffer_put_i64(out, 0);  /* log start */
	buffer_put_i32(out, 0);  /* throttle */
	return true;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written <= 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

/* Appends and answers every whole frame at the front of `in`. */
static bool serve_frames(struct lane *lane, struct buffer *in, struct buffer *answer)
{
	size_t at = 0;

	while (in->size - at >= 4) {
		size_t size = 4 + (size_t)bytes_load_u32(in->data + at);

		if (in->size - at < size)
			break;
		answer->size = 0;
		if (!put_answer(answer, in->data + at, size) ||
		    !write_all(lane->file, in->data + at, size) ||
		    !write_all(lane->fd, answer->data, answer->size))
			return false;
		at += size;
	}
	buffer_consume(in, at);
	return true;
}

static void *run_lane(void *argument)
{
	struct lane *lane = argument;
	struct buffer in = {0}, answer = {0};

	for (;;) {
		ssize_t received =
			recv(lane->fd, buffer_reserve(&in, RECEIVE_BYTES), RECEIVE_BYTES, 0);

		if (received <= 0)
			break;
		in.size += (size_t)received;
		if (!serve_frames(lane, &in, &answer))
			break;
	}
	buffer_done(&in);
	buffer_done(&answer);
	close(lane->fd);
	close(lane->file);
	mem_free(lane);
	return NULL;
}

static int listen_on(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0) {
		perror("bare");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	int listener, on = 1;
	pthread_t thread;
	char path[4096];

	if (argc != 3) {
		fputs("usage: bare PORT FOLDER\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	listener = listen_on(atoi(argv[1]));
	for (unsigned count = 0;; count++) {
		struct lane *lane = mem_alloc(sizeof(*lane));

		lane->fd = accept(listener, NULL, NULL);
		if (lane->fd < 0)
			return 1;
		setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		snprintf(path, sizeof(path), "%s/%u.bare", argv[2], count % FILES_MAX);
		lane->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
		if (lane->file < 0 || pthread_create(&thread, NULL, run_lane, lane) != 0) {
			perror(path);
			return 1;
		}
		pthread_detach(thread);
	}
}
