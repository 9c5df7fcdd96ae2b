/* Random events in random order: after each, check_image() and check_epochs() hold, and the same
 * batches give the same image (cluster_commit() checks all three). SEED=n replays one. */
#include "meta_testing.h"

struct dice {
	uint64_t state;
};

static uint32_t roll(struct dice *dice, uint32_t sides)
{
	dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice->state >> 33) % sides;
}

enum { MOST_BROKERS = 7 };

struct play {
	struct cluster *c;
	struct dice dice;
	int incarnations, topics;
};

static int32_t any_broker(struct play *p)
{
	return 1 + (int32_t)roll(&p->dice, MOST_BROKERS);
}

static const struct image_topic *any_topic(struct play *p)
{
	uint32_t count = (uint32_t)p->c->image->topic_count;

	return count == 0 ? NULL : p->c->image->topics[roll(&p->dice, count)];
}

static void play_register(struct play *p)
{
	struct broker_registration_request_cut_partition cuts[3];
	const struct image_topic *t;
	struct test_registration r = {
		.id = any_broker(p),
		.incarnation = ++p->incarnations,
		.durable = roll(&p->dice, 3) > 0,
		.old_is_dead = roll(&p->dice, 2),
		.directory = roll(&p->dice, 8) == 0 ? 5 : 0,
		.cuts = cuts,
	};

	while (r.cut_count < 3 && roll(&p->dice, 2) && (t = any_topic(p)))
		cuts[r.cut_count++] = (struct broker_registration_request_cut_partition){
			.topic_id = t->id,
			.partition = (int32_t)roll(&p->dice, (uint32_t)t->partition_count + 1),
			.last_epoch = (int32_t)roll(&p->dice, 3),
			.end_offset = (int64_t)roll(&p->dice, 4) * 10,
		};
	cluster_register(p->c, r);
}

static void play_create(struct play *p)
{
	char name[24];

	if (p->c->image->topic_count > 8)
		return;
	snprintf(name, sizeof(name), "t%d", p->topics++);
	cluster_create(p->c, name, 1 + (int32_t)roll(&p->dice, 9), 1 + (int32_t)roll(&p->dice, 4));
}

static void play_delete(struct play *p)
{
	const struct image_topic *t = any_topic(p);

	if (t && roll(&p->dice, 4) == 0)
		assert_int_equal(
			CLUSTER_DO(p->c, controller_delete_topic(p->c->image, t->id, &change)),
			KAFKA_NONE);
}

static void play_alter(struct play *p)
{
	const struct image_topic *t = any_topic(p);
	const struct image_partition *partition;
	int32_t isr[MOST_BROKERS], count = 0;

	if (!t)
		return;
	partition = t->partitions[roll(&p->dice, (uint32_t)t->partition_count)];
	if (partition->leader == -1)
		return;
	for (int32_t i = 0; i < partition->replica_count; i++)
		if (roll(&p->dice, 5) > 0)
			isr[count++] = partition->replicas[i];
	cluster_alter(p->c, t, partition->id, isr, count);
}

static void play_move(struct play *p)
{
	int32_t slot = (int32_t)roll(&p->dice, (uint32_t)p->c->image->slot_count);
	int32_t to = (int32_t)roll(&p->dice, MOST_BROKERS + 1);
	const char *sentence;

	CLUSTER_DO(p->c, controller_move_slot(p->c->image, &p->c->options, slot, to == 0 ? -1 : to,
					      &change, &sentence));
}

static void play_slots(struct play *p)
{
	int32_t broker = any_broker(p);
	bool steer = roll(&p->dice, 2);

	switch (roll(&p->dice, 3)) {
	case 0:
		CLUSTER_DO(p->c, controller_rebalance(p->c->image, &p->c->options, &change));
		break;
	case 1:
		CLUSTER_DO(p->c, controller_set_steer(p->c->image, broker, steer, &change));
		break;
	default:
		CLUSTER_DO(p->c,
			   controller_yield_slots(p->c->image, &p->c->options, broker, &change));
		break;
	}
}

static void play_shutdown(struct play *p)
{
	int32_t broker = any_broker(p);

	CLUSTER_DO(p->c, controller_begin_shutdown(p->c->image, &p->c->options, broker, &change));
}

static void play_event(struct play *p)
{
	switch (roll(&p->dice, 14)) {
	case 0:
	case 1:
		play_register(p);
		break;
	case 2:
	case 3:
		cluster_fence(p->c, any_broker(p));
		break;
	case 4:
	case 5:
	case 6:
		cluster_unfence(p->c, any_broker(p));
		break;
	case 7:
		play_create(p);
		break;
	case 8:
		play_delete(p);
		break;
	case 9:
	case 10:
		play_alter(p);
		break;
	case 11:
		play_move(p);
		break;
	case 12:
		play_slots(p);
		break;
	default:
		if (roll(&p->dice, 4) == 0)
			play_shutdown(p);
		break;
	}
}

static void play_seed(uint64_t seed)
{
	struct play p = {.dice = {seed}};

	print_message("SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < 4; i++)
		roll(&p.dice, 2);
	p.c = cluster_of(1 + (int32_t)roll(&p.dice, 24), 1 + (int32_t)roll(&p.dice, 5));
	p.c->options.unclean_elections = roll(&p.dice, 4) == 0;
	for (int i = 0; i < 600; i++)
		play_event(&p);
	cluster_free(p.c);
}

static void random_events_keep_every_invariant(void **state)
{
	const char *seed = getenv("SEED");

	(void)state;
	if (seed) {
		play_seed(strtoull(seed, NULL, 10));
		return;
	}
	for (uint64_t i = 1; i <= 60; i++)
		play_seed(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_events_keep_every_invariant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
