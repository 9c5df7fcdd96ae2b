/* Owns the sock_diag dialogue: one dump a family, one SOCK_DESTROY for each match. The dump is read
 * to its end first: the kernel does not mix the two on one socket. */
#include "steer/socket_reset.h"

#include "base/mem.h"
#include "steer/netlink.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct found_socket {
	uint8_t family;
	struct inet_diag_sockid id;
};

struct search {
	const struct net_address *addresses;
	size_t count;
	struct found_socket *found;
	size_t found_count, room;
};

static bool is_searched(const struct search *search, const struct inet_diag_msg *message)
{
	struct net_address local = {.port = ntohs(message->id.idiag_sport)};

	if (message->idiag_family == AF_INET) {
		local.ip[10] = local.ip[11] = 0xff;
		memcpy(local.ip + 12, message->id.idiag_src, 4);
	} else {
		memcpy(local.ip, message->id.idiag_src, 16);
	}
	for (size_t i = 0; i < search->count; i++)
		if (net_address_equal(&search->addresses[i], &local))
			return true;
	return false;
}

static void take_socket(void *context, const struct nlmsghdr *header)
{
	const struct inet_diag_msg *message = NLMSG_DATA(header);
	struct search *search = context;

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || !is_searched(search, message))
		return;
	if (search->found_count == search->room) {
		search->room = search->room ? search->room * 2 : 64;
		search->found = mem_resize(search->found, search->room * sizeof(*search->found));
	}
	search->found[search->found_count++] =
		(struct found_socket){.family = message->idiag_family, .id = message->id};
}

static int find_sockets(int netlink, uint8_t family, struct search *search)
{
	struct inet_diag_req_v2 fixed = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		/* A connection on its way in is in NEW_SYN_RECV, shown as SYN_RECV. */
		.idiag_states = ~(1U << TCP_LISTEN | 1U << TCP_CLOSE | 1U << TCP_TIME_WAIT),
	};
	struct netlink_request r;

	netlink_begin(&r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &fixed, sizeof(fixed));
	return netlink_call(netlink, &r, take_socket, search);
}

static int destroy_socket(int netlink, const struct found_socket *found)
{
	struct inet_diag_req_v2 fixed = {
		.sdiag_family = found->family,
		.sdiag_protocol = IPPROTO_TCP,
		.id = found->id,
	};
	struct netlink_request r;

	netlink_begin(&r, SOCK_DESTROY, 0, &fixed, sizeof(fixed));
	return netlink_call(netlink, &r, NULL, NULL);
}

static int reset_found(int netlink, const struct search *search)
{
	int done = 0;

	for (size_t i = 0; i < search->found_count; i++) {
		int rc = destroy_socket(netlink, &search->found[i]);

		if (rc == -EOPNOTSUPP || rc == -EPERM)
			return rc;
		done += rc == 0; /* else it has gone by itself meanwhile */
	}
	return done;
}

int socket_reset_all(const struct net_address *addresses, size_t count)
{
	struct search search = {.addresses = addresses, .count = count};
	int netlink = netlink_open(NETLINK_SOCK_DIAG, 0);
	int rc = netlink;

	if (netlink < 0)
		return rc;
	rc = find_sockets(netlink, AF_INET, &search);
	if (rc == 0)
		rc = find_sockets(netlink, AF_INET6, &search);
	if (rc == 0)
		rc = reset_found(netlink, &search);
	mem_free(search.found);
	close(netlink);
	return rc;
}
