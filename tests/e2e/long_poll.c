/* A consumer's connection that is idle in a long poll: how it ends, and when.
 *
 *	long_poll HOST:PORT TOPIC PARTITION
 *
 * Asks for the end of the partition, then for records behind it, to be answered in an hour.
 * Prints "waiting", and when the connection ends "reset T" or "closed T" (T: the clock of `history
 * now`, in microseconds). Exit status 1: the question was answered. */
#include "plain_client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { FETCH_VERSION = 11, HOUR_MS = 3600 * 1000 };

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t end_of(int fd, const char *topic, int32_t partition)
{
	struct list_offsets_request_partition asked = {
		.partition_index = partition, .current_leader_epoch = -1, .timestamp = -1};
	struct list_offsets_request_topic of = {
		.name = wire_string_of(topic), .partitions = {&asked, 1}};
	struct list_offsets_request request = {.replica_id = -1, .topics = {&of, 1}};
	struct list_offsets_response response;
	struct buffer frame = {0};
	struct arena arena;
	int64_t end = -1;

	arena_init(&arena, 1 << 16);
	if (client_call(fd, &wire_list_offsets, 4, &request, &arena, &frame, &response) ==
		    CLIENT_OK &&
	    response.topics.items[0].partitions.items[0].error_code == 0)
		end = response.topics.items[0].partitions.items[0].offset;
	arena_done(&arena);
	buffer_done(&frame);
	return end;
}

static enum client_result ask(int fd, const char *topic, int32_t partition, int64_t offset)
{
	struct fetch_request_partition asked = {
		.partition = partition,
		.current_leader_epoch = -1,
		.fetch_offset = offset,
		.last_fetched_epoch = -1,
		.log_start_offset = -1,
		.partition_max_bytes = 1 << 20,
	};
	struct fetch_request_topic of = {.topic = wire_string_of(topic), .partitions = {&asked, 1}};
	struct fetch_request request;
	struct wire_output out = {0};
	enum client_result result;

	wire_init(wire_fetch.request, &request);
	request.max_wait_ms = HOUR_MS;
	request.min_bytes = 1;
	request.session_epoch = -1; /* no session */
	request.topics.items = &of;
	request.topics.count = 1;
	wire_encode_request(&wire_fetch, FETCH_VERSION, 2, "long_poll", &request, &out);
	result = client_send(fd, out.bytes.data, out.bytes.size);
	wire_output_done(&out);
	return result;
}

int main(int argc, char **argv)
{
	struct pollfd event = {.events = POLLIN};
	int32_t partition = argc == 4 ? atoi(argv[3]) : -1;
	int64_t end;
	ssize_t got;
	char byte;

	if (partition < 0) {
		fputs("usage: long_poll HOST:PORT TOPIC PARTITION\n", stderr);
		return 2;
	}
	event.fd = client_open(argv[1]);
	end = event.fd < 0 ? -1 : end_of(event.fd, argv[2], partition);
	if (end < 0 || ask(event.fd, argv[2], partition, end) != CLIENT_OK) {
		fprintf(stderr, "long_poll: nobody at %s serves %s-%d\n", argv[1], argv[2],
			partition);
		return 2;
	}
	puts("waiting");
	fflush(stdout);
	poll(&event, 1, -1);
	got = recv(event.fd, &byte, 1, 0);
	printf("%s %" PRId64 "\n", got > 0 ? "answered" : got == 0 ? "closed" : "reset", now_us());
	client_close(event.fd);
	return got > 0;
}
