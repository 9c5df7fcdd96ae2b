/* Owns one connection's bytes.
 *
 * In: bytes land in the loop's scratch and are parsed there; what is left of a frame goes to `in`,
 * which then receives directly until the frame is whole. `in` grows as bytes arrive, never because
 * a length field says so.
 * Out: answers leave in the order of their requests. Those that are done wait in their requests
 * until their turn; then they are gathered in `out`, which one send at the end of the round
 * empties.
 *
 * Invariants:
 *   1. `requests` holds every request without an answer handed to `out`, oldest first.
 *   2. The head of `requests` is never answered (it would be in `out`).
 *   3. Nothing waits for a session that has ended.
 *   4. After session_close() nothing is read, parsed or sent; the memory goes in a later round. */
#include "broker/session.h"

#include "base/container_of.h"
#include "base/mem.h"
#include "broker/controller_call.h"
#include "broker/fetch_session.h"
#include "broker/flow.h"
#include "broker/limits.h"

#include <errno.h>
#include <utlist.h>

/* A view's counters are found by its place. */
_Static_assert(COUNTER_CONNECTIONS_PLAIN + VIEW_SLOT == COUNTER_CONNECTIONS_SLOT &&
		       COUNTER_CONNECTIONS_PLAIN + VIEW_PEER == COUNTER_CONNECTIONS_INTERNAL,
	       "accepted sessions are counted by view");
_Static_assert(COUNTER_CLOSED_PLAIN + VIEW_SLOT == COUNTER_CLOSED_SLOT &&
		       COUNTER_CLOSED_PLAIN + VIEW_PEER == COUNTER_CLOSED_INTERNAL,
	       "closed sessions are counted by view");

struct session {
	struct worker *worker;
	struct env_socket *socket; /* NULL: closed */
	struct view view;
	struct flow *flow; /* NULL: not a client's of a slot, or nobody is to know */
	struct session *prev, *next;
	struct fetch_session *fetch_session; /* a follower's; or NULL */

	struct buffer in;
	struct request *requests;
	int in_flight;
	bool is_parsing;

	struct wire_output out;
	size_t sent;        /* of out.bytes */
	size_t splice;      /* the next one of out.splices */
	size_t splice_sent; /* of it */
	bool send_is_posted;
	struct env_message send_message, free_message;
	struct env_timer patience; /* runs while all of `out` may wait for company */
	int patient_answers;       /* in `out` while it runs */

	unsigned watched;
	bool is_releasing;
	uint64_t release_deadline_us;
	struct env_timer release_timer;
};

static void session_parse_in(struct session *s);

const struct view *session_view(const struct session *session)
{
	return &session->view;
}

struct session *session_next(const struct session *session)
{
	return session->next;
}

struct fetch_session **session_fetch_session(struct session *session)
{
	return &session->fetch_session;
}

/* ---- ending ---- */

static void session_free(struct env *here, struct env_message *message)
{
	struct session *s = container_of(message, struct session, free_message);

	(void)here;
	buffer_done(&s->in);
	wire_output_done(&s->out);
	mem_free(s);
}

static void session_end(struct session *s, bool reset)
{
	struct env *env = s->worker->env;
	struct request *request, *next;

	if (!s->socket)
		return;
	if (reset)
		env_socket_reset(env, s->socket);
	else
		env_socket_close(env, s->socket);
	s->socket = NULL;
	env_timer_stop(env, &s->release_timer);
	env_timer_stop(env, &s->patience);
	flow_close(s->flow);
	DL_DELETE(s->worker->sessions, s);
	counter_add(&s->worker->counters, COUNTER_CLOSED_PLAIN + s->view.kind, 1);
	DL_FOREACH_SAFE(s->requests, request, next) {
		DL_DELETE(s->requests, request);
		request->owner = NULL;
		if (request->is_answered)
			request_free(request);
		else if (request->hurry && !s->worker->is_done)
			request->hurry(request); /* nobody waits: it may have days to go */
	}
	fetch_session_end(s->fetch_session);
	s->fetch_session = NULL;
	if (s->worker->session_ended)
		s->worker->session_ended(s->worker, s);
	if (s->worker->is_done && !s->send_is_posted) { /* no message arrives any more */
		session_free(env, &s->free_message);
		return;
	}
	s->free_message.run = session_free;
	env_post(env, env->shard, &s->free_message);
}

