/* Owns the connection to bwsteer and what has been said on it.
 *
 *     AWAY --open()--> GREETING --HELLO_ACK--> SERVED
 *      ^                  |                       |
 *      +--- 200 ms -------+--- fastpath_break() --+   end, error, nonsense
 *
 * 1. `out` holds whole messages, at most one image and what came meanwhile; the next image is built
 *    when it is empty, from the newest facts.
 * 2. An image carries changed slots and brokers at once, without leaders; leaders follow in images
 *    of at most FASTPATH_LEADERS_PER_IMAGE, the next one when the last has been acknowledged. So a
 *    moved slot never waits behind a long table, and the control loop never for bwsteer.
 * 3. `published` is what was sent last, on this connection or the one before.
 * 4. A slot in `releases` goes out as in `published` (S4).
 *
 * Leaves to its caller what may be published and when the lease is renewed (S2, S8). */
#include "fastpath/fastpath.h"

#include "base/mem.h"
#include "fastpath/fastpath_int.h"
#include "fastpath/mirror_sets.h"
#include "meta/mirror_members.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

struct release {
	int32_t slot;
	bool is_withdrawing; /* WITHDRAW was sent, with this sequence */
	uint32_t sequence;
	struct release *prev, *next;
};

struct fastpath {
	struct fastpath_options options;
	char *socket_path, *cluster_id;
	struct env_socket *socket;
	struct env_timer reconnect;
	bool has_complained; /* about bwsteer's absence, since it was there last */
	bool is_served;
	bool is_steered;
	uint32_t features; /* enum steer_features of the bwsteer that serves us */

	struct buffer out;
	size_t sent;
	uint32_t last_sequence;
	struct steer_lease lease;
	bool lease_due;

	struct image *image; /* the newest; NULL: nothing may be published yet */
	struct facts published, next;
	bool facts_due;          /* `image` or the releases changed since `published` was made */
	bool whole_due;          /* send facts that did not change, too */
	bool leaders_begun;      /* bwsteer's table of leaders is ours on this connection */
	struct image *leaders;   /* what that table holds */
	struct leader_walk walk; /* to what it is being brought */
	uint32_t image_sequence;
	bool image_unanswered;
	bool is_refused; /* the last one was: no leaders until slots or brokers change */

	struct buffer resets; /* of struct steer_flow: they wait for the newest image's turn */
	struct release *releases;
	struct fastpath_query *queries; /* the first one is being asked */
	uint32_t query_slot;
	struct fastpath_counts counts;
	struct mirror_sets mirrors;
};

static void fastpath_send(struct fastpath *f);
static void fastpath_connect(struct env_timer *timer);

bool fastpath_has_steer(const struct fastpath *fastpath)
{
	return fastpath->is_served;
}

bool fastpath_is_steered(const struct fastpath *fastpath)
{
	return fastpath->is_served && fastpath->is_steered;
}

bool fastpath_mirror_is_cloned(const struct fastpath *fastpath,
			       const struct mirror_members *members)
{
	return members->id != 0 && members->slot < STEER_SLOTS_MAX &&
	       atomic_load(&fastpath->mirrors.cloned[members->slot]) == members->id;
}

struct fastpath_counts fastpath_counts(const struct fastpath *fastpath)
{
	return fastpath->counts;
}

static struct steer_header header_of(uint16_t type, uint32_t sequence)
{
	return (struct steer_header){type, STEER_PROTOCOL_VERSION, sequence};
}

/* ---- images ---- */

static bool is_releasing(const void *context, int32_t slot)
{
	const struct release *release;

	DL_FOREACH(((const struct fastpath *)context)->releases, release)
		if (release->slot == slot)
			return true;
	return false;
}

static void put_image(struct fastpath *f, const struct facts *facts, const struct buffer *leaders,
		      uint32_t leader_count)
{
	struct steer_image_begin begin = {
		.header = header_of(STEER_IMAGE_BEGIN, 0),
		.metadata_offset = (uint64_t)f->image->offset,
		.slots = facts->slots,
		.brokers = facts->brokers,
		.leaders = leader_count,
		.flags = f->leaders_begun ? STEER_IMAGE_LEADERS_DELTA : 0,
	};
	struct steer_image_end end = {
		.header = header_of(STEER_IMAGE_END, ++f->last_sequence),
		.metadata_offset = begin.metadata_offset,
	};

	buffer_put(&f->out, &begin, sizeof(begin));
	buffer_put(&f->out, facts->bytes.data, facts->bytes.size);
	if (leader_count > 0)
		buffer_put(&f->out, leaders->data, leaders->size);
	buffer_put(&f->out, &end, sizeof(end));
	f->leaders_begun = true;
	f->image_sequence = f->last_sequence;
	f->image_unanswered = true;
	f->counts.images++;
	f->counts.leaders += leader_count;
}

