/* The HTTP server on a real socket: what it answers, and that strangers who break the rules get
 * nothing and stop nobody. */
#include "http/metrics_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { ANSWER_BYTES = 64 * 1024, PATIENCE_MS = 20000 };

struct stage {
	struct metrics_server *server;
	struct net_address address;
	_Atomic bool is_healthy;
};

static void append(void *context, struct buffer *out)
{
	(void)context;
	buffer_put(out, "now 1\n", 6);
}

static bool is_healthy(void *context, char sentence[static METRICS_SERVER_SENTENCE_BYTES])
{
	struct stage *s = context;

	if (!s->is_healthy)
		snprintf(sentence, METRICS_SERVER_SENTENCE_BYTES, "it is fenced");
	return s->is_healthy;
}

/* A port that nobody has: found by asking for any, and given back at once. */
static uint16_t free_port(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(any);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&any, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &size), 0);
	close(fd);
	return ntohs(any.sin_port);
}

static int stage_new(void **state)
{
	static struct stage stage;
	struct metrics_server_options options = {
		.append = append, .is_healthy = is_healthy, .context = &stage};

	stage = (struct stage){.is_healthy = true};
	assert_int_equal(net_address_parse_host("127.0.0.1", free_port(), &stage.address), 0);
	options.address = stage.address;
	assert_int_equal(metrics_server_new(&options, &stage.server), 0);
	*state = &stage;
	return 0;
}

static int stage_free(void **state)
{
	metrics_server_free(((struct stage *)*state)->server);
	return 0;
}

static void publish(struct stage *s, const char *text)
{
	struct buffer bytes = {0};

	buffer_put(&bytes, text, strlen(text));
	metrics_server_publish(s->server, &bytes);
	assert_null(bytes.data);
}

static int connect_to(const struct stage *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(s->address.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Reads until the other side closes; nothing at all when it resets. */
static void read_all(int fd, char answer[static ANSWER_BYTES])
{
	size_t size = 0;

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t count;

		assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
		count = recv(fd, answer + size, ANSWER_BYTES - 1 - size, 0);
		if (count <= 0)
			break;
		size += (size_t)count;
	}
	answer[size] = 0;
	close(fd);
}

static void ask(const struct stage *s, const char *request, char answer[static ANSWER_BYTES])
{
	int fd = connect_to(s);

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	read_all(fd, answer);
}

static void check_answer(const struct stage *s, const char *request, const char *status,
			 const char *body)
{
	char answer[ANSWER_BYTES], expected[64];
	const char *end;

	ask(s, request, answer);
	snprintf(expected, sizeof(expected), "HTTP/1.1 %s\r\n", status);
	if (strncmp(answer, expected, strlen(expected)) != 0)
		fail_msg("expected %s: %s", status, answer);
	end = strstr(answer, "\r\n\r\n");
	assert_non_null(end);
	assert_string_equal(end + 4, body);
}

#define CLOSES "Host: x\r\nConnection: close\r\n\r\n"

static void metrics_are_what_was_published_last_and_what_is_known_now(void **state)
{
	struct stage *s = *state;
	char answer[ANSWER_BYTES];

	check_answer(s, "GET /metrics HTTP/1.1\r\n" CLOSES, "200 OK", "now 1\n");
	publish(s, "old 1\n");
	publish(s, "a 2\n");
	check_answer(s, "GET /metrics HTTP/1.1\r\n" CLOSES, "200 OK", "a 2\nnow 1\n");
	ask(s, "GET /metrics?name[]=a HTTP/1.1\r\n" CLOSES, answer);
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
}

static void head_has_no_body(void **state)
{
	struct stage *s = *state;
	char answer[ANSWER_BYTES];

	publish(s, "a 2\n");
	check_answer(s, "HEAD /metrics HTTP/1.1\r\n" CLOSES, "200 OK", "");
	ask(s, "HEAD /metrics HTTP/1.1\r\n" CLOSES, answer);
	assert_non_null(strstr(answer, "Content-Length: 10\r\n"));
}

static void health_is_asked_each_time(void **state)
{
	struct stage *s = *state;

	check_answer(s, "GET /healthz HTTP/1.1\r\n" CLOSES, "200 OK", "ok\n");
	s->is_healthy = false;
	check_answer(s, "GET /healthz HTTP/1.1\r\n" CLOSES, "503 Service Unavailable",
		     "it is fenced\n");
	s->is_healthy = true;
	check_answer(s, "GET /healthz HTTP/1.1\r\n" CLOSES, "200 OK", "ok\n");
}

static void nothing_else_is_served(void **state)
{
	struct stage *s = *state;
	static const char *const methods[] = {"PUT", "DELETE", "OPTIONS", "TRACE"};
	char request[256], answer[ANSWER_BYTES];

	check_answer(s, "GET / HTTP/1.1\r\n" CLOSES, "404 Not Found",
		     "there are /metrics and /healthz\n");
	check_answer(s, "GET /metrics/../healthz HTTP/1.1\r\n" CLOSES, "404 Not Found",
		     "there are /metrics and /healthz\n");
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		snprintf(request, sizeof(request), "%s /metrics HTTP/1.1\r\n" CLOSES, methods[i]);
		check_answer(s, request, "405 Method Not Allowed",
			     "only GET and HEAD are understood here\n");
	}
	ask(s, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000000\r\n\r\nabc",
	    answer);
	assert_ptr_equal(strstr(answer, "HTTP/1.1 405 "), answer);
	assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
}

