/* Owns the thread of libmicrohttpd, its socket, and the text that was published last.
 *
 * 1. `published` changes under `lock` only, which is held to swap a pointer or to count a
 * reference.
 * 2. A text never changes; the last reference frees it. */
#include "http/metrics_server.h"

#include "base/mem.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTION_MEMORY_BYTES = 16 * 1024, LISTEN_BACKLOG = 64 };

struct text {
	unsigned references; /* under the server's lock */
	struct buffer bytes;
};

struct metrics_server {
	struct metrics_server_options options;
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;
	struct text *published; /* NULL: nothing yet */
};

/* ---- texts ---- */

static struct text *text_take(struct metrics_server *server)
{
	struct text *text;

	pthread_mutex_lock(&server->lock);
	text = server->published;
	if (text)
		text->references++;
	pthread_mutex_unlock(&server->lock);
	return text;
}

static void text_give_back(struct metrics_server *server, struct text *text)
{
	bool is_last;

	if (!text)
		return;
	pthread_mutex_lock(&server->lock);
	is_last = --text->references == 0;
	pthread_mutex_unlock(&server->lock);
	if (!is_last)
		return;
	buffer_done(&text->bytes);
	mem_free(text);
}

void metrics_server_publish(struct metrics_server *server, struct buffer *text)
{
	struct text *fresh = mem_alloc(sizeof(*fresh)), *old;

	fresh->references = 1;
	fresh->bytes = *text;
	*text = (struct buffer){0};
	pthread_mutex_lock(&server->lock);
	old = server->published;
	server->published = fresh;
	pthread_mutex_unlock(&server->lock);
	text_give_back(server, old);
}

/* ---- answers ---- */

/* Takes the body over. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
			      const char *content_type, struct buffer *body)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
		body->size, body->data, mem_free);
	enum MHD_Result result;

	if (!response) {
		buffer_done(body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_sentence(struct MHD_Connection *connection, unsigned status,
				       const char *sentence)
{
	struct buffer body = {0};

	buffer_put(&body, sentence, strlen(sentence));
	buffer_put(&body, "\n", 1);
	return answer(connection, status, "text/plain; charset=utf-8", &body);
}

static enum MHD_Result answer_metrics(struct metrics_server *server,
				      struct MHD_Connection *connection)
{
	struct text *text = text_take(server);
	struct buffer body = {0};

	if (text)
		buffer_put(&body, text->bytes.data, text->bytes.size);
	text_give_back(server, text);
	server->options.append(server->options.context, &body);
	return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static enum MHD_Result answer_health(struct metrics_server *server,
				     struct MHD_Connection *connection)
{
	char sentence[METRICS_SERVER_SENTENCE_BYTES];

	if (server->options.is_healthy(server->options.context, sentence))
		return answer_sentence(connection, MHD_HTTP_OK, "ok");
	return answer_sentence(connection, MHD_HTTP_SERVICE_UNAVAILABLE, sentence);
}

/* MHD calls it when the headers have come, and again for a body, which is refused before. */
static enum MHD_Result take_request(void *context, struct MHD_Connection *connection,
				    const char *url, const char *method, const char *version,
				    const char *upload_data, size_t *upload_data_size,
				    void **request_context)
{
	struct metrics_server *server = context;

	(void)version;
	(void)upload_data;
	(void)upload_data_size;
	(void)request_context;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_sentence(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				       "only GET and HEAD are understood here");
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(server, connection);
	if (strcmp(url, "/healthz") == 0)
		return answer_health(server, connection);
	return answer_sentence(connection, MHD_HTTP_NOT_FOUND, "there are /metrics and /healthz");
}

/* ---- life ---- */

/* A listening socket of our own: libmicrohttpd would not say why it cannot listen. */
static int listen_on(const struct net_address *address)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
	bool is_ipv4 = net_address_is_ipv4(address);
	int on = 1, rc = 0;
	int fd = socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(&to.sin6_addr, address->ip, sizeof(address->ip));
	memcpy(&to4.sin_addr, address->ip + 12, sizeof(to4.sin_addr));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (is_ipv4)
		rc = bind(fd, (struct sockaddr *)&to4, sizeof(to4));
	else
		rc = bind(fd, (struct sockaddr *)&to, sizeof(to));
	if (rc == 0)
		rc = listen(fd, LISTEN_BACKLOG);
	if (rc < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static struct MHD_Daemon *start_daemon(struct metrics_server *server, int fd)
{
	return MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, take_request, server,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)METRICS_SERVER_MOST_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned)METRICS_SERVER_MOST_FROM_ONE_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)METRICS_SERVER_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_END);
}

int metrics_server_new(const struct metrics_server_options *options,
		       struct metrics_server **ret_server)
{
	struct metrics_server *server;
	int fd = listen_on(&options->address);

	if (fd < 0)
		return fd;
	server = mem_alloc(sizeof(*server));
	server->options = *options;
	pthread_mutex_init(&server->lock, NULL);
	server->daemon = start_daemon(server, fd);
	if (!server->daemon) {
		close(fd);
		metrics_server_free(server);
		return -ENOMEM;
	}
	*ret_server = server;
	return 0;
}

void metrics_server_free(struct metrics_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon); /* closes the listening socket, too */
	text_give_back(server, server->published);
	pthread_mutex_destroy(&server->lock);
	mem_free(server);
}
