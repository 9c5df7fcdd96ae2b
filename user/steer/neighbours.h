/* Next hops from the kernel's route and neighbour tables (KERNEL.md: why not bpf_fib_lookup). */
#pragma once

#include "steer/state.h"

/* How to reach ip from here. Fills *ret_hop in always; it is unresolved when there is no route,
 * when the route leads through a gateway (the frame would come back by the slot's address), or when
 * nobody has answered yet. Then, and when the answer grows old, the kernel is asked to look again;
 * a monitor of RTNLGRP_NEIGH tells when it has. */
void neighbours_find(int netlink, const uint8_t ip[16], struct next_hop *ret_hop);
