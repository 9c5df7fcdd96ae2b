/* Brokers come, are cut, are fenced and go: the rules by name, each a story told to an image. */
#include "meta_testing.h"

static const struct image_partition *t0(const struct cluster *c)
{
	return cluster_partition(c, "t", 0);
}

static const struct image_topic *topic_t(const struct cluster *c)
{
	return image_find_topic(c->image, "t", 1);
}

/* Shorter: broker 1, 2 or 3 comes back in another incarnation of the same directory. */
static void comes_back(struct cluster *c, int32_t id, int incarnation, bool durable)
{
	struct test_registration r = {.id = id, .incarnation = incarnation, .durable = durable};

	assert_int_equal(cluster_register(c, r), KAFKA_NONE);
}

static void comes_back_cut(struct cluster *c, int32_t id, int incarnation, int32_t last_epoch,
			   int64_t end_offset)
{
	struct broker_registration_request_cut_partition cut = {
		.topic_id = topic_t(c)->id,
		.last_epoch = last_epoch,
		.end_offset = end_offset,
	};
	struct test_registration r = {
		.id = id,
		.incarnation = incarnation,
		.durable = true,
		.cuts = &cut,
		.cut_count = 1,
	};

	assert_int_equal(cluster_register(c, r), KAFKA_NONE);
}

/* ---- registration ---- */

static void r5_broker_epoch_is_the_offset_of_its_registration(void **state)
{
	struct cluster *c = cluster_of(12, 2);
	int64_t epoch = image_find_broker(c->image, 1)->epoch, offset;

	(void)state;
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	offset = c->image->offset;
	comes_back(c, 1, 1, true);
	assert_int_equal(image_find_broker(c->image, 1)->epoch, offset);
	assert_true(offset > epoch);
	cluster_free(c);
}

static void r5_the_same_incarnation_keeps_its_epoch(void **state)
{
	struct cluster *c = cluster_of(12, 2);
	int64_t epoch = image_find_broker(c->image, 1)->epoch;

	(void)state;
	comes_back(c, 1, 0, true);
	assert_int_equal(c->records, 0);
	assert_int_equal(image_find_broker(c->image, 1)->epoch, epoch);
	cluster_free(c);
}

static void r5_a_live_id_is_not_given_to_another(void **state)
{
	struct cluster *c = cluster_of(12, 2);
	struct test_registration r = {.id = 1, .incarnation = 1, .directory = 5};

	(void)state;
	assert_int_equal(cluster_register(c, r), KAFKA_DUPLICATE_BROKER_REGISTRATION);
	r.old_is_dead = true; /* a dial was answered by another incarnation */
	assert_int_equal(cluster_register(c, r), KAFKA_NONE);
	assert_true(image_find_broker(c->image, 1)->fenced);
	cluster_free(c);
}

static void r5_another_incarnation_of_the_same_directory_proves_death(void **state)
{
	struct cluster *c = cluster_of(12, 2);

	(void)state;
	comes_back(c, 1, 1, true);
	assert_true(image_find_broker(c->image, 1)->fenced);
	cluster_free(c);
}

static void a_registration_without_sense_is_refused(void **state)
{
	struct cluster *c = cluster_of(12, 1);

	(void)state;
	assert_int_equal(cluster_register(c, (struct test_registration){.id = 1000}),
			 KAFKA_INVALID_REGISTRATION);
	assert_int_equal(cluster_register(c, (struct test_registration){.id = -1}),
			 KAFKA_INVALID_REGISTRATION);
	assert_int_equal(cluster_register(c, (struct test_registration){.id = 2, .rack = ""}),
			 KAFKA_INVALID_REGISTRATION);
	cluster_free(c);
}

static void a_registration_says_where_the_broker_listens(void **state)
{
	struct cluster *c = cluster_of(12, 1);
	const struct image_broker *b = image_find_broker(c->image, 1);

	(void)state;
	assert_string_equal(b->endpoints[IMAGE_PLAIN].host, "10.77.0.1");
	assert_int_equal(b->endpoints[IMAGE_PLAIN].address.port, 9092);
	assert_int_equal(b->endpoints[IMAGE_INTERNAL].address.port, 9094);
	assert_true(net_address_is_ipv4(&b->endpoints[IMAGE_INTERNAL].address));
	assert_null(b->endpoints[IMAGE_SLOT].host);
	cluster_free(c);
}

