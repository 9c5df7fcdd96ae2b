/* What the mirroring program saves: one send that it copies to the other followers, against a send
 * to each, in alternating short rounds between network namespaces. Needs root.
 *
 *   mirror [ROUNDS [MILLISECONDS]]    default: 5 rounds of 150 ms
 *
 * A row is a bundle's size, a number of followers, and whether the sender's link takes UDP
 * super-packets whole. The rate is what each follower gets; the time is the sender's, for each KiB
 * of bundle (on a virtual link the followers' receive path runs in it). */
#include "base/mem.h"
#include "bpf/small_net.h"
#include "steer/skeleton.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <endian.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	FOLLOWERS = 3,
	SLOT = 1,
	EPOCH = 5,
	PORT = 9094,
	PIECE_BYTES = 1472, /* one MTU */
	BUFFER_BYTES = 32 << 20,
	ROUNDS_MAX = 100,
};

static const struct {
	enum small_net_place place;
	uint8_t host;
	uint16_t port;
} places[FOLLOWERS] = {
	{PLACE_NODE2, 2, PORT}, {PLACE_CLIENT, 250, PORT}, {PLACE_NODE2, 2, PORT + 1}};

struct receiver {
	pthread_t thread;
	int fd;
	_Atomic uint64_t bytes;
};

struct bench {
	struct mirror_bpf *programs;
	int sender;
	struct receiver receivers[FOLLOWERS];
	uint8_t bundle[MIRROR_BUNDLE_BYTES_MAX];
};

struct outcome {
	double megabytes_each, us_for_kib;
};

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	small_net_down();
	exit(1);
}

static struct sockaddr_in inet_of(uint8_t host, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = {htonl(10U << 24 | 77 << 16 | host)},
	};
}

static int open_socket(enum small_net_place place, uint8_t host, uint16_t port)
{
	struct sockaddr_in address = inet_of(host, port);
	int fd = small_net_socket(place, SOCK_DGRAM), size = BUFFER_BYTES, one = 1;

	check(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == 0 &&
		      setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == 0 &&
		      setsockopt(fd, SOL_UDP, UDP_GRO, &one, sizeof(one)) == 0 &&
		      bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0,
	      "a socket");
	return fd;
}

/* Ends when the socket is shut down, by what that returns. */
static void *receive(void *context)
{
	struct receiver *r = context;
	uint8_t *bytes = mem_alloc(1 << 16);
	ssize_t size;

	while ((size = recv(r->fd, bytes, 1 << 16, 0)) > 0)
		atomic_fetch_add(&r->bytes, (uint64_t)size);
	mem_free(bytes);
	return NULL;
}

/* ---- the program ---- */

static void put_set(struct bench *b, uint32_t count)
{
	struct ifreq request = {.ifr_name = "eth0"};
	struct mirror_set set;
	uint32_t slot = SLOT;
	struct sockaddr_in address = inet_of(1, 0);

	memset(&set, 0, sizeof(set));
	check(ioctl(b->sender, SIOCGIFINDEX, &request) == 0, "eth0");
	set.if_index = (uint32_t)request.ifr_ifindex;
	set.slot_epoch = EPOCH;
	set.count = count;
	set.own_port = htons(PORT);
	memcpy(set.own_address + 12, &address.sin_addr, 4);
	for (uint32_t i = 0; i < count; i++) {
		struct mirror_follower *to = &set.followers[i];

		check(ioctl(b->receivers[i].fd, SIOCGIFHWADDR, &request) == 0, "eth0");
		memcpy(to->next_mac, request.ifr_hwaddr.sa_data, 6);
		address = inet_of(places[i].host, places[i].port);
		memcpy(to->address + 12, &address.sin_addr, 4);
		to->port = address.sin_port;
	}
	set.check = mirror_check(slot, &set);
	check(bpf_map_update_elem(bpf_map__fd(b->programs->maps.bw_mirrors), &slot, &set,
				  BPF_ANY) == 0,
	      "bw_mirrors");
}

static void attach(struct bench *b)
{
	char pin[64], command[320];

	b->programs = mirror_bpf__open_and_load();
	check(b->programs != NULL, "the program");
	snprintf(pin, sizeof(pin), "/sys/fs/bpf/bwt%d-mirror", (int)getpid());
	check(bpf_program__pin(b->programs->progs.bw_mirror_tc, pin) == 0, pin);
	snprintf(command, sizeof(command),
		 "n=%%s; nsenter --net=/run/netns/$n tc qdisc add dev eth0 clsact && "
		 "nsenter --net=/run/netns/$n tc filter add dev eth0 egress bpf direct-action "
		 "pinned %s",
		 pin);
	check(small_net_run(PLACE_NODE1, command) == 0, "tc");
	unlink(pin);
}

/* ---- rounds ---- */

