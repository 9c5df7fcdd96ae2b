/* Active reset as bwsteer keeps it: who gets a forged SYN, how often, how fast. Node 1 holds slot 0
 * at 10.77.0.100:9100, node 2 slot 1 at port 9101. */
#include "base/bytes.h"
#include "steer/flow_resets.h"
#include "steer/forged_syn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { START_US = 7 * 1000 * 1000 };

static struct steer_address address_of(uint8_t host, uint16_t port)
{
	return (struct steer_address){
		.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 77, [15] = host}, .port = port};
}

static struct steer_flow flow_of(uint32_t slot, uint16_t client_port)
{
	return (struct steer_flow){
		.slot_address = address_of(100, (uint16_t)(9100 + slot)),
		.client = address_of(250, client_port),
		.slot = slot,
	};
}

static void hold(struct state *s, uint32_t slot0, uint32_t slot1)
{
	static uint64_t offset = 100;
	const uint32_t holders[] = {slot0, slot1};
	struct steer_image_begin begin = {.metadata_offset = ++offset, .slots = 2, .brokers = 2};
	struct steer_image_end end = {.metadata_offset = offset};

	assert_int_equal(state_image_begin(s, &begin), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct steer_slot slot = {.slot = i, .slot_epoch = offset, .address_count = 1};
		struct steer_broker broker = {.node = i + 1, .flags = STEER_BROKER_HAS_BWSTEER};

		slot.holder = holders[i];
		slot.successor = 3 - holders[i];
		slot.addresses[0] = address_of(100, (uint16_t)(9100 + i));
		assert_int_equal(state_image_slot(s, &slot), 0);
		assert_int_equal(state_image_broker(s, &broker), 0);
	}
	assert_int_equal(state_image_end(s, &end, START_US), 0);
}

static struct state *new_state(void)
{
	struct state *s = state_new((struct state_times){1000 * 1000, 1000 * 1000});

	state_hello(s, 1, START_US);
	hold(s, 1, 2);
	return s;
}

/* Sends what is due; returns how many. */
static int send_due(struct flow_resets *r, const struct state *s, uint64_t now_us)
{
	struct steer_flow flow;
	int count = 0;

	while (flow_resets_next(r, s, now_us, &flow)) {
		flow_resets_sent(r, 0);
		count++;
	}
	return count;
}

static void a_client_gets_two_syns_600_ms_apart_and_no_third(void **unused)
{
	struct flow_resets *r = flow_resets_new();
	struct state *s = new_state();
	struct steer_flow flow = flow_of(0, 40000);
	uint64_t now = START_US;

	(void)unused;
	assert_true(flow_resets_deadline_us(r) == UINT64_MAX);
	flow_resets_add(r, s, &flow, now);
	assert_int_equal(send_due(r, s, now), 0);
	now = flow_resets_deadline_us(r);
	assert_int_equal(now - START_US, RESET_AFTER_US);
	assert_int_equal(send_due(r, s, now), 1);
	assert_int_equal(flow_resets_deadline_us(r) - now, 600 * 1000);
	assert_int_equal(send_due(r, s, now + 599 * 1000), 0);
	flow_resets_add(r, s, &flow, now + 599 * 1000); /* said again: it changes nothing */
	now += 600 * 1000;
	assert_int_equal(send_due(r, s, now), 1);
	flow_resets_add(r, s, &flow, now);
	assert_int_equal(send_due(r, s, now + RESET_REMEMBERED_US - 1), 0);
	assert_int_equal(flow_resets_stats(r)->asked, 3);
	assert_int_equal(flow_resets_stats(r)->repeated, 2);
	assert_int_equal(flow_resets_stats(r)->syns, 2);
	/* Long after, the same port may be another connection of another dead holder's. */
	flow_resets_add(r, s, &flow, now + RESET_REMEMBERED_US);
	assert_int_equal(send_due(r, s, now + RESET_REMEMBERED_US + RESET_AFTER_US), 1);
	flow_resets_free(r);
	state_free(s);
}

static void refuse(struct flow_resets *r, const struct state *s, struct steer_flow flow)
{
	uint64_t before = flow_resets_stats(r)->refused;

	flow_resets_add(r, s, &flow, START_US);
	assert_int_equal(flow_resets_stats(r)->refused, before + 1);
	assert_true(flow_resets_deadline_us(r) == UINT64_MAX);
}

static void nobody_but_clients_of_slots_that_are_held_here_gets_one(void **unused)
{
	struct flow_resets *r = flow_resets_new();
	struct state *s = new_state();
	struct steer_flow flow = flow_of(1, 40000);

	(void)unused;
	refuse(r, s, flow); /* node 2 holds it */
	flow.slot = 0;
	refuse(r, s, flow); /* not an address of that slot */
	flow = flow_of(0, 40000);
	flow.slot = 7;
	refuse(r, s, flow); /* no such slot */
	flow = flow_of(0, 40000);
	flow.slot_address.ip[15] = 1;
	refuse(r, s, flow); /* a broker's own address is not the cluster's to forge */
	flow_resets_free(r);
	state_free(s);
}

