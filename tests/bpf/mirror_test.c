/* The mirroring program, frame by frame: what, packet in, mirror set, verdict, copies; each row by
 * BPF_PROG_TEST_RUN in a network of our own, where the copies go out of lo and are read there.
 * The frame itself always comes out as it went in. Super-packets are mirror_netns_test's matter: a
 * test run cannot make one that a device takes. Needs root. */
#include "bellwether/mirror_maps.h"
#include "steer/skeleton.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum {
	SLOT = 3,
	EPOCH = 77,
	PORT = 9094,
	LO = 1,
	NOWHERE = 99, /* an interface that is not there */
	FRAME_MAX = 512,
	IP_AT = 14,
	UDP_AT = IP_AT + 20,
	PIECE_AT = UDP_AT + 8,
	PAYLOAD_BYTES = 31,
	NOT_COUNTED = -1,
};

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t size;
};

struct row {
	const char *what;
	void (*twist)(struct frame *frame); /* NULL: a piece as the holder sends it */
	void (*twist_set)(struct mirror_set *set);
	bool no_set;  /* the slot has none */
	bool is_torn; /* its check does not fit */
	uint32_t mark, ingress_if_index;
	int verdict; /* enum mirror_verdict or NOT_COUNTED */
	uint32_t copies;
	uint32_t failed; /* copies that the kernel does not take */
};

struct bench {
	struct mirror_bpf *programs;
	int wire; /* reads what leaves lo */
};

/* ---- frames ---- */

