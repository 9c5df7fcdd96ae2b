/* The simulated world keeps what struct env and TCP promise, and repeats itself from its seed. */
#include "sim/sim_world.h"

#include "base/buffer.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_TALKERS = 16 };

/* One end of a conversation, or a listener. */
struct talker {
	struct env *env;
	struct env_socket *socket;
	struct buffer in;
	size_t to_send, sent; /* of the pattern */
	bool connected, eof, was_full, reads;
	int error;
};

struct host {
	struct stage *stage;
	struct sim_process *process;
	struct env_socket *listener;
	unsigned accepted;
};

struct stage {
	struct sim_world *world;
	struct host a, b, client;
	struct talker accepted[MOST_TALKERS];
	unsigned accepted_count;
	struct talker dialled[MOST_TALKERS];
	unsigned dialled_count;
};

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

static void send_more(struct talker *t)
{
	uint8_t bytes[5000];

	while (t->sent < t->to_send) {
		size_t size =
			t->to_send - t->sent < sizeof(bytes) ? t->to_send - t->sent : sizeof(bytes);
		struct iovec piece = {bytes, size};
		ssize_t sent;

		for (size_t i = 0; i < size; i++)
			bytes[i] = pattern(t->sent + i);
		sent = env_socket_send(t->env, t->socket, &piece, 1);
		if (sent == -EAGAIN)
			t->was_full = true;
		else if (sent < 0)
			t->error = (int)sent;
		if (sent < 0)
			break;
		t->sent += (size_t)sent;
	}
	env_socket_watch(t->env, t->socket,
			 (t->reads ? ENV_READABLE : 0u) |
				 (t->sent < t->to_send && !t->error ? ENV_WRITABLE : 0u));
}

static void talker_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct talker *t = context;
	ssize_t got = 0;

	if (events & ENV_WRITABLE) {
		int error = env_socket_error(t->env, socket);

		if (error == 0)
			t->connected = true;
		else
			t->error = error;
		send_more(t);
	}
	while (events & ENV_READABLE) {
		got = env_socket_receive(t->env, socket, buffer_reserve(&t->in, 3000), 3000);
		if (got <= 0)
			break;
		t->in.size += (size_t)got;
	}
	t->eof |= (events & ENV_READABLE) && got == 0;
	if (got < 0 && got != -EAGAIN && !t->error)
		t->error = (int)got;
	if (t->eof || t->error)
		env_socket_watch(t->env, socket, 0);
}

static void listener_ready(struct env_socket *listener, unsigned events, void *context)
{
	struct host *host = context;
	struct stage *s = host->stage;
	struct talker *t = &s->accepted[s->accepted_count];

	(void)events;
	assert_true(s->accepted_count < MOST_TALKERS);
	t->env = sim_process_env(host->process, 0);
	assert_int_equal(env_accept(t->env, listener, talker_ready, t, &t->socket), 0);
	t->reads = true;
	env_socket_watch(t->env, t->socket, ENV_READABLE);
	s->accepted_count++;
	host->accepted++;
}

/* ---- the stage: two servers and a client ---- */

static int nothing(struct sim_process *process, void *context)
{
	(void)process;
	(void)context;
	return 0;
}

static const struct sim_program program = {.loops = 2, .start = nothing};

static struct net_address address_of(const char *text)
{
	struct net_address address;

	assert_int_equal(net_address_parse(text, &address), 0);
	return address;
}

static int listen_on(struct host *host, const char *text, bool any_address)
{
	struct net_address address = address_of(text);
	struct env_listen_options options = {.any_address = any_address};

	return env_listen(sim_process_env(host->process, 0), &address, options, listener_ready,
			  host, &host->listener);
}

static void host_new(struct stage *s, struct host *host, const char *name, const char *address)
{
	host->stage = s;
	host->process = sim_process_new(s->world, name, &address, 1);
	assert_int_equal(sim_process_start(host->process, &program), 0);
}

static struct stage *stage_new(uint64_t seed)
{
	struct stage *s = mem_alloc(sizeof(*s));

