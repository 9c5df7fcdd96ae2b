/* The mirroring program at work in three namespaces and a bridge: a bwsteer on node 1 attaches it
 * for a broker that this test plays, which sends real bundles to one follower by UDP GSO. Every
 * follower's socket gets every byte with a right checksum, whatever the links do in hardware; what
 * is not this broker's piece goes to its addressee alone. Needs root.
 *
 * Node 1 (10.77.0.1:9094) holds slot 3. Its followers are node 2 (10.77.0.2:9094), node 250, which
 * is the place of the client (10.77.0.250:9094), and a second socket there (port 9095). */
#include "bellwether/mirror_maps.h"
#include "bellwether/steer_facts.h"
#include "bpf/small_net.h"
#include "steer/maps.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum {
	FOLLOWERS = 3,
	SLOT = 3,
	EPOCH = 77,
	PORT = 9094,
	OTHER_PORT = 9096,
	PIECES_MAX = 40,
	PIECE_BYTES_MAX = 9000,
	BUFFER_BYTES = 16 << 20,
	STEP_MS = 20,
	PATIENCE_MS = 10000,
	LEASE_MS = 30000, /* no lease runs out while a slow machine does something else */
};

static const struct {
	enum small_net_place place;
	uint8_t host; /* of 10.77.0.0/24, and its node id */
	uint16_t port;
} followers[FOLLOWERS] = {
	{PLACE_NODE2, 2, PORT},
	{PLACE_CLIENT, 250, PORT},
	{PLACE_CLIENT, 250, PORT + 1},
};

