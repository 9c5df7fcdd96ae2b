/* Whole quorums of three to five nodes out of a seed: quorum_step() on model disks, model clocks
 * and a model network. `quorum_sim [SEEDS] [FIRST]` runs seeds FIRST.. and prints SEED= of
 * the first that breaks an invariant; the same seed gives the same run, which is checked too.
 *
 * The network loses, duplicates, delays and reorders; links are cut one by one. Nodes are killed
 * (the page cache stays), lose power (what was not flushed may be lost), pause, come back with an
 * empty disk under a new directory id, and have disks whose fsync fails. Clocks run at different
 * speeds. Evidence of death is mostly right. After that everything heals, and the quorum must come
 * to one leader that commits.
 *
 * Invariants: SingleLeaderPerEpoch, LeaderCompleteness, LogMatching, what is committed lies on a
 * majority's disks and never changes, each node applies it in order, no R29. */
#include "quorum/quorum_step.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MOST_NODES = 6, /* five voters and an observer */
	MOST_ENTRIES = 20000,
	MOST_EPOCHS = 4000,
	MOST_EVENTS = 1 << 16,
	RECORDS_AT_ONCE = 16,
	CHAOS_US = 12 * 1000 * 1000,
	CALM_US = 6 * 1000 * 1000,
	PROPOSE_EVERY_US = 4000,
	TROUBLE_EVERY_US = 120 * 1000,
	STORM_EVERY_US = 25 * 1000,
};

struct entry { /* one batch of one record */
	int32_t epoch;
	uint32_t value;
};

struct disk {
	struct entry *entries;
	int64_t end;
	int64_t durable;   /* what the node has been told */
	int64_t on_disk;   /* what is true */
	struct quorum_vote vote;
	struct uuid directory_id;
};

enum event_type {
	EVENT_TICK,
	EVENT_MESSAGE,
	EVENT_FLUSHED,
	EVENT_EVIDENCE,
	EVENT_DISCONNECT,
	EVENT_START,
	EVENT_PROPOSE,
	EVENT_TROUBLE,
};

struct event {
	uint64_t time_us, order;
	enum event_type type;
	int node;
	unsigned life;       /* of the node; another life does not get it */
	unsigned number;     /* tick: which one; evidence: of which node; flush: up to where */
	bool dead;
	struct quorum_message message;
	struct entry records[RECORDS_AT_ONCE];
};

struct node {
	bool up, flushing;
	unsigned life, ticks;
	uint64_t paused_until_us;
	double clock_rate;
	uint64_t clock_start_us;
	int64_t flush_end; /* of the flush that is under way; truncation lowers it */
	int64_t applied;
	struct disk disk;
	struct disk lost; /* the voter's disk, when this node has come back with another */
	struct quorum_state state;
};

struct sim {
	uint64_t seed, random, now_us, order, hash;
	bool chaos;
	bool storm; /* one seed in three: elections without end, restarts within a vote's delay */
	int voters, nodes, lost_disks;
	bool cut[MOST_NODES][MOST_NODES];
	struct node node[MOST_NODES];
	struct entry *ledger; /* what anyone has called committed */
	int32_t *ledger_epochs; /* and in which epoch it became so */
	int64_t committed;
	struct { int node; unsigned life; } leaders[MOST_EPOCHS];
	uint32_t next_value;
	struct event **events; /* a heap */
	int event_count;
	const char *broken;
	char why[200];
	struct quorum_out out;
};

static uint64_t roll(struct sim *s, uint64_t bound)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (s->random >> 11) % bound;
}

static bool chance(struct sim *s, unsigned per_thousand)
{
	return roll(s, 1000) < per_thousand;
}

__attribute__((format(printf, 3, 4))) static void fail(struct sim *s, const char *invariant,
							const char *format, ...)
{
	va_list arguments;

	if (s->broken)
		return;
	s->broken = invariant;
	va_start(arguments, format);
	vsnprintf(s->why, sizeof(s->why), format, arguments);
	va_end(arguments);
}

static void trace(struct sim *s, uint64_t value)
{
	s->hash = (s->hash ^ value) * 0x100000001b3;
}

/* ---- events ---- */

static bool before(const struct event *a, const struct event *b)
{
	return a->time_us != b->time_us ? a->time_us < b->time_us : a->order < b->order;
}

