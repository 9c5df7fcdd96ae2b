/* What a broker and its bwsteer say to each other, over a Unix socket of type SOCK_SEQPACKET (the
 * setting steer.socket of both). Neither trusts the other's lengths.
 *
 * Every message is one datagram that is exactly one struct below: fixed size, numbers in host
 * order, every unused byte zero. bwsteer closes the connection on a message whose type, size,
 * version or content it does not know, and says why in its log. bwsteer serves one broker at a
 * time: the latest HELLO wins and the connection before it is closed. The connecting process must
 * run as the user that bwsteer's steer.socket.user names, as bwsteer's own user, or as root.
 *
 *   broker -> bwsteer                                answer
 *   HELLO            first on a connection           HELLO_ACK, or a close
 *   IMAGE_BEGIN      then the next four              none
 *   SLOT BROKER LEADER MIRROR_SET                    none
 *                    in any order within an image
 *   IMAGE_END        applies the image as one        ACK: 0, or -errno and nothing was applied
 *   LEASE            each time the lease is renewed  none
 *   WITHDRAW         S4: stop announcing a slot      ACK when the address is off the NIC
 *   RESET_FLOWS      after the image that makes      none
 *                    this node the slots' holder
 *   STATS_REQUEST    now and then                    STATS
 *   COUNTS_REQUEST   now and then                    COUNTS
 *
 *   bwsteer -> broker, unasked
 *   MIRROR_STATE     a mirror set of the latest image is in the kernel, or no longer
 *   LEASE_LOST       the lease ran out (S2): sockets on slot addresses are reset, the addresses
 *                    withdrawn. Nothing is announced or pointed at this node again until a whole
 *                    new image AND a renewal have arrived: answer it with IMAGE_BEGIN..IMAGE_END.
 *
 * The broker's order at start: connect, HELLO, wait for HELLO_ACK, report in its heartbeats that
 * it has a bwsteer, and, once unfenced with its own registration applied (S8), an image; LEASE from
 * then on. Every later change of a fact is a whole new image. A connection that closes ends the
 * renewals and starts S12 at once; the broker reconnects (every 200 ms is fine) and starts over.
 * Sends do not block: a broker that meets a full queue tries the same message again later, or
 * closes and starts over; LEASE may be dropped, the next one serves as well. */
#pragma once

#include "bellwether/mirror_maps.h"
#include "bellwether/mirror_packet.h"
#include "bellwether/steer_maps.h"

enum { STEER_PROTOCOL_VERSION = 1, STEER_MESSAGE_BYTES_MAX = 2048 };

enum steer_message_type {
	STEER_HELLO = 1,
	STEER_IMAGE_BEGIN = 2,
	STEER_SLOT = 3,
	STEER_BROKER = 4,
	STEER_LEADER = 5,
	STEER_IMAGE_END = 6,
	STEER_LEASE = 7,
	STEER_WITHDRAW = 8,
	STEER_STATS_REQUEST = 9,
	STEER_MIRROR_SET = 10,
	STEER_COUNTS_REQUEST = 11,
	STEER_RESET_FLOWS = 32,
	STEER_HELLO_ACK = 64,
	STEER_ACK = 65,
	STEER_STATS = 66,
	STEER_LEASE_LOST = 67,
	STEER_MIRROR_STATE = 68,
	STEER_COUNTS = 69,
};

struct steer_header {          /* every message begins with it */
	__u16 type;            /* enum steer_message_type */
	__u16 version;         /* STEER_PROTOCOL_VERSION */
	__u32 sequence;        /* the sender's choice; an answer carries its request's */
};
_Static_assert(sizeof(struct steer_header) == 2 + 2 + 4, "steer_header has padding");

struct steer_address {
	__u8 ip[16];           /* IPv6, or IPv4 mapped into it */
	__u16 port;            /* host order; 0 where only the address matters */
	__u16 zero;
};
_Static_assert(sizeof(struct steer_address) == 16 + 2 + 2, "steer_address has padding");

