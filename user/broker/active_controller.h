/* The controller while this broker is it: what the other brokers' heartbeats say, who is dead
 * (S11), and the proposals that controller.h's decisions become. On the control thread. */
#pragma once

#include "broker/control_int.h"
#include "meta/controller.h"

struct active_controller;

/* Begins to lead in this epoch of the quorum: dials everybody first. */
struct active_controller *active_controller_new(struct control *control, int32_t epoch);
/* Proposals under way are answered by the quorum all the same. NULL is fine. */
void active_controller_free(struct active_controller *active);

/* Every 10 ms. */
void active_controller_tick(struct active_controller *active);
/* A connection that this broker had made to us ended. */
void active_controller_disconnected(struct active_controller *active, int32_t node_id);
/* A new life of that broker is being registered: what was known of the last one is past. */
void active_controller_registers(struct active_controller *active, int32_t node_id);
void active_controller_evidence(struct active_controller *active, int32_t node_id,
				enum evidence_verdict verdict);

/* A change on its way into the log. Lives on the heap; `done` frees nothing of it. */
struct proposal {
	struct change change;
	/* KAFKA_NONE: committed and applied here. KAFKA_NOT_CONTROLLER: not written.
	 * KAFKA_REQUEST_TIMED_OUT: leadership was lost meanwhile; it may be committed. */
	void (*done)(struct proposal *proposal, enum kafka_error error);
	void *context;
	int64_t base_offset, last_offset; /* when it has been written */
	struct quorum_proposal quorum;
	struct control *control;
};

/* The image with everything that is proposed: what decisions are made from. */
const struct image *active_controller_image(const struct active_controller *active);
const struct controller_options *active_controller_options(const struct active_controller *active);

/* Makes a proposal whose change is begun. */
struct proposal *proposal_new(struct active_controller *active,
			      void (*done)(struct proposal *proposal, enum kafka_error error),
			      void *context);
/* Proposes what proposal->change holds (done may come before this returns when it holds nothing);
 * done is called once, then the proposal is freed. */
void proposal_send(struct active_controller *active, struct proposal *proposal);
/* The decision failed: gives it back, done is not called. */
void proposal_drop(struct proposal *proposal);

/* One heartbeat (S2: KAFKA_REQUEST_TIMED_OUT when no majority of voters was heard from lately). */
enum kafka_error active_controller_heartbeat(struct active_controller *active,
					     const struct broker_heartbeat_request *heartbeat,
					     struct broker_heartbeat_response *response);
