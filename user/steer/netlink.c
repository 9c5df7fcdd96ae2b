/* Owns the framing of netlink messages; what they mean is their callers' business. */
#include "steer/netlink.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_BYTES = 32 * 1024, DRAIN_ROUNDS = 64, REPLY_ROUNDS = 1 << 16 };

int netlink_open(int protocol, unsigned groups)
{
	int flags = SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	struct timeval timeout = {.tv_sec = 1};
	int netlink = socket(AF_NETLINK, flags, protocol);

	if (netlink < 0)
		return -errno;
	if (bind(netlink, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		int rc = -errno;

		close(netlink);
		return rc;
	}
	return netlink;
}

void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *fixed,
		   size_t fixed_size)
{
	struct nlmsghdr header = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};

	memset(r, 0, sizeof(*r));
	if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
		header.nlmsg_flags |= NLM_F_ACK;
	memcpy(r->bytes, &header, sizeof(header));
	memcpy(r->bytes + NLMSG_HDRLEN, fixed, fixed_size);
	r->size = NLMSG_HDRLEN + NLMSG_ALIGN(fixed_size);
}

void netlink_put(struct netlink_request *r, uint16_t attribute, const void *value, size_t size)
{
	struct nlattr header = {
		.nla_len = (uint16_t)(NETLINK_ATTRIBUTE_BYTES + size),
		.nla_type = attribute,
	};

	assert(r->size + NETLINK_ATTRIBUTE_BYTES + netlink_align(size) <= sizeof(r->bytes));
	memcpy(r->bytes + r->size, &header, sizeof(header));
	memcpy(r->bytes + r->size + NETLINK_ATTRIBUTE_BYTES, value, size);
	r->size += NETLINK_ATTRIBUTE_BYTES + netlink_align(size);
}

/* Returns true at the end of the answer, with its result. */
static bool read_answer(const uint8_t *bytes, size_t size, netlink_reply *each, void *context,
			int *ret_result)
{
	struct nlmsghdr header;
	struct nlmsgerr error;

	for (size_t at = 0; size - at >= NLMSG_HDRLEN; at += NLMSG_ALIGN(header.nlmsg_len)) {
		memcpy(&header, bytes + at, sizeof(header));
		if (header.nlmsg_len < NLMSG_HDRLEN || NLMSG_ALIGN(header.nlmsg_len) > size - at)
			break;
		if (header.nlmsg_type == NLMSG_DONE) {
			*ret_result = 0;
			return true;
		}
		if (header.nlmsg_type == NLMSG_ERROR) {
			memcpy(&error, bytes + at + NLMSG_HDRLEN, sizeof(error));
			*ret_result = error.error;
			return true;
		}
		if (each)
			each(context, (const void *)(bytes + at));
	}
	return false;
}

int netlink_call(int netlink, struct netlink_request *r, netlink_reply *each, void *context)
{
	_Alignas(8) uint8_t bytes[ANSWER_BYTES];
	uint32_t size = (uint32_t)r->size;
	int result = -ETIMEDOUT;

	netlink_drain(netlink); /* a late answer to an earlier request is nobody's */
	memcpy(r->bytes, &size, sizeof(size)); /* nlmsg_len */
	if (send(netlink, r->bytes, r->size, 0) < 0)
		return -errno;
	for (int round = 0; round < REPLY_ROUNDS; round++) {
		ssize_t got = recv(netlink, bytes, sizeof(bytes), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (read_answer(bytes, (size_t)got, each, context, &result))
			break;
	}
	return result;
}

const void *netlink_find(const struct nlmsghdr *message, size_t fixed_size, uint16_t attribute,
			 size_t *ret_size)
{
	const uint8_t *bytes = (const uint8_t *)message;
	size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(fixed_size), size = message->nlmsg_len;
	struct nlattr header;

	while (at + NETLINK_ATTRIBUTE_BYTES <= size) {
		memcpy(&header, bytes + at, sizeof(header));
		if (header.nla_len < NETLINK_ATTRIBUTE_BYTES || header.nla_len > size - at)
			return NULL;
		if ((header.nla_type & NLA_TYPE_MASK) == attribute) {
			*ret_size = header.nla_len - NETLINK_ATTRIBUTE_BYTES;
			return bytes + at + NETLINK_ATTRIBUTE_BYTES;
		}
		at += netlink_align(header.nla_len);
	}
	return NULL;
}

int netlink_drain(int netlink)
{
	uint8_t bytes[ANSWER_BYTES];
	int found = 0;

	/* ENOBUFS says that some were lost: that is news too. */
	for (int round = 0; round < DRAIN_ROUNDS; round++) {
		if (recv(netlink, bytes, sizeof(bytes), MSG_DONTWAIT) < 0 && errno != ENOBUFS)
			break;
		found = 1;
	}
	return found;
}
