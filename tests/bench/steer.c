/* What steering costs, against a program that only redirects and against no program at all: in
 * alternating short rounds, in TC and in XDP. Needs root.
 *
 *	steer [ROUNDS [MS]]    default: 11 rounds of 50 ms of each
 *
 * First the program alone (BPF_PROG_TEST_RUN, nanoseconds a frame), then frames of 64 bytes sent as
 * fast as one core can over a veth pair (veth.h), steered back to where they came from. Without a
 * program the frames end in the node's stack; that is a ceiling for passing, not for forwarding. */
#include "bpf/rig.h"
#include "bpf/steer_rows.h"
#include "bpf/veth.h"
#include "steer/skeleton.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 1000,
	BATCH = 64,
	HOPS = 250, /* a frame of a test run is used again, with one hop less */
	TEST_RUNS = 100,
	GOAL_PERCENT = 90,
};

enum what { NO_PROGRAM, BARE, STEERED, NO_SLOT, WHATS };

static const char *const what_names[] = {"no program", "bare redirect", "steered", "no slot"};

struct bench {
	struct rig rig;
	struct veth veth;
	int bare[ENTRY_POINTS]; /* programs */
	int sender;
	int rounds;
	uint64_t round_ns;
};

/* Processor time: sending, the program and what comes back are all this thread's on a veth pair,
 * and other programs on the machine do not count. */
static uint64_t spent_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static void must(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "steer: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

/* ---- programs ---- */

/* Sends every frame back out of the interface: nothing can do that with less. */
static int load_bare(enum entry_point entry, uint32_t if_index)
{
	const struct bpf_insn tc[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = (int)if_index},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
		{.code = BPF_JMP | BPF_EXIT},
	};
	const struct bpf_insn xdp[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_TX},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .prog_flags = entry == XDP ? BPF_F_XDP_HAS_FRAGS : 0);
	int fd = entry == TC
			 ? bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bare_tc", "GPL", tc, 4, NULL)
			 : bpf_prog_load(BPF_PROG_TYPE_XDP, "bare_xdp", "GPL", xdp, 2, &options);

	must(fd, "loading a bare redirect");
	return fd;
}

static int program_of(const struct bench *b, enum entry_point entry, enum what what)
{
	if (what == BARE)
		return b->bare[entry];
	return bpf_program__fd(entry == XDP ? b->rig.programs->progs.bw_steer_xdp
					    : b->rig.programs->progs.bw_steer_tc);
}

/* The holder has the node's own MAC address: so a frame that comes out can go in again. */
static void write_entry(struct bench *b, enum what what, uint32_t if_index)
{
	const struct row row = {0};
	struct slot_key key = row_key(false);
	struct slot_value value = row_value(&row, &key, if_index);

	packet_mac(value.next_mac, MAC_NODE);
	value.check = slot_check(&key, &value);
	if (what == NO_SLOT)
		bpf_map_delete_elem(b->rig.maps.slots, &key);
	else
		must(bpf_map_update_elem(b->rig.maps.slots, &key, &value, BPF_ANY), "an entry");
}

/* ---- one round ---- */

/* Nanoseconds that the program itself takes for a frame. */
static double test_run(struct bench *b, enum entry_point entry, enum what what)
{
	const struct row row = {.frame = SEGMENT4};
	struct packet in = row_packet(&row);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.bytes, .data_size_in = (__u32)in.size,
		    .repeat = HOPS);
	double sum = 0;

	in.bytes[AT_TTL4] = 255;
	write_entry(b, what, HERE);
	for (int i = 0; i < TEST_RUNS; i++) {
		must(bpf_prog_test_run_opts(program_of(b, entry, what), &options), "a test run");
		sum += options.duration;
	}
	return sum / TEST_RUNS;
}

static uint64_t received(const char *name)
{
	struct ifaddrs *all, *at;
	uint64_t packets = 0;

	must(getifaddrs(&all), "interfaces");
	for (at = all; at; at = at->ifa_next)
		if (at->ifa_addr && at->ifa_addr->sa_family == AF_PACKET &&
		    strcmp(at->ifa_name, name) == 0)
			packets = ((struct rtnl_link_stats *)at->ifa_data)->rx_packets;
	freeifaddrs(all);
	return packets;
}

