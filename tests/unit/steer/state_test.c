/* The law of slots as bwsteer keeps it: S2, S3, S4, S8, S10, S12, F3 and the announcer rule, on the
 * pure state with times of our own. Nodes 1 to 3; the state is node 1's. */
#include "steer/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { LEASE_US = 1000 * 1000, ORPHAN_US = 1000 * 1000, SELF = 1, START_US = 5000 * 1000 };

/* "Layout shared": address .100, port 9100 + slot. "Each": address .100 + slot, port 9092. */
struct picture {
	bool each;
	uint64_t offset;
	size_t slot_count;
	struct {
		uint32_t holder, successor;
		uint64_t epoch;
	} slots[4];
	bool has_bwsteer[4]; /* by node */
};

static const struct picture plain = {
	.offset = 100,
	.slot_count = 3,
	.slots = {{1, 2, 10}, {2, 3, 11}, {3, 1, 12}},
	.has_bwsteer = {false, true, true, true},
};

static struct steer_address address_of(const struct picture *p, uint32_t slot)
{
	struct steer_address a = {
		.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 77, [15] = 100}};

	a.port = p->each ? 9092 : (uint16_t)(9100 + slot);
	if (p->each)
		a.ip[15] = (uint8_t)(100 + slot);
	return a;
}

static struct steer_slot slot_of(const struct picture *p, uint32_t slot)
{
	struct steer_slot fact = {
		.slot = slot,
		.holder = p->slots[slot].holder,
		.successor = p->slots[slot].successor,
		.slot_epoch = p->slots[slot].epoch,
		.address_count = 1,
	};

	fact.addresses[0] = address_of(p, slot);
	return fact;
}

static void put_pieces(struct state *s, const struct picture *p)
{
	struct steer_image_begin begin = {
		.metadata_offset = p->offset, .slots = (uint32_t)p->slot_count, .brokers = 3};

	assert_int_equal(state_image_begin(s, &begin), 0);
	for (uint32_t i = (uint32_t)p->slot_count; i-- > 0;) { /* any order will do */
		struct steer_slot fact = slot_of(p, i);

		assert_int_equal(state_image_slot(s, &fact), 0);
	}
	for (uint32_t node = 1; node <= 3; node++) {
		struct steer_broker broker = {
			.node = node, .flags = p->has_bwsteer[node] ? STEER_BROKER_HAS_BWSTEER : 0};

		assert_int_equal(state_image_broker(s, &broker), 0);
	}
}

static void publish(struct state *s, const struct picture *p, uint64_t now)
{
	struct steer_image_end end = {.metadata_offset = p->offset};

	put_pieces(s, p);
	assert_int_equal(state_image_end(s, &end, now), 0);
}

static struct next_hop hop_of(uint32_t node)
{
	return (struct next_hop){.resolved = true,
				 .if_index = 7,
				 .next_mac = {2, 0, 0, 0, 0, (uint8_t)node},
				 .own_mac = {2, 0, 0, 0, 0, SELF}};
}

static struct state *new_state(void)
{
	struct state *s = state_new((struct state_times){LEASE_US, ORPHAN_US});

	state_hello(s, SELF, START_US);
	for (uint32_t node = 2; node <= 3; node++) {
		struct next_hop hop = hop_of(node);

		state_set_hop(s, node, false, &hop);
	}
	return s;
}

/* In session, with an image and a lease from START_US on. */
static struct state *new_serving(const struct picture *p)
{
	struct state *s = new_state();

	publish(s, p, START_US);
	state_lease(s, START_US, LEASE_US, START_US);
	return s;
}

static struct state_decision decide_attached(struct state *s, bool attached, uint64_t now)
{
	struct state_decision decision;

	state_decide(s, attached, now, &decision);
	return decision;
}

static struct state_decision decide(struct state *s, uint64_t now)
{
	return decide_attached(s, true, now);
}