struct world {
	pid_t bwsteer;
	int session;
	uint64_t renewed_ms;
	int acked, last_result;
	struct steer_hello_ack hello_ack;
	struct steer_mirror_state said; /* the last */
	uint64_t set_id;
	uint32_t follower_count;
	int sender; /* at 10.77.0.1:9094 */
	int receivers[FOLLOWERS];
	uint64_t sequence;
	uint64_t packets; /* that were sent: a super-packet is one */
	struct maps maps;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the broker's side of the socket ---- */

static struct steer_header header_of(uint16_t type)
{
	return (struct steer_header){type, STEER_PROTOCOL_VERSION, type};
}

static void tell(struct world *w, const void *message, size_t size)
{
	assert_int_equal(send(w->session, message, size, MSG_NOSIGNAL), size);
}

static void hear(struct world *w)
{
	_Alignas(8) uint8_t bytes[STEER_MESSAGE_BYTES_MAX];
	struct steer_header header;

	while (recv(w->session, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
		memcpy(&header, bytes, sizeof(header));
		if (header.type == STEER_HELLO_ACK)
			memcpy(&w->hello_ack, bytes, sizeof(w->hello_ack));
		if (header.type == STEER_MIRROR_STATE)
			memcpy(&w->said, bytes, sizeof(w->said));
		if (header.type == STEER_ACK) {
			w->last_result = ((struct steer_ack *)bytes)->result;
			w->acked++;
		}
	}
}

/* What a broker does all the time. */
static void pump(struct world *w)
{
	struct steer_lease lease = {
		.header = header_of(STEER_LEASE),
		.renewed_at_us = now_ms() * 1000,
		.duration_ms = LEASE_MS,
	};

	if (w->session < 0)
		return;
	if (now_ms() >= w->renewed_ms + STEP_MS) {
		tell(w, &lease, sizeof(lease));
		w->renewed_ms = now_ms();
	}
	hear(w);
}

#define PUMP_UNTIL(world_, condition_)                                                             \
	do {                                                                                       \
		uint64_t pump_until_ = now_ms() + PATIENCE_MS;                                     \
		while (!(condition_)) {                                                            \
			if (now_ms() >= pump_until_)                                               \
				fail_msg("in vain: %s", #condition_);                              \
			pump(world_);                                                              \
			poll(NULL, 0, 1);                                                          \
		}                                                                                  \
	} while (0)

static struct steer_address address_of(uint8_t host, uint16_t port)
{
	return (struct steer_address){
		.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 77, [15] = host},
		.port = port,
	};
}

static void connect_broker(struct world *w)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct steer_hello hello = {
		.header = header_of(STEER_HELLO),
		.cluster_id = {0xb0, 0x77},
		.node = 1,
	};
	uint64_t until = now_ms() + PATIENCE_MS;

	w->session = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/bwt%d.sock", (int)getpid());
	while (connect(w->session, (struct sockaddr *)&address, sizeof(address)) < 0) {
		assert_true(now_ms() < until);
		poll(NULL, 0, STEP_MS);
	}
	tell(w, &hello, sizeof(hello));
	PUMP_UNTIL(w, w->hello_ack.header.type == STEER_HELLO_ACK);
}

static void tell_broker(struct world *w, uint8_t host)
{
	struct steer_broker fact = {.header = header_of(STEER_BROKER), .node = host};

	memcpy(fact.ipv4, address_of(host, 0).ip, sizeof(fact.ipv4));
	tell(w, &fact, sizeof(fact));
}

static void tell_set(struct world *w)
{
	struct steer_mirror_set fact = {
		.header = header_of(STEER_MIRROR_SET),
		.id = w->set_id,
		.slot_epoch = EPOCH,
		.slot = SLOT,
		.count = w->follower_count,
		.own = address_of(1, PORT),
	};

	for (uint32_t i = 0; i < w->follower_count; i++) {
		fact.followers[i].node = followers[i].host;
		fact.followers[i].address = address_of(followers[i].host, followers[i].port);
	}
	tell(w, &fact, sizeof(fact));
}

/* An image in which `holder` holds the slot; with count > 0 it has a mirror set of so many. */
static void publish(struct world *w, uint32_t holder, uint32_t count)
{
	struct steer_image_begin begin = {
		.header = header_of(STEER_IMAGE_BEGIN), .slots = 1, .brokers = 3};
	struct steer_image_end end = {.header = header_of(STEER_IMAGE_END)};
	struct steer_slot slot = {
		.header = header_of(STEER_SLOT),
		.slot_epoch = EPOCH,
		.slot = SLOT,
		.holder = holder,
		.successor = STEER_NOBODY,
	};
	int acked = w->acked;

	w->set_id++;
	w->follower_count = count;
	tell(w, &begin, sizeof(begin));
	tell(w, &slot, sizeof(slot));
	tell_broker(w, 1);
	tell_broker(w, 2);
	tell_broker(w, 250);
	if (count > 0)
		tell_set(w);
	tell(w, &end, sizeof(end));
	PUMP_UNTIL(w, w->acked > acked);
	assert_int_equal(w->last_result, 0);
}

static bool is_in_place(const struct world *w)
{
	return w->said.id == w->set_id && w->said.slot == SLOT && w->said.in_place;
}

static void mirror_to(struct world *w, uint32_t count)
{
	publish(w, 1, count);
	PUMP_UNTIL(w, is_in_place(w));
}

/* ---- sending and receiving ---- */

struct shot { /* one send */
	int from;
	struct sockaddr_in to;
	uint16_t pieces, flags;
	size_t piece_bytes;
	uint64_t slot_epoch;
	uint32_t magic;
	bool by_gso;
};

static struct sockaddr_in inet_of(uint8_t host, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {htonl(10U << 24 | 77 << 16 | host)},
	};
}

static struct shot shot_of(const struct world *w, uint16_t pieces, size_t piece_bytes)
{
	return (struct shot){
		.from = w->sender,
		.to = inet_of(followers[0].host, followers[0].port),
		.pieces = pieces,
		.flags = MIRROR_CLONE,
		.piece_bytes = piece_bytes,
		.slot_epoch = EPOCH,
		.magic = MIRROR_MAGIC,
		.by_gso = true,
	};
}

static uint8_t pattern(uint64_t sequence, uint16_t piece, size_t at)
{
	return (uint8_t)(sequence * 31 + piece * 7u + at * 13 + (at >> 8));
}

