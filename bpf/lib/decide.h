/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Decide: what becomes of a frame whose slot has an entry. Pure: no map, no clock, no frame. */
#pragma once

#include "lib/frame.h"

/* `slot` is the program's own copy; from_peer says that another broker sent this frame. */
static __always_inline enum steer_verdict decide(const struct frame *f,
						 const struct slot_value *slot, __u8 from_peer,
						 __u64 now_ns, __u64 grace_ns)
{
	__u8 expired = now_ns > slot->valid_until_ns;
	__u8 orphaned = (slot->flags & SLOT_ORPHANED) && !expired;

	if (slot_check(&f->key, slot) != slot->check)
		return STEER_PASS_TORN; /* F4 */
	if (slot->flags & SLOT_LOCAL)
		return STEER_PASS_LOCAL;
	/* F3, S10: an expired entry opens nothing, and serves what is open a little longer. */
	if (expired && f->is_syn)
		return STEER_PASS_EXPIRED_SYN;
	if (expired && now_ns > slot->valid_until_ns + grace_ns)
		return STEER_PASS_EXPIRED;
	if (slot->flags & SLOT_UNRESOLVED)
		return STEER_PASS_UNRESOLVED;
	/* S10: steered once is enough; S12: but a dead holder's frames go on to its successor. */
	if (from_peer && !orphaned)
		return STEER_PASS_FROM_PEER;
	if (f->hops <= 1)
		return STEER_DROP_TTL;
	if (f->is_too_big)
		return STEER_STEERED_TOO_BIG;
	if (orphaned)
		return STEER_STEERED_ORPHAN;
	return expired ? STEER_STEERED_LATE : STEER_STEERED;
}

static __always_inline int verdict_is_steered(enum steer_verdict verdict)
{
	return verdict >= STEER_STEERED;
}
