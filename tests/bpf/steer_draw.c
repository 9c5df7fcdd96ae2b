/* Owns the chances of each oddity. Addresses and ports come from a small pool, so that frames meet
 * entries; offsets are those of steer_model.c. */
#include "bpf/steer_draw.h"

#include "base/bytes.h"

#include <string.h>

enum {
	ADDRESSES = 3,
	PORTS = 3,
	FIRST_PEER = MAC_PEER,
	IP = 14,
	HOUR_S = 3600,
};

enum kind { TCP4, TCP6, TOO_BIG4, TOO_BIG6, KINDS };

static bool is_ipv6(enum kind kind)
{
	return kind == TCP6 || kind == TOO_BIG6;
}

/* ---- what the node knows ---- */

static struct slot_key draw_key(struct sim_random *random)
{
	struct slot_key key = {0};
	uint16_t port = (uint16_t)(PACKET_SLOT_PORT + sim_random_below(random, PORTS));

	packet_slot_address(sim_random_one_in(random, 3), key.address);
	key.address[15] = (uint8_t)(key.address[15] + sim_random_below(random, ADDRESSES));
	bytes_store_u16(&key.port, port);
	return key;
}

static uint64_t draw_valid_until(struct sim_random *random, uint64_t now_ns)
{
	const uint64_t hour_ns = HOUR_S * 1000000000ULL;

	switch (sim_random_below(random, 6)) {
	case 0:
		return 0;
	case 1:
		return sim_random_below(random, now_ns);
	case 2:
		return UINT64_MAX;
	default:
		return now_ns + hour_ns;
	}
}

static uint16_t draw_flags(struct sim_random *random)
{
	switch (sim_random_below(random, 8)) {
	case 0:
		return SLOT_LOCAL;
	case 1:
		return SLOT_UNRESOLVED;
	case 2:
		return SLOT_ORPHANED;
	case 3:
		return (uint16_t)sim_random_next(random);
	default:
		return 0;
	}
}

static struct slot_value draw_value(struct sim_random *random, const struct model *m,
				    const struct slot_key *key)
{
	struct slot_value value = {
		.slot_epoch = sim_random_next(random),
		.valid_until_ns = draw_valid_until(random, m->now_ns),
		.slot = (uint32_t)sim_random_below(random, DRAW_SLOTS),
		.holder = (uint32_t)sim_random_below(random, 5),
		.if_index = sim_random_one_in(random, 4) ? THERE : HERE,
		.flags = draw_flags(random),
		.port = bytes_load_u16(&key->port),
	};

	if (sim_random_one_in(random, 32))
		value.slot = STEER_SLOTS_MAX + 1;
	sim_random_fill(random, value.next_mac, sizeof(value.next_mac));
	memcpy(value.own_mac, m->own_mac, sizeof(value.own_mac));
	value.check = slot_check(key, &value);
	if (sim_random_one_in(random, 12)) /* F4: torn */
		((uint8_t *)&value)[sim_random_below(random, sizeof(value))] ^= 1;
	return value;
}

static bool has_entry(const struct model *m, const struct slot_key *key)
{
	for (size_t i = 0; i < m->entry_count; i++)
		if (memcmp(&m->entries[i].key, key, sizeof(*key)) == 0)
			return true;
	return false;
}

void draw_world(struct sim_random *random, struct model *m)
{
	size_t entries = sim_random_below(random, MODEL_ENTRIES_MAX + 1);

	m->entry_count = 0;
	m->peer_count = sim_random_below(random, MODEL_PEERS_MAX);
	while (entries-- > 0) {
		struct slot_key key = draw_key(random);

		if (has_entry(m, &key))
			continue;
		m->entries[m->entry_count].key = key;
		m->entries[m->entry_count].value = draw_value(random, m, &key);
		m->entry_count++;
	}
	for (size_t i = 0; i < m->peer_count; i++)
		packet_mac(m->peers[i], (enum packet_mac)(FIRST_PEER + i));
}

/* ---- a frame as it should be ---- */

/* To the slot's address and port; of an error, about a segment that came from there. */
static void aim(struct packet *p, enum kind kind, const struct slot_key *key)
{
	static const size_t port_at[KINDS] = {36, 56, 62, 102}, inner_at[KINDS] = {0, 0, 54, 70};
	size_t bytes = is_ipv6(kind) ? 16 : 4;
	const uint8_t *address = key->address + 16 - bytes;

	memcpy(p->bytes + (is_ipv6(kind) ? 38 : 30), address, bytes);
	if (inner_at[kind])
		memcpy(p->bytes + inner_at[kind], address, bytes);
	memcpy(p->bytes + port_at[kind], &key->port, 2);
}

static void draw_good(struct sim_random *random, const struct model *m, enum kind kind,
		      const struct slot_key *key, struct packet *ret_frame)
{
	static const uint8_t tcp_flags[] = {
		SYN, ACK, SYN | ACK, RST, FIN | ACK, SYN | ECE | CWR, SYN | FIN, 0};
	uint8_t flags = tcp_flags[sim_random_below(random, sizeof(tcp_flags))];

	if (kind == TCP4)
		*ret_frame = packet_tcp4(flags);
	else if (kind == TCP6)
		*ret_frame = packet_tcp6(flags);
	else
		*ret_frame = kind == TOO_BIG4 ? packet_too_big4() : packet_too_big6();
	memcpy(ret_frame->bytes, m->own_mac, 6);
	aim(ret_frame, kind, key);
	if (sim_random_one_in(random, 4))
		packet_mac(ret_frame->bytes + 6,
			   (enum packet_mac)(FIRST_PEER + sim_random_below(random, 3)));
	if (sim_random_one_in(random, 8))
		ret_frame->bytes[is_ipv6(kind) ? 21 : 22] = (uint8_t)sim_random_below(random, 4);
}

