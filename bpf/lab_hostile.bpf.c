/* A hostile wire for mirror pieces (F9), on a follower's ingress: at rates that a test sets while
 * it runs it drops them, brings them twice, holds them back behind later ones, corrupts a byte,
 * brings old ones again, and forges headers. Whatever it makes up passes the UDP checksum: what
 * must find it out is the broker. All else passes, as do super-packets (turn the sender's GSO off).
 *
 * An action that makes a packet out of this one overwrites it, clones it to the stack and puts it
 * back; the clone comes by here again, known by its mark. Two CPUs may mix up one stored packet:
 * then it is one more corrupt one. */
#include "bellwether/mirror_packet.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	OURS = 0x0bad, /* mark */
	PAYLOAD_AT = 14 + 20 + 8,
	CHECKSUM_AT = 14 + 20 + 6, /* 0 there: none was made (RFC 768) */
	SHORTEST = PAYLOAD_AT + sizeof(struct mirror_piece),
	LONGEST = 2047,
	MEMORY = 64,   /* packets that may come again */
	HELD = MEMORY, /* the place of the one held back */
	SCRATCH,
	PLACES,
};

enum { PASSED, DROPPED, DOUBLED, HELD_BACK, CORRUPTED, REPLAYED, FORGED, COUNTS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32); /* of 1000 pieces, by what is done to them */
	__uint(max_entries, COUNTS);
} lab_rates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, COUNTS);
} lab_hostile SEC(".maps");

struct stored {
	__u32 size;
	__u8 bytes[LONGEST + 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct stored);
	__uint(max_entries, PLACES);
} lab_memory SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *packets = bpf_map_lookup_elem(&lab_hostile, &what);

	if (packets)
		__sync_fetch_and_add(packets, 1);
}

/* Rolls the dice for it, and counts it when they say so. */
static __always_inline int happens(__u32 what)
{
	__u32 *rate = bpf_map_lookup_elem(&lab_rates, &what);

	if (!rate || bpf_get_prandom_u32() % 1000 >= *rate)
		return 0;
	count(what);
	return 1;
}

static __always_inline int is_piece(struct __sk_buff *skb)
{
	struct iphdr ip;
	__be32 magic;

	return skb->protocol == bpf_htons(ETH_P_IP) && skb->gso_size == 0 && skb->len >= SHORTEST &&
	       skb->len <= LONGEST && bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) == 0 &&
	       ip.ihl == 5 && ip.protocol == IPPROTO_UDP &&
	       bpf_skb_load_bytes(skb, PAYLOAD_AT, &magic, sizeof(magic)) == 0 &&
	       magic == bpf_htonl(MIRROR_MAGIC);
}

static __always_inline void store(struct __sk_buff *skb, __u32 place)
{
	struct stored *to = bpf_map_lookup_elem(&lab_memory, &place);
	__u32 size = skb->len;

	if (!to || size < SHORTEST || size > LONGEST)
		return;
	to->size = 0;
	if (bpf_skb_load_bytes(skb, 0, to->bytes, size) == 0)
		to->size = size;
}

/* Makes the packet what was stored at that place; keeps it there if `keep`. Returns 0 or -1. */
static __always_inline int become(struct __sk_buff *skb, __u32 place, int keep)
{
	struct stored *from = bpf_map_lookup_elem(&lab_memory, &place);
	__u16 no_checksum = 0;
	__u32 size;

	if (!from)
		return -1;
	size = from->size;
	if (size < SHORTEST || size > LONGEST)
		return -1;
	if (!keep)
		from->size = 0;
	if (bpf_skb_change_tail(skb, size, 0) < 0 ||
	    bpf_skb_store_bytes(skb, 0, from->bytes, size, 0) < 0)
		return -1;
	return (int)bpf_skb_store_bytes(skb, CHECKSUM_AT, &no_checksum, sizeof(no_checksum), 0);
}

static __always_inline void to_stack(struct __sk_buff *skb)
{
	skb->mark = OURS;
	bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS);
	skb->mark = 0;
}

/* One that was stored comes along, then the packet is itself again. */
static __always_inline int bring(struct __sk_buff *skb, __u32 place, int keep)
{
	int is_there;

	store(skb, SCRATCH);
	is_there = become(skb, place, keep) == 0;
	if (is_there)
		to_stack(skb);
	become(skb, SCRATCH, 1);
	return is_there;
}

static __always_inline void change_byte(struct __sk_buff *skb, __u32 from, __u32 below)
{
	__u32 at = from + bpf_get_prandom_u32() % (below - from);
	__u16 no_checksum = 0;
	__u8 byte;

	if (bpf_skb_load_bytes(skb, at, &byte, 1) < 0)
		return;
	byte ^= 1 + bpf_get_prandom_u32() % 255;
	bpf_skb_store_bytes(skb, at, &byte, 1, 0);
	bpf_skb_store_bytes(skb, CHECKSUM_AT, &no_checksum, sizeof(no_checksum), 0);
}

/* As it is, but for one byte of its header; the real one comes after it. */
static __always_inline void forge(struct __sk_buff *skb)
{
	store(skb, SCRATCH);
	change_byte(skb, PAYLOAD_AT + sizeof(__be32), SHORTEST);
	to_stack(skb);
	become(skb, SCRATCH, 1);
}

SEC("tc")
int hostile(struct __sk_buff *skb)
{
	if (skb->mark == OURS) {
		skb->mark = 0;
		return TC_ACT_UNSPEC;
	}
	if (!is_piece(skb))
		return TC_ACT_UNSPEC;
	store(skb, bpf_get_prandom_u32() % MEMORY);
	if (happens(DROPPED))
		return TC_ACT_SHOT;
	if (happens(REPLAYED))
		bring(skb, bpf_get_prandom_u32() % MEMORY, 1);
	if (happens(FORGED))
		forge(skb);
	if (happens(CORRUPTED)) {
		change_byte(skb, PAYLOAD_AT, skb->len);
		return TC_ACT_UNSPEC;
	}
	if (happens(DOUBLED))
		to_stack(skb);
	if (happens(HELD_BACK)) {
		bring(skb, HELD, 0); /* who is there already goes */
		store(skb, HELD);
		return TC_ACT_SHOT;
	}
	to_stack(skb); /* so that the one held back comes after it */
	bring(skb, HELD, 0);
	count(PASSED);
	return TC_ACT_SHOT;
}

char lab_hostile_license[] SEC("license") = "GPL";
