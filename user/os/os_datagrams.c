/* Owns UDP sockets: many datagrams for one system call, both ways.
 *
 * Sending uses UDP GSO: the kernel cuts one buffer into segments, and a device (or veth) may carry
 * them as one packet. Where it cannot - a device without transmit checksums on older kernels, a
 * segment above the path's MTU - they are sent one by one from then on.
 *
 * Receiving uses UDP GRO, so what left as one buffer mostly arrives as one. */
#include "os/os_int.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct os_datagrams {
	struct mmsghdr messages[OS_DATAGRAM_BUFFERS];
	struct iovec pieces[OS_DATAGRAM_BUFFERS];
	union os_socket_address from[OS_DATAGRAM_BUFFERS];
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control[OS_DATAGRAM_BUFFERS];
	uint8_t bytes[OS_DATAGRAM_BUFFERS][ENV_DATAGRAM_MOST_BYTES + 1];
};

/* A classic filter, which needs no privilege: the kernel runs it over a datagram's bytes, and goes
 * by the hash of its addresses when it ends with 0xffffffff, which is no socket's number. */
static int choose_by_content(int fd, struct env_listen_options options)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, options.chosen_at + 2, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, options.chosen_at),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, options.chosen_of),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog program = {sizeof(steps) / sizeof(*steps), steps};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) < 0
		       ? -errno
		       : 0;
}

int os_datagrams_open(struct env *env, const struct net_address *address,
		      struct env_listen_options options, env_socket_ready *ready, void *context,
		      struct env_socket **ret)
{
	int one = 1, queue_bytes = OS_DATAGRAM_QUEUE_BYTES, rc;
	union os_socket_address to;
	socklen_t size = os_address_to_kernel(address, &to);
	int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct env_socket *s;

	if (fd < 0)
		return -errno;
	rc = os_socket_set_options(fd, to.any.sa_family == AF_INET6, options);
	if (rc == 0 && bind(fd, &to.any, size) < 0)
		rc = -errno;
	if (rc == 0 && options.chosen_of)
		rc = choose_by_content(fd, options);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	/* Both are for speed alone. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue_bytes, sizeof(queue_bytes));
	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one));
	s = os_socket_new(os_loop_of(env), fd, ready, context);
	s->datagrams = mem_alloc(sizeof(*s->datagrams));
	os_socket_watch(env, s, ENV_READABLE);
	*ret = s;
	return 0;
}

/* ---- sending ---- */

static int send_message(int fd, const struct msghdr *message)
{
	ssize_t sent;

	do
		sent = sendmsg(fd, message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int send_cut(int fd, struct msghdr message, size_t segment_bytes)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control = {0};
	struct cmsghdr *header = &control.header;

	header->cmsg_level = IPPROTO_UDP;
	header->cmsg_type = UDP_SEGMENT;
	header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
	memcpy(CMSG_DATA(header), &(uint16_t){(uint16_t)segment_bytes}, sizeof(uint16_t));
	message.msg_control = control.bytes;
	message.msg_controllen = sizeof(control.bytes);
	return send_message(fd, &message);
}

/* The part of pieces[0..count) from byte `skip` on, at most `size` long. Returns how many it is in.
 */
static size_t part_of(const struct iovec *pieces, int count, size_t skip, size_t size,
		      struct iovec *ret_part)
{
	size_t used = 0;

	for (int i = 0; i < count && size > 0; i++) {
		size_t take;

		if (skip >= pieces[i].iov_len) {
			skip -= pieces[i].iov_len;
			continue;
		}
		take = pieces[i].iov_len - skip < size ? pieces[i].iov_len - skip : size;
		ret_part[used++] = (struct iovec){(uint8_t *)pieces[i].iov_base + skip, take};
		size -= take;
		skip = 0;
	}
	return used;
}

static int send_one_by_one(int fd, struct msghdr message, size_t total, size_t segment_bytes)
{
	struct iovec part[2 * ENV_SEND_DATAGRAMS];
	const struct iovec *pieces = message.msg_iov;
	int count = (int)message.msg_iovlen, rc = 0;

	message.msg_iov = part;
	for (size_t at = 0; rc == 0 && at < total; at += segment_bytes) {
		message.msg_iovlen = part_of(pieces, count, at, segment_bytes, part);
		rc = send_message(fd, &message);
	}
	return rc;
}

int os_datagrams_send(struct env *env, struct env_socket *socket, const struct net_address *to,
		      const struct iovec *pieces, int count, size_t segment_bytes)
{
	union os_socket_address address;
	struct msghdr message = {
		.msg_name = &address,
		.msg_namelen = os_address_to_kernel(to, &address),
		.msg_iov = (struct iovec *)pieces, /* which sendmsg() only reads */
		.msg_iovlen = (size_t)count,
	};
	size_t total = 0;
	int rc;

	(void)env;
	for (int i = 0; i < count; i++)
		total += pieces[i].iov_len;
	assert(total > 0 && total <= ENV_SEND_BYTES && count <= 2 * ENV_SEND_DATAGRAMS);
	assert(total <= segment_bytes * ENV_SEND_DATAGRAMS);
	if (total <= segment_bytes)
		return send_message(socket->fd, &message);
	if (!socket->one_by_one) {
		rc = send_cut(socket->fd, message, segment_bytes);
		if (rc != -EINVAL && rc != -EIO && rc != -EOPNOTSUPP)
			return rc;
		socket->one_by_one = true;
	}
	return send_one_by_one(socket->fd, message, total, segment_bytes);
}

/* ---- receiving ---- */

static void offer_buffers(struct os_datagrams *d, int count)
{
	for (int i = 0; i < count; i++) {
		d->pieces[i] = (struct iovec){d->bytes[i], sizeof(d->bytes[i])};
		d->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &d->from[i],
			.msg_namelen = sizeof(d->from[i]),
			.msg_iov = &d->pieces[i],
			.msg_iovlen = 1,
			.msg_control = d->control[i].bytes,
			.msg_controllen = sizeof(d->control[i].bytes),
		};
	}
}

/* What the kernel joined has a size to be cut at again. */
static size_t segment_of(struct msghdr *message, size_t size)
{
	int segment_bytes = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO)
			memcpy(&segment_bytes, CMSG_DATA(c), sizeof(segment_bytes));
	return segment_bytes > 0 && (size_t)segment_bytes < size ? (size_t)segment_bytes : size;
}

int os_datagrams_receive(struct env *env, struct env_socket *socket, struct env_datagrams *ret,
			 int most)
{
	struct os_datagrams *d = socket->datagrams;
	int room = most < OS_DATAGRAM_BUFFERS ? most : OS_DATAGRAM_BUFFERS;
	int got, taken = 0;

	(void)env;
	offer_buffers(d, room);
	do
		got = recvmmsg(socket->fd, d->messages, (unsigned)room, 0, NULL);
	while (got < 0 && errno == EINTR);
	for (int i = 0; i < got; i++) {
		size_t size = d->messages[i].msg_len;

		if (size == 0)
			continue;
		ret[taken].bytes = d->bytes[i];
		ret[taken].size = size;
		ret[taken].segment_bytes = segment_of(&d->messages[i].msg_hdr, size);
		os_address_from_kernel(&d->from[i], &ret[taken].from);
		taken++;
	}
	return taken;
}
