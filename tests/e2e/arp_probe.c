/* Asks who has an address, the whole network segment at once, and prints every MAC address that
 * answers, one a line, each once:
 *
 *	arp_probe INTERFACE ADDRESS
 *
 * Three requests, 100 ms apart, so that one lost frame does not hide an answer. Two lines mean that
 * two nodes own the address. Exit status 0, or 2 when it cannot ask. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { REQUESTS = 3, WAIT_US = 100 * 1000, OWNERS_MAX = 16, ANSWERS_MAX = 1000 };

struct frame {
	struct ether_header ethernet;
	struct ether_arp arp;
};
_Static_assert(sizeof(struct frame) == 14 + 28, "frame has padding");

struct probe {
	int socket;
	struct sockaddr_ll to;
	struct frame request;
	uint8_t owners[OWNERS_MAX][ETH_ALEN];
	int owner_count;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void open_probe(struct probe *p, const char *interface, const char *address)
{
	struct timeval wait = {.tv_usec = WAIT_US};
	struct ether_arp *arp = &p->request.arp;
	struct ifreq ask = {0};

	p->socket = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ARP));
	snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", interface);
	if (p->socket < 0 || ioctl(p->socket, SIOCGIFHWADDR, &ask) < 0)
		die(interface);
	memset(p->request.ethernet.ether_dhost, 0xff, ETH_ALEN);
	memcpy(p->request.ethernet.ether_shost, ask.ifr_hwaddr.sa_data, ETH_ALEN);
	p->request.ethernet.ether_type = htons(ETH_P_ARP);
	arp->arp_hrd = htons(ARPHRD_ETHER);
	arp->arp_pro = htons(ETH_P_IP);
	arp->arp_hln = ETH_ALEN;
	arp->arp_pln = 4;
	arp->arp_op = htons(ARPOP_REQUEST);
	memcpy(arp->arp_sha, ask.ifr_hwaddr.sa_data, ETH_ALEN);
	if (inet_pton(AF_INET, address, arp->arp_tpa) != 1)
		die(address);
	if (ioctl(p->socket, SIOCGIFADDR, &ask) < 0)
		die(interface);
	memcpy(arp->arp_spa, &((struct sockaddr_in *)&ask.ifr_addr)->sin_addr, 4);
	p->to.sll_family = AF_PACKET;
	p->to.sll_ifindex = (int)if_nametoindex(interface);
	setsockopt(p->socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

static void note_owner(struct probe *p, const uint8_t mac[ETH_ALEN])
{
	for (int i = 0; i < p->owner_count; i++)
		if (memcmp(p->owners[i], mac, ETH_ALEN) == 0)
			return;
	if (p->owner_count == OWNERS_MAX)
		return;
	memcpy(p->owners[p->owner_count++], mac, ETH_ALEN);
	printf("%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* Until nothing more comes for a while. */
static void take_answers(struct probe *p)
{
	struct frame answer;

	for (int i = 0; i < ANSWERS_MAX; i++) {
		ssize_t size = recv(p->socket, &answer, sizeof(answer), 0);

		if (size < 0)
			return;
		if (size == sizeof(answer) && answer.arp.arp_op == htons(ARPOP_REPLY) &&
		    memcmp(answer.arp.arp_spa, p->request.arp.arp_tpa, 4) == 0)
			note_owner(p, answer.arp.arp_sha);
	}
}

int main(int argc, char **argv)
{
	static struct probe p;

	if (argc != 3) {
		fputs("usage: arp_probe INTERFACE ADDRESS\n", stderr);
		return 2;
	}
	open_probe(&p, argv[1], argv[2]);
	for (int i = 0; i < REQUESTS; i++) {
		if (sendto(p.socket, &p.request, sizeof(p.request), 0, (struct sockaddr *)&p.to,
			   sizeof(p.to)) < 0)
			die("sendto");
		take_answers(&p);
	}
	return 0;
}