/* Headers without end are not kept: the connection ends before a megabyte is taken. */
static void endless_headers_are_refused(void **state)
{
	struct stage *s = *state;
	static const char first[] = "GET /metrics HTTP/1.1\r\n", line[] = "X-Filler: aaaaaaaa\r\n";
	int fd = connect_to(s);
	size_t sent = 0;

	send(fd, first, strlen(first), MSG_NOSIGNAL);
	while (sent < 1024 * 1024 && send(fd, line, strlen(line), MSG_NOSIGNAL) > 0)
		sent += strlen(line);
	assert_true(sent < 1024 * 1024);
	close(fd);
	check_answer(s, "GET /healthz HTTP/1.1\r\n" CLOSES, "200 OK", "ok\n");
}

/* Who sends half a request is waited for, but only so many of one address, and not for ever. */
static void silent_connections_are_few_and_end(void **state)
{
	struct stage *s = *state;
	int silent[METRICS_SERVER_MOST_FROM_ONE_ADDRESS], extra;
	char answer[ANSWER_BYTES];

	for (size_t i = 0; i < METRICS_SERVER_MOST_FROM_ONE_ADDRESS; i++) {
		silent[i] = connect_to(s);
		send(silent[i], "GET /m", 6, MSG_NOSIGNAL);
	}
	extra = connect_to(s);
	send(extra, "GET /healthz HTTP/1.1\r\n" CLOSES, strlen("GET /healthz HTTP/1.1\r\n" CLOSES),
	     MSG_NOSIGNAL);
	read_all(extra, answer); /* no answer while the others are there */
	assert_string_equal(answer, "");
	for (size_t i = 0; i < METRICS_SERVER_MOST_FROM_ONE_ADDRESS; i++)
		read_all(silent[i], answer); /* METRICS_SERVER_IDLE_S later */
	check_answer(s, "GET /healthz HTTP/1.1\r\n" CLOSES, "200 OK", "ok\n");
}

static void a_port_in_use_is_said(void **state)
{
	struct stage *s = *state;
	struct metrics_server_options options = {.address = s->address};
	struct metrics_server *second = NULL;

	assert_int_equal(metrics_server_new(&options, &second), -EADDRINUSE);
	assert_null(second);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_new, stage_free)
	const struct CMUnitTest tests[] = {
		ON_STAGE(metrics_are_what_was_published_last_and_what_is_known_now),
		ON_STAGE(head_has_no_body),
		ON_STAGE(health_is_asked_each_time),
		ON_STAGE(nothing_else_is_served),
		ON_STAGE(endless_headers_are_refused),
		ON_STAGE(silent_connections_are_few_and_end),
		ON_STAGE(a_port_in_use_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
