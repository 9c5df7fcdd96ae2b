/* What the tests of meta share: a cluster that is only an image, events that change it, a dump to
 * compare images by, and the invariants that hold in every image. */
#pragma once

#include "base/mem.h"
#include "meta/controller.h"
#include "wire/message_metadata_records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct cluster {
	struct image *image;
	struct image *replayed; /* the same batches, applied once more from nothing */
	struct controller_options options;
	char *losses;    /* of the last event that had records; or NULL */
	int32_t records; /* of the last event */
};

static inline struct uuid test_uuid(int number)
{
	struct uuid id = {{0x42}};

	for (int i = 0; i < 4; i++)
		id.bytes[15 - i] = (uint8_t)(number >> (8 * i));
	return id;
}

/* ---- dump ---- */

static inline void dump_list(FILE *out, const char *name, const int32_t *list, int32_t count)
{
	fprintf(out, " %s=[", name);
	for (int32_t i = 0; i < count; i++)
		fprintf(out, "%s%d", i ? " " : "", list[i]);
	fprintf(out, "]");
}

static inline void dump_endpoint(FILE *out, const struct image_endpoint *e)
{
	char text[NET_ADDRESS_TEXT_BYTES];

	fprintf(out, " %s@%s", e->host ? e->host : "-", net_address_format(&e->address, text));
}

static inline void dump_uuid(FILE *out, const char *name, struct uuid id)
{
	char text[UUID_TEXT_BYTES];

	fprintf(out, " %s=%s", name, uuid_format(id, text));
}

static inline void dump_broker(FILE *out, const struct image_broker *b)
{
	fprintf(out, "broker %d epoch=%lld%s%s%s%s rack=%s", b->id, (long long)b->epoch,
		b->fenced ? " fenced" : "", b->shutting_down ? " shutting_down" : "",
		b->has_steer ? " steer" : "", b->kept_places ? " kept" : "",
		b->rack ? b->rack : "-");
	dump_uuid(out, "incarnation", b->incarnation);
	dump_uuid(out, "directory", b->directory_id);
	for (int i = 0; i < IMAGE_LISTENERS; i++)
		dump_endpoint(out, &b->endpoints[i]);
	for (int32_t i = 0; i < b->cut_count; i++) {
		dump_uuid(out, "cut", b->cuts[i].topic_id);
		fprintf(out, "-%d@%d:%lld", b->cuts[i].partition, b->cuts[i].last_epoch,
			(long long)b->cuts[i].end_offset);
	}
	fprintf(out, "\n");
}

static inline void dump_topic(FILE *out, const struct image_topic *t)
{
	fprintf(out, "topic %s", t->name);
	dump_uuid(out, "id", t->id);
	for (int32_t i = 0; i < t->setting_count; i++)
		fprintf(out, " %s=%s", t->settings[i].name, t->settings[i].value);
	fprintf(out, "\n");
	for (int32_t i = 0; i < t->partition_count; i++) {
		const struct image_partition *p = t->partitions[i];

		fprintf(out, "  %d slot=%d leader=%d epochs=%d,%d", p->id, p->slot, p->leader,
			p->leader_epoch, p->partition_epoch);
		dump_list(out, "replicas", p->replicas, p->replica_count);
		dump_list(out, "isr", p->isr, p->isr_count);
		fprintf(out, "\n");
	}
}

static inline void dump_slot(FILE *out, const struct image_slot *s)
{
	fprintf(out, "slot %d epoch=%lld holder=%d partitions=%d", s->id, (long long)s->epoch,
		s->holder, s->partition_count);
	dump_list(out, "order", s->order, s->order_count);
	for (int32_t i = 0; i < s->address_count; i++)
		dump_endpoint(out, &s->addresses[i]);
	fprintf(out, "\n");
}

