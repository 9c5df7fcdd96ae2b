/* What bwsteer is told, over a real socket, by a real loop; bwsteer is fake_steer.h. */
#include "stage.h"

/* ---- what is said ---- */

static void s8_says_nothing_before_the_broker_may_publish(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	WORK_UNTIL(s, fastpath_has_steer(s->fastpath));
	settle(s);
	assert_string_equal(s->steer->order, "Hl");
	assert_int_equal(s->steer->hello.node, 1);
	for (uint8_t i = 0; i < 16; i++)
		assert_int_equal(s->steer->hello.cluster_id[i], i);
	stage_free(s);
}

static void publishes_slots_brokers_and_leaders(void **state)
{
	struct stage *s = stage_new();
	const struct image *image = s->cluster->image;
	const struct fake_image *told = &s->steer->image;

	(void)state;
	publish_all(s, 0);
	assert_string_equal(s->steer->order, "HBSSSSKKKE");
	assert_int_equal(told->begin.metadata_offset, image->offset);
	for (uint32_t i = 0; i < SLOTS; i++) {
		assert_int_equal(told->slots[i].slot, i);
		assert_int_equal(told->slots[i].slot_epoch, image->slots[i]->epoch);
		assert_int_equal(told->slots[i].holder, image->slots[i]->holder);
		assert_int_equal(told->slots[i].successor,
				 image_slot_successor(image, image->slots[i]));
		assert_int_equal(told->slots[i].address_count, i == 0 ? 2 : 1);
		assert_int_equal(told->slots[i].addresses[0].port, 9100 + i);
		assert_int_equal(told->slots[i].addresses[0].ip[15], 100);
	}
	assert_int_equal(told->slots[0].addresses[1].port, 9092);
	for (uint32_t i = 0; i < BROKERS; i++) {
		assert_int_equal(told->brokers[i].node, i + 1);
		assert_int_equal(told->brokers[i].ipv4[15], i + 1);
		assert_int_equal(told->brokers[i].ipv6[15], 0);
	}
	assert_int_equal(cluster_create(s->cluster, "orders", 3, 3), KAFKA_NONE);
	publish_all(s, 3);
	for (int32_t p = 0; p < 3; p++) {
		const struct steer_leader *leader = leader_of(s, "orders", (uint32_t)p);
		const struct image_partition *partition =
			cluster_partition(s->cluster, "orders", p);

		assert_non_null(leader);
		assert_int_equal(leader->value.leader, partition->leader);
		assert_int_equal(leader->value.leader_epoch, partition->leader_epoch);
		assert_int_equal(leader->value.slot, partition->slot);
	}
	stage_free(s);
}

static void a_fenced_broker_and_lost_holders_are_told(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	publish_all(s, 0);
	for (int32_t id = 2; id <= BROKERS; id++)
		assert_int_equal(cluster_fence(s->cluster, id), KAFKA_NONE);
	publish(s);
	WORK_UNTIL(s, s->steer->image.broker_count == 1);
	for (int i = 0; i < SLOTS; i++) {
		assert_int_equal(s->steer->image.slots[i].holder, 1);
		assert_int_equal(s->steer->image.slots[i].successor, STEER_NOBODY);
	}
	stage_free(s);
}

static void what_did_not_change_is_not_sent_again(void **state)
{
	struct stage *s = stage_new();
	struct uuid id;

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", 3, 3), KAFKA_NONE);
	publish_all(s, 3);
	fake_forget_order(s->steer);
	assert_int_equal(cluster_create(s->cluster, "b", 2, 3), KAFKA_NONE);
	publish_all(s, 5);
	assert_string_equal(s->steer->order, "BSSSSKKKLLE");
	fake_forget_order(s->steer);
	id = image_find_topic(s->cluster->image, "a", 1)->id;
	assert_int_equal(
		CLUSTER_DO(s->cluster, controller_delete_topic(s->cluster->image, id, &change)),
		KAFKA_NONE);
	publish_all(s, 2);
	assert_null(leader_of(s, "a", 0));
	fake_forget_order(s->steer);
	publish(s);
	settle(s);
	assert_string_equal(s->steer->order, "l");
	stage_free(s);
}