/* Puts an image when slots or brokers changed. */
static bool put_facts(struct fastpath *f)
{
	struct facts before = f->published;
	bool changed;

	if (!f->facts_due && !f->whole_due)
		return false;
	facts_make(&f->next, f->image, &f->published, is_releasing, f);
	if (f->features & STEER_FEATURE_MIRRORS)
		mirror_sets_put(&f->mirrors, f->image, f->options.node_id, &f->next);
	changed = f->whole_due || !facts_equal(&f->next, &f->published);
	f->facts_due = false;
	f->whole_due = false;
	if (!changed)
		return false;
	f->published = f->next;
	f->next = before; /* its memory serves the next time */
	f->is_refused = false;
	put_image(f, &f->published, NULL, 0);
	return true;
}

static void set_leaders(struct fastpath *f, struct image *image)
{
	image_unref(f->leaders);
	f->leaders = image ? image_ref(image) : NULL;
}

/* The next image empties bwsteer's table, those after it fill it again. */
static void forget_leaders(struct fastpath *f)
{
	f->leaders_begun = false;
	set_leaders(f, NULL);
	leader_walk_done(&f->walk);
}

/* Puts an image with the next leaders that bwsteer's table lacks. */
static bool put_leaders(struct fastpath *f)
{
	struct buffer leaders = {0};
	uint32_t count;

	if (f->image_unanswered || f->is_refused)
		return false;
	if (!f->walk.to && f->leaders == f->image)
		return false;
	if (!f->walk.to)
		leader_walk_begin(&f->walk, f->leaders, f->image);
	count = leader_walk_put(&f->walk, &leaders, FASTPATH_LEADERS_PER_IMAGE);
	if (count > 0)
		put_image(f, &f->published, &leaders, count);
	if (count < FASTPATH_LEADERS_PER_IMAGE) {
		set_leaders(f, f->walk.to);
		leader_walk_done(&f->walk);
	}
	buffer_done(&leaders);
	return count > 0;
}

/* ---- active reset ---- */

/* Puts what waits, behind the image that made this broker the holder. */
static bool put_resets(struct fastpath *f)
{
	const struct steer_flow *flows = (const void *)f->resets.data;
	size_t count = f->resets.size / sizeof(*flows);

	for (size_t i = 0; i < count; i += STEER_FLOWS_PER_MESSAGE) {
		struct steer_reset_flows message = {.header = header_of(STEER_RESET_FLOWS, 0)};

		message.count = count - i < STEER_FLOWS_PER_MESSAGE ? (uint32_t)(count - i)
								    : STEER_FLOWS_PER_MESSAGE;
		memcpy(message.flows, flows + i, message.count * sizeof(*flows));
		buffer_put(&f->out, &message, sizeof(message));
	}
	f->counts.resets += count;
	buffer_done(&f->resets);
	return count > 0;
}

static struct steer_address steer_address_of(const struct net_address *address)
{
	struct steer_address to = {.port = address->port};

	memcpy(to.ip, address->ip, sizeof(to.ip));
	return to;
}

void fastpath_reset_flow(struct fastpath *fastpath, int32_t slot,
			 const struct net_address *slot_address, const struct net_address *client)
{
	struct steer_flow flow = {
		.slot_address = steer_address_of(slot_address),
		.client = steer_address_of(client),
		.slot = (uint32_t)slot,
	};

	if (fastpath->is_served && (fastpath->features & STEER_FEATURE_RESET_FLOWS))
		buffer_put(&fastpath->resets, &flow, sizeof(flow));
}

/* ---- sending ---- */