static void r7_a_quick_restart_costs_leadership_and_gives_a_new_epoch(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	int32_t epoch;

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	epoch = t0(c)->leader_epoch;
	comes_back(c, 1, 1, true);
	assert_int_equal(t0(c)->leader, 2);
	assert_int_equal(t0(c)->leader_epoch, epoch + 1);
	cluster_free(c);
}

static void r7_a_lone_leader_that_restarts_leads_in_a_new_epoch(void **state)
{
	struct cluster *c = cluster_of(12, 1);
	int32_t epoch;

	(void)state;
	cluster_create_on(c, LIST(1));
	epoch = t0(c)->leader_epoch;
	comes_back(c, 1, 1, true);
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 1);
	assert_int_equal(t0(c)->leader_epoch, epoch + 2);
	assert_null(c->losses);
	cluster_free(c);
}

static void r38_a_durable_restart_keeps_its_places(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	comes_back(c, 1, 1, true);
	assert_isr(t0(c), 1, 2, 3);
	assert_true(image_find_broker(c->image, 1)->kept_places);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_isr(t0(c), 1, 2, 3);
	assert_false(image_find_broker(c->image, 1)->kept_places);
	cluster_free(c);
}

static void r38_kept_places_end_with_the_session(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	comes_back(c, 1, 1, true);
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_isr(t0(c), 2, 3);
	assert_false(image_find_broker(c->image, 1)->kept_places);
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(c->records, 0);
	cluster_free(c);
}

static void r38_a_life_that_is_over_costs_leadership_and_keeps_places(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	assert_int_equal(CLUSTER_DO(c, controller_end_life(c->image, &c->options, 1, &change)),
			 KAFKA_NONE);
	assert_true(image_find_broker(c->image, 1)->fenced);
	assert_true(image_find_broker(c->image, 1)->kept_places);
	assert_int_equal(t0(c)->leader, 2);
	assert_isr(t0(c), 1, 2, 3);
	/* what follows decides about the places */
	comes_back(c, 1, 1, false);
	assert_isr(t0(c), 2, 3);
	assert_int_equal(CLUSTER_DO(c, controller_end_life(c->image, &c->options, 1, &change)),
			 KAFKA_NONE);
	assert_int_equal(c->records, 0);
	cluster_free(c);
}

static void r38_a_restart_that_is_not_durable_leaves_every_isr(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	comes_back(c, 3, 1, false);
	assert_isr(t0(c), 1, 2);
	assert_int_equal(t0(c)->leader, 1);
	comes_back(c, 1, 1, false);
	assert_isr(t0(c), 2);
	assert_int_equal(t0(c)->leader, 2);
	cluster_free(c);
}

static void r38_durable_counts_only_in_the_known_directory(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	struct test_registration r = {
		.id = 1, .incarnation = 1, .directory = 5, .durable = true, .old_is_dead = true};

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	assert_int_equal(cluster_register(c, r), KAFKA_NONE);
	assert_isr(t0(c), 2, 3);
	cluster_free(c);
}

static void r38_a_lone_replica_leads_in_any_case_and_it_is_reported(void **state)
{
	struct cluster *c = cluster_of(12, 2);

	(void)state;
	cluster_create_on(c, LIST(1));
	comes_back(c, 1, 1, false);
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 1);
	assert_non_null(c->losses);
	assert_non_null(strstr(c->losses, "t-0: broker 1"));
	cluster_free(c);
}

/* The last of the ISR lost what it may have acknowledged: nobody leads, unless that is allowed. */
static struct cluster *last_of_the_isr_is_not_durable(bool unclean_elections)
{
	struct cluster *c = cluster_of(12, 2);

	c->options.unclean_elections = unclean_elections;
	cluster_create_on(c, LIST(1, 2));
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	comes_back(c, 1, 1, false);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_isr(t0(c), 1);
	return c;
}

