/* Owns what a row of the table means: the frame it begins with, the entry it meets, and what must
 * come out. */
#include "bpf/steer_rows.h"

#include "base/bytes.h"
#include "bpf/steer_model.h"

#include <bpf/bpf.h>
#include <string.h>
#include <time.h>

#define SECOND_NS 1000000000LL

/* ---- packet in ---- */

static struct packet good_frame(enum row_frame frame)
{
	switch (frame) {
	case SEGMENT4:
		return packet_tcp4(ACK);
	case SYN_ACK4:
		return packet_tcp4(SYN | ACK);
	case SYN6:
		return packet_tcp6(SYN);
	case SEGMENT6:
		return packet_tcp6(ACK);
	case TOO_BIG4:
		return packet_too_big4();
	case TOO_BIG6:
		return packet_too_big6();
	case SYN4:
		break;
	}
	return packet_tcp4(SYN);
}

struct packet row_packet(const struct row *row)
{
	struct packet p = row->make ? row->make() : good_frame(row->frame);
	bool changed = false;

	for (size_t i = 0; i < ROW_CHANGES_MAX; i++)
		if (row->set[i].at || row->set[i].to) {
			p.bytes[row->set[i].at] = row->set[i].to;
			changed = true;
		}
	if (row->from)
		packet_mac(p.bytes + 6, row->from);
	if (row->cut)
		p.size = row->cut;
	if (changed && bytes_load_u16(p.bytes + AT_TYPE) == 0x0800)
		packet_seal4(&p);
	return p;
}

/* ---- map contents ---- */

static uint64_t valid_until(int64_t valid_s)
{
	struct timespec now;

	if (valid_s == INT64_MIN)
		return 0;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)((now.tv_sec + (valid_s ? valid_s : 3600)) * SECOND_NS + now.tv_nsec);
}

struct slot_key row_key(bool ipv6)
{
	struct slot_key key = {0};

	packet_slot_address(ipv6, key.address);
	bytes_store_u16(&key.port, PACKET_SLOT_PORT);
	return key;
}

struct slot_value row_value(const struct row *row, const struct slot_key *key, uint32_t if_index)
{
	struct slot_value value = {
		.slot_epoch = 10,
		.valid_until_ns = valid_until(row->valid_s),
		.slot = ROW_SLOT,
		.holder = 2,
		.if_index = if_index,
		.flags = row->flags,
		.port = PACKET_SLOT_PORT,
	};

	packet_mac(value.next_mac, MAC_HOLDER);
	packet_mac(value.own_mac, MAC_NODE);
	value.check = slot_check(key, &value) ^ row->torn;
	return value;
}

int row_write_entries(const struct row *row, const struct maps *maps, uint32_t if_index)
{
	int rc = 0;

	for (int ipv6 = 0; ipv6 < 2 && rc == 0; ipv6++) {
		struct slot_key key = row_key(ipv6);
		struct slot_value value = row_value(row, &key, if_index);

		if (row->no_entry)
			bpf_map_delete_elem(maps->slots, &key); /* it may not be there */
		else
			rc = bpf_map_update_elem(maps->slots, &key, &value, BPF_ANY);
	}
	return rc;
}

int row_write_peer(const struct maps *maps)
{
	struct peer_key peer = {0};
	uint32_t node = 3;

	packet_mac(peer.mac, MAC_PEER);
	return bpf_map_update_elem(maps->peers, &peer, &node, BPF_ANY);
}

/* ---- packet out ---- */

/* One's complement: what must stand in the field so that the header's sum is `sum` again. */
static void restore_sum4(struct packet *p, uint16_t sum)
{
	uint32_t field;

	bytes_store_u16(p->bytes + AT_CHECKSUM4, 0);
	field = (uint32_t)sum + (uint16_t)~packet_sum4(p);
	bytes_store_u16(p->bytes + AT_CHECKSUM4, (uint16_t)((field & 0xffff) + (field >> 16)));
}

struct packet row_packet_out(const struct row *row, const struct packet *in)
{
	struct packet out = *in;

	if (!model_is_steered(row->verdict))
		return out;
	packet_mac(out.bytes, MAC_HOLDER);
	packet_mac(out.bytes + 6, MAC_NODE);
	if (in->bytes[AT_TYPE] == 0x86) {
		out.bytes[AT_HOPS6]--;
		return out;
	}
	out.bytes[AT_TTL4]--;
	if (packet_sum4(in) == 0xffff)
		packet_seal4(&out);
	else
		restore_sum4(&out, packet_sum4(in));
	return out;
}