	s->world = sim_world_new(&(struct sim_world_options){.seed = seed});
	host_new(s, &s->a, "a", "10.0.0.1");
	host_new(s, &s->b, "b", "10.0.0.2");
	host_new(s, &s->client, "client", "10.0.0.9");
	assert_int_equal(listen_on(&s->a, "10.0.0.1:9000", false), 0);
	return s;
}

static void stage_free(struct stage *s)
{
	sim_world_free(s->world);
	for (unsigned i = 0; i < MOST_TALKERS; i++) {
		buffer_done(&s->accepted[i].in);
		buffer_done(&s->dialled[i].in);
	}
	mem_free(s);
}

static struct talker *dial(struct stage *s, const char *text, size_t to_send)
{
	struct talker *t = &s->dialled[s->dialled_count++];
	struct net_address address = address_of(text);

	t->env = sim_process_env(s->client.process, 0);
	t->to_send = to_send;
	t->reads = true;
	assert_int_equal(env_connect(t->env, &address, talker_ready, t, &t->socket), 0);
	return t;
}

static void assert_pattern(const struct buffer *bytes, size_t size)
{
	assert_int_equal(bytes->size, size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(bytes->data[i], pattern(i));
}

static void run_ms(struct stage *s, uint64_t duration_ms)
{
	sim_world_run_for(s->world, duration_ms * 1000);
}

/* ---- determinism ---- */

static uint64_t hash_of_a_talk(uint64_t seed)
{
	struct stage *s = stage_new(seed);
	uint64_t hash;

	for (int i = 0; i < 4; i++)
		dial(s, "10.0.0.1:9000", 100000);
	run_ms(s, 100);
	sim_process_kill(s->a.process);
	run_ms(s, 100);
	hash = sim_world_hash(s->world);
	stage_free(s);
	return hash;
}

static void the_same_seed_gives_the_same_trace(void **state)
{
	uint64_t hash = hash_of_a_talk(7);

	(void)state;
	assert_true(hash == hash_of_a_talk(7));
	assert_true(hash != hash_of_a_talk(8));
}

/* ---- streams ---- */

static void bytes_arrive_whole_in_order_and_with_back_pressure(void **state)
{
	struct stage *s = stage_new(1);
	struct talker *t = dial(s, "10.0.0.1:9000", 3000000);

	(void)state;
	run_ms(s, 2000);
	assert_int_equal(s->accepted_count, 1);
	assert_pattern(&s->accepted[0].in, 3000000);
	assert_true(t->was_full);
	assert_int_equal(env_socket_unsent(t->env, t->socket), 0);
	stage_free(s);
}

static void a_reader_that_rests_stops_the_sender(void **state)
{
	struct stage *s = stage_new(2);
	struct talker *t = dial(s, "10.0.0.1:9000", 3000000);
	struct talker *reader = &s->accepted[0];

	(void)state;
	while (s->accepted_count == 0)
		sim_world_step(s->world);
	env_socket_watch(reader->env, reader->socket, 0);
	run_ms(s, 1000);
	assert_true(t->sent < 1000000 && env_socket_unsent(t->env, t->socket) > 0);
	env_socket_watch(reader->env, reader->socket, ENV_READABLE);
	run_ms(s, 1000);
	assert_pattern(&reader->in, 3000000);
	stage_free(s);
}

static void a_close_ends_the_stream_after_its_last_byte(void **state)
{
	struct stage *s = stage_new(3);
	struct talker *t = dial(s, "10.0.0.1:9000", 20000);

	(void)state;
	while (t->sent < t->to_send)
		sim_world_step(s->world);
	env_socket_close(t->env, t->socket);
	run_ms(s, 1000);
	assert_pattern(&s->accepted[0].in, 20000);
	assert_true(s->accepted[0].eof);
	assert_int_equal(s->accepted[0].error, 0);
	stage_free(s);
}

static void a_close_over_unread_bytes_is_a_reset(void **state)
{
	struct stage *s = stage_new(4);
	struct talker *t = dial(s, "10.0.0.1:9000", 1000);

	(void)state;
	while (s->accepted_count == 0)
		sim_world_step(s->world);
	env_socket_watch(s->accepted[0].env, s->accepted[0].socket, 0);
	run_ms(s, 100);
	env_socket_close(s->accepted[0].env, s->accepted[0].socket);
	run_ms(s, 100);
	assert_int_equal(t->error, -ECONNRESET);
	stage_free(s);
}

static void sending_to_a_closed_end_is_answered_by_a_reset(void **state)
{
	struct stage *s = stage_new(5);
	struct talker *t = dial(s, "10.0.0.1:9000", 0);

	(void)state;
	run_ms(s, 100);
	env_socket_close(s->accepted[0].env, s->accepted[0].socket);
	run_ms(s, 100);
	assert_true(t->eof);
	t->to_send = 10;
	send_more(t);
	run_ms(s, 100);
	assert_int_equal(env_socket_error(t->env, t->socket), -ECONNRESET);
	stage_free(s);
}

static void an_explicit_reset_is_heard(void **state)
{
	struct stage *s = stage_new(6);
	struct talker *t = dial(s, "10.0.0.1:9000", 0);

	(void)state;
	run_ms(s, 100);
	env_socket_reset(s->accepted[0].env, s->accepted[0].socket);
	run_ms(s, 100);
	assert_int_equal(t->error, -ECONNRESET);
	stage_free(s);
}

/* ---- who answers ---- */

static void nobody_listens_means_refused_at_once(void **state)
{
	struct stage *s = stage_new(10);
	struct talker *t = dial(s, "10.0.0.2:9000", 0);

	(void)state;
	run_ms(s, 10);
	assert_int_equal(t->error, -ECONNREFUSED);
	stage_free(s);
}

static void a_dead_host_does_not_answer(void **state)
{
	struct stage *s = stage_new(11);
	struct talker *t;

	(void)state;
	sim_process_power_cut(s->a.process);
	t = dial(s, "10.0.0.1:9000", 0);
	run_ms(s, 10000);
	assert_int_equal(t->error, 0);
	assert_false(t->connected);
	assert_int_equal(env_socket_error(t->env, t->socket), -EINPROGRESS);
	run_ms(s, 200000);
	assert_int_equal(t->error, -ETIMEDOUT);
	stage_free(s);
}

static void a_killed_process_ends_its_connections_and_refuses(void **state)
{
	struct stage *s = stage_new(12);
	struct talker *t = dial(s, "10.0.0.1:9000", 1000), *late;

	(void)state;
	run_ms(s, 100);
	sim_process_kill(s->a.process);
	run_ms(s, 10);
	assert_true(t->eof || t->error == -ECONNRESET);
	late = dial(s, "10.0.0.1:9000", 0);
	run_ms(s, 10);
	assert_int_equal(late->error, -ECONNREFUSED);
	stage_free(s);
}

static void a_power_cut_is_silent_until_the_host_is_back(void **state)
{
	struct stage *s = stage_new(13);
	struct talker *t = dial(s, "10.0.0.1:9000", 1000);

	(void)state;
	run_ms(s, 100);
	sim_process_power_cut(s->a.process);
	t->to_send += 1000;
	send_more(t);
	run_ms(s, 5000);
	assert_false(t->eof);
	assert_int_equal(t->error, 0);
	assert_int_equal(sim_process_start(s->a.process, &program), 0);
	run_ms(s, 10000);
	assert_int_equal(t->error, -ECONNRESET);
	stage_free(s);
}

static void a_paused_process_still_accepts_in_its_kernel(void **state)
{
	struct stage *s = stage_new(14);
	struct talker *t;

	(void)state;
	sim_process_pause(s->a.process);
	t = dial(s, "10.0.0.1:9000", 1000);
	run_ms(s, 1000);
	assert_true(t->connected);
	assert_int_equal(env_socket_unsent(t->env, t->socket), 0);
	assert_int_equal(s->accepted_count, 0);
	sim_process_resume(s->a.process);
	run_ms(s, 10);
	assert_pattern(&s->accepted[0].in, 1000);
	stage_free(s);
}

static void a_foreign_address_needs_any_address(void **state)
{
	struct stage *s = stage_new(15);

	(void)state;
	assert_int_equal(listen_on(&s->b, "10.0.0.100:9100", false), -EADDRNOTAVAIL);
	assert_int_equal(listen_on(&s->b, "10.0.0.100:9100", true), 0);
	assert_int_equal(listen_on(&s->b, "10.0.0.100:9100", true), -EADDRINUSE);
	stage_free(s);
}

static void f9_an_unsteered_address_leads_anywhere_a_steered_one_to_its_holder(void **state)
{
	struct stage *s = stage_new(16);
	struct net_address slot = address_of("10.0.0.100:9100");

	(void)state;
	assert_int_equal(listen_on(&s->a, "10.0.0.100:9100", true), 0);
	assert_int_equal(listen_on(&s->b, "10.0.0.100:9100", true), 0);
	for (int i = 0; i < 10; i++)
		dial(s, "10.0.0.100:9100", 0);
	run_ms(s, 100);
	assert_true(s->a.accepted > 0 && s->b.accepted > 0);
	s->a.accepted = s->b.accepted = 0;
	sim_world_set_holder(s->world, &slot, s->b.process);
	for (int i = 0; i < 5; i++)
		dial(s, "10.0.0.100:9100", 0);
	run_ms(s, 100);
	assert_int_equal(s->a.accepted, 0);
	assert_int_equal(s->b.accepted, 5);
	stage_free(s);
}

/* ---- links ---- */

static void a_cut_link_hangs_and_a_mended_one_goes_on(void **state)
{
	struct stage *s = stage_new(20);
	struct talker *t = dial(s, "10.0.0.1:9000", 1000);

	(void)state;
	run_ms(s, 100);
	sim_net_cut(s->world, s->client.process, s->a.process);
	t->to_send += 1000;
	send_more(t);
	run_ms(s, 5000);
	assert_int_equal(s->accepted[0].in.size, 1000);
	assert_int_equal(t->error, 0);
	sim_net_mend(s->world, s->client.process, s->a.process);
	run_ms(s, 10000);
	assert_pattern(&s->accepted[0].in, 2000);
	stage_free(s);
}

static void a_one_way_cut_loses_acknowledgements_only(void **state)
{
	struct stage *s = stage_new(21);
	struct talker *t = dial(s, "10.0.0.1:9000", 1000);

	(void)state;
	run_ms(s, 100);
	sim_net_cut(s->world, s->a.process, s->client.process);
	t->to_send += 1000;
	send_more(t);
	run_ms(s, 5000);
	assert_pattern(&s->accepted[0].in, 2000);
	assert_int_equal(env_socket_unsent(t->env, t->socket), 1000);
	sim_net_mend_all(s->world);
	run_ms(s, 10000);
	assert_int_equal(env_socket_unsent(t->env, t->socket), 0);
	stage_free(s);
}

static void a_cut_that_never_ends_is_a_timeout(void **state)
{
	struct stage *s = stage_new(22);
	struct talker *t = dial(s, "10.0.0.1:9000", 1000);

	(void)state;
	run_ms(s, 100);
	sim_net_cut(s->world, s->client.process, s->a.process);
	t->to_send += 1000;
	send_more(t);
	run_ms(s, 200000);
	assert_int_equal(t->error, -ETIMEDOUT);
	assert_int_equal(s->accepted[0].error, 0); /* who sends nothing notices nothing */
	stage_free(s);
}

static void dropped_connections_are_reset_on_both_sides(void **state)
{
	struct stage *s = stage_new(23);
	struct talker *t = dial(s, "10.0.0.1:9000", 1000);

	(void)state;
	run_ms(s, 100);
	sim_net_drop_connections(s->world, s->a.process, 1);
	run_ms(s, 10);
	assert_int_equal(t->error, -ECONNRESET);
	assert_int_equal(s->accepted[0].error, -ECONNRESET);
	stage_free(s);
}

/* ---- loops ---- */

struct note {
	struct env_message message;
	struct env_timer timer;
	struct env *env;
	struct stage *stage;
	unsigned number;
	unsigned *next; /* what must come now */
};

static void note_runs(struct env *here, struct env_message *message)
{
	struct note *note = (struct note *)message;

	(void)here;
	assert_int_equal(note->number, (*note->next)++);
}

static void posts_keep_their_order(void **state)
{
	struct stage *s = stage_new(30);
	struct note notes[50];
	unsigned next = 0;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		notes[i] = (struct note){.message.run = note_runs, .number = i, .next = &next};
		env_post(sim_process_env(s->a.process, 0), 1, &notes[i].message);
		if (i % 7 == 0)
			sim_world_step(s->world);
	}
	run_ms(s, 10);
	assert_int_equal(next, 50);
	stage_free(s);
}

