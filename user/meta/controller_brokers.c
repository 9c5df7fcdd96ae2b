/* Brokers come (R5, R38, R45), serve, are fenced (R36) and go (R41).
 *
 *                 controller_register()
 *                         |                controller_unfence()
 *                         v            .------------------------.
 *                      FENCED ---------'                        v
 *                         ^   '---------- controller_fence() --- LIVE
 *                         |                                      | controller_begin_shutdown()
 *                         '---- controller_fence() ---- SHUTTING DOWN
 *
 * 1. Leaving LIVE costs all leadership (R7) and every slot that another broker can hold.
 * 2. One event is one batch: no image shows half of it. */
#include "meta/controller_int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HOST_MOST_BYTES = 255, RACK_MOST_BYTES = 255 };

/* Every partition in whose ISR the broker was before this decision; its leader is among them. */
static void visit_isrs_of(struct decision *d, int32_t broker,
			  void (*visit)(struct decision *d, const struct image_topic *topic,
					int32_t partition, int32_t broker))
{
	for (int32_t t = 0; t < d->before->topic_count; t++) {
		const struct image_topic *topic = d->before->topics[t];

		for (int32_t p = 0; p < topic->partition_count; p++)
			if (image_partition_in_isr(topic->partitions[p], broker))
				visit(d, topic, p, broker);
	}
}

static void visit_elect(struct decision *d, const struct image_topic *topic, int32_t partition,
			int32_t broker)
{
	(void)broker;
	decision_elect(d, topic, partition);
}

/* ---- registration ---- */

static bool text_is_sound(struct wire_string text, int32_t most)
{
	return text.data && text.size > 0 && text.size <= most &&
	       !memchr(text.data, 0, (size_t)text.size);
}

static bool registration_is_sound(const struct broker_registration_request *request)
{
	if (request->broker_id < 0 || request->broker_id >= IMAGE_SLOT_ID_BASE)
		return false;
	if (request->rack.data && !text_is_sound(request->rack, RACK_MOST_BYTES))
		return false;
	for (int32_t i = 0; i < request->listeners.count; i++)
		if (!text_is_sound(request->listeners.items[i].host, HOST_MOST_BYTES))
			return false;
	return request->listeners.count > 0 && request->log_dirs.count > 0;
}

/* What a registration means for the replicas that the broker has. */
struct comeback {
	const struct image_broker *old; /* or NULL */
	bool durable;                   /* R38 */
	struct image_broker said;       /* only its cuts: those of the request, sorted */
	struct register_broker_record_cut_partition *cuts; /* those that count from now on */
	int32_t cut_count;
};

static void comeback_read_cuts(struct comeback *c,
			       const struct broker_registration_request *request)
{
	struct image_cut *cuts =
		mem_alloc((size_t)request->cut_partitions.count * sizeof(*cuts) + 1);

	for (int32_t i = 0; i < request->cut_partitions.count; i++) {
		const struct broker_registration_request_cut_partition *from =
			&request->cut_partitions.items[i];

		cuts[i] = (struct image_cut){
			.topic_id = from->topic_id,
			.partition = from->partition,
			.last_epoch = from->last_epoch,
			.end_offset = from->end_offset,
		};
	}
	c->said.cuts = cuts;
	c->said.cut_count = request->cut_partitions.count;
	qsort(cuts, (size_t)c->said.cut_count, sizeof(*cuts), image_cut_compare);
}

/* The cut to remember of a replica that keeps its place in the ISR, or false: it has all. */
static bool comeback_cut(const struct comeback *c, struct uuid topic_id, int32_t partition,
			 struct image_cut *ret_cut)
{
	const struct image_cut *before =
		c->old ? image_broker_cut(c->old, topic_id, partition) : NULL;
	const struct image_cut *now = image_broker_cut(&c->said, topic_id, partition);

	/* A cut that nobody has mended yet outlives a restart that cut nothing more. */
	if (!c->durable || (before && before->end_offset == IMAGE_CUT_UNKNOWN) ||
	    (now && now->end_offset < 0))
		*ret_cut = (struct image_cut){.last_epoch = -1, .end_offset = IMAGE_CUT_UNKNOWN};
	else if (now || before)
		*ret_cut = now ? *now : *before;
	else
		return false;
	return true;
}

