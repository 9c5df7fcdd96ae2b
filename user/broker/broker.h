/* One broker: its shards, its control thread and what they share read-only. */
#pragma once

#include "base/env.h"
#include "broker/settings.h"

struct broker;
struct buffer;
struct fastpath_link;
struct shard;
struct control;

/* What a broker is, from its data folder: meta.properties (data_folder.h). */
struct identity {
	char cluster_id[UUID_TEXT_BYTES +
			41]; /* ours are 22 characters; others are taken as given */
	struct uuid directory_id;
	struct uuid incarnation; /* of this start */
	int32_t node_id;
	struct voter_address voters[QUORUM_MOST_VOTERS];
	int32_t voter_count;
	uint8_t secret[32];
	bool has_secret;
};

/* What the last run left behind (R38, R45). */
struct recovery;

struct broker {
	const struct broker_settings *settings;
	const struct broker_addresses *addresses;
	struct identity identity;
	struct recovery *recovery;
	struct env **envs; /* shards first, control last */
	unsigned shard_count;
	bool is_over;          /* its loops have ended: messages would not arrive any more */
	struct shard **shards; /* each touched by its own loop only, but for its address */
	struct control *control;
	/* Until then the controller, or a voter in its place, vouches for this broker (S2): it has
	 * not been fenced. Written by the control thread, read by shards. */
	_Atomic uint64_t vouched_until_us;
	/* The controller has said that this broker is unfenced, asked at that time. */
	_Atomic uint64_t confirmed_us;
	const struct fastpath_link *link; /* to bwsteer, or NULL */
	/* The process is to end: called on the control loop; exit_status 0 after a clean shutdown.
	 */
	void (*ended)(void *context, int exit_status);
	/* Once a second, on the control loop: the metrics as text (base/exposition.h), which are
	 * taken over (buffer_done()). NULL: nobody wants them, and nothing is collected. */
	void (*publish_metrics)(void *context, struct buffer *text);
	void *context;
};

struct broker_options {
	const struct broker_settings *settings;
	const struct broker_addresses *addresses;
	const struct fastpath_link *link; /* NULL: no kernel path */
	void (*ended)(void *context, int exit_status);
	void (*publish_metrics)(void *context, struct buffer *text); /* NULL: nobody wants them */
	void *context;
};

/* Opens the data folder (formatting it when nothing at all is configured), recovers the logs and
 * the metadata log and makes the listeners. Before the loops run; WAITS. Returns 0, or -errno after
 * an error line that says what to do. */
int broker_open(const struct broker_options *options, struct env **envs, unsigned env_count,
		struct broker **ret_broker);
/* Begins a clean shutdown (R38, R41); `ended` is called when it is done. On the control loop. */
void broker_stop(struct broker *broker);
/* After the loops have ended. NULL is fine. */
void broker_free(struct broker *broker);

/* Is this broker fit to serve: unfenced, and vouched for within the lease (S2)? When it is not,
 * writes why in a sentence. Any thread; now_us as env_now_us() tells it. */
enum { BROKER_HEALTH_BYTES = 160 };
bool broker_is_healthy(const struct broker *broker, uint64_t now_us,
		       char sentence[static BROKER_HEALTH_BYTES]);

/* The shard that owns a slot on this broker. */
static inline unsigned broker_shard_of_slot(const struct broker *broker, int32_t slot)
{
	return (unsigned)slot % broker->shard_count;
}

static inline struct env *broker_control_env(const struct broker *broker)
{
	return broker->envs[broker->shard_count];
}