static const struct state_entry *entry_of(struct state *s, const struct picture *p, uint32_t slot)
{
	struct steer_address address = address_of(p, slot);
	struct state_entry *table = state_entries(s), *entry;
	struct slot_key key = {.port = htons(address.port)};

	memcpy(key.address, address.ip, 16);
	HASH_FIND(hh, table, &key, sizeof(key), entry);
	assert_non_null(entry);
	return entry;
}

static const struct slot_value *value_of(struct state *s, const struct picture *p, uint32_t slot)
{
	return &entry_of(s, p, slot)->wanted;
}

static const struct state_address *local_of(struct state *s, const struct picture *p, uint32_t slot)
{
	struct steer_address address = address_of(p, slot);
	struct state_address *table = state_addresses(s), *found;

	HASH_FIND(hh, table, address.ip, 16, found);
	assert_non_null(found);
	return found;
}

static bool announces(struct state *s, const struct picture *p, uint32_t slot)
{
	return local_of(s, p, slot)->announced;
}

/* ---- entries ---- */

static void an_entry_leads_to_its_holder(void **unused)
{
	struct state *s = new_serving(&plain);
	const struct slot_value *there, *here;

	(void)unused;
	decide(s, START_US);
	here = value_of(s, &plain, 0);
	there = value_of(s, &plain, 1);
	assert_int_equal(here->flags, SLOT_LOCAL);
	assert_int_equal(there->flags, 0);
	assert_int_equal(there->holder, 2);
	assert_int_equal(there->slot_epoch, 11);
	assert_int_equal(there->if_index, 7);
	assert_int_equal(there->next_mac[5], 2);
	assert_int_equal(there->own_mac[5], SELF);
	assert_int_equal(there->port, 9101);
	assert_int_equal(there->check, slot_check(&entry_of(s, &plain, 1)->key, there));
	state_free(s);
}

static void s10_an_unresolved_next_hop_is_said_in_the_entry(void **unused)
{
	struct next_hop lost = {0}, found = hop_of(2);
	struct state *s = new_serving(&plain);

	(void)unused;
	state_set_hop(s, 2, false, &lost);
	decide(s, START_US);
	assert_int_equal(value_of(s, &plain, 1)->flags, SLOT_UNRESOLVED);
	assert_int_equal(value_of(s, &plain, 1)->if_index, 0);
	state_set_hop(s, 2, false, &found);
	decide(s, START_US);
	assert_int_equal(value_of(s, &plain, 1)->flags, 0);
	state_free(s);
}

static void s8_f3_an_entry_never_goes_back_to_a_lower_epoch(void **unused)
{
	struct picture older = plain;
	struct state *s = new_serving(&plain);
	uint64_t valid_until;

	(void)unused;
	decide(s, START_US);
	valid_until = value_of(s, &plain, 1)->valid_until_ns;
	older.slots[1].holder = 3;
	older.slots[1].epoch = 5;
	publish(s, &older, START_US);
	state_lease(s, START_US + LEASE_US / 2, LEASE_US, START_US + LEASE_US / 2);
	decide(s, START_US + LEASE_US / 2);
	assert_int_equal(value_of(s, &plain, 1)->holder, 2);
	assert_int_equal(value_of(s, &plain, 1)->slot_epoch, 11);
	/* F3: what a stale image says nothing true about runs out. */
	assert_int_equal(value_of(s, &plain, 1)->valid_until_ns, valid_until);
	/* The other slots are not held back. */
	assert_true(value_of(s, &plain, 2)->valid_until_ns > valid_until);
	older.slots[1].epoch = 12;
	publish(s, &older, START_US + LEASE_US / 2);
	decide(s, START_US + LEASE_US / 2);
	assert_int_equal(value_of(s, &plain, 1)->holder, 3);
	state_free(s);
}

