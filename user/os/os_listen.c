/* Owns listeners: opening them, and taking connections from them.
 *
 * Invariants:
 *  1. A connection that died while it waited, or that a firewall refused, is passed over.
 *  2. When descriptors or memory run out the listener leaves the epoll set for 100 ms instead of
 *     being reported ready for ever; those who wait stay in the kernel's backlog. It is logged
 *     once, until a connection is accepted again.
 *  3. What a connection needs and can inherit (TCP_NODELAY) is set on the listener: no system call
 *     per connection. */
#include "os/os_int.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int switch_on(int fd, int level, int option)
{
	int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one)) < 0 ? -errno : 0;
}

int os_socket_set_options(int fd, bool ipv6, struct env_listen_options options)
{
	/* [::] and 0.0.0.0 are two listeners: IPv4 never arrives in disguise. */
	int rc = ipv6 ? switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) : 0;

	/* S5: every broker accepts every slot, whoever has the address. */
	if (rc == 0 && options.any_address)
		rc = ipv6 ? switch_on(fd, IPPROTO_IPV6, IPV6_FREEBIND)
			  : switch_on(fd, IPPROTO_IP, IP_FREEBIND);
	if (rc == 0 && options.shared_port)
		rc = switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
	return rc;
}

static int set_options(int fd, bool ipv6, struct env_listen_options options)
{
	int rc = switch_on(fd, SOL_SOCKET, SO_REUSEADDR);

	if (rc == 0)
		rc = switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
	return rc == 0 ? os_socket_set_options(fd, ipv6, options) : rc;
}

static void rested(struct env_timer *timer)
{
	os_socket_update(OS_CONTAINER(timer, struct env_socket, rest));
}

int os_listen(struct env *env, const struct net_address *address, struct env_listen_options options,
	      env_socket_ready *ready, void *context, struct env_socket **ret)
{
	union os_socket_address to;
	socklen_t size = os_address_to_kernel(address, &to);
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct env_socket *listener;
	int rc;

	if (fd < 0)
		return -errno;
	rc = set_options(fd, to.any.sa_family == AF_INET6, options);
	if (rc == 0 && bind(fd, &to.any, size) < 0)
		rc = -errno;
	if (rc == 0 && listen(fd, OS_LISTEN_BACKLOG) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	listener = os_socket_new(os_loop_of(env), fd, ready, context);
	listener->rest.fire = rested;
	os_socket_watch(env, listener, ENV_READABLE);
	*ret = listener;
	return 0;
}

/* ---- accepting ---- */

static void rest(struct env *env, struct env_socket *listener, int error)
{
	if (!listener->starved)
		env_log(env, LOG_ERROR, "accept: %s; connections wait until there is room",
			strerror(error));
	listener->starved = true;
	env_timer_after(env, &listener->rest, OS_ACCEPT_REST_US);
	os_socket_update(listener);
}

static bool is_starvation(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* accept(2) hands over the errors of the connection that it gives up (its manual lists them). */
static bool is_the_connection_s(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

int os_accept(struct env *env, struct env_socket *listener, env_socket_ready *ready, void *context,
	      struct env_socket **ret)
{
	union os_socket_address from;
	struct env_socket *connection;
	int fd = -1;

	errno = EINTR;
	for (int i = 0; i < OS_ACCEPT_TRIES && fd < 0 && is_the_connection_s(errno); i++) {
		socklen_t size = sizeof(from);

		fd = accept4(listener->fd, &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	if (fd < 0 && is_starvation(errno)) {
		rest(env, listener, errno);
		return -EAGAIN;
	}
	if (fd < 0) /* more of the dead may wait: the listener stays readable */
		return is_the_connection_s(errno) ? -EAGAIN : -errno;
	listener->starved = false;
	connection = os_socket_new(os_loop_of(env), fd, ready, context);
	os_address_from_kernel(&from, &connection->peer);
	*ret = connection;
	return 0;
}
