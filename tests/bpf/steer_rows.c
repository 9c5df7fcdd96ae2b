/* Owns the odd frames and the table. Offsets: Ethernet 0, IP 14, TCP 34 (IPv4) or 54 (IPv6). */
#include "bpf/steer_rows.h"

#include "base/bytes.h"

#include <string.h>

static struct packet syn4(void)
{
	return packet_tcp4(SYN);
}

static struct packet segment4(void)
{
	return packet_tcp4(ACK);
}

static struct packet syn_ack4(void)
{
	return packet_tcp4(SYN | ACK);
}

static struct packet syn6(void)
{
	return packet_tcp6(SYN);
}

static struct packet segment6(void)
{
	return packet_tcp6(ACK);
}

static struct packet from_peer(void)
{
	struct packet p = packet_tcp4(SYN);

	packet_mac(p.bytes + 6, MAC_PEER);
	return p;
}

static struct packet to_other_port(void)
{
	struct packet p = packet_tcp4(SYN);

	p.bytes[37]++;
	return p;
}

static struct packet to_other_host(void)
{
	struct packet p = packet_tcp4(SYN);

	packet_mac(p.bytes, MAC_STRANGER);
	return p;
}

static struct packet to_everybody(void)
{
	struct packet p = packet_tcp4(SYN);

	memset(p.bytes, 0xff, 6);
	return p;
}

static struct packet with_vlan(uint16_t type)
{
	struct packet p = packet_tcp4(SYN);

	memmove(p.bytes + 16, p.bytes + 12, p.size - 12);
	bytes_store_u16(p.bytes + 12, type);
	bytes_store_u16(p.bytes + 14, 7);
	p.size += 4;
	return p;
}

static struct packet vlan(void)
{
	return with_vlan(0x8100);
}

static struct packet service_vlan(void)
{
	return with_vlan(0x88a8);
}

static struct packet arp(void)
{
	struct packet p = packet_tcp4(SYN);

	bytes_store_u16(p.bytes + 12, 0x0806);
	return p;
}

static struct packet wrong_version4(void)
{
	struct packet p = packet_tcp4(SYN);

	p.bytes[14] = 0x55;
	return p;
}

static struct packet wrong_version6(void)
{
	struct packet p = packet_tcp6(SYN);

	p.bytes[14] = 0x40;
	return p;
}

static struct packet options4(void)
{
	struct packet p = packet_tcp4(SYN);

	memmove(p.bytes + 38, p.bytes + 34, p.size - 34);
	memset(p.bytes + 34, 1, 4);
	p.bytes[14] = 0x46;
	p.size += 4;
	packet_seal4(&p);
	return p;
}

static struct packet tiny_header4(void)
{
	struct packet p = packet_tcp4(SYN);

	p.bytes[14] = 0x44;
	return p;
}

static struct packet first_fragment4(void)
{
	struct packet p = packet_tcp4(SYN);

	p.bytes[20] = 0x20;
	packet_seal4(&p);
	return p;
}

static struct packet last_fragment4(void)
{
	struct packet p = packet_tcp4(SYN);

	p.bytes[21] = 9;
	packet_seal4(&p);
	return p;
}

static struct packet dont_fragment4(void)
{
	struct packet p = packet_tcp4(SYN);

	p.bytes[20] = 0x40;
	packet_seal4(&p);
	return p;
}

static struct packet udp4(void)
{
	struct packet p = packet_tcp4(SYN);

	p.bytes[23] = 17;
	packet_seal4(&p);
	return p;
}

static struct packet udp6(void)
{
	struct packet p = packet_tcp6(SYN);

	p.bytes[20] = 17;
	return p;
}

static struct packet fragment6(void)
{
	struct packet p = packet_tcp6(SYN);

	p.bytes[20] = 44;
	return p;
}

static struct packet hop_by_hop6(void)
{
	struct packet p = packet_tcp6(SYN);

	p.bytes[20] = 0;
	return p;
}

static struct packet routing6(void)
{
	struct packet p = packet_tcp6(SYN);

	p.bytes[20] = 43;
	return p;
}

static struct packet cut_at(struct packet p, size_t size)
{
	p.size = size;
	return p;
}

static struct packet ethernet_only(void)
{
	return cut_at(packet_tcp4(SYN), 14);
}

static struct packet half_ipv4(void)
{
	return cut_at(packet_tcp4(SYN), 33);
}

static struct packet half_tcp4(void)
{
	return cut_at(packet_tcp4(SYN), 53);
}

static struct packet bare_tcp4(void)
{
	return cut_at(packet_tcp4(SYN), 54);
}

static struct packet half_ipv6(void)
{
	return cut_at(packet_tcp6(SYN), 53);
}