static void r38_the_last_of_an_isr_does_not_lead_when_it_is_not_durable(void **state)
{
	struct cluster *c = last_of_the_isr_is_not_durable(false);

	(void)state;
	assert_int_equal(t0(c)->leader, -1);
	/* A clean restart later does not make it whole. */
	comes_back(c, 1, 2, true);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, -1);
	/* Nor does one that says how far its log reaches. */
	comes_back_cut(c, 1, 3, 0, 100);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, -1);
	cluster_free(c);
}

static void r40_an_unclean_election_needs_permission_and_is_reported(void **state)
{
	struct cluster *c = last_of_the_isr_is_not_durable(true);

	(void)state;
	assert_int_equal(t0(c)->leader, 1);
	assert_non_null(c->losses);
	cluster_free(c);
}

/* ---- cut replicas ---- */

/* All lost power; 1 came back first, cut, and serves. */
static struct cluster *one_is_cut(void)
{
	struct cluster *c = cluster_of(12, 3);

	cluster_create_on(c, LIST(1, 2, 3));
	comes_back(c, 2, 1, true);
	comes_back(c, 3, 1, true);
	comes_back_cut(c, 1, 1, 0, 100);
	assert_int_equal(t0(c)->leader, -1);
	assert_isr(t0(c), 1, 2, 3);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	return c;
}

static void r45_a_cut_replica_waits_for_the_others(void **state)
{
	struct cluster *c = one_is_cut();

	(void)state;
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(cluster_unfence(c, 3), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 3);
	assert_null(c->losses);
	/* The cut one is out until it has fetched what it lacks; then it is whole. */
	assert_isr(t0(c), 2, 3);
	assert_int_equal(cluster_unfence(c, 2), KAFKA_NONE);
	assert_int_equal(cluster_alter(c, topic_t(c), 0, LIST(3, 2, 1)), KAFKA_NONE);
	assert_int_equal(image_find_broker(c->image, 1)->cut_count, 0);
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 1);
	assert_null(c->losses);
	cluster_free(c);
}

static void r45_a_cut_outlives_a_restart_that_cuts_nothing(void **state)
{
	struct cluster *c = one_is_cut();

	(void)state;
	comes_back(c, 1, 2, true);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, -1);
	cluster_free(c);
}

static void r45_a_cut_replica_leads_when_the_others_stay_away(void **state)
{
	struct cluster *c = one_is_cut();

	(void)state;
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE); /* the session's time is over */
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 1);
	assert_non_null(c->losses);
	assert_int_equal(image_find_broker(c->image, 1)->cut_count, 0);
	cluster_free(c);
}

static void r45_of_cut_replicas_the_longest_leads(void **state)
{
	struct cluster *c = one_is_cut();

	(void)state;
	comes_back_cut(c, 2, 2, 0, 90);
	assert_int_equal(cluster_unfence(c, 2), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, -1);
	comes_back_cut(c, 3, 2, 0, 95); /* now all are cut, and 1 has most */
	assert_int_equal(t0(c)->leader, 1);
	assert_isr(t0(c), 1);
	cluster_free(c);
}

static void r38_the_last_one_that_has_everything_keeps_its_place_too(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	assert_int_equal(CLUSTER_DO(c, controller_end_life(c->image, &c->options, 1, &change)),
			 KAFKA_NONE);
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_isr(t0(c), 1, 3);
	assert_int_equal(t0(c)->leader, 3);
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE); /* nobody knows what 1 still has */
	assert_isr(t0(c), 1, 3);
	assert_int_equal(t0(c)->leader, -1);
	comes_back(c, 1, 1, false);
	assert_isr(t0(c), 3);
	comes_back(c, 3, 3, true);
	assert_int_equal(cluster_unfence(c, 3), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 3);
	assert_null(c->losses);
	cluster_free(c);
}

static void r45_epochs_come_before_offsets(void **state)
{
	struct cluster *c = one_is_cut();

	(void)state;
	comes_back_cut(c, 2, 2, 1, 50);
	comes_back_cut(c, 3, 2, 0, 200);
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(cluster_unfence(c, 2), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 2);
	cluster_free(c);
}

