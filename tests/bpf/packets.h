/* Frames for the tests of the steering programs, written out by hand. The slot is 10.77.0.100:9100
 * (fd77::100 in IPv6), the client 10.77.0.250:40000, the node's MAC address 02:..:01, the holder's
 * 02:..:02, a peer's 02:..:03, the client's 02:..:fa. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_BYTES_MAX = 512, PACKET_SLOT_PORT = 9100 };

enum packet_mac { MAC_NODE = 1, MAC_HOLDER = 2, MAC_PEER = 3, MAC_STRANGER = 9, MAC_CLIENT = 0xfa };

struct packet {
	uint8_t bytes[PACKET_BYTES_MAX];
	size_t size;
};

void packet_mac(uint8_t mac[6], enum packet_mac last);
void packet_slot_address(bool ipv6, uint8_t ip[16]);

/* From the client to the slot, with 10 bytes of payload. flags: TCP's (0x02 = SYN, 0x10 = ACK). */
struct packet packet_tcp4(uint8_t flags);
struct packet packet_tcp6(uint8_t flags);
/* A router's "too big" about a segment that the slot's holder sent to the client. */
struct packet packet_too_big4(void);
struct packet packet_too_big6(void);

/* Computes the IPv4 header's checksum (ihl as the header says). */
void packet_seal4(struct packet *p);
/* Is it right? */
bool packet_is_sealed4(const struct packet *p);
