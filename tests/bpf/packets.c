/* Owns the bytes of the tests' frames. */
#include "bpf/packets.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

enum { ETHERNET_BYTES = 14, IPV4_BYTES = 20, IPV6_BYTES = 40, TCP_BYTES = 20, PAYLOAD_BYTES = 10 };

void packet_mac(uint8_t mac[6], enum packet_mac last)
{
	memset(mac, 0, 6);
	mac[0] = 2;
	mac[5] = (uint8_t)last;
}

void packet_slot_address(bool ipv6, uint8_t ip[16])
{
	static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 77, [15] = 100};
	static const uint8_t v6[16] = {0xfd, 0x77, [14] = 1, [15] = 0};

	memcpy(ip, ipv6 ? v6 : v4, 16);
}

static uint32_t sum16(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += bytes_load_u16(bytes + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static size_t header4_bytes(const struct packet *p)
{
	return (size_t)(p->bytes[ETHERNET_BYTES] & 15) * 4;
}

void packet_seal4(struct packet *p)
{
	uint8_t *ip = p->bytes + ETHERNET_BYTES;

	bytes_store_u16(ip + 10, 0);
	bytes_store_u16(ip + 10, (uint16_t)~sum16(ip, header4_bytes(p)));
}

uint16_t packet_sum4(const struct packet *p)
{
	return (uint16_t)sum16(p->bytes + ETHERNET_BYTES, header4_bytes(p));
}

static uint8_t *put_ethernet(struct packet *p, uint16_t type)
{
	packet_mac(p->bytes, MAC_NODE);
	packet_mac(p->bytes + 6, MAC_CLIENT);
	bytes_store_u16(p->bytes + 12, type);
	return p->bytes + ETHERNET_BYTES;
}

/* `to_slot`: else from the slot to the client. */
static uint8_t *put_ipv4(uint8_t *ip, uint8_t protocol, size_t length, bool to_slot)
{
	static const uint8_t client[4] = {10, 77, 0, 250}, slot[4] = {10, 77, 0, 100};

	ip[0] = 0x45;
	bytes_store_u16(ip + 2, (uint16_t)(IPV4_BYTES + length));
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, to_slot ? client : slot, 4);
	memcpy(ip + 16, to_slot ? slot : client, 4);
	return ip + IPV4_BYTES;
}

static uint8_t *put_ipv6(uint8_t *ip, uint8_t next, size_t length, bool to_slot)
{
	uint8_t client[16] = {0xfd, 0x77, [15] = 250}, slot[16];

	packet_slot_address(true, slot);
	ip[0] = 0x60;
	bytes_store_u16(ip + 4, (uint16_t)length);
	ip[6] = next;
	ip[7] = 64;
	memcpy(ip + 8, to_slot ? client : slot, 16);
	memcpy(ip + 24, to_slot ? slot : client, 16);
	return ip + IPV6_BYTES;
}

static uint8_t *put_tcp(uint8_t *tcp, uint8_t flags, bool to_slot)
{
	bytes_store_u16(tcp, to_slot ? 40000 : PACKET_SLOT_PORT);
	bytes_store_u16(tcp + 2, to_slot ? PACKET_SLOT_PORT : 40000);
	tcp[12] = 5 << 4;
	tcp[13] = flags;
	return tcp + TCP_BYTES;
}

static void end_at(struct packet *p, const uint8_t *end)
{
	p->size = (size_t)(end - p->bytes);
}

struct packet packet_tcp4(uint8_t flags)
{
	struct packet p = {0};
	uint8_t *at = put_ethernet(&p, 0x0800);

	at = put_ipv4(at, 6, TCP_BYTES + PAYLOAD_BYTES, true);
	at = put_tcp(at, flags, true);
	memset(at, 'x', PAYLOAD_BYTES);
	end_at(&p, at + PAYLOAD_BYTES);
	packet_seal4(&p);
	return p;
}

struct packet packet_tcp6(uint8_t flags)
{
	struct packet p = {0};
	uint8_t *at = put_ethernet(&p, 0x86dd);

	at = put_ipv6(at, 6, TCP_BYTES + PAYLOAD_BYTES, true);
	at = put_tcp(at, flags, true);
	memset(at, 'x', PAYLOAD_BYTES);
	end_at(&p, at + PAYLOAD_BYTES);
	return p;
}

struct packet packet_too_big4(void)
{
	struct packet p = {0};
	uint8_t *at = put_ethernet(&p, 0x0800);

	at = put_ipv4(at, 1, 8 + IPV4_BYTES + 8, true);
	at[0] = 3; /* unreachable: fragmentation needed */
	at[1] = 4;
	at = put_ipv4(at + 8, 6, 1480, false);
	put_tcp(at, 0x10, false);
	end_at(&p, at + 8);
	packet_seal4(&p);
	return p;
}

struct packet packet_too_big6(void)
{
	struct packet p = {0};
	uint8_t *at = put_ethernet(&p, 0x86dd);

	at = put_ipv6(at, 58, 8 + IPV6_BYTES + 8, true);
	at[0] = 2;
	at = put_ipv6(at + 8, 6, 1460, false);
	put_tcp(at, 0x10, false);
	end_at(&p, at + 8);
	return p;
}

void packet_insert(struct packet *p, size_t at, size_t bytes, uint8_t fill)
{
	memmove(p->bytes + at + bytes, p->bytes + at, p->size - at);
	memset(p->bytes + at, fill, bytes);
	p->size += bytes;
}

void packet_add_tag(struct packet *p, uint16_t type, uint16_t vlan)
{
	packet_insert(p, 12, 4, 0);
	bytes_store_u16(p->bytes + 12, type);
	bytes_store_u16(p->bytes + 14, vlan);
}

void packet_print(const char *name, const struct packet *p)
{
	fprintf(stderr, "%-9s%3zu ", name, p->size);
	for (size_t i = 0; i < p->size; i++)
		fprintf(stderr, "%02x", p->bytes[i]);
	fputc('\n', stderr);
}
