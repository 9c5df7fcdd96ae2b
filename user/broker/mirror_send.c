/* Owns what leaves: for each slot that this broker holds, one bundle for each round of events.
 *
 *     replica_append() --mirror_appended()--> in the slot's bundle --round over--> sent
 *
 * Invariants:
 *   1. A channel lives as long as its origin is the present one, members or not: its sequence never
 *      begins again under the same key.
 *   2. A section is sent only to replicas of its partition, by the image that this shard has
 *      applied last (F8): a bundle that was gathered for other members is dropped.
 *   3. What is sent was appended by this broker as the leader (F5). */
#include "broker/mirror_int.h"

#include "base/gmac.h"
#include "base/container_of.h"
#include "base/mem.h"
#include "broker/steering.h"

/* ---- whom to send to ---- */

static void channel_free(struct mirror_channel *channel)
{
	if (!channel)
		return;
	gmac_free(channel->key);
	buffer_done(&channel->bundle.bytes);
	mem_free(channel);
}

static void channel_empty(struct mirror_channel *channel)
{
	mirror_bundle_reset(&channel->bundle);
	channel->batches = 0;
	channel->close = 0;
}

static struct mirror_channel *channel_new(const struct image *image,
					  const struct mirror_origin *origin)
{
	struct mirror_channel *channel = mem_alloc(sizeof(*channel));

	channel->origin = *origin;
	channel->key = mirror_key_new(image->mirror_secret, origin);
	return channel;
}

static void channel_set_members(struct mirror *mirror, struct mirror_channel *channel,
				const struct mirror_members *members)
{
	if (channel->members.id == members->id)
		return;
	mirror->counts->skips[MIRROR_SKIP_UNSENT] += channel->batches; /* invariant 2 */
	channel_empty(channel);
	channel->members = *members;
}

static void channels_resize(struct mirror *mirror, int32_t count)
{
	if (count <= mirror->channel_count)
		return;
	mirror->channels = mem_resize(mirror->channels, (size_t)count * sizeof(*mirror->channels));
	memset(mirror->channels + mirror->channel_count, 0,
	       (size_t)(count - mirror->channel_count) * sizeof(*mirror->channels));
	mirror->channel_count = count;
}

static void apply_slot(struct mirror *mirror, const struct image *image,
		       const struct image_broker *self, const struct mirror_members *members)
{
	struct mirror_channel **channel = &mirror->channels[members->slot];
	const struct mirror_origin origin = {
		.slot = members->slot,
		.slot_epoch = members->slot_epoch,
		.sender = self->id,
		.broker_epoch = self->epoch,
	};

	if (*channel && !mirror_origin_equal(&(*channel)->origin, &origin)) {
		channel_free(*channel);
		*channel = NULL;
	}
	if (!*channel && members->count > 0)
		*channel = channel_new(image, &origin);
	if (*channel)
		channel_set_members(mirror, *channel, members);
}

void mirror_send_apply(struct mirror *mirror, const struct image *image)
{
	const struct broker *broker = mirror->shard->worker.broker;
	const struct image_broker *self = image_find_broker(image, mirror_self(mirror));
	struct mirror_members *members;

	if (!self || !image->has_mirror_secret)
		return;
	members = mirror_members_of(image, self->id);
	channels_resize(mirror, image->slot_count);
	for (int32_t i = 0; i < image->slot_count; i++)
		if (broker_shard_of_slot(broker, i) == mirror->shard->number)
			apply_slot(mirror, image, self, &members[i]);
	mem_free(members);
}

/* ---- sending ---- */

/* DESIGN section 7: the kernel makes the copies where it says that it does; who believes an old
 * answer reaches one follower, and the others fetch. */
static bool is_cloned(const struct mirror *mirror, const struct mirror_channel *channel)
{
	const struct broker *broker = mirror->shard->worker.broker;
	bool several = (channel->close & (channel->close - 1)) != 0;

	return several && broker->settings->mirror_mode != MIRROR_MODE_USER &&
	       steering_mirror_is_cloned(broker, &channel->members);
}

/* Returns to how many members it went. */
static unsigned send_pieces(struct mirror *mirror, const struct mirror_channel *channel,
			    const struct mirror_pieces *pieces, bool cloned)
{
	unsigned count = 0;

	for (int32_t i = 0; i < channel->members.count; i++) {
		if (!(channel->close >> i & 1))
			continue;
		count += env_datagrams_send(mirror->shard->worker.env, mirror->socket,
					    &channel->members.members[i].address, pieces->iov,
					    pieces->iov_count, pieces->segment_bytes) == 0;
		if (cloned)
			break;
	}
	return count;
}

