/* Owns the life of a request: parsing, memory, answering. Who sent it and where its answer goes is
 * its owner's business (session.c, controller_channel.c). */
#include "broker/request.h"

#include "base/mem.h"
#include "broker/limits.h"

#include <errno.h>
#include <stdlib.h>

static struct request *request_new(struct worker *worker, size_t frame_size)
{
	struct request *request = worker->free_requests;
	struct wire_output out = {0};
	struct arena arena;

	if (request) {
		worker->free_requests = request->next;
		worker->free_request_count--;
		arena = request->arena;
		out = request->out;
	} else {
		request = mem_alloc(sizeof(*request));
		arena_init(&arena, 0);
	}
	arena.limit_bytes = REQUEST_ARENA_BYTES + REQUEST_ARENA_TIMES * frame_size;
	*request = (struct request){
		.worker = worker,
		.arena = arena,
		.out = out,
		.started_us = env_now_us(worker->env),
	};
	return request;
}

/* Empties the output; a small one keeps its memory for the next answer. */
static void output_reset(struct wire_output *out)
{
	if (out->splice_count || out->splice_capacity || out->bytes.capacity > REQUEST_KEEPS_BYTES)
		wire_output_done(out);
	out->bytes.size = 0;
}

void request_free(struct request *request)
{
	struct worker *worker = request->worker;

	output_reset(&request->out);
	arena_reset(&request->arena);
	if (worker->free_request_count == REQUEST_POOL) {
		wire_output_done(&request->out);
		arena_done(&request->arena);
		mem_free(request);
		return;
	}
	request->next = worker->free_requests;
	worker->free_requests = request;
	worker->free_request_count++;
}

/* The versions of api that this kind of connection may use. */
static struct api_versions_range range_for(const struct api *api, const struct view *view)
{
	return view->kind == VIEW_PEER ? api->brokers : api->clients;
}

static int parse_body(struct request *request, struct reader *in)
{
	const struct wire_api *wire = request->api->wire;
	void *body = arena_alloc(&request->arena, wire->request->size);
	int rc;

	if (!body)
		return -ENOMEM;
	wire_init(wire->request, body);
	rc = wire_decode(wire->request, request->header.api_version,
			 request->header.api_version >= wire->first_flexible, in, &request->arena,
			 body);
	if (rc == 0 && reader_left(in) != 0)
		rc = -EBADMSG;
	request->body = body;
	return rc;
}

int request_parse(struct worker *worker, const struct view *view, const uint8_t *frame, size_t size,
		  struct request **ret_request)
{
	struct reader in = reader_of(frame, size);
	struct wire_request_header header;
	struct request *request;
	const struct api *api;
	struct api_versions_range range;
	bool unknown_version;
	int rc;

	if (wire_peek_request(&in, &header) < 0)
		return -EBADMSG;
	api = api_find(header.api_key);
	if (!api)
		return -EOPNOTSUPP;
	range = range_for(api, view);
	unknown_version = header.api_version < range.first || header.api_version > range.last;
	if (range.last < 0 || (unknown_version && api->wire != &wire_api_versions &&
			       !(api->wire == &wire_produce && header.api_version >= 0 &&
				 header.api_version < range.first)))
		return -EOPNOTSUPP;
	request = request_new(worker, size);
	request->api = api;
	request->view = *view;
	request->header = header;
	request->frame = frame;
	request->frame_size = size;
	if (!api->borrows_frame) {
		uint8_t *copy = arena_alloc(&request->arena, size);

		request->frame = copy ? memcpy(copy, frame, size) : frame;
		in = reader_of(request->frame, size);
	}
	rc = 0;
	if (!(unknown_version && api->wire == &wire_api_versions)) {
		rc = wire_decode_request_header(api->wire, &in, &request->header);
		if (rc == 0)
			rc = parse_body(request, &in);
	}
	if (rc < 0) {
		request_free(request);
		return -EBADMSG;
	}
	*ret_request = request;
	return 0;
}

void request_encode(struct request *request, const void *response)
{
	request->out.env = request->worker->env;
	wire_encode_response(request->api->wire, request->header.api_version,
			     request->header.correlation_id, response, &request->out);
}

void request_reply(struct request *request, const void *response)
{
	request_encode(request, response);
	request_finish(request);
}

void request_finish(struct request *request)
{
	struct worker *worker = request->worker;

	histogram_add(&worker->counters.requests[request->api - api_table],
		      env_now_us(worker->env) - request->started_us);
	request->is_answered = true;
	request->hurry = NULL;
	request->answered(request);
}

void *request_alloc(struct request *request, size_t count, size_t size)
{
	size_t bytes;
	void *memory;

	/* Derived from a decoded request, whose own arrays passed the limit. */
	request->arena.limit_bytes = SIZE_MAX;
	if (__builtin_mul_overflow(count, size, &bytes))
		abort();
	memory = arena_alloc(&request->arena, bytes);
	if (!memory)
		abort();
	return memory;
}