static void no_client_is_many_hosts_or_this_one(void **unused)
{
	static const uint8_t odd[] = {0, 127, 224, 255};
	struct flow_resets *r = flow_resets_new();
	struct state *s = new_state();
	struct steer_flow flow;

	(void)unused;
	for (size_t i = 0; i < sizeof(odd); i++) {
		flow = flow_of(0, 40000);
		flow.client.ip[12] = odd[i];
		refuse(r, s, flow);
	}
	flow = flow_of(0, 0);
	refuse(r, s, flow);
	flow = flow_of(0, 40000);
	memset(flow.client.ip, 0xfd, 12); /* IPv6 */
	refuse(r, s, flow);
	flow_resets_free(r);
	state_free(s);
}

static void a_slot_that_moves_on_takes_its_resets_along(void **unused)
{
	struct flow_resets *r = flow_resets_new();
	struct state *s = new_state();
	struct steer_flow flow = flow_of(0, 40000);

	(void)unused;
	flow_resets_add(r, s, &flow, START_US);
	assert_int_equal(send_due(r, s, START_US + RESET_AFTER_US), 1);
	hold(s, 2, 2);
	assert_int_equal(send_due(r, s, START_US + RESET_AFTER_US + RESET_AGAIN_US), 0);
	assert_true(flow_resets_deadline_us(r) == UINT64_MAX);
	flow_resets_free(r);
	state_free(s);
}

static void many_are_sent_at_a_steady_rate(void **unused)
{
	enum { CLIENTS = 10 * RESET_SYNS_PER_ROUND };
	struct flow_resets *r = flow_resets_new();
	struct state *s = new_state();
	uint64_t now = START_US + RESET_AFTER_US;

	(void)unused;
	for (uint16_t i = 0; i < CLIENTS; i++) {
		struct steer_flow flow = flow_of(0, (uint16_t)(20000 + i));

		flow_resets_add(r, s, &flow, START_US);
	}
	for (int round = 0; round < 10; round++) {
		assert_int_equal(send_due(r, s, now), RESET_SYNS_PER_ROUND);
		assert_int_equal(send_due(r, s, now + RESET_ROUND_US - 1), 0);
		now = flow_resets_deadline_us(r) > now ? flow_resets_deadline_us(r) : now;
	}
	assert_int_equal(flow_resets_stats(r)->syns, CLIENTS);
	assert_int_equal(now, START_US + RESET_AFTER_US + RESET_AGAIN_US);
	flow_resets_free(r);
	state_free(s);
}

static void what_does_not_fit_is_counted_and_left_out(void **unused)
{
	struct flow_resets *r = flow_resets_new();
	struct state *s = new_state();

	(void)unused;
	for (uint32_t i = 0; i < RESET_FLOWS_MOST + 5; i++) {
		struct steer_flow flow = flow_of(0, (uint16_t)(1 + i));

		flow.client.ip[14] = (uint8_t)(i >> 16);
		flow_resets_add(r, s, &flow, START_US);
	}
	assert_int_equal(flow_resets_stats(r)->left_out, 5);
	flow_resets_free(r);
	state_free(s);
}

/* Internet checksum over the pseudo header and the segment, as a receiver does it. */
static void the_packet_is_a_syn_with_a_right_checksum(void **unused)
{
	struct steer_flow flow = flow_of(0, 40000);
	uint8_t packet[FORGED_SYN_BYTES];
	uint32_t sum = 6 + 20;

	(void)unused;
	forged_syn_packet(&flow, packet);
	for (size_t i = 12; i < sizeof(packet); i += 2)
		sum += bytes_load_u16(packet + i);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	assert_memory_equal(packet + 12, ((uint8_t[]){10, 77, 0, 100, 10, 77, 0, 250}), 8);
	assert_int_equal(bytes_load_u16(packet + 20), 9100);
	assert_int_equal(bytes_load_u16(packet + 22), 40000);
	assert_int_equal(packet[33], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_gets_two_syns_600_ms_apart_and_no_third),
		cmocka_unit_test(nobody_but_clients_of_slots_that_are_held_here_gets_one),
		cmocka_unit_test(no_client_is_many_hosts_or_this_one),
		cmocka_unit_test(a_slot_that_moves_on_takes_its_resets_along),
		cmocka_unit_test(many_are_sent_at_a_steady_rate),
		cmocka_unit_test(what_does_not_fit_is_counted_and_left_out),
		cmocka_unit_test(the_packet_is_a_syn_with_a_right_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
