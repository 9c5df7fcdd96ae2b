/* Owns the second opinion. A frame is bytes at these offsets:
 *
 *	 0  6  destination MAC       6  6  source MAC          12  2  type
 *	IPv4                                   IPv6
 *	14  1  version, header words           14  1  version (high four bits)
 *	16  2  length with header              18  2  length after the header
 *	20  2  flags, fragment offset          20  1  next header
 *	22  1  TTL                             21  1  hop limit
 *	23  1  protocol                        22 16  source
 *	24  2  header checksum                 38 16  destination
 *	26  4  source                          54     what it carries
 *	30  4  destination
 *	34     what it carries
 *
 *	TCP  +0 source port  +2 destination port  +13 flags; 20 bytes
 *	ICMP +0 type  +1 code  +8 the packet that the error is about
 *
 * The rules of judgement stand in the order in which they apply; the first that fits wins. */
#include "bpf/steer_model.h"

#include "base/bytes.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

enum {
	IPV4 = 14,
	IPV4_END = 34,
	IPV6 = 14,
	IPV6_END = 54,
	TCP_BYTES = 20,
	PORT_BYTES = 4,
	ICMP_BYTES = 8,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
};

static const enum steer_verdict NO_VERDICT = STEER_VERDICT_COUNT; /* go on */

/* What parsing finds out about a frame that may be for a slot. */
struct reading {
	const uint8_t *bytes;
	size_t frame_end;  /* how much there is of the frame, */
	size_t packet_end; /* and how much of it the packet in it claims: the rest is padding */
	struct slot_key key;
	uint8_t hops;
	bool is_syn, is_too_big;
};

bool model_is_steered(enum steer_verdict verdict)
{
	return verdict == STEER_STEERED || verdict == STEER_STEERED_LATE ||
	       verdict == STEER_STEERED_ORPHAN || verdict == STEER_STEERED_TOO_BIG;
}

const char *model_verdict_name(enum steer_verdict verdict)
{
	static const char *const names[] = {
#define NAME(name, text, meaning) text,
		STEER_VERDICTS(NAME)
#undef NAME
	};

	return verdict < STEER_VERDICT_COUNT ? names[verdict] : "nothing";
}

int model_action(enum entry_point entry, enum steer_verdict verdict, uint32_t if_index)
{
	if (verdict == STEER_DROP_TTL)
		return entry == XDP ? XDP_DROP : TC_ACT_SHOT;
	if (!model_is_steered(verdict)) /* in TC, other people's filters still see it */
		return entry == XDP ? XDP_PASS : TC_ACT_UNSPEC;
	if (entry == TC)
		return TC_ACT_REDIRECT;
	return if_index == HERE ? XDP_TX : XDP_REDIRECT;
}

const char *model_entry_name(enum entry_point entry)
{
	return entry == XDP ? "xdp" : "tc";
}

/* ---- parse ---- */

static bool reaches(const struct reading *r, size_t end)
{
	return r->frame_end >= end && r->packet_end >= end;
}

static enum steer_verdict read_tcp(struct reading *r, size_t tcp)
{
	uint8_t flags;

	if (!reaches(r, tcp + TCP_BYTES))
		return STEER_PASS_SHORT;
	flags = r->bytes[tcp + 13];
	memcpy(&r->key.port, r->bytes + tcp + 2, 2);
	r->is_syn = (flags & 0x02) && !(flags & 0x10);
	return NO_VERDICT;
}

/* "Fragmentation needed": about a whole TCP segment that left the address it now comes back to. */
static enum steer_verdict read_icmp4(struct reading *r)
{
	const uint8_t *icmp = r->bytes + IPV4_END, *inner = icmp + ICMP_BYTES;

