/* Plans slot orders: pure arithmetic. */
#include "meta/slots.h"

#include <stdbool.h>
#include <string.h>

/* The place in `brokers` of the order's place-th broker, racks aside. */
static int32_t circle_at(int32_t count, int32_t slot, int32_t place)
{
	int32_t home = slot % count, turn = slot / count;

	if (place == 0)
		return home;
	return (home + 1 + (turn + place - 1) % (count - 1)) % count;
}

static bool racks_are_known(const struct slots_broker *brokers, int32_t count)
{
	for (int32_t i = 0; i < count; i++)
		if (!brokers[i].rack)
			return false;
	return true;
}

/* How many of the brokers at the first `taken` places of `order` are in that rack. */
static int32_t rack_uses(const struct slots_broker *brokers, const int32_t *order, int32_t taken,
			 const char *rack)
{
	int32_t uses = 0;

	for (int32_t i = 0; i < taken; i++)
		uses += strcmp(brokers[order[i]].rack, rack) == 0;
	return uses;
}

/* Stable: a broker moves forward only past others whose racks have been used more. */
static void spread_racks(const struct slots_broker *brokers, int32_t *order, int32_t count)
{
	for (int32_t place = 1; place < count; place++) {
		int32_t best = place, best_uses = count;

		for (int32_t i = place; i < count; i++) {
			int32_t uses = rack_uses(brokers, order, place, brokers[order[i]].rack);

			if (uses < best_uses) {
				best = i;
				best_uses = uses;
			}
		}
		int32_t chosen = order[best];

		memmove(order + place + 1, order + place, (size_t)(best - place) * sizeof(*order));
		order[place] = chosen;
	}
}

void slots_order(const struct slots_broker *brokers, int32_t count, int32_t slot,
		 int32_t *ret_order)
{
	for (int32_t i = 0; i < count; i++)
		ret_order[i] = circle_at(count, slot, i);
	if (racks_are_known(brokers, count))
		spread_racks(brokers, ret_order, count);
	for (int32_t i = 0; i < count; i++)
		ret_order[i] = brokers[ret_order[i]].id;
}
