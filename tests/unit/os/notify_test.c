/* os_notify(): the datagram that systemd gets. */
#include "os/os_notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* Binds the manager's socket: a name that begins with @ is an abstract one. */
static int manager_listen(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(address.sun_path, name, size);
	if (name[0] == '@')
		address.sun_path[0] = 0;
	assert_int_equal(0, bind(fd, (const struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)));
	return fd;
}

static void assert_told(int fd, const char *state)
{
	char text[64] = "";

	assert_int_equal((ssize_t)strlen(state), recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT));
	assert_string_equal(state, text);
}

static void test_reaches_the_manager(void **state)
{
	char folder[] = "/tmp/notify.XXXXXX", name[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(name, sizeof(name), "%s/socket", folder);
	for (int i = 0; i < 2; i++) {
		fd = manager_listen(name);
		setenv("NOTIFY_SOCKET", name, 1);
		os_notify("READY=1");
		os_notify("STOPPING=1");
		assert_told(fd, "READY=1");
		assert_told(fd, "STOPPING=1");
		close(fd);
		unlink(name);
		snprintf(name, sizeof(name), "@%s", folder); /* the second round */
	}
	rmdir(folder);
}

static void test_nobody_wants_to_know(void **state)
{
	char path[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	os_notify("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	os_notify("READY=1");
	setenv("NOTIFY_SOCKET", "/nowhere/socket", 1);
	os_notify("READY=1");
	memset(path, 'x', sizeof(path) - 1); /* longer than an address can be */
	path[sizeof(path) - 1] = 0;
	setenv("NOTIFY_SOCKET", path, 1);
	os_notify("READY=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reaches_the_manager),
		cmocka_unit_test(test_nobody_wants_to_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
