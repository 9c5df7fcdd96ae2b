/* Owns the table, and the frames that are more than a good one with a few bytes changed. */
#include "bpf/steer_rows.h"

#include "base/bytes.h"

#include <string.h>

/* ---- frames with something more in them ---- */

static struct packet tagged(uint16_t outer, uint16_t inner)
{
	struct packet p = packet_tcp4(SYN);

	if (inner)
		packet_add_tag(&p, inner, 7);
	packet_add_tag(&p, outer, 8);
	return p;
}

static struct packet vlan(void)
{
	return tagged(0x8100, 0);
}

static struct packet service_vlan(void)
{
	return tagged(0x88a8, 0);
}

static struct packet qinq(void)
{
	return tagged(0x88a8, 0x8100);
}

static struct packet old_qinq(void)
{
	return tagged(0x9100, 0x8100);
}

static struct packet options4(void)
{
	struct packet p = packet_tcp4(SYN);

	packet_insert(&p, AT_PAYLOAD4, 4, 1);
	p.bytes[AT_VERSION] = 0x46;
	packet_seal4(&p);
	return p;
}

/* A good TCP header behind 8 bytes of an extension header. */
static struct packet extended6(uint8_t next)
{
	struct packet p = packet_tcp6(SYN);

	packet_insert(&p, AT_PAYLOAD6, 8, 0);
	p.bytes[AT_PAYLOAD6] = 6;
	p.bytes[AT_NEXT6] = next;
	p.bytes[AT_LENGTH6 + 1] += 8;
	return p;
}

static struct packet hop_by_hop6(void)
{
	return extended6(0);
}

static struct packet routing6(void)
{
	return extended6(43);
}

static struct packet fragment6(void)
{
	return extended6(44);
}

static struct packet authentication6(void)
{
	return extended6(51);
}

static struct packet destination_options6(void)
{
	return extended6(60);
}

static struct packet padded4(void)
{
	struct packet p = packet_tcp4(ACK);

	packet_insert(&p, p.size, 6, 0xee);
	return p;
}

static struct packet jumbo4(void)
{
	struct packet p = packet_tcp4(ACK);

	packet_insert(&p, p.size, 14 + 9000 - p.size, 'x');
	bytes_store_u16(p.bytes + AT_LENGTH4, 9000);
	packet_seal4(&p);
	return p;
}

static struct packet jumbo6(void)
{
	struct packet p = packet_tcp6(ACK);

	packet_insert(&p, p.size, 14 + 9000 - p.size, 'x');
	bytes_store_u16(p.bytes + AT_LENGTH6, 9000 - 40);
	return p;
}

/* The checksum's complement wraps around when the TTL falls. */
static struct packet carry4(void)
{
	struct packet p = packet_tcp4(ACK);

	for (uint16_t id = 0; bytes_load_u16(p.bytes + 24) != 0xfeff && id < 0xffff; id++) {
		bytes_store_u16(p.bytes + 18, id);
		packet_seal4(&p);
	}
	return p;
}

static struct packet wrong_sum4(void)
{
	struct packet p = packet_tcp4(ACK);

	p.bytes[24] ^= 0x55;
	return p;
}

/* IPv6 to ::ffff:10.77.0.100: the slot's key, and an address that no frame may carry. */
static struct packet mapped6(void)
{
	struct packet p = packet_tcp6(SYN);

	packet_slot_address(false, p.bytes + AT_DESTINATION6);
	return p;
}

/* ---- the table ---- */

