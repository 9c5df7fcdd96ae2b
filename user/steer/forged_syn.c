/* Owns the layout of the forged SYN.
 *
 *    0 version 4, length 5; 2 total length; 8 TTL 64, protocol 6; 12 slot's address; 16 client's
 *   20 slot's port; 22 client's; 24 sequence 0, acknowledgement 0; 32 length 5, SYN; 34 window;
 *   36 checksum
 *
 * The sequence number does not matter: a SYN in an established connection draws a challenge ACK
 * whatever it is (RFC 5961 section 4), and where there is no such connection a reset or nothing. */
#include "steer/forged_syn.h"

#include "base/bytes.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { TTL = 64, WINDOW = 65535, TCP_BYTES = 20 };

/* RFC 1071 over the pseudo header (both addresses, protocol, length) and the segment. */
static uint16_t tcp_checksum(const uint8_t *ip)
{
	uint32_t sum = IPPROTO_TCP + TCP_BYTES;

	for (size_t i = 12; i < 20 + TCP_BYTES; i += 2)
		sum += bytes_load_u16(ip + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void forged_syn_packet(const struct steer_flow *flow, uint8_t ret_packet[static FORGED_SYN_BYTES])
{
	uint8_t *tcp = ret_packet + 20;

	memset(ret_packet, 0, FORGED_SYN_BYTES);
	ret_packet[0] = 0x45;
	bytes_store_u16(ret_packet + 2, FORGED_SYN_BYTES);
	ret_packet[8] = TTL;
	ret_packet[9] = IPPROTO_TCP;
	memcpy(ret_packet + 12, flow->slot_address.ip + 12, 4);
	memcpy(ret_packet + 16, flow->client.ip + 12, 4);
	bytes_store_u16(tcp, flow->slot_address.port);
	bytes_store_u16(tcp + 2, flow->client.port);
	tcp[12] = 5 << 4;
	tcp[13] = 0x02;
	bytes_store_u16(tcp + 14, WINDOW);
	bytes_store_u16(tcp + 16, tcp_checksum(ret_packet));
}

int forged_syn_open(void)
{
	/* IPPROTO_RAW: nothing is received, and we write the IP header (IP_HDRINCL). */
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);

	return raw < 0 ? -errno : raw;
}

int forged_syn_send(int raw, const struct steer_flow *flow)
{
	uint8_t packet[FORGED_SYN_BYTES];
	struct sockaddr_in to = {.sin_family = AF_INET};
	ssize_t sent;

	forged_syn_packet(flow, packet);
	memcpy(&to.sin_addr, flow->client.ip + 12, sizeof(to.sin_addr));
	sent = sendto(raw, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to));
	return sent < 0 ? -errno : 0;
}