static struct packet half_tcp6(void)
{
	return cut_at(packet_tcp6(SYN), 73);
}

/* The frame goes on after the packet ends: Ethernet's padding is no TCP header. */
static struct packet padding4(void)
{
	struct packet p = packet_tcp4(SYN);

	bytes_store_u16(p.bytes + 16, 39);
	packet_seal4(&p);
	return p;
}

static struct packet super_packet4(void)
{
	struct packet p = packet_tcp4(ACK);

	bytes_store_u16(p.bytes + 16, 0);
	packet_seal4(&p);
	return p;
}

static struct packet padding6(void)
{
	struct packet p = packet_tcp6(SYN);

	bytes_store_u16(p.bytes + 18, 19);
	return p;
}

static struct packet last_hop4(void)
{
	struct packet p = packet_tcp4(ACK);

	p.bytes[22] = 1;
	packet_seal4(&p);
	return p;
}

static struct packet last_but_one_hop4(void)
{
	struct packet p = packet_tcp4(ACK);

	p.bytes[22] = 2;
	packet_seal4(&p);
	return p;
}

static struct packet last_hop6(void)
{
	struct packet p = packet_tcp6(ACK);

	p.bytes[21] = 1;
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

static struct packet ping4(void)
{
	struct packet p = packet_too_big4();

	p.bytes[34] = 8;
	p.bytes[35] = 0;
	return p;
}

static struct packet unreachable4(void)
{
	struct packet p = packet_too_big4();

	p.bytes[35] = 1;
	return p;
}

static struct packet too_big_about_others4(void)
{
	struct packet p = packet_too_big4();

	p.bytes[14 + 20 + 8 + 15]++;
	return p;
}

static struct packet too_big_about_udp4(void)
{
	struct packet p = packet_too_big4();

	p.bytes[14 + 20 + 8 + 9] = 17;
	return p;
}

static struct packet half_too_big4(void)
{
	return cut_at(packet_too_big4(), 14 + 20 + 8 + 20 + 3);
}

static struct packet too_big_about_others6(void)
{
	struct packet p = packet_too_big6();