static void comeback_collect_cuts(struct comeback *c, const struct image *image, int32_t broker)
{
	for (int32_t t = 0; t < image->topic_count; t++)
		for (int32_t i = 0; i < image->topics[t]->partition_count; i++) {
			const struct image_partition *p = image->topics[t]->partitions[i];
			struct image_cut cut;

			/* R38: what is not durable keeps its place only where it is alone. */
			if (!image_partition_in_isr(p, broker) ||
			    (!c->durable && p->isr_count > 1) ||
			    !comeback_cut(c, image->topics[t]->id, i, &cut))
				continue;
			c->cuts =
				mem_resize(c->cuts, (size_t)(c->cut_count + 1) * sizeof(*c->cuts));
			c->cuts[c->cut_count++] = (struct register_broker_record_cut_partition){
				.topic_id = image->topics[t]->id,
				.partition = i,
				.last_epoch = cut.last_epoch,
				.end_offset = cut.end_offset,
			};
		}
}

static struct comeback comeback_of(const struct image *image,
				   const struct broker_registration_request *request)
{
	struct comeback c = {.old = image_find_broker(image, request->broker_id)};

	/* R38: in another directory than the known one there is nothing that could be durable. */
	c.durable = request->durable &&
		    (!c.old || uuid_equal(c.old->directory_id, request->log_dirs.items[0]));
	comeback_read_cuts(&c, request);
	comeback_collect_cuts(&c, image, request->broker_id);
	mem_free(c.said.cuts);
	c.said = (struct image_broker){0};
	return c;
}

static void add_registration(struct decision *d, const struct broker_registration_request *request,
			     const struct comeback *c)
{
	struct register_broker_record_endpoint *endpoints =
		mem_alloc((size_t)request->listeners.count * sizeof(*endpoints));
	struct register_broker_record record = {
		.broker_id = request->broker_id,
		.incarnation_id = request->incarnation_id,
		.broker_epoch = -1, /* R5: the offset at which this record will be */
		.directory_id = request->log_dirs.items[0],
		.rack = request->rack,
		.fenced = true,
		.durable = c->durable,
	};

	for (int32_t i = 0; i < request->listeners.count; i++)
		endpoints[i] = (struct register_broker_record_endpoint){
			.name = request->listeners.items[i].name,
			.host = request->listeners.items[i].host,
			.port = request->listeners.items[i].port,
		};
	record.endpoints.items = endpoints;
	record.endpoints.count = request->listeners.count;
	record.cut_partitions.items = c->cuts;
	record.cut_partitions.count = c->cut_count;
	decision_add(d, METADATA_REGISTER_BROKER, &record);
	mem_free(endpoints);
}

static void add_fencing(struct decision *d, const struct image_broker *b, bool kept_places)
{
	struct fence_broker_record record = {
		.id = b->id, .epoch = b->epoch, .kept_places = kept_places};

	decision_add(d, METADATA_FENCE_BROKER, &record);
}

/* R5: is the way free for a new incarnation? */
static bool old_incarnation_is_gone(const struct image_broker *old,
				    const struct broker_registration_request *request,
				    bool old_is_dead)
{
	/* A directory is locked by the process that uses it. */
	return !old || old->fenced || old_is_dead ||
	       uuid_equal(old->directory_id, request->log_dirs.items[0]);
}

