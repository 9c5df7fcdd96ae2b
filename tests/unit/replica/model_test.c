/* Three replicas of one partition, a toy controller and a toy network, from a seed.
 *
 * Fetches, their answers and AlterPartition are lost, doubled and reordered; images reach brokers
 * late; brokers are killed (flush=async: the page cache stays) or lose power (flush=ack: what is
 * not flushed is gone), are fenced, and come back. What must hold, looked at after every step:
 *   LogMatching          below its HW every replica holds what was committed there
 *   MonotonicHW          HW never falls in one life of a replica: no election here is unclean
 *   NoCommittedRecordLost every new leader holds all that was ever committed
 *   Acknowledged         what a producer was told to be safe was committed
 * And when the faults end, everything is in sync again in bounded time. */
#include "base/mem.h"
#include "stage.h"

#include <stdio.h>

enum {
	NODES = 3,
	SEEDS = 1000,
	STEPS = 1500,
	HEALING_ROUNDS = 400,
	MOST_MESSAGES = 32,
	MOST_RECORDS = 4096,
	MOST_FACTS = 1024,
	MOST_WRITES = 512,
	MODEL_LAG_US = 50 * 1000, /* times 2 to the 0 to 5, by the seed */
};

/* ---- what the metadata says ---- */

struct model_facts {
	int32_t leader, leader_epoch, partition_epoch;
	unsigned isr;
	struct {
		int64_t epoch;
		bool fenced;
	} broker[NODES + 1];
};

enum model_kind { FETCH, FETCHED, ALTER, ALTERED };

struct model_message {
	enum model_kind kind;
	int from, to;
	unsigned incarnation; /* of the end that asked: answers to the dead go nowhere */
	int64_t broker_epoch;
	struct replica_position asked;
	enum replica_error error;
	struct replica_response response;
	struct buffer records;
	struct replica_isr_change change;
	int32_t isr[NODES];
	int64_t epochs[NODES];
	enum replica_isr_answer answer;
	int32_t partition_epoch;
};

struct model_record {
	int32_t leader_epoch;
	uint64_t value;
};

struct model;

struct model_write {
	struct replica_waiter waiter;
	struct model *model;
	uint64_t value;
	bool told, safe;
};

struct model_node {
	struct model *model;
	int id;
	struct world *world;
	struct plog *log;
	struct replica *replica; /* NULL: it is down */
	bool is_stuck;		 /* R35: a flush took too long, the process ends */
	unsigned incarnation;
	int64_t broker_epoch;
	int facts;		/* how many it has seen */
	int64_t high_watermark; /* as last looked at, in this life */
	int32_t led_epoch;	/* the last leadership that was looked at */
};

struct model {
	uint64_t random, seed;
	bool flush_ack;
	int32_t min_isr;
	bool calm; /* no more faults */
	struct model_node node[NODES + 1];
	struct model_facts facts[MOST_FACTS];
	int fact_count;
	int64_t next_broker_epoch;
	struct model_message message[MOST_MESSAGES];
	int message_count;
	struct model_record committed[MOST_RECORDS];
	int64_t committed_count;
	struct model_write write[MOST_WRITES];
	int write_count;
	uint64_t next_value;
};

