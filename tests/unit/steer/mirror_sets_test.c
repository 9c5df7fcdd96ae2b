/* Which mirror sets bwsteer believes in: those of a whole good image, while their broker serves and
 * holds the slot. */
#include "steer/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { LEASE_US = 1000 * 1000, SELF = 1, START_US = 5000 * 1000, EPOCH = 10, SLOTS = 2 };

static struct steer_mirror_set mirror_set_of(uint32_t slot)
{
	struct steer_address at = {
		.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2},
		.port = 9094,
	};
	struct steer_mirror_set set = {
		.id = 5,
		.slot_epoch = EPOCH,
		.slot = slot,
		.count = 1,
		.own = at,
	};

	set.own.ip[15] = SELF;
	set.followers[0].node = 2;
	set.followers[0].address = at;
	return set;
}

/* Publishes slots 0, held here, and 1, held by 2, with these sets. Returns what the end says. */
static int publish(struct state *s, const struct steer_mirror_set *sets, size_t count)
{
	struct steer_image_begin begin = {.slots = SLOTS};
	struct steer_image_end end = {0};

	assert_int_equal(state_image_begin(s, &begin), 0);
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct steer_slot slot = {.slot_epoch = EPOCH, .slot = i, .holder = i + 1};

		assert_int_equal(state_image_slot(s, &slot), 0);
	}
	for (size_t i = 0; i < count; i++)
		state_image_mirror(s, &sets[i]);
	return state_image_end(s, &end, START_US);
}

static struct state *new_state(void)
{
	struct state *s = state_new((struct state_times){LEASE_US, LEASE_US});

	state_hello(s, SELF, START_US);
	return s;
}

static size_t mirror_count(const struct state *s, uint64_t now)
{
	size_t count;

	state_mirror_sets(s, now, &count);
	return count;
}

static void mirror_sets_are_there_while_the_broker_serves(void **unused)
{
	const struct steer_mirror_set set = mirror_set_of(0);
	struct state *s = new_state();

	(void)unused;
	assert_int_equal(publish(s, &set, 1), 0);
	assert_int_equal(mirror_count(s, START_US), 0); /* no lease yet */
	state_lease(s, START_US, LEASE_US, START_US);
	assert_int_equal(mirror_count(s, START_US), 1);
	assert_int_equal(mirror_count(s, START_US + LEASE_US), 0);
	state_lease(s, START_US + 1, LEASE_US, START_US + 1);
	state_broker_gone(s, START_US + 1);
	assert_int_equal(mirror_count(s, START_US + 1), 0);
	state_hello(s, SELF, START_US + 2);
	assert_int_equal(mirror_count(s, START_US + 2), 0); /* of the session before */
	state_free(s);
}

static void an_image_with_a_bad_mirror_set_is_refused(void **unused)
{
	struct steer_mirror_set sets[2] = {mirror_set_of(0), mirror_set_of(0)}, bad;
	struct state *s = new_state();

	(void)unused;
	state_lease(s, START_US, LEASE_US, START_US);
	assert_int_equal(publish(s, sets, 2), -EINVAL); /* one slot twice */
	sets[1].slot = 1;
	assert_int_equal(publish(s, sets, 2), 0);
#define REFUSED(member_, value_)                                                                   \
	(bad = mirror_set_of(0), bad.member_ = (value_),                                           \
	 assert_int_equal(publish(s, &bad, 1), -EINVAL))
	REFUSED(id, 0);
	REFUSED(slot, 3); /* the image has no such slot */
	REFUSED(slot, STEER_SLOTS_MAX);
	REFUSED(count, 0);
	REFUSED(count, MIRROR_FOLLOWERS_MAX + 1);
	REFUSED(count, 2); /* the second is all zero */
	REFUSED(own.port, 0);
	REFUSED(own.ip[10], 0); /* not IPv4 */
	REFUSED(followers[0].node, 1000);
	REFUSED(followers[0].address.port, 0);
	REFUSED(followers[0].address.ip[12], 224);
#undef REFUSED
	assert_int_equal(mirror_count(s, START_US), 2); /* the last good image stays */
	state_free(s);
}

static void only_held_slots_of_that_epoch_are_mirrored(void **unused)
{
	struct state *s = new_state();

	(void)unused;
	assert_int_equal(publish(s, NULL, 0), 0);
	assert_true(state_holds(s, 0, EPOCH));
	assert_false(state_holds(s, 0, EPOCH + 1));
	assert_false(state_holds(s, 1, EPOCH)); /* 2 does */
	assert_false(state_holds(s, 9, 0));
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mirror_sets_are_there_while_the_broker_serves),
		cmocka_unit_test(an_image_with_a_bad_mirror_set_is_refused),
		cmocka_unit_test(only_held_slots_of_that_epoch_are_mirrored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
