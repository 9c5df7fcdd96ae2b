/* Owns the chances of each oddity; offsets are those of mirror_model.c. */
#include "bpf/mirror_draw.h"

#include "base/bytes.h"

#include <string.h>

enum { SLOTS = 5, EPOCH = 77, PORT = 9094, PIECE_AT = 42, PIECE_BYTES = 52, BUNDLE_MAX = 200 };

/* 10.77.0.1 and so on: a small pool, so that frames meet sets. */
static void draw_address(struct sim_random *random, uint8_t ip[4])
{
	bytes_store_u32(ip, 10U << 24 | 77 << 16 | (uint32_t)sim_random_between(random, 1, 6));
}

static uint16_t draw_port(struct sim_random *random)
{
	return (uint16_t)(PORT + sim_random_below(random, 3) / 2);
}

static uint64_t draw_epoch(struct sim_random *random)
{
	return EPOCH + sim_random_below(random, 5) / 4;
}

static uint16_t slot_of(size_t number)
{
	static const uint16_t slots[SLOTS] = {0, 3, 4, STEER_SLOTS_MAX - 1, 0xffff};

	return slots[number];
}

/* ---- what the node knows ---- */

static struct mirror_set draw_set(struct sim_random *random, uint32_t slot, uint32_t if_index)
{
	struct mirror_set set;

	memset(&set, 0, sizeof(set));
	set.slot_epoch = draw_epoch(random);
	set.if_index = if_index;
	set.count = (uint32_t)sim_random_between(random, 0, MIRROR_FOLLOWERS_MAX);
	set.own_address[10] = set.own_address[11] = 0xff;
	draw_address(random, set.own_address + 12);
	bytes_store_u16(&set.own_port, draw_port(random));
	for (uint32_t i = 0; i < set.count; i++) {
		struct mirror_follower *follower = &set.followers[i];

		follower->address[10] = follower->address[11] = 0xff;
		draw_address(random, follower->address + 12);
		bytes_store_u16(&follower->port, draw_port(random));
		sim_random_fill(random, follower->next_mac, sizeof(follower->next_mac));
	}
	if (sim_random_one_in(random, 16))
		set.count = (uint32_t)sim_random_next(random);
	set.check = mirror_check(slot, &set);
	if (sim_random_one_in(random, 8)) /* F4: torn */
		((uint8_t *)&set)[sim_random_below(random, sizeof(set))] ^= 1;
	return set;
}

void mirror_draw_world(struct sim_random *random, uint32_t if_index, struct mirror_model *ret_model)
{
	size_t first = sim_random_below(random, SLOTS);

	ret_model->set_count = sim_random_below(random, MIRROR_MODEL_SETS_MAX + 1);
	for (size_t i = 0; i < ret_model->set_count; i++) {
		uint16_t slot = slot_of((first + i) % SLOTS);

		ret_model->sets[i].slot = slot;
		ret_model->sets[i].set = draw_set(random, slot, if_index);
	}
}

/* ---- a piece as it should be ---- */

static void draw_piece(struct sim_random *random, uint16_t slot, uint64_t epoch, struct packet *p)
{
	uint8_t *piece = p->bytes + PIECE_AT;

	p->size = PIECE_AT + PIECE_BYTES + sim_random_below(random, BUNDLE_MAX);
	sim_random_fill(random, piece, p->size - PIECE_AT);
	bytes_store_u32(piece, MIRROR_MAGIC);
	bytes_store_u16(piece + 4, slot);
	bytes_store_u64(piece + 8, epoch);
	bytes_store_u16(piece + 32, MIRROR_CLONE);
}

/* From and to whom it should go; without a set, anywhere. */
static void address(struct sim_random *random, const struct mirror_set *set, struct packet *p)
{
	uint32_t count = set ? set->count : 0;
	const struct mirror_follower *follower;

	draw_address(random, p->bytes + 26);
	draw_address(random, p->bytes + 30);
	bytes_store_u16(p->bytes + 34, draw_port(random));
	bytes_store_u16(p->bytes + 36, draw_port(random));
	if (!set || sim_random_one_in(random, 8))
		return;
	memcpy(p->bytes + 26, set->own_address + 12, 4);
	memcpy(p->bytes + 34, &set->own_port, 2);
	if (count == 0 || count > MIRROR_FOLLOWERS_MAX)
		count = MIRROR_FOLLOWERS_MAX;
	follower = &set->followers[sim_random_below(random, count)];
	memcpy(p->bytes + 30, follower->address + 12, 4);
	memcpy(p->bytes + 36, &follower->port, 2);
}