static void only_leaders_that_changed_are_sent(void **state)
{
	struct stage *s = stage_new();
	unsigned moved = 0;

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", 30, 3), KAFKA_NONE);
	publish_all(s, 30);
	fake_forget_order(s->steer);
	for (int32_t p = 0; p < 30; p++)
		moved += cluster_partition(s->cluster, "a", p)->leader == 3;
	assert_in_range(moved, 1, 29);
	assert_int_equal(cluster_fence(s->cluster, 3), KAFKA_NONE); /* every ISR changes */
	publish(s);
	WORK_UNTIL(s, s->steer->images == 4);
	assert_int_equal(fake_count(s->steer, 'L'), moved);
	for (int32_t p = 0; p < 30; p++)
		assert_int_equal(leader_of(s, "a", (uint32_t)p)->value.leader,
				 cluster_partition(s->cluster, "a", p)->leader);
	stage_free(s);
}

static void a_topic_that_is_made_anew_under_its_name_stays(void **state)
{
	struct stage *s = stage_new();
	struct uuid id;

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", 3, 3), KAFKA_NONE);
	publish_all(s, 3);
	id = image_find_topic(s->cluster->image, "a", 1)->id;
	assert_int_equal(
		CLUSTER_DO(s->cluster, controller_delete_topic(s->cluster->image, id, &change)),
		KAFKA_NONE);
	assert_int_equal(cluster_create(s->cluster, "a", 2, 3), KAFKA_NONE);
	publish_all(s, 2);
	assert_non_null(leader_of(s, "a", 1));
	stage_free(s);
}

/* ---- large tables ---- */

static void leaders_go_out_in_bounded_pieces(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", 1000, 3), KAFKA_NONE);
	assert_int_equal(cluster_create(s->cluster, "b", 300, 3), KAFKA_NONE);
	publish_all(s, 1300);
	assert_int_equal(s->steer->most_leaders, 512);
	assert_int_equal(s->steer->images, 4);
	stage_free(s);
}

static void a_moved_slot_does_not_wait_behind_leaders(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", 1000, 3), KAFKA_NONE);
	publish(s);
	WORK_UNTIL(s, s->steer->images == 1);
	s->steer->is_mute = true;
	WORK_UNTIL(s, s->steer->images == 2);
	assert_int_equal(s->steer->image.leader_count, 512);
	move(s, 2, 2);
	publish(s);
	WORK_UNTIL(s, s->steer->images == 3);
	assert_int_equal(s->steer->image.slots[2].holder, 2);
	assert_int_equal(s->steer->image.leader_count, 0);
	fake_ack_late(s->steer);
	WORK_UNTIL(s, s->steer->leader_count == 1000);
	WORK_UNTIL(s, leader_of(s, "a", 2)->value.leader ==
			      (uint32_t)cluster_partition(s->cluster, "a", 2)->leader);
	stage_free(s);
}

static void a_full_queue_stops_nobody(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	WORK_UNTIL(s, fastpath_has_steer(s->fastpath));
	for (int i = 0; i < 3000; i++) { /* bwsteer reads nothing meanwhile */
		fastpath_renew_lease(s->fastpath, (uint64_t)i, 1000);
		os_process_turn(s->process, 0);
	}
	assert_int_equal(cluster_create(s->cluster, "a", 700, 3), KAFKA_NONE);
	publish(s);
	fastpath_slot_releasing(s->fastpath, 1);
	fastpath_slot_released(s->fastpath, 1);
	fastpath_renew_lease(s->fastpath, 4000, 1000);
	WORK_UNTIL(s, s->released == 1);
	publish_all(s, 700);
	WORK_UNTIL(s, s->steer->lease.renewed_at_us == 4000);
	assert_true(fake_count(s->steer, 'l') < 3000); /* old ones were dropped */
	assert_int_equal(fake_count(s->steer, 'H'), 1);
	stage_free(s);
}

/* ---- when bwsteer goes and comes ---- */

