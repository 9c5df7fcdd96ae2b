/* Owns connecting to Unix sockets. What comes then is os_socket.c's: recv, sendmsg and epoll serve
 * these sockets as they serve TCP. */
#include "os/os_seqpacket.h"

#include "os/os_int.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int os_seqpacket_connect(struct env *env, const char *path, env_socket_ready *ready, void *context,
			 struct env_socket **ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, rc = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*ret = os_socket_new(os_loop_of(env), fd, ready, context);
	return 0;
}
