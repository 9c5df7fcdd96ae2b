/* The other end of a fastpath: a bwsteer that applies what it is told to a table, answers, and
 * writes down the order of messages by one letter each: H hello, B begin, S slot, K broker, L
 * leader, M mirror set, E end, l lease, W withdraw, Q stats request, R flows to reset */
#pragma once

#include "bellwether/steer_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FAKE_SLOTS = 16, FAKE_BROKERS = 16, FAKE_LEADERS = 8192, FAKE_STATS = 40 };

struct fake_image {
	struct steer_image_begin begin;
	struct steer_slot slots[FAKE_SLOTS];
	struct steer_broker brokers[FAKE_BROKERS];
	struct steer_leader *leaders; /* of this image's messages */
	struct steer_mirror_set mirrors[FAKE_SLOTS];
	uint32_t slot_count, broker_count, leader_count, mirror_count;
};

struct fake_steer {
	char folder[64], path[96];
	int listener, fd;
	bool is_mute; /* does not answer */
	bool mirrors; /* its kernel can clone */
	int refuses;  /* IMAGE_END is answered with it; 0 = applied */
	char order[65536];
	size_t order_size;
	struct steer_hello hello;
	struct fake_image building, image;
	struct steer_leader *leaders; /* the table */
	uint32_t leader_count;
	uint32_t most_leaders; /* in one image */
	unsigned images;       /* applied */
	struct steer_lease lease;
	struct steer_withdraw withdraw;
	struct steer_reset_flows resets; /* the last ones */
	uint32_t reset_count;            /* flows, all together */
	bool is_old;                     /* knows no features */
	uint32_t unanswered; /* the sequence of the last message that was not answered */
};

static inline void fake_listen(struct fake_steer *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->path);
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(s->listener >= 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listener, 8), 0);
}

static inline struct fake_steer *fake_new(void)
{
	struct fake_steer *s = calloc(1, sizeof(*s));
	const char *base = getenv("TMPDIR");

	snprintf(s->folder, sizeof(s->folder), "%.30s/bellwether-steer-XXXXXX",
		 base ? base : "/tmp");
	assert_non_null(mkdtemp(s->folder));
	snprintf(s->path, sizeof(s->path), "%s/socket", s->folder);
	s->fd = -1;
	s->leaders = calloc(FAKE_LEADERS, sizeof(*s->leaders));
	s->building.leaders = calloc(FAKE_LEADERS, sizeof(*s->leaders));
	s->image.leaders = calloc(FAKE_LEADERS, sizeof(*s->leaders));
	fake_listen(s);
	return s;
}