static void f4_a_bwsteer_that_was_killed_gets_everything_again(void **state)
{
	struct stage *s = stage_new();
	struct uuid id;

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", 600, 3), KAFKA_NONE);
	assert_int_equal(cluster_create(s->cluster, "b", 5, 3), KAFKA_NONE);
	publish_all(s, 605);
	fake_die(s->steer);
	WORK_UNTIL(s, !fastpath_has_steer(s->fastpath));
	move(s, 1, 3);
	id = image_find_topic(s->cluster->image, "b", 1)->id;
	assert_int_equal(
		CLUSTER_DO(s->cluster, controller_delete_topic(s->cluster->image, id, &change)),
		KAFKA_NONE);
	publish(s);
	fake_listen(s->steer);
	WORK_UNTIL(s, s->steer->images == 3);
	assert_int_equal(s->steer->leader_count, 600);
	assert_int_equal(s->steer->image.slots[1].holder, 3);
	assert_int_equal(s->steer->hello.broker_epoch,
			 image_find_broker(s->cluster->image, 1)->epoch);
	assert_int_equal(fastpath_counts(s->fastpath).connections, 2);
	stage_free(s);
}

static void waits_for_a_bwsteer_that_starts_late(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	fake_die(s->steer);
	publish(s);
	fastpath_renew_lease(s->fastpath, 1, 1000);
	for (int i = 0; i < 3; i++)
		os_process_turn(s->process, 1000);
	assert_false(fastpath_has_steer(s->fastpath));
	fake_listen(s->steer);
	publish_all(s, 0);
	assert_string_equal(s->steer->order, "HBSSSSKKKE");
	stage_free(s);
}

static void s2_a_lost_lease_is_answered_with_the_whole_image(void **state)
{
	struct steer_lease_lost lost = {{STEER_LEASE_LOST, STEER_PROTOCOL_VERSION, 0}};
	struct stage *s = stage_new();

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", 3, 3), KAFKA_NONE);
	publish_all(s, 3);
	fake_forget_order(s->steer);
	fake_send(s->steer, &lost, sizeof(lost));
	WORK_UNTIL(s, s->steer->images == 3);
	settle(s);
	assert_string_equal(s->steer->order, "BSSSSKKKEl");
	assert_int_equal(s->steer->leader_count, 3);
	assert_int_equal(fastpath_counts(s->fastpath).leases_lost, 1);
	stage_free(s);
}

static void s2_a_lease_carries_the_time_of_its_evidence(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	WORK_UNTIL(s, fastpath_has_steer(s->fastpath));
	fastpath_renew_lease(s->fastpath, 123456, 700);
	WORK_UNTIL(s, s->steer->lease.renewed_at_us == 123456);
	assert_int_equal(s->steer->lease.duration_ms, 700);
	stage_free(s);
}

static void a_refused_image_ends_the_leaders_until_slots_change(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", 3, 3), KAFKA_NONE);
	s->steer->refuses = -EINVAL;
	publish(s);
	WORK_UNTIL(s, fastpath_counts(s->fastpath).refused == 1);
	settle(s);
	assert_string_equal(s->steer->order, "HBSSSSKKKEl");
	s->steer->refuses = 0;
	move(s, 0, 2);
	publish_all(s, 3);
	assert_int_equal(s->steer->image.slots[0].holder, 2);
	assert_int_equal(fastpath_counts(s->fastpath).refused, 1);
	stage_free(s);
}

static void nonsense_ends_the_connection(void **state)
{
	struct steer_ack wrong = {{STEER_ACK, STEER_PROTOCOL_VERSION + 1, 0}, 0, 0};
	struct stage *s = stage_new();

	(void)state;
	publish_all(s, 0);
	fake_send(s->steer, &wrong, sizeof(wrong));
	WORK_UNTIL(s, fastpath_counts(s->fastpath).connections == 2);
	WORK_UNTIL(s, fake_count(s->steer, 'E') == 2);
	fake_send(s->steer, &wrong, sizeof(wrong) - 1);
	WORK_UNTIL(s, fastpath_counts(s->fastpath).connections == 3);
	stage_free(s);
}

/* ---- release ---- */

