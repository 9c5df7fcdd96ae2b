/* The one driver of all throughput figures: it sends Produce requests that were built beforehand
 * and counts their answers, so that what is measured is the other side.
 *
 * One thread for each connection, blocking sockets. A connection keeps `in_flight` requests
 * outstanding; several that may leave at once leave in one send(). Every answer's error code is
 * looked at: the first error ends the run.
 *
 * With a fixed rate a request is due at its moment whether or not earlier ones were answered, and
 * its time counts from there: a slow answer is not hidden by sending later. */
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "ctl/connection.h"
#include "wire/batch.h"
#include "wire/errors.h"
#include "wire/message_metadata.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	PRODUCE_KEY = 0,
	PRODUCE_VERSION = 7,
	CORRELATION_ID = 7,
	ANSWER_BYTES_MAX = 4096,
	SEND_BYTES = 256 << 10, /* as many frames as fit leave in one send() */
	CONNECTIONS_MAX = 256,
	LATENCIES_MAX = 1 << 20, /* of each connection; later ones are not noted */
	ROUNDS_MAX = 100,
	HOST_BYTES = 256,
};

struct options {
	const char *brokers, *topic;
	int connections, in_flight, acks, partitions, record_bytes, records;
	double seconds;
	int rounds;
	int rate;     /* requests a second of all connections; 0: as fast as answers come */
	bool bare;    /* no Metadata: everything goes to the one address */
	bool alone;   /* one request at a time */
	bool latency; /* the times are reported, not the throughput */
	bool once;    /* one acknowledged record, retried until it works */
};

struct lane { /* one connection */
	const struct options *options;
	struct run *run;
	pthread_t thread;
	int32_t partition;
	char leader[HOST_BYTES]; /* HOST:PORT */
	int fd;
	struct buffer frames; /* one or more copies of the request */
	size_t frame_size;
	double next_s;          /* when the next request is due, if there is a rate */
	double *due_s;          /* ring of in_flight: when each outstanding request was due */
	int64_t sent, answered; /* of this round */
	double *latencies_us;
	int64_t latency_count;
};

struct run {
	struct lane lanes[CONNECTIONS_MAX];
	atomic_bool stop;
	double start_s;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "produce: %s: %s\n", what, why);
	exit(1);
}

/* ---- the request ---- */

static void put_batch(struct buffer *out, const struct options *o)
{
	struct batch_builder builder;
	uint8_t *value = mem_alloc((size_t)o->record_bytes);

	for (int i = 0; i < o->record_bytes; i++)
		value[i] = (uint8_t)('a' + (i * 7 + i / 26) % 26);
	batch_begin(&builder, out, 0, (int64_t)time(NULL) * 1000);
	for (int i = 0; i < o->records; i++)
		batch_add(&builder, NULL, -1, value, o->record_bytes);
	batch_end(&builder);
	mem_free(value);
}

static void put_string(struct buffer *out, const char *text)
{
	buffer_put_i16(out, (int16_t)strlen(text));
	buffer_put(out, text, strlen(text));
}

/* Produce version 7 by hand: what is sent is no business of the codec under test. */
static void put_frame(struct buffer *out, const struct options *o, int32_t partition)
{
	size_t start = out->size, records_at;

	buffer_put_i32(out, 0);
	buffer_put_i16(out, PRODUCE_KEY);
	buffer_put_i16(out, PRODUCE_VERSION);
	buffer_put_i32(out, CORRELATION_ID);
	put_string(out, "bench");
	buffer_put_i16(out, -1); /* no transaction */
	buffer_put_i16(out, (int16_t)o->acks);
	buffer_put_i32(out, 30000);
	buffer_put_i32(out, 1);
	put_string(out, o->topic);
	buffer_put_i32(out, 1);
	buffer_put_i32(out, partition);
	records_at = out->size;
	buffer_put_i32(out, 0);
	put_batch(out, o);
	bytes_store_u32(out->data + records_at, (uint32_t)(out->size - records_at - 4));
	bytes_store_u32(out->data + start, (uint32_t)(out->size - start - 4));
}

