/* The little of netlink that bwsteer needs: one request, its replies, its result. Blocking, but the
 * kernel answers at once and no wait exceeds a second. */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLINK_REQUEST_BYTES = 512 };
#define NETLINK_ATTRIBUTE_BYTES sizeof(struct nlattr) /* NLA_HDRLEN is a signed one */

/* Attributes begin at multiples of four bytes. */
static inline size_t netlink_align(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

struct netlink_request {
	_Alignas(4) uint8_t bytes[NETLINK_REQUEST_BYTES];
	size_t size;
};

/* Returns a socket or -errno. groups: 1 << (RTNLGRP_x - 1), for a monitor, which never blocks. */
int netlink_open(int protocol, unsigned groups);

/* Starts a request with its fixed part (struct rtmsg, ...). */
void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *fixed,
		   size_t fixed_size);
void netlink_put(struct netlink_request *r, uint16_t attribute, const void *value, size_t size);

typedef void netlink_reply(void *context, const struct nlmsghdr *message);

/* Sends and waits for the end of the answer; each (may be NULL) sees every reply. Returns 0 or the
 * kernel's -errno. */
int netlink_call(int netlink, struct netlink_request *r, netlink_reply *each, void *context);

/* The attribute's value, or NULL. `fixed_size` is that of the reply's fixed part. */
const void *netlink_find(const struct nlmsghdr *message, size_t fixed_size, uint16_t attribute,
			 size_t *ret_size);

/* Throws away what a monitor has to say; returns 1 when there was something, else 0. */
int netlink_drain(int netlink);
