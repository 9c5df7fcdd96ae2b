/* The table of the steering programs: what, packet in, map contents, verdict (steer_rows.c); packet
 * out and counters follow from the verdict (steer_row.c, steer_test.c). */
#pragma once

#include "bellwether/steer_maps.h"
#include "bpf/packets.h"
#include "steer/maps.h"

enum { GRACE_S = 10, ROW_CHANGES_MAX = 4, ROW_SLOT = 5 };

/* Good frames to begin with (packets.h). */
enum row_frame { SYN4, SEGMENT4, SYN_ACK4, SYN6, SEGMENT6, TOO_BIG4, TOO_BIG6 };

/* Where things stand in them; what is two bytes long is named by its first. */
enum row_offset {
	AT_TYPE = 12,
	AT_VERSION = 14,
	AT_LENGTH4 = 16,
	AT_FRAGMENT4 = 20,
	AT_TTL4 = 22,
	AT_PROTOCOL4 = 23,
	AT_CHECKSUM4 = 24,
	AT_PAYLOAD4 = 34, /* TCP or ICMP */
	AT_INNER4 = 42,
	AT_LENGTH6 = 18,
	AT_NEXT6 = 20,
	AT_HOPS6 = 21,
	AT_DESTINATION6 = 38,
	AT_PAYLOAD6 = 54,
	AT_INNER6 = 62,
};

struct row {
	const char *what;
	/* the frame: a good one with bytes changed, its IPv4 checksum mended, cut; or made */
	enum row_frame frame;
	struct {
		uint16_t at;
		uint8_t to;
	} set[ROW_CHANGES_MAX];
	uint16_t cut;         /* to so many bytes; 0: whole */
	enum packet_mac from; /* 0: the client */
	struct packet (*make)(void);
	/* the entry; no_entry: there is none */
	bool no_entry, torn;
	uint16_t flags;
	int64_t valid_s;   /* from now on; 0 means an hour */
	uint32_t if_index; /* 0 means HERE */
	enum steer_verdict verdict;
};

extern const struct row steer_rows[];
extern const size_t steer_row_count;

/* Packet in, and the packet that must come out: itself, unless the verdict is to steer. */
struct packet row_packet(const struct row *row);
struct packet row_packet_out(const struct row *row, const struct packet *in);

/* Map contents: the slot's entries of both families, leading to if_index; MAC_PEER. Return 0 or
 * -errno. */
struct slot_key row_key(bool ipv6);
struct slot_value row_value(const struct row *row, const struct slot_key *key, uint32_t if_index);
int row_write_entries(const struct row *row, const struct maps *maps, uint32_t if_index);
int row_write_peer(const struct maps *maps);
