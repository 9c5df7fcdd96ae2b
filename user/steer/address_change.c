/* Owns the rtnetlink messages about addresses and their local routes. */
#include "steer/address_change.h"

#include "steer/netlink.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

bool address_change_is_ipv6(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(ip, mapped, sizeof(mapped)) != 0;
}

static void put_ip(struct netlink_request *r, uint16_t attribute, const uint8_t ip[16])
{
	if (address_change_is_ipv6(ip))
		netlink_put(r, attribute, ip, 16);
	else
		netlink_put(r, attribute, ip + 12, 4);
}

int address_change_route(int netlink, const uint8_t ip[16], bool add)
{
	bool ipv6 = address_change_is_ipv6(ip);
	struct rtmsg fixed = {
		.rtm_family = ipv6 ? AF_INET6 : AF_INET,
		.rtm_dst_len = ipv6 ? 128 : 32,
		.rtm_table = RT_TABLE_LOCAL,
		.rtm_protocol = ADDRESS_ROUTE_PROTOCOL,
		.rtm_scope = ipv6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST,
		.rtm_type = RTN_LOCAL,
	};
	uint32_t loopback = if_nametoindex("lo");
	struct netlink_request r;
	int rc;

	/* APPEND: beside the route that the kernel makes for an address on a NIC. */
	netlink_begin(&r, add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_APPEND : 0,
		      &fixed, sizeof(fixed));
	put_ip(&r, RTA_DST, ip);
	netlink_put(&r, RTA_OIF, &loopback, sizeof(loopback));
	rc = netlink_call(netlink, &r, NULL, NULL);
	return rc == -EEXIST || rc == -ESRCH ? 0 : rc;
}

static void begin_on_link(struct netlink_request *r, uint16_t type, uint16_t flags,
			  uint32_t if_index, const uint8_t ip[16])
{
	bool ipv6 = address_change_is_ipv6(ip);
	struct ifaddrmsg fixed = {
		.ifa_family = ipv6 ? AF_INET6 : AF_INET,
		.ifa_prefixlen = ipv6 ? 128 : 32,
		.ifa_index = if_index,
	};

	netlink_begin(r, type, flags, &fixed, sizeof(fixed));
	put_ip(r, IFA_LOCAL, ip);
	put_ip(r, IFA_ADDRESS, ip);
}

int address_change_on_link(int netlink, uint32_t if_index, const uint8_t ip[16],
			   uint32_t lifetime_s)
{
	struct ifa_cacheinfo lifetime = {.ifa_prefered = lifetime_s, .ifa_valid = lifetime_s};
	/* No duplicate detection: it would wait for a holder that is dead. */
	uint32_t flags = IFA_F_NOPREFIXROUTE | (address_change_is_ipv6(ip) ? IFA_F_NODAD : 0);
	struct netlink_request r;

	begin_on_link(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, if_index, ip);
	netlink_put(&r, IFA_FLAGS, &flags, sizeof(flags));
	netlink_put(&r, IFA_CACHEINFO, &lifetime, sizeof(lifetime));
	return netlink_call(netlink, &r, NULL, NULL);
}

int address_change_off_link(int netlink, uint32_t if_index, const uint8_t ip[16])
{
	struct netlink_request r;
	int rc;

	begin_on_link(&r, RTM_DELADDR, 0, if_index, ip);
	rc = netlink_call(netlink, &r, NULL, NULL);
	return rc == -EADDRNOTAVAIL ? 0 : rc;
}

struct owner_search {
	const uint8_t *ip;
	bool is_permanent;
};

static void read_address(void *context, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *fixed = NLMSG_DATA(message);
	struct owner_search *search = context;
	const uint8_t *raw = address_change_is_ipv6(search->ip) ? search->ip : search->ip + 12;
	size_t size, raw_size = address_change_is_ipv6(search->ip) ? 16 : 4;
	const void *value;

	if (message->nlmsg_type != RTM_NEWADDR)
		return;
	value = netlink_find(message, sizeof(*fixed), IFA_LOCAL, &size);
	if (!value)
		value = netlink_find(message, sizeof(*fixed), IFA_ADDRESS, &size);
	if (value && size == raw_size && memcmp(value, raw, size) == 0 &&
	    (fixed->ifa_flags & IFA_F_PERMANENT))
		search->is_permanent = true;
}

bool address_change_is_permanent(int netlink, const uint8_t ip[16])
{
	struct ifaddrmsg fixed = {.ifa_family = address_change_is_ipv6(ip) ? AF_INET6 : AF_INET};
	struct owner_search search = {.ip = ip};
	struct netlink_request r;

	netlink_begin(&r, RTM_GETADDR, NLM_F_DUMP, &fixed, sizeof(fixed));
	netlink_call(netlink, &r, read_address, &search);
	return search.is_permanent;
}
