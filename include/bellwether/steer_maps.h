/* The maps between bwsteer and the steering programs: one definition for both sides (DESIGN
 * section 8). All are pinned 0600 under /sys/fs/bpf/bellwether/INSTANCE/.
 *
 *   map            key                value (per CPU where said)   written by   read by
 *   bw_slots       struct slot_key    struct slot_value            bwsteer      programs
 *   bw_peers       struct peer_key    node id, __u32               bwsteer      programs
 *   bw_leaders     struct leader_key  struct leader_value          bwsteer      people (bpftool)
 *   bw_cluster     0                  struct cluster_value         bwsteer      bwsteer
 *   bw_verdicts    enum steer_verdict struct verdict_stats, CPU    programs     bwsteer, people
 *   bw_slot_stats  slot, __u32        struct slot_stats, CPU       programs     bwsteer, people
 *
 * Sizes are fixed and a failed lookup is always correct: the stack gets the frame. */
#pragma once

#include <linux/types.h>

enum steer_limits {
	STEER_SLOTS_MAX = 1024,        /* slot ids are below it */
	STEER_SLOT_ADDRESSES_MAX = 8,  /* addresses of one slot */
	STEER_ENTRIES_MAX = 4096,      /* bw_slots */
	STEER_PEERS_MAX = 1024,        /* bw_peers; node ids are below 1000 */
	STEER_LEADERS_MAX = 16384,     /* bw_leaders; what does not fit is left out */
	STEER_TOPIC_BYTES = 252,       /* 249 and at least one zero */
};

/* ---- bw_slots ---- */

struct slot_key {              /* hashed as raw bytes: no hidden padding */
	__u8 address[16];      /* IPv6, or IPv4 mapped into it */
	__be16 port;
	__u16 zero;            /* writer sets 0 */
};
_Static_assert(sizeof(struct slot_key) == 16 + 2 + 2, "slot_key has padding");

enum slot_flags {
	SLOT_LOCAL = 1,      /* the holder is this node: up the stack */
	SLOT_UNRESOLVED = 2, /* the next hop is not known: up the stack, user space forwards */
	SLOT_ORPHANED = 4,   /* S12: the holder here is the successor of a broker that went away */
};

struct slot_value {
	__u64 slot_epoch;      /* metadata offset of the slot's last move; never falls (S8, F3) */
	__u64 valid_until_ns;  /* CLOCK_BOOTTIME; after it S10's rule for expired entries */
	__u32 slot;
	__u32 holder;          /* node id */
	__u32 if_index;        /* where the next hop is; 0 when LOCAL or UNRESOLVED */
	__u32 tunnel;          /* reserved for IPIP, 0 */
	__u8 next_mac[6];
	__u8 own_mac[6];       /* becomes the frame's source (S10) */
	__u16 flags;           /* enum slot_flags */
	__u16 port;            /* the key's port in host order, for people */
	__u64 check;           /* slot_check() over key and all of the above */
};
_Static_assert(sizeof(struct slot_value) == 8 * 2 + 4 * 4 + 6 * 2 + 2 * 2 + 8,
	       "slot_value has padding");

/* F4: the kernel may reuse a replaced element's memory while a program still reads it, so a reader
 * copies the value and believes the copy only if this sum fits key and content. Each word has an
 * odd factor of its own, so that none waits for another's product. */
static inline __attribute__((always_inline)) __u64 slot_check(const struct slot_key *key,
							       const struct slot_value *value)
{
	const __u64 factor = 0x9e3779b97f4a7c15ULL;
	__u64 word, sum = factor + key->port * 3 * factor;

	for (unsigned i = 0; i < sizeof(key->address) / sizeof(word); i++) {
		__builtin_memcpy(&word, key->address + i * sizeof(word), sizeof(word));
		sum += (word ^ word >> 32) * (2 * i + 5) * factor;
	}
	for (unsigned i = 0; i < (sizeof(*value) - sizeof(value->check)) / sizeof(word); i++) {
		__builtin_memcpy(&word, (const __u8 *)value + i * sizeof(word), sizeof(word));
		sum += (word ^ word >> 32) * (2 * i + 9) * factor;
	}
	return sum;
}

/* ---- bw_peers: the MAC addresses that other brokers' frames carry ---- */

struct peer_key {
	__u8 mac[6];
	__u16 zero;
};
_Static_assert(sizeof(struct peer_key) == 6 + 2, "peer_key has padding");

/* ---- bw_leaders: for people with bpftool; no program reads it ---- */

struct leader_key {
	char topic[STEER_TOPIC_BYTES]; /* filled up with zeros */
	__u32 partition;
};
_Static_assert(sizeof(struct leader_key) == STEER_TOPIC_BYTES + 4, "leader_key has padding");