/* Everything that an image says, as text; free(). */
static inline char *image_dump(const struct image *image)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "offset=%lld producer=%lld\n", (long long)image->offset,
		(long long)image->next_producer_id);
	for (int32_t i = 0; i < image->broker_count; i++)
		dump_broker(out, image->brokers[i]);
	for (int32_t i = 0; i < image->slot_count; i++)
		dump_slot(out, image->slots[i]);
	for (int32_t i = 0; i < image->topic_count; i++)
		dump_topic(out, image->topics[i]);
	fclose(out);
	return text;
}

/* ---- invariants ---- */

static inline bool some_broker_is_live(const struct image *image)
{
	for (int32_t i = 0; i < image->broker_count; i++)
		if (image_broker_is_live(image, image->brokers[i]->id))
			return true;
	return false;
}

static inline void check_partition(const struct image *image, const struct image_topic *t,
				   const struct image_partition *p)
{
	assert_true(p->isr_count > 0);
	for (int32_t i = 0; i < p->isr_count; i++)
		assert_true(image_partition_has_replica(p, p->isr[i]));
	if (p->leader == -1)
		return;
	assert_true(image_partition_in_isr(p, p->leader));
	assert_true(image_broker_is_live(image, p->leader));
	/* R45: where somebody leads, no ISR member is cut. */
	for (int32_t i = 0; i < p->isr_count; i++)
		assert_null(image_broker_cut(image_find_broker(image, p->isr[i]), t->id, p->id));
}

static inline void check_image(const struct image *image)
{
	bool live = some_broker_is_live(image);
	int32_t *bundled = calloc((size_t)image->slot_count + 1, sizeof(*bundled));

	for (int32_t t = 0; t < image->topic_count; t++) {
		const struct image_topic *topic = image->topics[t];

		assert_ptr_equal(image_find_topic(image, topic->name, strlen(topic->name)), topic);
		assert_ptr_equal(image_find_topic_by_id(image, topic->id), topic);
		for (int32_t p = 0; p < topic->partition_count; p++) {
			check_partition(image, topic, topic->partitions[p]);
			bundled[topic->partitions[p]->slot]++;
		}
	}
	for (int32_t s = 0; s < image->slot_count; s++) {
		const struct image_slot *slot = image->slots[s];
		const struct image_broker *holder = image_find_broker(image, slot->holder);

		assert_int_equal(slot->partition_count, bundled[s]);
		if (live)
			assert_true(image_broker_is_live(image, slot->holder));
		else if (slot->holder != -1) /* S1: the last one that shuts down keeps it */
			assert_true(!holder->fenced && holder->shutting_down);
		for (int32_t i = 0; i < image->broker_count; i++) {
			int32_t seen = 0;

			for (int32_t o = 0; o < slot->order_count; o++)
				seen += slot->order[o] == image->brokers[i]->id;
			assert_int_equal(seen, 1);
		}
	}
	free(bundled);
}

/* Epochs only rise from `before` to `after`, and a new leader means a new leader epoch. */
static inline void check_epochs(const struct image *before, const struct image *after)
{
	for (int32_t t = 0; t < before->topic_count; t++) {
		const struct image_topic *topic =
			image_find_topic_by_id(after, before->topics[t]->id);

		for (int32_t p = 0; topic && p < before->topics[t]->partition_count; p++) {
			const struct image_partition *was = before->topics[t]->partitions[p];
			const struct image_partition *is = topic->partitions[p];
			int changed = is->leader != was->leader ||
				      is->isr_count != was->isr_count ||
				      memcmp(is->isr, was->isr,
					     (size_t)is->isr_count * sizeof(int32_t)) != 0;

			assert_int_equal(is->leader_epoch,
					 was->leader_epoch + (is->leader != was->leader));
			assert_int_equal(is->partition_epoch, was->partition_epoch + changed);
		}
	}
	for (int32_t s = 0; s < before->slot_count; s++) {
		if (before->slots[s]->holder == after->slots[s]->holder)
			assert_int_equal(before->slots[s]->epoch, after->slots[s]->epoch);
		else
			assert_true(after->slots[s]->epoch >= before->offset);
	}
}