static void s8_the_pinned_map_bounds_the_epochs_of_the_next_life(void **unused)
{
	struct steer_address address = address_of(&plain, 1);
	struct slot_key key = {.port = htons(address.port)};
	struct slot_value value = {.slot_epoch = 99, .slot = 1, .holder = 3, .port = address.port};
	struct state *s = state_new((struct state_times){LEASE_US, ORPHAN_US});

	(void)unused;
	memcpy(key.address, address.ip, 16);
	state_load_entry(s, &key, &value);
	decide(s, START_US);
	assert_true(entry_of(s, &plain, 1)->is_wanted); /* before an image nothing is touched */
	state_hello(s, SELF, START_US);
	publish(s, &plain, START_US);
	state_lease(s, START_US, LEASE_US, START_US);
	decide(s, START_US);
	assert_int_equal(value_of(s, &plain, 1)->holder, 3);
	assert_int_equal(value_of(s, &plain, 1)->slot_epoch, 99);
	state_forget(s); /* another cluster */
	state_hello(s, SELF, START_US);
	publish(s, &plain, START_US);
	decide(s, START_US);
	assert_int_equal(value_of(s, &plain, 1)->slot_epoch, 11);
	state_free(s);
}

static void an_entry_that_the_image_lacks_is_not_wanted(void **unused)
{
	struct picture fewer = plain;
	struct state *s = new_serving(&plain);

	(void)unused;
	decide(s, START_US);
	fewer.slot_count = 2;
	publish(s, &fewer, START_US);
	decide(s, START_US);
	assert_true(entry_of(s, &plain, 1)->is_wanted);
	assert_false(entry_of(s, &plain, 2)->is_wanted);
	state_free(s);
}

static void an_image_is_applied_whole_or_not_at_all(void **unused)
{
	struct picture moved = plain;
	struct steer_image_end end = {.metadata_offset = 100}, wrong = {.metadata_offset = 101};
	struct steer_slot twice = slot_of(&plain, 0);
	struct steer_image_begin begin = {.metadata_offset = 100, .slots = 2};
	struct state *s = new_serving(&plain);

	(void)unused;
	moved.slots[1].holder = 3;
	moved.slots[1].epoch = 20;
	put_pieces(s, &moved);
	decide(s, START_US); /* not ended yet */
	assert_int_equal(value_of(s, &plain, 1)->holder, 2);
	assert_int_equal(state_image_end(s, &wrong, START_US), -EINVAL);
	assert_int_equal(state_image_end(s, &end, START_US), -EINVAL); /* it was dropped */

	assert_int_equal(state_image_begin(s, &begin), 0); /* a piece is missing */
	assert_int_equal(state_image_slot(s, &twice), 0);
	assert_int_equal(state_image_end(s, &end, START_US), -EINVAL);
	assert_int_equal(state_image_begin(s, &begin), 0); /* a slot comes twice */
	assert_int_equal(state_image_slot(s, &twice), 0);
	twice.addresses[0].port++;
	assert_int_equal(state_image_slot(s, &twice), 0);
	assert_int_equal(state_image_end(s, &end, START_US), -EINVAL);
	assert_int_equal(state_image_begin(s, &begin), 0); /* two slots share an address */
	assert_int_equal(state_image_slot(s, &twice), 0);
	twice.slot = 1;
	assert_int_equal(state_image_slot(s, &twice), 0);
	assert_int_equal(state_image_end(s, &end, START_US), -EINVAL);
	decide(s, START_US);
	assert_int_equal(value_of(s, &plain, 1)->holder, 2);
	state_free(s);
}

