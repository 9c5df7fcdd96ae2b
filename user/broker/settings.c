/* Owns the list of settings with their defaults and bounds. What their texts mean is parsed in
 * addresses.c. */
#include "broker/settings.h"

#include "base/log.h"

#include <stddef.h>

static const char *const flush_modes[] = {"ack", "async", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

static const char *const mirror_modes[] = {"auto", "kernel", "user", "off", NULL};

#define INT(name_, member, default_, least_, most_, help_)                                         \
	{                                                                                          \
		.name = name_, .type = SETTING_INT,                                                \
		.offset = offsetof(struct broker_settings, member), .default_value = default_,     \
		.least = least_, .most = most_, .help = help_                                      \
	}
#define BOOL(name_, member, default_, help_)                                                       \
	{                                                                                          \
		.name = name_, .type = SETTING_BOOL,                                               \
		.offset = offsetof(struct broker_settings, member), .default_value = default_,     \
		.help = help_                                                                      \
	}
#define TEXT(name_, member, default_, help_)                                                       \
	{                                                                                          \
		.name = name_, .type = SETTING_TEXT,                                               \
		.offset = offsetof(struct broker_settings, member), .default_value = default_,     \
		.help = help_                                                                      \
	}
/* A text that addresses.c parses: its place is kept as MEMBER_place. */
#define PLACED(name_, member, default_, help_)                                                     \
	{                                                                                          \
		.name = name_, .type = SETTING_TEXT,                                               \
		.offset = offsetof(struct broker_settings, member),                                \
		.place_offset = offsetof(struct broker_settings, member##_place),                  \
		.default_value = default_, .help = help_                                           \
	}
#define CHOICE(name_, member, default_, choices_, help_)                                           \
	{                                                                                          \
		.name = name_, .type = SETTING_CHOICE,                                             \
		.offset = offsetof(struct broker_settings, member), .default_value = default_,     \
		.choices = choices_, .help = help_                                                 \
	}
#define IGNORED(name_)                                                                             \
	{                                                                                          \
		.name = name_, .type = SETTING_IGNORED                                             \
	}

static const struct setting settings[] = {
	/* who and where */
	INT("node.id", node_id, "1", 0, IMAGE_SLOT_ID_BASE - 1, "this broker's number, below 1000"),
	PLACED("listeners", listeners, "PLAINTEXT://127.0.0.1:9092",
	       "where to listen: NAME://HOST:PORT,...; names: PLAINTEXT (clients), SLOT (clients, "
	       "slot "
	       "view), INTERNAL (brokers)"),
	PLACED("advertised.listeners", advertised_listeners, NULL,
	       "what clients are told instead of listeners"),
	TEXT("log.dirs", log_dirs, "./data",
	     "the data directory, one; it is made when it is missing"),
	PLACED("controller.quorum.voters", quorum_voters, NULL,
	       "the voters of a cluster, the same on every node: ID@HOST:PORT,... of their "
	       "internal "
	       "listeners; unset: a broker of its own"),
	TEXT("cluster.secret.file", cluster_secret_file, NULL,
	     "file of 32 bytes that every broker of the cluster has, mode 0600"),
	TEXT("broker.rack", rack, NULL, "this broker's rack: replicas are spread over racks"),
	INT("slots.count", slot_count, "12", 1, IMAGE_MOST_SLOTS,
	    "slots that a new cluster begins with"),
	PLACED("slots.addresses", slot_addresses, NULL,
	       "addresses of the slots: HOST:PORT, HOST:PORT-PORT or HOST-HOST:PORT for "
	       "consecutive "
	       "slots, HOST:PORT=SLOT for one more of a slot"),
	TEXT("steer.socket", steer_socket, NULL,
	     "Unix socket of this node's bwsteer; the service's is /run/bellwether/steer.sock"),
	CHOICE("flush", flush, "ack", flush_modes,
	       "ack: records are on disk before they are acknowledged; async: in the page cache, "
	       "on "
	       "every replica"),
	CHOICE("log.level", log_level, "info", log_levels, "how much is said on standard error"),
	/* what Prometheus reads */
	PLACED("metrics.listener", metrics_listener, NULL,
	       "http://ADDRESS:PORT of /metrics and /healthz; none unless set"),
	INT("metrics.topics.max", metrics_topics_max, "500", 0, 100000,
	    "topics with figures of their own; the others are summed up"),
	/* topics */
	INT("num.network.threads", shards, "0", 0, 256,
	    "threads that serve partitions; 0: one for each core"),
	INT("num.partitions", num_partitions, "1", 1, 100000,
	    "partitions of a topic that does not say"),
	INT("default.replication.factor", default_replication_factor, "0", 0, 1000,
	    "replicas of a topic that does not say; 0: three, or as many as there are brokers"),
	INT("min.insync.replicas", min_insync_replicas, "0", 0, 1000,
	    "replicas in sync that acks=all asks for; 0: two from three replicas on, else one"),
	BOOL("auto.create.topics.enable", auto_create_topics, "true",
	     "a topic comes into being on its first use"),
	BOOL("unclean.leader.election.enable", unclean_elections, "false",
	     "elect a leader that was not in sync, which may lose acknowledged records"),
	BOOL("auto.leader.rebalance.enable", auto_rebalance, "true",
	     "slots go home by themselves when their broker is back"),
	INT("leader.imbalance.check.interval.seconds", rebalance_interval_s, "300", 1, 1000000,
	    "how often it is looked whether slots can go home, s"),
	/* logs and requests */
	INT("log.segment.bytes", segment_bytes, "1073741824", 1024, INT32_MAX,
	    "size at which a segment is closed, bytes"),
	INT("log.index.interval.bytes", index_interval_bytes, "4096", 64, INT32_MAX,
	    "one index entry for so many bytes of a log"),
	INT("producer.id.expiration.ms", producer_expiry_ms, "86400000", 1, INT64_MAX,
	    "producer ids unused for so long are forgotten, ms"),
	INT("socket.request.max.bytes", request_max_bytes, "104857600", 1024, INT32_MAX,
	    "largest request, bytes"),
	INT("message.max.bytes", message_max_bytes, "1048588", 100, INT32_MAX,
	    "largest record batch, bytes"),
	INT("session.max.in.flight", session_max_in_flight, "1000", 1, 100000,
	    "requests of one connection that are under way at once"),
	INT("replica.lag.time.max.ms", replica_lag_time_max_ms, "10000", 100, INT32_MAX,
	    "a follower that is behind for longer leaves the ISR, ms"),
	INT("replica.fetch.max.bytes", replica_fetch_max_bytes, "1048576", 1024, INT32_MAX,
	    "what a follower fetches of one partition at once, bytes"),
	INT("replica.fetch.wait.max.ms", replica_fetch_wait_max_ms, "500", 1, 10000,
	    "how long a leader holds a follower's fetch that finds nothing, ms"),
	CHOICE("mirror.mode", mirror_mode, "auto", mirror_modes,
	       "records go to followers unasked: kernel: one datagram that bwsteer's program "
	       "clones, and where it does not: user: one to each follower; auto: where the kernel "
	       "clones and records come faster than fetches for them; off: followers fetch, as "
	       "they do what is lost"),
	INT("mirror.max.batch.bytes", mirror_max_batch_bytes, "16384", 0, 49152,
	    "larger batches are left to fetches, bytes"),
	/* the quorum, death and leases (S2, S11) */
	INT("controller.quorum.election.timeout.ms", election_timeout_ms, "1000", 50, 60000,
	    "without a sign of the metadata quorum's leader until an election, ms"),
	INT("broker.heartbeat.interval.ms", heartbeat_interval_ms, "50", 5, 10000,
	    "time between heartbeats to the controller, ms"),
	INT("broker.session.timeout.ms", session_timeout_ms, "2000", 100, 600000,
	    "a broker that is silent and not proved dead is fenced after it, ms"),
	INT("death.silence.ms", silence_ms, "150", 10, 60000,
	    "silence of a broker that makes the controller dial it, ms"),
	INT("death.dial.unanswered.ms", dial_unanswered_ms, "50", 5, 60000,
	    "until an unanswered dial is repeated, ms"),
	INT("death.dial.again.ms", dial_again_ms, "20", 1, 60000,
	    "until a dial that proved nothing is repeated, ms"),
	INT("controller.answers.ms", controller_answers_ms, "300", 10, 60000,
	    "a controller that heard no majority for longer answers no heartbeat, ms"),
	INT("controller.judges.ms", controller_judges_ms, "200", 10, 60000,
	    "a controller that heard no majority for longer fences nobody, ms"),
	INT("slot.lease.ms", lease_ms, "1000", 100, 60000,
	    "announcing a slot's address ends so long after the last renewal of the lease, ms"),
	INT("slot.release.ms", release_ms, "100", 1, 10000,
	    "how long answers have to leave before a slot's connections are reset, ms"),
	INT("slot.hold.ms", hold_ms, "1000", 1, 60000,
	    "how long a connection to a slot that nobody serves yet is held, ms"),
	BOOL("slot.forwarding", forwarding, "true",
	     "carry connections to other holders where no program does"),
	/* Kafka's, without a meaning here */
	IGNORED("process.roles"),
	IGNORED("controller.listener.names"),
	IGNORED("inter.broker.listener.name"),
	IGNORED("listener.security.protocol.map"),
	IGNORED("num.io.threads"),
	IGNORED("num.recovery.threads.per.data.dir"),
	IGNORED("background.threads"),
	IGNORED("queued.max.requests"),
	IGNORED("socket.send.buffer.bytes"),
	IGNORED("socket.receive.buffer.bytes"),
	IGNORED("log.flush.interval.messages"),
	IGNORED("log.flush.interval.ms"),
	IGNORED("zookeeper.connect"),
	IGNORED("num.replica.fetchers"),
	IGNORED("offsets.topic.replication.factor"),
	IGNORED("transaction.state.log.replication.factor"),
	IGNORED("transaction.state.log.min.isr"),
	IGNORED("group.initial.rebalance.delay.ms"),
};

static void warn_on_standard_error(void *context, const char *sentence)
{
	(void)context;
	fprintf(stderr, "warning: %s\n", sentence);
}

const struct settings_table broker_settings_table = {
	.settings = settings,
	.count = sizeof(settings) / sizeof(*settings),
	.warn = warn_on_standard_error,
};