static void channel_send(struct mirror *mirror, struct mirror_channel *channel)
{
	struct mirror_counts *counts = mirror->counts;
	bool cloned = is_cloned(mirror, channel);
	struct mirror_pieces pieces;
	unsigned reached;

	mirror_bundle_cut(&channel->bundle, channel->key, &channel->origin,
			  channel->next_sequence++, cloned ? MIRROR_CLONE : 0, &pieces);
	reached = send_pieces(mirror, channel, &pieces, cloned);
	if (reached > 0) {
		counts->skips[MIRROR_SKIP_SENT] += channel->batches;
		counts->bundles_sent++;
		counts->bundles_cloned += cloned;
		counter_add(&mirror->shard->worker.counters, COUNTER_REPLICATION_OUT_BYTES,
			    channel->bundle.bytes.size *
				    (cloned ? (unsigned)channel->members.count : reached));
	} else {
		counts->skips[MIRROR_SKIP_UNSENT] += channel->batches;
	}
	channel_empty(channel);
}

static void round_over(struct env *here, struct env_message *message)
{
	struct mirror *mirror = container_of(message, struct mirror, round_over);

	(void)here;
	mirror->is_posted = false;
	for (int32_t i = 0; i < mirror->channel_count; i++)
		if (mirror->channels[i] && mirror->channels[i]->batches > 0)
			channel_send(mirror, mirror->channels[i]);
}

static void send_after_round(struct mirror *mirror)
{
	struct env *env = mirror->shard->worker.env;

	if (mirror->is_posted)
		return;
	mirror->is_posted = true;
	mirror->round_over.run = round_over;
	env_post(env, env->shard, &mirror->round_over);
}

/* ---- gathering ---- */

/* Who of the members is close behind; bits as in `close`. *ret_outside: one of them is no replica.
 */
static uint32_t members_close(const struct mirror_channel *channel, struct replica *replica,
			      const struct mirror_section *section, int64_t end_offset,
			      bool *ret_outside)
{
	uint32_t close = 0;

	*ret_outside = false;
	for (int32_t i = 0; i < channel->members.count; i++)
		if (!replica_has_replica(replica, channel->members.members[i].node)) {
			*ret_outside = true;
			return 0;
		}
	for (int32_t i = 0; i < channel->members.count; i++)
		if (replica_mirror_to(replica, channel->members.members[i].node, section,
				      end_offset))
			close |= (uint32_t)1 << i;
	return close;
}

/* mirror.mode=auto, by measure (tests/bench/mirror_lab): a send to each follower costs more than
 * fetches do, and so does a send of copies while a fetch waits for the batch. */
static enum mirror_skip auto_skips(const struct mirror *mirror, const struct hosted *hosted,
				   const struct mirror_channel *channel)
{
	if (!steering_mirror_is_cloned(mirror->shard->worker.broker, &channel->members))
		return MIRROR_SKIP_NOT_CLONED;
	return replica_outruns_fetches(hosted->replica) ? MIRROR_SKIP_SENT : MIRROR_SKIP_AWAITED;
}

static enum mirror_skip gather(struct mirror *mirror, struct hosted *hosted,
			       const struct mirror_section *section, int64_t end_offset)
{
	const struct broker_settings *settings = mirror->shard->worker.broker->settings;
	struct mirror_channel *channel =
		hosted->slot < mirror->channel_count ? mirror->channels[hosted->slot] : NULL;
	enum mirror_skip skip;
	bool outside;
	uint32_t close;

	if (!channel || channel->members.count == 0)
		return MIRROR_SKIP_NOBODY;
	if (settings->mirror_mode == MIRROR_MODE_AUTO) {
		skip = auto_skips(mirror, hosted, channel);
		if (skip != MIRROR_SKIP_SENT)
			return skip;
	}
	if (section->size_bytes > (size_t)settings->mirror_max_batch_bytes)
		return MIRROR_SKIP_LARGE;
	close = members_close(channel, hosted->replica, section, end_offset, &outside);
	if (close == 0)
		return outside ? MIRROR_SKIP_OUTSIDE : MIRROR_SKIP_NOBODY;
	if (!mirror_bundle_add(&channel->bundle, section, end_offset)) {
		channel_send(mirror, channel);
		mirror_bundle_add(&channel->bundle, section, end_offset);
	}
	channel->batches++;
	channel->close |= close;
	send_after_round(mirror);
	return MIRROR_SKIP_SENT;
}

void mirror_appended(struct hosted *hosted, const struct mirror_section *section,
		     int64_t end_offset)
{
	struct mirror *mirror = hosted->shard->mirror;
	enum mirror_skip skip;

	if (!mirror)
		return;
	skip = gather(mirror, hosted, section, end_offset);
	if (skip != MIRROR_SKIP_SENT) /* which is counted when it has happened */
		mirror->counts->skips[skip]++;
}

void mirror_send_done(struct mirror *mirror)
{
	for (int32_t i = 0; i < mirror->channel_count; i++)
		channel_free(mirror->channels[i]);
	mem_free(mirror->channels);
}