static void r45_a_first_fencing_keeps_the_place_of_a_whole_replica(void **state)
{
	struct cluster *c = cluster_of(12, 2);

	(void)state;
	cluster_create_on(c, LIST(1, 2));
	assert_int_equal(
		CLUSTER_DO(c, controller_begin_shutdown(c->image, &c->options, 2, &change)),
		KAFKA_NONE);
	comes_back_cut(c, 1, 1, 0, 100); /* 2 is alive in the image, and does not lead */
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_isr(t0(c), 1, 2);
	assert_true(image_find_broker(c->image, 2)->kept_places);
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_isr(t0(c), 1);
	assert_int_equal(t0(c)->leader, 1);
	assert_non_null(c->losses);
	cluster_free(c);
}

static void r45_a_cut_replica_leaves_the_isr_where_somebody_leads(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	comes_back_cut(c, 3, 1, 0, 100);
	assert_int_equal(t0(c)->leader, 1);
	assert_isr(t0(c), 1, 2);
	cluster_free(c);
}

/* ---- fencing ---- */

static void r36_fencing_is_one_batch(void **state)
{
	struct cluster *c = cluster_of(12, 3);
	int64_t slot_epoch;
	int32_t slot;

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	slot = t0(c)->slot;
	slot_epoch = c->image->slots[slot]->epoch;
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_isr(t0(c), 2, 3);
	assert_int_equal(t0(c)->leader_epoch, 1);
	assert_int_equal(t0(c)->partition_epoch, 1);
	/* S1: the slot went along, and its holder was preferred. */
	assert_int_equal(t0(c)->leader, c->image->slots[slot]->holder);
	assert_true(c->image->slots[slot]->epoch > slot_epoch);
	cluster_free(c);
}

static void r36_a_follower_leaves_without_a_new_leader_epoch(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	assert_int_equal(cluster_fence(c, 3), KAFKA_NONE);
	assert_isr(t0(c), 1, 2);
	assert_int_equal(t0(c)->leader, 1);
	assert_int_equal(t0(c)->leader_epoch, 0);
	assert_int_equal(t0(c)->partition_epoch, 1);
	cluster_free(c);
}

static void r36_the_last_of_an_isr_stays_without_a_leader(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2));
	assert_int_equal(cluster_fence(c, 2), KAFKA_NONE);
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_isr(t0(c), 1);
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(t0(c)->leader_epoch, 1);
	/* 2 is not in the ISR: it cannot help. 1 can. */
	assert_int_equal(cluster_unfence(c, 2), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, -1);
	assert_int_equal(cluster_unfence(c, 1), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 1);
	assert_int_equal(t0(c)->leader_epoch, 2);
	cluster_free(c);
}

static void r36_the_slots_new_holder_is_preferred(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 3, 2));
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(c->image->slots[t0(c)->slot]->holder, 2);
	assert_int_equal(t0(c)->leader, 2);
	cluster_free(c);
}

static void r36_without_the_holder_the_first_live_replica_leads(void **state)
{
	struct cluster *c = cluster_of(12, 4);

	(void)state;
	/* The slot's next broker is 2, which is no replica. */
	cluster_create_on(c, LIST(1, 4, 3));
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(c->image->slots[t0(c)->slot]->holder, 2);
	assert_int_equal(t0(c)->leader, 4);
	assert_true(image_partition_is_away(c->image, t0(c)));
	cluster_free(c);
}

static void r36_only_live_brokers_are_elected(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	assert_int_equal(
		CLUSTER_DO(c, controller_begin_shutdown(c->image, &c->options, 2, &change)),
		KAFKA_NONE);
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 3);
	assert_isr(t0(c), 2, 3);
	cluster_free(c);
}

static void fencing_an_unknown_broker_is_refused(void **state)
{
	struct cluster *c = cluster_of(12, 1);

	(void)state;
	assert_int_equal(cluster_fence(c, 9), KAFKA_BROKER_ID_NOT_REGISTERED);
	assert_int_equal(cluster_unfence(c, 9), KAFKA_BROKER_ID_NOT_REGISTERED);
	cluster_free(c);
}

