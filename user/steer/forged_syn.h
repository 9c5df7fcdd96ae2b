/* The packet of active reset: a TCP SYN that a slot's address seems to send to a client. */
#pragma once

#include "bellwether/steer_facts.h"

#include <stddef.h>
#include <stdint.h>

enum { FORGED_SYN_BYTES = 20 + 20 };

/* Writes an IPv4 packet without options. The kernel fills in its length, id and header checksum. */
void forged_syn_packet(const struct steer_flow *flow, uint8_t ret_packet[static FORGED_SYN_BYTES]);

/* A raw socket for it (CAP_NET_RAW). Returns a descriptor or -errno. */
int forged_syn_open(void);
/* Returns 0 or -errno. */
int forged_syn_send(int raw, const struct steer_flow *flow);