static void queue_push(struct sim *s, struct event *e)
{
	int at = s->event_count++;

	if (s->event_count == MOST_EVENTS)
		abort();
	for (; at > 0 && before(e, s->events[(at - 1) / 2]); at = (at - 1) / 2)
		s->events[at] = s->events[(at - 1) / 2];
	s->events[at] = e;
}

static struct event *queue_pop(struct sim *s)
{
	struct event *first = s->events[0], *last = s->events[--s->event_count];
	int at = 0;

	for (int child = 1; child < s->event_count; child = 2 * at + 1) {
		if (child + 1 < s->event_count && before(s->events[child + 1], s->events[child]))
			child++;
		if (before(last, s->events[child]))
			break;
		s->events[at] = s->events[child];
		at = child;
	}
	s->events[at] = last;
	return first;
}

static struct event *schedule(struct sim *s, enum event_type type, int node, uint64_t delay_us)
{
	struct event *e = mem_alloc(sizeof(*e));

	e->type = type;
	e->node = node;
	e->life = s->node[node].life;
	e->time_us = s->now_us + delay_us;
	e->order = s->order++;
	queue_push(s, e);
	return e;
}

static uint64_t node_now(const struct sim *s, const struct node *n)
{
	return n->clock_start_us + (uint64_t)((double)s->now_us * n->clock_rate);
}

/* ---- the disk ---- */

static void epoch_end(const void *context, int32_t epoch, int32_t *ret_epoch, int64_t *ret_end)
{
	const struct disk *d = context;
	int64_t at = d->end;

	while (at > 0 && d->entries[at - 1].epoch > epoch)
		at--;
	*ret_epoch = at > 0 ? d->entries[at - 1].epoch : -1;
	*ret_end = at;
}

static struct quorum_log_view view_of(const struct disk *d)
{
	return (struct quorum_log_view){
		.end_offset = d->end,
		.durable_offset = d->durable,
		.last_epoch = d->end > 0 ? d->entries[d->end - 1].epoch : -1,
		.epoch_end = epoch_end,
		.context = d,
	};
}

static void disk_append(struct sim *s, struct disk *d, struct entry entry)
{
	if (d->end < MOST_ENTRIES)
		d->entries[d->end++] = entry;
	else
		fail(s, "room", "the log is full");
}

static void disk_truncate(struct node *n, int64_t to)
{
	struct disk *d = &n->disk;

	d->end = to;
	if (d->durable > to)
		d->durable = to;
	if (d->on_disk > to)
		d->on_disk = to;
	if (n->flush_end > to)
		n->flush_end = to;
}

static void disk_flush(struct sim *s, int i)
{
	struct node *n = &s->node[i];

	if (!n->up || n->flushing || n->disk.durable == n->disk.end)
		return;
	n->flushing = true;
	n->flush_end = n->disk.end;
	schedule(s, EVENT_FLUSHED, i, 200 + roll(s, chance(s, 30) ? 60000 : 3000));
}

/* ---- invariants ---- */

static void check_leader(struct sim *s, int i)
{
	struct node *n = &s->node[i];
	int32_t epoch = n->state.epoch;

	if (n->state.role != QUORUM_LEADER)
		return;
	if (epoch >= MOST_EPOCHS)
		abort();
	if (s->leaders[epoch].life == n->life && s->leaders[epoch].node == i)
		return;
	if (s->leaders[epoch].life)
		fail(s, "SingleLeaderPerEpoch", "epoch %d: nodes %d and %d", epoch,
		     s->leaders[epoch].node, i);
	s->leaders[epoch].node = i;
	s->leaders[epoch].life = n->life;
	/* Somebody who wakes up and learns that it had won an old epoch may lack what newer ones
	 * have committed since. */
	for (int64_t at = 0; at < s->committed && s->ledger_epochs[at] < epoch; at++)
		if (at >= n->disk.end ||
		    memcmp(&n->disk.entries[at], &s->ledger[at], sizeof(*s->ledger))) {
			fail(s, "LeaderCompleteness", "epoch %d node %d lacks %ld", epoch, i,
			     (long)at);
			return;
		}
}

static bool holds(const struct disk *d, int64_t at, struct entry entry)
{
	return d->on_disk > at && !memcmp(&d->entries[at], &entry, sizeof(entry));
}

