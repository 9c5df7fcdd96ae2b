/* Owns the second opinion about mirroring. A frame is bytes at these offsets:
 *
 *	 0  6  destination MAC        12  2  type
 *	14  1  version, header words  20  2  flags, fragment offset   23  1  protocol
 *	24  2  header checksum        26  4  source                   30  4  destination
 *	34  2  source port            36  2  destination port         40  2  UDP checksum
 *	42 52  the piece's header (mirror_packet.h), where IPv4 has no options
 *
 * The rules of judgement stand in the order in which they apply; the first that fits wins. */
#include "bpf/mirror_model.h"

#include "base/bytes.h"

#include <string.h>

enum {
	IPV4 = 14,
	UDP = 34,
	PLAIN_END = 42,
	IPV6_NEXT = 20,
	IPV6_END = 54,
	UDP_BYTES = 8,
	PIECE_BYTES = 52,
};

enum likeness { NO_PIECE, PLAIN, ODD };

const char *mirror_verdict_name(unsigned verdict)
{
	static const char *const names[] = {
#define NAME(name, text, meaning) text,
		MIRROR_VERDICTS(NAME)
#undef NAME
	};

	return verdict < MIRROR_VERDICT_COUNT ? names[verdict] : "nothing";
}

/* ---- is it a piece? ---- */

/* A whole header that asks for copies, or the beginning of one that is cut off. */
static enum likeness look_at(const struct packet *p, size_t at)
{
	const uint8_t *piece = p->bytes + at;

	if (p->size < at + 4 || bytes_load_u32(piece) != MIRROR_MAGIC)
		return NO_PIECE;
	if (p->size < at + PIECE_BYTES)
		return ODD;
	return bytes_load_u16(piece + 32) & MIRROR_CLONE ? PLAIN : NO_PIECE;
}

static enum likeness look_at_frame(const struct packet *p)
{
	const uint8_t *b = p->bytes;
	enum likeness likeness;

	if (p->size < PLAIN_END)
		return NO_PIECE;
	if (bytes_load_u16(b + 12) == 0x86dd && b[IPV6_NEXT] == 17)
		return look_at(p, IPV6_END + UDP_BYTES) == NO_PIECE ? NO_PIECE : ODD;
	if (bytes_load_u16(b + 12) != 0x0800 || b[23] != 17)
		return NO_PIECE;
	likeness = look_at(p, IPV4 + (size_t)(b[IPV4] & 15) * 4 + UDP_BYTES);
	if (likeness == PLAIN && (b[IPV4] != 0x45 || (bytes_load_u16(b + 20) & 0x3fff) != 0))
		return ODD;
	return likeness;
}

/* ---- who gets it? ---- */

static const struct mirror_set *find_set(const struct mirror_model *m, uint32_t slot)
{
	for (size_t i = 0; i < m->set_count; i++)
		if (m->sets[i].slot == slot)
			return &m->sets[i].set;
	return NULL;
}

/* An IPv4 address in its last four bytes, and a port, as they stand in a frame. */
static bool is_at(const uint8_t *ip, const uint8_t *port, const uint8_t address[16],
		  __be16 address_port)
{
	return memcmp(ip, address + 12, 4) == 0 && memcmp(port, &address_port, 2) == 0;
}

static bool is_addressee(const struct packet *p, const struct mirror_follower *follower)
{
	return is_at(p->bytes + 30, p->bytes + 36, follower->address, follower->port);
}

static uint32_t followers_of(const struct mirror_set *set)
{
	return set->count < MIRROR_FOLLOWERS_MAX ? set->count : MIRROR_FOLLOWERS_MAX;
}

