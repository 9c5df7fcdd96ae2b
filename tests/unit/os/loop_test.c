/* One loop's rounds and what passes between loops: timers, messages, stopping, signals, lines. */
#include "os_test.h"

#include <signal.h>
#include <unistd.h>

/* ---- timers ---- */

enum { TIMERS = 50 };

struct timed {
	struct env_timer timer;
	struct fired *all;
	unsigned number;
};

struct fired {
	struct env *env;
	struct timed timers[TIMERS];
	unsigned order[TIMERS];
	unsigned count;
	bool early;
};

static void note_fired(struct env_timer *timer)
{
	struct timed *timed = OS_CONTAINER(timer, struct timed, timer);
	struct fired *all = timed->all;

	all->early |= env_now_us(all->env) < timer->deadline_us;
	all->order[all->count++] = timed->number;
}

static void timers_fire_in_order_and_not_early(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct fired all = {.env = os_process_env(process, 0)};
	uint64_t now_us = env_now_us(all.env);

	(void)state;
	for (unsigned i = 0; i < TIMERS; i++) {
		all.timers[i] = (struct timed){{.fire = note_fired}, &all, i};
		/* 7 and TIMERS share no divisor: every place is taken once */
		env_timer_start(all.env, &all.timers[i].timer,
				now_us + 1000 + i * 7 % TIMERS * 200);
	}
	env_timer_stop(all.env, &all.timers[3].timer);
	TURN_UNTIL(process, all.count == TIMERS - 1);
	assert_false(all.early);
	for (unsigned i = 1; i < all.count; i++)
		assert_true(all.order[i - 1] * 7 % TIMERS < all.order[i] * 7 % TIMERS);
	os_process_free(process);
}

struct restarting {
	struct env_timer timer;
	struct env *env;
	unsigned count;
};

static void restart(struct env_timer *timer)
{
	struct restarting *restarting = OS_CONTAINER(timer, struct restarting, timer);

	if (++restarting->count < 1000)
		env_timer_start(restarting->env, timer, 0);
}

static void a_timer_that_restarts_itself_fires_once_a_round(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct restarting r = {{.fire = restart}, os_process_env(process, 0), 0};

	(void)state;
	env_timer_start(r.env, &r.timer, 0);
	for (unsigned i = 1; i <= 5; i++) {
		os_process_turn(process, 0);
		/* A round within the same microsecond may find it not due yet. */
		assert_in_range(r.count, 1, i);
	}
	env_timer_stop(r.env, &r.timer);
	os_process_free(process);
}

/* ---- messages to oneself ---- */

struct echo {
	struct env_message message;
	unsigned count;
};

static void post_again(struct env *here, struct env_message *message)
{
	OS_CONTAINER(message, struct echo, message)->count++;
	env_post(here, here->shard, message);
}

static void a_message_that_posts_itself_runs_once_a_round(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct env *env = os_process_env(process, 0);
	struct echo echo = {{.run = post_again}, 0};

	(void)state;
	env_post(env, 0, &echo.message);
	for (unsigned i = 1; i <= 5; i++) {
		os_process_turn(process, PATIENCE_US); /* and the round does not wait */
		assert_int_equal(echo.count, i);
	}
	os_process_free(process);
}

/* ---- messages between loops ---- */

enum { MESSAGES = 100000, SENDERS = 3 };

struct numbered {
	struct env_message message;
	struct sender *sender;
	unsigned number;
};

struct sender {
	struct env_message more; /* to itself: send some more */
	struct exchange *exchange;
	struct numbered *messages;
	unsigned sent;
	unsigned expected; /* the control loop's: the number that comes next */
};

struct exchange {
	struct os_process *process;
	struct sender senders[SENDERS];
	bool disorder;
	struct env_timer give_up;
};

static void give_up(struct env_timer *timer)
{
	os_process_stop(OS_CONTAINER(timer, struct exchange, give_up)->process);
}

static void arrive(struct env *here, struct env_message *message)
{
	struct numbered *numbered = OS_CONTAINER(message, struct numbered, message);
	struct exchange *exchange = numbered->sender->exchange;
	unsigned complete = 0;

	exchange->disorder |= here->shard != SENDERS;
	exchange->disorder |= numbered->sender->expected++ != numbered->number;
	for (unsigned i = 0; i < SENDERS; i++)
		complete += exchange->senders[i].expected == MESSAGES;
	if (complete == SENDERS)
		os_process_stop(exchange->process);
}

