/* A stage for one replica: brokers 1 to 4, hand-made images, a real log on a simulated disk. This
 * broker is 1. Brokers are named by bits, so that ISRs read as B1 | B2. */
#pragma once

#include "replica/replica.h"
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { B1 = 1 << 1, B2 = 1 << 2, B3 = 1 << 3, B4 = 1 << 4, STAGE_BROKERS = 4 };
enum { STAGE_LAG_US = 10 * 1000 * 1000 };

struct stage_image { /* one that is written down by hand */
	struct image_broker broker[STAGE_BROKERS];
	struct image_broker *brokers[STAGE_BROKERS];
	struct image_partition partition;
	struct image_partition *partitions[1];
	int32_t replicas[STAGE_BROKERS], isr[STAGE_BROKERS];
	struct image_setting setting;
	struct image_topic topic;
	struct image image;
};

static inline int32_t stage_list(unsigned bits, int32_t ids[STAGE_BROKERS])
{
	int32_t count = 0;

	for (int32_t id = 1; id <= STAGE_BROKERS; id++) {
		if (bits & 1U << id)
			ids[count++] = id;
	}
	return count;
}

static inline unsigned stage_bits(int32_t count, const int32_t *ids)
{
	unsigned bits = 0;

	for (int32_t i = 0; i < count; i++)
		bits |= 1U << ids[i];
	return bits;
}

static inline void stage_image_init(struct stage_image *s)
{
	static char topic_name[] = "orders";

	*s = (struct stage_image){0};
	for (int32_t i = 0; i < STAGE_BROKERS; i++) {
		s->broker[i].id = i + 1;
		s->broker[i].epoch = 10 + i;
		s->brokers[i] = &s->broker[i];
	}
	s->partitions[0] = &s->partition;
	s->partition.replicas = s->replicas;
	s->partition.isr = s->isr;
	s->topic.name = topic_name;
	s->topic.id.bytes[0] = 7;
	s->topic.partition_count = 1;
	s->topic.partitions = s->partitions;
	s->image.broker_count = STAGE_BROKERS;
	s->image.brokers = s->brokers;
}

struct stage {
	struct world *world;
	struct plog *log;
	struct replica *replica;
	struct stage_image image;
	/* What the replica asked for. */
	int changes;
	struct replica_isr_change change;
	unsigned change_isr; /* bits */
	int32_t change_ids[STAGE_BROKERS];
	int64_t change_epochs[STAGE_BROKERS];
	int failures, failure, durable_moves;
	/* What it appended last as leader, and mirrors to this follower, if any. */
	struct mirror_section appended;
	int32_t mirrors_to;
	bool mirrored;
};

static void stage_alter_isr(void *context, struct replica *replica,
			    const struct replica_isr_change *change)
{
	struct stage *s = context;

	(void)replica;
	s->changes++;
	s->change = *change;
	s->change_isr = stage_bits(change->count, change->isr);
	for (int32_t i = 0; i < change->count; i++) {
		s->change_ids[i] = change->isr[i];
		s->change_epochs[i] = change->broker_epochs[i];
	}
	s->change.isr = s->change_ids;
	s->change.broker_epochs = s->change_epochs;
}

static void stage_storage_failed(void *context, struct replica *replica, int result)
{
	struct stage *s = context;

	(void)replica;
	s->failures++;
	s->failure = result;
}

static void stage_durable_moved(void *context, struct replica *replica)
{
	struct stage *s = context;

	(void)replica;
	s->durable_moves++;
}

static void stage_appended(void *context, struct replica *replica,
			   const struct mirror_section *section, int64_t end_offset)
{
	struct stage *s = context;

	s->appended = *section;
	if (s->mirrors_to)
		s->mirrored = replica_mirror_to(replica, s->mirrors_to, section, end_offset);
}

static inline void stage_init(struct stage *s, bool flush_ack)
{
	struct replica_options options = {
		.node_id = 1, .flush_ack = flush_ack, .lag_time_max_us = STAGE_LAG_US};
	struct replica_callbacks callbacks = {s, stage_alter_isr, stage_durable_moved,
					      stage_storage_failed, stage_appended};

	*s = (struct stage){.world = world_new()};
	stage_image_init(&s->image);
	s->log = world_open(s->world);
	s->replica = replica_new(world_env(s->world), &options, &callbacks, "orders",
				 s->image.topic.id, 0, s->log);
}

static inline void stage_done(struct stage *s)
{
	replica_free(s->replica);
	world_free(s->world, s->log);
}

static inline void stage_apply(struct stage *s)
{
	replica_apply(s->replica, &s->image.image, &s->image.topic, &s->image.partition);
}

/* Committed: this leader, in this epoch, with these replicas and ISR. */
static inline void stage_commit(struct stage *s, int32_t leader, int32_t leader_epoch,
				unsigned replicas, unsigned isr)
{
	struct image_partition *p = &s->image.partition;

	p->leader = leader;
	p->leader_epoch = leader_epoch;
	p->partition_epoch++;
	p->replica_count = stage_list(replicas, s->image.replicas);
	p->isr_count = stage_list(isr, s->image.isr);
	stage_apply(s);
}

