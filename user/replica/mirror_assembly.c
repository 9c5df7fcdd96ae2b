/* Owns bundles that are not whole yet.
 *
 * Invariants:
 *   1. Pieces come together only when all that they say about the bundle is the same, the tag too:
 *      a forged piece spoils nothing but its own bundle.
 *   2. A building holds the bytes of exactly the pieces that `has` names; places do not overlap
 *      (mirror_piece_read()). */
#include "replica/mirror_assembly.h"

#include "base/mem.h"

struct mirror_building {
	struct mirror_received *received;
	uint64_t begun_us;
	uint64_t has; /* bit n: piece n */
	size_t unit;  /* bytes of each piece but the last */
};
_Static_assert(MIRROR_PIECES_MAX <= 64, "a piece has no bit");

static void give_up(struct mirror_building **place, unsigned *given_up)
{
	if (!*place)
		return;
	mem_free((*place)->received);
	mem_free(*place);
	*place = NULL;
	++*given_up;
}

/* Of each piece but the last: the place of one that is not the first tells it. */
static size_t unit_of(const struct mirror_arrival *a)
{
	return a->piece > 0 ? a->at / a->piece : a->size;
}

static bool belongs(const struct mirror_building *b, const struct mirror_arrival *a)
{
	const struct mirror_arrival *head = &b->received->head;

	return head->slot == a->slot && head->sender == a->sender &&
	       head->slot_epoch == a->slot_epoch && head->sequence == a->sequence &&
	       head->pieces == a->pieces && head->bundle_bytes == a->bundle_bytes &&
	       b->unit == unit_of(a) && memcmp(head->tag, a->tag, sizeof(a->tag)) == 0;
}

static struct mirror_building *building_new(const struct mirror_arrival *a, uint64_t now_us)
{
	struct mirror_building *b = mem_alloc(sizeof(*b));

	b->received = mem_alloc(sizeof(*b->received) + a->bundle_bytes);
	b->received->head = *a;
	b->begun_us = now_us;
	b->unit = unit_of(a);
	return b;
}

/* Where the piece's bundle is or is to be. */
static struct mirror_building **find_place(struct mirror_assembly *assembly,
					   const struct mirror_arrival *a, uint64_t now_us,
					   unsigned *given_up)
{
	struct mirror_building **oldest = &assembly->buildings[0], **empty = NULL;

	for (int i = 0; i < MIRROR_ASSEMBLIES; i++) {
		struct mirror_building **place = &assembly->buildings[i];

		if (*place && now_us - (*place)->begun_us > MIRROR_ASSEMBLY_MOST_US)
			give_up(place, given_up);
		if (*place && belongs(*place, a))
			return place;
		if (!*place)
			empty = place;
		else if (*oldest && (*place)->begun_us < (*oldest)->begun_us)
			oldest = place;
	}
	if (empty)
		return empty;
	give_up(oldest, given_up);
	return oldest;
}

enum mirror_drop mirror_assembly_take(struct mirror_assembly *assembly,
				      const struct mirror_arrival *a, uint64_t now_us,
				      struct mirror_received **ret_whole, unsigned *ret_given_up)
{
	const uint64_t all = UINT64_MAX >> (64 - a->pieces), bit = (uint64_t)1 << a->piece;
	struct mirror_building **place, *b;

	*ret_whole = NULL;
	*ret_given_up = 0;
	place = find_place(assembly, a, now_us, ret_given_up);
	if (!*place)
		*place = building_new(a, now_us);
	b = *place;
	if (b->has & bit)
		return MIRROR_DROP_REPLAYED;
	memcpy(b->received->bytes + a->at, a->bytes, a->size);
	b->has |= bit;
	if (b->has == all) {
		*ret_whole = b->received;
		mem_free(b);
		*place = NULL;
	}
	return MIRROR_DROP_TAKEN;
}

void mirror_assembly_done(struct mirror_assembly *assembly)
{
	unsigned count = 0;

	for (int i = 0; i < MIRROR_ASSEMBLIES; i++)
		give_up(&assembly->buildings[i], &count);
}