static void prepare_frames(struct lane *lane)
{
	int copies = 1;

	put_frame(&lane->frames, lane->options, lane->partition);
	lane->frame_size = lane->frames.size;
	while (copies < lane->options->in_flight &&
	       lane->frames.size + lane->frame_size <= SEND_BYTES) {
		put_frame(&lane->frames, lane->options, lane->partition);
		copies++;
	}
}

/* ---- sockets ---- */

static int dial(const char *name)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char copy[HOST_BYTES], *colon;
	struct addrinfo *found;
	int fd, on = 1;

	snprintf(copy, sizeof(copy), "%s", name);
	colon = strrchr(copy, ':');
	if (!colon)
		fail(name, "is not HOST:PORT");
	*colon = 0;
	if (getaddrinfo(copy, colon + 1, &hints, &found) != 0)
		fail(name, "is unknown");
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static bool send_frames(struct lane *lane, int count)
{
	size_t left = (size_t)count * lane->frame_size;
	const uint8_t *at = lane->frames.data;

	while (left > 0) {
		ssize_t sent = send(lane->fd, at, left, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		left -= (size_t)sent;
	}
	return true;
}

/* The error code of the one partition in an answer to Produce 7. */
static int16_t answer_error(const struct lane *lane, const uint8_t *frame, size_t size)
{
	size_t at = 4 + 4 + 4 + 2 + strlen(lane->options->topic) + 4 + 4;

	if (size < at + 2 || bytes_load_u32(frame + 4) != CORRELATION_ID)
		fail(lane->leader, "does not answer what was asked");
	return (int16_t)bytes_load_u16(frame + at);
}

/* Waits for at least one answer; returns how many came, or -error code of Kafka or -1000. */
static int receive_answers(struct lane *lane, struct buffer *in)
{
	ssize_t received =
		recv(lane->fd, buffer_reserve(in, ANSWER_BYTES_MAX), ANSWER_BYTES_MAX, 0);
	int answers = 0;

	if (received <= 0)
		return -1000;
	in->size += (size_t)received;
	while (in->size >= 4 && in->size >= 4 + (size_t)bytes_load_u32(in->data)) {
		size_t size = 4 + (size_t)bytes_load_u32(in->data);
		int16_t error = answer_error(lane, in->data, size);

		if (error)
			return error > 0 ? -error : -999;
		buffer_consume(in, size);
		answers++;
	}
	return answers;
}

/* ---- running ---- */

static void note_latencies(struct lane *lane, int answers)
{
	double now = now_s();

	for (int i = 0; i < answers; i++) {
		double due_s = lane->due_s[lane->answered++ % lane->options->in_flight];

		if (lane->latencies_us && lane->latency_count < LATENCIES_MAX)
			lane->latencies_us[lane->latency_count++] = (now - due_s) * 1e6;
	}
}

static double interval_s(const struct options *o)
{
	return (double)o->connections / o->rate;
}

/* How many requests may leave now. */
static int due_now(const struct lane *lane)
{
	int room = lane->options->in_flight - (int)(lane->sent - lane->answered);
	double late_s = now_s() - lane->next_s;

	if (atomic_load(&lane->run->stop))
		return 0;
	if (lane->options->rate == 0)
		return room;
	return room > 0 && late_s >= 0 ? 1 : 0;
}

static void send_due(struct lane *lane, int count)
{
	const struct options *o = lane->options;

	if (!send_frames(lane, count))
		fail(lane->leader, strerror(errno));
	for (int i = 0; i < count; i++)
		lane->due_s[lane->sent++ % o->in_flight] = o->rate ? lane->next_s : now_s();
	if (o->rate)
		lane->next_s += interval_s(o);
}

/* True when answers may be read; false when the next request is due before. */
static bool wait_for_answers(const struct lane *lane)
{
	struct pollfd readable = {.fd = lane->fd, .events = POLLIN};
	int outstanding = (int)(lane->sent - lane->answered);
	double wait_s = lane->next_s - now_s();
	struct timespec timeout = {0};

	if (lane->options->rate == 0 || outstanding == lane->options->in_flight ||
	    atomic_load(&lane->run->stop))
		return true; /* recv() waits */
	if (wait_s > 0) {
		timeout.tv_sec = (time_t)wait_s;
		timeout.tv_nsec = (long)((wait_s - (double)timeout.tv_sec) * 1e9);
	}
	return ppoll(&readable, outstanding > 0 ? 1 : 0, &timeout, NULL) > 0;
}

static void *run_lane(void *argument)
{
	struct lane *lane = argument;
	int copies = (int)(lane->frames.size / lane->frame_size), count, answers;
	struct buffer in = {0};

	for (;;) {
		while ((count = due_now(lane)) > 0)
			send_due(lane, count < copies ? count : copies);
		if (lane->sent == lane->answered && atomic_load(&lane->run->stop))
			break;
		if (!wait_for_answers(lane))
			continue;
		answers = receive_answers(lane, &in);
		if (answers == -1000)
			fail(lane->leader, "closed the connection");
		if (answers < 0)
			fail(lane->leader, kafka_error_name((int16_t)-answers));
		note_latencies(lane, answers);
	}
	buffer_done(&in);
	return NULL;
}

static void open_lanes(struct run *run, const struct options *o)
{
	for (int i = 0; i < o->connections; i++) {
		struct lane *lane = &run->lanes[i];

		lane->sent = lane->answered = 0;
		lane->fd = dial(lane->leader);
		if (lane->fd < 0)
			fail(lane->leader, strerror(errno));
	}
}

static void close_lanes(struct run *run, const struct options *o)
{
	for (int i = 0; i < o->connections; i++)
		close(run->lanes[i].fd);
}

/* One round; returns requests a second. */
static double run_round(struct run *run, const struct options *o)
{
	struct timespec nap = {.tv_sec = (time_t)o->seconds,
			       .tv_nsec = (long)((o->seconds - (double)(time_t)o->seconds) * 1e9)};
	int64_t answered = 0;
	double start_s;

	open_lanes(run, o);
	atomic_store(&run->stop, false);
	start_s = now_s();
	for (int i = 0; o->rate && i < o->connections; i++)
		run->lanes[i].next_s = start_s + (double)i / o->rate;
	for (int i = 0; i < o->connections; i++)
		if (pthread_create(&run->lanes[i].thread, NULL, run_lane, &run->lanes[i]) != 0)
			fail("pthread_create", strerror(errno));
	nanosleep(&nap, NULL);
	atomic_store(&run->stop, true);
	for (int i = 0; i < o->connections; i++) {
		pthread_join(run->lanes[i].thread, NULL);
		answered += run->lanes[i].answered;
	}
	close_lanes(run, o);
	return (double)answered / (now_s() - start_s);
}

/* ---- who leads what ---- */

static void set_leader(struct run *run, const struct options *o,
		       const struct metadata_response *response,
		       const struct metadata_response_partition *p)
{
	for (int32_t i = 0; i < response->brokers.count; i++) {
		const struct metadata_response_broker *b = &response->brokers.items[i];

		for (int j = 0; b->node_id == p->leader_id && j < o->connections; j++)
			if (run->lanes[j].partition == p->partition_index)
				snprintf(run->lanes[j].leader, HOST_BYTES, "%.*s:%d", b->host.size,
					 b->host.data, b->port);
	}
}

static bool leaders_known(const struct run *run, const struct options *o)
{
	for (int i = 0; i < o->connections; i++)
		if (!*run->lanes[i].leader)
			return false;
	return true;
}

static bool ask_leaders(struct run *run, const struct options *o, char *error)
{
	struct metadata_request_topic topic = {.name = wire_string_of(o->topic)};
	struct metadata_response response;
	struct connection *connection;
	struct metadata_request request;
	struct arena arena;

	if (connection_open(o->brokers, 5000, error, &connection) < 0)
		return false;
	arena_init(&arena, 64 << 20);
	wire_init(wire_metadata.request, &request);
	request.topics.items = &topic;
	request.topics.count = 1;
	request.allow_auto_topic_creation = true;
	if (connection_call(connection, &wire_metadata, 12, &request, &arena, error, &response) ==
	    0)
		for (int32_t i = 0; i < response.topics.count; i++)
			for (int32_t j = 0; j < response.topics.items[i].partitions.count; j++)
				set_leader(run, o, &response,
					   &response.topics.items[i].partitions.items[j]);
	arena_done(&arena);
	connection_close(connection);
	return leaders_known(run, o);
}

static void find_leaders(struct run *run, const struct options *o)
{
	char error[CONNECTION_ERROR_BYTES] = "partitions without a leader";
	double give_up_s = now_s() + 30;

	while (!ask_leaders(run, o, error)) {
		if (now_s() > give_up_s)
			fail(o->topic, error);
		usleep(o->once ? 1000 : 50000);
	}
}

/* ---- what is printed ---- */

static int by_size(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static void report_rate(const char *what, double requests, const struct options *o)
{
	double bytes = requests * o->records * o->record_bytes;

	printf("%s %.1f MB/s %.0f requests/s\n", what, bytes / 1e6, requests);
	fflush(stdout);
}

static void report_latency(struct run *run, const struct options *o)
{
	double *all_us = mem_alloc((size_t)o->connections * LATENCIES_MAX * sizeof(double));
	int64_t n = 0;

	for (int i = 0; i < o->connections; i++) {
		const struct lane *lane = &run->lanes[i];

		memcpy(all_us + n, lane->latencies_us,
		       (size_t)lane->latency_count * sizeof(double));
		n += lane->latency_count;
	}
	if (n == 0)
		fail("latency", "no request was answered");
	qsort(all_us, (size_t)n, sizeof(double), by_size);
	printf("latency p50 %.3f ms p99 %.3f ms of %lld requests\n", all_us[n / 2] / 1000,
	       all_us[n * 99 / 100] / 1000, (long long)n);
	mem_free(all_us);
}

static void run_rounds(struct run *run, const struct options *o)
{
	double rates[ROUNDS_MAX];

	for (int i = 0; i < o->rounds; i++) {
		rates[i] = run_round(run, o);
		if (!o->latency)
			report_rate("round", rates[i], o);
	}
	if (o->latency) {
		report_latency(run, o);
		return;
	}
	qsort(rates, (size_t)o->rounds, sizeof(*rates), by_size);
	report_rate("best", rates[o->rounds - 1], o);
	report_rate("median", (rates[(o->rounds - 1) / 2] + rates[o->rounds / 2]) / 2, o);
}

/* Tries until one request is acknowledged. */
static void run_lane_once(struct lane *lane)
{
	double give_up_s = now_s() + 60;

	while (now_s() < give_up_s) {
		struct buffer in = {0};
		int answers = -1;

		lane->fd = dial(lane->leader);
		if (lane->fd >= 0 && send_frames(lane, 1))
			answers = receive_answers(lane, &in);
		if (lane->fd >= 0)
			close(lane->fd);
		buffer_done(&in);
		if (answers == 1)
			return;
		usleep(1000);
	}
	fail(lane->leader, "acknowledged nothing");
}

/* For "start to first acknowledged record", and before rounds that a new topic is to bear. */
static void run_once(struct run *run, const struct options *o)
{
	for (int i = 0; i < o->connections; i++)
		run_lane_once(&run->lanes[i]);
}

/* ---- the command line ---- */

static const char usage_text[] =
	"usage: produce -b HOST:PORT -t TOPIC [-p PARTITIONS] [-c CONNECTIONS] [-n IN_FLIGHT]\n"
	"               [-k RECORDS_A_REQUEST] [-s RECORD_BYTES] [-a ACKS] [-d SECONDS] [-r "
	"ROUNDS]\n"
	"               [-B] [-l | -f REQUESTS_A_SECOND] [-1]\n"
	"  Connection i writes to partition i modulo PARTITIONS, at its leader.\n"
	"  -B  no Metadata: everything goes to HOST:PORT (tests/bench/bare)\n"
	"  -l  one request at a time: prints p50 and p99\n"
	"  -f  at a fixed rate, over all connections: prints p50 and p99\n"
	"  -1  tries until each connection's one request is acknowledged\n";

static int number(const char *text, int least, int most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value < least || value > most)
		fail(text, "is no number that fits here");
	return (int)value;
}

static bool parse(struct options *o, int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "b:t:p:c:n:k:s:a:d:r:f:Bl1")) >= 0) {
		switch (letter) {
		case 'b':
			o->brokers = optarg;
			break;
		case 't':
			o->topic = optarg;
			break;
		case 'p':
			o->partitions = number(optarg, 1, 1 << 20);
			break;
		case 'c':
			o->connections = number(optarg, 1, CONNECTIONS_MAX);
			break;
		case 'n':
			o->in_flight = number(optarg, 1, 10000);
			break;
		case 'k':
			o->records = number(optarg, 1, 10000);
			break;
		case 's':
			o->record_bytes = number(optarg, 0, 1 << 20);
			break;
		case 'a':
			o->acks = number(optarg, -1, 1);
			break;
		case 'd':
			o->seconds = strtod(optarg, NULL);
			break;
		case 'r':
			o->rounds = number(optarg, 1, ROUNDS_MAX);
			break;
		case 'f':
			o->rate = number(optarg, 1, 1 << 20);
			o->latency = true;
			break;
		case 'B':
			o->bare = true;
			break;
		case 'l':
			o->alone = o->latency = true;
			break;
		case '1':
			o->once = true;
			break;
		default:
			return false;
		}
	}
	return o->brokers && o->topic && o->acks != 0 && o->seconds > 0 && optind == argc;
}