struct steer_hello {
	struct steer_header header;
	__u8 cluster_id[16];   /* never all zero; another one than before empties the maps (S8) */
	__u32 node;            /* node.id */
	__u32 zero;
	__u64 broker_epoch;    /* of this incarnation, 0 before it is registered; for the log */
};
_Static_assert(sizeof(struct steer_hello) == 8 + 16 + 4 + 4 + 8, "steer_hello has padding");

enum steer_mode { STEER_MODE_OFF, STEER_MODE_TC, STEER_MODE_XDP };

enum steer_features { /* what this bwsteer takes beyond the first one, which said 0 */
	STEER_FEATURE_MIRRORS = 1, /* the mirroring program is attached: MIRROR_SET is welcome */
	STEER_FEATURE_RESET_FLOWS = 2,
	STEER_FEATURE_COUNTS = 4,
};

struct steer_hello_ack {
	struct steer_header header;
	__u32 mode;            /* enum steer_mode: what is in use */
	__u32 attached;        /* 1: a program steers; 0: announcements only */
	__u32 lease_ms;        /* how long one renewal lasts at most */
	__u32 features;        /* enum steer_features; a broker sends nothing else */
};
_Static_assert(sizeof(struct steer_hello_ack) == 8 + 4 * 4, "steer_hello_ack has padding");

enum steer_image_flags {
	/* The LEADER messages change the table that is there instead of being all of it. */
	STEER_IMAGE_LEADERS_DELTA = 1,
};

struct steer_image_begin {     /* a second BEGIN drops the image that was not ended */
	struct steer_header header;
	__u64 metadata_offset; /* the image is the metadata log's state up to here */
	__u32 slots;           /* how many messages of each kind follow: END checks them */
	__u32 brokers;
	__u32 leaders;
	__u32 flags;           /* enum steer_image_flags */
};
_Static_assert(sizeof(struct steer_image_begin) == 8 + 8 + 4 * 4, "steer_image_begin has padding");

struct steer_slot {            /* each slot id once in an image */
	struct steer_header header;
	__u64 slot_epoch;
	__u32 slot;            /* below STEER_SLOTS_MAX */
	__u32 holder;          /* node id, or STEER_NOBODY */
	__u32 successor;       /* the next unfenced broker of the order (S12), or STEER_NOBODY */
	__u32 address_count;   /* 0 to STEER_SLOT_ADDRESSES_MAX; the rest is zero */
	struct steer_address addresses[STEER_SLOT_ADDRESSES_MAX];
};
_Static_assert(sizeof(struct steer_slot) == 8 + 8 + 4 * 4 + 20 * 8, "steer_slot has padding");

enum steer_broker_flags {
	STEER_BROKER_HAS_BWSTEER = 1, /* its heartbeats say so: it can announce */
};

struct steer_broker {          /* every unfenced broker, the sender too; each node id once */
	struct steer_header header;
	__u32 node;            /* below 1000 */
	__u32 flags;           /* enum steer_broker_flags */
	/* Where its next hop is looked up: an address of its own (internal or slot listener's),
	 * never a slot's. Either may be all zero: then slots of that
	 * family are not steered to it. */
	__u8 ipv4[16];         /* mapped */
	__u8 ipv6[16];
};
_Static_assert(sizeof(struct steer_broker) == 8 + 4 * 2 + 16 * 2, "steer_broker has padding");

struct steer_leader {
	struct steer_header header;
	struct leader_key key;
	struct leader_value value;
	__u32 gone;            /* 1 in a delta: the partition is deleted */
};
_Static_assert(sizeof(struct steer_leader) == 8 + 256 + 12 + 4, "steer_leader has padding");

struct steer_mirror_follower {
	__u32 node;
	/* IPv4 as yet, the same as in the node's BROKER; the port of its internal listener. */
	struct steer_address address;
};
_Static_assert(sizeof(struct steer_mirror_follower) == 4 + 20,
	       "steer_mirror_follower has padding");