/* The last piece is shorter. */
static size_t bytes_of_piece(const struct shot *s, uint16_t piece)
{
	return piece + 1 == s->pieces && s->piece_bytes > 100 ? s->piece_bytes - 41
							      : s->piece_bytes;
}

static size_t write_piece(const struct shot *s, uint64_t sequence, uint16_t k, uint8_t *to)
{
	struct mirror_piece piece = {
		.magic = htonl(s->magic),
		.slot = htons(SLOT),
		.sender = htons(1),
		.slot_epoch = htobe64(s->slot_epoch),
		.sequence = htobe64(sequence),
		.piece = htons(k),
		.pieces = htons(s->pieces),
		.flags = htons(s->flags),
	};
	size_t size = bytes_of_piece(s, k);

	for (size_t i = sizeof(piece); i < size; i++)
		to[i] = pattern(sequence, k, i);
	memcpy(to, &piece, size < sizeof(piece) ? size : sizeof(piece));
	return size;
}

/* Returns what sendmsg() does; segment_bytes 0: one datagram. */
static ssize_t send_bytes(const struct shot *s, void *bytes, size_t size, uint16_t segment_bytes)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct sockaddr_in to = s->to;
	struct iovec all = {bytes, size};
	struct msghdr message = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &all, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (segment_bytes > 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(segment_bytes));
		memcpy(CMSG_DATA(c), &segment_bytes, sizeof(segment_bytes));
	}
	return sendmsg(s->from, &message, 0);
}

/* Before Linux 6.10 a device that makes no checksums takes no super-packets (EIO): then the pieces
 * go one by one, as a broker's do. */
static void send_shot(struct world *w, const struct shot *s)
{
	static uint8_t bytes[PIECES_MAX * PIECE_BYTES_MAX];
	size_t size = 0;

	w->sequence++;
	for (uint16_t k = 0; k < s->pieces; k++)
		size += write_piece(s, w->sequence, k, bytes + size);
	if (s->by_gso && send_bytes(s, bytes, size, (uint16_t)s->piece_bytes) == (ssize_t)size) {
		w->packets++;
		return;
	}
	assert_true(!s->by_gso || errno == EIO);
	for (uint16_t k = 0; k < s->pieces; k++, w->packets++)
		assert_int_equal(send_bytes(s, bytes + k * s->piece_bytes, bytes_of_piece(s, k), 0),
				 bytes_of_piece(s, k));
}

/* Takes datagrams until all pieces of the last shot have come, each once and whole. */
static void expect_shot(struct world *w, uint32_t follower, const struct shot *s)
{
	static uint8_t got[PIECE_BYTES_MAX], wanted[PIECE_BYTES_MAX];
	bool seen[PIECES_MAX] = {false};

	for (uint16_t n = 0; n < s->pieces; n++) {
		struct pollfd event = {.fd = w->receivers[follower], .events = POLLIN};
		struct mirror_piece piece;
		uint16_t k;
		ssize_t size;

		if (poll(&event, 1, PATIENCE_MS) != 1)
			fail_msg("follower %u got %u pieces of %u with %zu bytes", follower, n,
				 s->pieces, s->piece_bytes);
		size = recv(w->receivers[follower], got, sizeof(got), 0);
		assert_true(size >= (ssize_t)sizeof(piece));
		memcpy(&piece, got, sizeof(piece));
		k = ntohs(piece.piece);
		assert_true(k < s->pieces && !seen[k]);
		seen[k] = true;
		assert_int_equal(size, write_piece(s, w->sequence, k, wanted));
		assert_memory_equal(got, wanted, (size_t)size);
	}
}