static void s4_a_slot_stays_published_until_it_is_released_and_withdrawn(void **state)
{
	struct stage *s = stage_new();
	int32_t old = s->cluster->image->slots[0]->holder;

	(void)state;
	publish_all(s, 0);
	fastpath_slot_releasing(s->fastpath, 0);
	move(s, 0, old == 2 ? 3 : 2);
	move(s, 3, s->cluster->image->slots[3]->holder == 2 ? 3 : 2);
	publish(s);
	WORK_UNTIL(s, s->steer->images == 2);
	assert_int_equal(s->steer->image.slots[0].holder, old);
	assert_int_equal(s->steer->image.slots[3].slot_epoch, s->cluster->image->slots[3]->epoch);
	assert_int_equal(fastpath_releases(s->fastpath), 1);
	fake_forget_order(s->steer);
	s->steer->is_mute = true;
	fastpath_slot_released(s->fastpath, 0);
	settle(s);
	assert_string_equal(s->steer->order, "Wl");
	assert_int_equal(s->steer->withdraw.slot, 0);
	assert_int_equal(s->steer->withdraw.withdrawn, 1);
	assert_int_equal(s->released, 0);
	fake_ack_late(s->steer);
	WORK_UNTIL(s, s->steer->images == 3);
	assert_int_equal(s->steer->image.slots[0].holder, s->cluster->image->slots[0]->holder);
	assert_int_equal(s->released, 1);
	assert_int_equal(s->released_slot, 0);
	assert_int_equal(fastpath_releases(s->fastpath), 0);
	stage_free(s);
}

static void s4_a_release_ends_with_bwsteer(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	publish_all(s, 0);
	fastpath_slot_releasing(s->fastpath, 2);
	s->steer->is_mute = true;
	fastpath_slot_released(s->fastpath, 2);
	assert_int_equal(s->released, 0);
	fake_die(s->steer);
	WORK_UNTIL(s, s->released == 1);
	assert_int_equal(fastpath_releases(s->fastpath), 0);
	stage_free(s);
}

static void s4_a_second_release_is_not_ended_by_the_first_ones_answer(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	publish_all(s, 0);
	s->steer->is_mute = true;
	fastpath_slot_releasing(s->fastpath, 2);
	fastpath_slot_released(s->fastpath, 2);
	settle(s);
	fastpath_slot_releasing(s->fastpath, 2);
	fake_ack_late(s->steer);
	settle(s);
	assert_int_equal(s->released, 0);
	fastpath_slot_released(s->fastpath, 2);
	WORK_UNTIL(s, s->released == 1);
	stage_free(s);
}

/* ---- counters ---- */

struct asked {
	struct fastpath_query query;
	uint32_t slots;
	uint64_t forwarded;
	uint64_t packets;
	int ends, rc;
};

static void take_counts(struct fastpath_query *query, const struct steer_counts *counts)
{
	struct asked *asked = (struct asked *)query;

	assert_int_equal(asked->ends, 0);
	for (int i = 0; i < STEER_VERDICT_COUNT; i++)
		asked->packets += counts->steering[i].packets;
}

static void take_slot(struct fastpath_query *query, const struct steer_stats_slot *slot, int rc)
{
	struct asked *asked = (struct asked *)query;

	if (!slot) {
		asked->ends++;
		asked->rc = rc;
		return;
	}
	assert_int_equal(slot->slot, asked->slots);
	asked->slots++;
	asked->forwarded += slot->sum.forwarded;
}

static void counters_of_all_slots_are_gathered(void **state)
{
	struct stage *s = stage_new();
	struct asked a = {.query = {.counts = take_counts, .each = take_slot}}, b = a, c = a;

	(void)state;
	WORK_UNTIL(s, fastpath_has_steer(s->fastpath));
	fastpath_ask_stats(s->fastpath, &a.query);
	fastpath_ask_stats(s->fastpath, &b.query);
	WORK_UNTIL(s, a.ends == 1 && b.ends == 1);
	assert_int_equal(a.slots, FAKE_STATS);
	assert_int_equal(b.slots, FAKE_STATS);
	assert_int_equal(a.forwarded, 10 * FAKE_STATS * (FAKE_STATS - 1) / 2);
	assert_int_equal(a.packets, STEER_VERDICT_COUNT * (STEER_VERDICT_COUNT + 1) / 2);
	assert_int_equal(b.packets, a.packets);
	assert_int_equal(fake_count(s->steer, 'Q'), 4);
	assert_int_equal(fake_count(s->steer, 'C'), 2);
	fastpath_ask_stats(s->fastpath, &c.query);
	fake_die(s->steer);
	WORK_UNTIL(s, c.ends == 1);
	assert_int_equal(c.rc, -ENOTCONN);
	stage_free(s);
}

