/* BPF programs on a test bench: loaded, fed one frame at a time by BPF_PROG_TEST_RUN, their
 * counters read. Needs root. */
#pragma once

#include "bpf/steer_model.h"
#include "steer/maps.h"

enum { NOT_RUN = -1000 };

struct steer_bpf;

struct rig {
	struct steer_bpf *programs;
	struct maps maps;
};

/* Loads the steering programs for a node whose MAC address is MAC_NODE, with empty maps. Returns 0
 * or -errno. */
int rig_load(uint64_t grace_ns, struct rig *ret_rig);
void rig_unload(struct rig *rig);

/* One frame through any program. Returns its action (XDP_PASS, TC_ACT_SHOT, ...), with what came
 * out; NOT_RUN for a frame that the kernel makes no skb of: one that ends before its IP header
 * does, or does not fit a page (steer_wire_test has those); else -errno. */
int rig_run_program(int program, const struct packet *in, struct packet *ret_out);
int rig_run(const struct rig *rig, enum entry_point entry, const struct packet *in,
	    struct packet *ret_out);

/* Sums over all CPUs, in one system call. Return 0 or -errno. */
int rig_read_verdicts(const struct rig *rig, struct verdict_stats ret_sums[STEER_VERDICT_COUNT]);
