/* A stage for fastpath: a real loop, a cluster of three brokers, and a bwsteer that is
 * fake_steer.h. */
#pragma once

#include "../meta/meta_testing.h"
#include "fake_steer.h"
#include "fastpath/fastpath.h"
#include "meta/mirror_members.h"
#include "os/os_env.h"
#include "os/os_seqpacket.h"

enum { PATIENCE_US = 20 * 1000 * 1000, BROKERS = 3, SLOTS = 4 };

struct stage {
	struct fake_steer *steer;
	struct os_process *process;
	struct log quiet;
	struct cluster *cluster;
	struct fastpath *fastpath;
	int released, released_slot;
	unsigned image_at_release; /* how many images had been applied */
};

static inline void drop_line(struct log *log, enum log_level level, const char *line)
{
	(void)log;
	(void)level;
	(void)line;
}

static inline void slot_released(void *context, int32_t slot)
{
	struct stage *s = context;

	s->released++;
	s->released_slot = slot;
	s->image_at_release = s->steer->images;
}

/* Lets the broker's loop and bwsteer work until the condition holds. */
#define WORK_UNTIL(stage_, condition_)                                                             \
	do {                                                                                       \
		struct env *work_env_ = os_process_env((stage_)->process, 0);                      \
		uint64_t work_end_ = env_now_us(work_env_) + PATIENCE_US;                          \
		while (!(condition_) && env_now_us(work_env_) < work_end_) {                       \
			os_process_turn((stage_)->process, 1000);                                  \
			fake_turn((stage_)->steer);                                                \
		}                                                                                  \
		if (!(condition_))                                                                 \
			fail_msg("in vain: %s", #condition_);                                      \
	} while (0)

/* A cluster of brokers 1 to 3 with slots at 10.77.0.100:9100..; slot 0 has port 9092 as well. */
static inline struct cluster *cluster_with_addresses(void)
{
	static const int32_t ids[BROKERS] = {1, 2, 3};
	static char host[] = "10.77.0.100";
	struct image_endpoint addresses[SLOTS][2] = {0};
	struct controller_seed seed = {SLOTS, addresses[0], 2, ids, BROKERS};
	struct cluster *c = calloc(1, sizeof(*c));
	struct change change;

	for (uint16_t i = 0; i < SLOTS; i++) {
		addresses[i][0].host = host;
		assert_int_equal(net_address_parse_host(host, (uint16_t)(9100 + i),
							&addresses[i][0].address),
				 0);
	}
	addresses[0][1].host = host;
	assert_int_equal(net_address_parse_host(host, 9092, &addresses[0][1].address), 0);
	c->image = image_new();
	c->replayed = image_new();
	c->options.default_partitions = 1;
	change_begin(&change, 0);
	controller_seed(&seed, &change);
	cluster_commit(c, &change);
	for (int32_t id = 1; id <= BROKERS; id++) {
		assert_int_equal(cluster_register(c, (struct test_registration){.id = id}),
				 KAFKA_NONE);
		assert_int_equal(cluster_unfence(c, id), KAFKA_NONE);
	}
	return c;
}

static const struct fastpath_link real_link = {os_seqpacket_connect};

static inline struct stage *stage_new(void)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct os_options options = {.log = &s->quiet};
	struct fastpath_options fastpath = {
		.link = &real_link,
		.cluster_id = "AAECAwQFBgcICQoLDA0ODw",
		.node_id = 1,
		.slot_released = slot_released,
		.context = s,
	};

	s->quiet.write = drop_line;
	s->steer = fake_new();
	assert_int_equal(os_process_new(&options, 1, &s->process), 0);
	s->cluster = cluster_with_addresses();
	fastpath.env = os_process_env(s->process, 0);
	fastpath.socket_path = s->steer->path;
	s->fastpath = fastpath_new(&fastpath);
	return s;
}

static inline void stage_free(struct stage *s)
{
	fastpath_free(s->fastpath);
	os_process_free(s->process);
	cluster_free(s->cluster);
	fake_free(s->steer);
	free(s);
}

static inline struct env *env_of(struct stage *s)
{
	return os_process_env(s->process, 0);
}

static inline void publish(struct stage *s)
{
	fastpath_publish(s->fastpath, s->cluster->image);
}

/* Published, and every leader is known there. */
static inline void publish_all(struct stage *s, uint32_t leaders)
{
	publish(s);
	WORK_UNTIL(s, s->steer->images > 0 && s->steer->leader_count == leaders);
}

/* Everything that was sent before has arrived: a lease is the last thing. */
static inline void settle(struct stage *s)
{
	unsigned before = fake_count(s->steer, 'l');

	fastpath_renew_lease(s->fastpath, env_now_us(env_of(s)), 1000);
	WORK_UNTIL(s, fake_count(s->steer, 'l') > before);
}

static inline void move(struct stage *s, int32_t slot, int32_t to)
{
	const char *sentence;
	struct cluster *c = s->cluster;

	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, slot, to,
							    &change, &sentence)),
			 KAFKA_NONE);
}

static inline const struct steer_leader *leader_of(struct stage *s, const char *topic,
						   uint32_t partition)
{
	struct leader_key key = {.partition = partition};

	snprintf(key.topic, sizeof(key.topic), "%s", topic);
	return fake_find(s->steer, &key);
}
