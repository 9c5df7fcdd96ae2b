/* Asking the controller, wherever it is, from any loop of this broker.
 *
 *     controller_call() --message--> control thread --+-- leads here --> api->handle()
 *                                                     +-- leads elsewhere --> Envelope on a peer
 *     done() <--message-- the response, or why there is none
 *
 * Clients' writes travel like this too (S7), and what shards and the registration have to say. */
#pragma once

#include "broker/peer.h"
#include "broker/request.h"

struct controller_call {
	struct env_message message;
	struct worker *from;
	enum peer_lane lane;  /* LANE_CONTROL, or LANE_HEARTBEAT for what never waits */
	bool as_peer;         /* a request of this broker itself, not of a client */
	uint64_t deadline_us; /* asked again until then while no controller is known; 0: once */
	struct buffer frame;  /* the request: header and body; the caller's, kept until done */
	/* rc 0: response is the answer's header and body; else -ENOTCONN: nobody to ask, or
	 * -ECONNRESET: asked, and the answer was lost. */
	void (*done)(struct controller_call *call, int rc);
	struct buffer response;
	int rc;
	struct peer_call peer_call;
	struct env_timer timer;
	struct controller_call *prev, *next; /* the control thread's */
};

/* Encodes the request into call->frame. */
void controller_call_encode(struct controller_call *call, const struct wire_api *api,
			    int16_t version, const void *request);
void controller_call(struct controller_call *call);
/* Frees its buffers; after done. */
void controller_call_done(struct controller_call *call);

/* Decodes call->response into the API's response struct. Returns 0, -EBADMSG or -ENOMEM. */
int controller_call_decode(const struct controller_call *call, const struct wire_api *api,
			   int16_t version, struct arena *arena, void *ret_response);

/* A client's request whose API says API_CONTROLLER. */
void controller_forward(struct request *request);
