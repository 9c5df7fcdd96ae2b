/* What the files of the simulated Kafka client share.
 *
 *     sim_client.c    topics, metadata, who leads
 *     sim_link.c      connections and the requests on them
 *     sim_producer.c  idempotent batches
 *     sim_reader.c    fetching */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "sim/sim_client.h"
#include "wire/batch.h"
#include "wire/errors.h"
#include "wire/messages.h"

enum {
	SIM_CLIENT_MOST_NODES = 1100,
	SIM_PRODUCER_IN_FLIGHT = 5, /* as the clients that Kafka knows: the broker's window */
	SIM_BATCH_MOST_RECORDS = 4,
};

#define SIM_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- connections ---- */

struct sim_link;

/* A request under way. */
struct sim_call {
	/* response NULL: it failed, and whether it was done is unknown. */
	void (*done)(struct sim_call *call, const void *response);
	const struct wire_api *api;
	int16_t version;
	int32_t correlation_id;
	struct env_timer timer;
	struct sim_link *link;
	struct sim_call *prev, *next;
};

struct sim_link {
	struct sim_client *client;
	struct net_address address;
	struct env_socket *socket;
	bool connected, answered; /* answered: a response has come */
	struct buffer in, out;
	struct sim_call *calls; /* utlist, oldest first */
	struct env_timer timer; /* for the connect */
	struct sim_link *prev, *next;
};

/* Sends a request to the address, over the connection to it or a new one. `call` stays in place
 * until done() has run, which never happens inside this call. */
void sim_link_call(struct sim_client *client, const struct net_address *to, struct sim_call *call,
		   const struct wire_api *api, int16_t version, const void *request);
/* Ends every connection; calls are not answered any more. */
void sim_links_done(struct sim_client *client);

/* ---- what is known ---- */

struct sim_node {
	int32_t id;
	struct net_address address;
};

struct sim_batch;

/* One partition: its producer and its reader. */
struct sim_lane {
	struct sim_client *client;
	struct sim_topic *topic;
	int32_t partition;
	int32_t leader; /* -1: unknown */
	int32_t leader_epoch;
	struct sim_log *log;

	struct sim_batch *batches; /* utlist: not acknowledged, oldest first */
	unsigned in_flight;
	uint64_t batch_count; /* ever made */
	bool draining; /* something failed: nothing new is sent until all in flight has ended */
	int32_t next_sequence;
	struct env_timer retry;

	bool reads, fetching;
	int64_t position;
	struct sim_call fetch;
	struct env_timer fetch_retry;
};

struct sim_topic {
	char *name;
	int32_t partitions;
	int16_t replication_factor;
	bool to_create, is_created;
	struct sim_lane *lanes;
	struct sim_topic *prev, *next;
};

struct sim_client {
	struct env *env;
	struct sim_client_options options;
	struct net_address *bootstrap;
	uint64_t random;
	struct sim_link *links;
	int32_t next_correlation_id;
	struct sim_node nodes[SIM_CLIENT_MOST_NODES];
	unsigned node_count;
	struct sim_topic *topics;

	struct sim_call metadata, creation, producer_id_call;
	struct env_timer metadata_timer;
	bool metadata_wanted, metadata_asked, producer_id_asked;
	struct sim_topic *creating;
	int64_t producer_id;
	int16_t producer_epoch;
};

/* Somebody to ask about anything: a known broker or a bootstrap address. */
const struct net_address *sim_client_any(struct sim_client *client);
/* NULL: unknown. */
const struct net_address *sim_lane_leader(const struct sim_lane *lane);
/* The leader is not who it was: asks for metadata. */
void sim_client_want_metadata(struct sim_client *client);
uint64_t sim_client_draw(struct sim_client *client, uint64_t least, uint64_t most);
struct sim_lane *sim_client_lane(const struct sim_client *client, const char *topic,
				 int32_t partition);
bool sim_error_is_retriable(int16_t error_code);

/* Something may be sent now that could not before. */
void sim_producer_pump(struct sim_lane *lane);
void sim_producer_init(struct sim_lane *lane);
void sim_producer_done(struct sim_lane *lane);
void sim_reader_pump(struct sim_lane *lane);
void sim_reader_init(struct sim_lane *lane);
