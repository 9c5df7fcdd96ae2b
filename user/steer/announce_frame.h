/* The frame that tells neighbours where an address is now: a gratuitous ARP request (RFC 5227) or
 * an unsolicited neighbour advertisement (RFC 4861). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { ANNOUNCE_FRAME_BYTES_MAX = 14 + 40 + 32 };

/* Writes the frame, which says that `ip` is at `mac`, and returns its size. It leaves from own_mac:
 * switches learn that. */
size_t announce_frame(const uint8_t ip[16], const uint8_t own_mac[6], const uint8_t mac[6],
		      uint8_t ret_frame[static ANNOUNCE_FRAME_BYTES_MAX]);
