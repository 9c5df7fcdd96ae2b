/* Owns a shard's life: listeners, adoption of connections, the tick of its replicas. */
#include "broker/shard.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/fetcher.h"
#include "broker/flow.h"
#include "broker/limits.h"
#include "broker/mirror.h"
#include "broker/session.h"
#include "broker/slot_listener.h"

#include <errno.h>
#include <string.h>

/* ---- adoption ---- */

struct adoption {
	struct env_message message;
	struct shard *shard;
	struct env_socket *socket;
	struct view view;
	size_t early_size;
	uint8_t early[];
};

static void adoption_run(struct env *here, struct env_message *message)
{
	struct adoption *adoption = (struct adoption *)message;
	struct session *session =
		session_new(&adoption->shard->worker, adoption->socket, &adoption->view);

	(void)here;
	if (adoption->early_size)
		session_feed(session, adoption->early, adoption->early_size);
	mem_free(adoption);
}

void shard_adopt(struct env *from, struct shard *shard, struct env_socket *socket,
		 const struct view *view, const void *early, size_t early_size)
{
	struct adoption *adoption = mem_alloc(sizeof(*adoption) + early_size);

	adoption->message.run = adoption_run;
	adoption->shard = shard;
	adoption->socket = socket;
	adoption->view = *view;
	adoption->early_size = early_size;
	if (early_size)
		memcpy(adoption->early, early, early_size);
	env_post(from, shard->number, &adoption->message);
}

/* ---- the plain listener and the broker's own slot view ---- */

static void accept_all(struct shard *shard, struct env_socket *listener, const struct view *view)
{
	struct broker *broker = shard->worker.broker;
	struct env_socket *socket;

	while (env_accept(shard->worker.env, listener, NULL, NULL, &socket) == 0) {
		unsigned adopter = shard->next_adopter++ % broker->shard_count;

		env_socket_detach(shard->worker.env, socket);
		shard_adopt(shard->worker.env, broker->shards[adopter], socket, view, NULL, 0);
	}
}

static void plain_ready(struct env_socket *listener, unsigned events, void *context)
{
	(void)events;
	accept_all(context, listener, &(struct view){VIEW_PLAIN, -1, -1});
}

static void slot_view_ready(struct env_socket *listener, unsigned events, void *context)
{
	(void)events;
	accept_all(context, listener, &(struct view){VIEW_SLOT, -1, -1});
}

static int listen_one(struct shard *shard, enum image_listener which, env_socket_ready *ready)
{
	const struct image_endpoint *endpoint = &shard->worker.broker->addresses->listeners[which];
	char text[NET_ADDRESS_TEXT_BYTES];
	int rc;

	if (!endpoint->host)
		return 0;
	rc = env_listen(shard->worker.env, &endpoint->address, (struct env_listen_options){0},
			ready, shard, &shard->listeners[which]);
	if (rc < 0)
		env_log(shard->worker.env, LOG_ERROR,
			"cannot listen on %s: %s; set listeners to a free address",
			net_address_format(&endpoint->address, text), strerror(-rc));
	else
		env_socket_watch(shard->worker.env, shard->listeners[which], 0);
	return rc;
}

void shard_begin_to_accept(struct shard *shard)
{
	for (int i = 0; i < IMAGE_LISTENERS; i++)
		if (shard->listeners[i])
			env_socket_watch(shard->worker.env, shard->listeners[i], ENV_READABLE);
}

int shard_listen(struct shard *shard)
{
	int rc;

	if (shard->number != 0)
		return 0;
	rc = listen_one(shard, IMAGE_PLAIN, plain_ready);
	return rc < 0 ? rc : listen_one(shard, IMAGE_SLOT, slot_view_ready);
}

/* ---- life ---- */

static void shard_tick(struct env_timer *timer)
{
	struct shard *shard = container_of(timer, struct shard, tick);
	struct hosted *hosted, *next;

	HASH_ITER(hh, shard->hosted, hosted, next)
		replica_tick(hosted->replica);
	env_timer_after(shard->worker.env, timer, REPLICA_TICK_MS * 1000);
}

struct shard *shard_new(struct broker *broker, struct env *env, unsigned number)
{
	const struct broker_settings *settings = broker->settings;
	struct shard *shard = mem_alloc(sizeof(*shard));

	worker_init(&shard->worker, env, broker);
	shard->number = number;
	shard->replica_options = (struct replica_options){
		.node_id = broker->identity.node_id,
		.flush_ack = settings->flush == FLUSH_ACK,
		.min_insync_replicas = (int32_t)settings->min_insync_replicas,
		.lag_time_max_us = (uint64_t)settings->replica_lag_time_max_ms * 1000,
	};
	shard->plog_options = (struct plog_options){
		.segment_bytes = settings->segment_bytes,
		.index_interval_bytes = (int32_t)settings->index_interval_bytes,
		.producer_expiry_ms = settings->producer_expiry_ms,
		.flush_ack = settings->flush == FLUSH_ACK,
	};
	mirror_open(shard);
	shard->tick.fire = shard_tick;
	env_timer_after(env, &shard->tick, REPLICA_TICK_MS * 1000);
	return shard;
}

int shard_close_logs(struct shard *shard)
{
	struct hosted *hosted, *next;
	int result = 0;

	HASH_ITER(hh, shard->hosted, hosted, next) {
		struct plog *log;
		int rc;

		HASH_DEL(shard->hosted, hosted);
		log = replica_free(hosted->replica);
		rc = plog_close_clean(log);
		if (result == 0)
			result = rc;
		mem_free(hosted->folder);
		mem_free(hosted);
	}
	return result;
}

void shard_stop(struct shard *shard)
{
	struct hosted *hosted, *next;

	if (!shard)
		return;
	shard_forget_coming(shard);
	slot_listeners_done(shard);
	fetchers_done(shard);
	mirror_close(shard);
	for (int i = 0; i < IMAGE_LISTENERS; i++)
		env_socket_close(shard->worker.env, shard->listeners[i]);
	HASH_ITER(hh, shard->hosted, hosted, next) {
		HASH_DEL(shard->hosted, hosted);
		plog_close(replica_free(hosted->replica));
		mem_free(hosted->folder);
		mem_free(hosted);
	}
}

void shard_free(struct shard *shard)
{
	if (!shard)
		return;
	/* What waited on replicas has been answered, and given back to the pool, by now. */
	worker_done(&shard->worker);
	flows_done(shard);
	env_timer_stop(shard->worker.env, &shard->tick);
	mem_free(shard);
}
