/* Owns a broker's start and end; everything between belongs to its loops. */
#include "broker/broker.h"

#include "base/mem.h"
#include "broker/control.h"
#include "broker/data_folder.h"
#include "broker/recovery.h"
#include "broker/shard.h"

#include <stdio.h>

static int open_shards(struct broker *broker)
{
	int rc = 0;

	broker->shards = mem_alloc(broker->shard_count * sizeof(*broker->shards));
	for (unsigned i = 0; rc == 0 && i < broker->shard_count; i++) {
		broker->shards[i] = shard_new(broker, broker->envs[i], i);
		rc = shard_listen(broker->shards[i]);
	}
	return rc;
}

int broker_open(const struct broker_options *options, struct env **envs, unsigned env_count,
		struct broker **ret_broker)
{
	struct broker *broker = mem_alloc(sizeof(*broker));
	struct env *control_env = envs[env_count - 1];
	const struct plog_options log_options = {
		.segment_bytes = options->settings->segment_bytes,
		.index_interval_bytes = (int32_t)options->settings->index_interval_bytes,
		.producer_expiry_ms = options->settings->producer_expiry_ms,
		.flush_ack = options->settings->flush == FLUSH_ACK,
	};
	int rc;

	broker->settings = options->settings;
	broker->addresses = options->addresses;
	broker->link = options->link;
	broker->ended = options->ended;
	broker->publish_metrics = options->publish_metrics;
	broker->context = options->context;
	broker->shard_count = env_count - 1;
	broker->envs = mem_alloc(env_count * sizeof(*broker->envs));
	for (unsigned i = 0; i < env_count; i++)
		broker->envs[i] = envs[i];
	rc = data_folder_open(control_env, options->settings, options->addresses,
			      &broker->identity);
	if (rc == 0)
		rc = recovery_run(control_env, options->settings, &log_options, &broker->recovery);
	if (rc == 0)
		rc = open_shards(broker);
	if (rc == 0)
		rc = control_open(broker, control_env, &broker->control);
	if (rc < 0) {
		broker_free(broker);
		return rc;
	}
	*ret_broker = broker;
	return 0;
}

void broker_stop(struct broker *broker)
{
	control_stop(broker->control);
}

bool broker_is_healthy(const struct broker *broker, uint64_t now_us,
		       char sentence[static BROKER_HEALTH_BYTES])
{
	uint64_t until_us = broker->vouched_until_us;

	if (until_us > now_us)
		return true;
	if (until_us == 0)
		snprintf(sentence, BROKER_HEALTH_BYTES,
			 "fenced: the controller does not let this broker serve (yet)");
	else
		snprintf(sentence, BROKER_HEALTH_BYTES,
			 "no controller or voter has vouched for this broker since its lease "
			 "ended %llu ms ago",
			 (unsigned long long)(now_us - until_us) / 1000);
	return false;
}

void broker_free(struct broker *broker)
{
	if (!broker)
		return;
	/* First, because its connections owe answers to calls that shards have made. */
	control_free(broker->control);
	broker->is_over = true;
	for (unsigned i = 0; broker->shards && i < broker->shard_count; i++)
		shard_stop(broker->shards[i]);
	for (unsigned i = 0; broker->shards && i < broker->shard_count; i++)
		shard_free(broker->shards[i]);
	recovery_free(broker->recovery);
	identity_done(&broker->identity);
	mem_free(broker->shards);
	mem_free(broker->envs);
	mem_free(broker);
}