	if (!reaches(r, IPV4_END + ICMP_BYTES))
		return STEER_PASS_SHORT;
	if (icmp[0] != 3 || icmp[1] != 4)
		return STEER_PASS_NOT_TCP;
	if (!reaches(r, IPV4_END + ICMP_BYTES + IPV4_BYTES + PORT_BYTES))
		return STEER_PASS_SHORT;
	if (inner[0] != 0x45 || inner[9] != 6 || (bytes_load_u16(inner + 6) & 0x3fff) != 0 ||
	    memcmp(inner + 12, r->bytes + IPV4 + 16, 4) != 0)
		return STEER_PASS_NOT_TCP;
	memcpy(&r->key.port, inner + IPV4_BYTES, 2);
	r->is_too_big = true;
	return NO_VERDICT;
}

static enum steer_verdict read_icmp6(struct reading *r)
{
	const uint8_t *icmp = r->bytes + IPV6_END, *inner = icmp + ICMP_BYTES;

	if (!reaches(r, IPV6_END + ICMP_BYTES))
		return STEER_PASS_SHORT;
	if (icmp[0] != 2)
		return STEER_PASS_NOT_TCP;
	if (!reaches(r, IPV6_END + ICMP_BYTES + IPV6_BYTES + PORT_BYTES))
		return STEER_PASS_SHORT;
	if (inner[0] >> 4 != 6 || inner[6] != 6 || memcmp(inner + 8, r->bytes + IPV6 + 24, 16) != 0)
		return STEER_PASS_NOT_TCP;
	memcpy(&r->key.port, inner + IPV6_BYTES, 2);
	r->is_too_big = true;
	return NO_VERDICT;
}

static enum steer_verdict read_ipv4(struct reading *r)
{
	const uint8_t *ip = r->bytes + IPV4;

	if (r->frame_end < IPV4_END)
		return STEER_PASS_SHORT;
	if (ip[0] >> 4 != 4)
		return STEER_PASS_NOT_IP;
	if ((ip[0] & 15) != 5)
		return STEER_PASS_OPTIONS;
	if ((bytes_load_u16(ip + 6) & 0x3fff) != 0) /* all but "don't fragment" and the top bit */
		return STEER_PASS_FRAGMENT;
	if (bytes_load_u16(ip + 2) != 0) /* 0: a super-packet above 64 KiB */
		r->packet_end = IPV4 + (size_t)bytes_load_u16(ip + 2);
	r->hops = ip[8];
	r->key.address[10] = r->key.address[11] = 0xff;
	memcpy(r->key.address + 12, ip + 16, 4);
	if (ip[9] == 6)
		return read_tcp(r, IPV4_END);
	return ip[9] == 1 ? read_icmp4(r) : STEER_PASS_NOT_TCP;
}

static enum steer_verdict read_ipv6(struct reading *r)
{
	/* ::ffff:0:0/96 is how bw_slots writes IPv4; no IPv6 packet goes there. */
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *ip = r->bytes + IPV6;

	if (r->frame_end < IPV6_END)
		return STEER_PASS_SHORT;
	if (ip[0] >> 4 != 6)
		return STEER_PASS_NOT_IP;
	if (memcmp(ip + 24, mapped, sizeof(mapped)) == 0)
		return STEER_PASS_NO_SLOT;
	if (bytes_load_u16(ip + 4) != 0)
		r->packet_end = IPV6_END + (size_t)bytes_load_u16(ip + 4);
	r->hops = ip[7];
	memcpy(r->key.address, ip + 24, 16);
	switch (ip[6]) {
	case 6:
		return read_tcp(r, IPV6_END);
	case 58:
		return read_icmp6(r);
	case 44:
		return STEER_PASS_FRAGMENT;
	case 0:  /* hop by hop */
	case 43: /* routing */
	case 51: /* authentication */
	case 60: /* destination options */
		return STEER_PASS_EXTENSION;
	default:
		return STEER_PASS_NOT_TCP;
	}
}

static enum steer_verdict read_frame(const struct model *m, struct reading *r)
{
	if (r->frame_end < 14)
		return STEER_PASS_SHORT;
	if (memcmp(r->bytes, m->own_mac, 6) != 0)
		return STEER_PASS_OTHER_HOST;
	switch (bytes_load_u16(r->bytes + 12)) {
	case 0x0800:
		return read_ipv4(r);
	case 0x86dd:
		return read_ipv6(r);
	case 0x8100:
	case 0x88a8:
		return STEER_PASS_VLAN;
	default:
		return STEER_PASS_NOT_IP;
	}
}