static void timer_fires(struct env_timer *timer)
{
	struct note *note = (struct note *)((char *)timer - offsetof(struct note, timer));

	assert_true(env_now_us(note->env) >= timer->deadline_us);
	assert_int_equal(note->number, (*note->next)++);
}

static void timers_fire_in_time_and_not_while_paused(void **state)
{
	struct stage *s = stage_new(31);
	struct env *env = sim_process_env(s->a.process, 1);
	unsigned next = 0;
	struct note notes[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		notes[i] = (struct note){
			.timer.fire = timer_fires, .env = env, .number = i, .next = &next};
	env_timer_after(env, &notes[2].timer, 30000);
	env_timer_after(env, &notes[0].timer, 10000);
	env_timer_after(env, &notes[3].timer, 25000);
	env_timer_after(env, &notes[1].timer, 20000);
	env_timer_stop(env, &notes[3].timer);
	run_ms(s, 21);
	assert_int_equal(next, 2);
	sim_process_pause(s->a.process);
	run_ms(s, 100);
	assert_int_equal(next, 2);
	sim_process_resume(s->a.process);
	run_ms(s, 1);
	assert_int_equal(next, 3);
	stage_free(s);
}

static void clocks_of_two_hosts_are_not_comparable_but_run_alike(void **state)
{
	struct stage *s = stage_new(32);
	struct env *a = sim_process_env(s->a.process, 0), *b = sim_process_env(s->b.process, 0);
	uint64_t a_us = env_now_us(a), b_us = env_now_us(b);

	(void)state;
	assert_true(a_us != b_us);
	run_ms(s, 50);
	assert_int_equal(env_now_us(a) - a_us, 50000);
	assert_int_equal(env_now_us(b) - b_us, 50000);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_seed_gives_the_same_trace),
		cmocka_unit_test(bytes_arrive_whole_in_order_and_with_back_pressure),
		cmocka_unit_test(a_reader_that_rests_stops_the_sender),
		cmocka_unit_test(a_close_ends_the_stream_after_its_last_byte),
		cmocka_unit_test(a_close_over_unread_bytes_is_a_reset),
		cmocka_unit_test(sending_to_a_closed_end_is_answered_by_a_reset),
		cmocka_unit_test(an_explicit_reset_is_heard),
		cmocka_unit_test(nobody_listens_means_refused_at_once),
		cmocka_unit_test(a_dead_host_does_not_answer),
		cmocka_unit_test(a_killed_process_ends_its_connections_and_refuses),
		cmocka_unit_test(a_power_cut_is_silent_until_the_host_is_back),
		cmocka_unit_test(a_paused_process_still_accepts_in_its_kernel),
		cmocka_unit_test(a_foreign_address_needs_any_address),
		cmocka_unit_test(
			f9_an_unsteered_address_leads_anywhere_a_steered_one_to_its_holder),
		cmocka_unit_test(a_cut_link_hangs_and_a_mended_one_goes_on),
		cmocka_unit_test(a_one_way_cut_loses_acknowledgements_only),
		cmocka_unit_test(a_cut_that_never_ends_is_a_timeout),
		cmocka_unit_test(dropped_connections_are_reset_on_both_sides),
		cmocka_unit_test(posts_keep_their_order),
		cmocka_unit_test(timers_fire_in_time_and_not_while_paused),
		cmocka_unit_test(clocks_of_two_hosts_are_not_comparable_but_run_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