/* Ends every wait for an answer of bwsteer, and dials again. */
static void fastpath_break(struct fastpath *f)
{
	struct release *release, *next;

	env_socket_close(f->options.env, f->socket);
	f->socket = NULL;
	if (!f->has_complained)
		env_log(f->options.env, LOG_WARN, "steer.socket %s: bwsteer %s", f->socket_path,
			f->is_served ? "is gone: connections are forwarded in user space until it "
				       "is back"
				     : "hung up on our HELLO: its log says why");
	f->has_complained = true;
	f->is_served = false;
	f->features = 0;
	mirror_sets_forget(&f->mirrors);
	f->out.size = 0;
	f->sent = 0;
	f->lease_due = false;
	f->image_unanswered = false;
	f->is_refused = false;
	forget_leaders(f);
	buffer_done(&f->resets); /* it holds nothing, until a whole image has come */
	env_timer_after(f->options.env, &f->reconnect, FASTPATH_RECONNECT_MS * 1000);
	while (f->queries) {
		struct fastpath_query *query = f->queries;

		DL_DELETE(f->queries, query);
		query->each(query, NULL, -ENOTCONN);
	}
	DL_FOREACH_SAFE(f->releases, release, next)
		if (release->is_withdrawing) {
			int32_t slot = release->slot;

			DL_DELETE(f->releases, release);
			mem_free(release);
			f->facts_due = true;
			if (f->options.slot_released)
				f->options.slot_released(f->options.context, slot);
		}
}

static ssize_t send_message(struct fastpath *f, const void *message, size_t size)
{
	struct iovec piece = {(void *)message, size}; /* which sending only reads */

	return env_socket_send(f->options.env, f->socket, &piece, 1);
}

/* Sends what is there, leases first: they age. Returns 0, -EAGAIN or why the connection is gone. */
static int send_out(struct fastpath *f)
{
	while (f->lease_due || f->sent < f->out.size) {
		const struct steer_header *header = (const void *)(f->out.data + f->sent);
		ssize_t rc;

		if (f->lease_due)
			rc = send_message(f, &f->lease, sizeof(f->lease));
		else
			rc = send_message(f, header, steer_message_bytes(header->type));
		if (rc < 0)
			return (int)rc;
		if (!f->lease_due)
			f->sent += (size_t)rc;
		f->lease_due = false;
	}
	f->out.size = 0;
	f->sent = 0;
	return 0;
}

static void fastpath_send(struct fastpath *f)
{
	int rc;

	if (!f->socket)
		return;
	do
		rc = send_out(f);
	while (rc == 0 && f->is_served && f->image &&
	       (put_facts(f) || put_resets(f) || put_leaders(f)));
	if (rc < 0 && rc != -EAGAIN)
		fastpath_break(f);
	else
		env_socket_watch(f->options.env, f->socket,
				 rc == 0 ? ENV_READABLE : ENV_READABLE | ENV_WRITABLE);
}

static void put_message(struct fastpath *f, const void *message, size_t size)
{
	buffer_put(&f->out, message, size);
	fastpath_send(f);
}

/* ---- answers ---- */

static void take_hello_ack(struct fastpath *f, const struct steer_hello_ack *ack)
{
	static const char *const names[] = {"off", "tc", "xdp"};

	if (f->is_served)
		return;
	f->is_served = true;
	f->is_steered = ack->attached != 0;
	f->features = ack->features;
	f->whole_due = true;
	f->has_complained = false;
	f->counts.connections++;
	env_log(f->options.env, LOG_INFO, "bwsteer serves this broker, mode %s, mirroring in %s",
		ack->mode < 3 ? names[ack->mode] : "unknown",
		(f->features & STEER_FEATURE_MIRRORS) ? "the kernel" : "user space");
}

static void finish_release(struct fastpath *f, struct release *release)
{
	int32_t slot = release->slot;

	DL_DELETE(f->releases, release);
	mem_free(release);
	f->facts_due = true;
	fastpath_send(f);
	if (f->options.slot_released)
		f->options.slot_released(f->options.context, slot);
}

static void take_image_ack(struct fastpath *f, int result)
{
	f->image_unanswered = false;
	if (result >= 0)
		return;
	f->counts.refused++;
	env_log(f->options.env, LOG_ERROR,
		"bwsteer refused the published slots: %s; check slots.addresses, and that both "
		"programs are "
		"of one version",
		strerror(-result));
	f->is_refused = true;
	forget_leaders(f);
}

static void take_ack(struct fastpath *f, const struct steer_ack *ack)
{
	struct release *release;

	if (f->image_unanswered && ack->header.sequence == f->image_sequence) {
		take_image_ack(f, ack->result);
		return;
	}
	DL_FOREACH(f->releases, release)
		if (release->is_withdrawing && release->sequence == ack->header.sequence) {
			finish_release(f, release);
			return;
		}
}

static void ask_stats(struct fastpath *f, uint32_t first_slot)
{
	struct steer_stats_request request = {
		.header = header_of(STEER_STATS_REQUEST, ++f->last_sequence),
		.first_slot = first_slot,
	};

	f->query_slot = first_slot;
	f->queries->sequence = f->last_sequence;
	put_message(f, &request, sizeof(request));
}