/* Whom the kernel sends the mirror pieces of a slot to that the sender holds: at most once for each
 * slot of an image, and only with STEER_FEATURE_MIRRORS. BEGIN counts no such messages. */
struct steer_mirror_set {
	struct steer_header header;
	__u64 id;              /* the sender's name for all of the below, never 0 */
	__u64 slot_epoch;      /* as in the slot's SLOT, else the set is not put in place */
	__u32 slot;
	__u32 count;           /* 1 to MIRROR_FOLLOWERS_MAX; the rest is zero */
	struct steer_address own; /* of the sender's internal listener: what pieces are sent from */
	__u32 zero;
	struct steer_mirror_follower followers[MIRROR_FOLLOWERS_MAX];
};
_Static_assert(sizeof(struct steer_mirror_set) ==
	       8 + 8 * 2 + 4 * 2 + 20 + 4 + 24 * MIRROR_FOLLOWERS_MAX,
	       "steer_mirror_set has padding");

struct steer_image_end {
	struct steer_header header;
	__u64 metadata_offset; /* the same as in BEGIN */
};
_Static_assert(sizeof(struct steer_image_end) == 8 + 8, "steer_image_end has padding");

struct steer_lease {
	struct steer_header header;
	/* When the evidence of S2 was had, CLOCK_BOOTTIME (env_now_us()): a renewal that lay in a
	 * queue is as old as its evidence, and one from the future counts as now. */
	__u64 renewed_at_us;
	__u32 duration_ms;     /* shortened to bwsteer's steer.lease.ms */
	__u32 zero;
};
_Static_assert(sizeof(struct steer_lease) == 8 + 8 + 4 * 2, "steer_lease has padding");

/* S4: the holder releases a slot. Until an image carries a higher slot epoch for it, or the same
 * message takes it back, this node does not announce by virtue of that slot. */
struct steer_withdraw {
	struct steer_header header;
	__u32 slot;
	__u32 withdrawn;       /* 1, or 0 to take it back */
};
_Static_assert(sizeof(struct steer_withdraw) == 8 + 4 * 2, "steer_withdraw has padding");

/* A client's connection to a slot that ended with its broker's host, without the client's
 * knowledge. */
struct steer_flow {
	struct steer_address slot_address;
	struct steer_address client;
	__u32 slot;
};
_Static_assert(sizeof(struct steer_flow) == 20 * 2 + 4, "steer_flow has padding");

enum { STEER_FLOWS_PER_MESSAGE = 32 };

/* Active reset: each client gets a SYN that seems to come from the slot's address, twice. Its
 * kernel answers with an ACK that belongs to no connection of the holder, whose kernel resets it.
 * Only for slots that this node holds by the current image, at their addresses; others, those
 * that are being reset already and those for which there is no room are counted and left out. */
struct steer_reset_flows {
	struct steer_header header;
	__u32 count;           /* 1 to STEER_FLOWS_PER_MESSAGE; the rest is zero */
	__u32 zero;
	struct steer_flow flows[STEER_FLOWS_PER_MESSAGE];
};
_Static_assert(sizeof(struct steer_reset_flows) == 8 + 4 * 2 + 44 * 32,
	       "steer_reset_flows has padding");
_Static_assert(sizeof(struct steer_reset_flows) <= STEER_MESSAGE_BYTES_MAX,
	       "a message is too long");

struct steer_ack {
	struct steer_header header;
	__s32 result;          /* 0 or -errno */
	__u32 zero;
};
_Static_assert(sizeof(struct steer_ack) == 8 + 4 + 4, "steer_ack has padding");

/* Said about each MIRROR_SET once its followers' next hops are known, and whenever that changes.
 * Nothing said means that the kernel does not clone. */