static inline void fake_hang_up(struct fake_steer *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* As kill -9 does: the connection ends and nobody listens. */
static inline void fake_die(struct fake_steer *s)
{
	fake_hang_up(s);
	close(s->listener);
	s->listener = -1;
	unlink(s->path);
	s->images = 0; /* the table of leaders is pinned: it stays */
}

static inline void fake_free(struct fake_steer *s)
{
	fake_die(s);
	rmdir(s->folder);
	free(s->leaders);
	free(s->building.leaders);
	free(s->image.leaders);
	free(s);
}

static inline void fake_send(struct fake_steer *s, const void *message, size_t size)
{
	assert_int_equal(send(s->fd, message, size, MSG_NOSIGNAL), (ssize_t)size);
}

static inline void fake_ack(struct fake_steer *s, uint32_t sequence, int result)
{
	struct steer_ack ack = {{STEER_ACK, STEER_PROTOCOL_VERSION, sequence}, result, 0};

	s->unanswered = sequence;
	if (!s->is_mute)
		fake_send(s, &ack, sizeof(ack));
}

/* What was kept back while mute, for the last message. */
static inline void fake_ack_late(struct fake_steer *s)
{
	s->is_mute = false;
	fake_ack(s, s->unanswered, 0);
}

static inline struct steer_leader *fake_find(struct fake_steer *s, const struct leader_key *key)
{
	for (uint32_t i = 0; i < s->leader_count; i++)
		if (memcmp(&s->leaders[i].key, key, sizeof(*key)) == 0)
			return &s->leaders[i];
	return NULL;
}

static inline void fake_apply_leaders(struct fake_steer *s)
{
	if (!(s->building.begin.flags & STEER_IMAGE_LEADERS_DELTA))
		s->leader_count = 0;
	for (uint32_t i = 0; i < s->building.leader_count; i++) {
		const struct steer_leader *l = &s->building.leaders[i];
		struct steer_leader *known = fake_find(s, &l->key);

		if (l->gone) {
			assert_non_null(known);
			*known = s->leaders[--s->leader_count];
			continue;
		}
		if (!known)
			known = &s->leaders[s->leader_count++];
		assert_true(s->leader_count < FAKE_LEADERS);
		*known = *l;
	}
}

static inline void fake_end(struct fake_steer *s, const struct steer_image_end *end)
{
	struct fake_image before = s->image;

	assert_int_equal(s->building.slot_count, s->building.begin.slots);
	assert_int_equal(s->building.broker_count, s->building.begin.brokers);
	assert_int_equal(s->building.leader_count, s->building.begin.leaders);
	assert_int_equal(end->metadata_offset, s->building.begin.metadata_offset);
	if (s->building.leader_count > s->most_leaders)
		s->most_leaders = s->building.leader_count;
	if (s->refuses == 0) {
		fake_apply_leaders(s);
		s->images++;
		s->image = s->building;
		s->building = before;
	}
	fake_ack(s, end->header.sequence, s->refuses);
}

static inline void fake_mirror_state(struct fake_steer *s, const struct steer_mirror_set *set,
				     bool in_place)
{
	struct steer_mirror_state state = {
		.header = {STEER_MIRROR_STATE, STEER_PROTOCOL_VERSION, 0},
		.id = set->id,
		.slot = set->slot,
		.in_place = in_place,
	};

	fake_send(s, &state, sizeof(state));
}

static inline void fake_stats(struct fake_steer *s, const struct steer_stats_request *request)
{
	struct steer_stats stats = {
		.header = {STEER_STATS, STEER_PROTOCOL_VERSION, request->header.sequence},
		.next_slot = STEER_NOBODY,
	};

	for (uint32_t slot = request->first_slot; slot < FAKE_STATS; slot++) {
		if (stats.count == STEER_STATS_SLOTS) {
			stats.next_slot = slot;
			break;
		}
		stats.slots[stats.count].slot = slot;
		stats.slots[stats.count++].sum.forwarded = slot * 10;
	}
	fake_send(s, &stats, sizeof(stats));
}

static inline void fake_counts(struct fake_steer *s, const struct steer_counts_request *request)
{
	struct steer_counts counts = {
		.header = {STEER_COUNTS, STEER_PROTOCOL_VERSION, request->header.sequence},
	};

	for (uint64_t i = 0; i < STEER_VERDICT_COUNT; i++)
		counts.steering[i].packets = i + 1;
	fake_send(s, &counts, sizeof(counts));
}

static inline void fake_hello(struct fake_steer *s)
{
	struct steer_hello_ack ack = {
		.header = {STEER_HELLO_ACK, STEER_PROTOCOL_VERSION, s->hello.header.sequence},
		.mode = STEER_MODE_TC,
		.attached = 1,
		.lease_ms = 1000,
		.features = (s->mirrors ? STEER_FEATURE_MIRRORS : 0) |
			    (s->is_old ? 0 : STEER_FEATURE_RESET_FLOWS | STEER_FEATURE_COUNTS),
	};

	if (!s->is_mute)
		fake_send(s, &ack, sizeof(ack));
}

static inline char fake_message(struct fake_steer *s, const void *bytes, size_t size)
{
	const struct steer_header *header = bytes;
	struct fake_image *b = &s->building;

#define TAKE(to_)                                                                                  \
	do {                                                                                       \
		assert_int_equal(size, sizeof(to_));                                               \
		memcpy(&(to_), bytes, size);                                                       \
	} while (0)
	assert_int_equal(header->version, STEER_PROTOCOL_VERSION);
	switch (header->type) {
	case STEER_HELLO:
		TAKE(s->hello);
		fake_hello(s);
		return 'H';
	case STEER_IMAGE_BEGIN:
		TAKE(b->begin);
		b->slot_count = b->broker_count = b->leader_count = b->mirror_count = 0;
		return 'B';
	case STEER_SLOT:
		TAKE(b->slots[b->slot_count]);
		b->slot_count++;
		return 'S';
	case STEER_BROKER:
		TAKE(b->brokers[b->broker_count]);
		b->broker_count++;
		return 'K';
	case STEER_LEADER:
		TAKE(b->leaders[b->leader_count]);
		b->leader_count++;
		return 'L';
	case STEER_MIRROR_SET:
		TAKE(b->mirrors[b->mirror_count]);
		b->mirror_count++;
		return 'M';
	case STEER_IMAGE_END:
		assert_int_equal(size, sizeof(struct steer_image_end));
		fake_end(s, bytes);
		return 'E';
	case STEER_LEASE:
		TAKE(s->lease);
		return 'l';
	case STEER_WITHDRAW:
		TAKE(s->withdraw);
		fake_ack(s, header->sequence, 0);
		return 'W';
	case STEER_RESET_FLOWS:
		TAKE(s->resets);
		assert_in_range(s->resets.count, 1, STEER_FLOWS_PER_MESSAGE);
		s->reset_count += s->resets.count;
		return 'R';
	case STEER_STATS_REQUEST:
		assert_int_equal(size, sizeof(struct steer_stats_request));
		fake_stats(s, bytes);
		return 'Q';
	case STEER_COUNTS_REQUEST:
		fake_counts(s, bytes);
		return 'C';
	default:
		fail_msg("unknown message %u", header->type);
		return '?';
	}
#undef TAKE
}

/* Takes everything that is there; false when nothing was. */
static inline bool fake_turn(struct fake_steer *s)
{
	_Alignas(8) uint8_t bytes[STEER_MESSAGE_BYTES_MAX];
	bool took = false;
	ssize_t size;

	if (s->listener < 0)
		return false;
	if (s->fd < 0)
		s->fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (s->fd >= 0 && (size = recv(s->fd, bytes, sizeof(bytes), 0)) >= 0) {
		if (size == 0) {
			fake_hang_up(s);
			return true;
		}
		assert_true(s->order_size + 1 < sizeof(s->order));
		s->order[s->order_size] = fake_message(s, bytes, (size_t)size);
		s->order[++s->order_size] = 0;
		took = true;
	}
	return took;
}

static inline void fake_forget_order(struct fake_steer *s)
{
	s->order_size = 0;
	s->order[0] = 0;
}

/* How often that letter came since. */
static inline unsigned fake_count(const struct fake_steer *s, char letter)
{
	unsigned count = 0;

	for (const char *at = s->order; *at; at++)
		count += *at == letter;
	return count;
}