/* Returns the first query if the answer with this sequence is to it. */
static struct fastpath_query *query_of(const struct fastpath *f, uint32_t sequence)
{
	return f->queries && f->queries->sequence == sequence ? f->queries : NULL;
}

static void ask_counts(struct fastpath *f)
{
	struct steer_counts_request request = {
		.header = header_of(STEER_COUNTS_REQUEST, ++f->last_sequence),
	};

	f->queries->sequence = f->last_sequence;
	put_message(f, &request, sizeof(request));
}

static void finish_query(struct fastpath *f, struct fastpath_query *query)
{
	DL_DELETE(f->queries, query);
	if (f->queries)
		ask_stats(f, 0);
	query->each(query, NULL, 0);
}

static void take_counts(struct fastpath *f, const struct steer_counts *counts)
{
	struct fastpath_query *query = query_of(f, counts->header.sequence);

	if (!query)
		return;
	if (query->counts)
		query->counts(query, counts);
	finish_query(f, query);
}

/* Returns 0, or -EPROTO: it would go on for ever. */
static int take_stats(struct fastpath *f, const struct steer_stats *stats)
{
	struct fastpath_query *query = query_of(f, stats->header.sequence);

	if (!query)
		return 0;
	if (stats->count > STEER_STATS_SLOTS || stats->next_slot <= f->query_slot)
		return -EPROTO;
	for (uint32_t i = 0; i < stats->count; i++)
		query->each(query, &stats->slots[i], 0);
	if (stats->next_slot != STEER_NOBODY)
		ask_stats(f, stats->next_slot);
	else if (f->features & STEER_FEATURE_COUNTS)
		ask_counts(f);
	else
		finish_query(f, query);
	return 0;
}

/* Returns 0, or -EPROTO: not a message that bwsteer sends. */
static int take_answer(struct fastpath *f, const void *bytes, size_t size)
{
	struct steer_header header;

	if (size < sizeof(header))
		return -EPROTO;
	memcpy(&header, bytes, sizeof(header));
	if (header.version != STEER_PROTOCOL_VERSION || size != steer_message_bytes(header.type))
		return -EPROTO;
	switch (header.type) {
	case STEER_HELLO_ACK:
		take_hello_ack(f, bytes);
		return 0;
	case STEER_ACK:
		take_ack(f, bytes);
		return 0;
	case STEER_STATS:
		return take_stats(f, bytes);
	case STEER_COUNTS:
		take_counts(f, bytes);
		return 0;
	case STEER_MIRROR_STATE:
		mirror_sets_take(&f->mirrors, bytes);
		return 0;
	case STEER_LEASE_LOST:
		f->counts.leases_lost++;
		f->whole_due = true; /* S2: a whole new image is wanted */
		env_log(f->options.env, LOG_WARN, "bwsteer: the announcing lease ran out");
		return 0;
	default:
		return -EPROTO;
	}
}

static void fastpath_ready(struct env_socket *socket, unsigned events, void *context)
{
	struct fastpath *f = context;
	_Alignas(8) uint8_t bytes[STEER_MESSAGE_BYTES_MAX];

	(void)events;
	for (int i = 0; i < FASTPATH_ANSWERS_PER_ROUND; i++) {
		ssize_t size = env_socket_receive(f->options.env, socket, bytes, sizeof(bytes));

		if (size == -EAGAIN)
			break;
		if (size > 0)
			size = take_answer(f, bytes, (size_t)size);
		else
			size = -ECONNRESET;
		if (f->socket != socket) /* the answer led to a send, and that met the end */
			return;
		if (size == -EPROTO)
			env_log(f->options.env, LOG_ERROR,
				"%s does not speak our protocol; run both programs of one version",
				f->socket_path);
		if (size < 0) {
			fastpath_break(f);
			return;
		}
	}
	fastpath_send(f);
}

/* ---- the connection ---- */

static void say_hello(struct fastpath *f)
{
	const struct image_broker *self =
		f->image ? image_find_broker(f->image, f->options.node_id) : NULL;
	struct steer_hello hello = {
		.header = header_of(STEER_HELLO, ++f->last_sequence),
		.node = (uint32_t)f->options.node_id,
		.broker_epoch = self ? (uint64_t)self->epoch : 0,
	};

	steer_cluster_id(f->cluster_id, hello.cluster_id);
	put_message(f, &hello, sizeof(hello));
}