static void prepare(struct run *run, const struct options *o)
{
	for (int i = 0; i < o->connections; i++) {
		struct lane *lane = &run->lanes[i];

		lane->options = o;
		lane->run = run;
		lane->partition = i % o->partitions;
		if (o->bare)
			snprintf(lane->leader, sizeof(lane->leader), "%s", o->brokers);
		if (o->latency)
			lane->latencies_us = mem_alloc(LATENCIES_MAX * sizeof(double));
		lane->due_s = mem_alloc((size_t)o->in_flight * sizeof(double));
		prepare_frames(lane);
	}
}

static void run_free(struct run *run)
{
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		buffer_done(&run->lanes[i].frames);
		mem_free(run->lanes[i].latencies_us);
		mem_free(run->lanes[i].due_s);
	}
	mem_free(run);
}

int main(int argc, char **argv)
{
	struct options o = {.connections = 1,
			    .in_flight = 5,
			    .acks = -1,
			    .partitions = 1,
			    .record_bytes = 1024,
			    .records = 64,
			    .seconds = 3,
			    .rounds = 1};
	struct run *run;

	if (!parse(&o, argc, argv)) {
		fputs(usage_text, stderr);
		return 2;
	}
	if (o.alone)
		o.connections = 1;
	if (o.alone || o.once)
		o.in_flight = 1;
	run = mem_alloc(sizeof(*run));
	prepare(run, &o);
	if (!o.bare)
		find_leaders(run, &o);
	if (o.once)
		run_once(run, &o);
	else
		run_rounds(run, &o);
	run_free(run);
	return 0;
}