static uint32_t sum16(const uint8_t *bytes, size_t size, uint32_t sum)
{
	for (size_t i = 0; i < size; i++)
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* What is under the UDP checksum besides the datagram. */
static uint32_t pseudo_sum(const struct frame *f)
{
	size_t udp_bytes = f->size - UDP_AT;

	return sum16(f->bytes + IP_AT + 12, 8, IPPROTO_UDP + (uint32_t)udp_bytes);
}

static void seal_ip(struct frame *f)
{
	size_t header = (size_t)(f->bytes[IP_AT] & 15) * 4;

	bytes_store_u16(f->bytes + IP_AT + 10, 0);
	bytes_store_u16(f->bytes + IP_AT + 10, (uint16_t)~sum16(f->bytes + IP_AT, header, 0));
}

static void seal_udp(struct frame *f)
{
	uint32_t sum;

	bytes_store_u16(f->bytes + UDP_AT + 6, 0);
	sum = sum16(f->bytes + UDP_AT, f->size - UDP_AT, pseudo_sum(f));
	bytes_store_u16(f->bytes + UDP_AT + 6, (uint16_t)~sum);
}

/* To follower 0 of set_of(). */
static struct frame piece_frame(void)
{
	const struct mirror_piece piece = {
		.magic = htonl(MIRROR_MAGIC),
		.slot = htons(SLOT),
		.slot_epoch = htobe64(EPOCH),
		.pieces = htons(1),
		.flags = htons(MIRROR_CLONE),
	};
	struct frame f = {.size = PIECE_AT + sizeof(piece) + PAYLOAD_BYTES};
	uint8_t *ip = f.bytes + IP_AT, *udp = f.bytes + UDP_AT;

	f.bytes[0] = f.bytes[6] = 2;
	f.bytes[5] = 2;
	f.bytes[11] = 1;
	bytes_store_u16(f.bytes + 12, 0x0800);
	ip[0] = 0x45;
	bytes_store_u16(ip + 2, (uint16_t)(f.size - IP_AT));
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	bytes_store_u32(ip + 12, 10U << 24 | 77 << 16 | 1);
	bytes_store_u32(ip + 16, 10U << 24 | 77 << 16 | 2);
	bytes_store_u16(udp, PORT);
	bytes_store_u16(udp + 2, PORT);
	bytes_store_u16(udp + 4, (uint16_t)(f.size - UDP_AT));
	memcpy(f.bytes + PIECE_AT, &piece, sizeof(piece));
	memset(f.bytes + PIECE_AT + sizeof(piece), 0xa7, PAYLOAD_BYTES);
	seal_ip(&f);
	seal_udp(&f);
	return f;
}

static struct mirror_piece *piece_of(struct frame *f)
{
	return (struct mirror_piece *)(f->bytes + PIECE_AT);
}

static void other_magic(struct frame *f)
{
	piece_of(f)->magic++;
}

static void no_clone_flag(struct frame *f)
{
	piece_of(f)->flags = 0;
}

static void all_flags_but_clone(struct frame *f)
{
	piece_of(f)->flags = htons(0xffff & ~MIRROR_CLONE);
}

static void more_flags(struct frame *f)
{
	piece_of(f)->flags = htons(0xffff);
	seal_udp(f);
}

static void older_epoch(struct frame *f)
{
	piece_of(f)->slot_epoch = htobe64(EPOCH - 1);
}

static void newer_epoch(struct frame *f)
{
	piece_of(f)->slot_epoch = htobe64(EPOCH + 1);
}

static void other_slot(struct frame *f)
{
	piece_of(f)->slot = htons(SLOT + 1);
}

static void highest_slot(struct frame *f)
{
	piece_of(f)->slot = 0xffff;
}

static void from_other_address(struct frame *f)
{
	f->bytes[IP_AT + 15] = 9;
}

static void from_other_port(struct frame *f)
{
	f->bytes[UDP_AT + 1]++;
}

static void to_follower_2(struct frame *f)
{
	f->bytes[IP_AT + 19] = 4;
	bytes_store_u16(f->bytes + UDP_AT + 2, PORT + 1);
	seal_ip(f);
	seal_udp(f);
}

static void to_a_stranger(struct frame *f)
{
	f->bytes[IP_AT + 19] = 77;
}

static void to_another_port(struct frame *f)
{
	f->bytes[UDP_AT + 3]++;
}

static void first_fragment(struct frame *f)
{
	f->bytes[IP_AT + 6] = 0x20;
}

static void later_fragment(struct frame *f)
{
	f->bytes[IP_AT + 7] = 8;
}

static void dont_fragment(struct frame *f)
{
	f->bytes[IP_AT + 6] = 0x40;
	seal_ip(f);
}

static void with_options(struct frame *f)
{
	memmove(f->bytes + UDP_AT + 4, f->bytes + UDP_AT, f->size - UDP_AT);
	memset(f->bytes + UDP_AT, 1, 4);
	f->bytes[IP_AT] = 0x46;
	f->size += 4;
}

static void over_tcp(struct frame *f)
{
	f->bytes[IP_AT + 9] = IPPROTO_TCP;
}

static void as_arp(struct frame *f)
{
	bytes_store_u16(f->bytes + 12, 0x0806);
}

static void over_ipv6(struct frame *f)
{
	const struct mirror_piece piece = *piece_of(f);

	bytes_store_u16(f->bytes + 12, 0x86dd);
	f->bytes[IP_AT] = 0x60;
	f->bytes[IP_AT + 6] = IPPROTO_UDP;
	memcpy(f->bytes + IP_AT + 40 + 8, &piece, sizeof(piece));
	f->size = IP_AT + 40 + 8 + sizeof(piece);
}

static void tagged(struct frame *f)
{
	memmove(f->bytes + 16, f->bytes + 12, f->size - 12);
	bytes_store_u16(f->bytes + 12, 0x8100);
	bytes_store_u16(f->bytes + 14, 5);
	f->size += 4;
}

static void cut_in_its_header(struct frame *f)
{
	f->size = PIECE_AT + sizeof(struct mirror_piece) - 1;
}

static void a_header_alone(struct frame *f)
{
	f->size = PIECE_AT + sizeof(struct mirror_piece);
	bytes_store_u16(f->bytes + IP_AT + 2, (uint16_t)(f->size - IP_AT));
	bytes_store_u16(f->bytes + UDP_AT + 4, (uint16_t)(f->size - UDP_AT));
	seal_ip(f);
	seal_udp(f);
}

static void cut_in_its_magic(struct frame *f)
{
	f->size = PIECE_AT + 3;
}

static void without_checksum(struct frame *f)
{
	bytes_store_u16(f->bytes + UDP_AT + 6, 0);
}

/* ---- sets ---- */

static struct mirror_set set_of(void)
{
	static const uint8_t hosts[] = {2, 3, 4};
	struct mirror_set set;

	memset(&set, 0, sizeof(set));
	set.slot_epoch = EPOCH;
	set.if_index = LO;
	set.count = 3;
	set.own_port = htons(PORT);
	for (int i = -1; i < 3; i++) {
		uint8_t *ip = i < 0 ? set.own_address : set.followers[i].address;

		ip[10] = ip[11] = 0xff;
		bytes_store_u32(ip + 12, 10U << 24 | 77 << 16 | (i < 0 ? 1U : hosts[i]));
		if (i < 0)
			continue;
		set.followers[i].port = htons(i == 2 ? PORT + 1 : PORT);
		set.followers[i].next_mac[0] = 2;
		set.followers[i].next_mac[5] = hosts[i];
	}
	return set;
}

static void one_follower(struct mirror_set *set)
{
	set->count = 1;
}

static void no_follower(struct mirror_set *set)
{
	set->count = 0;
}

static void all_followers(struct mirror_set *set)
{
	for (uint8_t i = 3; i < MIRROR_FOLLOWERS_MAX; i++) {
		set->followers[i] = set->followers[1];
		set->followers[i].address[15] = (uint8_t)(10 + i);
		set->followers[i].next_mac[5] = (uint8_t)(10 + i);
	}
	set->count = MIRROR_FOLLOWERS_MAX;
}

static void more_followers_than_fit(struct mirror_set *set)
{
	all_followers(set);
	set->count = 0xffffffff;
}

static void out_of_nowhere(struct mirror_set *set)
{
	set->if_index = NOWHERE;
}

static const struct row rows[] = {
	{"a piece goes to all others", .verdict = MIRROR_CLONED, .copies = 2},
	{"any follower may be the addressee", to_follower_2, .verdict = MIRROR_CLONED, .copies = 2},
	{"a set of one needs no copy", .twist_set = one_follower, .verdict = MIRROR_CLONED},
	{"a full set", .twist_set = all_followers, .verdict = MIRROR_CLONED, .copies = 5},
	{"a set that counts too many", .twist_set = more_followers_than_fit,
	 .verdict = MIRROR_CLONED, .copies = 5},
	{"a set of nobody", .twist_set = no_follower, .verdict = MIRROR_STRAY},
	{"a header without a bundle", a_header_alone, .verdict = MIRROR_CLONED, .copies = 2},
	{"flags beside CLONE", more_flags, .verdict = MIRROR_CLONED, .copies = 2},
	{"don't fragment is no fragment", dont_fragment, .verdict = MIRROR_CLONED, .copies = 2},
	{"no checksum stays none", without_checksum, .verdict = MIRROR_CLONED, .copies = 2},
	{"its own mark stays on it", .mark = 7, .verdict = MIRROR_CLONED, .copies = 2},
	{"an interface that is gone", .twist_set = out_of_nowhere, .verdict = MIRROR_CLONED,
	 .failed = 2},
	{"a copy passes", .mark = MIRROR_CLONE_MARK, .verdict = NOT_COUNTED},
	{"no set", .no_set = true, .verdict = MIRROR_NO_SET},
	{"a slot without a set", other_slot, .verdict = MIRROR_NO_SET},
	{"a slot that cannot be", highest_slot, .verdict = MIRROR_NO_SET},
	{"F4: a torn set", .is_torn = true, .verdict = MIRROR_TORN},
	{"an older slot epoch", older_epoch, .verdict = MIRROR_STALE},
	{"a newer slot epoch", newer_epoch, .verdict = MIRROR_STALE},
	{"another address of this node", from_other_address, .verdict = MIRROR_FOREIGN},
	{"another process of this node", from_other_port, .verdict = MIRROR_FOREIGN},
	{"F8: to who is no follower", to_a_stranger, .verdict = MIRROR_STRAY},
	{"to another port of a follower", to_another_port, .verdict = MIRROR_STRAY},
	{"what came in here", .ingress_if_index = LO, .verdict = MIRROR_FORWARDED},
	{"odd and forwarded", with_options, .ingress_if_index = LO, .verdict = MIRROR_FORWARDED},
	{"the first fragment", first_fragment, .verdict = MIRROR_ODD},
	{"a later fragment", later_fragment, .verdict = MIRROR_ODD},
	{"IPv4 options", with_options, .verdict = MIRROR_ODD},
	{"IPv6", over_ipv6, .verdict = MIRROR_ODD},
	{"a VLAN tag", tagged, .verdict = NOT_COUNTED},
	{"cut short", cut_in_its_header, .verdict = MIRROR_ODD},
	{"cut shorter", cut_in_its_magic, .verdict = NOT_COUNTED},
	{"no mirror magic", other_magic, .verdict = NOT_COUNTED},
	{"without CLONE", no_clone_flag, .verdict = NOT_COUNTED},
	{"without CLONE, but with all others", all_flags_but_clone, .verdict = NOT_COUNTED},
	{"TCP", over_tcp, .verdict = NOT_COUNTED},
	{"ARP", as_arp, .verdict = NOT_COUNTED},
};

/* ---- running a row ---- */

static void read_counts(const struct bench *b, uint64_t ret_counts[MIRROR_VERDICT_COUNT])
{
	int map = bpf_map__fd(b->programs->maps.bw_mirror_verdicts);
	int cpus = libbpf_num_possible_cpus();
	struct verdict_stats sums[256];

	assert_in_range(cpus, 1, 256);
	for (uint32_t v = 0; v < MIRROR_VERDICT_COUNT; v++) {
		assert_int_equal(bpf_map_lookup_elem(map, &v, sums), 0);
		ret_counts[v] = 0;
		for (int i = 0; i < cpus; i++)
			ret_counts[v] += sums[i].packets;
	}
}

static void put_set(const struct bench *b, const struct row *row)
{
	int map = bpf_map__fd(b->programs->maps.bw_mirrors);
	struct mirror_set set = set_of();
	uint32_t slot = SLOT;

	bpf_map_delete_elem(map, &slot);
	if (row->twist_set)
		row->twist_set(&set);
	set.check = mirror_check(slot, &set) + row->is_torn;
	if (!row->no_set)
		assert_int_equal(bpf_map_update_elem(map, &slot, &set, BPF_ANY), 0);
}

/* One copy for follower i: as the frame, but for where it goes, and right by its checksums. */
static void check_copy(const struct frame *in, const struct mirror_follower *to,
		       const struct frame *copy)
{
	struct frame wanted = *in;
	uint16_t sum = bytes_load_u16(in->bytes + UDP_AT + 6);

	memcpy(wanted.bytes, to->next_mac, 6);
	memcpy(wanted.bytes + IP_AT + 16, to->address + 12, 4);
	memcpy(wanted.bytes + UDP_AT + 2, &to->port, 2);
	seal_ip(&wanted);
	if (sum != 0)
		seal_udp(&wanted);
	assert_int_equal(copy->size, wanted.size);
	assert_memory_equal(copy->bytes, wanted.bytes, wanted.size);
}

/* The next copy that left lo; false: there is none. */
static bool next_copy(const struct bench *b, struct frame *ret_copy)
{
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	ssize_t got;

	do
		got = recvfrom(b->wire, ret_copy->bytes, sizeof(ret_copy->bytes), MSG_DONTWAIT,
			       (struct sockaddr *)&from, &size);
	while (got >= 0 && from.sll_pkttype != PACKET_OUTGOING);
	ret_copy->size = got >= 0 ? (size_t)got : 0;
	return got >= 0;
}

static void check_copies(const struct bench *b, const struct row *row, const struct frame *in)
{
	struct mirror_set set = set_of();
	struct frame copy;
	uint32_t copies = 0;

	if (row->twist_set)
		row->twist_set(&set);
	for (uint32_t i = 0; i < MIRROR_FOLLOWERS_MAX && i < set.count; i++) {
		const struct mirror_follower *to = &set.followers[i];

		if (row->copies == 0 || memcmp(in->bytes + IP_AT + 16, to->address + 12, 4) == 0)
			continue;
		assert_true(next_copy(b, &copy));
		check_copy(in, to, &copy);
		copies++;
	}
	assert_int_equal(copies, row->copies);
	assert_false(next_copy(b, &copy));
}

static void run_row(const struct bench *b, const struct row *row)
{
	struct frame in = piece_frame(), out;
	struct __sk_buff context = {
		.mark = row->mark,
		.ingress_ifindex = row->ingress_if_index,
	};
	uint64_t before[MIRROR_VERDICT_COUNT], after[MIRROR_VERDICT_COUNT];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.bytes, .data_out = out.bytes,
		    .data_size_out = sizeof(out.bytes), .ctx_in = &context, .ctx_out = &context,
		    .ctx_size_in = sizeof(context), .ctx_size_out = sizeof(context));

	if (row->twist)
		row->twist(&in);
	options.data_size_in = (uint32_t)in.size;
	put_set(b, row);
	read_counts(b, before);
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(b->programs->progs.bw_mirror_tc), &options),
		0);
	read_counts(b, after);
	assert_int_equal((int)options.retval, TC_ACT_UNSPEC);
	assert_int_equal(options.data_size_out, in.size);
	assert_memory_equal(out.bytes, in.bytes, in.size);
	assert_int_equal(context.mark, row->mark == MIRROR_CLONE_MARK ? 0 : row->mark);
	check_copies(b, row, &in);
	before[MIRROR_CLONES] += row->copies;
	before[MIRROR_CLONE_FAILED] += row->failed;
	if (row->verdict != NOT_COUNTED)
		before[row->verdict]++;
	for (uint32_t v = 0; v < MIRROR_VERDICT_COUNT; v++)
		assert_int_equal(after[v], before[v]);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		print_message("  %s\n", rows[i].what);
		run_row(*state, &rows[i]);
	}
}