/* Each of these is refused alone. */
static void a_slot_address_is_plain_unicast(void **unused)
{
	static const uint8_t first_bytes[] = {0, 127, 224, 255};
	struct steer_image_begin begin = {.metadata_offset = 1, .slots = 1};
	struct state *s = new_state();
	struct steer_slot fact;

	(void)unused;
	for (size_t i = 0; i < sizeof(first_bytes); i++) {
		fact = slot_of(&plain, 0);
		fact.addresses[0].ip[12] = first_bytes[i];
		assert_int_equal(state_image_begin(s, &begin), 0);
		assert_int_equal(state_image_slot(s, &fact), -EINVAL);
	}
	fact = slot_of(&plain, 0);
	fact.addresses[0].port = 0;
	assert_int_equal(state_image_begin(s, &begin), 0);
	assert_int_equal(state_image_slot(s, &fact), -EINVAL);
	fact = slot_of(&plain, 0);
	fact.address_count = STEER_SLOT_ADDRESSES_MAX + 1;
	assert_int_equal(state_image_begin(s, &begin), 0);
	assert_int_equal(state_image_slot(s, &fact), -EINVAL);
	state_free(s);
}

/* ---- the lease ---- */

static void s2_entries_live_as_long_as_the_lease(void **unused)
{
	struct state *s = new_serving(&plain);
	uint64_t later = START_US + LEASE_US / 2;

	(void)unused;
	decide(s, START_US);
	assert_int_equal(value_of(s, &plain, 1)->valid_until_ns, (START_US + LEASE_US) * 1000ULL);
	state_lease(s, later, LEASE_US, later);
	decide(s, later);
	assert_int_equal(value_of(s, &plain, 1)->valid_until_ns, (later + LEASE_US) * 1000ULL);
	state_free(s);
}

static void s2_without_an_image_and_a_lease_nothing_is_announced(void **unused)
{
	struct state *s = new_state();

	(void)unused;
	publish(s, &plain, START_US);
	decide(s, START_US);
	assert_false(announces(s, &plain, 0));
	assert_int_equal(value_of(s, &plain, 1)->valid_until_ns, 0);
	state_lease(s, START_US, LEASE_US, START_US);
	decide(s, START_US);
	assert_true(announces(s, &plain, 0));
	state_free(s);
}

static void s2_a_lease_that_runs_out_resets_and_withdraws(void **unused)
{
	struct state *s = new_serving(&plain);
	struct state_decision decision = decide(s, START_US + LEASE_US - 1);

	(void)unused;
	assert_false(decision.reset_sockets);
	assert_true(announces(s, &plain, 0));
	assert_int_equal(decision.deadline_us, START_US + LEASE_US);
	decision = decide(s, START_US + LEASE_US);
	assert_true(decision.reset_sockets);
	assert_true(decision.lease_lost);
	assert_false(announces(s, &plain, 0));
	assert_true(local_of(s, &plain, 0)->is_local); /* S3: it goes on accepting */
	state_free(s);
}

static void s2_a_stopped_brokers_sockets_are_reset_again_and_again(void **unused)
{
	struct state *s = new_serving(&plain);
	uint64_t lost_us = START_US + LEASE_US;

	(void)unused;
	assert_true(decide(s, lost_us).reset_sockets);
	assert_false(decide(s, lost_us + 1).reset_sockets);
	assert_int_equal(decide(s, lost_us + 1).deadline_us, lost_us + LEASE_US);
	assert_true(decide(s, lost_us + LEASE_US).reset_sockets);
	assert_false(decide(s, lost_us + LEASE_US).lease_lost);
	/* Its next incarnation accepts and forwards: that is left alone. */
	state_hello(s, SELF, lost_us + LEASE_US + 1);
	assert_false(decide(s, lost_us + 3 * LEASE_US).reset_sockets);
	state_free(s);
}

static void s2_a_lost_lease_heals_by_a_new_image_and_a_renewal(void **unused)
{
	struct state *s = new_serving(&plain);
	uint64_t now = START_US + LEASE_US;

	(void)unused;
	decide(s, now);
	state_lease(s, now, LEASE_US, now);
	decide(s, now);
	assert_false(announces(s, &plain, 0)); /* the image may be from before the fencing */
	publish(s, &plain, now);
	decide(s, now);
	assert_true(announces(s, &plain, 0));
	assert_int_equal(value_of(s, &plain, 0)->flags, SLOT_LOCAL);
	assert_false(decide(s, now + LEASE_US / 2).reset_sockets);
	state_free(s);
}