/* A disk that was lost since then had it; one that came in its place does not count (R50). */
static void check_on_majority(struct sim *s, int64_t at, struct entry entry)
{
	int count = 0;

	for (int i = 0; i < s->voters; i++) {
		const struct node *n = &s->node[i];

		count += holds(n->lost.entries ? &n->lost : &n->disk, at, entry);
	}
	if (count <= s->voters / 2)
		fail(s, "CommittedIsDurable", "offset %ld lies on %d disks of %d", (long)at, count,
		     s->voters);
}

/* Applies what the node calls committed: in order, each record once, the same everywhere. */
static void apply(struct sim *s, int i)
{
	struct node *n = &s->node[i];

	if (n->state.high_watermark > n->disk.end)
		fail(s, "MonotonicHW", "node %d: %ld above its end", i,
		     (long)n->state.high_watermark);
	if (n->state.high_watermark < n->applied)
		fail(s, "MonotonicHW", "node %d fell to %ld", i, (long)n->state.high_watermark);
	for (; n->applied < n->state.high_watermark && !s->broken; n->applied++) {
		struct entry entry = n->disk.entries[n->applied];

		if (n->applied == s->committed) {
			check_on_majority(s, n->applied, entry);
			s->ledger_epochs[s->committed] = n->state.epoch;
			s->ledger[s->committed++] = entry;
		}
		if (memcmp(&s->ledger[n->applied], &entry, sizeof(entry)))
			fail(s, "NoCommittedRecordLost", "node %d applies another record at %ld", i,
			     (long)n->applied);
		trace(s, entry.value);
	}
}

static void check_log_matching(struct sim *s)
{
	for (int a = 0; a < s->nodes; a++)
		for (int b = a + 1; b < s->nodes; b++) {
			const struct disk *x = &s->node[a].disk, *y = &s->node[b].disk;
			int64_t at = x->end < y->end ? x->end : y->end;

			while (at > 0 && x->entries[at - 1].epoch != y->entries[at - 1].epoch)
				at--;
			if (at && memcmp(x->entries, y->entries, (size_t)at * sizeof(struct entry)))
				fail(s, "LogMatching", "nodes %d and %d below %ld", a, b, (long)at);
		}
}

/* ---- the driver of one node ---- */

static void crash(struct sim *s, int i, bool power);

static uint64_t message_delay(struct sim *s, const struct quorum_message *m)
{
	bool vote = m->type == QUORUM_VOTE_REQUEST || m->type == QUORUM_VOTE_RESPONSE;
	unsigned slow = s->storm && vote ? 300 : 30;

	return 100 + roll(s, s->chaos && chance(s, slow) ? 300000 : 1500);
}

static void deliver(struct sim *s, const struct quorum_send *send)
{
	const struct quorum_message *m = &send->message;
	const struct disk *d = &s->node[m->from].disk;
	int copies = s->chaos && chance(s, 20) ? 2 : 1;
	int64_t count = send->with_records ? d->end - m->end_offset : 0;

	if (s->cut[m->from][m->to] || (s->chaos && chance(s, 15)))
		return;
	if (count > RECORDS_AT_ONCE)
		count = 1 + (int64_t)roll(s, RECORDS_AT_ONCE);
	for (int copy = 0; copy < copies; copy++) {
		struct event *e = schedule(s, EVENT_MESSAGE, m->to, message_delay(s, m));

		e->message = *m;
		e->message.records_size = (size_t)count * sizeof(struct entry);
		if (count > 0)
			memcpy(e->records, &d->entries[m->end_offset], e->message.records_size);
		e->message.records = (const uint8_t *)e->records;
	}
}

static void append_fetched(struct sim *s, struct disk *d, const struct quorum_message *m)
{
	const struct entry *entries = (const void *)m->records;
	size_t count = m->records_size / sizeof(*entries);

	if (s->chaos && chance(s, 10)) /* corrupted on the way: the rest is left out */
		count = roll(s, count + 1);
	for (size_t i = 0; i < count; i++)
		disk_append(s, d, entries[i]);
}

/* Does what quorum_step.h tells a driver to do. Returns true when the log has changed. */
static bool execute(struct sim *s, int i, const struct quorum_in *in, const struct quorum_out *out)
{
	struct node *n = &s->node[i];

	if (out->persist)
		n->disk.vote = (struct quorum_vote){true, n->state.epoch, n->state.voted_id,
						    n->state.voted_directory};
	if (out->persist && s->chaos && chance(s, 20)) {
		crash(s, i, true);
		return false;
	}
	for (int k = 0; k < out->send_count; k++)
		deliver(s, &out->sends[k]);
	if (out->want_evidence >= 0 && !chance(s, 100)) {
		struct event *e = schedule(s, EVENT_EVIDENCE, i, 500 + roll(s, 60000));

		e->number = (unsigned)out->want_evidence;
	}
	if (out->truncate_to >= 0)
		disk_truncate(n, out->truncate_to);
	if (out->begin_epoch)
		disk_append(s, &n->disk, (struct entry){n->state.epoch, s->next_value++});
	if (out->append)
		append_fetched(s, &n->disk, in->message);
	return out->truncate_to >= 0 || out->begin_epoch || out->append;
}

