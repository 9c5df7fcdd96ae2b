/* What this broker tells bwsteer, over the socket of bellwether/steer_facts.h: who holds the slots
 * (S8), that the announcing lease goes on (S2), which slot is given up (S4), who leads what.
 *
 * Runs on the control loop, all of it. Nothing here waits and nothing fails: without a socket path
 * or without a bwsteer at its end every function is a no-op (callbacks still come), and whenever
 * bwsteer comes (back) within 200 ms it gets the newest image whole. */
#pragma once

#include "base/env.h"
#include "meta/image.h"

struct fastpath;
struct mirror_members;
struct steer_counts;
struct steer_stats_slot;

/* How a broker reaches a Unix socket: env.h knows none. The real one is os/os_seqpacket.h; the
 * simulator gives its own or none. */
struct fastpath_link {
	/* Connects to the SOCK_SEQPACKET listener at path; the socket is then used through env.h:
	 * one send or receive is one datagram. Returns 0 or -errno. */
	int (*open)(struct env *env, const char *path, env_socket_ready *ready, void *context,
		    struct env_socket **ret);
};

struct fastpath_options {
	struct env *env;
	const struct fastpath_link *link; /* NULL: none */
	const char *socket_path;          /* steer.socket; NULL or empty: none. Copied */
	const char *cluster_id;           /* text; copied */
	int32_t node_id;
	/* A slot's release is through: reset, withdrawn (S4). May be NULL. */
	void (*slot_released)(void *context, int32_t slot);
	void *context;
};

/* Connects at once, and again every 200 ms while there is nobody. */
struct fastpath *fastpath_new(const struct fastpath_options *options);
void fastpath_free(struct fastpath *fastpath); /* NULL is fine */

/* S8: every shard has applied this image, this broker is unfenced in it and it holds this broker's
 * own registration; so the caller promises. Takes a reference of its own. What did not change is
 * not sent again. */
void fastpath_publish(struct fastpath *fastpath, struct image *image);

/* S2: evidence_us (env_now_us()) is when the evidence was had; the lease lasts from then. */
void fastpath_renew_lease(struct fastpath *fastpath, uint64_t evidence_us, uint32_t duration_ms);

/* A bwsteer has answered our HELLO on the present connection: what heartbeats report. */
bool fastpath_has_steer(const struct fastpath *fastpath);
/* The same, and a program steers (its mode is not `off`). */
bool fastpath_is_steered(const struct fastpath *fastpath);

/* Any thread: does the kernel send a piece with MIRROR_CLONE, addressed to one of these members, to
 * exactly all of them? (meta/mirror_members.h, of the image that the caller has applied: so a
 * removed replica stops receiving first, F8.) Changes at any moment; who believes an old answer
 * reaches one follower, and the others fetch (F9). */
bool fastpath_mirror_is_cloned(const struct fastpath *fastpath,
			       const struct mirror_members *members);

/* S4. Between the two calls images go out with this slot as it was published last: its clients'
 * acks still come here while the last answers leave. Then the announcement is withdrawn, and when
 * bwsteer has said so (or is gone) the slot is published as it is and options.slot_released is
 * called. */
void fastpath_slot_releasing(struct fastpath *fastpath, int32_t slot);
void fastpath_slot_released(struct fastpath *fastpath, int32_t slot);
/* How many slots are between the two, or wait for bwsteer: a clean shutdown waits for 0. */
int32_t fastpath_releases(const struct fastpath *fastpath);

/* Active reset: a client of a dead broker, whose slot is held here by the image that was published
 * last. It goes out behind that image, with all others, at fastpath_flush_resets(). Dropped when
 * there is no bwsteer. */
void fastpath_reset_flow(struct fastpath *fastpath, int32_t slot,
			 const struct net_address *slot_address, const struct net_address *client);
void fastpath_flush_resets(struct fastpath *fastpath);

/* The kernel's counters, of the slots and by verdict. */
struct fastpath_query {
	/* Once, before `each` says that it was all, if this bwsteer can tell. May be NULL. */
	void (*counts)(struct fastpath_query *query, const struct steer_counts *counts);
	/* Once for each slot, in rising order, and then with slot NULL and rc: 0, or -ENOTCONN when
	 * there is no bwsteer; then it may come from within fastpath_ask_stats(). */
	void (*each)(struct fastpath_query *query, const struct steer_stats_slot *slot, int rc);
	struct fastpath_query *prev, *next; /* the fastpath's, until the last call */
	uint32_t sequence;
};
void fastpath_ask_stats(struct fastpath *fastpath, struct fastpath_query *query);

/* For metrics and tests. */
struct fastpath_counts {
	uint64_t images;  /* sent whole */
	uint64_t refused; /* by bwsteer */
	uint64_t leaders; /* sent, gone ones too */
	uint64_t leases;
	uint64_t leases_lost; /* as bwsteer says */
	uint64_t connections;
	uint64_t resets; /* clients of dead brokers that were named */
};
struct fastpath_counts fastpath_counts(const struct fastpath *fastpath);
