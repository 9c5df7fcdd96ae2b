/* The steering programs on a real device: a veth pair in a namespace of its own, of which `near` is
 * the test's end and `far` the node's. Here is what BPF_PROG_TEST_RUN cannot make: frames that end
 * before their IP header does in TC, tags that the stack has taken off, jumbo frames and
 * super-packets, headers in fragments of an skb. Every row of the table runs too. Needs root. */
#include "bpf/rig.h"
#include "bpf/steer_rows.h"
#include "bpf/veth.h"
#include "steer/skeleton.h"

#include <linux/virtio_net.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SECOND_NS 1000000000LL

enum { PATIENCE_S = 10, WIRE_BYTES_MAX = 70000, TAG_BYTES = 4 };

struct wire {
	struct rig rig;
	struct veth veth;
	enum entry_point entry;
	int sender, receiver;
	uint8_t *received; /* WIRE_BYTES_MAX */
};

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* ---- frames out, verdicts and frames back ---- */

/* headers: of the frame, which ends in `more` bytes more. linear_bytes: how much of it the skb
 * holds in one piece, if the frame is larger than a page; gso_bytes: a super-packet of such
 * segments. */
static void send_frame(struct wire *w, const struct packet *headers, size_t more,
		       uint16_t linear_bytes, uint16_t gso_bytes)
{
	bool ipv6 = headers->bytes[AT_TYPE] == 0x86;
	struct virtio_net_hdr about = {.hdr_len = linear_bytes};
	struct iovec pieces[] = {
		{&about, sizeof(about)},
		{(void *)(uintptr_t)headers->bytes, headers->size},
		{w->received, more}, /* any bytes */
	};
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 3};
	ssize_t size = (ssize_t)(sizeof(about) + headers->size + more);

	if (gso_bytes) {
		about.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		about.gso_type = ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		about.gso_size = gso_bytes;
		about.csum_start = ipv6 ? AT_PAYLOAD6 : AT_PAYLOAD4;
		about.csum_offset = 16;
	}
	assert_int_equal(sendmsg(w->sender, &message, 0), size);
}

/* The one verdict that comes to be counted, and the bytes counted with it. */
static enum steer_verdict await_verdict(struct wire *w, const struct verdict_stats *before,
					uint64_t *ret_bytes)
{
	struct verdict_stats after[STEER_VERDICT_COUNT];
	time_t until = now_s() + PATIENCE_S;

	while (now_s() < until) {
		assert_int_equal(rig_read_verdicts(&w->rig, after), 0);
		for (uint32_t i = 0; i < STEER_VERDICT_COUNT; i++) {
			if (after[i].packets == before[i].packets)
				continue;
			assert_int_equal(after[i].packets, before[i].packets + 1);
			*ret_bytes = after[i].bytes - before[i].bytes;
			return (enum steer_verdict)i;
		}
		sched_yield();
	}
	return STEER_VERDICT_COUNT;
}

/* Checks that the frame comes back as expected; `more` bytes behind are only counted. A frame that
 * should not have come back would be met here, before the next one that should. */
static void expect_back(struct wire *w, const struct packet *expected, size_t more)
{
	ssize_t size = recv(w->receiver, w->received, WIRE_BYTES_MAX, 0);

	assert_int_equal(size, expected->size + more);
	assert_memory_equal(w->received, expected->bytes, expected->size);
}

static void try_row(struct wire *w, const struct row *row, size_t more, uint16_t linear_bytes,
		    uint16_t gso_bytes)
{
	struct packet in = row_packet(row), expected = row_packet_out(row, &in);
	bool tagged = w->entry == TC && row->verdict == STEER_PASS_VLAN;
	struct verdict_stats before[STEER_VERDICT_COUNT];
	enum steer_verdict verdict;
	uint64_t bytes = 0;

	assert_int_equal(row_write_entries(row, &w->rig.maps, w->veth.far), 0);
	assert_int_equal(rig_read_verdicts(&w->rig, before), 0);
	send_frame(w, &in, more, linear_bytes, gso_bytes);
	verdict = await_verdict(w, before, &bytes);
	if (verdict != row->verdict)
		fail_msg("%s (%s, %zu bytes, %u linear): %s instead of %s", row->what,
			 model_entry_name(w->entry), in.size + more, linear_bytes,
			 model_verdict_name(verdict), model_verdict_name(row->verdict));
	assert_int_equal(bytes, in.size + more - (tagged ? TAG_BYTES : 0));
	if (model_is_steered(verdict))
		expect_back(w, &expected, more);
}

