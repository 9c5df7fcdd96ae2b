/* The table of the steering programs: what, packet in, map contents, verdict. What must come out,
 * and what must be counted, follows from the verdict (steer_test.c). */
#pragma once

#include "bellwether/steer_maps.h"
#include "bpf/packets.h"

enum {
	SYN = 0x02,
	ACK = 0x10,
	GRACE_S = 10,
	HERE = 1,  /* the interface that test frames arrive on: lo */
	THERE = 7, /* another one */
};

struct row {
	const char *what;
	struct packet (*make)(void);
	/* the entry; no_entry: there is none */
	bool no_entry;
	uint16_t flags;
	int64_t valid_s; /* from now on; 0 means an hour */
	uint32_t if_index;
	enum steer_verdict verdict;
};

extern const struct row steer_rows[];
extern const size_t steer_row_count;