static void make_bundle(struct bench *b, bool clone)
{
	for (size_t at = 0; at < sizeof(b->bundle); at += PIECE_BYTES) {
		struct mirror_piece piece = {
			.magic = htonl(MIRROR_MAGIC),
			.slot = htons(SLOT),
			.slot_epoch = htobe64(EPOCH),
			.flags = clone ? htons(MIRROR_CLONE) : 0,
		};

		memcpy(b->bundle + at, &piece,
		       sizeof(b->bundle) - at < sizeof(piece) ? sizeof(b->bundle) - at
							      : sizeof(piece));
	}
}

static void send_bundle(struct bench *b, size_t size, uint32_t follower)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	struct sockaddr_in to = inet_of(places[follower].host, places[follower].port);
	struct iovec all = {b->bundle, size};
	struct msghdr message = {.msg_name = &to,
				 .msg_namelen = sizeof(to),
				 .msg_iov = &all,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	uint16_t segment = PIECE_BYTES;

	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
	check(sendmsg(b->sender, &message, 0) == (ssize_t)size, "send");
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage used;

	getrusage(RUSAGE_THREAD, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static uint64_t received(struct bench *b, uint32_t followers)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < followers; i++)
		bytes += atomic_load(&b->receivers[i].bytes);
	return bytes;
}

static struct outcome run_round(struct bench *b, size_t size, uint32_t followers, bool clone,
				double seconds)
{
	uint64_t before = received(b, followers);
	double began = seconds_now(), cpu = cpu_seconds(), took;
	uint64_t bundles = 0;

	make_bundle(b, clone);
	for (; seconds_now() - began < seconds; bundles++)
		for (uint32_t i = 0; i < (clone ? 1 : followers); i++)
			send_bundle(b, size, i);
	cpu = cpu_seconds() - cpu;
	took = seconds_now() - began;
	return (struct outcome){
		.megabytes_each =
			(double)(received(b, followers) - before) / followers / took / 1e6,
		.us_for_kib = cpu * 1e6 / ((double)(bundles * size) / 1024),
	};
}

static int compare_rates(const void *a, const void *b)
{
	double left = ((const struct outcome *)a)->megabytes_each;
	double right = ((const struct outcome *)b)->megabytes_each;

	return (left > right) - (left < right);
}

static void print_side(const char *name, struct outcome *all, int rounds)
{
	qsort(all, (size_t)rounds, sizeof(*all), compare_rates);
	printf(" %s best %5.0f median %5.0f MB/s %.2f us/KiB", name, all[rounds - 1].megabytes_each,
	       all[rounds / 2].megabytes_each, all[rounds / 2].us_for_kib);
}

static void compare(struct bench *b, size_t size, uint32_t followers, const char *link, int rounds,
		    double seconds)
{
	struct outcome copied[ROUNDS_MAX], sent[ROUNDS_MAX];

	put_set(b, followers);
	for (int i = 0; i < rounds; i++) {
		copied[i] = run_round(b, size, followers, true, seconds);
		sent[i] = run_round(b, size, followers, false, seconds);
	}
	printf("mirror %2zu KiB to %u, %s:", size / 1024, followers, link);
	print_side("copied", copied, rounds);
	print_side(", sent", sent, rounds);
	printf("\n");
}

static void set_segmentation(bool on)
{
	check(small_net_run(PLACE_NODE1, on ? "nsenter --net=/run/netns/%s ethtool -K eth0 "
					      "tx-udp-segmentation on"
					    : "nsenter --net=/run/netns/%s ethtool -K eth0 "
					      "tx-udp-segmentation off") == 0,
	      "ethtool");
}

static void run_all(struct bench *b, int rounds, double seconds)
{
	static const size_t sizes[] = {2 << 10, 8 << 10, 56 << 10};

	for (int whole = 1; whole >= 0; whole--) {
		set_segmentation(whole);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
			for (uint32_t followers = 2; followers <= FOLLOWERS; followers++)
				compare(b, sizes[i], followers,
					whole ? "GSO by the link" : "GSO in software", rounds,
					seconds);
	}
}

int main(int argc, char **argv)
{
	static struct bench b;
	int rounds = argc > 1 ? atoi(argv[1]) : 5;
	double seconds = (argc > 2 ? atoi(argv[2]) : 150) / 1000.0;

	if (geteuid() != 0) {
		puts("mirror: network namespaces need root");
		return 77;
	}
	if (rounds < 1 || rounds > ROUNDS_MAX || seconds <= 0) {
		fputs("usage: mirror [ROUNDS [MILLISECONDS]]\n", stderr);
		return 2;
	}
	small_net_up(false);
	attach(&b);
	b.sender = open_socket(PLACE_NODE1, 1, PORT);
	for (int i = 0; i < FOLLOWERS; i++) {
		b.receivers[i].fd = open_socket(places[i].place, places[i].host, places[i].port);
		check(pthread_create(&b.receivers[i].thread, NULL, receive, &b.receivers[i]) == 0,
		      "a thread");
	}
	run_all(&b, rounds, seconds);
	for (int i = 0; i < FOLLOWERS; i++) {
		shutdown(b.receivers[i].fd, SHUT_RD);
		pthread_join(b.receivers[i].thread, NULL);
		close(b.receivers[i].fd);
	}
	mirror_bpf__destroy(b.programs);
	small_net_down();
	return 0;
}