struct steer_mirror_state {
	struct steer_header header; /* sequence 0 */
	__u64 id;              /* of the MIRROR_SET */
	__u32 slot;
	__u32 in_place;        /* 1: pieces of its slot and epoch are cloned to all of it; or 0 */
};
_Static_assert(sizeof(struct steer_mirror_state) == 8 + 8 + 4 * 2,
	       "steer_mirror_state has padding");

struct steer_lease_lost {
	struct steer_header header; /* sequence 0 */
};

enum { STEER_STATS_SLOTS = 32 };

struct steer_stats_request {
	struct steer_header header;
	__u32 first_slot;      /* counters of the image's slots from this id on are wanted */
	__u32 zero;
};
_Static_assert(sizeof(struct steer_stats_request) == 8 + 4 * 2, "steer_stats_request has padding");

struct steer_stats_slot {
	__u32 slot;
	__u32 zero;
	struct slot_stats sum; /* over all CPUs, since the maps were made */
};
_Static_assert(sizeof(struct steer_stats_slot) == 4 * 2 + 32, "steer_stats_slot has padding");

struct steer_stats {
	struct steer_header header;
	__u32 count;           /* at most STEER_STATS_SLOTS */
	__u32 next_slot;       /* ask again from here; STEER_NOBODY: that was all */
	struct steer_stats_slot slots[STEER_STATS_SLOTS];
};
_Static_assert(sizeof(struct steer_stats) == 8 + 4 * 2 + 40 * 32, "steer_stats has padding");
_Static_assert(sizeof(struct steer_stats) <= STEER_MESSAGE_BYTES_MAX, "a message is too long");

struct steer_counts_request {
	struct steer_header header;
};

/* What this node's programs and bwsteer have counted. Places are those of the X-lists in
 * steer_maps.h and mirror_maps.h, to whose ends only is added; the rest is zero, so that versions
 * understand each other. */
struct steer_counts {
	struct steer_header header;
	struct verdict_stats steering[32];  /* enum steer_verdict; over all CPUs */
	struct verdict_stats mirroring[16]; /* enum mirror_verdict */
	struct reset_stats resets;
	__u64 zero[10];
};
_Static_assert(sizeof(struct steer_counts) == 8 + 16 * 32 + 16 * 16 + 8 * 16,
	       "steer_counts has padding");
_Static_assert(STEER_VERDICT_COUNT <= 32 && MIRROR_VERDICT_COUNT <= 16,
	       "every verdict has a place");

/* The size of a message of this type, 0 for a type that is not known. */
static inline __u32 steer_message_bytes(__u16 type)
{
	switch (type) {
	case STEER_HELLO:
		return sizeof(struct steer_hello);
	case STEER_IMAGE_BEGIN:
		return sizeof(struct steer_image_begin);
	case STEER_SLOT:
		return sizeof(struct steer_slot);
	case STEER_BROKER:
		return sizeof(struct steer_broker);
	case STEER_LEADER:
		return sizeof(struct steer_leader);
	case STEER_IMAGE_END:
		return sizeof(struct steer_image_end);
	case STEER_LEASE:
		return sizeof(struct steer_lease);
	case STEER_WITHDRAW:
		return sizeof(struct steer_withdraw);
	case STEER_STATS_REQUEST:
		return sizeof(struct steer_stats_request);
	case STEER_MIRROR_SET:
		return sizeof(struct steer_mirror_set);
	case STEER_RESET_FLOWS:
		return sizeof(struct steer_reset_flows);
	case STEER_HELLO_ACK:
		return sizeof(struct steer_hello_ack);
	case STEER_ACK:
		return sizeof(struct steer_ack);
	case STEER_STATS:
		return sizeof(struct steer_stats);
	case STEER_LEASE_LOST:
		return sizeof(struct steer_lease_lost);
	case STEER_MIRROR_STATE:
		return sizeof(struct steer_mirror_state);
	case STEER_COUNTS_REQUEST:
		return sizeof(struct steer_counts_request);
	case STEER_COUNTS:
		return sizeof(struct steer_counts);
	default:
		return 0;
	}
}