static void s2_a_renewal_is_as_old_as_its_evidence(void **unused)
{
	struct state *s = new_state();
	uint64_t now = START_US + LEASE_US;

	(void)unused;
	publish(s, &plain, START_US);
	state_lease(s, START_US, LEASE_US, now); /* it lay in the queue */
	assert_false(state_lease_is_valid(s, now));
	state_lease(s, now + 50 * LEASE_US, 99 * LEASE_US, now); /* and none is too long */
	assert_true(state_lease_is_valid(s, now));
	assert_false(state_lease_is_valid(s, now + LEASE_US));
	state_free(s);
}

static void s2_a_late_renewal_does_not_hide_that_the_lease_ran_out(void **unused)
{
	struct state *s = new_serving(&plain);
	uint64_t late = START_US + 2 * LEASE_US;

	(void)unused;
	decide(s, START_US);
	state_lease(s, late, LEASE_US, late); /* bwsteer was stopped, and reads this first */
	assert_true(decide(s, late).lease_lost);
	assert_false(announces(s, &plain, 0));
	state_free(s);
}

static void s2_without_a_program_a_closed_socket_withdraws_at_once(void **unused)
{
	struct state *s = new_serving(&plain);

	(void)unused;
	decide_attached(s, false, START_US);
	assert_true(announces(s, &plain, 0));
	state_broker_gone(s, START_US + 1);
	decide_attached(s, false, START_US + 1);
	assert_false(announces(s, &plain, 0));
	state_free(s);
}

/* ---- orphans ---- */

static void s12_a_closed_socket_orphans_own_slots_for_a_second(void **unused)
{
	struct state *s = new_serving(&plain);
	uint64_t gone = START_US + LEASE_US / 2;

	(void)unused;
	decide(s, START_US);
	state_broker_gone(s, gone);
	assert_false(decide(s, gone).reset_sockets);
	assert_int_equal(value_of(s, &plain, 0)->flags, SLOT_ORPHANED);
	assert_int_equal(value_of(s, &plain, 0)->holder, 2);
	assert_int_equal(value_of(s, &plain, 0)->next_mac[5], 2);
	assert_int_equal(value_of(s, &plain, 0)->slot_epoch, 10);
	assert_int_equal(value_of(s, &plain, 0)->valid_until_ns, (gone + ORPHAN_US) * 1000ULL);
	assert_int_equal(value_of(s, &plain, 1)->flags, 0); /* not ours */
	/* The last second of the lease belongs to it. */
	assert_true(announces(s, &plain, 0));
	assert_true(decide(s, START_US + LEASE_US).reset_sockets);
	assert_false(announces(s, &plain, 0));
	assert_int_equal(value_of(s, &plain, 0)->valid_until_ns, (gone + ORPHAN_US) * 1000ULL);
	state_free(s);
}

static void s12_a_lost_lease_orphans_own_slots(void **unused)
{
	struct state *s = new_serving(&plain);
	uint64_t lost_us = START_US + LEASE_US;

	(void)unused;
	decide(s, lost_us);
	assert_int_equal(value_of(s, &plain, 0)->flags, SLOT_ORPHANED);
	assert_int_equal(value_of(s, &plain, 0)->valid_until_ns, (lost_us + ORPHAN_US) * 1000ULL);
	state_free(s);
}

static void s12_a_published_image_replaces_orphans(void **unused)
{
	struct picture moved = plain;
	struct state *s = new_serving(&plain);
	uint64_t now = START_US + LEASE_US / 2;

	(void)unused;
	state_broker_gone(s, now);
	decide(s, now);
	state_hello(s, SELF, now);
	decide(s, now);
	assert_int_equal(value_of(s, &plain, 0)->flags, SLOT_ORPHANED); /* HELLO alone does not */
	assert_true(announces(s, &plain, 0));
	moved.slots[0].holder = 3;
	moved.slots[0].epoch = 30;
	publish(s, &moved, now);
	decide(s, now);
	assert_int_equal(value_of(s, &plain, 0)->flags, 0);
	assert_int_equal(value_of(s, &plain, 0)->holder, 3);
	assert_int_equal(value_of(s, &plain, 0)->slot_epoch, 30);
	state_free(s);
}

