/* A Kafka client as sane ones are: metadata, an idempotent producer (acks=all, up to five batches
 * of a partition in flight, the same sequences on every retry, for ever), and readers that follow
 * the leader. It speaks the wire over env sockets, on one loop, and tells a history what it did and
 * saw.
 *
 * Called on its loop or, in the simulator, between events. */
#pragma once

#include "base/env.h"
#include "sim/sim_history.h"

struct sim_client;

struct sim_client_options {
	const struct net_address
		*bootstrap; /* plain or slot addresses: that decides the view (S6) */
	unsigned bootstrap_count;
	struct sim_history *history;
	uint64_t request_timeout_us; /* then the connection is given up */
};

struct sim_client *sim_client_new(struct env *env, const struct sim_client_options *options);
void sim_client_free(struct sim_client *client); /* NULL is fine */

/* Creates the topic, again and again until it is there; metadata is asked for it from then on. */
void sim_client_create_topic(struct sim_client *client, const char *name, int32_t partitions,
			     int16_t replication_factor);
/* Every partition of every topic has a leader, as far as the client knows. */
bool sim_client_is_ready(const struct sim_client *client);
/* The node id that leads, as the client's view has it (a slot's id in the slot view); -1 unknown.
 */
int32_t sim_client_leader_of(const struct sim_client *client, const char *topic, int32_t partition);
/* Asks for fresh metadata; sim_client_leader_of() answers -1 for everything until it is there. */
void sim_client_forget_leaders(struct sim_client *client);

/* Gives one record to the producer; consecutive ones may share a batch. */
void sim_client_produce(struct sim_client *client, const char *topic, int32_t partition,
			const char *text);
/* Records that were given and are not acknowledged yet. */
int64_t sim_client_unacked(const struct sim_client *client);

/* Reads the partition from offset 0 on, for ever. */
void sim_client_read(struct sim_client *client, const char *topic, int32_t partition);
/* Where the slowest reader of this client stands. */
int64_t sim_client_read_position(const struct sim_client *client, const char *topic,
				 int32_t partition);

/* The open connections on which a response has come: their own ends, and where they lead. */
typedef void sim_link_each(void *context, const struct net_address *own,
			   const struct net_address *to);
void sim_links_each_answered(struct sim_client *client, sim_link_each *each, void *context);
