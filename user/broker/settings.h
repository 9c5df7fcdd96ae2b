/* The broker's settings: Kafka's names where Kafka has one, ours beside them (DESIGN section 9). */
#pragma once

#include "base/settings.h"
#include "base/net_address.h"
#include "meta/image.h"
#include "quorum/quorum.h"

#include <stdio.h>

enum flush_mode { FLUSH_ACK, FLUSH_ASYNC };
enum mirror_mode { MIRROR_MODE_AUTO, MIRROR_MODE_KERNEL, MIRROR_MODE_USER, MIRROR_MODE_OFF };

/* As they stand in the file. */
struct broker_settings {
	int64_t node_id;
	char *listeners;
	char *advertised_listeners;
	char *log_dirs;
	char *quorum_voters;
	char *cluster_secret_file;
	char *rack;
	int64_t slot_count;
	char *slot_addresses;
	char *steer_socket;
	int flush;     /* enum flush_mode */
	int log_level; /* enum log_level */

	int64_t shards;
	int64_t num_partitions;
	int64_t default_replication_factor;
	int64_t min_insync_replicas;
	bool auto_create_topics;
	bool unclean_elections;
	bool auto_rebalance;
	int64_t rebalance_interval_s;

	int64_t segment_bytes;
	int64_t index_interval_bytes;
	int64_t producer_expiry_ms;
	int64_t request_max_bytes;
	int64_t message_max_bytes;
	int64_t session_max_in_flight;

	int mirror_mode; /* enum mirror_mode */
	int64_t mirror_max_batch_bytes;

	int64_t replica_lag_time_max_ms;
	int64_t replica_fetch_max_bytes;
	int64_t replica_fetch_wait_max_ms;

	int64_t election_timeout_ms;
	int64_t heartbeat_interval_ms;
	int64_t session_timeout_ms;
	int64_t silence_ms;
	int64_t dial_unanswered_ms;
	int64_t dial_again_ms;
	int64_t controller_answers_ms;
	int64_t controller_judges_ms;
	int64_t lease_ms;
	int64_t release_ms;
	int64_t hold_ms;
	char *metrics_listener;
	int64_t metrics_topics_max;
	bool forwarding; /* S5 in user space; off only to show what the kernel carries */

	/* Where the texts came from that addresses.c parses: "FILE:12", "--set"; NULL: default. */
	char *listeners_place;
	char *advertised_listeners_place;
	char *quorum_voters_place;
	char *slot_addresses_place;
	char *metrics_listener_place;
};

extern const struct settings_table broker_settings_table;

/* What the texts above say, parsed. */
struct voter_address {
	struct quorum_voter voter; /* directory id zero when the text has none */
	struct image_endpoint endpoint;
};

struct broker_addresses {
	struct image_endpoint listeners[IMAGE_LISTENERS];  /* where we listen; host NULL: not */
	struct image_endpoint advertised[IMAGE_LISTENERS]; /* what others are told */
	struct image_endpoint *slots; /* slot * per_slot + i; NULL when there are none; host NULL
				       * ends a slot's list */
	int32_t per_slot, slot_count;
	struct voter_address voters[QUORUM_MOST_VOTERS];
	int32_t voter_count;
	struct net_address metrics; /* port 0: none */
};

/* Parses listeners, voters and slot addresses. Returns 0, or -EINVAL with a sentence. */
int broker_addresses_parse(const struct broker_settings *settings,
			   struct broker_addresses *ret_addresses,
			   char error[static SETTINGS_ERROR_BYTES]);
void broker_addresses_done(struct broker_addresses *addresses);

/* "ID@HOST:PORT[:DIRECTORY-ID],..." as in controller.quorum.voters and --initial-controllers.
 * Returns how many, or -EINVAL with a sentence. */
int broker_parse_voters(const char *name, const char *text,
			struct voter_address voters[static QUORUM_MOST_VOTERS],
			char error[static SETTINGS_ERROR_BYTES]);

void image_endpoint_done(struct image_endpoint *endpoint);