static void s12_the_same_epoch_replaces_an_orphan(void **unused)
{
	struct state *s = new_serving(&plain);
	uint64_t now = START_US + LEASE_US / 2;

	(void)unused;
	state_broker_gone(s, now);
	decide(s, now);
	state_hello(s, SELF, now);
	publish(s, &plain, now);
	decide(s, now);
	assert_int_equal(value_of(s, &plain, 0)->flags, SLOT_LOCAL);
	state_free(s);
}

static void s12_without_a_successor_the_stack_keeps_the_slot(void **unused)
{
	struct picture alone = plain;
	struct state *s;

	(void)unused;
	alone.slots[0].successor = STEER_NOBODY;
	s = new_serving(&alone);
	state_broker_gone(s, START_US);
	decide(s, START_US);
	assert_int_equal(value_of(s, &plain, 0)->flags, SLOT_LOCAL);
	state_free(s);
}

static struct state_address *address_in(struct state *s, const struct picture *p, uint32_t slot)
{
	struct steer_address a = address_of(p, slot);
	struct state_address *table = state_addresses(s), *found;

	HASH_FIND(hh, table, a.ip, sizeof(a.ip), found);
	assert_non_null(found);
	return found;
}

/* Until the next announcer is elected this node's kernel would refuse who connects again. */
static void s12_with_no_program_the_address_goes_to_the_successor(void **unused)
{
	struct state *s = new_serving(&plain);
	uint64_t now = START_US + LEASE_US / 2;

	(void)unused;
	decide_attached(s, false, now);
	assert_false(address_in(s, &plain, 0)->is_bequeathed);
	state_broker_gone(s, now);
	decide_attached(s, false, now);
	assert_false(announces(s, &plain, 0));
	assert_true(address_in(s, &plain, 0)->is_bequeathed);
	assert_memory_equal(address_in(s, &plain, 0)->heir_mac, hop_of(2).next_mac, 6);
	state_free(s);
}

static void s12_a_successor_without_bwsteer_inherits_no_address(void **unused)
{
	struct picture p = plain;
	struct state *s;

	(void)unused;
	p.has_bwsteer[2] = false; /* it has no route for the address (S3) */
	s = new_serving(&p);
	state_broker_gone(s, START_US);
	decide_attached(s, false, START_US);
	assert_false(address_in(s, &p, 0)->is_bequeathed);
	state_free(s);
}

/* ---- who announces ---- */

static void the_holder_of_the_lowest_slot_announces_a_shared_address(void **unused)
{
	struct picture p = plain;
	struct state *s = new_serving(&p);

	(void)unused;
	decide(s, START_US);
	assert_true(announces(s, &p, 0));
	p.slots[0].holder = 3; /* slot 1 is ours then, and does not count */
	p.slots[0].epoch = 40;
	p.slots[1].holder = SELF;
	p.slots[1].epoch = 40;
	publish(s, &p, START_US);
	decide(s, START_US);
	assert_false(announces(s, &p, 0));
	state_free(s);
}

static void a_holder_without_a_bwsteer_leaves_announcing_to_the_next_slot(void **unused)
{
	struct picture p = plain;
	struct state *s;

	(void)unused;
	p.slots[0].holder = 3;
	p.slots[1].holder = SELF;
	p.has_bwsteer[3] = false;
	s = new_serving(&p);
	decide(s, START_US);
	assert_true(announces(s, &p, 0));
	state_free(s);
}