static unsigned judge(const struct mirror_model *m, const struct packet *p,
		      const struct mirror_set **ret_set)
{
	const uint8_t *piece = p->bytes + PLAIN_END;
	uint32_t slot = bytes_load_u16(piece + 4);
	const struct mirror_set *set = find_set(m, slot);

	if (!set)
		return MIRROR_NO_SET;
	if (mirror_check(slot, set) != set->check)
		return MIRROR_TORN;
	if (!is_at(p->bytes + 26, p->bytes + UDP, set->own_address, set->own_port))
		return MIRROR_FOREIGN;
	if (bytes_load_u64(piece + 8) != set->slot_epoch)
		return MIRROR_STALE;
	for (uint32_t i = 0; i < followers_of(set); i++)
		if (is_addressee(p, &set->followers[i])) {
			*ret_set = set;
			return MIRROR_CLONED;
		}
	return MIRROR_STRAY;
}

/* ---- copies ---- */

static uint16_t add_ones_complement(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* What a sum becomes when these bytes of what it is over are others. */
static uint16_t replace_in_sum(uint16_t sum, const uint8_t *from, const uint8_t *to, size_t size)
{
	for (size_t i = 0; i < size; i += 2) {
		sum = add_ones_complement(sum, (uint16_t)~bytes_load_u16(from + i));
		sum = add_ones_complement(sum, bytes_load_u16(to + i));
	}
	return sum;
}

/* Of a super-packet only the pseudo header is summed so far, and the sum is not complemented. No
 * checksum, 0, stays none; and a checksum never becomes none. */
static uint16_t udp_checksum(uint16_t before, const uint8_t *from_ip, const uint8_t *to_ip,
			     const uint8_t *from_port, const uint8_t *to_port, bool is_super_packet)
{
	uint16_t sum;

	if (is_super_packet)
		return replace_in_sum(before, from_ip, to_ip, 4);
	if (before == 0)
		return 0;
	sum = replace_in_sum((uint16_t)~before, from_ip, to_ip, 4);
	sum = replace_in_sum(sum, from_port, to_port, 2);
	return sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

static void copy_to(const struct mirror_frame *frame, const struct mirror_follower *follower,
		    struct packet *ret_copy)
{
	const uint8_t *in = frame->packet.bytes, *ip = follower->address + 12;
	uint8_t *out = ret_copy->bytes, port[2];

	memcpy(port, &follower->port, 2);
	memcpy(out, in, frame->packet.size);
	ret_copy->size = frame->packet.size;
	memcpy(out, follower->next_mac, 6);
	memcpy(out + 30, ip, 4);
	memcpy(out + 36, port, 2);
	bytes_store_u16(out + 24, (uint16_t)~replace_in_sum((uint16_t)~bytes_load_u16(in + 24),
							    in + 30, ip, 4));
	bytes_store_u16(out + 40, udp_checksum(bytes_load_u16(in + 40), in + 30, ip, in + 36, port,
					       frame->is_super_packet));
}

void mirror_model_judge(const struct mirror_model *m, const struct mirror_frame *frame,
			struct mirror_outcome *ret_outcome)
{
	enum likeness likeness = look_at_frame(&frame->packet);
	struct mirror_outcome *o = ret_outcome;
	const struct mirror_set *set = NULL;

	o->mark = frame->mark;
	o->verdict = MIRROR_NOT_COUNTED;
	o->copy_count = 0;
	if (frame->mark == MIRROR_CLONE_MARK) /* a copy on its second way */
		o->mark = 0;
	else if (likeness != NO_PIECE && frame->came_in)
		o->verdict = MIRROR_FORWARDED;
	else if (likeness == ODD)
		o->verdict = MIRROR_ODD;
	else if (likeness == PLAIN)
		o->verdict = judge(m, &frame->packet, &set);
	if (o->verdict != MIRROR_CLONED)
		return;
	o->if_index = set->if_index;
	for (uint32_t i = 0; i < followers_of(set); i++)
		if (!is_addressee(&frame->packet, &set->followers[i]))
			copy_to(frame, &set->followers[i], &o->copies[o->copy_count++]);
}