/* ---- tests ---- */

static void every_row_of_the_table_holds_on_a_wire(void **state)
{
	for (size_t i = 0; i < steer_row_count; i++)
		try_row(*state, &steer_rows[i], 0, 0, 0);
}

static void frames_of_every_length_are_judged_on_a_wire(void **state)
{
	for (uint16_t size = 14; size <= 64; size++) {
		struct row row = {
			.what = "cut",
			.frame = SYN4,
			.cut = size,
			.verdict = size < 54 ? STEER_PASS_SHORT : STEER_STEERED,
		};

		try_row(*state, &row, 0, 0, 0);
	}
	for (uint16_t size = 14; size <= 110; size++) {
		struct row row = {
			.what = "cut",
			.frame = TOO_BIG6,
			.cut = size,
			.verdict = size < 106 ? STEER_PASS_SHORT : STEER_STEERED_TOO_BIG,
		};

		try_row(*state, &row, 0, 0, 0);
	}
}

/* What lies beyond linear_bytes lies in pages of its own. (Super-packets are cut up before XDP.) */
static void headers_in_fragments_are_found(void **state)
{
	static const enum row_frame frames[] = {SEGMENT4, SEGMENT6, TOO_BIG4, TOO_BIG6};
	struct wire *w = *state;

	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
		struct row row = {.what = "in fragments", .frame = frames[i]};

		row.verdict = STEER_STEERED;
		if (row.frame == TOO_BIG4 || row.frame == TOO_BIG6)
			row.verdict = STEER_STEERED_TOO_BIG;
		for (uint16_t linear = 14; linear <= 120; linear++)
			try_row(w, &row, 9000, linear, 0);
	}
}

static void a_super_packet_is_steered_whole(void **state)
{
	static const struct row rows[] = {
		{"60 KB in 1448",
		 SEGMENT4,
		 {{AT_LENGTH4, 60050 >> 8}, {AT_LENGTH4 + 1, 60050 & 255}},
		 .verdict = STEER_STEERED},
		{"60 KB in 1428, IPv6",
		 SEGMENT6,
		 {{AT_LENGTH6, 60030 >> 8}, {AT_LENGTH6 + 1, 60030 & 255}},
		 .verdict = STEER_STEERED},
	};
	struct wire *w = *state;

	if (w->entry == XDP)
		return;
	try_row(w, &rows[0], 60000, 54, 1448);
	try_row(w, &rows[1], 60000, 74, 1428);
}

/* ---- set-up ---- */

static int set_up(void **state, enum entry_point entry)
{
	struct wire *w = calloc(1, sizeof(*w));
	const struct bpf_program *program;

	*state = w;
	w->entry = entry;
	w->received = calloc(1, WIRE_BYTES_MAX);
	veth_up(&w->veth);
	assert_int_equal(rig_load(GRACE_S * SECOND_NS, &w->rig), 0);
	w->sender = veth_sender(&w->veth, true);
	w->receiver = veth_receiver(&w->veth, PATIENCE_S);
	assert_int_equal(row_write_peer(&w->rig.maps), 0);
	program = entry == TC ? w->rig.programs->progs.bw_steer_tc
			      : w->rig.programs->progs.bw_steer_xdp;
	return veth_attach(&w->veth, entry, bpf_program__fd(program));
}

static int set_up_tc(void **state)
{
	return set_up(state, TC);
}

static int set_up_xdp(void **state)
{
	return set_up(state, XDP);
}

static int tear_down(void **state)
{
	struct wire *w = *state;

	close(w->sender);
	close(w->receiver);
	rig_unload(&w->rig);
	veth_down(&w->veth);
	free(w->received);
	free(w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_holds_on_a_wire),
		cmocka_unit_test(frames_of_every_length_are_judged_on_a_wire),
		cmocka_unit_test(headers_in_fragments_are_found),
		cmocka_unit_test(a_super_packet_is_steered_whole),
	};

	if (geteuid() != 0) {
		puts("network namespaces and BPF programs need root");
		return 77;
	}
	return cmocka_run_group_tests_name("tc", tests, set_up_tc, tear_down) +
	       cmocka_run_group_tests_name("xdp", tests, set_up_xdp, tear_down);
}
