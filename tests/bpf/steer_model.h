/* What the steering programs must do with a frame, said a second time: a specification that runs.
 *
 * Written from the rules (S10, S12, F3, F4, and what a hostile or odd frame may do) and from the
 * contract in steer_maps.h, byte by byte, with nothing of bpf/ in it, so that a mistake made there
 * is not made here too. steer_million_test and steer_fuzz compare it with the real programs. Pure:
 * no map, no clock, no system call. */
#pragma once

#include "bellwether/steer_maps.h"
#include "bpf/packets.h"

enum { MODEL_ENTRIES_MAX = 8, MODEL_PEERS_MAX = 4 };

struct model_entry {
	struct slot_key key;
	struct slot_value value;
};

struct model {                                         /* what a node knows when a frame arrives */
	struct model_entry entries[MODEL_ENTRIES_MAX]; /* no key twice */
	size_t entry_count;
	uint8_t peers[MODEL_PEERS_MAX][6];
	size_t peer_count;
	uint8_t own_mac[6];
	uint64_t now_ns, grace_ns;
};

struct model_outcome {
	enum steer_verdict verdict; /* counted once, with the frame's bytes */
	uint32_t if_index;          /* where a steered frame leaves */
	struct packet out;          /* as it leaves; untouched unless it is steered */
	bool met_slot;              /* then bw_slot_stats counts it too, */
	uint32_t slot;              /* here, */
	bool is_syn;                /* as an attempt to connect */
};

/* vlan_taken_off: the frame came with a tag that the NIC or the stack keeps beside it. */
void model_judge(const struct model *m, const struct packet *in, bool vlan_taken_off,
		 struct model_outcome *ret_outcome);

/* The action that an entry point owes for a verdict; if_index is model_outcome's. */
enum entry_point { XDP, TC, ENTRY_POINTS };
int model_action(enum entry_point entry, enum steer_verdict verdict, uint32_t if_index);
const char *model_entry_name(enum entry_point entry);

bool model_is_steered(enum steer_verdict verdict);
/* The verdict's name in the counters; "nothing" for what is none. */
const char *model_verdict_name(enum steer_verdict verdict);
