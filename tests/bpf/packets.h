/* Frames for the tests of the steering programs, written out by hand. The slot is 10.77.0.100:9100
 * (fd77::100 in IPv6), the client 10.77.0.250:40000, the node's MAC address 02:..:01, the holder's
 * 02:..:02, a peer's 02:..:03, the client's 02:..:fa. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_BYTES_MAX = 9216, PACKET_SLOT_PORT = 9100 };

/* Interfaces: test frames arrive on HERE, which is lo; THERE is another one. */
enum { HERE = 1, THERE = 7 };

enum packet_mac { MAC_NODE = 1, MAC_HOLDER = 2, MAC_PEER = 3, MAC_STRANGER = 9, MAC_CLIENT = 0xfa };

enum packet_tcp { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10, ECE = 0x40, CWR = 0x80 };

struct packet {
	uint8_t bytes[PACKET_BYTES_MAX];
	size_t size;
};

void packet_mac(uint8_t mac[6], enum packet_mac last);
void packet_slot_address(bool ipv6, uint8_t ip[16]);

/* From the client to the slot, with 10 bytes of payload. flags: enum packet_tcp. */
struct packet packet_tcp4(uint8_t flags);
struct packet packet_tcp6(uint8_t flags);
/* A router's "too big" about a segment that the slot's holder sent to the client. */
struct packet packet_too_big4(void);
struct packet packet_too_big6(void);

/* Makes room of so many bytes at an offset; what stands behind moves on. Lengths stay as they are.
 */
void packet_insert(struct packet *p, size_t at, size_t bytes, uint8_t fill);
/* A tag of this type (0x8100, 0x88a8) in front of what type there is. */
void packet_add_tag(struct packet *p, uint16_t type, uint16_t vlan);

/* Computes the IPv4 header's checksum (ihl as the header says). */
void packet_seal4(struct packet *p);
/* One's complement sum over the IPv4 header: 0xffff when its checksum is right. */
uint16_t packet_sum4(const struct packet *p);

/* A line on standard error: name, size, bytes in hex. */
void packet_print(const char *name, const struct packet *p);