void session_close(struct session *session)
{
	session_end(session, false);
}

void session_reset(struct session *session)
{
	session_end(session, true);
}

/* ---- sending ---- */

static bool session_is_backed_up(const struct session *s)
{
	return s->in_flight >= s->worker->broker->settings->session_max_in_flight ||
	       s->out.bytes.size - s->sent > SESSION_MOST_UNSENT_BYTES;
}

static bool session_has_output(const struct session *s)
{
	return s->sent < s->out.bytes.size || s->splice < s->out.splice_count;
}

static void session_watch(struct session *s)
{
	unsigned events = 0;

	if (!session_is_backed_up(s) && !s->is_releasing)
		events |= ENV_READABLE;
	/* What is about to be tried is not waited for. */
	if (session_has_output(s) && flow_is_known(s->flow) && !s->send_is_posted &&
	    !env_timer_is_running(&s->patience))
		events |= ENV_WRITABLE;
	if (events != s->watched) {
		s->watched = events;
		env_socket_watch(s->worker->env, s->socket, events);
	}
}

/* Sends plain bytes up to the next splice. Returns what env_socket_send() does. */
static ssize_t session_send_bytes(struct session *s, size_t end)
{
	struct iovec piece = {s->out.bytes.data + s->sent, end - s->sent};
	ssize_t count = env_socket_send(s->worker->env, s->socket, &piece, 1);

	if (count > 0) {
		s->sent += (size_t)count;
		counter_add(&s->worker->counters, COUNTER_SENT_BYTES, (uint64_t)count);
	}
	return count;
}

static ssize_t session_send_splice(struct session *s, const struct wire_splice *splice)
{
	ssize_t count = env_socket_send_file(s->worker->env, s->socket, splice->file,
					     splice->position + (int64_t)s->splice_sent,
					     splice->size - s->splice_sent);

	if (count > 0) {
		s->splice_sent += (size_t)count;
		counter_add(&s->worker->counters, COUNTER_SENT_BYTES, (uint64_t)count);
	}
	if (s->splice_sent == splice->size) {
		s->splice++;
		s->splice_sent = 0;
	}
	return count;
}

static void session_reset_output(struct session *s)
{
	struct buffer bytes = s->out.bytes;

	if (s->out.splice_count || bytes.capacity > SESSION_KEEPS_BYTES) {
		wire_output_done(&s->out);
	} else {
		bytes.size = 0;
		s->out.bytes = bytes;
	}
	s->sent = 0;
	s->splice = 0;
}

static void session_send(struct session *s)
{
	bool corked = s->splice < s->out.splice_count && flow_is_known(s->flow);
	ssize_t count = 0;

	env_timer_stop(s->worker->env, &s->patience);
	if (corked)
		env_socket_cork(s->worker->env, s->socket, true);
	while (count >= 0 && session_has_output(s) && flow_is_known(s->flow)) {
		const struct wire_splice *splice =
			s->splice < s->out.splice_count ? &s->out.splices[s->splice] : NULL;

		if (splice && splice->at == s->sent)
			count = session_send_splice(s, splice);
		else
			count = session_send_bytes(s, splice ? splice->at : s->out.bytes.size);
	}
	if (count < 0 && count != -EAGAIN) {
		session_close(s);
		return;
	}
	if (corked)
		env_socket_cork(s->worker->env, s->socket, false);
	if (!session_has_output(s))
		session_reset_output(s);
	session_watch(s);
}

static void session_send_posted(struct env *here, struct env_message *message)
{
	struct session *s = container_of(message, struct session, send_message);

	(void)here;
	s->send_is_posted = false;
	if (!s->socket)
		return;
	session_send(s);
	/* Answers that left may let requests in that back-pressure had stopped. */
	if (s->socket && s->in.size && !session_is_backed_up(s))
		session_parse_in(s);
}