static void step(struct sim *s, int i, struct quorum_in in)
{
	struct node *n = &s->node[i];
	struct event *tick;

	for (;;) {
		in.now_us = node_now(s, n);
		in.log = view_of(&n->disk);
		quorum_step(&n->state, &in, &s->out);
		if (s->out.fatal) {
			if (in.type != QUORUM_IN_FAILED)
				fail(s, "R29", "node %d: %s", i, s->out.fatal);
			crash(s, i, true);
			return;
		}
		trace(s, (uint64_t)in.type << 48 ^ (uint64_t)n->state.epoch << 8 ^
			 (uint64_t)n->state.role);
		check_leader(s, i);
		if (!execute(s, i, &in, &s->out))
			break;
		in = (struct quorum_in){.type = QUORUM_IN_WRITTEN};
	}
	if (!n->up)
		return;
	apply(s, i);
	disk_flush(s, i);
	if (s->out.next_tick_us == QUORUM_NEVER_US)
		return;
	tick = schedule(s, EVENT_TICK, i, s->out.next_tick_us <= node_now(s, n) ? 1 :
		(uint64_t)((double)(s->out.next_tick_us - node_now(s, n)) / n->clock_rate) + 1);
	tick->number = ++n->ticks;
}

static void start(struct sim *s, int i)
{
	struct node *n = &s->node[i];
	struct quorum_options options = {
		.node_id = i,
		.directory_id = n->disk.directory_id,
		.voter_count = s->voters,
		.election_timeout_us = 1000 * 1000,
		.fetch_wait_us = 50 * 1000,
	};

	for (int v = 0; v < s->voters; v++)
		options.voters[v] = (struct quorum_voter){v, {{(uint8_t)(v + 1)}}};
	n->up = true;
	n->flushing = false;
	n->applied = 0;
	n->disk.durable = n->disk.on_disk = n->disk.end; /* recovery fsyncs what it keeps */
	quorum_step_init(&n->state, &options, &n->disk.vote, view_of(&n->disk).last_epoch,
			 node_now(s, n), s->random);
	step(s, i, (struct quorum_in){.type = QUORUM_IN_TICK});
}

static void crash(struct sim *s, int i, bool power)
{
	struct node *n = &s->node[i];

	if (!n->up)
		return;
	n->up = false;
	n->life++;
	if (power)
		n->disk.end = n->disk.on_disk +
			      (int64_t)roll(s, (uint64_t)(n->disk.end - n->disk.on_disk) + 1);
	schedule(s, EVENT_START, i,
		 1000 + roll(s, s->chaos && !s->storm ? 1500 * 1000 : 40 * 1000));
	for (int other = 0; other < s->nodes; other++) {
		if (other == i || s->cut[i][other])
			continue;
		schedule(s, EVENT_DISCONNECT, other, 100 + roll(s, 2000))->number = (unsigned)i;
		if (chance(s, 300))
			continue;
		schedule(s, EVENT_EVIDENCE, other, 2500 + roll(s, 30000))->number = (unsigned)i;
	}
}

/* ---- what happens to them ---- */

static void flushed(struct sim *s, int i)
{
	struct node *n = &s->node[i];

	n->flushing = false;
	if (s->chaos && chance(s, 3)) {
		/* The kernel drops the dirty pages and forgets: the next fsync succeeds. */
		step(s, i, (struct quorum_in){.type = QUORUM_IN_FAILED});
		if (!n->up)
			return;
		n->disk.durable = n->disk.end;
		step(s, i, (struct quorum_in){.type = QUORUM_IN_DURABLE});
		return;
	}
	if (n->disk.on_disk == n->disk.durable)
		n->disk.on_disk = n->flush_end;
	n->disk.durable = n->flush_end;
	step(s, i, (struct quorum_in){.type = QUORUM_IN_DURABLE});
}

