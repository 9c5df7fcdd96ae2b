/* Inside mirroring: what its sending and its receiving half share. */
#pragma once

#include "broker/mirror.h"
#include "meta/mirror_members.h"
#include "replica/mirror_assembly.h"

#include <stdatomic.h>

/* What one slot that this broker holds sends. */
struct mirror_channel {
	struct mirror_origin origin;
	struct gmac *key;
	uint64_t next_sequence;
	struct mirror_members members;
	struct mirror_bundle bundle; /* of this round of events */
	uint64_t batches;            /* in it */
	uint32_t close;              /* bit n: members[n] is close behind for some of them */
};
_Static_assert(MIRROR_MEMBERS_MAX <= 32, "a member has no bit");

/* Pieces of one sender that have come to this shard's socket. */
struct mirror_source {
	int32_t sender;
	struct mirror_assembly assembly;
	UT_hash_handle hh;
};

struct mirror {
	struct shard *shard;
	struct env_socket *socket;
	struct mirror_counts *counts; /* the worker's */

	/* Sending: by slot; NULL: this shard never mirrored it. */
	struct mirror_channel **channels;
	int32_t channel_count;
	bool is_posted;
	struct env_message round_over;

	/* Receiving. */
	struct mirror_source *sources; /* uthash */
	struct mirror_stream *streams; /* by slot */
	int32_t stream_count;
	_Atomic unsigned waiting; /* whole bundles on their way here from other shards */
};

static inline int32_t mirror_self(const struct mirror *mirror)
{
	return mirror->shard->worker.broker->identity.node_id;
}

/* ---- mirror_send.c ---- */
void mirror_send_apply(struct mirror *mirror, const struct image *image);
void mirror_send_done(struct mirror *mirror);

/* ---- mirror_receive.c ---- */
void mirror_receive_ready(struct env_socket *socket, unsigned events, void *context);
void mirror_receive_done(struct mirror *mirror);
