/* Owns what arrives, from anybody.
 *
 *     datagram --its header and sender--> pieces of one bundle --whole--> the slot's shard
 *              --its sequence and tag--> sections --> each partition's log (F6)
 *
 * Invariants:
 *   1. Nothing is answered, and nothing is believed of a bundle before its tag.
 *   2. Memory is taken for pieces only from an address that is the internal one of the slot's
 *      holder, for a few bundles at a time; and only so many whole ones wait for another shard.
 *   3. A follower that has taken something fetches at once: that Fetch acknowledges it (F7). */
#include "broker/mirror_int.h"

#include "base/mem.h"
#include "broker/fetcher.h"
#include "broker/limits.h"

struct bundle_message {
	struct env_message message;
	struct shard *shard; /* that owns the slot */
	struct mirror_received *received;
};

/* ---- on the slot's shard ---- */

/* Does the image say that this sender holds this slot in this epoch? */
static enum mirror_drop judge_holder(const struct image *image, const struct mirror_arrival *head)
{
	const struct image_slot *slot = image_find_slot(image, head->slot);

	if (!slot || head->slot_epoch > slot->epoch)
		return MIRROR_DROP_AHEAD;
	if (head->slot_epoch < slot->epoch)
		return MIRROR_DROP_OLD_EPOCH;
	return slot->holder == head->sender ? MIRROR_DROP_TAKEN : MIRROR_DROP_STRANGER;
}

/* The slot's stream, of the origin that the image says; NULL: nobody can have sent it. */
static struct mirror_stream *find_stream(struct mirror *mirror, const struct image *image,
					 const struct mirror_arrival *head)
{
	const struct image_broker *broker = image_find_broker(image, head->sender);
	const struct mirror_origin origin = {
		.slot = head->slot,
		.slot_epoch = head->slot_epoch,
		.sender = head->sender,
		.broker_epoch = broker ? broker->epoch : -1,
	};
	struct mirror_stream *stream;

	if (!broker || !image->has_mirror_secret)
		return NULL;
	if (head->slot >= mirror->stream_count) {
		size_t size = sizeof(*mirror->streams);

		mirror->streams = mem_resize(mirror->streams, (size_t)image->slot_count * size);
		memset(mirror->streams + mirror->stream_count, 0,
		       (size_t)(image->slot_count - mirror->stream_count) * size);
		mirror->stream_count = image->slot_count;
	}
	stream = &mirror->streams[head->slot];
	if (!stream->key || !mirror_origin_equal(&stream->origin, &origin)) {
		mirror_stream_done(stream);
		mirror_stream_init(stream, image->mirror_secret, &origin);
	}
	return stream;
}

static enum mirror_drop take_section(struct mirror *mirror, int32_t sender,
				     const struct mirror_section *section)
{
	struct hosted *hosted = shard_find(mirror->shard, section->topic_id, section->partition);
	enum mirror_drop drop;
	int64_t appended;

	if (!hosted)
		return MIRROR_DROP_NOT_FOLLOWED;
	drop = replica_follow_mirror(hosted->replica, sender, section, &appended);
	counter_add(&mirror->shard->worker.counters, COUNTER_REPLICATION_IN_BYTES,
		    (uint64_t)appended);
	if (appended > 0)
		fetcher_position_moved(mirror->shard, hosted->replica); /* invariant 3 */
	return drop;
}

static enum mirror_drop take_bundle(struct mirror *mirror, const struct mirror_received *received)
{
	const struct image *image = mirror->shard->worker.image;
	enum mirror_drop drop = judge_holder(image, &received->head);
	struct reader in = reader_of(received->bytes, received->head.bundle_bytes);
	struct mirror_stream *stream;
	struct mirror_section section;
	int rc;

	if (drop != MIRROR_DROP_TAKEN)
		return drop;
	stream = find_stream(mirror, image, &received->head);
	if (!stream)
		return MIRROR_DROP_AHEAD;
	drop = mirror_stream_admit(stream, received);
	if (drop != MIRROR_DROP_TAKEN)
		return drop;
	while ((rc = mirror_section_next(&in, &section)) > 0) {
		drop = take_section(mirror, received->head.sender, &section);
		mirror->counts->drops[drop]++;
	}
	return rc < 0 ? MIRROR_DROP_ODD : MIRROR_DROP_TAKEN;
}

/* The caller's to free; sections count themselves, what was dropped whole is counted here. */
static void bundle_arrived(struct mirror *mirror, struct mirror_received *received)
{
	enum mirror_drop drop = take_bundle(mirror, received);

	if (drop != MIRROR_DROP_TAKEN)
		mirror->counts->drops[drop]++;
}

