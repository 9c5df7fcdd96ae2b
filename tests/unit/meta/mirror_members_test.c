/* Who is mirrored to: F8's rule, read off an image. */
#include "meta_testing.h"

#include "meta/mirror_members.h"

static const struct image_slot *slot_of(const struct cluster *c, const char *topic)
{
	return c->image->slots[cluster_partition(c, topic, 0)->slot];
}

/* The members of a topic's one slot as text, "2 3", seen from its holder. */
static const char *members_of(const struct cluster *c, const char *topic, char text[static 64])
{
	const struct image_slot *slot = slot_of(c, topic);
	struct mirror_members *sets = mirror_members_of(c->image, slot->holder);
	const struct mirror_members *set = &sets[slot->id];

	text[0] = 0;
	for (int32_t i = 0; i < set->count; i++) {
		snprintf(text + strlen(text), 64 - strlen(text), "%s%d", i ? " " : "",
			 set->members[i].node);
		assert_int_equal(set->members[i].address.port, 9094);
		assert_int_equal(set->members[i].address.ip[15], set->members[i].node);
	}
	assert_int_equal(set->slot, slot->id);
	assert_int_equal(set->slot_epoch, slot->epoch);
	assert_true((set->id != 0) == (set->count > 0));
	mem_free(sets);
	return text;
}

static uint64_t id_of(const struct cluster *c, int32_t slot)
{
	struct mirror_members *sets = mirror_members_of(c->image, c->image->slots[slot]->holder);
	uint64_t id = sets[slot].id;

	mem_free(sets);
	return id;
}

static void members_are_the_live_replicas_of_what_the_holder_leads(void **state)
{
	static const int32_t by_hand[] = {1, 4};
	struct cluster *c = cluster_of(1, 4); /* its slot's order is 1 2 3 4 */
	char text[64];

	(void)state;
	cluster_create_on(c, by_hand, 2);
	assert_string_equal(members_of(c, "t", text), "4");
	assert_int_equal(cluster_create(c, "a", 1, 2), KAFKA_NONE);
	assert_string_equal(members_of(c, "t", text), "2 4");
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_string_equal(members_of(c, "t", text), "4");
	assert_int_equal(cluster_unfence(c, 2), KAFKA_NONE);
	assert_string_equal(members_of(c, "t", text), "2 4");
	cluster_free(c);
}

static void partitions_that_the_holder_does_not_lead_do_not_count(void **state)
{
	static const int32_t away[] = {2, 3};
	struct cluster *c = cluster_of(1, 3);
	char text[64];

	(void)state;
	cluster_create_on(c, away, 2); /* slot 0 is held by 1 */
	assert_int_equal(slot_of(c, "t")->holder, 1);
	assert_string_equal(members_of(c, "t", text), "");
	cluster_free(c);
}

static void slots_of_others_have_no_members(void **state)
{
	struct cluster *c = cluster_of(3, 3);
	struct mirror_members *sets;

	(void)state;
	assert_int_equal(cluster_create(c, "a", 3, 3), KAFKA_NONE);
	sets = mirror_members_of(c->image, 2);
	for (int32_t i = 0; i < 3; i++)
		assert_int_equal(sets[i].count, c->image->slots[i]->holder == 2 ? 2 : 0);
	mem_free(sets);
	cluster_free(c);
}

static void f8_every_change_of_members_or_epoch_has_another_id(void **state)
{
	struct cluster *c = cluster_of(1, 3);
	const char *sentence;
	uint64_t first, fenced;

	(void)state;
	assert_int_equal(cluster_create(c, "a", 1, 3), KAFKA_NONE);
	first = id_of(c, 0);
	assert_int_equal(cluster_create(c, "b", 1, 3), KAFKA_NONE);
	assert_true(id_of(c, 0) == first); /* the same brokers */
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	fenced = id_of(c, 0);
	assert_true(fenced != first);
	assert_int_equal(cluster_unfence(c, 3), KAFKA_NONE);
	assert_true(id_of(c, 0) == first);
	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, 0, 2, &change,
							    &sentence)),
			 KAFKA_NONE);
	assert_int_equal(CLUSTER_DO(c, controller_move_slot(c->image, &c->options, 0, 1, &change,
							    &sentence)),
			 KAFKA_NONE);
	assert_true(id_of(c, 0) != first && id_of(c, 0) != 0); /* another slot epoch */
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_the_live_replicas_of_what_the_holder_leads),
		cmocka_unit_test(partitions_that_the_holder_does_not_lead_do_not_count),
		cmocka_unit_test(slots_of_others_have_no_members),
		cmocka_unit_test(f8_every_change_of_members_or_epoch_has_another_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
