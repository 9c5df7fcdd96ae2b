/* One request under way: from its decoded frame to its encoded answer.
 *
 *     request_parse() -> api->handle() -> ... -> request_reply() or request_drop()
 *
 * A handler answers at once or later, exactly once; what it needs meanwhile lies in the arena. */
#pragma once

#include "base/arena.h"
#include "broker/api.h"
#include "broker/worker.h"
#include "wire/codec.h"
#include "wire/errors.h"

/* What a connection shows its client (S6), decided by where it was accepted. */
enum view_kind { VIEW_PLAIN, VIEW_SLOT, VIEW_PEER };

struct view {
	enum view_kind kind;
	int32_t slot; /* VIEW_SLOT: the slot that was connected to; -1: a broker's own slot listener
		       */
	int32_t peer; /* VIEW_PEER: the proven node id, else -1 */
};

struct request {
	struct worker *worker;
	const struct api *api;
	struct wire_request_header header;
	struct view view;
	const void *body;     /* the API's request struct */
	const uint8_t *frame; /* header and body; the caller's memory when the API borrows it */
	size_t frame_size;
	struct arena arena;

	/* Who wants the answer. `answered` is called once; out holds the whole response frame, or
	 * nothing when the request is not answered (acks=0). It takes the request over. */
	void (*answered)(struct request *request);
	void *owner; /* a session, or what answered() knows; a session clears it when it ends */
	struct wire_output out;
	bool is_answered;
	bool is_patient; /* nobody waits for the answer: it may leave with a later one */
	/* Set while the request waits and may end early with a truthful answer (S4). */
	void (*hurry)(struct request *request);
	void *work; /* the handler's state */
	uint64_t started_us; /* for the latency of the API */
	struct request *prev, *next;
};

/* Makes a request of a frame (without its size). Returns 0, or
 *   -EBADMSG          nonsense: close the connection
 *   -EOPNOTSUPP       an API or a version that this listener does not have: close the connection
 * ApiVersions of an unknown version parses with body NULL: it is answered (KIP-511). */
int request_parse(struct worker *worker, const struct view *view, const uint8_t *frame, size_t size,
		  struct request **ret_request);

/* Gives it back to its loop's pool. */
void request_free(struct request *request);

/* Encodes the answer and hands the request to its owner. Not to be touched afterwards. */
void request_reply(struct request *request, const void *response);
/* The two steps of it, for handlers with something to give back in between. A request that is
 * finished without having been encoded is not answered (acks=0). */
void request_encode(struct request *request, const void *response);
void request_finish(struct request *request);

/* Memory that lives as long as the request; never NULL: the arena's limit was chosen so that what
 * handlers derive from a decoded request fits. */
void *request_alloc(struct request *request, size_t count, size_t size);
