/* Addresses: local on this node (S3), and answered for by its NIC while this node announces them
 * (S2). Everything by netlink and a packet socket: CAP_NET_ADMIN and CAP_NET_RAW. */
#pragma once

#include "base/log.h"
#include "steer/link.h"
#include "steer/state.h"

struct announcer;

struct announcer_options {
	const char *interface;
	struct link link;
	uint64_t lease_us;    /* an address that is not refreshed ends a second after it, at most */
	uint64_t interval_us; /* switches forget: the announcement is repeated */
};

/* Also sets arp_ignore and arp_announce of the interface. Returns 0, or -errno after logging it. */
int announcer_new(const struct announcer_options *options, struct log *log, struct announcer **ret);
/* Withdraws everything; local routes stay, because brokers go on accepting (F10). NULL is fine. */
void announcer_free(struct announcer *a);

/* Brings routes and addresses to what the state says, refreshes and repeats what is due. Returns
 * when to call again, at the latest. */
uint64_t announcer_update(struct announcer *a, struct state *s, uint64_t now_us);