static void fastpath_connect(struct env_timer *timer)
{
	struct fastpath *f =
		(struct fastpath *)((char *)timer - offsetof(struct fastpath, reconnect));
	struct env *env = f->options.env;
	int rc = f->options.link->open(env, f->socket_path, fastpath_ready, f, &f->socket);

	if (rc == 0) {
		say_hello(f);
		return;
	}
	f->socket = NULL;
	if (!f->has_complained)
		env_log(env, LOG_WARN,
			"steer.socket %s: %s; start bwsteer: until then connections are forwarded "
			"in user space",
			f->socket_path, strerror(-rc));
	f->has_complained = true;
	env_timer_after(env, timer, FASTPATH_RECONNECT_MS * 1000);
}

struct fastpath *fastpath_new(const struct fastpath_options *options)
{
	struct fastpath *f = mem_alloc(sizeof(*f));

	f->options = *options;
	f->socket_path = mem_string(options->socket_path);
	f->cluster_id = mem_string(options->cluster_id);
	f->reconnect.fire = fastpath_connect;
	if (options->link && f->socket_path && f->socket_path[0])
		env_timer_after(options->env, &f->reconnect, 0);
	return f;
}

void fastpath_free(struct fastpath *fastpath)
{
	struct fastpath *f = fastpath;
	struct release *release, *next;

	if (!f)
		return;
	env_timer_stop(f->options.env, &f->reconnect);
	env_socket_close(f->options.env, f->socket);
	DL_FOREACH_SAFE(f->releases, release, next)
		mem_free(release);
	leader_walk_done(&f->walk);
	image_unref(f->leaders);
	image_unref(f->image);
	buffer_done(&f->out);
	buffer_done(&f->resets);
	buffer_done(&f->published.bytes);
	buffer_done(&f->next.bytes);
	mem_free(f->socket_path);
	mem_free(f->cluster_id);
	mem_free(f);
}

/* ---- what the broker asks for ---- */

void fastpath_publish(struct fastpath *fastpath, struct image *image)
{
	if (fastpath->image == image)
		return;
	image_unref(fastpath->image);
	fastpath->image = image_ref(image);
	fastpath->facts_due = true;
	fastpath_send(fastpath);
}

void fastpath_renew_lease(struct fastpath *fastpath, uint64_t evidence_us, uint32_t duration_ms)
{
	if (!fastpath->is_served)
		return;
	fastpath->lease = (struct steer_lease){
		.header = header_of(STEER_LEASE, 0),
		.renewed_at_us = evidence_us,
		.duration_ms = duration_ms,
	};
	fastpath->lease_due = true;
	fastpath->counts.leases++;
	fastpath_send(fastpath);
}

void fastpath_flush_resets(struct fastpath *fastpath)
{
	fastpath_send(fastpath);
}

static struct release *find_release(struct fastpath *f, int32_t slot)
{
	struct release *release;

	DL_FOREACH(f->releases, release)
		if (release->slot == slot)
			return release;
	return NULL;
}

void fastpath_slot_releasing(struct fastpath *fastpath, int32_t slot)
{
	struct release *release = find_release(fastpath, slot);

	if (!release) {
		release = mem_alloc(sizeof(*release));
		release->slot = slot;
		DL_APPEND(fastpath->releases, release);
	}
	release->is_withdrawing = false;
}

void fastpath_slot_released(struct fastpath *fastpath, int32_t slot)
{
	struct release *release = find_release(fastpath, slot);
	struct steer_withdraw withdraw;

	if (!release || release->is_withdrawing)
		return;
	if (!fastpath->is_served) {
		finish_release(fastpath, release);
		return;
	}
	withdraw = (struct steer_withdraw){
		.header = header_of(STEER_WITHDRAW, ++fastpath->last_sequence),
		.slot = (uint32_t)slot,
		.withdrawn = 1,
	};
	release->is_withdrawing = true;
	release->sequence = fastpath->last_sequence;
	put_message(fastpath, &withdraw, sizeof(withdraw));
}

int32_t fastpath_releases(const struct fastpath *fastpath)
{
	const struct release *release;
	int32_t count = 0;

	DL_COUNT(fastpath->releases, release, count);
	return count;
}

void fastpath_ask_stats(struct fastpath *fastpath, struct fastpath_query *query)
{
	bool is_first = !fastpath->queries;

	if (!fastpath->is_served) {
		query->each(query, NULL, -ENOTCONN);
		return;
	}
	DL_APPEND(fastpath->queries, query);
	if (is_first)
		ask_stats(fastpath, 0);
}