/* Checksums in ones' complement have two zeros: no payload may lead to the wrong one. */
static void every_checksum_comes_out_right(void **state)
{
	struct row row = {"every payload", .verdict = MIRROR_CLONED, .copies = 2};
	struct bench *b = *state;
	struct frame in;

	put_set(b, &row);
	for (uint32_t word = 0; word <= 0xffff; word += 7) {
		struct frame out, copy;
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.bytes, .data_out = out.bytes,
			    .data_size_out = sizeof(out.bytes));

		in = piece_frame();
		options.data_size_in = (uint32_t)in.size;
		bytes_store_u16(in.bytes + IP_AT + 4, (uint16_t)word); /* the IPv4 header's, too */
		bytes_store_u16(in.bytes + in.size - 3, (uint16_t)word);
		seal_ip(&in);
		seal_udp(&in);
		assert_int_equal(
			bpf_prog_test_run_opts(bpf_program__fd(b->programs->progs.bw_mirror_tc),
					       &options),
			0);
		for (int i = 0; i < 2; i++) {
			assert_true(next_copy(b, &copy));
			assert_int_equal(sum16(copy.bytes + IP_AT, 20, 0), 0xffff);
			assert_int_equal(
				sum16(copy.bytes + UDP_AT, copy.size - UDP_AT, pseudo_sum(&copy)),
				0xffff);
			assert_true(bytes_load_u16(copy.bytes + UDP_AT + 6) != 0);
		}
	}
}

