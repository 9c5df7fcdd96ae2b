/* Owns the addresses that bwsteer puts on this node.
 *
 * 1. An address that somebody else configured for good is never touched.
 * 2. An address on the NIC has a lifetime: when this process dies the kernel ends it (S2).
 * 3. After a take-over announcements come in a burst, because neighbours may ignore a change that
 *    follows another within a second (Linux: locktime), and then now and again. */
#include "steer/announce.h"

#include "base/mem.h"
#include "base/net_address.h"
#include "steer/address_change.h"
#include "steer/announce_frame.h"
#include "steer/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BURST_COUNT = 8, BURST_INTERVAL_US = 250 * 1000 };

struct owned_address {
	uint8_t ip[16];
	char text[NET_HOST_TEXT_BYTES];
	bool has_route;
	bool is_on;
	bool is_foreign;     /* configured by somebody else: announced, never changed */
	bool has_complained;
	unsigned sent;       /* announcements since the take-over */
	uint64_t send_at_us, refresh_at_us;
	UT_hash_handle hh;
};

struct announcer {
	struct announcer_options options;
	struct log *log;
	int netlink, packet;
	struct owned_address *addresses;
};

static void complain(struct announcer *a, struct owned_address *address, const char *what, int rc)
{
	if (!address->has_complained)
		log_line(a->log, LOG_ERROR,
			 "%s: %s: %s; bwsteer needs CAP_NET_ADMIN and CAP_NET_RAW",
			 address->text, what, strerror(-rc));
	address->has_complained = true;
}

/* ---- the interface's answers to ARP (S3) ---- */

static bool has_sysctl(const char *path, char value)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	char now = 0;
	bool has = file >= 0 && read(file, &now, 1) == 1 && now == value;

	if (file >= 0)
		close(file);
	return has;
}

static void set_sysctl(struct announcer *a, const char *name, char value)
{
	char path[128];
	int file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", a->options.interface, name);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file >= 0) {
		ssize_t written = write(file, &value, 1);

		close(file);
		if (written == 1)
			return;
	}
	if (!has_sysctl(path, value)) /* somebody else may have set it */
		log_line(a->log, LOG_WARN,
			 "%s cannot be set, and every node would answer ARP for slot addresses; "
			 "run: sysctl -w net.ipv4.conf.%s.%s=%c",
			 path, a->options.interface, name, value);
}

/* ---- one address ---- */