/* Many rounds, so that the receiver falls asleep and is woken often. */
static void send_some(struct env *here, struct env_message *message)
{
	struct sender *sender = OS_CONTAINER(message, struct sender, more);

	for (unsigned i = 0; i < 100; i++)
		env_post(here, SENDERS, &sender->messages[sender->sent++].message);
	if (sender->sent < MESSAGES)
		env_post(here, here->shard, message);
}

static void start_sending(struct env *env, void *context)
{
	struct exchange *exchange = context;

	if (env->shard == SENDERS)
		env_timer_after(env, &exchange->give_up, PATIENCE_US);
	else
		env_post(env, env->shard, &exchange->senders[env->shard].more);
}

static void posts_between_loops_all_arrive_in_the_order_of_each_sender(void **state)
{
	struct exchange exchange = {.give_up.fire = give_up};
	struct os_options options = {0};

	(void)state;
	assert_int_equal(os_process_new(&options, SENDERS + 1, &exchange.process), 0);
	for (unsigned s = 0; s < SENDERS; s++) {
		struct sender *sender = &exchange.senders[s];

		sender->more.run = send_some;
		sender->exchange = &exchange;
		sender->messages = calloc(MESSAGES, sizeof(*sender->messages));
		for (unsigned i = 0; i < MESSAGES; i++)
			sender->messages[i] = (struct numbered){{.run = arrive}, sender, i};
	}
	assert_int_equal(os_process_run(exchange.process, start_sending, &exchange), 0);
	assert_false(exchange.disorder);
	for (unsigned s = 0; s < SENDERS; s++) {
		assert_int_equal(exchange.senders[s].expected, MESSAGES);
		free(exchange.senders[s].messages);
	}
	os_process_free(exchange.process);
}

/* One message goes back and forth, so that both sides sleep each time: a lost wake-up hangs. */
enum { VOLLEYS = 20000 };

struct ball {
	struct env_message message;
	struct os_process *process;
	unsigned volleys;
	struct env_timer give_up;
};

static void hit(struct env *here, struct env_message *message)
{
	struct ball *ball = OS_CONTAINER(message, struct ball, message);

	if (++ball->volleys == VOLLEYS)
		os_process_stop(ball->process);
	else
		env_post(here, 1 - here->shard, message);
}

static void ball_lost(struct env_timer *timer)
{
	os_process_stop(OS_CONTAINER(timer, struct ball, give_up)->process);
}

static void serve(struct env *env, void *context)
{
	struct ball *ball = context;

	if (env->shard == 0)
		return;
	env_timer_after(env, &ball->give_up, PATIENCE_US);
	env_post(env, 0, &ball->message);
}

static void a_sleeping_loop_is_woken_by_every_post(void **state)
{
	struct ball ball = {.message.run = hit, .give_up.fire = ball_lost};
	struct os_options options = {0};

	(void)state;
	assert_int_equal(os_process_new(&options, 2, &ball.process), 0);
	assert_int_equal(os_process_run(ball.process, serve, &ball), 0);
	assert_int_equal(ball.volleys, VOLLEYS);
	os_process_free(ball.process);
}

/* ---- signals, clocks, lines ---- */

static void note_signal(struct os_process *process, int signal_number, void *context)
{
	*(int *)context = signal_number;
	os_process_stop(process);
}

static void raise_sigterm(struct env *env, void *context)
{
	(void)context;
	if (env->shard == 0)
		kill(getpid(), SIGTERM);
}

static void sigterm_reaches_the_control_loop(void **state)
{
	int came = 0;
	struct os_options options = {.signalled = note_signal, .context = &came};
	struct os_process *process;

	(void)state;
	assert_int_equal(os_process_new(&options, 3, &process), 0);
	assert_int_equal(os_process_run(process, raise_sigterm, NULL), 0);
	assert_int_equal(came, SIGTERM);
	os_process_free(process);
}

static void the_clock_is_the_boot_clock(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct env *env = os_process_env(process, 0);
	struct timespec boot;
	uint64_t before_us = env_now_us(env), after_us, boot_us;
	uint8_t random[2][16];

	(void)state;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	after_us = env_now_us(env);
	boot_us = (uint64_t)boot.tv_sec * 1000000 + (uint64_t)boot.tv_nsec / 1000;
	assert_in_range(boot_us, before_us, after_us);
	env_random_bytes(env, random[0], sizeof(random[0]));
	env_random_bytes(env, random[1], sizeof(random[1]));
	assert_memory_not_equal(random[0], random[1], sizeof(random[0]));
	os_process_free(process);
}

