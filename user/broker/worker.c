/* Owns what every loop of the broker has: the image in force and those who wait for a later one. */
#include "broker/worker.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/limits.h"
#include "broker/request.h"
#include "broker/session.h"

#include <stdio.h>
#include <utlist.h>

void worker_init(struct worker *worker, struct env *env, struct broker *broker)
{
	*worker = (struct worker){.env = env, .broker = broker, .image = image_new()};
	worker->scratch = mem_alloc(SCRATCH_BYTES);
	worker->traffic.is_counted = broker->publish_metrics != NULL;
}

void worker_done(struct worker *worker)
{
	struct request *request;

	worker->is_done = true;
	while (worker->sessions)
		session_close(worker->sessions);
	while ((request = worker->free_requests)) {
		worker->free_requests = request->next;
		arena_done(&request->arena);
		wire_output_done(&request->out);
		mem_free(request);
	}
	traffic_done(&worker->traffic);
	image_unref(worker->image);
	mem_free(worker->scratch);
}

void worker_note_refusal(struct worker *worker, struct env_socket *socket, enum refusal refusal)
{
	static const char *const sentences[] = {
#define REFUSAL_SENTENCE(id, value, sentence) sentence,
		REFUSALS(REFUSAL_SENTENCE)
#undef REFUSAL_SENTENCE
	};
	uint64_t now_us = env_now_us(worker->env);
	char text[NET_ADDRESS_TEXT_BYTES], others[64] = "";
	struct net_address from;

	worker->counters.refusals[refusal]++;
	if (worker->refusal_said_us && now_us < worker->refusal_said_us + REFUSAL_LOG_MS * 1000) {
		worker->refusals_unsaid++;
		return;
	}
	if (worker->refusals_unsaid)
		snprintf(others, sizeof(others), ", and %llu others since the last line",
			 (unsigned long long)worker->refusals_unsaid);
	worker->refusals_unsaid = 0;
	worker->refusal_said_us = now_us;
	env_socket_peer(worker->env, socket, &from);
	env_log(worker->env, LOG_WARN, "closed a connection from %s: %s%s",
		net_address_format(&from, text), sentences[refusal], others);
}

static void waiter_deadline(struct env_timer *timer)
{
	struct image_waiter *waiter = container_of(timer, struct image_waiter, timer);

	DL_DELETE(waiter->worker->image_waiters, waiter);
	waiter->look(waiter, true);
}

void worker_await_image(struct worker *worker, struct image_waiter *waiter, uint64_t deadline_us)
{
	waiter->worker = worker;
	waiter->timer = (struct env_timer){.fire = waiter_deadline};
	env_timer_start(worker->env, &waiter->timer, deadline_us);
	DL_APPEND(worker->image_waiters, waiter);
}

void worker_set_image(struct worker *worker, struct image *image)
{
	struct image_waiter *asked = worker->image_waiters, *waiter;

	image_unref(worker->image);
	worker->image = image;
	worker->image_waiters = NULL;
	/* A waiter that is through may be freed, and may make others wait: the list is ours. */
	while ((waiter = asked)) {
		DL_DELETE(asked, waiter);
		env_timer_stop(worker->env, &waiter->timer);
		if (!waiter->look(waiter, false)) {
			DL_APPEND(worker->image_waiters, waiter);
			env_timer_start(worker->env, &waiter->timer, waiter->timer.deadline_us);
		}
	}
}