static void session_flow_known(void *owner)
{
	session_send(owner);
}

void session_own_flow(struct session *session, struct flow *flow)
{
	session->flow = flow;
	if (flow)
		flow_await(flow, session_flow_known, session);
}

/* One send for all answers of this round. */
static void session_send_later(struct session *s)
{
	if (s->send_is_posted)
		return;
	s->send_is_posted = true;
	s->send_message.run = session_send_posted;
	env_post(s->worker->env, s->worker->env->shard, &s->send_message);
}

static void session_patience_over(struct env_timer *timer)
{
	session_send(container_of(timer, struct session, patience));
}

/* Answers that nobody waits for are held back a little: one send for several. */
static void session_send_patiently(struct session *s, int answers)
{
	if (!env_timer_is_running(&s->patience))
		s->patient_answers = 0;
	s->patient_answers += answers;
	if (s->patient_answers >= SESSION_PATIENT_ANSWERS)
		session_send_later(s);
	if (s->send_is_posted || env_timer_is_running(&s->patience))
		return;
	s->patience.fire = session_patience_over;
	env_timer_after(s->worker->env, &s->patience, SESSION_PATIENCE_US);
}

/* request->answered: invariant 2 is restored here. */
static void session_answered(struct request *request)
{
	struct session *s = request->owner;
	bool is_patient = true;
	int answers = 0;

	if (!s) {
		request_free(request);
		return;
	}
	if (request != s->requests)
		return;
	while ((request = s->requests) && request->is_answered) {
		DL_DELETE(s->requests, request);
		s->in_flight--;
		is_patient &= request->is_patient;
		answers++;
		wire_output_move(&s->out, &request->out);
		request_free(request);
	}
	if (is_patient)
		session_send_patiently(s, answers);
	else
		session_send_later(s);
}

/* ---- receiving ---- */

/* Starts the request in one frame. Returns false when the connection had to be closed. */
static bool session_take_frame(struct session *s, const uint8_t *frame, size_t size)
{
	struct request *request;
	int rc = request_parse(s->worker, &s->view, frame, size, &request);

	if (rc < 0) {
		worker_note_refusal(s->worker, s->socket,
				    rc == -EOPNOTSUPP ? REFUSAL_UNKNOWN_API : REFUSAL_MALFORMED);
		session_close(s);
		return false;
	}
	request->owner = s;
	request->answered = session_answered;
	DL_APPEND(s->requests, request);
	s->in_flight++;
	if (request->api->place == API_CONTROLLER)
		controller_forward(request);
	else
		request->api->handle(request);
	return s->socket != NULL;
}

/* Starts every whole frame in bytes. Returns how many bytes they took, or -1: closed. */
static ssize_t session_parse(struct session *s, const uint8_t *bytes, size_t size)
{
	size_t used = 0;

	while (size - used >= 4 && !session_is_backed_up(s) && !s->is_releasing) {
		uint32_t frame = bytes_load_u32(bytes + used);

		if (frame > (uint64_t)s->worker->broker->settings->request_max_bytes) {
			worker_note_refusal(s->worker, s->socket, REFUSAL_TOO_LONG);
			session_close(s);
			return -1;
		}
		if (size - used - 4 < frame)
			break;
		if (!session_take_frame(s, bytes + used + 4, frame))
			return -1;
		used += 4 + frame;
	}
	return (ssize_t)used;
}

static void session_parse_in(struct session *s)
{
	ssize_t used;

	if (s->is_parsing)
		return;
	s->is_parsing = true;
	used = session_parse(s, s->in.data, s->in.size);
	s->is_parsing = false;
	if (used < 0)
		return;
	buffer_consume(&s->in, (size_t)used);
	if (s->in.size == 0 && s->in.capacity > SESSION_KEEPS_BYTES)
		buffer_done(&s->in);
	session_watch(s);
}

void session_feed(struct session *session, const uint8_t *bytes, size_t size)
{
	buffer_put(&session->in, bytes, size);
	session_parse_in(session);
}