	p.bytes[14 + 40 + 8 + 8 + 3]++;
	return p;
}

static struct packet half_too_big6(void)
{
	return cut_at(packet_too_big6(), 14 + 40 + 8 + 40 + 3);
}

const struct row steer_rows[] = {
	{"a SYN goes to the holder", syn4, .verdict = STEER_STEERED},
	{"so does a segment", segment4, .verdict = STEER_STEERED},
	{"and over another interface", segment4, .if_index = THERE, .verdict = STEER_STEERED},
	{"IPv6: a SYN", syn6, .verdict = STEER_STEERED},
	{"IPv6: a segment", segment6, .if_index = THERE, .verdict = STEER_STEERED},
	{"don't fragment is no fragment", dont_fragment4, .verdict = STEER_STEERED},
	{"exactly a TCP header", bare_tcp4, .verdict = STEER_STEERED},
	{"the checksum carries", carry4, .verdict = STEER_STEERED},
	{"a super-packet above 64 KiB says 0", super_packet4, .verdict = STEER_STEERED},

	{"no slot", syn4, .no_entry = true, .verdict = STEER_PASS_NO_SLOT},
	{"no such port", to_other_port, .verdict = STEER_PASS_NO_SLOT},
	{"the holder is here", syn4, .flags = SLOT_LOCAL, .verdict = STEER_PASS_LOCAL},
	{"here, expired", segment4, .flags = SLOT_LOCAL, .valid_s = -3600,
	 .verdict = STEER_PASS_LOCAL},
	{"here, from a peer", from_peer, .flags = SLOT_LOCAL, .verdict = STEER_PASS_LOCAL},
	{"unresolved", syn4, .flags = SLOT_UNRESOLVED, .verdict = STEER_PASS_UNRESOLVED},

	{"S10: an expired entry passes SYNs", syn4, .valid_s = -1,
	 .verdict = STEER_PASS_EXPIRED_SYN},
	{"S10: segments go on for a while", segment4, .valid_s = -1,
	 .verdict = STEER_STEERED_LATE},
	{"S10: an answer to a SYN opens nothing", syn_ack4, .valid_s = -1,
	 .verdict = STEER_STEERED_LATE},
	{"F3: long ago", segment4, .valid_s = -GRACE_S - 1, .verdict = STEER_PASS_EXPIRED},
	{"F3: never valid", segment4, .valid_s = INT64_MIN, .verdict = STEER_PASS_EXPIRED},
	{"S10: late and unresolved", segment4, .flags = SLOT_UNRESOLVED, .valid_s = -1,
	 .verdict = STEER_PASS_UNRESOLVED},
	{"S10: a peer's frame is not steered again", from_peer,
	 .verdict = STEER_PASS_FROM_PEER},
	{"S12: but by an orphaned entry", from_peer, .flags = SLOT_ORPHANED,
	 .verdict = STEER_STEERED_ORPHAN},
	{"S12: a client's too", syn4, .flags = SLOT_ORPHANED, .verdict = STEER_STEERED_ORPHAN},
	{"S12: orphaned and expired: a SYN", syn4, .flags = SLOT_ORPHANED, .valid_s = -1,
	 .verdict = STEER_PASS_EXPIRED_SYN},
	{"S12: orphaned and expired: a segment", segment4, .flags = SLOT_ORPHANED,
	 .valid_s = -1, .verdict = STEER_STEERED_LATE},
	{"S12: orphaned and unresolved", syn4, .flags = SLOT_ORPHANED | SLOT_UNRESOLVED,
	 .verdict = STEER_PASS_UNRESOLVED},
	{"S10: no hop left", last_hop4, .verdict = STEER_DROP_TTL},
	{"S10: no hop left, IPv6", last_hop6, .verdict = STEER_DROP_TTL},
	{"S10: no hop left, but it is ours", last_hop4, .flags = SLOT_LOCAL,
	 .verdict = STEER_PASS_LOCAL},
	{"one hop left", last_but_one_hop4, .verdict = STEER_STEERED},

	{"flooded by a switch", to_other_host, .verdict = STEER_PASS_OTHER_HOST},
	{"broadcast", to_everybody, .verdict = STEER_PASS_OTHER_HOST},
	{"VLAN", vlan, .verdict = STEER_PASS_VLAN},
	{"service VLAN", service_vlan, .verdict = STEER_PASS_VLAN},
	{"ARP", arp, .verdict = STEER_PASS_NOT_IP},
	{"IPv5", wrong_version4, .verdict = STEER_PASS_NOT_IP},
	{"IPv4 in an IPv6 frame", wrong_version6, .verdict = STEER_PASS_NOT_IP},
	{"IPv4 options", options4, .verdict = STEER_PASS_OPTIONS},
	{"a header of 16 bytes", tiny_header4, .verdict = STEER_PASS_OPTIONS},
	{"first fragment", first_fragment4, .verdict = STEER_PASS_FRAGMENT},
	{"last fragment", last_fragment4, .verdict = STEER_PASS_FRAGMENT},
	{"IPv6 fragment", fragment6, .verdict = STEER_PASS_FRAGMENT},
	{"IPv6 hop-by-hop options", hop_by_hop6, .verdict = STEER_PASS_EXTENSION},
	{"IPv6 routing header", routing6, .verdict = STEER_PASS_EXTENSION},
	{"UDP", udp4, .verdict = STEER_PASS_NOT_TCP},
	{"UDP in IPv6", udp6, .verdict = STEER_PASS_NOT_TCP},
	{"Ethernet and nothing", ethernet_only, .verdict = STEER_PASS_SHORT},
	{"half an IPv4 header", half_ipv4, .verdict = STEER_PASS_SHORT},
	{"most of a TCP header", half_tcp4, .verdict = STEER_PASS_SHORT},
	{"half an IPv6 header", half_ipv6, .verdict = STEER_PASS_SHORT},
	{"most of a TCP header in IPv6", half_tcp6, .verdict = STEER_PASS_SHORT},
	{"ports in the padding", padding4, .verdict = STEER_PASS_SHORT},
	{"ports in the padding, IPv6", padding6, .verdict = STEER_PASS_SHORT},

	{"too big follows the inner header", packet_too_big4,
	 .verdict = STEER_STEERED_TOO_BIG},
	{"too big, IPv6", packet_too_big6, .verdict = STEER_STEERED_TOO_BIG},
	{"too big, late", packet_too_big4, .valid_s = -1, .verdict = STEER_STEERED_TOO_BIG},
	{"too big, ours", packet_too_big4, .flags = SLOT_LOCAL, .verdict = STEER_PASS_LOCAL},
	{"a ping", ping4, .verdict = STEER_PASS_NOT_TCP},
	{"unreachable for another reason", unreachable4, .verdict = STEER_PASS_NOT_TCP},
	{"too big about somebody else's packet", too_big_about_others4,
	 .verdict = STEER_PASS_NOT_TCP},
	{"the same in IPv6", too_big_about_others6, .verdict = STEER_PASS_NOT_TCP},
	{"too big about UDP", too_big_about_udp4, .verdict = STEER_PASS_NOT_TCP},
	{"too big, cut off", half_too_big4, .verdict = STEER_PASS_SHORT},
	{"too big, cut off, IPv6", half_too_big6, .verdict = STEER_PASS_SHORT},
};

const size_t steer_row_count = sizeof(steer_rows) / sizeof(*steer_rows);