/* ---- judge ---- */

static const struct slot_value *find_entry(const struct model *m, const struct slot_key *key)
{
	for (size_t i = 0; i < m->entry_count; i++)
		if (memcmp(&m->entries[i].key, key, sizeof(*key)) == 0)
			return &m->entries[i].value;
	return NULL;
}

static bool is_peer(const struct model *m, const uint8_t *mac)
{
	for (size_t i = 0; i < m->peer_count; i++)
		if (memcmp(m->peers[i], mac, 6) == 0)
			return true;
	return false;
}

/* The rules for a frame that met an entry which fits its check. */
static enum steer_verdict judge(const struct model *m, const struct reading *r,
				const struct slot_value *entry)
{
	bool expired = m->now_ns > entry->valid_until_ns;
	bool long_ago = expired && m->now_ns - entry->valid_until_ns > m->grace_ns;
	bool orphaned = !expired && (entry->flags & SLOT_ORPHANED);

	if (entry->flags & SLOT_LOCAL)
		return STEER_PASS_LOCAL;
	if (expired && r->is_syn)
		return STEER_PASS_EXPIRED_SYN;
	if (long_ago)
		return STEER_PASS_EXPIRED;
	if (entry->flags & SLOT_UNRESOLVED)
		return STEER_PASS_UNRESOLVED;
	if (is_peer(m, r->bytes + 6) && !orphaned)
		return STEER_PASS_FROM_PEER;
	if (r->hops <= 1)
		return STEER_DROP_TTL;
	if (r->is_too_big)
		return STEER_STEERED_TOO_BIG;
	if (orphaned)
		return STEER_STEERED_ORPHAN;
	return expired ? STEER_STEERED_LATE : STEER_STEERED;
}

/* ---- act ---- */

static uint16_t add_ones_complement(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* RFC 1624: HC' = ~(~HC + ~m + m'), so that a wrong checksum stays as wrong as it was. */
static void take_a_hop4(uint8_t *ip)
{
	uint16_t before = bytes_load_u16(ip + 8), after, sum;

	ip[8]--;
	after = bytes_load_u16(ip + 8);
	sum = (uint16_t)~bytes_load_u16(ip + 10);
	sum = add_ones_complement(sum, (uint16_t)~before);
	sum = add_ones_complement(sum, after);
	bytes_store_u16(ip + 10, (uint16_t)~sum);
}

static void send_on(struct packet *frame, const struct slot_value *entry)
{
	memcpy(frame->bytes, entry->next_mac, 6);
	memcpy(frame->bytes + 6, entry->own_mac, 6);
	if (bytes_load_u16(frame->bytes + 12) == 0x0800)
		take_a_hop4(frame->bytes + IPV4);
	else
		frame->bytes[IPV6 + 7]--;
}

void model_judge(const struct model *m, const struct packet *in, bool vlan_taken_off,
		 struct model_outcome *ret_outcome)
{
	struct reading r = {.bytes = in->bytes, .frame_end = in->size, .packet_end = SIZE_MAX};
	struct model_outcome *o = ret_outcome;
	const struct slot_value *entry = NULL;

	o->verdict = vlan_taken_off ? STEER_PASS_VLAN : read_frame(m, &r);
	o->met_slot = false;
	o->if_index = 0;
	memcpy(o->out.bytes, in->bytes, in->size);
	o->out.size = in->size;
	if (o->verdict != NO_VERDICT)
		return;
	entry = find_entry(m, &r.key);
	if (!entry)
		o->verdict = STEER_PASS_NO_SLOT;
	else if (slot_check(&r.key, entry) != entry->check)
		o->verdict = STEER_PASS_TORN;
	else
		o->verdict = judge(m, &r, entry);
	if (!entry || o->verdict == STEER_PASS_TORN)
		return;
	o->met_slot = true;
	o->slot = entry->slot;
	o->is_syn = r.is_syn;
	if (!model_is_steered(o->verdict))
		return;
	o->if_index = entry->if_index;
	send_on(&o->out, entry);
}