static uint64_t model_random(struct model *m, uint64_t below)
{
	uint64_t z = m->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

static void model_fail(const struct model *m, const char *what, int64_t at)
{
	print_error("SEED=%llu: %s at %lld\n", (unsigned long long)m->seed, what, (long long)at);
	fail();
}

/* ---- network ---- */

static struct model_message *model_send(struct model *m, enum model_kind kind, int from, int to)
{
	struct model_message *message;

	if (m->message_count == MOST_MESSAGES) { /* the oldest is lost */
		buffer_done(&m->message[0].records);
		memmove(m->message, m->message + 1, sizeof(*m->message) * (MOST_MESSAGES - 1));
		m->message_count--;
	}
	message = &m->message[m->message_count++];
	*message = (struct model_message){.kind = kind, .from = from, .to = to};
	return message;
}

static void model_drop(struct model *m, int place)
{
	buffer_done(&m->message[place].records);
	m->message[place] = m->message[--m->message_count];
}

static void model_take_change(struct model_message *message,
			      const struct replica_isr_change *change)
{
	message->change = *change;
	for (int32_t i = 0; i < change->count; i++) {
		message->isr[i] = change->isr[i];
		message->epochs[i] = change->broker_epochs[i];
	}
}

/* ---- brokers ---- */

static void model_alter_isr(void *context, struct replica *replica,
			    const struct replica_isr_change *change)
{
	struct model_node *n = context;
	struct model *m = n->model;
	struct model_message *message;

	(void)replica;
	/* A repetition goes out after the connection before it was reset: no older copy is left. */
	for (int i = m->message_count - 1; i >= 0; i--) {
		if ((m->message[i].kind == ALTER && m->message[i].from == n->id) ||
		    (m->message[i].kind == ALTERED && m->message[i].to == n->id))
			model_drop(m, i);
	}
	message = model_send(m, ALTER, n->id, 0);
	message->incarnation = n->incarnation;
	model_take_change(message, change);
}

static void model_storage_failed(void *context, struct replica *replica, int result)
{
	struct model_node *n = context;

	(void)replica;
	if (result != -ETIMEDOUT) /* the toy disk is slow at times, and never broken */
		model_fail(n->model, "storage failed", result);
	n->is_stuck = true;
}

static void model_start(struct model_node *n)
{
	struct model *m = n->model;
	struct replica_options options = {.node_id = n->id,
					  .flush_ack = m->flush_ack,
					  .min_insync_replicas = m->min_isr,
					  .lag_time_max_us = MODEL_LAG_US << m->seed % 6};
	struct replica_callbacks callbacks = {
		.context = n, .alter_isr = model_alter_isr, .storage_failed = model_storage_failed};
	struct uuid topic_id = {.bytes = {7}};

	n->log = world_open(n->world);
	if (!n->log)
		model_fail(m, "a log that was durable is broken", n->id);
	n->replica = replica_new(world_env(n->world), &options, &callbacks, "orders", topic_id, 0,
				 n->log);
	n->is_stuck = false;
	n->incarnation++;
	n->high_watermark = 0;
	n->led_epoch = -1;
}

static void model_stop(struct model_node *n)
{
	replica_free(n->replica);
	n->replica = NULL;
	if (n->model->flush_ack)
		world_power_cut(n->world, n->log);
	else
		world_kill(n->world, n->log);
}

static void model_apply(struct model_node *n)
{
	const struct model_facts *facts = &n->model->facts[n->facts++];
	struct stage_image image;

	stage_image_init(&image);
	for (int id = 1; id <= NODES; id++) {
		image.broker[id - 1].epoch = facts->broker[id].epoch;
		image.broker[id - 1].fenced = facts->broker[id].fenced;
	}
	image.partition.leader = facts->leader;
	image.partition.leader_epoch = facts->leader_epoch;
	image.partition.partition_epoch = facts->partition_epoch;
	image.partition.replica_count = stage_list(B1 | B2 | B3, image.replicas);
	image.partition.isr_count = stage_list(facts->isr, image.isr);
	replica_apply(n->replica, &image.image, &image.topic, &image.partition);
}

static void model_write_done(struct replica_waiter *waiter, enum replica_error error)
{
	struct model_write *w = (struct model_write *)waiter;

	w->told = true;
	w->safe = error == REPLICA_OK;
}

static void model_produce(struct model *m, struct model_node *n)
{
	struct buffer bytes = {0};
	struct batch_builder builder;
	struct plog_appended appended;
	struct model_write *w = &m->write[m->write_count];
	struct batch batch;
	struct reader in;
	uint64_t value = ++m->next_value;

	if (m->write_count == MOST_WRITES || replica_role(n->replica) != REPLICA_LEADER)
		return;
	batch_begin(&builder, &bytes, 0, 1000);
	for (uint64_t i = 0; i <= value % 3; i++)
		batch_add(&builder, NULL, 0, &value, sizeof(value));
	batch_end(&builder);
	in = reader_of(bytes.data, bytes.size);
	assert_int_equal(batch_next_produced(&in, &batch), BATCH_OK);
	if (replica_append(n->replica, bytes.data, &batch, true, &appended) == REPLICA_OK) {
		*w = (struct model_write){.waiter = {.done = model_write_done,
						     .last_offset = appended.last_offset,
						     .all_replicas = true},
					  .model = m,
					  .value = value};
		m->write_count++;
		replica_await(n->replica, &w->waiter);
	}
	buffer_done(&bytes);
}

/* ---- fetching ---- */

static void model_ask(struct model *m, struct model_node *n)
{
	struct replica_position position;
	struct model_message *message;

	if (!replica_fetch_position(n->replica, &position))
		return;
	message = model_send(m, FETCH, n->id, position.leader);
	message->asked = position;
	message->incarnation = n->incarnation;
	message->broker_epoch = n->broker_epoch;
}

static void model_read_slice(struct model_node *n, const struct plog_slice *slice,
			     struct buffer *out)
{
	if (!slice->file)
		return;
	assert_int_equal(env_file_read(world_env(n->world), slice->file,
				       buffer_reserve(out, (size_t)slice->size_bytes),
				       (size_t)slice->size_bytes, slice->position),
			 slice->size_bytes);
	out->size += (size_t)slice->size_bytes;
	env_file_unref(world_env(n->world), slice->file);
}

static void model_serve(struct model *m, struct model_node *n, const struct model_message *request)
{
	struct replica_fetch fetch = {
		.follower = request->from,
		.broker_epoch = request->broker_epoch,
		.current_leader_epoch = request->asked.leader_epoch,
		.fetch_offset = request->asked.fetch_offset,
		.last_fetched_epoch = request->asked.last_fetched_epoch,
		.durable_offset = request->asked.durable_offset,
		.max_bytes = (int32_t)model_random(m, 500),
		.whole_first = true,
	};
	struct replica_position asked = request->asked;
	unsigned incarnation = request->incarnation;
	int from = request->from;
	struct replica_fetched fetched = {.diverging_epoch = -1};
	enum replica_error error = replica_serve_follower(n->replica, &fetch, &fetched);
	struct model_message *answer;

	if (error == REPLICA_COLD) {
		env_file_unref(world_env(n->world), fetched.read.slice.file);
		return;
	}
	answer = model_send(m, FETCHED, n->id, from);
	answer->asked = asked;
	answer->incarnation = incarnation;
	answer->error = error;
	if (error != REPLICA_OK)
		return;
	model_read_slice(n, &fetched.read.slice, &answer->records);
	answer->response = (struct replica_response){
		.high_watermark = fetched.read.high_watermark,
		.log_start_offset = fetched.read.log_start_offset,
		.diverging_epoch = fetched.diverging_epoch,
		.diverging_end_offset = fetched.diverging_end_offset,
		.records_size = answer->records.size,
	};
}

static void model_follow(struct model_node *n, struct model_message *message)
{
	struct replica_position position;
	int64_t rc;

	if (message->error != REPLICA_OK) {
		if (message->error == REPLICA_OFFSET_OUT_OF_RANGE &&
		    replica_fetch_position(n->replica, &position) &&
		    position.leader_epoch == message->asked.leader_epoch)
			model_fail(n->model, "fetch offset out of range",
				   message->asked.fetch_offset);
		return;
	}
	message->response.records = message->records.data;
	rc = replica_follow(n->replica, &message->asked, &message->response);
	if (rc < 0)
		model_fail(n->model, "a fetched answer was refused", rc);
}

/* ---- controller ---- */

static struct model_facts *model_now(struct model *m)
{
	return &m->facts[m->fact_count - 1];
}

/* The next facts, to be altered. */
static struct model_facts *model_commit(struct model *m)
{
	if (m->fact_count == MOST_FACTS)
		model_fail(m, "too many facts", MOST_FACTS);
	m->facts[m->fact_count] = m->facts[m->fact_count - 1];
	return &m->facts[m->fact_count++];
}

static void model_elect(struct model *m, struct model_facts *facts, int not_if_possible)
{
	int leader = -1, offset = (int)model_random(m, NODES);

	for (int i = 0; i < NODES; i++) {
		int id = (i + offset) % NODES + 1;

		if (!(facts->isr & 1U << id) || facts->broker[id].fenced)
			continue;
		if (leader < 0 || leader == not_if_possible)
			leader = id;
	}
	facts->leader = leader;
	facts->leader_epoch++;
	facts->partition_epoch++;
}

static void model_fence(struct model *m, int id) /* R36 */
{
	struct model_facts *facts;

	if (model_now(m)->broker[id].fenced)
		return;
	facts = model_commit(m);
	facts->broker[id].fenced = true;
	if ((facts->isr & 1U << id) && facts->isr != 1U << id) {
		facts->isr &= ~(1U << id);
		facts->partition_epoch++;
	}
	if (facts->leader == id)
		model_elect(m, facts, id);
}

static void model_register(struct model *m, struct model_node *n)
{
	struct model_facts *facts = model_commit(m);
	bool was_fenced = facts->broker[n->id].fenced;

	n->broker_epoch = ++m->next_broker_epoch;
	facts->broker[n->id].epoch = n->broker_epoch;
	facts->broker[n->id].fenced = false;
	/* R38: nobody had fenced it, so it keeps its place; R7: but leads nothing from before. */
	if (facts->leader < 0 || (!was_fenced && facts->leader == n->id))
		model_elect(m, facts, n->id);
	n->facts = m->fact_count - 1; /* it starts with an image that holds its registration */
}

static bool model_change_is_sound(const struct model_facts *now,
				  const struct replica_isr_change *change, unsigned isr)
{
	for (int32_t i = 0; i < change->count; i++) {
		if (now->broker[change->isr[i]].fenced ||
		    now->broker[change->isr[i]].epoch != change->broker_epochs[i])
			return false;
	}
	return isr & 1U << now->leader;
}

static void model_alter(struct model *m, struct model_message *request) /* R33 */
{
	struct model_message ask = *request;
	const struct model_facts *now = model_now(m);
	enum replica_isr_answer answer = REPLICA_ISR_UNKNOWN;
	struct model_message *message;
	unsigned isr;

	ask.change.isr = ask.isr;
	ask.change.broker_epochs = ask.epochs;
	isr = stage_bits(ask.change.count, ask.isr);
	if (ask.change.leader_epoch == now->leader_epoch && now->leader == ask.from &&
	    ask.change.partition_epoch == now->partition_epoch) {
		answer = REPLICA_ISR_REFUSED;
		if (model_change_is_sound(now, &ask.change, isr)) {
			struct model_facts *facts = model_commit(m);

			facts->isr = isr;
			facts->partition_epoch++;
			answer = REPLICA_ISR_APPLIED;
			if (!m->calm && model_random(m, 2) == 0) /* the connection breaks */
				answer = REPLICA_ISR_UNKNOWN;
		}
	}
	message = model_send(m, ALTERED, 0, ask.from);
	message->incarnation = ask.incarnation;
	message->answer = answer;
	message->partition_epoch = model_now(m)->partition_epoch;
	model_take_change(message, &ask.change);
}

/* ---- steps ---- */

static void model_hand_over(struct model *m, struct model_message *message)
{
	struct model_node *n = &m->node[message->to];

	if (message->kind == ALTER) {
		model_alter(m, message);
		return;
	}
	if (!n->replica)
		return;
	if (message->kind == FETCH) {
		model_serve(m, n, message);
		return;
	}
	if (message->incarnation != n->incarnation)
		return;
	if (message->kind == FETCHED) {
		model_follow(n, message);
		return;
	}
	message->change.isr = message->isr;
	message->change.broker_epochs = message->epochs;
	replica_isr_answer(n->replica, &message->change, message->answer, message->partition_epoch);
}

static void model_deliver(struct model *m)
{
	struct model_message message;
	int place;

	if (m->message_count == 0)
		return;
	place = (int)model_random(m, (uint64_t)m->message_count);
	message = m->message[place];
	m->message[place] = m->message[--m->message_count];
	if (m->calm || model_random(m, 8) > 0)
		model_hand_over(m, &message);
	if (!m->calm && (message.kind == FETCH || message.kind == FETCHED) &&
	    model_random(m, 8) == 0) {
		*model_send(m, message.kind, message.from, message.to) = message; /* again, later */
		return;
	}
	buffer_done(&message.records);
}

static void model_restart(struct model *m, struct model_node *n)
{
	if (n->replica)
		return;
	model_start(n);
	model_register(m, n);
	model_apply(n);
}

static void model_fault(struct model *m, struct model_node *n)
{
	switch (model_random(m, 4)) {
	case 0:
		if (n->replica)
			model_stop(n);
		break;
	case 1:
		model_fence(m, n->id); /* dead or alive */
		break;
	default:
		model_restart(m, n);
		break;
	}
}

/* A fenced broker that lives is unfenced by its next heartbeat. */
static void model_unfence(struct model *m, struct model_node *n)
{
	struct model_facts *facts;

	if (!n->replica || !model_now(m)->broker[n->id].fenced ||
	    model_now(m)->broker[n->id].epoch != n->broker_epoch || n->facts < m->fact_count)
		return;
	facts = model_commit(m);
	facts->broker[n->id].fenced = false;
	if (facts->leader < 0)
		model_elect(m, facts, 0);
}

static void model_step_node(struct model *m, struct model_node *n)
{
	if (!n->replica)
		return;
	if (n->is_stuck) {
		model_stop(n);
		return;
	}
	switch (model_random(m, 8)) {
	case 0:
		replica_tick(n->replica);
		break;
	case 1:
		world_run(n->world);
		break;
	case 2:
		if (n->facts < m->fact_count)
			model_apply(n);
		break;
	case 3:
		model_unfence(m, n);
		break;
	case 4:
		model_produce(m, n);
		break;
	default:
		model_ask(m, n);
		break;
	}
}

static void model_step(struct model *m)
{
	struct model_node *n = &m->node[1 + model_random(m, NODES)];

	for (int id = 1; id <= NODES; id++) {
		if (m->node[id].replica)
			world_advance(m->node[id].world, 1000 * (1 + model_random(m, 40)));
	}
	if (model_random(m, 50) == 0)
		model_fault(m, n);
	else if (model_random(m, 2) == 0)
		model_deliver(m);
	else
		model_step_node(m, n);
}

/* ---- invariants ---- */

/* The batch that holds offset. Returns the offset after it. */
static int64_t model_record_at(struct model_node *n, int64_t offset,
			       struct model_record *ret_record)
{
	struct plog_slice slice;
	struct buffer bytes = {0};
	struct batch batch;
	struct batch_record record;
	struct reader in, records;

	if (plog_read(n->log, offset, plog_end_offset(n->log), 1, true, &slice) != 0 || !slice.file)
		model_fail(n->model, "a record cannot be read", offset);
	model_read_slice(n, &slice, &bytes);
	in = reader_of(bytes.data, bytes.size);
	assert_int_equal(batch_next(&in, &batch), BATCH_OK);
	assert_in_range(offset, batch.base_offset, batch_last_offset(&batch));
	records = batch_records(&batch);
	assert_int_equal(batch_next_record(&batch, &records, &record), BATCH_OK);
	ret_record->leader_epoch = batch.leader_epoch;
	memcpy(&ret_record->value, record.value, sizeof(ret_record->value));
	offset = batch_last_offset(&batch) + 1;
	buffer_done(&bytes);
	return offset;
}

/* LogMatching: what this replica holds from one offset to another is what was committed there; what
 * it is the first to know as committed is written down. */
static void model_compare(struct model_node *n, int64_t from, int64_t to)
{
	struct model *m = n->model;

	while (from < to) {
		struct model_record record;
		int64_t next = model_record_at(n, from, &record);

		for (; from < next && from < to; from++) {
			if (from >= MOST_RECORDS)
				model_fail(m, "too many records", from);
			if (from == m->committed_count)
				m->committed[m->committed_count++] = record;
			if (m->committed[from].value != record.value ||
			    m->committed[from].leader_epoch != record.leader_epoch)
				model_fail(m, "another record than the committed one", from);
		}
	}
}

static void model_look_at_node(struct model_node *n)
{
	struct model *m = n->model;
	int64_t high_watermark = replica_high_watermark(n->replica);

	if (high_watermark < n->high_watermark)
		model_fail(m, "HW fell", high_watermark);
	model_compare(n, n->high_watermark, high_watermark);
	n->high_watermark = high_watermark;
	if (replica_role(n->replica) != REPLICA_LEADER ||
	    replica_leader_epoch(n->replica) == n->led_epoch)
		return;
	n->led_epoch = replica_leader_epoch(n->replica);
	/* A leader of long ago may hear of its election late, and lack what came since. */
	if (n->led_epoch != model_now(m)->leader_epoch)
		return;
	if (plog_end_offset(n->log) < m->committed_count)
		model_fail(m, "a leader without a committed record", plog_end_offset(n->log));
	model_compare(n, 0, m->committed_count);
}

static void model_look(struct model *m)
{
	for (int id = 1; id <= NODES; id++) {
		if (m->node[id].replica)
			model_look_at_node(&m->node[id]);
	}
	for (int i = 0; i < m->write_count; i++) {
		const struct model_write *w = &m->write[i];

		if (w->safe && (w->waiter.last_offset >= m->committed_count ||
				m->committed[w->waiter.last_offset].value != w->value))
			model_fail(m, "acknowledged and not committed", w->waiter.last_offset);
	}
}

static bool model_is_in_sync(struct model *m)
{
	int64_t end_offset = plog_end_offset(m->node[1].log);

	for (int id = 1; id <= NODES; id++) {
		struct model_node *n = &m->node[id];

		if (plog_end_offset(n->log) != end_offset || n->facts != m->fact_count ||
		    replica_high_watermark(n->replica) != end_offset)
			return false;
	}
	return model_now(m)->isr == (B1 | B2 | B3);
}

/* The faults end: all come back, everything arrives, and a last write is acknowledged. */
static void model_heal(struct model *m)
{
	const struct model_write *last = &m->write[m->write_count];
	int round = 0;

	m->calm = true;
	for (; round < HEALING_ROUNDS; round++) {
		if (last != &m->write[m->write_count] && last->safe && model_is_in_sync(m))
			break;
		for (int id = 1; id <= NODES; id++) {
			struct model_node *n = &m->node[id];

			if (n->replica && n->is_stuck)
				model_stop(n);
			model_restart(m, n);
			world_advance(n->world, 100 * 1000);
			while (n->facts < m->fact_count)
				model_apply(n);
			model_unfence(m, n);
			replica_tick(n->replica);
			world_run(n->world);
			model_ask(m, n);
		}
		for (int i = 0; i < 8; i++)
			model_deliver(m);
		if (round > HEALING_ROUNDS / 2 && model_now(m)->leader > 0 &&
		    (last == &m->write[m->write_count] || (last->told && !last->safe))) {
			last = &m->write[m->write_count];
			model_produce(m, &m->node[model_now(m)->leader]);
		}
		model_look(m);
	}
	if (round == HEALING_ROUNDS)
		model_fail(m, "not in sync after the faults", model_now(m)->leader);
}

static void model_run(struct model *m, uint64_t seed)
{
	*m = (struct model){.random = seed,
			    .seed = seed,
			    .flush_ack = seed % 3 != 0,
			    .min_isr = seed % 5 == 0 ? 1 : 0,
			    .fact_count = 1};
	m->facts[0].leader = 1;
	m->facts[0].isr = B1 | B2 | B3;
	for (int id = 1; id <= NODES; id++) {
		m->facts[0].broker[id].epoch = m->node[id].broker_epoch = ++m->next_broker_epoch;
		m->node[id].model = m;
		m->node[id].id = id;
		m->node[id].world = world_new();
		model_start(&m->node[id]);
	}
	for (int step = 0; step < STEPS; step++) {
		model_step(m);
		model_look(m);
	}
	model_heal(m);
	while (m->message_count > 0)
		model_drop(m, 0);
	for (int id = 1; id <= NODES; id++) {
		model_compare(&m->node[id], 0, m->committed_count);
		replica_free(m->node[id].replica);
		world_free(m->node[id].world, m->node[id].log);
	}
}

static void no_acknowledged_record_is_lost_and_no_two_replicas_diverge(void **state)
{
	const char *one = getenv("SEED");
	struct model *m = mem_alloc(sizeof(*m));
	int64_t committed = 0, acknowledged = 0, elections = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		model_run(m, one ? strtoull(one, NULL, 10) : seed);
		committed += m->committed_count;
		elections += model_now(m)->leader_epoch;
		for (int i = 0; i < m->write_count; i++)
			acknowledged += m->write[i].safe;
		if (one)
			break;
	}
	print_message("%lld records committed, %lld writes acknowledged, %lld leader epochs\n",
		      (long long)committed, (long long)acknowledged, (long long)elections);
	/* Else the faults, or the model, let nothing happen. */
	assert_true(one || (acknowledged > 2 * SEEDS && elections > SEEDS));
	mem_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_acknowledged_record_is_lost_and_no_two_replicas_diverge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
