/* Owns the reading of RTM_GETLINK. */
#include "steer/link.h"

#include "steer/netlink.h"

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

static void read_kind(struct link *link, const void *info, size_t size)
{
	/* IFLA_LINKINFO nests its attributes: a message without a fixed part. */
	const uint8_t *bytes = info;
	struct nlattr header;

	for (size_t at = 0; at + NETLINK_ATTRIBUTE_BYTES <= size;
	     at += netlink_align(header.nla_len)) {
		memcpy(&header, bytes + at, sizeof(header));
		if (header.nla_len < NETLINK_ATTRIBUTE_BYTES || header.nla_len > size - at)
			return;
		if (header.nla_type == IFLA_INFO_KIND) {
			size_t length = header.nla_len - NETLINK_ATTRIBUTE_BYTES;

			if (length >= sizeof(link->kind))
				length = sizeof(link->kind) - 1;
			memcpy(link->kind, bytes + at + NETLINK_ATTRIBUTE_BYTES, length);
			return;
		}
	}
}

static void read_link(void *context, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	struct link *link = context;
	const void *value;
	size_t size;

	if (message->nlmsg_type != RTM_NEWLINK || (uint32_t)info->ifi_index != link->if_index)
		return;
	link->is_up = info->ifi_flags & IFF_UP;
	value = netlink_find(message, sizeof(*info), IFLA_ADDRESS, &size);
	if (value && size == sizeof(link->mac) && info->ifi_type == ARPHRD_ETHER) {
		memcpy(link->mac, value, size);
		link->is_ethernet = true;
	}
	value = netlink_find(message, sizeof(*info), IFLA_LINKINFO, &size);
	if (value)
		read_kind(link, value, size);
}

int link_find(int netlink, uint32_t if_index, struct link *ret_link)
{
	struct ifinfomsg info = {.ifi_index = (int)if_index};
	struct link link = {.if_index = if_index};
	struct netlink_request r;
	int rc;

	netlink_begin(&r, RTM_GETLINK, 0, &info, sizeof(info));
	rc = netlink_call(netlink, &r, read_link, &link);
	if (rc == 0)
		*ret_link = link;
	return rc;
}