/* Nothing is waiting: it would have come before what expect_shot() has just taken elsewhere. */
static void expect_nothing(struct world *w, uint32_t follower)
{
	uint8_t byte;

	assert_int_equal(recv(w->receivers[follower], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static uint64_t count_of(const struct world *w, enum mirror_verdict verdict)
{
	struct verdict_stats sum;

	assert_int_equal(maps_read_mirror_verdict(&w->maps, verdict, &sum), 0);
	return sum.packets;
}

/* A number of /proc/net/snmp's second line "Udp:", by its place: 3 errors, 7 wrong checksums. */
static void expect_no_udp_errors(void)
{
	static const char command[] = "nsenter --net=/run/netns/%s cat /proc/net/snmp | "
				      "awk '/^Udp:/ { e = $4; c = $8 } END { exit e + c }'";

	assert_int_equal(small_net_run(PLACE_NODE2, command), 0);
	assert_int_equal(small_net_run(PLACE_CLIENT, command), 0);
}

/* ---- the set-up ---- */

static int open_socket(enum small_net_place place, uint8_t host, uint16_t port)
{
	struct sockaddr_in address = inet_of(host, port);
	int fd = small_net_socket(place, SOCK_DGRAM), size = BUFFER_BYTES;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void start_bwsteer(struct world *w, const char *mode)
{
	const char *build = getenv("BUILD");
	char program[256], instance[64], path[96], mode_pair[32], lease_pair[32];
	char *arguments[] = {program, "--set",    "steer.interface=eth0",
			     "--set", instance,   "--set",
			     path,    "--set",    mode_pair,
			     "--set", lease_pair, NULL};

	snprintf(lease_pair, sizeof(lease_pair), "steer.lease.ms=%d", LEASE_MS);
	snprintf(program, sizeof(program), "%s/bwsteer", build ? build : "build");
	snprintf(instance, sizeof(instance), "steer.instance=bwt%d", (int)getpid());
	snprintf(path, sizeof(path), "steer.socket=/tmp/bwt%d.sock", (int)getpid());
	snprintf(mode_pair, sizeof(mode_pair), "steer.mode=%s", mode);
	w->bwsteer = small_net_start(PLACE_NODE1, arguments);
	assert_true(w->bwsteer > 0);
}

static struct world *begin(const char *mode)
{
	struct world *w = calloc(1, sizeof(*w));
	char instance[64];

	assert_non_null(w);
	small_net_up(strcmp(mode, "xdp") == 0);
	start_bwsteer(w, mode);
	connect_broker(w);
	w->sender = open_socket(PLACE_NODE1, 1, PORT);
	for (int i = 0; i < FOLLOWERS; i++)
		w->receivers[i] =
			open_socket(followers[i].place, followers[i].host, followers[i].port);
	if (strcmp(mode, "off") == 0)
		return w;
	assert_true(w->hello_ack.features & STEER_FEATURE_MIRRORS);
	snprintf(instance, sizeof(instance), "bwt%d", (int)getpid());
	assert_int_equal(maps_open(instance, &w->maps), 0);
	return w;
}

static void end(struct world *w)
{
	kill(w->bwsteer, SIGTERM);
	waitpid(w->bwsteer, NULL, 0);
	if (w->session >= 0)
		close(w->session);
	close(w->sender);
	for (int i = 0; i < FOLLOWERS; i++)
		close(w->receivers[i]);
	maps_close(&w->maps);
	free(w);
	small_net_down();
}

/* Also when a test failed half-way: namespaces and processes must not stay. */
static int clean_up(void **state)
{
	char command[128];

	(void)state;
	small_net_down();
	snprintf(command, sizeof(command), "rm -rf /sys/fs/bpf/bellwether/bwt%d /tmp/bwt%d.sock",
		 (int)getpid(), (int)getpid());
	return system(command);
}

/* ---- every byte to every follower ---- */

/* Pieces from one to forty; the longest is what fits the MTU, the shortest a header. */
static void shoot_all_sizes(struct world *w, size_t longest)
{
	static const uint16_t counts[] = {1, 2, 3, 7, PIECES_MAX};
	const size_t sizes[] = {sizeof(struct mirror_piece), 101, 1000, longest};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		for (size_t j = 0; j < sizeof(sizes) / sizeof(*sizes); j++) {
			struct shot s = shot_of(w, counts[i], sizes[j]);

			if (counts[i] * sizes[j] > MIRROR_BUNDLE_BYTES_MAX)
				s.pieces = (uint16_t)(MIRROR_BUNDLE_BYTES_MAX / sizes[j]);
			send_shot(w, &s);
			for (uint32_t f = 0; f < w->follower_count; f++)
				expect_shot(w, f, &s);
			pump(w);
		}
	}
}

static void set_mtu(int mtu)
{
	char node[192], hub[192];

	snprintf(node, sizeof(node), "nsenter --net=/run/netns/%%s ip link set eth0 mtu %d", mtu);
	snprintf(hub, sizeof(hub),
		 "n=%%s; for i in n1 n2 cl; do nsenter --net=/run/netns/$n ip link set $i mtu %d "
		 "|| exit 1; done",
		 mtu);
	assert_int_equal(small_net_run(PLACE_SWITCH, hub), 0);
	assert_int_equal(small_net_run(PLACE_NODE1, node), 0);
	assert_int_equal(small_net_run(PLACE_NODE2, node), 0);
	assert_int_equal(small_net_run(PLACE_CLIENT, node), 0);
}

static void set_offloads(bool checksums, bool segments)
{
	char command[192];

	snprintf(command, sizeof(command),
		 "nsenter --net=/run/netns/%%s ethtool -K eth0 tx %s gso %s "
		 "tx-udp-segmentation %s >/dev/null",
		 checksums ? "on" : "off", segments ? "on" : "off", segments ? "on" : "off");
	assert_int_equal(small_net_run(PLACE_NODE1, command), 0);
}

static void every_follower_gets_every_byte(void **state)
{
	static const int mtus[] = {1500, 1400, 9000};
	struct world *w = begin("tc");
	uint64_t copies = 0, before;

	(void)state;
	for (int m = 0; m < 3; m++) {
		set_mtu(mtus[m]);
		for (int offloads = 0; offloads < 4; offloads++) {
			set_offloads(offloads & 1, offloads & 2);
			for (uint32_t count = 1; count <= FOLLOWERS; count++) {
				before = w->packets;
				mirror_to(w, count);
				shoot_all_sizes(w, (size_t)mtus[m] - 28);
				copies += (w->packets - before) * (count - 1);
			}
		}
	}
	for (int i = 0; i < FOLLOWERS; i++)
		expect_nothing(w, (uint32_t)i); /* and nothing twice */
	assert_int_equal(count_of(w, MIRROR_CLONED), w->packets);
	assert_int_equal(count_of(w, MIRROR_CLONES), copies);
	assert_int_equal(count_of(w, MIRROR_CLONE_FAILED), 0);
	expect_no_udp_errors();
	end(w);
}

static void beside_xdp_steering_too(void **state)
{
	struct world *w = begin("xdp");

	(void)state;
	mirror_to(w, FOLLOWERS);
	shoot_all_sizes(w, 1472);
	expect_no_udp_errors();
	end(w);
}

/* ---- what is not cloned ---- */

/* Goes to its addressee, is counted under the verdict (or none) and reaches nobody else. */
static void expect_alone(struct world *w, const struct shot *s, int verdict)
{
	uint64_t cloned = count_of(w, MIRROR_CLONED), before = 0;
	struct shot real = shot_of(w, 1, 100);

	if (verdict >= 0)
		before = count_of(w, (enum mirror_verdict)verdict);
	send_shot(w, s);
	expect_shot(w, 0, s);
	if (verdict >= 0)
		assert_int_equal(count_of(w, (enum mirror_verdict)verdict), before + 1);
	assert_int_equal(count_of(w, MIRROR_CLONED), cloned);
	send_shot(w, &real); /* overtakes nothing: what comes next elsewhere is this one */
	for (uint32_t f = 0; f < FOLLOWERS; f++)
		expect_shot(w, f, &real);
}

static void look_alikes_are_not_cloned(void **state)
{
	static const uint8_t no_operations[4] = {1, 1, 1, 0};
	struct world *w = begin("tc");
	int forger = open_socket(PLACE_NODE1, 1, OTHER_PORT);
	struct shot s;

	(void)state;
	mirror_to(w, FOLLOWERS);
	s = shot_of(w, 4, 600);
	s.from = forger; /* another process of this node */
	expect_alone(w, &s, MIRROR_FOREIGN);
	s = shot_of(w, 4, 600);
	s.flags = 0;
	expect_alone(w, &s, -1);
	s = shot_of(w, 4, 600);
	s.magic++;
	expect_alone(w, &s, -1);
	s = shot_of(w, 4, 600);
	s.slot_epoch = EPOCH - 1;
	expect_alone(w, &s, MIRROR_STALE);
	s.slot_epoch = EPOCH + 1;
	expect_alone(w, &s, MIRROR_STALE);
	s = shot_of(w, 1, 4000); /* in fragments */
	s.by_gso = false;
	expect_alone(w, &s, MIRROR_ODD);
	assert_int_equal(setsockopt(w->sender, IPPROTO_IP, IP_OPTIONS, no_operations, 4), 0);
	s = shot_of(w, 1, 600);
	send_shot(w, &s);
	expect_shot(w, 0, &s);
	assert_int_equal(count_of(w, MIRROR_ODD), 2);
	expect_nothing(w, 1);
	close(forger);
	end(w);
}

/* A client's datagram that this node's kernel passes on as a router. */
static void what_a_node_only_passes_on_is_not_cloned(void **state)
{
	struct world *w = begin("tc");
	int client = open_socket(PLACE_CLIENT, 250, OTHER_PORT);
	struct shot s;

	(void)state;
	mirror_to(w, FOLLOWERS);
	assert_int_equal(small_net_run(PLACE_NODE1,
				       "nsenter --net=/run/netns/%s sysctl -qw "
				       "net.ipv4.ip_forward=1 net.ipv4.conf.eth0.send_redirects=0 "
				       "net.ipv4.conf.all.send_redirects=0"),
			 0);
	assert_int_equal(small_net_run(PLACE_CLIENT,
				       "nsenter --net=/run/netns/%s ip route add 10.77.0.2/32 via "
				       "10.77.0.1"),
			 0);
	s = shot_of(w, 1, 600);
	s.from = client;
	expect_alone(w, &s, MIRROR_FORWARDED);
	close(client);
	end(w);
}

/* ---- sets come and go ---- */

static void f8_only_the_present_set_is_cloned_to(void **state)
{
	struct world *w = begin("tc");
	struct shot s;

	(void)state;
	mirror_to(w, FOLLOWERS);
	mirror_to(w, 2); /* the third is removed */
	s = shot_of(w, 4, 600);
	send_shot(w, &s);
	expect_shot(w, 0, &s);
	expect_shot(w, 1, &s);
	expect_nothing(w, 2);
	s.to = inet_of(followers[2].host, followers[2].port); /* and is no addressee any more */
	send_shot(w, &s);
	expect_shot(w, 2, &s);
	assert_int_equal(count_of(w, MIRROR_STRAY), 1);
	publish(w, 2, 2); /* another broker holds the slot */
	assert_false(is_in_place(w));
	s = shot_of(w, 4, 600);
	send_shot(w, &s);
	expect_shot(w, 0, &s);
	assert_int_equal(count_of(w, MIRROR_NO_SET), 1);
	expect_nothing(w, 1);
	end(w);
}

static void an_unresolved_follower_keeps_the_set_away(void **state)
{
	struct world *w = begin("tc");
	struct shot s;

	(void)state;
	assert_int_equal(
		small_net_run(PLACE_CLIENT, "nsenter --net=/run/netns/%s ip link set eth0 down"),
		0);
	publish(w, 1, 2);
	assert_false(is_in_place(w));
	s = shot_of(w, 2, 600);
	send_shot(w, &s);
	expect_shot(w, 0, &s);
	assert_int_equal(count_of(w, MIRROR_NO_SET), 1);
	assert_int_equal(
		small_net_run(PLACE_CLIENT, "nsenter --net=/run/netns/%s ip link set eth0 up"), 0);
	PUMP_UNTIL(w, is_in_place(w));
	send_shot(w, &s);
	expect_shot(w, 0, &s);
	expect_shot(w, 1, &s);
	end(w);
}

static void s2_without_a_broker_nothing_is_cloned(void **state)
{
	struct world *w = begin("tc");
	struct shot s;
	uint64_t until = now_ms() + PATIENCE_MS;

	(void)state;
	mirror_to(w, FOLLOWERS);
	close(w->session);
	w->session = -1;
	do { /* until bwsteer has seen it */
		assert_true(now_ms() < until);
		s = shot_of(w, 2, 600);
		send_shot(w, &s);
		expect_shot(w, 0, &s);
		if (count_of(w, MIRROR_NO_SET) == 0)
			expect_shot(w, 1, &s);
	} while (count_of(w, MIRROR_NO_SET) == 0);
	expect_nothing(w, 1);
	end(w);
}

/* F10: whoever takes the program away in the middle of it takes copies away, nothing else. */
static void f10_detached_in_flight_the_addressee_gets_all(void **state)
{
	struct world *w = begin("tc");

	(void)state;
	mirror_to(w, FOLLOWERS);
	for (int i = 0; i < 200; i++) {
		struct shot s = shot_of(w, 7, 1000);

		if (i == 100)
			assert_int_equal(small_net_run(PLACE_NODE1,
						       "nsenter --net=/run/netns/%s tc filter del "
						       "dev eth0 egress"),
					 0);
		send_shot(w, &s);
		expect_shot(w, 0, &s);
	}
	PUMP_UNTIL(w, !is_in_place(w)); /* the broker is told */
	assert_int_equal(count_of(w, MIRROR_CLONED), 100);
	expect_no_udp_errors();
	end(w);
}

static void expect_nothing_attached(void)
{
	assert_int_equal(small_net_run(PLACE_NODE1,
				       "nsenter --net=/run/netns/%s tc filter show dev eth0 egress "
				       "| grep -q bw_"),
			 1);
}

static void off_means_that_nothing_is_attached(void **state)
{
	struct world *w = begin("off");

	(void)state;
	assert_false(w->hello_ack.features & STEER_FEATURE_MIRRORS);
	expect_nothing_attached();
	end(w);
}

static void a_stopped_bwsteer_takes_the_program_along(void **state)
{
	struct world *w = begin("tc");

	(void)state;
	mirror_to(w, FOLLOWERS);
	kill(w->bwsteer, SIGTERM);
	waitpid(w->bwsteer, NULL, 0);
	expect_nothing_attached();
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_follower_gets_every_byte, clean_up),
		cmocka_unit_test_teardown(beside_xdp_steering_too, clean_up),
		cmocka_unit_test_teardown(look_alikes_are_not_cloned, clean_up),
		cmocka_unit_test_teardown(what_a_node_only_passes_on_is_not_cloned, clean_up),
		cmocka_unit_test_teardown(f8_only_the_present_set_is_cloned_to, clean_up),
		cmocka_unit_test_teardown(an_unresolved_follower_keeps_the_set_away, clean_up),
		cmocka_unit_test_teardown(s2_without_a_broker_nothing_is_cloned, clean_up),
		cmocka_unit_test_teardown(f10_detached_in_flight_the_addressee_gets_all, clean_up),
		cmocka_unit_test_teardown(off_means_that_nothing_is_attached, clean_up),
		cmocka_unit_test_teardown(a_stopped_bwsteer_takes_the_program_along, clean_up),
	};

	if (geteuid() != 0) {
		puts("network namespaces and BPF programs need root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