static void each_address_has_its_own_announcer_in_the_layout_each(void **unused)
{
	struct picture p = plain;
	struct state *s;

	(void)unused;
	p.each = true;
	s = new_serving(&p);
	decide(s, START_US);
	assert_true(announces(s, &p, 0));
	assert_false(announces(s, &p, 1));
	assert_true(local_of(s, &p, 1)->is_local); /* S3 */
	assert_false(announces(s, &p, 2));
	state_free(s);
}

static void s4_a_withdrawn_slot_is_not_announced_until_its_epoch_rises(void **unused)
{
	struct picture p = plain;
	struct state *s = new_serving(&plain);

	(void)unused;
	assert_int_equal(state_withdraw(s, 7, true), -ENOENT);
	assert_int_equal(state_withdraw(s, 0, true), 0);
	decide(s, START_US);
	assert_false(announces(s, &p, 0));
	p.slots[1].epoch = 50; /* another slot's matter */
	publish(s, &p, START_US);
	decide(s, START_US);
	assert_false(announces(s, &p, 0));
	p.slots[0].epoch = 51;
	publish(s, &p, START_US);
	decide(s, START_US);
	assert_true(announces(s, &p, 0));
	assert_int_equal(state_withdraw(s, 0, true), 0);
	assert_int_equal(state_withdraw(s, 0, false), 0); /* taken back */
	decide(s, START_US);
	assert_true(announces(s, &p, 0));
	state_free(s);
}

static void another_node_starts_with_nothing(void **unused)
{
	struct state *s = new_serving(&plain);

	(void)unused;
	decide(s, START_US);
	state_hello(s, 2, START_US);
	decide(s, START_US);
	assert_null(state_addresses(s));
	assert_false(state_lease_is_valid(s, START_US));
	state_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_leads_to_its_holder),
		cmocka_unit_test(s10_an_unresolved_next_hop_is_said_in_the_entry),
		cmocka_unit_test(s8_f3_an_entry_never_goes_back_to_a_lower_epoch),
		cmocka_unit_test(s8_the_pinned_map_bounds_the_epochs_of_the_next_life),
		cmocka_unit_test(an_entry_that_the_image_lacks_is_not_wanted),
		cmocka_unit_test(an_image_is_applied_whole_or_not_at_all),
		cmocka_unit_test(a_slot_address_is_plain_unicast),
		cmocka_unit_test(s2_entries_live_as_long_as_the_lease),
		cmocka_unit_test(s2_without_an_image_and_a_lease_nothing_is_announced),
		cmocka_unit_test(s2_a_lease_that_runs_out_resets_and_withdraws),
		cmocka_unit_test(s2_a_stopped_brokers_sockets_are_reset_again_and_again),
		cmocka_unit_test(s2_a_lost_lease_heals_by_a_new_image_and_a_renewal),
		cmocka_unit_test(s2_a_renewal_is_as_old_as_its_evidence),
		cmocka_unit_test(s2_a_late_renewal_does_not_hide_that_the_lease_ran_out),
		cmocka_unit_test(s2_without_a_program_a_closed_socket_withdraws_at_once),
		cmocka_unit_test(s12_a_closed_socket_orphans_own_slots_for_a_second),
		cmocka_unit_test(s12_a_lost_lease_orphans_own_slots),
		cmocka_unit_test(s12_a_published_image_replaces_orphans),
		cmocka_unit_test(s12_the_same_epoch_replaces_an_orphan),
		cmocka_unit_test(s12_without_a_successor_the_stack_keeps_the_slot),
		cmocka_unit_test(s12_with_no_program_the_address_goes_to_the_successor),
		cmocka_unit_test(s12_a_successor_without_bwsteer_inherits_no_address),
		cmocka_unit_test(the_holder_of_the_lowest_slot_announces_a_shared_address),
		cmocka_unit_test(a_holder_without_a_bwsteer_leaves_announcing_to_the_next_slot),
		cmocka_unit_test(each_address_has_its_own_announcer_in_the_layout_each),
		cmocka_unit_test(s4_a_withdrawn_slot_is_not_announced_until_its_epoch_rises),
		cmocka_unit_test(another_node_starts_with_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
