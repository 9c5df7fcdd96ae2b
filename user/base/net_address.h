/* An IP address with a port, as plain bytes: IPv6, or IPv4 mapped into it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_address {
	uint8_t ip[16];
	uint16_t port; /* host order */
};

enum { NET_ADDRESS_TEXT_BYTES = 56, NET_HOST_TEXT_BYTES = 48 };

bool net_address_equal(const struct net_address *a, const struct net_address *b);
bool net_address_is_ipv4(const struct net_address *a);

/* "HOST:PORT" or "[HOST]:PORT" with a literal address; "localhost" is 127.0.0.1. Returns 0 or
 * -EINVAL. Names are resolved by whoever may wait for a resolver, before this. */
int net_address_parse(const char *text, struct net_address *ret_address);
int net_address_parse_host(const char *host, uint16_t port, struct net_address *ret_address);

const char *net_address_format(const struct net_address *a,
			       char text[static NET_ADDRESS_TEXT_BYTES]);
/* The host alone, without brackets: what Metadata answers carry. */
const char *net_address_format_host(const struct net_address *a,
				    char text[static NET_HOST_TEXT_BYTES]);