static void propose(struct sim *s)
{
	for (int i = 0; i < s->voters && !s->broken; i++) {
		struct node *n = &s->node[i];

		if (!n->up || n->paused_until_us > s->now_us || !quorum_step_leads(&n->state))
			continue;
		for (uint64_t k = roll(s, 4); k > 0; k--)
			disk_append(s, &n->disk, (struct entry){n->state.epoch, s->next_value++});
		step(s, i, (struct quorum_in){.type = QUORUM_IN_WRITTEN});
	}
	schedule(s, EVENT_PROPOSE, 0, PROPOSE_EVERY_US);
}

static void cut_or_mend(struct sim *s)
{
	int a = (int)roll(s, (uint64_t)s->nodes), b = (int)roll(s, (uint64_t)s->nodes);

	switch (roll(s, 4)) {
	case 0: /* one node from everybody */
		for (int i = 0; i < s->nodes; i++)
			s->cut[a][i] = s->cut[i][a] = true;
		break;
	case 1: /* one way */
		s->cut[a][b] = true;
		break;
	case 2:
		s->cut[a][b] = s->cut[b][a] = true;
		break;
	default:
		memset(s->cut, 0, sizeof(s->cut));
	}
}

static void lose_disk(struct sim *s, int i)
{
	struct node *n = &s->node[i];

	if (i >= s->voters || n->lost.entries || s->lost_disks + 1 > (s->voters - 1) / 2)
		return;
	s->lost_disks++;
	crash(s, i, true);
	n->lost = n->disk;
	n->disk = (struct disk){
		.entries = mem_alloc(MOST_ENTRIES * sizeof(struct entry)),
		.vote = {.present = true, .voted_id = -1},
		.directory_id = {{(uint8_t)(100 + i)}},
	};
}

static void trouble(struct sim *s)
{
	int i = (int)roll(s, (uint64_t)s->nodes);
	uint64_t kind = roll(s, 100);

	if (!s->chaos)
		return;
	if (kind < 20)
		crash(s, i, false);
	else if (kind < 35)
		crash(s, i, true);
	else if (kind < 38)
		for (int k = 0; k < s->nodes; k++)
			crash(s, k, true);
	else if (kind < 75)
		cut_or_mend(s);
	else if (kind < 90)
		s->node[i].paused_until_us = s->now_us + roll(s, 2500 * 1000);
	else if (kind < 98 && s->node[i].up)
		step(s, i, (struct quorum_in){.type = QUORUM_IN_RESIGN});
	else if (kind >= 98)
		lose_disk(s, i);
	schedule(s, EVENT_TROUBLE, 0, roll(s, 2 * (s->storm ? STORM_EVERY_US : TROUBLE_EVERY_US)));
}

static void happen(struct sim *s, struct event *e)
{
	struct node *n = &s->node[e->node];
	struct quorum_in in = {.type = QUORUM_IN_TICK, .node_id = (int32_t)e->number};

	if (e->type == EVENT_PROPOSE) {
		propose(s);
		return;
	}
	if (e->type == EVENT_TROUBLE) {
		trouble(s);
		return;
	}
	if (e->type == EVENT_START && !n->up) {
		start(s, e->node);
		return;
	}
	if (!n->up || (e->life != n->life && e->type != EVENT_MESSAGE))
		return;
	switch (e->type) {
	case EVENT_TICK:
		if (e->number != n->ticks)
			return;
		break;
	case EVENT_MESSAGE:
		in.type = QUORUM_IN_MESSAGE;
		in.message = &e->message;
		break;
	case EVENT_FLUSHED:
		flushed(s, e->node);
		return;
	case EVENT_EVIDENCE:
		in.type = QUORUM_IN_EVIDENCE;
		in.dead = !s->node[e->number].up || (s->chaos && chance(s, 20));
		break;
	case EVENT_DISCONNECT:
		in.type = QUORUM_IN_DISCONNECTED;
		break;
	case EVENT_START:
	case EVENT_PROPOSE:
	case EVENT_TROUBLE:
		return;
	}
	step(s, e->node, in);
}

static void run_until(struct sim *s, uint64_t end_us)
{
	for (unsigned count = 0; !s->broken && s->events[0]->time_us <= end_us; count++) {
		struct event *e = queue_pop(s); /* proposals never end, so there is one */

		s->now_us = e->time_us;
		if (e->type != EVENT_PROPOSE && e->type != EVENT_TROUBLE &&
		    s->node[e->node].paused_until_us > s->now_us) {
			e->time_us = s->node[e->node].paused_until_us;
			queue_push(s, e);
			continue;
		}
		trace(s, s->now_us * 8 + (uint64_t)e->type);
		happen(s, e);
		mem_free(e);
		if (count % 4096 == 0)
			check_log_matching(s);
	}
}