/* ---- events ---- */

/* Applies the batch that a change makes, to both images. */
static inline struct image *apply_change(const struct image *image, struct change *change)
{
	struct reader in = reader_of(change->records.data, change->records.size);
	struct image *next = NULL;
	struct batch batch;

	batch_assign(change->records.data, image->offset, 7);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	assert_int_equal(reader_left(&in), 0);
	assert_int_equal(image_apply(image, &batch, &next), 0);
	assert_int_equal(next->offset, image->offset + change->count);
	return next;
}

static inline void cluster_commit(struct cluster *c, struct change *change)
{
	struct image *next, *again;

	c->records = change->count;
	free(c->losses);
	c->losses = change->losses.size ? strndup((char *)change->losses.data, change->losses.size)
					: NULL;
	if (change_end(change) > 0) {
		char *text, *text_again;

		next = apply_change(c->image, change);
		again = apply_change(c->replayed, change);
		check_image(next);
		check_epochs(c->image, next);
		text = image_dump(next);
		text_again = image_dump(again);
		assert_string_equal(text, text_again);
		free(text);
		free(text_again);
		image_unref(c->image);
		image_unref(c->replayed);
		c->image = next;
		c->replayed = again;
	}
	change_done(change);
}

/* Runs one decision and commits what it gives; the value is its kafka_error. */
#define CLUSTER_DO(cluster_, call_)                                                                \
	({                                                                                         \
		struct change change;                                                              \
		enum kafka_error error_;                                                           \
		change_begin(&change, 1000);                                                       \
		error_ = (call_);                                                                  \
		if (error_ != KAFKA_NONE)                                                          \
			assert_int_equal(change.count, 0);                                         \
		cluster_commit((cluster_), &change);                                               \
		error_;                                                                            \
	})

static inline struct cluster *cluster_new(int32_t slots, const int32_t *brokers,
					  int32_t broker_count)
{
	struct cluster *c = calloc(1, sizeof(*c));
	struct controller_seed seed = {
		.slot_count = slots,
		.brokers = brokers,
		.broker_count = broker_count,
	};
	struct change change;

	c->image = image_new();
	c->replayed = image_new();
	c->options.default_partitions = 1;
	change_begin(&change, 0);
	controller_seed(&seed, &change);
	cluster_commit(c, &change);
	return c;
}

static inline void cluster_free(struct cluster *c)
{
	image_unref(c->image);
	image_unref(c->replayed);
	free(c->losses);
	free(c);
}

struct test_registration {
	int32_t id;
	int incarnation; /* as a number; directory: 0 gives the broker's usual one */
	int directory;
	bool durable, old_is_dead;
	const char *rack;
	const struct broker_registration_request_cut_partition *cuts;
	int32_t cut_count;
};

static inline enum kafka_error cluster_register(struct cluster *c, struct test_registration r)
{
	char host[32];
	struct uuid directory = test_uuid(r.directory ? r.directory : 1000 + r.id);
	struct broker_registration_request_listener listeners[] = {
		{.name = wire_string_of("PLAIN"), .host = wire_string_of(host), .port = 9092},
		{.name = wire_string_of("INTERNAL"), .host = wire_string_of(host), .port = 9094},
		{.name = wire_string_of("UNHEARD_OF"), .host = wire_string_of(host), .port = 1},
	};
	struct broker_registration_request request = {
		.broker_id = r.id,
		.incarnation_id = test_uuid(100000 * (r.id + 1) + r.incarnation),
		.rack = wire_string_of(r.rack),
		.durable = r.durable,
	};

	snprintf(host, sizeof(host), "10.77.0.%d", r.id % 250);
	listeners[0].host = listeners[1].host = listeners[2].host = wire_string_of(host);
	request.listeners.items = listeners;
	request.listeners.count = 3;
	request.log_dirs.items = &directory;
	request.log_dirs.count = 1;
	request.cut_partitions.items = (void *)r.cuts;
	request.cut_partitions.count = r.cut_count;
	return CLUSTER_DO(
		c, controller_register(c->image, &c->options, &request, r.old_is_dead, &change));
}