struct leader_value {
	__u32 slot;
	__u32 leader;          /* node id; STEER_NOBODY when there is none */
	__u32 leader_epoch;
};
_Static_assert(sizeof(struct leader_value) == 4 * 3, "leader_value has padding");

#define STEER_NOBODY 0xffffffffU /* no node: no holder, no successor, no leader */

/* ---- bw_cluster: whose entries the pinned maps hold (S8) ---- */

struct cluster_value {
	__u8 cluster_id[16];   /* all zero: nobody's yet */
};

/* ---- bw_verdicts: why did this packet pass? ---- */

/* X(NAME, text, meaning). Frames that count for nothing else are counted here too, so the sum over
 * all verdicts is the number of frames that the program saw. */
#define STEER_VERDICTS(X)                                                                          \
	X(PASS_SHORT, "pass_short", "ends before its headers do")                                  \
	X(PASS_OTHER_HOST, "pass_other_host", "not sent to this interface's MAC address")          \
	X(PASS_VLAN, "pass_vlan", "has a VLAN tag")                                                \
	X(PASS_NOT_IP, "pass_not_ip", "is neither IPv4 nor IPv6")                                  \
	X(PASS_OPTIONS, "pass_options", "has IPv4 options")                                        \
	X(PASS_EXTENSION, "pass_extension", "has an IPv6 extension header")                        \
	X(PASS_FRAGMENT, "pass_fragment", "is a fragment")                                         \
	X(PASS_NOT_TCP, "pass_not_tcp", "is not TCP")                                              \
	X(PASS_NO_SLOT, "pass_no_slot", "goes to no slot's address")                               \
	X(PASS_TORN, "pass_torn", "met an entry that was being replaced (F4)")                     \
	X(PASS_LOCAL, "pass_local", "goes to a slot that this node holds")                         \
	X(PASS_EXPIRED_SYN, "pass_expired_syn", "opens a connection to an expired entry (S10)")    \
	X(PASS_EXPIRED, "pass_expired", "met an entry that expired long ago (F3)")                 \
	X(PASS_UNRESOLVED, "pass_unresolved", "has a holder whose next hop is unknown")            \
	X(PASS_FROM_PEER, "pass_from_peer", "was steered here by a peer already (S10)")            \
	X(DROP_TTL, "drop_ttl", "had no hop left (S10)")                                           \
	X(STEERED, "steered", "was sent to the slot's holder")                                     \
	X(STEERED_LATE, "steered_late", "was sent to the last holder of an expired entry (S10)")   \
	X(STEERED_ORPHAN, "steered_orphan", "was sent to a dead holder's successor (S12)")         \
	X(STEERED_TOO_BIG, "steered_too_big", "is an ICMP 'too big' and was sent to the holder")

enum steer_verdict {
#define STEER_VERDICT_ENUM(name, text, meaning) STEER_##name,
	STEER_VERDICTS(STEER_VERDICT_ENUM)
#undef STEER_VERDICT_ENUM
	STEER_VERDICT_COUNT
};

struct verdict_stats {
	__u64 packets;         /* a super-packet counts once */
	__u64 bytes;           /* whole frames as the program saw them */
};
_Static_assert(sizeof(struct verdict_stats) == 8 * 2, "verdict_stats has padding");

/* ---- bw_slot_stats: frames that met an entry of the slot ---- */

struct slot_stats {
	__u64 packets;
	__u64 bytes;
	__u64 syns;            /* attempts to connect */
	__u64 forwarded;       /* steered to another node, in packets */
};
_Static_assert(sizeof(struct slot_stats) == 8 * 4, "slot_stats has padding");

/* ---- bw_resets: active reset, counted by bwsteer; no program reads it ---- */

/* X(member, text, meaning) */
#define STEER_RESETS(X)                                                                            \
	X(asked, "asked", "clients of dead holders that the broker named")                         \
	X(refused, "refused", "of them: not of a slot that is held here")                          \
	X(repeated, "repeated", "of them: named before, reset twice at most")                      \
	X(left_out, "left_out", "of them: there was no room")                                      \
	X(syns, "syns", "forged SYNs that were sent")                                              \
	X(failed, "failed", "forged SYNs that could not be sent")

struct reset_stats {
#define STEER_RESET_MEMBER(member, text, meaning) __u64 member;
	STEER_RESETS(STEER_RESET_MEMBER)
#undef STEER_RESET_MEMBER
};
_Static_assert(sizeof(struct reset_stats) == 8 * 6, "reset_stats has padding");

/* ---- const volatile data of the programs, set before load ---- */

struct steer_config {
	__u64 grace_ns;        /* how long segments follow an expired entry (S10) */
	__u8 own_mac[6];       /* of the interface that the program sits on */
	__u16 zero;
};
_Static_assert(sizeof(struct steer_config) == 8 + 6 + 2, "steer_config has padding");