/* clang-format off */
const struct row steer_rows[] = {
	/* to the holder */
	{"a SYN goes to the holder", SYN4, .verdict = STEER_STEERED},
	{"so does a segment", SEGMENT4, .verdict = STEER_STEERED},
	{"and over another interface", SEGMENT4, .if_index = THERE, .verdict = STEER_STEERED},
	{"IPv6: a SYN", SYN6, .verdict = STEER_STEERED},
	{"IPv6: a segment", SEGMENT6, .if_index = THERE, .verdict = STEER_STEERED},
	{"don't fragment is no fragment", SYN4, {{AT_FRAGMENT4, 0x40}}, .verdict = STEER_STEERED},
	{"exactly a TCP header", SYN4, .cut = 54, .verdict = STEER_STEERED},
	{"exactly a TCP header, IPv6", SYN6, .cut = 74, .verdict = STEER_STEERED},
	{"padding goes along", .make = padded4, .verdict = STEER_STEERED},
	{"9000 bytes", .make = jumbo4, .verdict = STEER_STEERED},
	{"9000 bytes, IPv6", .make = jumbo6, .verdict = STEER_STEERED},
	{"the checksum carries", .make = carry4, .verdict = STEER_STEERED},
	{"a wrong checksum stays as wrong", .make = wrong_sum4, .verdict = STEER_STEERED},
	{"a super-packet above 64 KiB says 0", SEGMENT4,
	 {{AT_LENGTH4, 0}, {AT_LENGTH4 + 1, 0}}, .verdict = STEER_STEERED},
	{"so it does in IPv6", SEGMENT6,
	 {{AT_LENGTH6, 0}, {AT_LENGTH6 + 1, 0}}, .verdict = STEER_STEERED},

	/* to nobody's slot, or to ours */
	{"no slot", SYN4, .no_entry = true, .verdict = STEER_PASS_NO_SLOT},
	{"no slot, IPv6", SYN6, .no_entry = true, .verdict = STEER_PASS_NO_SLOT},
	{"no such port", SYN4, {{AT_PAYLOAD4 + 2, 1}}, .verdict = STEER_PASS_NO_SLOT},
	{"no such address", SYN4, {{33, 101}}, .verdict = STEER_PASS_NO_SLOT},
	{"from the slot's port", SYN4, {{AT_PAYLOAD4, 0x23}, {AT_PAYLOAD4 + 1, 0x8c},
	 {AT_PAYLOAD4 + 2, 1}}, .verdict = STEER_PASS_NO_SLOT},
	{"an IPv4 address in IPv6", .make = mapped6, .verdict = STEER_PASS_NO_SLOT},
	{"no slot, last hop", SYN4, {{AT_TTL4, 1}}, .no_entry = true,
	 .verdict = STEER_PASS_NO_SLOT},
	{"F4: torn", SYN4, .torn = true, .verdict = STEER_PASS_TORN},
	{"F4: torn, and it said here", SYN4, .torn = true, .flags = SLOT_LOCAL,
	 .verdict = STEER_PASS_TORN},
	{"the holder is here", SYN4, .flags = SLOT_LOCAL, .verdict = STEER_PASS_LOCAL},
	{"here, IPv6", SYN6, .flags = SLOT_LOCAL, .verdict = STEER_PASS_LOCAL},
	{"here, expired", SEGMENT4, .flags = SLOT_LOCAL, .valid_s = -3600,
	 .verdict = STEER_PASS_LOCAL},
	{"here, from a peer", SYN4, .from = MAC_PEER, .flags = SLOT_LOCAL,
	 .verdict = STEER_PASS_LOCAL},
	{"here, last hop", SYN4, {{AT_TTL4, 1}}, .flags = SLOT_LOCAL,
	 .verdict = STEER_PASS_LOCAL},
	{"unresolved", SYN4, .flags = SLOT_UNRESOLVED, .verdict = STEER_PASS_UNRESOLVED},
	{"unresolved, last hop", SYN4, {{AT_TTL4, 1}}, .flags = SLOT_UNRESOLVED,
	 .verdict = STEER_PASS_UNRESOLVED},
	{"unresolved, from a peer", SYN4, .from = MAC_PEER, .flags = SLOT_UNRESOLVED,
	 .verdict = STEER_PASS_UNRESOLVED},

	/* S10, F3: expired entries */
	{"S10: an expired entry passes SYNs", SYN4, .valid_s = -1,
	 .verdict = STEER_PASS_EXPIRED_SYN},
	{"S10: SYNs with ECN too", SYN4, {{AT_PAYLOAD4 + 13, SYN | ECE | CWR}}, .valid_s = -1,
	 .verdict = STEER_PASS_EXPIRED_SYN},
	{"S10: IPv6 SYNs too", SYN6, .valid_s = -1, .verdict = STEER_PASS_EXPIRED_SYN},
	{"S10: segments go on for a while", SEGMENT4, .valid_s = -1,
	 .verdict = STEER_STEERED_LATE},
	{"S10: an end does", SEGMENT4, {{AT_PAYLOAD4 + 13, FIN | ACK}}, .valid_s = -1,
	 .verdict = STEER_STEERED_LATE},
	{"S10: a reset does", SEGMENT4, {{AT_PAYLOAD4 + 13, RST}}, .valid_s = -1,
	 .verdict = STEER_STEERED_LATE},
	{"S10: an answer to a SYN opens nothing", SYN_ACK4, .valid_s = -1,
	 .verdict = STEER_STEERED_LATE},
	{"F3: long ago", SEGMENT4, .valid_s = -GRACE_S - 1, .verdict = STEER_PASS_EXPIRED},
	{"F3: long ago, a SYN", SYN4, .valid_s = -GRACE_S - 1,
	 .verdict = STEER_PASS_EXPIRED_SYN},
	{"F3: never valid", SEGMENT4, .valid_s = INT64_MIN, .verdict = STEER_PASS_EXPIRED},
	{"S10: late and unresolved", SEGMENT4, .flags = SLOT_UNRESOLVED, .valid_s = -1,
	 .verdict = STEER_PASS_UNRESOLVED},
	{"S10: late and the last hop", SEGMENT4, {{AT_TTL4, 1}}, .valid_s = -1,
	 .verdict = STEER_DROP_TTL},

	/* S10, S12: frames of peers, orphaned entries */
	{"S10: a peer's frame is not steered again", SYN4, .from = MAC_PEER,
	 .verdict = STEER_PASS_FROM_PEER},
	{"S10: nor in IPv6", SEGMENT6, .from = MAC_PEER, .verdict = STEER_PASS_FROM_PEER},
	{"S10: nor when it is late", SEGMENT4, .from = MAC_PEER, .valid_s = -1,
	 .verdict = STEER_PASS_FROM_PEER},
	{"S10: nor when it is too big", TOO_BIG4, .from = MAC_PEER,
	 .verdict = STEER_PASS_FROM_PEER},
	{"S10: nor dropped", SYN4, {{AT_TTL4, 1}}, .from = MAC_PEER,
	 .verdict = STEER_PASS_FROM_PEER},
	{"S10: a stranger is no peer", SYN4, .from = MAC_STRANGER, .verdict = STEER_STEERED},
	{"S12: but by an orphaned entry", SYN4, .from = MAC_PEER, .flags = SLOT_ORPHANED,
	 .verdict = STEER_STEERED_ORPHAN},
	{"S12: a client's too", SYN4, .flags = SLOT_ORPHANED, .verdict = STEER_STEERED_ORPHAN},
	{"S12: in IPv6 too", SEGMENT6, .flags = SLOT_ORPHANED, .verdict = STEER_STEERED_ORPHAN},
	{"S12: orphaned, last hop", SYN4, {{AT_TTL4, 1}}, .from = MAC_PEER,
	 .flags = SLOT_ORPHANED, .verdict = STEER_DROP_TTL},
	{"S12: orphaned and expired: a SYN", SYN4, .flags = SLOT_ORPHANED, .valid_s = -1,
	 .verdict = STEER_PASS_EXPIRED_SYN},
	{"S12: orphaned and expired: a segment", SEGMENT4, .flags = SLOT_ORPHANED,
	 .valid_s = -1, .verdict = STEER_STEERED_LATE},
	{"S12: orphaned and expired: a peer's", SEGMENT4, .from = MAC_PEER,
	 .flags = SLOT_ORPHANED, .valid_s = -1, .verdict = STEER_PASS_FROM_PEER},
	{"S12: orphaned and unresolved", SYN4, .flags = SLOT_ORPHANED | SLOT_UNRESOLVED,
	 .verdict = STEER_PASS_UNRESOLVED},
	{"S12: orphaned and here", SYN4, .from = MAC_PEER, .flags = SLOT_ORPHANED | SLOT_LOCAL,
	 .verdict = STEER_PASS_LOCAL},

	/* S10: the last hop */
	{"S10: no hop left", SEGMENT4, {{AT_TTL4, 1}}, .verdict = STEER_DROP_TTL},
	{"S10: less than none", SEGMENT4, {{AT_TTL4, 0}}, .verdict = STEER_DROP_TTL},
	{"S10: no hop left, IPv6", SEGMENT6, {{AT_HOPS6, 1}}, .verdict = STEER_DROP_TTL},
	{"S10: less than none, IPv6", SEGMENT6, {{AT_HOPS6, 0}}, .verdict = STEER_DROP_TTL},
	{"one hop left", SEGMENT4, {{AT_TTL4, 2}}, .verdict = STEER_STEERED},
	{"one hop left, IPv6", SEGMENT6, {{AT_HOPS6, 2}}, .verdict = STEER_STEERED},
	{"all hops left", SEGMENT4, {{AT_TTL4, 255}}, .verdict = STEER_STEERED},

	/* not for this interface, or not plainly IP */
	{"flooded by a switch", SYN4, {{5, MAC_STRANGER}}, .verdict = STEER_PASS_OTHER_HOST},
	{"broadcast", SYN4, {{0, 0xff}, {1, 0xff}, {2, 0xff}}, .verdict = STEER_PASS_OTHER_HOST},
	{"multicast", SYN4, {{0, 0x01}, {2, 0x5e}}, .verdict = STEER_PASS_OTHER_HOST},
	{"multicast, IPv6", SYN6, {{0, 0x33}, {1, 0x33}}, .verdict = STEER_PASS_OTHER_HOST},
	{"our address with the group bit", SYN4, {{0, 0x03}}, .verdict = STEER_PASS_OTHER_HOST},
	{"VLAN", .make = vlan, .verdict = STEER_PASS_VLAN},
	{"service VLAN", .make = service_vlan, .verdict = STEER_PASS_VLAN},
	{"QinQ", .make = qinq, .verdict = STEER_PASS_VLAN},
	{"QinQ before there was a standard", .make = old_qinq, .verdict = STEER_PASS_NOT_IP},
	{"ARP", SYN4, {{AT_TYPE + 1, 0x06}}, .verdict = STEER_PASS_NOT_IP},
	{"MPLS", SYN4, {{AT_TYPE, 0x88}, {AT_TYPE + 1, 0x47}}, .verdict = STEER_PASS_NOT_IP},
	{"PPPoE", SYN4, {{AT_TYPE, 0x88}, {AT_TYPE + 1, 0x64}}, .verdict = STEER_PASS_NOT_IP},
	{"IEEE 802.3, a length", SYN4, {{AT_TYPE, 0}, {AT_TYPE + 1, 40}},
	 .verdict = STEER_PASS_NOT_IP},
	{"IPv5", SYN4, {{AT_VERSION, 0x55}}, .verdict = STEER_PASS_NOT_IP},
	{"IPv6 in an IPv4 frame", SYN4, {{AT_VERSION, 0x65}}, .verdict = STEER_PASS_NOT_IP},
	{"IPv4 in an IPv6 frame", SYN6, {{AT_VERSION, 0x40}}, .verdict = STEER_PASS_NOT_IP},

	/* IP that is not simply one TCP segment */
	{"IPv4 options", .make = options4, .verdict = STEER_PASS_OPTIONS},
	{"a header of 16 bytes", SYN4, {{AT_VERSION, 0x44}}, .verdict = STEER_PASS_OPTIONS},
	{"a header of no bytes", SYN4, {{AT_VERSION, 0x40}}, .verdict = STEER_PASS_OPTIONS},
	{"first fragment", SYN4, {{AT_FRAGMENT4, 0x20}}, .verdict = STEER_PASS_FRAGMENT},
	{"middle fragment", SYN4, {{AT_FRAGMENT4, 0x21}}, .verdict = STEER_PASS_FRAGMENT},
	{"last fragment", SYN4, {{AT_FRAGMENT4 + 1, 9}}, .verdict = STEER_PASS_FRAGMENT},
	{"a fragment that says don't", SYN4, {{AT_FRAGMENT4, 0x60}},
	 .verdict = STEER_PASS_FRAGMENT},
	{"a fragment of a UDP packet", SYN4, {{AT_FRAGMENT4, 0x20}, {AT_PROTOCOL4, 17}},
	 .verdict = STEER_PASS_FRAGMENT},
	{"IPv6 fragment", .make = fragment6, .verdict = STEER_PASS_FRAGMENT},
	{"IPv6 hop-by-hop options", .make = hop_by_hop6, .verdict = STEER_PASS_EXTENSION},
	{"IPv6 routing header", .make = routing6, .verdict = STEER_PASS_EXTENSION},
	{"IPv6 authentication", .make = authentication6, .verdict = STEER_PASS_EXTENSION},
	{"IPv6 destination options", .make = destination_options6,
	 .verdict = STEER_PASS_EXTENSION},
	{"UDP", SYN4, {{AT_PROTOCOL4, 17}}, .verdict = STEER_PASS_NOT_TCP},
	{"UDP in IPv6", SYN6, {{AT_NEXT6, 17}}, .verdict = STEER_PASS_NOT_TCP},
	{"UDP without data", SYN4, {{AT_PROTOCOL4, 17}, {AT_LENGTH4 + 1, 28}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"IPv4 in IPv4", SYN4, {{AT_PROTOCOL4, 4}}, .verdict = STEER_PASS_NOT_TCP},
	{"ESP", SYN6, {{AT_NEXT6, 50}}, .verdict = STEER_PASS_NOT_TCP},
	{"no next header", SYN6, {{AT_NEXT6, 59}}, .verdict = STEER_PASS_NOT_TCP},
	{"ICMPv6 in IPv4", SYN4, {{AT_PROTOCOL4, 58}, {AT_PAYLOAD4, 2}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"ICMP in IPv6", SYN6, {{AT_NEXT6, 1}, {AT_PAYLOAD6, 3}, {AT_PAYLOAD6 + 1, 4}},
	 .verdict = STEER_PASS_NOT_TCP},

	/* short frames (steer_test has every length) */
	{"Ethernet and nothing", SYN4, .cut = 14, .verdict = STEER_PASS_SHORT},
	{"half an IPv4 header", SYN4, .cut = 33, .verdict = STEER_PASS_SHORT},
	{"most of a TCP header", SYN4, .cut = 53, .verdict = STEER_PASS_SHORT},
	{"half an IPv6 header", SYN6, .cut = 53, .verdict = STEER_PASS_SHORT},
	{"most of a TCP header in IPv6", SYN6, .cut = 73, .verdict = STEER_PASS_SHORT},
	{"ports in the padding", SYN4, {{AT_LENGTH4 + 1, 39}}, .verdict = STEER_PASS_SHORT},
	{"ports in the padding, IPv6", SYN6, {{AT_LENGTH6 + 1, 19}},
	 .verdict = STEER_PASS_SHORT},
	{"shorter than its own header", SYN4, {{AT_LENGTH4 + 1, 19}},
	 .verdict = STEER_PASS_SHORT},

	/* ICMP: an error about what a slot's holder sent follows the inner header */
	{"too big follows the inner header", TOO_BIG4, .verdict = STEER_STEERED_TOO_BIG},
	{"too big, IPv6", TOO_BIG6, .verdict = STEER_STEERED_TOO_BIG},
	{"too big, another interface", TOO_BIG6, .if_index = THERE,
	 .verdict = STEER_STEERED_TOO_BIG},
	{"too big, late", TOO_BIG4, .valid_s = -1, .verdict = STEER_STEERED_TOO_BIG},
	{"too big, long ago", TOO_BIG4, .valid_s = -GRACE_S - 1, .verdict = STEER_PASS_EXPIRED},
	{"too big, ours", TOO_BIG4, .flags = SLOT_LOCAL, .verdict = STEER_PASS_LOCAL},
	{"too big, unresolved", TOO_BIG6, .flags = SLOT_UNRESOLVED,
	 .verdict = STEER_PASS_UNRESOLVED},
	{"too big, S12: orphaned", TOO_BIG4, .from = MAC_PEER, .flags = SLOT_ORPHANED,
	 .verdict = STEER_STEERED_TOO_BIG},
	{"too big, no hop left", TOO_BIG4, {{AT_TTL4, 1}}, .verdict = STEER_DROP_TTL},
	{"too big, no slot", TOO_BIG4, .no_entry = true, .verdict = STEER_PASS_NO_SLOT},
	{"too big, from another port", TOO_BIG4, {{AT_INNER4 + 20, 1}},
	 .verdict = STEER_PASS_NO_SLOT},
	{"too big, from another port, IPv6", TOO_BIG6, {{AT_INNER6 + 40, 1}},
	 .verdict = STEER_PASS_NO_SLOT},
	{"just the ports of what was too big", TOO_BIG4, {{AT_LENGTH4 + 1, 52}}, .cut = 66,
	 .verdict = STEER_STEERED_TOO_BIG},
	{"just the ports, IPv6", TOO_BIG6, {{AT_LENGTH6 + 1, 52}}, .cut = 106,
	 .verdict = STEER_STEERED_TOO_BIG},
	{"too big, cut off", TOO_BIG4, .cut = 65, .verdict = STEER_PASS_SHORT},
	{"too big, cut off, IPv6", TOO_BIG6, .cut = 105, .verdict = STEER_PASS_SHORT},
	{"too big, inner ports in the padding", TOO_BIG4, {{AT_LENGTH4 + 1, 51}},
	 .verdict = STEER_PASS_SHORT},
	{"inner ports in the padding, IPv6", TOO_BIG6, {{AT_LENGTH6 + 1, 51}},
	 .verdict = STEER_PASS_SHORT},
	{"half an ICMP header", TOO_BIG4, .cut = 41, .verdict = STEER_PASS_SHORT},
	{"half an ICMP header, IPv6", TOO_BIG6, .cut = 61, .verdict = STEER_PASS_SHORT},
	{"too big about somebody else's packet", TOO_BIG4, {{AT_INNER4 + 15, 101}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"the same in IPv6", TOO_BIG6, {{AT_INNER6 + 8 + 3, 1}}, .verdict = STEER_PASS_NOT_TCP},
	{"too big about UDP", TOO_BIG4, {{AT_INNER4 + 9, 17}}, .verdict = STEER_PASS_NOT_TCP},
	{"too big about UDP, IPv6", TOO_BIG6, {{AT_INNER6 + 6, 17}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"too big about a too big", TOO_BIG4, {{AT_INNER4 + 9, 1}, {AT_INNER4 + 20, 3},
	 {AT_INNER4 + 21, 4}}, .verdict = STEER_PASS_NOT_TCP},
	{"too big about a too big, IPv6", TOO_BIG6, {{AT_INNER6 + 6, 58}, {AT_INNER6 + 40, 2}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"too big about options", TOO_BIG4, {{AT_INNER4, 0x46}}, .verdict = STEER_PASS_NOT_TCP},
	{"too big about an extension", TOO_BIG6, {{AT_INNER6 + 6, 0}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"too big about a first fragment", TOO_BIG4, {{AT_INNER4 + 6, 0x20}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"too big about a later fragment", TOO_BIG4, {{AT_INNER4 + 7, 1}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"too big about IPv6 in IPv4", TOO_BIG4, {{AT_INNER4, 0x65}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"too big about IPv4 in IPv6", TOO_BIG6, {{AT_INNER6, 0x45}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"a fragment of a too big", TOO_BIG4, {{AT_FRAGMENT4, 0x20}},
	 .verdict = STEER_PASS_FRAGMENT},
	{"a ping", TOO_BIG4, {{AT_PAYLOAD4, 8}, {AT_PAYLOAD4 + 1, 0}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"a ping without data", TOO_BIG4, {{AT_PAYLOAD4, 8}, {AT_LENGTH4 + 1, 28}}, .cut = 42,
	 .verdict = STEER_PASS_NOT_TCP},
	{"a ping, IPv6", TOO_BIG6, {{AT_PAYLOAD6, 128}}, .verdict = STEER_PASS_NOT_TCP},
	{"a neighbour's question", TOO_BIG6, {{AT_PAYLOAD6, 135}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"unreachable for another reason", TOO_BIG4, {{AT_PAYLOAD4 + 1, 1}},
	 .verdict = STEER_PASS_NOT_TCP},
	{"unreachable, IPv6", TOO_BIG6, {{AT_PAYLOAD6, 1}}, .verdict = STEER_PASS_NOT_TCP},
	{"code 4 of another error", TOO_BIG4, {{AT_PAYLOAD4, 5}}, .verdict = STEER_PASS_NOT_TCP},
};
/* clang-format on */

const size_t steer_row_count = sizeof(steer_rows) / sizeof(*steer_rows);
