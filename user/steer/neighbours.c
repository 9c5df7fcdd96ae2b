/* Owns the questions to the route and neighbour tables. Keeps nothing: theirs is the truth. */
#include "steer/neighbours.h"

#include "steer/link.h"
#include "steer/netlink.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

struct raw_ip {
	uint8_t family;
	uint8_t size;
	const uint8_t *bytes;
};

static struct raw_ip raw_of(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (memcmp(ip, mapped, sizeof(mapped)) == 0)
		return (struct raw_ip){AF_INET, 4, ip + 12};
	return (struct raw_ip){AF_INET6, 16, ip};
}

struct route {
	uint32_t if_index; /* 0 = not directly reachable */
};

static void read_route(void *context, const struct nlmsghdr *message)
{
	const struct rtmsg *fixed = NLMSG_DATA(message);
	struct route *route = context;
	const void *value;
	size_t size;

	if (message->nlmsg_type != RTM_NEWROUTE || fixed->rtm_type != RTN_UNICAST ||
	    netlink_find(message, sizeof(*fixed), RTA_GATEWAY, &size) ||
	    netlink_find(message, sizeof(*fixed), RTA_VIA, &size))
		return;
	value = netlink_find(message, sizeof(*fixed), RTA_OIF, &size);
	if (value && size == sizeof(route->if_index))
		memcpy(&route->if_index, value, size);
}

static uint32_t find_route(int netlink, struct raw_ip ip)
{
	struct rtmsg fixed = {.rtm_family = ip.family, .rtm_dst_len = (uint8_t)(ip.size * 8)};
	struct route route = {0};
	struct netlink_request r;

	netlink_begin(&r, RTM_GETROUTE, 0, &fixed, sizeof(fixed));
	netlink_put(&r, RTA_DST, ip.bytes, ip.size);
	return netlink_call(netlink, &r, read_route, &route) == 0 ? route.if_index : 0;
}

struct neighbour {
	uint16_t state;
	bool has_mac;
	uint8_t mac[6];
};

static void read_neighbour(void *context, const struct nlmsghdr *message)
{
	const struct ndmsg *fixed = NLMSG_DATA(message);
	struct neighbour *neighbour = context;
	const void *value;
	size_t size;

	if (message->nlmsg_type != RTM_NEWNEIGH)
		return;
	neighbour->state = fixed->ndm_state;
	value = netlink_find(message, sizeof(*fixed), NDA_LLADDR, &size);
	neighbour->has_mac = value && size == sizeof(neighbour->mac);
	if (neighbour->has_mac)
		memcpy(neighbour->mac, value, size);
}

/* "Somebody uses it": the kernel resolves it, or makes sure that it is still so. */
static void touch_neighbour(int netlink, uint32_t if_index, struct raw_ip ip)
{
	struct ndmsg fixed = {
		.ndm_family = ip.family,
		.ndm_ifindex = (int)if_index,
		.ndm_flags = NTF_USE,
	};
	struct netlink_request r;

	netlink_begin(&r, RTM_NEWNEIGH, NLM_F_CREATE, &fixed, sizeof(fixed));
	netlink_put(&r, NDA_DST, ip.bytes, ip.size);
	netlink_call(netlink, &r, NULL, NULL);
}

static void find_neighbour(int netlink, uint32_t if_index, struct raw_ip ip, struct neighbour *ret)
{
	const uint16_t certain = NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP;
	struct ndmsg fixed = {.ndm_family = ip.family, .ndm_ifindex = (int)if_index};
	struct neighbour neighbour = {0};
	struct netlink_request r;

	netlink_begin(&r, RTM_GETNEIGH, 0, &fixed, sizeof(fixed));
	netlink_put(&r, NDA_DST, ip.bytes, ip.size);
	if (netlink_call(netlink, &r, read_neighbour, &neighbour) < 0)
		neighbour = (struct neighbour){0};
	if (!(neighbour.state & certain))
		touch_neighbour(netlink, if_index, ip);
	*ret = neighbour;
}

void neighbours_find(int netlink, const uint8_t ip[16], struct next_hop *ret_hop)
{
	const uint16_t usable = NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP | NUD_STALE | NUD_DELAY |
				NUD_PROBE;
	struct raw_ip raw = raw_of(ip);
	struct next_hop hop = {0};
	struct neighbour neighbour;
	struct link link;

	*ret_hop = hop;
	hop.if_index = find_route(netlink, raw);
	if (hop.if_index == 0 || link_find(netlink, hop.if_index, &link) < 0 || !link.is_ethernet)
		return;
	find_neighbour(netlink, hop.if_index, raw, &neighbour);
	if (!neighbour.has_mac || !(neighbour.state & usable))
		return;
	hop.resolved = true;
	memcpy(hop.next_mac, neighbour.mac, sizeof(hop.next_mac));
	memcpy(hop.own_mac, link.mac, sizeof(hop.own_mac));
	*ret_hop = hop;
}