/* How much to ask for when a frame is half here: the rest of it, but memory at most doubles. */
static size_t session_wanted(const struct session *s)
{
	size_t rest = s->in.size >= 4 ? bytes_load_u32(s->in.data) + 4 - s->in.size : SCRATCH_BYTES;
	size_t most = s->in.size > SCRATCH_BYTES ? s->in.size : SCRATCH_BYTES;

	return rest < most ? rest : most;
}

static ssize_t session_receive_into(struct session *s, uint8_t *bytes, size_t size)
{
	ssize_t count = env_socket_receive(s->worker->env, s->socket, bytes, size);

	if (count > 0)
		counter_add(&s->worker->counters, COUNTER_RECEIVED_BYTES, (uint64_t)count);
	return count;
}

/* One receive. Returns what env_socket_receive() did, or -ECANCELED: closed meanwhile. */
static ssize_t session_receive(struct session *s)
{
	uint8_t *scratch = s->worker->scratch;
	ssize_t count, used;

	if (s->in.size > 0) {
		size_t wanted = session_wanted(s);

		count = session_receive_into(s, buffer_reserve(&s->in, wanted), wanted);
		if (count > 0) {
			s->in.size += (size_t)count;
			session_parse_in(s);
		}
		return s->socket ? count : -ECANCELED;
	}
	count = session_receive_into(s, scratch, SCRATCH_BYTES);
	if (count <= 0)
		return count;
	s->is_parsing = true;
	used = session_parse(s, scratch, (size_t)count);
	s->is_parsing = false;
	if (used < 0)
		return -ECANCELED;
	buffer_put(&s->in, scratch + used, (size_t)(count - used));
	return count;
}

static void session_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct session *s = context;
	ssize_t count = SCRATCH_BYTES;

	(void)socket;
	if (events & ENV_WRITABLE)
		session_send(s);
	if (!(events & ENV_READABLE) || !s->socket)
		return;
	for (int round = 0; round < SESSION_ROUNDS && count >= SCRATCH_BYTES / 2; round++) {
		if (session_is_backed_up(s) || s->is_releasing)
			break;
		count = session_receive(s);
	}
	if (count == -ECANCELED)
		return;
	if (count == 0 || (count < 0 && count != -EAGAIN))
		session_close(s);
	else
		session_watch(s);
}

struct session *session_new(struct worker *worker, struct env_socket *socket,
			    const struct view *view)
{
	struct session *s = mem_alloc(sizeof(*s));

	s->worker = worker;
	s->socket = socket;
	s->view = *view;
	s->out.env = worker->env;
	DL_APPEND(worker->sessions, s);
	counter_add(&worker->counters, COUNTER_CONNECTIONS_PLAIN + view->kind, 1);
	env_socket_attach(worker->env, socket, session_ready, s);
	session_watch(s);
	return s;
}

void session_hurry_older(const struct request *request)
{
	struct session *s = request->owner;
	struct request *older, *next;

	if (!s)
		return;
	DL_FOREACH_SAFE(s->requests, older, next) {
		if (older == request)
			break;
		if (!older->is_answered && older->hurry)
			older->hurry(older);
	}
}

/* ---- release (S4) ---- */

enum { RELEASE_LOOK_US = 5000 };

static void release_look(struct env_timer *timer)
{
	struct session *s = container_of(timer, struct session, release_timer);
	struct env *env = s->worker->env;
	bool has_left = !session_has_output(s) && env_socket_unsent(env, s->socket) == 0;

	if (has_left || env_now_us(env) >= s->release_deadline_us)
		session_reset(s);
	else
		env_timer_after(env, timer, RELEASE_LOOK_US);
}

void session_release(struct session *session, uint64_t release_us)
{
	struct env *env = session->worker->env;
	struct request *request, *next;

	if (!session->socket || session->is_releasing)
		return;
	session->is_releasing = true;
	DL_FOREACH_SAFE(session->requests, request, next)
		if (!request->is_answered && request->hurry)
			request->hurry(request);
	session_send(session);
	if (!session->socket)
		return;
	session->release_deadline_us = env_now_us(env) + release_us;
	session->release_timer.fire = release_look;
	env_timer_after(env, &session->release_timer, 0);
}
