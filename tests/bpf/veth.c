/* Owns the pair, what is attached to it, and the raw sockets. */
#include "bpf/veth.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

static void must(int rc, const char *what)
{
	if (rc != 0) {
		fprintf(stderr, "veth: failed: %s\n", what);
		exit(1);
	}
}

static void must_run(const char *command)
{
	must(system(command), command);
}

void veth_up(struct veth *ret_veth)
{
	must(unshare(CLONE_NEWNET), "a network namespace; this needs root");
	must_run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	must_run("ip link add near mtu 65535 address 02:00:00:00:00:fa type veth "
		 "peer name far mtu 65535 address 02:00:00:00:00:01");
	must_run("tc qdisc add dev far clsact");
	must_run("ip link set near arp off up && ip link set far arp off up");
	*ret_veth = (struct veth){.near = if_nametoindex("near"), .far = if_nametoindex("far")};
}

void veth_down(struct veth *veth)
{
	bpf_object__close(veth->pass);
	veth->pass = NULL;
}

/* ---- programs ---- */

static int attach_tc(struct veth *veth, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)veth->far, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .handle = 1, .priority = 1,
		    .flags = BPF_TC_F_REPLACE);

	return bpf_tc_attach(&hook, &options);
}

static void detach_tc(struct veth *veth)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)veth->far, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = 1, .priority = 1);

	bpf_tc_detach(&hook, &options);
}

/* Veth takes a program for large frames only if it says that it can have them in pieces. */
static int attach_pass(struct veth *veth)
{
	const char *build = getenv("BUILD");
	struct bpf_program *program;
	char path[4096];
	int rc;

	snprintf(path, sizeof(path), "%s/bpf/lab_pass.bpf.o", build ? build : "build");
	veth->pass = bpf_object__open_file(path, NULL);
	if (!veth->pass)
		return -errno;
	program = bpf_object__next_program(veth->pass, NULL);
	bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
	rc = bpf_object__load(veth->pass);
	return rc < 0 ? rc
		      : bpf_xdp_attach((int)veth->near, bpf_program__fd(program),
				       XDP_FLAGS_DRV_MODE, NULL);
}

int veth_attach(struct veth *veth, enum entry_point entry, int program)
{
	int rc = entry == XDP && !veth->pass ? attach_pass(veth) : 0;

	if (rc == 0 && entry == XDP)
		return bpf_xdp_attach((int)veth->far, program, XDP_FLAGS_DRV_MODE, NULL);
	return rc < 0 ? rc : attach_tc(veth, program);
}

void veth_detach(struct veth *veth, enum entry_point entry)
{
	if (entry == XDP)
		bpf_xdp_detach((int)veth->far, XDP_FLAGS_DRV_MODE, NULL);
	else
		detach_tc(veth);
}

/* ---- sockets ---- */

static int bound_socket(uint32_t if_index, uint16_t protocol, int option)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_index,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1, bytes = 1 << 20;

	must(fd < 0, "a raw socket");
	must(setsockopt(fd, SOL_PACKET, option, &on, sizeof(on)), "an option of a raw socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	must(bind(fd, (struct sockaddr *)&address, sizeof(address)), "binding a raw socket");
	return fd;
}

int veth_sender(const struct veth *veth, bool with_header)
{
	return bound_socket(veth->near, 0, with_header ? PACKET_VNET_HDR : PACKET_QDISC_BYPASS);
}

int veth_receiver(const struct veth *veth, int patience_s)
{
	struct timeval patience = {.tv_sec = patience_s};
	int fd = bound_socket(veth->near, ETH_P_ALL, PACKET_IGNORE_OUTGOING);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

int veth_tap(const struct veth *veth)
{
	return bound_socket(veth->far, ETH_P_ALL, PACKET_AUXDATA);
}