static void a_bwsteer_that_cannot_count_verdicts_is_not_asked(void **state)
{
	struct stage *s = stage_new();
	struct asked a = {.query = {.counts = take_counts, .each = take_slot}};

	(void)state;
	s->steer->is_old = true;
	WORK_UNTIL(s, fastpath_has_steer(s->fastpath));
	fastpath_ask_stats(s->fastpath, &a.query);
	WORK_UNTIL(s, a.ends == 1);
	assert_int_equal(a.rc, 0);
	assert_int_equal(a.slots, FAKE_STATS);
	assert_int_equal(a.packets, 0);
	assert_int_equal(fake_count(s->steer, 'C'), 0);
	stage_free(s);
}

/* ---- without any ---- */

static void without_a_socket_everything_is_a_no_op(void **state)
{
	struct stage *s = stage_new();
	struct asked asked = {.query.each = take_slot};
	struct fastpath_options options = {.env = env_of(s),
					   .cluster_id = "a cluster",
					   .node_id = 1,
					   .slot_released = slot_released,
					   .context = s};
	struct fastpath *none = fastpath_new(&options);

	(void)state;
	fastpath_publish(none, s->cluster->image);
	fastpath_renew_lease(none, 1, 1000);
	fastpath_slot_releasing(none, 1);
	assert_int_equal(s->released, 0);
	fastpath_slot_released(none, 1);
	assert_int_equal(s->released, 1);
	fastpath_ask_stats(none, &asked.query);
	assert_int_equal(asked.rc, -ENOTCONN);
	assert_false(fastpath_has_steer(none));
	fastpath_free(none);
	stage_free(s);
}

/* ---- mirror sets ---- */

/* Broker 1 holds slots 0 and 3, and all its partitions are in the latter. */
enum { PARTITIONS = 12, MIRRORED = 3 };

/* Does the fastpath say that the kernel clones to what the present image names? */
static bool is_cloned(struct stage *s, int32_t slot)
{
	struct mirror_members *sets = mirror_members_of(s->cluster->image, 1);
	bool is = fastpath_mirror_is_cloned(s->fastpath, &sets[slot]);

	mem_free(sets);
	return is;
}

static struct stage *stage_with_mirrors(void)
{
	struct stage *s = stage_new();

	s->steer->mirrors = true;
	assert_int_equal(cluster_create(s->cluster, "a", PARTITIONS, 3), KAFKA_NONE);
	publish_all(s, PARTITIONS);
	return s;
}

static void mirror_sets_of_held_slots_are_published(void **state)
{
	struct stage *s = stage_with_mirrors();
	const struct steer_mirror_set *told = &s->steer->image.mirrors[0];

	(void)state;
	assert_int_equal(s->steer->image.mirror_count, 1);
	assert_int_equal(told->slot, MIRRORED);
	assert_int_equal(told->slot_epoch, s->cluster->image->slots[MIRRORED]->epoch);
	assert_int_equal(told->own.ip[15], 1);
	assert_int_equal(told->own.port, 9094);
	assert_int_equal(told->count, 2);
	for (uint32_t f = 0; f < 2; f++) {
		assert_int_equal(told->followers[f].node, f + 2);
		assert_int_equal(told->followers[f].address.ip[15], f + 2);
		assert_int_equal(told->followers[f].address.port, 9094);
	}
	stage_free(s);
}

static void no_mirror_set_is_sent_to_who_did_not_ask(void **state)
{
	struct stage *s = stage_new();

	(void)state;
	assert_int_equal(cluster_create(s->cluster, "a", PARTITIONS, 3), KAFKA_NONE);
	publish_all(s, PARTITIONS);
	assert_int_equal(fake_count(s->steer, 'M'), 0);
	assert_false(is_cloned(s, MIRRORED));
	stage_free(s);
}

static void a_set_is_cloned_from_when_bwsteer_says_so(void **state)
{
	struct stage *s = stage_with_mirrors();
	struct steer_mirror_set set = s->steer->image.mirrors[0];

	(void)state;
	settle(s);
	assert_false(is_cloned(s, MIRRORED)); /* applied, but nobody said that it is in place */
	fake_mirror_state(s->steer, &set, true);
	WORK_UNTIL(s, is_cloned(s, MIRRORED));
	fake_mirror_state(s->steer, &set, false);
	WORK_UNTIL(s, !is_cloned(s, MIRRORED));
	fake_mirror_state(s->steer, &set, true);
	WORK_UNTIL(s, is_cloned(s, MIRRORED));
	fake_die(s->steer);
	WORK_UNTIL(s, !is_cloned(s, MIRRORED));
	stage_free(s);
}