static void send_for(const struct bench *b)
{
	const struct row row = {.frame = SEGMENT4};
	struct packet frame = row_packet(&row);
	struct iovec piece = {frame.bytes, frame.size};
	struct mmsghdr messages[BATCH];
	uint64_t until = spent_ns() + b->round_ns;

	for (int i = 0; i < BATCH; i++)
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
	while (spent_ns() < until)
		must(sendmmsg(b->sender, messages, BATCH, 0), "sending");
}

/* Packets per second: that came back, or, where none should, that arrived. */
static double wire_run(struct bench *b, enum entry_point entry, enum what what)
{
	const char *counted = what == BARE || what == STEERED ? "near" : "far";
	uint64_t started, before;

	write_entry(b, what, b->veth.far);
	if (what == NO_PROGRAM)
		veth_detach(&b->veth, entry);
	else
		must(veth_attach(&b->veth, entry, program_of(b, entry, what)), "attaching");
	before = received(counted);
	started = spent_ns();
	send_for(b);
	return (double)(received(counted) - before) * 1e9 / (double)(spent_ns() - started);
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

static double median(const double *sorted, int count)
{
	return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static void say(const char *name, const char *unit, double *figures, int count, bool more_is_better)
{
	qsort(figures, (size_t)count, sizeof(*figures), by_size);
	printf("%-36s best %.0f median %.0f %s\n", name, figures[more_is_better ? count - 1 : 0],
	       median(figures, count), unit);
}

typedef double (*round_function)(struct bench *b, enum entry_point entry, enum what what);

static void compare(struct bench *b, enum entry_point entry, round_function run, enum what first,
		    const char *unit, bool more_is_better)
{
	double figures[WHATS][ROUNDS_MAX], ratios[ROUNDS_MAX];
	char name[64];

	for (int round = 0; round < b->rounds; round++) {
		for (int what = (int)first; what < WHATS; what++)
			figures[what][round] = run(b, entry, (enum what)what);
		ratios[round] = 100 * figures[STEERED][round] / figures[BARE][round];
	}
	for (int what = (int)first; what < WHATS; what++) {
		snprintf(name, sizeof(name), "%s, %s", model_entry_name(entry), what_names[what]);
		say(name, unit, figures[what], b->rounds, more_is_better);
	}
	if (!more_is_better)
		return;
	say("steered against bare", "%", ratios, b->rounds, more_is_better);
	if (median(ratios, b->rounds) < GOAL_PERCENT)
		printf("    below the goal of %d %%\n", GOAL_PERCENT);
}

int main(int argc, char **argv)
{
	struct bench b = {.rounds = argc > 1 ? atoi(argv[1]) : 11};

	b.round_ns = (argc > 2 ? strtoull(argv[2], NULL, 10) : 50) * 1000000;
	if (b.rounds < 1 || b.rounds > ROUNDS_MAX || geteuid() != 0) {
		fprintf(stderr, "usage: steer [ROUNDS [MS]], at most %d rounds, as root\n",
			ROUNDS_MAX);
		return 2;
	}
	libbpf_set_print(NULL);
	veth_up(&b.veth);
	errno = -rig_load(1, &b.rig);
	must(-errno, "loading the programs");
	b.sender = veth_sender(&b.veth, false);
	for (int entry = XDP; entry < ENTRY_POINTS; entry++)
		b.bare[entry] = load_bare((enum entry_point)entry, b.veth.far);
	puts("the program alone:");
	for (int entry = XDP; entry < ENTRY_POINTS; entry++)
		compare(&b, (enum entry_point)entry, test_run, BARE, "ns a frame", false);
	puts("over a veth pair and back:");
	compare(&b, TC, wire_run, NO_PROGRAM, "frames/s", true);
	veth_detach(&b.veth, TC);
	compare(&b, XDP, wire_run, NO_PROGRAM, "frames/s", true);
	veth_down(&b.veth);
	rig_unload(&b.rig);
	return 0;
}