/* The packet's id is drawn, or such that the checksum is 0xfeff: a hop less makes it wrap around.
 */
static void draw_id4(struct sim_random *random, struct packet *p)
{
	uint16_t id = (uint16_t)sim_random_next(random);

	if (sim_random_one_in(random, 8)) {
		bytes_store_u16(p->bytes + 18, 0);
		packet_seal4(p);
		id = (uint16_t)(bytes_load_u16(p->bytes + 24) + 0x0100);
		id = (uint16_t)(id + (id < 0x0100)); /* one's complement */
	}
	bytes_store_u16(p->bytes + 18, id);
	packet_seal4(p);
}

/* ---- and as it should not ---- */

static void tag(struct sim_random *random, struct packet *p)
{
	uint16_t type = sim_random_one_in(random, 2) ? 0x8100 : 0x88a8;

	packet_add_tag(p, type, 7);
	if (sim_random_one_in(random, 3)) /* QinQ */
		tag(random, p);
}

static void misdirect(struct sim_random *random, struct packet *p)
{
	static const uint8_t others[][6] = {
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, /* broadcast */
		{0x01, 0x00, 0x5e, 0x4d, 0x00, 0x64}, /* multicast */
		{0x02, 0, 0, 0, 0, MAC_STRANGER},
	};

	memcpy(p->bytes, others[sim_random_below(random, 3)], 6);
}

/* Options, or an extension header, between the IP header and what it carries. */
static void stuff(struct sim_random *random, struct packet *p, enum kind kind)
{
	static const uint8_t extensions[] = {0, 43, 44, 50, 51, 60, 135};
	size_t words = sim_random_below(random, 10) + 1;

	if (is_ipv6(kind)) {
		packet_insert(p, 54, 8, 0);
		p->bytes[54] = p->bytes[20];
		p->bytes[20] = extensions[sim_random_below(random, sizeof(extensions))];
		bytes_store_u16(p->bytes + 18, (uint16_t)(bytes_load_u16(p->bytes + 18) + 8));
	} else {
		packet_insert(p, 34, words * 4, 1);
		p->bytes[IP] = (uint8_t)(0x45 + words);
		bytes_store_u16(p->bytes + 16,
				(uint16_t)(bytes_load_u16(p->bytes + 16) + words * 4));
	}
}

static void fragment(struct sim_random *random, struct packet *p, enum kind kind)
{
	if (is_ipv6(kind))
		p->bytes[20] = 44;
	else
		bytes_store_u16(p->bytes + 20, (uint16_t)(1 << sim_random_below(random, 16)));
}

/* A length that does not fit the frame, around the values that matter. */
static void lie_about_length(struct sim_random *random, struct packet *p, enum kind kind)
{
	bytes_store_u16(p->bytes + (is_ipv6(kind) ? 18 : 16),
			(uint16_t)sim_random_below(random, 90));
}

static void change_bytes(struct sim_random *random, struct packet *p)
{
	for (uint64_t left = sim_random_between(random, 1, 4); left > 0; left--) {
		uint8_t *at = p->bytes + sim_random_below(random, p->size);

		if (sim_random_one_in(random, 2))
			*at = (uint8_t)sim_random_next(random);
		else
			*at ^= (uint8_t)(1 << sim_random_below(random, 8));
	}
}

static void pad(struct sim_random *random, struct packet *p)
{
	packet_insert(p, p->size, sim_random_between(random, 1, DRAW_BYTES_MAX / 4), 0);
}

static void cut(struct sim_random *random, struct packet *p)
{
	p->size = sim_random_between(random, 14, p->size);
}

static void spoil(struct sim_random *random, struct packet *p, enum kind kind)
{
	switch (sim_random_below(random, 8)) {
	case 0:
		return tag(random, p);
	case 1:
		return misdirect(random, p);
	case 2:
		return stuff(random, p, kind);
	case 3:
		return fragment(random, p, kind);
	case 4:
		return lie_about_length(random, p, kind);
	case 5:
		return pad(random, p);
	case 6:
		return cut(random, p);
	default:
		return change_bytes(random, p);
	}
}

void draw_frame(struct sim_random *random, const struct model *m, struct packet *ret_frame)
{
	struct slot_key key = draw_key(random);
	enum kind kind;

	if (m->entry_count && !sim_random_one_in(random, 6))
		key = m->entries[sim_random_below(random, m->entry_count)].key;
	kind = key.address[0] ? TCP6 : TCP4;
	if (sim_random_one_in(random, 16)) /* the other family: ::ffff:10.77.0.100 in IPv6 */
		kind = is_ipv6(kind) ? TCP4 : TCP6;
	if (sim_random_one_in(random, 4))
		kind = is_ipv6(kind) ? TOO_BIG6 : TOO_BIG4;
	draw_good(random, m, kind, &key, ret_frame);
	if (!is_ipv6(kind))
		draw_id4(random, ret_frame);
	if (sim_random_one_in(random, 2))
		return;
	spoil(random, ret_frame, kind);
	if (!is_ipv6(kind) && !sim_random_one_in(random, 3) && ret_frame->size >= 34)
		packet_seal4(ret_frame);
	if (sim_random_one_in(random, 3))
		change_bytes(random, ret_frame);
	if (sim_random_one_in(random, 8))
		cut(random, ret_frame);
}
