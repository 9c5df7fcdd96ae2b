/* Owns the socket file. Anyone may connect() to it; who may stay is decided by user, because the
 * file's own mode would need a group or CAP_CHOWN. */
#include "steer/server.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4 };

/* Does somebody answer at this address? */
static int is_served(const struct sockaddr_un *address)
{
	int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int served = probe >= 0 &&
		     connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0;

	if (probe >= 0)
		close(probe);
	return served;
}

static int bind_and_listen(int listener, const struct sockaddr_un *address)
{
	struct stat status;

	if (lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode))
		unlink(address->sun_path);
	if (bind(listener, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    chmod(address->sun_path, 0666) < 0 || listen(listener, BACKLOG) < 0)
		return -errno;
	return 0;
}

int server_listen(const char *path, char error[static SERVER_ERROR_BYTES])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener, rc;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (is_served(&address)) {
		snprintf(error, SERVER_ERROR_BYTES,
			 "another bwsteer serves %s: stop it, or set another steer.socket", path);
		return -EADDRINUSE;
	}
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = listener < 0 ? -errno : bind_and_listen(listener, &address);
	if (rc < 0) {
		snprintf(error, SERVER_ERROR_BYTES,
			 "the socket %s cannot be made (%s): its folder must exist and be writable",
			 path, strerror(-rc));
		if (listener >= 0)
			close(listener);
		return rc;
	}
	return listener;
}

int server_accept(int listener, uid_t allowed, uid_t *ret_user)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (connection < 0)
		return -errno;
	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		int rc = -errno;

		close(connection);
		return rc;
	}
	if (peer.uid == 0 || peer.uid == geteuid() || peer.uid == allowed)
		return connection;
	*ret_user = peer.uid;
	close(connection);
	return -EPERM;
}

int server_find_user(const char *text, uid_t *ret_user)
{
	struct passwd *user = getpwnam(text);
	char *end;
	unsigned long number;

	if (user) {
		*ret_user = user->pw_uid;
		return 0;
	}
	number = strtoul(text, &end, 10);
	if (end == text || *end || number >= (uid_t)-1)
		return -ENOENT;
	*ret_user = (uid_t)number;
	return 0;
}