static void f8_a_set_that_was_replaced_is_not_believed_in(void **state)
{
	struct stage *s = stage_with_mirrors();
	struct steer_mirror_set old = s->steer->image.mirrors[0];
	struct mirror_members *before = mirror_members_of(s->cluster->image, 1);

	(void)state;
	fake_mirror_state(s->steer, &old, true);
	WORK_UNTIL(s, is_cloned(s, MIRRORED));
	assert_int_equal(cluster_fence(s->cluster, 3), KAFKA_NONE);
	assert_false(
		is_cloned(s, MIRRORED)); /* a shard that has applied it does not clone any more */
	publish(s);
	assert_false(fastpath_mirror_is_cloned(s->fastpath, &before[MIRRORED]));
	WORK_UNTIL(s, s->steer->image.mirror_count == 2); /* 3's slot has come here */
	assert_int_equal(s->steer->image.mirrors[1].slot, MIRRORED);
	assert_int_equal(s->steer->image.mirrors[1].count, 1);
	fake_mirror_state(s->steer, &old, true); /* said before it had heard of the new one */
	settle(s);
	assert_false(is_cloned(s, MIRRORED));
	assert_false(fastpath_mirror_is_cloned(s->fastpath, &before[MIRRORED]));
	fake_mirror_state(s->steer, &s->steer->image.mirrors[1], true);
	WORK_UNTIL(s, is_cloned(s, MIRRORED));
	mem_free(before);
	stage_free(s);
}

static void a_slot_that_moved_away_has_no_mirror_set(void **state)
{
	struct stage *s = stage_with_mirrors();

	(void)state;
	fake_mirror_state(s->steer, &s->steer->image.mirrors[0], true);
	WORK_UNTIL(s, is_cloned(s, MIRRORED));
	move(s, MIRRORED, 2);
	publish(s);
	WORK_UNTIL(s, s->steer->image.mirror_count == 0);
	assert_false(is_cloned(s, MIRRORED));
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s8_says_nothing_before_the_broker_may_publish),
		cmocka_unit_test(publishes_slots_brokers_and_leaders),
		cmocka_unit_test(a_fenced_broker_and_lost_holders_are_told),
		cmocka_unit_test(what_did_not_change_is_not_sent_again),
		cmocka_unit_test(only_leaders_that_changed_are_sent),
		cmocka_unit_test(a_topic_that_is_made_anew_under_its_name_stays),
		cmocka_unit_test(leaders_go_out_in_bounded_pieces),
		cmocka_unit_test(a_moved_slot_does_not_wait_behind_leaders),
		cmocka_unit_test(a_full_queue_stops_nobody),
		cmocka_unit_test(f4_a_bwsteer_that_was_killed_gets_everything_again),
		cmocka_unit_test(waits_for_a_bwsteer_that_starts_late),
		cmocka_unit_test(s2_a_lost_lease_is_answered_with_the_whole_image),
		cmocka_unit_test(s2_a_lease_carries_the_time_of_its_evidence),
		cmocka_unit_test(a_refused_image_ends_the_leaders_until_slots_change),
		cmocka_unit_test(nonsense_ends_the_connection),
		cmocka_unit_test(s4_a_slot_stays_published_until_it_is_released_and_withdrawn),
		cmocka_unit_test(s4_a_release_ends_with_bwsteer),
		cmocka_unit_test(s4_a_second_release_is_not_ended_by_the_first_ones_answer),
		cmocka_unit_test(counters_of_all_slots_are_gathered),
		cmocka_unit_test(a_bwsteer_that_cannot_count_verdicts_is_not_asked),
		cmocka_unit_test(without_a_socket_everything_is_a_no_op),
		cmocka_unit_test(mirror_sets_of_held_slots_are_published),
		cmocka_unit_test(no_mirror_set_is_sent_to_who_did_not_ask),
		cmocka_unit_test(a_set_is_cloned_from_when_bwsteer_says_so),
		cmocka_unit_test(f8_a_set_that_was_replaced_is_not_believed_in),
		cmocka_unit_test(a_slot_that_moved_away_has_no_mirror_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
