/* Owns the text form of socket addresses. */
#include "base/net_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool net_address_equal(const struct net_address *a, const struct net_address *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool net_address_is_ipv4(const struct net_address *a)
{
	return memcmp(a->ip, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

int net_address_parse_host(const char *host, uint16_t port, struct net_address *ret_address)
{
	struct net_address address = {.port = port};

	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, address.ip + sizeof(ipv4_prefix)) == 1)
		memcpy(address.ip, ipv4_prefix, sizeof(ipv4_prefix));
	else if (inet_pton(AF_INET6, host, address.ip) != 1)
		return -EINVAL;
	*ret_address = address;
	return 0;
}

int net_address_parse(const char *text, struct net_address *ret_address)
{
	const char *colon = strrchr(text, ':');
	char host[NET_HOST_TEXT_BYTES], *end;
	size_t size;
	unsigned long port;

	if (!colon || colon == text)
		return -EINVAL;
	size = (size_t)(colon - text);
	if (text[0] == '[' && colon[-1] == ']') {
		text++;
		size -= 2;
	}
	port = strtoul(colon + 1, &end, 10);
	if (size >= sizeof(host) || colon[1] < '0' || colon[1] > '9' || *end || port > UINT16_MAX)
		return -EINVAL;
	memcpy(host, text, size);
	host[size] = 0;
	return net_address_parse_host(host, (uint16_t)port, ret_address);
}

const char *net_address_format_host(const struct net_address *a,
				    char text[static NET_HOST_TEXT_BYTES])
{
	if (net_address_is_ipv4(a))
		inet_ntop(AF_INET, a->ip + sizeof(ipv4_prefix), text, NET_HOST_TEXT_BYTES);
	else
		inet_ntop(AF_INET6, a->ip, text, NET_HOST_TEXT_BYTES);
	return text;
}

const char *net_address_format(const struct net_address *a,
			       char text[static NET_ADDRESS_TEXT_BYTES])
{
	char host[NET_HOST_TEXT_BYTES];

	snprintf(text, NET_ADDRESS_TEXT_BYTES, net_address_is_ipv4(a) ? "%s:%u" : "[%s]:%u",
		 net_address_format_host(a, host), a->port);
	return text;
}