static void r41_controlled_shutdown_gives_leadership_away(void **state)
{
	struct cluster *c = cluster_of(12, 3);

	(void)state;
	cluster_create_on(c, LIST(1, 2, 3));
	assert_int_equal(
		CLUSTER_DO(c, controller_begin_shutdown(c->image, &c->options, 1, &change)),
		KAFKA_NONE);
	assert_int_equal(t0(c)->leader, 2);
	assert_isr(t0(c), 1, 2, 3);
	for (int32_t i = 0; i < 12; i++)
		assert_int_not_equal(c->image->slots[i]->holder, 1);
	cluster_free(c);
}

static void s1_the_last_broker_keeps_its_slots_while_it_shuts_down(void **state)
{
	struct cluster *c = cluster_of(3, 1);

	(void)state;
	assert_int_equal(
		CLUSTER_DO(c, controller_begin_shutdown(c->image, &c->options, 1, &change)),
		KAFKA_NONE);
	assert_int_equal(c->image->slots[0]->holder, 1);
	assert_int_equal(cluster_fence(c, 1), KAFKA_NONE);
	assert_int_equal(c->image->slots[0]->holder, -1);
	cluster_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(r5_broker_epoch_is_the_offset_of_its_registration),
		cmocka_unit_test(r5_the_same_incarnation_keeps_its_epoch),
		cmocka_unit_test(r5_a_live_id_is_not_given_to_another),
		cmocka_unit_test(r5_another_incarnation_of_the_same_directory_proves_death),
		cmocka_unit_test(a_registration_without_sense_is_refused),
		cmocka_unit_test(a_registration_says_where_the_broker_listens),
		cmocka_unit_test(r7_a_quick_restart_costs_leadership_and_gives_a_new_epoch),
		cmocka_unit_test(r7_a_lone_leader_that_restarts_leads_in_a_new_epoch),
		cmocka_unit_test(r38_a_durable_restart_keeps_its_places),
		cmocka_unit_test(r38_kept_places_end_with_the_session),
		cmocka_unit_test(r38_the_last_one_that_has_everything_keeps_its_place_too),
		cmocka_unit_test(r38_a_life_that_is_over_costs_leadership_and_keeps_places),
		cmocka_unit_test(r38_a_restart_that_is_not_durable_leaves_every_isr),
		cmocka_unit_test(r38_durable_counts_only_in_the_known_directory),
		cmocka_unit_test(r38_a_lone_replica_leads_in_any_case_and_it_is_reported),
		cmocka_unit_test(r38_the_last_of_an_isr_does_not_lead_when_it_is_not_durable),
		cmocka_unit_test(r40_an_unclean_election_needs_permission_and_is_reported),
		cmocka_unit_test(r45_a_cut_replica_waits_for_the_others),
		cmocka_unit_test(r45_a_cut_outlives_a_restart_that_cuts_nothing),
		cmocka_unit_test(r45_a_cut_replica_leads_when_the_others_stay_away),
		cmocka_unit_test(r45_of_cut_replicas_the_longest_leads),
		cmocka_unit_test(r45_epochs_come_before_offsets),
		cmocka_unit_test(r45_a_first_fencing_keeps_the_place_of_a_whole_replica),
		cmocka_unit_test(r45_a_cut_replica_leaves_the_isr_where_somebody_leads),
		cmocka_unit_test(r36_fencing_is_one_batch),
		cmocka_unit_test(r36_a_follower_leaves_without_a_new_leader_epoch),
		cmocka_unit_test(r36_the_last_of_an_isr_stays_without_a_leader),
		cmocka_unit_test(r36_the_slots_new_holder_is_preferred),
		cmocka_unit_test(r36_without_the_holder_the_first_live_replica_leads),
		cmocka_unit_test(r36_only_live_brokers_are_elected),
		cmocka_unit_test(fencing_an_unknown_broker_is_refused),
		cmocka_unit_test(r41_controlled_shutdown_gives_leadership_away),
		cmocka_unit_test(s1_the_last_broker_keeps_its_slots_while_it_shuts_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
