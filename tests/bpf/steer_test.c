/* The steering programs, frame by frame: what, packet in, map contents, verdict, packet out,
 * counter; each row through both entry points by BPF_PROG_TEST_RUN. Needs root. */
#include "bpf/steer_rows.h"
#include "steer/maps.h"
#include "steer/skeleton.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/pkt_cls.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SECOND_NS 1000000000LL

enum { SLOT = 5, FUZZ_ROUNDS = 20000, NOT_RUN = -1000 };

enum entry_point { XDP, TC, ENTRY_POINTS };

struct bench {
	struct steer_bpf *programs;
	struct maps maps;
};

static const char *const verdict_names[] = {
#define NAME(name, text, meaning) text,
	STEER_VERDICTS(NAME)
#undef NAME
};

/* ---- running a frame ---- */

static bool is_steered(enum steer_verdict verdict)
{
	return verdict >= STEER_STEERED;
}

static int expected_action(enum entry_point entry, enum steer_verdict verdict, uint32_t if_index)
{
	if (verdict == STEER_DROP_TTL)
		return entry == XDP ? XDP_DROP : TC_ACT_SHOT;
	if (!is_steered(verdict))
		return entry == XDP ? XDP_PASS : TC_ACT_UNSPEC;
	if (entry == TC)
		return TC_ACT_REDIRECT;
	return if_index == HERE ? XDP_TX : XDP_REDIRECT;
}

/* Returns the program's action. NOT_RUN: the kernel makes no skb of a frame that ends before its IP
 * header does, so TC cannot meet one. */
static int run(struct bench *b, enum entry_point entry, const struct packet *in,
	       struct packet *ret_out)
{
	struct bpf_program *program = entry == XDP ? b->programs->progs.bw_steer_xdp
						   : b->programs->progs.bw_steer_tc;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in->bytes, .data_out = ret_out->bytes,
		    .data_size_in = (__u32)in->size, .data_size_out = sizeof(ret_out->bytes),
		    .repeat = 1);

	int rc = bpf_prog_test_run_opts(bpf_program__fd(program), &options);

	if (rc == -EINVAL && entry == TC && in->size < 14 + 40)
		return NOT_RUN;
	assert_int_equal(rc, 0);
	ret_out->size = options.data_size_out;
	return (int)options.retval;
}

static uint64_t boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static uint64_t valid_until(int64_t valid_s)
{
	if (valid_s == INT64_MIN)
		return 0;
	return boot_ns() + (uint64_t)((valid_s ? valid_s : 3600) * SECOND_NS);
}

static struct slot_key key_of(bool ipv6)
{
	struct slot_key key = {.port = htons(PACKET_SLOT_PORT)};

	packet_slot_address(ipv6, key.address);
	return key;
}

static struct slot_value value_of(const struct slot_key *key, const struct row *row)
{
	struct slot_value value = {
		.slot_epoch = 10,
		.valid_until_ns = valid_until(row->valid_s),
		.slot = SLOT,
		.holder = 2,
		.if_index = row->if_index ? row->if_index : HERE,
		.flags = row->flags,
		.port = PACKET_SLOT_PORT,
	};

	packet_mac(value.next_mac, MAC_HOLDER);
	packet_mac(value.own_mac, MAC_NODE);
	value.check = slot_check(key, &value);
	return value;
}

static void set_entries(struct bench *b, const struct row *row)
{
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		struct slot_key key = key_of(ipv6);
		struct slot_value value = value_of(&key, row);

		if (row->no_entry)
			bpf_map_delete_elem(b->maps.slots, &key);
		else
			assert_int_equal(bpf_map_update_elem(b->maps.slots, &key, &value, BPF_ANY),
					 0);
	}
}

/* Only MAC addresses, TTL and the IPv4 checksum change; the checksum stays right. */
static void check_rewritten(const struct packet *in, const struct packet *out)
{
	struct packet expected = *in;
	bool ipv6 = in->bytes[12] == 0x86;

	packet_mac(expected.bytes, MAC_HOLDER);
	packet_mac(expected.bytes + 6, MAC_NODE);
	expected.bytes[ipv6 ? 21 : 22]--;
	if (!ipv6 && packet_is_sealed4(in))
		packet_seal4(&expected);
	else if (!ipv6)
		memcpy(expected.bytes + 24, out->bytes + 24, 2);
	assert_int_equal(out->size, in->size);
	assert_memory_equal(out->bytes, expected.bytes, in->size);
}

static void check_untouched(const struct packet *in, const struct packet *out)
{
	assert_int_equal(out->size, in->size);
	assert_memory_equal(out->bytes, in->bytes, in->size);
}

struct counts {
	struct verdict_stats verdicts[STEER_VERDICT_COUNT];
	struct slot_stats slot;
};

static struct counts read_counts(struct bench *b)
{
	struct counts counts;

