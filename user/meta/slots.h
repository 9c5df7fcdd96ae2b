/* The orders of slots (S1): which broker is a slot's home, who succeeds it, who comes then.
 *
 * With brokers b0..bN-1 and slot s: home b[s mod N]; the others follow in a circle from the home
 * on, turned by s / N places. So in N slots in a row every broker is once at every place, and
 * different slots of one broker have different successors (while there are other brokers left to
 * choose).
 *
 * Where the racks of all brokers are known, each place goes to the nearest broker whose rack has
 * been used least so far: the first replicas lie in different racks. */
#pragma once

#include <stdint.h>

struct slots_broker {
	int32_t id;
	const char *rack; /* or NULL: not known */
};

/* brokers rise by id. Writes count ids to ret_order. */
void slots_order(const struct slots_broker *brokers, int32_t count, int32_t slot,
		 int32_t *ret_order);
