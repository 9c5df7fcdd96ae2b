/* The network interface that bwsteer works on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct link {
	uint32_t if_index;
	uint8_t mac[6];
	bool is_ethernet; /* has a MAC address of six bytes */
	bool is_up;
	char kind[16];    /* "veth", "bridge", ...; empty for hardware */
};

/* Returns 0, -ENODEV when there is no such interface, or another -errno. */
int link_find(int netlink, uint32_t if_index, struct link *ret_link);
