/* Owns the layout of announcements.
 *
 *   ARP, 42 bytes             NDP, 86 bytes
 *    0 broadcast               0 33:33:00:00:00:01
 *    6 own mac                 6 own mac
 *   12 0806                   12 86dd
 *   14 1, 0800, 6, 4, 1       14 IPv6: length 32, next 58, hops 255, ip -> ff02::1
 *   22 mac, ip                54 136, 0, checksum, flags (override), ip
 *   32 0 (6 bytes), ip        78 option 2 of 8 bytes: mac */
#include "steer/announce_frame.h"

#include "base/bytes.h"

#include <string.h>

enum { ETHERNET_ARP = 0x0806, ETHERNET_IPV6 = 0x86dd, NDP_BYTES = 32, ICMP6_NEXT = 58 };

static size_t arp_frame(const uint8_t ip[4], const uint8_t own_mac[6], const uint8_t mac[6],
			uint8_t *frame)
{
	static const uint8_t fixed[] = {0, 1, 8, 0, 6, 4, 0, 1}; /* Ethernet, IPv4, request */

	memset(frame, 0xff, 6);
	memcpy(frame + 6, own_mac, 6);
	bytes_store_u16(frame + 12, ETHERNET_ARP);
	memcpy(frame + 14, fixed, sizeof(fixed));
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 28, ip, 4);
	memset(frame + 32, 0, 6);
	memcpy(frame + 38, ip, 4);
	return 42;
}

/* RFC 1071 over the pseudo header (both addresses, length, next header) and the message. */
static uint16_t icmp6_checksum(const uint8_t *ipv6)
{
	uint32_t sum = NDP_BYTES + ICMP6_NEXT;

	for (size_t i = 8; i < 40 + NDP_BYTES; i += 2)
		sum += bytes_load_u16(ipv6 + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t ndp_frame(const uint8_t ip[16], const uint8_t own_mac[6], const uint8_t mac[6],
			uint8_t *frame)
{
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	uint8_t *ipv6 = frame + 14, *advertisement = frame + 54;

	memset(frame, 0, ANNOUNCE_FRAME_BYTES_MAX);
	memcpy(frame, (const uint8_t[]){0x33, 0x33, 0, 0, 0, 1}, 6);
	memcpy(frame + 6, own_mac, 6);
	bytes_store_u16(frame + 12, ETHERNET_IPV6);
	ipv6[0] = 6 << 4;
	bytes_store_u16(ipv6 + 4, NDP_BYTES);
	ipv6[6] = ICMP6_NEXT;
	ipv6[7] = 255;
	memcpy(ipv6 + 8, ip, 16);
	memcpy(ipv6 + 24, all_nodes, 16);
	advertisement[0] = 136;
	advertisement[4] = 0x20; /* override, not solicited */
	memcpy(advertisement + 8, ip, 16);
	advertisement[24] = 2;   /* target link-layer address, one unit of 8 bytes */
	advertisement[25] = 1;
	memcpy(advertisement + 26, mac, 6);
	bytes_store_u16(advertisement + 2, icmp6_checksum(ipv6));
	return ANNOUNCE_FRAME_BYTES_MAX;
}

size_t announce_frame(const uint8_t ip[16], const uint8_t own_mac[6], const uint8_t mac[6],
		      uint8_t ret_frame[static ANNOUNCE_FRAME_BYTES_MAX])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (memcmp(ip, mapped, sizeof(mapped)) == 0)
		return arp_frame(ip + 12, own_mac, mac, ret_frame);
	return ndp_frame(ip, own_mac, mac, ret_frame);
}