	for (uint32_t i = 0; i < STEER_VERDICT_COUNT; i++)
		assert_int_equal(maps_read_verdict(&b->maps, i, &counts.verdicts[i]), 0);
	assert_int_equal(maps_read_slot(&b->maps, SLOT, &counts.slot), 0);
	return counts;
}

/* Which verdict was counted, exactly once and with the frame's bytes. */
static enum steer_verdict counted(const struct counts *before, const struct counts *after,
				  size_t bytes)
{
	enum steer_verdict verdict = STEER_VERDICT_COUNT;

	for (uint32_t i = 0; i < STEER_VERDICT_COUNT; i++) {
		uint64_t packets = after->verdicts[i].packets - before->verdicts[i].packets;

		if (packets == 0)
			continue;
		assert_int_equal(packets, 1);
		assert_int_equal(verdict, STEER_VERDICT_COUNT);
		assert_int_equal(after->verdicts[i].bytes - before->verdicts[i].bytes, bytes);
		verdict = (enum steer_verdict)i;
	}
	return verdict;
}

static void check_slot_counts(const struct row *row, const struct packet *in,
			      const struct counts *before, const struct counts *after)
{
	bool met = row->verdict >= STEER_PASS_LOCAL;
	bool ipv6 = in->bytes[12] == 0x86;
	bool is_syn = met && row->verdict != STEER_STEERED_TOO_BIG &&
		      in->bytes[ipv6 ? 20 : 23] == 6 && in->bytes[ipv6 ? 67 : 47] == SYN;

	assert_int_equal(after->slot.packets - before->slot.packets, met);
	assert_int_equal(after->slot.bytes - before->slot.bytes, met ? in->size : 0);
	assert_int_equal(after->slot.syns - before->slot.syns, is_syn);
	assert_int_equal(after->slot.forwarded - before->slot.forwarded, is_steered(row->verdict));
}

static void check_row(struct bench *b, const struct row *row, enum entry_point entry)
{
	struct packet in = row->make(), out;
	struct counts before, after;
	enum steer_verdict verdict;
	int action;

	set_entries(b, row);
	before = read_counts(b);
	action = run(b, entry, &in, &out);
	if (action == NOT_RUN) {
		assert_int_equal(row->verdict, STEER_PASS_SHORT);
		return;
	}
	after = read_counts(b);
	verdict = counted(&before, &after, in.size);
	if (verdict != row->verdict)
		fail_msg("%s (%s): %s instead of %s", row->what, entry == XDP ? "xdp" : "tc",
			 verdict < STEER_VERDICT_COUNT ? verdict_names[verdict] : "nothing",
			 verdict_names[row->verdict]);
	assert_int_equal(action,
			 expected_action(entry, verdict, row->if_index ? row->if_index : HERE));
	if (is_steered(verdict))
		check_rewritten(&in, &out);
	else
		check_untouched(&in, &out);
	check_slot_counts(row, &in, &before, &after);
}

static void every_row_of_the_table_holds(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < steer_row_count; i++)
		for (int entry = XDP; entry < ENTRY_POINTS; entry++)
			check_row(b, &steer_rows[i], (enum entry_point)entry);
}

static void every_verdict_but_a_torn_one_has_a_row(void **state)
{
	(void)state;
	for (uint32_t verdict = 0; verdict < STEER_VERDICT_COUNT; verdict++) {
		size_t found = 0;

		for (size_t i = 0; i < steer_row_count; i++)
			found += steer_rows[i].verdict == verdict;
		if (found == 0 && verdict != STEER_PASS_TORN)
			fail_msg("%s has no row", verdict_names[verdict]);
	}
}

/* ---- what a table does not say ---- */

static void f4_an_entry_with_any_wrong_byte_is_not_believed(void **state)
{
	static const struct row good = {.verdict = STEER_STEERED};
	struct bench *b = *state;
	struct slot_key key = key_of(false);

	for (size_t i = 0; i < sizeof(struct slot_value); i++) {
		struct slot_value value = value_of(&key, &good);
		struct packet in = packet_tcp4(SYN), out;
		struct counts before = read_counts(b), after;

		((uint8_t *)&value)[i] ^= 1;
		assert_int_equal(bpf_map_update_elem(b->maps.slots, &key, &value, BPF_ANY), 0);
		assert_int_equal(run(b, i & 1 ? XDP : TC, &in, &out),
				 expected_action(i & 1 ? XDP : TC, STEER_PASS_TORN, HERE));
		after = read_counts(b);
		assert_int_equal(counted(&before, &after, in.size), STEER_PASS_TORN);
	}
}

