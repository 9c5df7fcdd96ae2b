/* An address's place on this node, by rtnetlink. All return 0 or -errno; what is so already is no
 * error. `netlink` is an RTNETLINK socket of netlink_open(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Whose routes ours are, for people and for the package that removes bwsteer: the number stands in
 * `ip route show table local` and in debian/bellwether-steer.postrm. */
enum { ADDRESS_ROUTE_PROTOCOL = 66 };

/* `local ADDRESS dev lo` (S3): the node accepts, and no NIC answers ARP for it. It stays when
 * bwsteer stops, and with it the connections to the address (F10). */
int address_change_route(int netlink, const uint8_t ip[16], bool add);

/* On the interface, as a host address that ends by itself after lifetime_s. */
int address_change_on_link(int netlink, uint32_t if_index, const uint8_t ip[16],
			   uint32_t lifetime_s);
int address_change_off_link(int netlink, uint32_t if_index, const uint8_t ip[16]);

/* Has somebody configured it on any interface for good? Ours always have a lifetime. */
bool address_change_is_permanent(int netlink, const uint8_t ip[16]);

bool address_change_is_ipv6(const uint8_t ip[16]);