enum kafka_error controller_register(const struct image *image,
				     const struct controller_options *options,
				     const struct broker_registration_request *request,
				     bool old_is_dead, struct change *change)
{
	struct decision d;
	struct comeback c;

	if (!registration_is_sound(request))
		return KAFKA_INVALID_REGISTRATION;
	c.old = image_find_broker(image, request->broker_id);
	if (c.old && uuid_equal(c.old->incarnation, request->incarnation_id))
		return KAFKA_NONE; /* the answer was lost: one uptime has one epoch */
	if (!old_incarnation_is_gone(c.old, request, old_is_dead))
		return KAFKA_DUPLICATE_BROKER_REGISTRATION;
	c = comeback_of(image, request);
	d = decision_begin(image, options, change);
	if (c.old && !c.old->fenced)
		add_fencing(&d, c.old, c.durable);
	add_registration(&d, request, &c);
	if (!c.old)
		decision_plan_slots(&d, request->broker_id);
	decision_release_slots(&d, request->broker_id, false);
	/* R7: what it led is led by others, or by nobody until it is unfenced, in a new epoch. R38:
	 * a durable replica keeps its places in ISRs. */
	visit_isrs_of(&d, request->broker_id, c.durable ? visit_elect : decision_leave_isr);
	decision_done(&d);
	mem_free(c.cuts);
	return KAFKA_NONE;
}

/* ---- fencing ---- */

static bool somebody_may_lack_records(const struct image *image)
{
	for (int32_t i = 0; i < image->broker_count; i++)
		if (image->brokers[i]->cut_count > 0 || image->brokers[i]->kept_places)
			return true;
	return false;
}

/* The place of a broker whose last life ended is kept until it says what it still has (R38). */
static bool is_known_to_have(const struct image *image, const struct image_topic *topic,
			     const struct image_partition *p, int32_t broker,
			     struct replica_rank least)
{
	const struct image_broker *b = image_find_broker(image, broker);

	return b && !b->kept_places &&
	       rank_compare(partition_rank(image, topic, p, broker), least) >= 0;
}

/* R45: in an ISR whose other members lack what this one has, or may, its place is kept for a while:
 * they wait for it. */
static bool place_is_worth_keeping(const struct image *image, const struct image_topic *topic,
				   const struct image_partition *p, int32_t broker)
{
	struct replica_rank own = partition_rank(image, topic, p, broker);

	if (p->isr_count == 1)
		return false;
	for (int32_t i = 0; i < p->isr_count; i++)
		if (p->isr[i] != broker && is_known_to_have(image, topic, p, p->isr[i], own))
			return false;
	return true;
}

static bool some_place_is_worth_keeping(const struct image *image, int32_t broker)
{
	if (!somebody_may_lack_records(image))
		return false;
	for (int32_t t = 0; t < image->topic_count; t++)
		for (int32_t i = 0; i < image->topics[t]->partition_count; i++) {
			const struct image_partition *p = image->topics[t]->partitions[i];

			if (image_partition_in_isr(p, broker) &&
			    place_is_worth_keeping(image, image->topics[t], p, broker))
				return true;
		}
	return false;
}

static void visit_fence_first(struct decision *d, const struct image_topic *topic,
			      int32_t partition, int32_t broker)
{
	if (place_is_worth_keeping(d->after, topic, decision_partition(d, topic, partition),
				   broker))
		decision_elect(d, topic, partition);
	else
		decision_leave_isr(d, topic, partition, broker);
}

enum kafka_error controller_end_life(const struct image *image,
				     const struct controller_options *options, int32_t broker_id,
				     struct change *change)
{
	const struct image_broker *b = image_find_broker(image, broker_id);
	struct decision d;

	if (!b)
		return KAFKA_BROKER_ID_NOT_REGISTERED;
	if (b->fenced)
		return KAFKA_NONE;
	d = decision_begin(image, options, change);
	add_fencing(&d, b, true);
	decision_release_slots(&d, broker_id, false);
	visit_isrs_of(&d, broker_id, visit_elect);
	decision_done(&d);
	return KAFKA_NONE;
}

enum kafka_error controller_fence(const struct image *image,
				  const struct controller_options *options, int32_t broker_id,
				  struct change *change)
{
	const struct image_broker *b = image_find_broker(image, broker_id);
	bool first, kept;
	struct decision d;

	if (!b)
		return KAFKA_BROKER_ID_NOT_REGISTERED;
	first = !b->fenced;
	kept = first && some_place_is_worth_keeping(image, broker_id);
	d = decision_begin(image, options, change);
	if (first || b->kept_places)
		add_fencing(&d, b, kept);
	decision_release_slots(&d, broker_id, false);
	visit_isrs_of(&d, broker_id, kept ? visit_fence_first : decision_leave_isr);
	decision_done(&d);
	return KAFKA_NONE;
}

