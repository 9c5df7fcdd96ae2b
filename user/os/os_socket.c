/* Owns connections: what is watched on them, sending and receiving, their end.
 *
 * Invariants:
 *  1. A socket of which nothing is watched is not in the epoll set, because epoll reports errors
 *     and hang-ups to whoever is in it, wanted or not, and would spin.
 *  2. A callback comes only for what is watched at that moment, and none after close or detach:
 *     what this round has already polled for the socket is forgotten. A callback may therefore
 *     close any socket of its loop, its own too.
 *  3. An error or hang-up counts as readable and writable: whoever then receives or sends learns
 *     the reason.
 *  4. The kernel tells an error once; `error` keeps it for os_socket_error().
 *
 * Leaves listening and accepting to os_listen.c, UDP to os_datagrams.c. */
#include "os/os_int.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- addresses ---- */

static const uint8_t ipv4_prefix[12] = {[10] = 0xff, [11] = 0xff};

socklen_t os_address_to_kernel(const struct net_address *address, union os_socket_address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (net_address_is_ipv4(address)) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(address->port);
		memcpy(&ret->v4.sin_addr, address->ip + sizeof(ipv4_prefix), 4);
		return sizeof(ret->v4);
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(address->port);
	memcpy(&ret->v6.sin6_addr, address->ip, sizeof(address->ip));
	return sizeof(ret->v6);
}

void os_address_from_kernel(const union os_socket_address *address, struct net_address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (address->any.sa_family == AF_INET) {
		ret->port = ntohs(address->v4.sin_port);
		memcpy(ret->ip, ipv4_prefix, sizeof(ipv4_prefix));
		memcpy(ret->ip + sizeof(ipv4_prefix), &address->v4.sin_addr, 4);
	} else if (address->any.sa_family == AF_INET6) {
		ret->port = ntohs(address->v6.sin6_port);
		memcpy(ret->ip, &address->v6.sin6_addr, sizeof(ret->ip));
	}
}

void os_socket_local(struct env_socket *socket, struct net_address *ret)
{
	union os_socket_address address = {0};
	socklen_t size = sizeof(address);

	getsockname(socket->fd, &address.any, &size);
	os_address_from_kernel(&address, ret);
}

void os_socket_peer(struct env_socket *socket, struct net_address *ret)
{
	*ret = socket->peer;
}

/* ---- events ---- */