static void bundle_run(struct env *here, struct env_message *message)
{
	struct bundle_message *m = (struct bundle_message *)message;

	(void)here;
	if (m->shard->mirror) {
		atomic_fetch_sub(&m->shard->mirror->waiting, 1);
		bundle_arrived(m->shard->mirror, m->received);
	}
	mem_free(m->received);
	mem_free(m);
}

/* ---- on the shard whose socket it came to ---- */

static void bundle_whole(struct mirror *mirror, struct mirror_received *received)
{
	struct broker *broker = mirror->shard->worker.broker;
	struct shard *owner = broker->shards[broker_shard_of_slot(broker, received->head.slot)];
	struct bundle_message *message;

	if (owner == mirror->shard) {
		bundle_arrived(mirror, received);
		mem_free(received);
		return;
	}
	if (!owner->mirror ||
	    atomic_fetch_add(&owner->mirror->waiting, 1) >= MIRROR_WAITING_BUNDLES) {
		if (owner->mirror)
			atomic_fetch_sub(&owner->mirror->waiting, 1);
		mirror->counts->drops[MIRROR_DROP_NO_MEMORY]++;
		mem_free(received);
		return;
	}
	message = mem_alloc(sizeof(*message));
	*message = (struct bundle_message){{.run = bundle_run}, owner, received};
	env_post(mirror->shard->worker.env, owner->number, &message->message);
}

/* Invariant 2. */
static enum mirror_drop judge_sender(const struct mirror *mirror,
				     const struct mirror_arrival *arrival,
				     const struct net_address *from)
{
	const struct image *image = mirror->shard->worker.image;
	const struct image_broker *broker = image_find_broker(image, arrival->sender);

	if (!broker || broker->id == mirror_self(mirror) ||
	    !broker->endpoints[IMAGE_INTERNAL].host ||
	    !net_address_equal(&broker->endpoints[IMAGE_INTERNAL].address, from))
		return MIRROR_DROP_STRANGER;
	return judge_holder(image, arrival);
}

static struct mirror_source *source_get(struct mirror *mirror, int32_t sender)
{
	struct mirror_source *source;

	HASH_FIND(hh, mirror->sources, &sender, sizeof(sender), source);
	if (!source) {
		source = mem_alloc(sizeof(*source));
		source->sender = sender;
		HASH_ADD(hh, mirror->sources, sender, sizeof(source->sender), source);
	}
	return source;
}

static enum mirror_drop take_piece(struct mirror *mirror, const struct net_address *from,
				   const uint8_t *bytes, size_t size)
{
	struct mirror_received *received;
	struct mirror_arrival arrival;
	unsigned given_up;
	enum mirror_drop drop = mirror_piece_read(bytes, size, &arrival);

	if (drop == MIRROR_DROP_TAKEN)
		drop = judge_sender(mirror, &arrival, from);
	if (drop != MIRROR_DROP_TAKEN)
		return drop;
	drop = mirror_assembly_take(&source_get(mirror, arrival.sender)->assembly, &arrival,
				    env_now_us(mirror->shard->worker.env), &received, &given_up);
	mirror->counts->drops[MIRROR_DROP_SUPERSEDED] += given_up;
	if (received)
		bundle_whole(mirror, received);
	return drop;
}

static void take_datagrams(struct mirror *mirror, const struct env_datagrams *arrived)
{
	for (size_t at = 0; at < arrived->size; at += arrived->segment_bytes) {
		size_t left = arrived->size - at;
		enum mirror_drop drop =
			take_piece(mirror, &arrived->from, arrived->bytes + at,
				   left < arrived->segment_bytes ? left : arrived->segment_bytes);

		if (drop != MIRROR_DROP_TAKEN)
			mirror->counts->drops[drop]++;
	}
}

void mirror_receive_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct mirror *mirror = context;
	struct env_datagrams arrived[MIRROR_DATAGRAMS_AT_ONCE];

	(void)events;
	for (int round = 0; round < SESSION_ROUNDS; round++) {
		int count = env_datagrams_receive(mirror->shard->worker.env, socket, arrived,
						  MIRROR_DATAGRAMS_AT_ONCE);

		for (int i = 0; i < count; i++)
			take_datagrams(mirror, &arrived[i]);
		if (count < MIRROR_DATAGRAMS_AT_ONCE)
			break;
	}
}

void mirror_receive_done(struct mirror *mirror)
{
	struct mirror_source *source, *next;

	HASH_ITER(hh, mirror->sources, source, next) {
		HASH_DEL(mirror->sources, source);
		mirror_assembly_done(&source->assembly);
		mem_free(source);
	}
	for (int32_t i = 0; i < mirror->stream_count; i++)
		mirror_stream_done(&mirror->streams[i]);
	mem_free(mirror->streams);
}