enum kafka_error controller_unfence(const struct image *image,
				    const struct controller_options *options, int32_t broker_id,
				    struct change *change)
{
	const struct image_broker *b = image_find_broker(image, broker_id);
	struct unfence_broker_record record;
	struct decision d;

	if (!b)
		return KAFKA_BROKER_ID_NOT_REGISTERED;
	if (!b->fenced || b->shutting_down)
		return KAFKA_NONE;
	record = (struct unfence_broker_record){.id = b->id, .epoch = b->epoch};
	d = decision_begin(image, options, change);
	decision_add(&d, METADATA_UNFENCE_BROKER, &record);
	decision_settle_slots(&d);
	visit_isrs_of(&d, broker_id, visit_elect);
	decision_done(&d);
	return KAFKA_NONE;
}

/* ---- small changes ---- */

enum kafka_error controller_begin_shutdown(const struct image *image,
					   const struct controller_options *options,
					   int32_t broker_id, struct change *change)
{
	const struct image_broker *b = image_find_broker(image, broker_id);
	struct broker_change_record record;
	struct decision d;

	if (!b)
		return KAFKA_BROKER_ID_NOT_REGISTERED;
	if (b->shutting_down)
		return KAFKA_NONE;
	record = (struct broker_change_record){
		.broker_id = b->id,
		.broker_epoch = b->epoch,
		.in_controlled_shutdown = METADATA_SET,
	};
	d = decision_begin(image, options, change);
	decision_add(&d, METADATA_BROKER_CHANGE, &record);
	/* S1: a slot has a holder while any broker is unfenced, so the last one keeps it. */
	decision_release_slots(&d, broker_id, true);
	visit_isrs_of(&d, broker_id, visit_elect);
	decision_done(&d);
	return KAFKA_NONE;
}

enum kafka_error controller_set_steer(const struct image *image, int32_t broker_id, bool has_steer,
				      struct change *change)
{
	const struct image_broker *b = image_find_broker(image, broker_id);
	struct broker_change_record record;

	if (!b)
		return KAFKA_BROKER_ID_NOT_REGISTERED;
	if (b->has_steer == has_steer)
		return KAFKA_NONE;
	record = (struct broker_change_record){
		.broker_id = b->id,
		.broker_epoch = b->epoch,
		.has_steer = has_steer ? METADATA_SET : METADATA_CLEAR,
	};
	change_add(change, METADATA_BROKER_CHANGE, &record);
	return KAFKA_NONE;
}

enum kafka_error controller_allocate_producer_ids(const struct image *image, int32_t broker_id,
						  int64_t broker_epoch, struct change *change,
						  int64_t *ret_first)
{
	const struct image_broker *b = image_find_broker(image, broker_id);
	struct producer_ids_record record = {
		.broker_id = broker_id,
		.broker_epoch = broker_epoch,
		.next_producer_id = image->next_producer_id + CONTROLLER_PRODUCER_ID_BLOCK,
	};

	if (!b)
		return KAFKA_BROKER_ID_NOT_REGISTERED;
	if (b->epoch != broker_epoch)
		return KAFKA_STALE_BROKER_EPOCH;
	change_add(change, METADATA_PRODUCER_IDS, &record);
	*ret_first = image->next_producer_id;
	return KAFKA_NONE;
}

enum kafka_error controller_make_mirror_secret(const struct image *image,
					       const uint8_t random[IMAGE_MIRROR_SECRET_BYTES],
					       struct change *change)
{
	struct feature_level_record record = {
		.name = wire_string_of(IMAGE_FEATURE),
		.feature_level = IMAGE_FEATURE_LEVEL,
		.mirror_secret = {random, IMAGE_MIRROR_SECRET_BYTES},
	};

	if (!image->has_mirror_secret)
		change_add(change, METADATA_FEATURE_LEVEL, &record);
	return KAFKA_NONE;
}
