/* What the files of the control thread share. */
#pragma once

#include "broker/control.h"
#include "broker/evidence.h"
#include "broker/handshake.h"
#include "meta/image.h"
#include "quorum/quorum.h"

#include <uthash.h>

struct active_controller;
struct fastpath;
struct flow_sharing;
struct internal_listener;
struct metrics;
struct peer;
struct registration;
struct told_flows;

/* Another broker, as the control thread sees it. */
struct node {
	int32_t id;
	struct net_address address; /* of its internal listener */
	struct control *control;
	struct peer *lanes[LANE_EVIDENCE]; /* made when first needed */
	struct evidence *evidence;
	uint64_t alive_until_us; /* it has just answered: no need to ask again before */
	uint64_t dead_until_us;  /* a dial has just proved its death */
	UT_hash_handle hh;
};

struct control {
	struct worker worker; /* its image: all that is committed */
	struct quorum *quorum;
	struct internal_listener *listener;
	struct node *nodes; /* uthash */
	struct registration *registration;
	struct active_controller *active; /* while this broker is the controller */
	struct fastpath *fastpath;
	struct flow_sharing *flow_sharing; /* our clients, told to others */
	struct told_flows *told_flows;     /* theirs, told to us */
	struct metrics *metrics;           /* NULL: nobody wants them */
	_Atomic int32_t leader_id;         /* other loops read it */
	int32_t leader_epoch;
	bool publish_posted; /* shards have not been told of the newest image */
	struct env_message publish_message;
	int64_t published_offset;
	int64_t *applied_offsets;           /* by shard */
	struct applied_wait *applied_waits; /* utlist */
	struct quorum_channel *quorum_channel;
	struct env_timer tick;
	bool is_stopping;
	unsigned open_shards; /* while stopping */
	int exit_status;
};

/* ---- control.c ---- */

/* Is this the controller, with everything committed before it applied? */
static inline bool control_leads(const struct control *control)
{
	return control->active != NULL;
}

/* Sends the newest image to the shards if they do not have it yet. */
void control_publish(struct control *control);
/* What every shard has applied. */
int64_t control_applied_offset(const struct control *control);

struct applied_wait {
	int64_t offset;
	uint64_t until_us;
	void (*done)(struct applied_wait *wait);
	struct applied_wait *prev, *next;
};

/* Calls wait->done when every shard has applied wait->offset, at once if they have; or when
 * wait->until_us is past, or this broker ends. */
void control_await_applied(struct control *control, struct applied_wait *wait);
/* The last part of a clean shutdown: closes the logs, marks the data folder clean, ends. */
void control_close_logs(struct control *control);
/* Ends the process with an error line. */
void control_fail(struct control *control, const char *sentence);

/* The control thread's object when the request runs on it, else NULL. */
struct control *control_of(const struct request *request);

/* ---- nodes.c ---- */

/* NULL: nobody of that id is known (or it is this broker). */
struct node *node_find(struct control *control, int32_t id);
/* The connection of this kind to a node; connects when first used. */
struct peer *node_peer(struct node *node, enum peer_lane lane);
/* To the controller, or NULL: none is known, or it is this broker. */
struct peer *control_peer_to_controller(struct control *control, enum peer_lane lane);
/* Seeks evidence of its death (S11). */
void node_seek_evidence(struct node *node);
/* It answered a dial so lately that silence alone is no reason for another. */
bool node_answered_lately(const struct node *node);
/* A dial of our own proved its death so lately that another would prove the same. */
bool node_died_lately(const struct node *node);
/* New addresses from the image. */
void nodes_apply(struct control *control, const struct image *image);
void nodes_open(struct control *control);
void nodes_done(struct control *control);