static void draw_good(struct sim_random *random, const struct mirror_model *m, struct packet *p)
{
	uint16_t slot = slot_of(sim_random_below(random, SLOTS));
	uint64_t epoch = draw_epoch(random);
	const struct mirror_set *set = NULL;

	if (m->set_count > 0 && !sim_random_one_in(random, 8)) {
		size_t number = sim_random_below(random, m->set_count);

		slot = (uint16_t)m->sets[number].slot;
		set = &m->sets[number].set;
		epoch = sim_random_one_in(random, 12) ? epoch : set->slot_epoch;
	}
	memset(p->bytes, 0, PIECE_AT);
	draw_piece(random, slot, epoch, p);
	packet_mac(p->bytes, MAC_HOLDER);
	packet_mac(p->bytes + 6, MAC_NODE);
	bytes_store_u16(p->bytes + 12, 0x0800);
	p->bytes[14] = 0x45;
	bytes_store_u16(p->bytes + 16, (uint16_t)(p->size - 14));
	bytes_store_u16(p->bytes + 18, (uint16_t)sim_random_next(random));
	p->bytes[22] = 64;
	p->bytes[23] = 17;
	address(random, set, p);
	bytes_store_u16(p->bytes + 38, (uint16_t)(p->size - 34));
	/* Only its arithmetic is tried, so any will do, and the ends of it above all. */
	bytes_store_u16(p->bytes + 40, (uint16_t)sim_random_next(random));
	if (sim_random_one_in(random, 8))
		bytes_store_u16(p->bytes + 40, (uint16_t)(0 - sim_random_below(random, 3)));
	packet_seal4(p);
}

/* ---- and as it should not ---- */

static void move_to_ipv6(struct packet *p)
{
	packet_insert(p, 34, 20, 0);
	bytes_store_u16(p->bytes + 12, 0x86dd);
	p->bytes[14] = 0x60;
	p->bytes[20] = 17;
}

static void change_bytes(struct sim_random *random, struct packet *p)
{
	for (uint64_t left = sim_random_between(random, 1, 3); left > 0; left--) {
		size_t headers = p->size < 100 ? p->size : 100;

		p->bytes[sim_random_below(random, headers)] ^=
			(uint8_t)(1 << sim_random_below(random, 8));
	}
}

static void add_options(struct sim_random *random, struct packet *p)
{
	size_t words = sim_random_between(random, 1, 10);

	packet_insert(p, 34, words * 4, 1);
	p->bytes[14] = (uint8_t)(0x45 + words);
}

static void spoil(struct sim_random *random, struct packet *p)
{
	switch (sim_random_below(random, 7)) {
	case 0:
		return packet_add_tag(p, 0x8100, 7);
	case 1:
		return add_options(random, p);
	case 2:
		return bytes_store_u16(p->bytes + 20,
				       (uint16_t)(1 << sim_random_below(random, 16)));
	case 3:
		return move_to_ipv6(p);
	case 4:
		p->size = sim_random_between(random, 14, p->size);
		return;
	case 5:
		return bytes_store_u16(p->bytes + PIECE_AT + 32, (uint16_t)sim_random_next(random));
	default:
		return change_bytes(random, p);
	}
}

void mirror_draw_frame(struct sim_random *random, const struct mirror_model *m,
		       struct mirror_frame *ret_frame)
{
	struct packet *p = &ret_frame->packet;

	draw_good(random, m, p);
	ret_frame->mark = sim_random_one_in(random, 8) ? 7 : 0;
	if (sim_random_one_in(random, 16))
		ret_frame->mark = MIRROR_CLONE_MARK;
	ret_frame->came_in = sim_random_one_in(random, 12);
	ret_frame->is_super_packet = false;
	if (sim_random_one_in(random, 2))
		return;
	spoil(random, p);
	if (sim_random_one_in(random, 4))
		change_bytes(random, p);
	if (sim_random_one_in(random, 12))
		p->size = sim_random_between(random, 14, p->size);
}