static void send_announcement(struct announcer *a, struct owned_address *address,
			      const uint8_t mac[6])
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)a->options.link.if_index,
	};
	uint8_t frame[ANNOUNCE_FRAME_BYTES_MAX];
	size_t size = announce_frame(address->ip, a->options.link.mac, mac, frame);

	if (sendto(a->packet, frame, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		complain(a, address, "cannot be announced", -errno);
}

static void switch_on(struct announcer *a, struct owned_address *address, uint64_t now_us)
{
	address->is_on = true;
	address->has_complained = false;
	address->is_foreign = address_change_is_permanent(a->netlink, address->ip);
	address->sent = 0;
	address->send_at_us = now_us;
	address->refresh_at_us = now_us;
	log_line(a->log, LOG_INFO, "%s: announced from here%s", address->text,
		 address->is_foreign ? "; it was configured by somebody else and stays" : "");
}

static void switch_off(struct announcer *a, struct owned_address *address)
{
	int rc = 0;

	if (!address->is_foreign)
		rc = address_change_off_link(a->netlink, a->options.link.if_index, address->ip);
	if (rc < 0)
		complain(a, address, "cannot be withdrawn", rc);
	address->is_on = false;
	/* The kernel may have taken the local route along with the address. */
	if (address->has_route)
		address_change_route(a->netlink, address->ip, true);
	log_line(a->log, LOG_INFO, "%s: withdrawn", address->text);
}

/* What is due of an address that is on. */
static void maintain(struct announcer *a, struct owned_address *address, uint64_t now_us)
{
	uint32_t lifetime_s = (uint32_t)((a->options.lease_us + 999999) / 1000000 + 1);
	int rc = 0;

	if (now_us >= address->refresh_at_us) {
		if (!address->is_foreign)
			rc = address_change_on_link(a->netlink, a->options.link.if_index,
						    address->ip, lifetime_s);
		if (rc < 0)
			complain(a, address, "cannot be put on the interface", rc);
		address->refresh_at_us = now_us + a->options.lease_us / 2;
	}
	if (now_us >= address->send_at_us) {
		send_announcement(a, address, a->options.link.mac);
		address->sent++;
		address->send_at_us = now_us + (address->sent < BURST_COUNT
							? BURST_INTERVAL_US
							: a->options.interval_us);
	}
}

static void keep_route(struct announcer *a, struct owned_address *address, bool wanted)
{
	int rc;

	if (address->has_route == wanted)
		return;
	rc = address_change_route(a->netlink, address->ip, wanted);
	if (rc < 0)
		complain(a, address, "its local route cannot be changed", rc);
	else
		address->has_route = wanted;
}

static struct owned_address *get_owned(struct announcer *a, const uint8_t ip[16])
{
	struct owned_address *address;
	struct net_address named = {0};

	HASH_FIND(hh, a->addresses, ip, 16, address);
	if (!address) {
		address = mem_alloc(sizeof(*address));
		memcpy(address->ip, ip, sizeof(address->ip));
		memcpy(named.ip, ip, sizeof(named.ip));
		net_address_format_host(&named, address->text);
		HASH_ADD(hh, a->addresses, ip, sizeof(address->ip), address);
	}
	return address;
}

static uint64_t update_one(struct announcer *a, const struct state_address *wanted, uint64_t now_us)
{
	struct owned_address *address = get_owned(a, wanted->ip);

	keep_route(a, address, wanted->is_local);
	if (address->is_on && !wanted->announced) {
		if (wanted->is_bequeathed) /* first: clients connect again within a millisecond */
			send_announcement(a, address, wanted->heir_mac);
		switch_off(a, address);
	}
	if (!address->is_on && wanted->announced)
		switch_on(a, address, now_us);
	if (!address->is_on)
		return UINT64_MAX;
	maintain(a, address, now_us);
	return address->send_at_us < address->refresh_at_us ? address->send_at_us
							    : address->refresh_at_us;
}

static void drop(struct announcer *a, struct owned_address *address)
{
	if (address->is_on)
		switch_off(a, address);
	HASH_DEL(a->addresses, address);
	mem_free(address);
}

/* ---- all of them ---- */

uint64_t announcer_update(struct announcer *a, struct state *s, uint64_t now_us)
{
	struct state_address *wanted, *next_wanted, *table = state_addresses(s);
	struct owned_address *owned, *next_owned;
	uint64_t deadline_us = UINT64_MAX;

	HASH_ITER(hh, a->addresses, owned, next_owned)
	{
		HASH_FIND(hh, table, owned->ip, sizeof(owned->ip), wanted);
		if (!wanted) { /* the state began anew, for another cluster */
			keep_route(a, owned, false);
			drop(a, owned);
		}
	}
	HASH_ITER(hh, table, wanted, next_wanted)
	{
		uint64_t due_us = update_one(a, wanted, now_us);

		if (due_us < deadline_us)
			deadline_us = due_us;
	}
	return deadline_us;
}

int announcer_new(const struct announcer_options *options, struct log *log, struct announcer **ret)
{
	struct announcer *a = mem_alloc(sizeof(*a));
	int rc;

	a->options = *options;
	a->log = log;
	a->netlink = -1;
	a->packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	rc = a->packet < 0 ? -errno : 0;
	if (rc == 0) {
		a->netlink = netlink_open(NETLINK_ROUTE, 0);
		rc = a->netlink < 0 ? a->netlink : 0;
	}
	if (rc < 0) {
		log_line(log, LOG_ERROR, "nothing can be announced: %s; give bwsteer CAP_NET_RAW",
			 strerror(-rc));
		announcer_free(a);
		return rc;
	}
	set_sysctl(a, "arp_ignore", '1');
	set_sysctl(a, "arp_announce", '2');
	*ret = a;
	return 0;
}

void announcer_free(struct announcer *a)
{
	struct owned_address *address, *next;

	if (!a)
		return;
	HASH_ITER(hh, a->addresses, address, next)
		drop(a, address);
	if (a->packet >= 0)
		close(a->packet);
	if (a->netlink >= 0)
		close(a->netlink);
	mem_free(a);
}
