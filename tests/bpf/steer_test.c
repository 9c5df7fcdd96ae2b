/* The steering programs, frame by frame: what, packet in, map contents, verdict, packet out,
 * counter; each row through both entry points by BPF_PROG_TEST_RUN. Needs root. */
#include "bpf/rig.h"
#include "bpf/steer_model.h"
#include "bpf/steer_rows.h"
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

static uint32_t row_interface(const struct row *row)
{
	return row->if_index ? row->if_index : HERE;
}

struct counts {
	struct verdict_stats verdicts[STEER_VERDICT_COUNT];
	struct slot_stats slot;
};

static struct counts read_counts(struct rig *b)
{
	struct counts counts;

	assert_int_equal(rig_read_verdicts(b, counts.verdicts), 0);
	assert_int_equal(maps_read_slot(&b->maps, ROW_SLOT, &counts.slot), 0);
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
		      (in->bytes[ipv6 ? 67 : 47] & (SYN | ACK)) == SYN;

	assert_int_equal(after->slot.packets - before->slot.packets, met);
	assert_int_equal(after->slot.bytes - before->slot.bytes, met ? in->size : 0);
	assert_int_equal(after->slot.syns - before->slot.syns, is_syn);
	assert_int_equal(after->slot.forwarded - before->slot.forwarded,
			 model_is_steered(row->verdict));
}

static void check_row(struct rig *b, const struct row *row, enum entry_point entry)
{
	struct packet in = row_packet(row), expected = row_packet_out(row, &in), out;
	struct counts before, after;
	enum steer_verdict verdict;
	int action;

	assert_int_equal(row_write_entries(row, &b->maps, row_interface(row)), 0);
	before = read_counts(b);
	action = rig_run(b, entry, &in, &out);
	if (action == NOT_RUN) {
		assert_int_equal(entry, TC);
		return;
	}
	after = read_counts(b);
	verdict = counted(&before, &after, in.size);
	if (verdict != row->verdict)
		fail_msg("%s (%s): %s instead of %s", row->what, model_entry_name(entry),
			 model_verdict_name(verdict), model_verdict_name(row->verdict));
	assert_int_equal(action, model_action(entry, verdict, row_interface(row)));
	assert_int_equal(out.size, in.size);
	assert_memory_equal(out.bytes, expected.bytes, in.size);
	check_slot_counts(row, &in, &before, &after);
}

static void every_row_of_the_table_holds(void **state)
{
	struct rig *b = *state;

	for (size_t i = 0; i < steer_row_count; i++)
		for (int entry = XDP; entry < ENTRY_POINTS; entry++)
			check_row(b, &steer_rows[i], (enum entry_point)entry);
}

static void every_verdict_has_a_row(void **state)
{
	(void)state;
	for (uint32_t verdict = 0; verdict < STEER_VERDICT_COUNT; verdict++) {
		size_t found = 0;

		for (size_t i = 0; i < steer_row_count; i++)
			found += steer_rows[i].verdict == verdict;
		if (found == 0)
			fail_msg("%s has no row", model_verdict_name((enum steer_verdict)verdict));
	}
}

/* ---- what a table does not say ---- */

static void f4_an_entry_with_any_wrong_byte_is_not_believed(void **state)
{
	static const struct row good = {.verdict = STEER_STEERED};
	struct rig *b = *state;
	struct slot_key key = row_key(false);

	for (size_t i = 0; i < sizeof(struct slot_value); i++) {
		struct slot_value value = row_value(&good, &key, HERE);
		struct packet in = packet_tcp4(SYN), out;
		struct counts before = read_counts(b), after;

		((uint8_t *)&value)[i] ^= 1;
		assert_int_equal(bpf_map_update_elem(b->maps.slots, &key, &value, BPF_ANY), 0);
		assert_int_equal(rig_run(b, i & 1 ? XDP : TC, &in, &out),
				 model_action(i & 1 ? XDP : TC, STEER_PASS_TORN, HERE));
		after = read_counts(b);
		assert_int_equal(counted(&before, &after, in.size), STEER_PASS_TORN);
	}
}

static void a_super_packet_counts_once(void **state)
{
	static const struct row row = {.verdict = STEER_STEERED};
	struct rig *b = *state;
	struct packet in = packet_tcp4(ACK), out;
	struct __sk_buff context = {.gso_segs = 10, .gso_size = 1448};
	struct counts before, after;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.bytes, .data_out = out.bytes,
		    .data_size_in = (__u32)in.size, .data_size_out = sizeof(out.bytes),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);

	int program = bpf_program__fd(b->programs->progs.bw_steer_tc);

	assert_int_equal(row_write_entries(&row, &b->maps, HERE), 0);
	before = read_counts(b);
	assert_int_equal(bpf_prog_test_run_opts(program, &options), 0);
	after = read_counts(b);
	assert_int_equal(counted(&before, &after, in.size), STEER_STEERED);
}

/* Where in these frames the headers end that the decision needs. */
static const struct {
	enum row_frame frame;
	size_t whole, enough;
} cuts[] = {{SYN4, 64, 54}, {SYN6, 84, 74}, {TOO_BIG4, 70, 66}, {TOO_BIG6, 110, 106}};

static void frames_of_every_length_pass_until_their_headers_are_whole(void **state)
{
	struct rig *b = *state;

	for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		struct row row = {.what = "cut", .frame = cuts[i].frame};
		struct packet whole = row_packet(&row);
		bool is_tcp = row.frame == SYN4 || row.frame == SYN6;

		assert_int_equal(whole.size, cuts[i].whole);
		for (size_t size = 14; size <= cuts[i].whole; size++) {
			row.cut = (uint16_t)size;
			row.verdict = is_tcp ? STEER_STEERED : STEER_STEERED_TOO_BIG;
			if (size < cuts[i].enough)
				row.verdict = STEER_PASS_SHORT;
			check_row(b, &row, XDP);
			check_row(b, &row, TC);
		}
	}
}

static void programs_stay_under_a_thousand_instructions(void **state)
{
	struct rig *b = *state;

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
	static struct rig rig;

	if (rig_load(GRACE_S * SECOND_NS, &rig) < 0)
		return -1;
	*state = &rig;
	return row_write_peer(&rig.maps);
}

static int tear_down(void **state)
{
	rig_unload(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_holds),
		cmocka_unit_test(every_verdict_has_a_row),
		cmocka_unit_test(f4_an_entry_with_any_wrong_byte_is_not_believed),
		cmocka_unit_test(a_super_packet_counts_once),
		cmocka_unit_test(frames_of_every_length_pass_until_their_headers_are_whole),
		cmocka_unit_test(programs_stay_under_a_thousand_instructions),
		cmocka_unit_test(two_capabilities_are_enough_to_load),
	};

	if (geteuid() != 0) {
		puts("loading BPF programs needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