/* A stage on which broker 1 leads in epoch 1. */
static inline void stage_lead(struct stage *s, bool flush_ack, unsigned replicas, unsigned isr)
{
	stage_init(s, flush_ack);
	stage_commit(s, 1, 1, replicas, isr);
}

/* One batch of `records` records. */
static inline void stage_build(struct buffer *out, int records, int64_t base_offset, int32_t epoch)
{
	struct batch_builder builder;

	batch_begin(&builder, out, base_offset, 1000);
	builder.header.leader_epoch = epoch;
	for (int i = 0; i < records; i++)
		batch_add(&builder, NULL, 0, "value", 5);
	batch_end(&builder);
}

static inline enum replica_error stage_try_append(struct stage *s, int records, bool all_replicas,
						  struct plog_appended *ret_appended)
{
	struct buffer bytes = {0};
	struct batch batch;
	struct reader in;
	enum replica_error error;

	stage_build(&bytes, records, 0, -1);
	in = reader_of(bytes.data, bytes.size);
	assert_int_equal(batch_next_produced(&in, &batch), BATCH_OK);
	error = replica_append(s->replica, bytes.data, &batch, all_replicas, ret_appended);
	buffer_done(&bytes);
	return error;
}

static inline int64_t stage_append(struct stage *s, int records)
{
	struct plog_appended appended;

	assert_int_equal(stage_try_append(s, records, false, &appended), REPLICA_OK);
	return appended.last_offset;
}

static inline struct replica_fetch stage_fetch_of(struct stage *s, int32_t follower, int64_t offset)
{
	return (struct replica_fetch){
		.follower = follower,
		.broker_epoch = s->image.broker[follower - 1].epoch,
		.current_leader_epoch = replica_leader_epoch(s->replica),
		.fetch_offset = offset,
		.last_fetched_epoch = offset > 0 ? replica_leader_epoch(s->replica) : -1,
		.durable_offset = offset,
		.max_bytes = 1 << 20,
		.whole_first = true,
	};
}

static inline enum replica_error stage_serve(struct stage *s, const struct replica_fetch *fetch,
					     struct replica_fetched *ret_fetched)
{
	enum replica_error error = replica_serve_follower(s->replica, fetch, ret_fetched);

	if (error == REPLICA_OK) {
		env_file_unref(world_env(s->world), ret_fetched->read.slice.file);
		/* Kept, but for telling "nothing" from "something". */
	}
	return error;
}

/* A follower of the same log up to offset fetches, all of it durable. */
static inline void stage_fetch(struct stage *s, int32_t follower, int64_t offset)
{
	struct replica_fetch fetch = stage_fetch_of(s, follower, offset);
	struct replica_fetched fetched;

	/* Up to where the epoch before this one ended, that was the last one fetched. */
	if (offset > 0)
		fetch.last_fetched_epoch = plog_epoch_of(s->log, offset - 1);
	assert_int_equal(stage_serve(s, &fetch, &fetched), REPLICA_OK);
	assert_int_equal(fetched.diverging_epoch, -1);
}

static inline void stage_answer(struct stage *s, enum replica_isr_answer answer)
{
	struct replica_isr_change change = s->change;

	replica_isr_answer(s->replica, &change, answer, s->image.partition.partition_epoch + 1);
	if (answer == REPLICA_ISR_APPLIED) {
		s->image.partition.partition_epoch++;
		s->image.partition.isr_count = stage_list(s->change_isr, s->image.isr);
	}
}

/* Time passes, in ticks. */
static inline void stage_pass(struct stage *s, uint64_t us)
{
	while (us > 0) {
		uint64_t tick_us = us < 100 * 1000 ? us : 100 * 1000;

		world_advance(s->world, tick_us);
		replica_tick(s->replica);
		us -= tick_us;
	}
}

#define STAGE_HW(s) replica_high_watermark((s)->replica)

static inline struct replica_description stage_describe(const struct stage *s)
{
	struct replica_description d;

	replica_describe(s->replica, &d);
	return d;
}

/* ---- a waiter that remembers what it was told ---- */

struct stage_waiter {
	struct replica_waiter waiter;
	int calls;
	enum replica_error error;
};

static void stage_waiter_done(struct replica_waiter *waiter, enum replica_error error)
{
	struct stage_waiter *w = (struct stage_waiter *)waiter;

	w->calls++;
	w->error = error;
}

static inline void stage_await(struct stage *s, struct stage_waiter *w, int64_t last_offset,
			       bool all_replicas)
{
	*w = (struct stage_waiter){.waiter = {.done = stage_waiter_done,
					      .last_offset = last_offset,
					      .all_replicas = all_replicas}};
	replica_await(s->replica, &w->waiter);
}
