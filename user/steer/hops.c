/* Owns the last MAC address known of each broker: a peer that does not answer is still a peer. */
#include "steer/hops.h"

#include "base/mem.h"
#include "steer/neighbours.h"

#include <string.h>

enum { FAMILIES = 2 };

struct hops {
	struct peer_key known[STEER_PEERS_MAX][FAMILIES];
};

struct hops *hops_new(void)
{
	return mem_alloc(sizeof(struct hops));
}

void hops_free(struct hops *hops)
{
	mem_free(hops);
}

static void look_at(struct hops *hops, int netlink, struct state *s,
		    const struct steer_broker *broker, bool ipv6)
{
	static const uint8_t none[16];
	const uint8_t *ip = ipv6 ? broker->ipv6 : broker->ipv4;
	struct next_hop hop = {0};

	if (memcmp(ip, none, sizeof(none)) != 0)
		neighbours_find(netlink, ip, &hop);
	if (hop.resolved)
		memcpy(hops->known[broker->node][ipv6].mac, hop.next_mac, sizeof(hop.next_mac));
	state_set_hop(s, broker->node, ipv6, &hop);
}

static void write_peers(const struct hops *hops, const struct state *s, const struct maps *maps)
{
	static const struct peer_key none;
	size_t broker_count, count = 0;
	const struct steer_broker *brokers = state_brokers(s, &broker_count);
	struct peer_key keys[STEER_PEERS_MAX];
	uint32_t nodes[STEER_PEERS_MAX];

	for (size_t i = 0; i < broker_count * FAMILIES && count < STEER_PEERS_MAX; i++) {
		uint32_t node = brokers[i / FAMILIES].node;
		const struct peer_key *key = &hops->known[node][i % FAMILIES];

		if (node == state_self(s) || memcmp(key, &none, sizeof(none)) == 0)
			continue;
		keys[count] = *key;
		nodes[count++] = node;
	}
	maps_write_peers(maps, keys, nodes, count);
}

void hops_look(struct hops *hops, int netlink, struct state *s, const struct maps *maps)
{
	size_t count;
	const struct steer_broker *brokers = state_brokers(s, &count);

	if (count == 0)
		return; /* no image yet: the peers of an earlier life are still peers */
	for (size_t i = 0; i < count; i++) {
		if (brokers[i].node == state_self(s))
			continue;
		look_at(hops, netlink, s, &brokers[i], false);
		look_at(hops, netlink, s, &brokers[i], true);
	}
	write_peers(hops, s, maps);
}