static void a_super_packet_counts_once(void **state)
{
	static const struct row row = {.verdict = STEER_STEERED};
	struct bench *b = *state;
	struct packet in = packet_tcp4(ACK), out;
	struct __sk_buff context = {.gso_segs = 10, .gso_size = 1448};
	struct counts before, after;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.bytes, .data_out = out.bytes,
		    .data_size_in = (__u32)in.size, .data_size_out = sizeof(out.bytes),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);

	int program = bpf_program__fd(b->programs->progs.bw_steer_tc);

	set_entries(b, &row);
	before = read_counts(b);
	assert_int_equal(bpf_prog_test_run_opts(program, &options), 0);
	after = read_counts(b);
	assert_int_equal(counted(&before, &after, in.size), STEER_STEERED);
}

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33);
}

/* Any change to any frame: one verdict, and nothing but MACs, TTL and checksum rewritten. */
static void hostile_frames_are_judged_once_and_changed_nowhere_else(void **state)
{
	const struct packet frames[] = {packet_tcp4(SYN), packet_tcp6(ACK), packet_too_big4(),
					packet_too_big6()};
	static const struct row row = {.verdict = STEER_STEERED};
	struct bench *b = *state;
	struct counts before, after;
	uint64_t seed = 1, judged = 0, runs = 0;

	set_entries(b, &row);
	before = read_counts(b);
	for (int round = 0; round < FUZZ_ROUNDS; round++) {
		struct packet in = frames[next_random(&seed) % 4], out;
		enum entry_point entry = next_random(&seed) % 2 ? XDP : TC;
		uint32_t changes = next_random(&seed) % 4;
		int action;

		while (changes-- > 0)
			in.bytes[next_random(&seed) % in.size] = (uint8_t)next_random(&seed);
		if (next_random(&seed) % 4 == 0)
			in.size = 14 + next_random(&seed) % (in.size - 14);
		action = run(b, entry, &in, &out);
		runs += action != NOT_RUN;
		if (action == NOT_RUN)
			continue;
		if (action == (entry == XDP ? (int)XDP_TX : TC_ACT_REDIRECT))
			check_rewritten(&in, &out);
		else
			check_untouched(&in, &out);
	}
	after = read_counts(b);
	for (uint32_t i = 0; i < STEER_VERDICT_COUNT; i++)
		judged += after.verdicts[i].packets - before.verdicts[i].packets;
	assert_int_equal(judged, runs);
	assert_true(runs > FUZZ_ROUNDS / 2);
}

static void programs_stay_under_a_thousand_instructions(void **state)
{
	struct bench *b = *state;

	assert_in_range(bpf_program__insn_cnt(b->programs->progs.bw_steer_xdp), 1, 999);
	assert_in_range(bpf_program__insn_cnt(b->programs->progs.bw_steer_tc), 1, 999);
}

/* CAP_PERFMON is not ours: KERNEL.md. */
static void two_capabilities_are_enough_to_load(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
		struct __user_cap_data_struct data[2] = {0};

		data[0].effective = data[0].permitted = 1U << CAP_NET_ADMIN;
		data[1].effective = data[1].permitted = 1U << (CAP_BPF - 32);
		if (syscall(SYS_capset, &header, data) < 0)
			_exit(2);
		_exit(steer_bpf__open_and_load() ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- set-up ---- */

static int set_up(void **state)
{
	static struct bench bench;
	struct steer_config *config;
	struct peer_key peer = {0};
	uint32_t node = 3;

	bench.programs = steer_bpf__open();
	if (!bench.programs)
		return -1;
	config = (struct steer_config *)&bench.programs->rodata->bw_config;
	config->grace_ns = GRACE_S * SECOND_NS;
	packet_mac(config->own_mac, MAC_NODE);
	if (steer_bpf__load(bench.programs) < 0) {
		fprintf(stderr, "the programs cannot be loaded: run this test as root\n");
		return -1;
	}
	bench.maps = (struct maps){
		.slots = bpf_map__fd(bench.programs->maps.bw_slots),
		.peers = bpf_map__fd(bench.programs->maps.bw_peers),
		.leaders = -1,
		.cluster = -1,
		.verdicts = bpf_map__fd(bench.programs->maps.bw_verdicts),
		.slot_stats = bpf_map__fd(bench.programs->maps.bw_slot_stats),
	};
	packet_mac(peer.mac, MAC_PEER);
	*state = &bench;
	return bpf_map_update_elem(bench.maps.peers, &peer, &node, BPF_ANY);
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	steer_bpf__destroy(b->programs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_holds),
		cmocka_unit_test(every_verdict_but_a_torn_one_has_a_row),
		cmocka_unit_test(f4_an_entry_with_any_wrong_byte_is_not_believed),
		cmocka_unit_test(a_super_packet_counts_once),
		cmocka_unit_test(hostile_frames_are_judged_once_and_changed_nowhere_else),
		cmocka_unit_test(programs_stay_under_a_thousand_instructions),
		cmocka_unit_test(two_capabilities_are_enough_to_load),
	};

	if (geteuid() != 0) {
		puts("loading BPF programs needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
