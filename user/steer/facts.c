/* Owns the reading of datagrams.
 *
 * 1. A message is exactly its struct: no shorter, no longer.
 * 2. A message that is refused has changed nothing, but that an image being built is dropped. */
#include "steer/facts.h"

#include <errno.h>
#include <string.h>

union message {
	struct steer_header header;
	struct steer_hello hello;
	struct steer_image_begin begin;
	struct steer_slot slot;
	struct steer_broker broker;
	struct steer_leader leader;
	struct steer_image_end end;
	struct steer_lease lease;
	struct steer_withdraw withdraw;
	struct steer_stats_request stats;
	struct steer_mirror_set mirror;
	struct steer_reset_flows resets;
};

/* 0 for what a broker does not send. */
static size_t size_of_type(uint16_t type)
{
	return type < STEER_HELLO_ACK ? steer_message_bytes(type) : 0;
}

static const char *why_refused(const union message *m, size_t size, bool in_session)
{
	static const uint8_t no_cluster[16];

	if (size < sizeof(m->header))
		return "a message is shorter than its header";
	if (m->header.version != STEER_PROTOCOL_VERSION)
		return "it speaks another version of the protocol: upgrade both programs";
	if (size_of_type(m->header.type) == 0)
		return "a message has an unknown type";
	if (size != size_of_type(m->header.type))
		return "a message has a wrong size";
	if (!in_session && m->header.type != STEER_HELLO)
		return "the first message is not HELLO";
	if (in_session && m->header.type == STEER_HELLO)
		return "there is a second HELLO";
	if (m->header.type == STEER_HELLO && memcmp(m->hello.cluster_id, no_cluster, 16) == 0)
		return "HELLO names no cluster";
	if (m->header.type == STEER_HELLO && m->hello.node >= STEER_PEERS_MAX)
		return "HELLO names an impossible node";
	if (m->header.type == STEER_RESET_FLOWS &&
	    (m->resets.count == 0 || m->resets.count > STEER_FLOWS_PER_MESSAGE))
		return "RESET_FLOWS has an impossible count";
	return NULL;
}

static void take_fact(struct state *s, const union message *m, uint64_t now_us,
		      struct facts_outcome *ret)
{
	switch (m->header.type) {
	case STEER_HELLO:
		ret->effect = FACTS_HELLO;
		ret->hello = m->hello;
		break;
	case STEER_IMAGE_BEGIN:
		state_image_begin(s, &m->begin);
		break;
	case STEER_SLOT:
		state_image_slot(s, &m->slot);
		break;
	case STEER_BROKER:
		state_image_broker(s, &m->broker);
		break;
	case STEER_LEADER:
		state_image_leader(s, &m->leader);
		break;
	case STEER_MIRROR_SET:
		state_image_mirror(s, &m->mirror);
		break;
	case STEER_IMAGE_END:
		ret->result = state_image_end(s, &m->end, now_us);
		ret->effect = ret->result == 0 ? FACTS_IMAGE : FACTS_ACK;
		break;
	case STEER_LEASE:
		state_lease(s, m->lease.renewed_at_us, m->lease.duration_ms * 1000ULL, now_us);
		break;
	case STEER_WITHDRAW:
		ret->result = state_withdraw(s, m->withdraw.slot, m->withdraw.withdrawn != 0);
		ret->effect = FACTS_ACK;
		break;
	case STEER_RESET_FLOWS:
		ret->effect = FACTS_RESETS;
		ret->resets = m->resets;
		break;
	case STEER_COUNTS_REQUEST:
		ret->effect = FACTS_COUNTS;
		break;
	default:
		ret->effect = FACTS_STATS;
		ret->first_slot = m->stats.first_slot;
		break;
	}
}

int facts_take(struct state *s, bool in_session, const void *bytes, size_t size, uint64_t now_us,
	       struct facts_outcome *ret, const char **ret_reason)
{
	struct facts_outcome outcome = {.effect = FACTS_NOTHING};
	union message m;
	const char *reason;

	memset(&m, 0, sizeof(m));
	memcpy(&m, bytes, size < sizeof(m) ? size : sizeof(m));
	reason = why_refused(&m, size, in_session);
	if (reason) {
		*ret_reason = reason;
		return -EPROTO;
	}
	outcome.sequence = m.header.sequence;
	/* A bad piece drops its image: the pieces after it meet none, and END's ACK says so. */
	take_fact(s, &m, now_us, &outcome);
	*ret = outcome;
	return 0;
}