static void a_log_line_is_one_line_with_time_and_level(void **state)
{
	char text[256] = {0};
	struct os_log log;
	int ends[2], year, ms;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	os_log_init(&log, ends[1], LOG_INFO);
	log_line(&log.log, LOG_DEBUG, "not this");
	log_line(&log.log, LOG_WARN, "a\nforged %s", "line");
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_int_equal(sscanf(text, "%d-%*d-%*dT%*d:%*d:%*d.%3dZ", &year, &ms), 2);
	assert_true(year >= 2024);
	assert_string_equal(text + strlen("2026-01-31T23:59:59.123Z"), " warn a?forged line\n");
	close(ends[0]);
	close(ends[1]);
}

/* ---- tasks ---- */

struct noting_task {
	struct env_task task;
	pthread_t ran_on, answered_on;
	int number, *last; /* the number of the one that ran before */
	bool in_order, is_done;
	int drops;
};

static void task_noted(struct env *env, struct env_task *task)
{
	struct noting_task *t = OS_CONTAINER(task, struct noting_task, task);

	(void)env;
	t->ran_on = pthread_self();
	t->in_order = *t->last == t->number - 1;
	*t->last = t->number;
}

static void task_is_done(struct env_task *task)
{
	struct noting_task *t = OS_CONTAINER(task, struct noting_task, task);

	t->answered_on = pthread_self();
	t->is_done = true;
}

static void task_is_dropped(struct env *env, struct env_task *task)
{
	(void)env;
	OS_CONTAINER(task, struct noting_task, task)->drops++;
}

/* Some have run by then, and some perhaps not: nobody is answered any more. */
static void tasks_are_dropped_once_when_the_process_ends(void **state)
{
	enum { TASKS = 50 };
	struct os_process *process = process_of((struct os_options){0});
	struct noting_task tasks[TASKS];
	int last = 0;

	(void)state;
	for (int i = 0; i < TASKS; i++) {
		tasks[i] = (struct noting_task){
			.task = {.run = task_noted,
				 .done = task_is_done,
				 .dropped = task_is_dropped},
			.number = i + 1,
			.last = &last,
		};
		env_task(os_process_env(process, 0), &tasks[i].task);
	}
	TURN_UNTIL(process, tasks[0].is_done);
	os_process_free(process);
	for (int i = 0; i < TASKS; i++)
		assert_int_equal(tasks[i].drops, tasks[i].is_done ? 0 : 1);
}

static void tasks_run_on_a_helper_in_the_order_of_asking(void **state)
{
	enum { TASKS = 50 };
	struct os_process *process = process_of((struct os_options){0});
	struct noting_task tasks[TASKS];
	int last = 0;

	(void)state;
	for (int i = 0; i < TASKS; i++) {
		tasks[i] = (struct noting_task){.task = {.run = task_noted, .done = task_is_done},
						.number = i + 1,
						.last = &last};
		env_task(os_process_env(process, 0), &tasks[i].task);
		assert_false(tasks[i].is_done); /* never from within */
	}
	TURN_UNTIL(process, tasks[TASKS - 1].is_done);
	for (int i = 0; i < TASKS; i++) {
		assert_true(tasks[i].is_done && tasks[i].in_order);
		assert_true(pthread_equal(tasks[i].answered_on, pthread_self()));
		assert_false(pthread_equal(tasks[i].ran_on, pthread_self()));
	}
	os_process_free(process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_and_not_early),
		cmocka_unit_test(a_timer_that_restarts_itself_fires_once_a_round),
		cmocka_unit_test(a_message_that_posts_itself_runs_once_a_round),
		cmocka_unit_test(posts_between_loops_all_arrive_in_the_order_of_each_sender),
		cmocka_unit_test(a_sleeping_loop_is_woken_by_every_post),
		cmocka_unit_test(sigterm_reaches_the_control_loop),
		cmocka_unit_test(the_clock_is_the_boot_clock),
		cmocka_unit_test(a_log_line_is_one_line_with_time_and_level),
		cmocka_unit_test(tasks_run_on_a_helper_in_the_order_of_asking),
		cmocka_unit_test(tasks_are_dropped_once_when_the_process_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