static void socket_ready(struct os_watch *watch, uint32_t polled)
{
	struct env_socket *socket = OS_CONTAINER(watch, struct env_socket, watch);
	unsigned events = 0;

	if (polled & (EPOLLIN | EPOLLHUP | EPOLLERR))
		events |= ENV_READABLE;
	if (polled & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		events |= ENV_WRITABLE;
	events &= socket->watched;
	if (events)
		socket->ready(socket, events, socket->context);
}

void os_socket_update(struct env_socket *socket)
{
	uint32_t polled = 0;
	int operation = EPOLL_CTL_MOD;

	if (!env_timer_is_running(&socket->rest))
		polled = (socket->watched & ENV_READABLE ? (uint32_t)EPOLLIN : 0) |
			 (socket->watched & ENV_WRITABLE ? (uint32_t)EPOLLOUT : 0);
	if (polled == socket->polled)
		return;
	if (polled == 0)
		operation = EPOLL_CTL_DEL;
	else if (socket->polled == 0)
		operation = EPOLL_CTL_ADD;
	os_loop_control(socket->loop, operation, socket->fd, polled, &socket->watch);
	socket->polled = polled;
}

void os_socket_watch(struct env *env, struct env_socket *socket, unsigned events)
{
	(void)env;
	socket->watched = events;
	os_socket_update(socket);
}

/* ---- life ---- */

struct env_socket *os_socket_new(struct os_loop *loop, int fd, env_socket_ready *ready,
				 void *context)
{
	struct env_socket *socket = mem_alloc(sizeof(*socket));

	socket->watch.ready = socket_ready;
	socket->loop = loop;
	socket->fd = fd;
	socket->ready = ready;
	socket->context = context;
	return socket;
}

int os_connect(struct env *env, const struct net_address *to, env_socket_ready *ready,
	       void *context, struct env_socket **ret)
{
	union os_socket_address address;
	socklen_t size = os_address_to_kernel(to, &address);
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct env_socket *s;
	int one = 1, rc = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		rc = -errno;
	/* Interrupted or not, the kernel goes on dialling. */
	if (rc == 0 && connect(fd, &address.any, size) < 0 && errno != EINPROGRESS &&
	    errno != EINTR)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	s = os_socket_new(os_loop_of(env), fd, ready, context);
	s->connecting = true;
	s->peer = *to;
	os_socket_watch(env, s, ENV_WRITABLE);
	*ret = s;
	return 0;
}

void os_socket_close(struct env *env, struct env_socket *socket, bool reset)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	os_timer_stop(env, &socket->rest);
	if (socket->loop)
		os_loop_forget(socket->loop, &socket->watch);
	if (reset)
		setsockopt(socket->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(socket->fd); /* no duplicate exists, so it leaves the epoll set too */
	mem_free(socket->datagrams);
	mem_free(socket);
}

void os_socket_detach(struct env *env, struct env_socket *socket)
{
	os_timer_stop(env, &socket->rest);
	os_socket_watch(env, socket, 0);
	os_loop_forget(socket->loop, &socket->watch);
	socket->loop = NULL;
}

void os_socket_attach(struct env *env, struct env_socket *socket, env_socket_ready *ready,
		      void *context)
{
	socket->loop = os_loop_of(env);
	socket->ready = ready;
	socket->context = context;
}

/* ---- bytes ---- */

static ssize_t failed(struct env_socket *socket)
{
	int error = -errno;

	if (error != -EAGAIN && socket->error == 0)
		socket->error = error;
	return error;
}

ssize_t os_socket_receive(struct env *env, struct env_socket *socket, void *bytes, size_t size)
{
	ssize_t got;

	(void)env;
	do
		got = recv(socket->fd, bytes, size, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? failed(socket) : got;
}

ssize_t os_socket_send(struct env *env, struct env_socket *socket, const struct iovec *pieces,
		       int count)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)pieces, /* which sendmsg() only reads */
		.msg_iovlen = (size_t)(count < IOV_MAX ? count : IOV_MAX),
	};
	ssize_t sent;

	(void)env;
	do
		sent = sendmsg(socket->fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? failed(socket) : sent;
}

ssize_t os_socket_send_file(struct env *env, struct env_socket *socket, struct env_file *file,
			    int64_t position, size_t size)
{
	off_t at = position;
	ssize_t sent;

	(void)env;
	if (size == 0)
		return 0;
	do
		sent = sendfile(socket->fd, file->fd, &at, size);
	while (sent < 0 && errno == EINTR);
	if (sent == 0)
		return -EIO; /* the file ends before the piece that the peer was promised */
	return sent < 0 ? failed(socket) : sent;
}

void os_socket_cork(struct env *env, struct env_socket *socket, bool corked)
{
	int value = corked;

	(void)env;
	/* A failure costs a packet, or is that of a connection whose next send says so. */
	(void)setsockopt(socket->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof(value));
}

size_t os_socket_unsent(struct env *env, struct env_socket *socket)
{
	int unsent = 0;

	(void)env;
	return ioctl(socket->fd, SIOCOUTQ, &unsent) < 0 || unsent < 0 ? 0 : (size_t)unsent;
}

static int take_kernel_error(struct env_socket *socket)
{
	int error = 0;
	socklen_t size = sizeof(error);

	return getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

int os_socket_error(struct env *env, struct env_socket *socket)
{
	union os_socket_address address;
	socklen_t size = sizeof(address);

	(void)env;
	if (socket->error == 0)
		socket->error = take_kernel_error(socket);
	if (socket->error < 0 || !socket->connecting)
		return socket->error;
	/* No error and no peer: the handshake is still under way. */
	if (getpeername(socket->fd, &address.any, &size) < 0)
		return -EINPROGRESS;
	socket->connecting = false;
	return 0;
}
