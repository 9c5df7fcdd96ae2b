/* Owns the namespaces of one test process. Programs enter by setns() alone, as `nsenter --net`
 * does: `ip netns exec` would hide the BPF file system (KERNEL.md). */
#include "bpf/small_net.h"

#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const places[] = {"n1", "n2", "cl", "sw"};
static const char *const hosts[] = {"1", "2", "250"};

const char *small_net_name(enum small_net_place place, char text[static 32])
{
	snprintf(text, 32, "bwt%d-%s", (int)getpid(), places[place]);
	return text;
}

static int run(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void must(const char *command)
{
	if (run(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

int small_net_run(enum small_net_place place, const char *format)
{
	char name[32], command[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof(command), format, small_net_name(place, name));
#pragma GCC diagnostic pop
	return run(command);
}

static void add_host(enum small_net_place place, bool for_xdp)
{
	const char *build = getenv("BUILD");
	char name[32], hub[32], command[1024];

	small_net_name(place, name);
	small_net_name(PLACE_SWITCH, hub);
	snprintf(command, sizeof(command),
		 "ip netns add %s && nsenter --net=/run/netns/%s ip link set lo up && "
		 "nsenter --net=/run/netns/%s ip link add %s type veth peer name eth0 netns %s && "
		 "nsenter --net=/run/netns/%s ip link set %s master br0 up && "
		 "nsenter --net=/run/netns/%s ip address add 10.77.0.%s/24 dev eth0 && nsenter "
		 "--net=/run/netns/%s ip link set eth0 up",
		 name, name, hub, places[place], name, hub, places[place], name, hosts[place],
		 name);
	must(command);
	snprintf(command, sizeof(command),
		 "pin=/sys/fs/bpf/%s-%s; bpftool prog load %s/bpf/lab_pass.bpf.o $pin type xdp && "
		 "nsenter --net=/run/netns/%s bpftool net attach xdp pinned $pin dev %s && "
		 "rm $pin",
		 hub, places[place], build ? build : "build", hub, places[place]);
	if (for_xdp)
		must(command);
}

void small_net_up(bool for_xdp)
{
	char hub[32], command[512];

	/* Where maps are pinned: there on a machine that systemd started. */
	must("mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf");
	small_net_name(PLACE_SWITCH, hub);
	snprintf(command, sizeof(command),
		 "ip netns add %s && nsenter --net=/run/netns/%s ip link add br0 type bridge "
		 "forward_delay 0 "
		 "mcast_snooping 0 && nsenter --net=/run/netns/%s ip link set br0 up",
		 hub, hub, hub);
	must(command);
	add_host(PLACE_NODE1, for_xdp);
	add_host(PLACE_NODE2, for_xdp);
	add_host(PLACE_CLIENT, for_xdp);
	if (for_xdp)
		small_net_run(PLACE_CLIENT,
			      "nsenter --net=/run/netns/%s ethtool -K eth0 tx off >/dev/null");
}

void small_net_down(void)
{
	for (int place = PLACE_NODE1; place < PLACE_COUNT; place++)
		small_net_run((enum small_net_place)place, "ip netns del %s 2>/dev/null");
}

/* Returns a descriptor of where we were. */
static int enter(enum small_net_place place)
{
	char name[32], path[64];
	int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;

	snprintf(path, sizeof(path), "/run/netns/%s", small_net_name(place, name));
	there = open(path, O_RDONLY | O_CLOEXEC);
	assert(back >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0);
	close(there);
	return back;
}

int small_net_socket(enum small_net_place place, int type)
{
	int back = enter(place);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert(setns(back, CLONE_NEWNET) == 0);
	close(back);
	return fd;
}

pid_t small_net_start(enum small_net_place place, char *const arguments[])
{
	int back = enter(place);
	pid_t child = fork();

	if (child == 0) {
		execv(arguments[0], arguments);
		_exit(127);
	}
	assert(setns(back, CLONE_NEWNET) == 0);
	close(back);
	return child;
}