/* ---- one seed ---- */

static void set_up(struct sim *s, uint64_t seed)
{
	s->seed = seed;
	s->random = seed * 0x9e3779b97f4a7c15 + 1;
	s->chaos = true;
	s->storm = seed % 3 == 0;
	s->voters = 3 + 2 * (int)roll(s, 2);
	s->nodes = s->voters + (int)roll(s, 2);
	s->next_value = 1;
	s->ledger = mem_alloc(MOST_ENTRIES * sizeof(*s->ledger));
	s->ledger_epochs = mem_alloc(MOST_ENTRIES * sizeof(*s->ledger_epochs));
	s->events = mem_alloc(MOST_EVENTS * sizeof(struct event *));
	for (int i = 0; i < s->nodes; i++) {
		struct node *n = &s->node[i];

		n->life = 1;
		n->clock_rate = 0.8 + (double)roll(s, 400) / 1000;
		n->clock_start_us = roll(s, 1000 * 1000 * 1000);
		n->disk.entries = mem_alloc(MOST_ENTRIES * sizeof(struct entry));
		n->disk.vote = (struct quorum_vote){.present = true, .voted_id = -1};
		n->disk.directory_id = (struct uuid){{(uint8_t)(i + 1)}};
		start(s, i);
	}
	schedule(s, EVENT_PROPOSE, 0, PROPOSE_EVERY_US);
	schedule(s, EVENT_TROUBLE, 0, 500 * 1000);
}

static void tear_down(struct sim *s)
{
	while (s->event_count)
		mem_free(queue_pop(s));
	for (int i = 0; i < s->nodes; i++) {
		mem_free(s->node[i].disk.entries);
		mem_free(s->node[i].lost.entries);
	}
	mem_free(s->events);
	mem_free(s->ledger);
	mem_free(s->ledger_epochs);
}

/* Everything is mended: one leader, which commits, and all follow it. */
static void check_calm(struct sim *s)
{
	int64_t committed;
	int leads = 0;

	s->chaos = false;
	memset(s->cut, 0, sizeof(s->cut));
	for (int i = 0; i < s->nodes; i++)
		s->node[i].paused_until_us = 0;
	run_until(s, s->now_us + CALM_US / 2);
	committed = s->committed;
	run_until(s, s->now_us + CALM_US / 2);
	for (int i = 0; i < s->nodes; i++) {
		leads += quorum_step_leads(&s->node[i].state);
		if (s->node[i].state.high_watermark < committed)
			fail(s, "liveness", "node %d has %ld of %ld", i,
			     (long)s->node[i].state.high_watermark, (long)committed);
	}
	if (leads != 1)
		fail(s, "liveness", "%d leaders", leads);
	if (s->committed < committed + CALM_US / 2 / PROPOSE_EVERY_US / 2)
		fail(s, "liveness", "only %ld committed in calm", (long)(s->committed - committed));
	check_log_matching(s);
}

static bool run_seed(uint64_t seed, uint64_t *ret_hash, int64_t *ret_committed)
{
	struct sim *s = mem_alloc(sizeof(*s));
	bool good;

	set_up(s, seed);
	run_until(s, CHAOS_US);
	check_calm(s);
	good = !s->broken;
	if (!good)
		printf("SEED=%lu %s: %s at %lu us\n", (unsigned long)seed, s->broken, s->why,
		       (unsigned long)s->now_us);
	*ret_hash = s->hash;
	*ret_committed = s->committed;
	tear_down(s);
	mem_free(s);
	return good;
}

int main(int argc, char **argv)
{
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int64_t total = 0, committed;

	for (uint64_t seed = first; seed < first + seeds; seed++) {
		uint64_t hash, again;

		if (!run_seed(seed, &hash, &committed))
			return 1;
		total += committed;
		if (seed % 100 != first % 100)
			continue;
		if (!run_seed(seed, &again, &committed) || again != hash) {
			printf("SEED=%lu determinism: two runs differ\n", (unsigned long)seed);
			return 1;
		}
	}
	printf("%lu seeds, %ld records committed\n", (unsigned long)seeds, (long)total);
	return 0;
}