/* ---- loading ---- */

static int drop_to_two_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	data[0].effective = data[0].permitted = 1U << CAP_NET_ADMIN;
	data[1].effective = data[1].permitted = 1U << (CAP_BPF - 32);
	return (int)syscall(SYS_capset, &header, data);
}

/* CAP_PERFMON is not ours: KERNEL.md. */
static void two_capabilities_are_enough_to_load(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		struct mirror_bpf *programs = NULL;

		if (drop_to_two_capabilities() == 0)
			programs = mirror_bpf__open_and_load();
		_exit(programs ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void the_program_is_below_a_thousand_instructions(void **state)
{
	const struct bench *b = *state;

	assert_in_range(bpf_program__insn_cnt(b->programs->progs.bw_mirror_tc), 1, 999);
}

static void raise_lo(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static int set_up(void **state)
{
	static struct bench b;
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(0x0003), .sll_ifindex = LO};

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	raise_lo();
	b.wire = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x0003));
	assert_int_equal(bind(b.wire, (struct sockaddr *)&at, sizeof(at)), 0);
	b.programs = mirror_bpf__open_and_load();
	assert_non_null(b.programs);
	*state = &b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	mirror_bpf__destroy(b->programs);
	close(b->wire);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(every_checksum_comes_out_right),
		cmocka_unit_test(two_capabilities_are_enough_to_load),
		cmocka_unit_test(the_program_is_below_a_thousand_instructions),
	};

	if (geteuid() != 0) {
		puts("network namespaces and BPF programs need root");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