static inline enum kafka_error cluster_unfence(struct cluster *c, int32_t id)
{
	return CLUSTER_DO(c, controller_unfence(c->image, &c->options, id, &change));
}

static inline enum kafka_error cluster_fence(struct cluster *c, int32_t id)
{
	return CLUSTER_DO(c, controller_fence(c->image, &c->options, id, &change));
}

/* A cluster whose brokers 1..n all serve. */
static inline struct cluster *cluster_of(int32_t slots, int32_t brokers)
{
	int32_t *ids = calloc((size_t)brokers, sizeof(*ids));
	struct cluster *c;

	for (int32_t i = 0; i < brokers; i++)
		ids[i] = i + 1;
	c = cluster_new(slots, ids, brokers);
	for (int32_t i = 0; i < brokers; i++) {
		assert_int_equal(cluster_register(c, (struct test_registration){.id = ids[i]}),
				 KAFKA_NONE);
		assert_int_equal(cluster_unfence(c, ids[i]), KAFKA_NONE);
	}
	free(ids);
	return c;
}

static inline enum kafka_error cluster_create(struct cluster *c, const char *name,
					      int32_t partitions, int32_t replicas)
{
	struct controller_topic topic = {
		.name = wire_string_of(name),
		.id = test_uuid((int)c->image->offset + 1000000),
		.partitions = partitions,
		.replication_factor = replicas,
	};
	const char *sentence;

	return CLUSTER_DO(
		c, controller_create_topic(c->image, &c->options, &topic, &change, &sentence));
}

/* Creates topic "t" with one partition on these brokers. */
static inline void cluster_create_on(struct cluster *c, const int32_t *replicas, int32_t count)
{
	struct controller_topic topic = {
		.name = wire_string_of("t"),
		.id = test_uuid(77),
		.partitions = 1,
		.replication_factor = count,
		.assignment = replicas,
	};
	const char *sentence;

	assert_int_equal(CLUSTER_DO(c, controller_create_topic(c->image, &c->options, &topic,
							       &change, &sentence)),
			 KAFKA_NONE);
}

static inline const struct image_partition *cluster_partition(const struct cluster *c,
							      const char *topic, int32_t id)
{
	return image_find_partition(image_find_topic(c->image, topic, strlen(topic)), id);
}

/* The leader of t-0 proposes this ISR with the brokers' epochs as the image has them. */
static inline enum kafka_error cluster_alter(struct cluster *c, const struct image_topic *t,
					     int32_t partition, const int32_t *isr, int32_t count)
{
	const struct image_partition *p = image_find_partition(t, partition);
	int64_t *epochs = calloc((size_t)count + 1, sizeof(*epochs));
	int32_t epoch_after = -1;
	enum kafka_error error;

	for (int32_t i = 0; i < count; i++)
		epochs[i] = image_find_broker(c->image, isr[i])->epoch;
	error = CLUSTER_DO(
		c, controller_alter_partition(c->image, &c->options, p->leader,
					      image_find_broker(c->image, p->leader)->epoch, t->id,
					      partition, p->leader_epoch, p->partition_epoch, isr,
					      epochs, count, &change, &epoch_after));
	free(epochs);
	return error;
}

#define LIST(...)                                                                                  \
	(const int32_t[]){__VA_ARGS__},                                                            \
		(int32_t)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static inline void assert_list(const int32_t *list, int32_t count, const int32_t *expected,
			       int32_t expected_count)
{
	assert_int_equal(count, expected_count);
	for (int32_t i = 0; i < count; i++)
		assert_int_equal(list[i], expected[i]);
}
#define assert_isr(p_, ...) assert_list((p_)->isr, (p_)->isr_count, LIST(__VA_ARGS__))
