/* A log against a plain list of batches, through thousands of random steps and crashes.
 *
 * After every step: same offsets. Now and then and after every restart: same bytes, and
 * EpochCacheEqualsLog and ProducerStateEqualsLog - the live ones are what the batches give. After a
 * power cut the log holds at least what it called durable; what it holds above that, it may choose.
 * A failure prints SEED=; SEED=n in the environment runs that one alone. */
#include "plog_fixture.h"

#include <stdlib.h>

enum { SEEDS = 30, STEPS = 700, PRODUCERS = 4 };

struct known {
	int64_t base_offset, end_offset;
	uint8_t *bytes;
	size_t size;
};

struct model {
	struct fixture *f;
	uint64_t random;
	struct known *batches; /* also those below the log start: producers remember them */
	size_t count, capacity;
	int64_t start_offset, end_offset;
	int64_t promised; /* the durable offset when last looked at, or lower after truncation */
	bool truncated;   /* since then */
	int32_t epoch;
	int32_t sequences[PRODUCERS];
	int64_t time_ms;
	unsigned corrupt, powers;
};

static uint64_t draw(struct model *m, uint64_t below)
{
	uint64_t z = m->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

static void know(struct model *m, const uint8_t *bytes, const struct batch *batch)
{
	struct known *known;

	if (m->count == m->capacity) {
		m->capacity = m->capacity ? m->capacity * 2 : 64;
		m->batches = mem_resize(m->batches, m->capacity * sizeof(*m->batches));
	}
	known = &m->batches[m->count++];
	*known = (struct known){.base_offset = batch->base_offset,
				.end_offset = batch_last_offset(batch) + 1,
				.bytes = mem_alloc((size_t)batch->size_bytes),
				.size = (size_t)batch->size_bytes};
	memcpy(known->bytes, bytes, known->size);
	m->end_offset = known->end_offset;
}

static void forget_from(struct model *m, int64_t offset)
{
	while (m->count > 0 && m->batches[m->count - 1].end_offset > offset)
		mem_free(m->batches[--m->count].bytes);
	m->end_offset = m->count ? m->batches[m->count - 1].end_offset : 0;
}

/* ---- comparing ---- */

static size_t first_at(const struct model *m, int64_t offset)
{
	size_t i = 0;

	while (i < m->count && m->batches[i].end_offset <= offset)
		i++;
	return i;
}

static void note_all(struct model *m, struct epoch_cache *epochs, struct producer_state *producers)
{
	for (size_t i = 0; i < m->count; i++) {
		struct batch batch;

		assert_int_equal(batch_peek(m->batches[i].bytes, m->batches[i].size, &batch),
				 BATCH_OK);
		if (batch.leader_epoch > epoch_cache_last(epochs))
			epoch_cache_assign(epochs, batch.leader_epoch, batch.base_offset);
		producer_state_note(producers, &batch);
	}
	epoch_cache_truncate_start(epochs, m->start_offset);
}

/* With a hole at the log start the first epoch may be said to begin before or after the hole, and a
 * log without a record need not know the epoch of those that are gone. */
static void close_hole(struct model *m, struct epoch_cache *epochs)
{
	size_t first = first_at(m, m->start_offset);

	if (first < m->count)
		epoch_cache_truncate_start(epochs, m->batches[first].base_offset);
	else
		epochs->count = 0;
}

static void check_state(struct model *m)
{
	struct plog *log = m->f->log;
	struct epoch_cache epochs = {0}, copy = {0};
	struct producer_state producers;
	struct buffer live = {0}, derived = {0}, text = {0};

	producer_state_init(&producers, m->f->options.producer_expiry_ms);
	note_all(m, &epochs, &producers);
	epoch_cache_format(&log->epochs, &text);
	assert_int_equal(epoch_cache_parse(&copy, text.data, text.size), 0);
	close_hole(m, &copy);
	close_hole(m, &epochs);
	epoch_cache_format(&copy, &live);
	epoch_cache_format(&epochs, &derived);
	producer_state_format(&log->producers, m->end_offset, &live);
	producer_state_format(&producers, m->end_offset, &derived);
	assert_int_equal(live.size, derived.size);
	assert_memory_equal(live.data, derived.data, live.size);
	buffer_done(&live);
	buffer_done(&derived);
	buffer_done(&text);
	epoch_cache_done(&copy);
	epoch_cache_done(&epochs);
	producer_state_done(&producers);
}

static void check_bytes(struct model *m)
{
	struct buffer bytes = {0};
	size_t at = 0;

	fixture_read_all(m->f, m->start_offset, &bytes);
	for (size_t i = first_at(m, m->start_offset); i < m->count; i++) {
		assert_true(bytes.size - at >= m->batches[i].size);
		assert_memory_equal(bytes.data + at, m->batches[i].bytes, m->batches[i].size);
		at += m->batches[i].size;
	}
	assert_int_equal(at, bytes.size);
	buffer_done(&bytes);
}

static void check_ends(struct model *m)
{
	const struct plog *log = m->f->log;

	assert_int_equal(plog_start_offset(log), m->start_offset);
	assert_int_equal(plog_end_offset(log), m->end_offset);
	assert_true(plog_durable_offset(log) <= m->end_offset);
	if (plog_durable_offset(log) > m->promised) {
		m->promised = plog_durable_offset(log);
		m->truncated = false;
	}
}

/* ---- steps ---- */

static struct given draw_batch(struct model *m, int *ret_producer)
{
	struct given given = {.records = 1 + (int)draw(m, 5)};

	given.value_bytes = draw(m, 20) == 0 ? 2500 : 10 + (int)draw(m, 100);
	given.timestamp_ms = m->time_ms += (int64_t)draw(m, 30);
	*ret_producer = (int)draw(m, PRODUCERS + 2);
	if (*ret_producer < PRODUCERS) {
		given.producer_id = 10 + *ret_producer;
		given.base_sequence = m->sequences[*ret_producer];
	}
	return given;
}

static void step_lead(struct model *m)
{
	struct plog_appended appended;
	struct buffer bytes = {0};
	struct reader in;
	struct batch batch;
	int producer, rc;
	struct given given = draw_batch(m, &producer);

	m->epoch += draw(m, 15) == 0;
	fixture_batch(&bytes, 0, -1, given);
	in = reader_of(bytes.data, bytes.size);
	assert_int_equal(batch_next_produced(&in, &batch), BATCH_OK);
	rc = plog_append_as_leader(m->f->log, bytes.data, &batch, m->epoch, &appended);
	if (rc == 0 && !appended.duplicate) {
		assert_int_equal(appended.base_offset, m->end_offset);
		batch_peek(bytes.data, bytes.size, &batch);
		know(m, bytes.data, &batch);
		if (producer < PRODUCERS)
			m->sequences[producer] += given.records;
	} else if (producer < PRODUCERS) {
		/* The log went back behind this producer: it begins again, anywhere it likes. */
		assert_true(rc == -EILSEQ || appended.duplicate);
		m->sequences[producer] = m->end_offset == 0 ? 0 : (int32_t)draw(m, 50);
	}
	buffer_done(&bytes);
}

static void step_follow(struct model *m)
{
	int64_t next = m->end_offset;
	struct buffer run = {0};
	struct reader in;
	struct batch batch;
	bool exact = draw(m, 2);

	for (uint64_t i = draw(m, 6) + 1; i > 0; i--) {
		int producer;
		struct given given = draw_batch(m, &producer);

		m->epoch += draw(m, 15) == 0;
		if (!exact && draw(m, 10) == 0)
			next += (int64_t)draw(m, 4);
		fixture_batch(&run, next, m->epoch, given);
		next += given.records;
	}
	in = reader_of(run.data, run.size);
	assert_int_equal(plog_append_as_follower(m->f->log, run.data, run.size, m->epoch, exact),
			 next - m->end_offset);
	while (batch_next(&in, &batch) == BATCH_OK)
		know(m, batch.bytes, &batch);
	buffer_done(&run);
}

static void step_truncate(struct model *m)
{
	int64_t offset = m->end_offset - (int64_t)draw(m, draw(m, 4) == 0 ? 60 : 8);

	if (offset < m->start_offset)
		offset = m->start_offset;
	if (offset < m->end_offset) {
		m->truncated = true;
		m->epoch++; /* R1: what comes instead is another leader's */
	}
	assert_int_equal(plog_truncate(m->f->log, offset), 0);
	forget_from(m, offset);
	if (m->start_offset > m->end_offset)
		m->start_offset = m->end_offset;
	if (m->promised > m->end_offset)
		m->promised = m->end_offset;
}

static void step_advance(struct model *m)
{
	int64_t offset = m->start_offset + (int64_t)draw(m, 40);

	if (offset > m->end_offset)
		offset = m->end_offset;
	assert_int_equal(plog_advance_start(m->f->log, offset), 0);
	if (offset > m->start_offset)
		m->start_offset = offset;
}

static void step_flush(struct model *m)
{
	plog_flush(m->f->log);
	sim_env_single_hold_flushes(m->f->single, true);
	for (uint64_t i = draw(m, 4); i > 0; i--)
		sim_env_single_flush_one(m->f->single);
	sim_env_single_advance(m->f->single, draw(m, 200 * 1000));
	if (draw(m, 3) == 0) {
		sim_env_single_hold_flushes(m->f->single, false);
		fixture_settle(m->f);
	}
}

static void step_read(struct model *m)
{
	int64_t offset = m->start_offset +
			 (int64_t)draw(m, (uint64_t)(m->end_offset - m->start_offset) + 1);
	int64_t bound = offset + (int64_t)draw(m, 50);
	size_t first = first_at(m, offset);
	struct plog_slice slice;
	int rc;

	if (draw(m, 5) == 0)
		sim_disk_drop_cache(m->f->disk);
	rc = plog_read(m->f->log, offset, bound, 1 + (int32_t)draw(m, 3000), draw(m, 2), &slice);
	if (rc == -EAGAIN) {
		sim_disk_warm(slice.file, slice.position, (size_t)slice.size_bytes);
		env_file_unref(m->f->env, slice.file);
		return;
	}
	assert_int_equal(rc, 0);
	if (first == m->count || m->batches[first].end_offset > bound) {
		/* Only a hole may stand between: then nothing is below the bound, either. */
		assert_null(slice.file);
		return;
	}
	assert_non_null(slice.file);
	assert_int_equal(slice.base_offset, m->batches[first].base_offset);
	env_file_unref(m->f->env, slice.file);
}

/* ---- restarts ---- */

static void start_over(struct model *m)
{
	assert_int_equal(plog_reset(m->f->log, 0), 0);
	m->start_offset = 0;
	forget_from(m, 0);
	m->promised = 0;
	m->truncated = false;
	memset(m->sequences, 0, sizeof(m->sequences));
}

static void restart(struct model *m, bool clean)
{
	if (clean)
		fixture_close_clean(m->f);
	else
		fixture_crash(m->f, SIM_KILL, 0);
	fixture_open(m->f, clean);
	assert_false(m->f->opening.cut || m->f->opening.corrupt);
	check_ends(m);
	check_bytes(m);
	check_state(m);
}

/* Takes over what the log holds from offset on. */
static void adopt(struct model *m, int64_t offset)
{
	struct buffer bytes = {0};
	struct reader in;
	struct batch batch;

	fixture_read_all(m->f, offset, &bytes);
	in = reader_of(bytes.data, bytes.size);
	/* The batch that holds offset may begin before it. */
	if (batch_peek(bytes.data, bytes.size, &batch) == BATCH_OK && batch.base_offset < offset)
		offset = batch.base_offset;
	forget_from(m, offset);
	while (batch_next(&in, &batch) == BATCH_OK)
		know(m, batch.bytes, &batch);
	buffer_done(&bytes);
}

static void step_power(struct model *m)
{
	const struct plog *log;

	m->powers++;
	fixture_crash(m->f, SIM_POWER, draw(m, UINT32_MAX));
	fixture_open(m->f, false);
	log = m->f->log;
	if (m->f->opening.corrupt) {
		assert_true(m->truncated); /* else it held what it had promised */
		m->corrupt++;
		start_over(m);
		return;
	}
	assert_true(plog_end_offset(log) >= m->promised);
	if (m->start_offset > m->promised) {
		/* The log was told to forget what it had not promised to keep: all bets are off. */
		start_over(m);
		return;
	}
	/* The start may not have reached the disk; then the old records are there again. Nor may a
	 * truncation that took the batch in which the log started. */
	assert_true(plog_start_offset(log) <= m->start_offset || m->truncated);
	m->start_offset = plog_start_offset(log);
	adopt(m, m->promised > m->start_offset ? m->promised : m->start_offset);
	check_ends(m);
	check_bytes(m);
	check_state(m);
	m->promised = m->end_offset;
	m->truncated = false;
	if (plog_last_epoch(log) > m->epoch)
		m->epoch = plog_last_epoch(log);
}

static void step(struct model *m)
{
	uint64_t what = draw(m, 100);

	if (what < 40)
		step_lead(m);
	else if (what < 55)
		step_follow(m);
	else if (what < 60)
		step_truncate(m);
	else if (what < 62)
		step_advance(m);
	else if (what < 80)
		step_flush(m);
	else if (what < 96)
		step_read(m);
	else if (what < 97)
		restart(m, true);
	else if (what < 98)
		restart(m, false);
	else
		step_power(m);
	check_ends(m);
	if (draw(m, 50) == 0) {
		check_bytes(m);
		check_state(m);
	}
}

static void run(uint64_t seed, unsigned *ret_powers, unsigned *ret_corrupt)
{
	struct model m = {.random = seed, .epoch = 1, .time_ms = 1000};
	void *state;

	print_message("SEED=%" PRIu64 "\n", seed);
	fixture_setup(&state);
	m.f = state;
	fixture_close_clean(m.f);
	m.f->options.segment_bytes = 2000 + (int64_t)draw(&m, 6000);
	m.f->options.producer_expiry_ms = 500;
	m.f->options.compacted = true; /* what is fetched has holes */
	fixture_open(m.f, true);
	for (int i = 0; i < STEPS; i++)
		step(&m);
	check_bytes(&m);
	check_state(&m);
	fixture_teardown(&state);
	forget_from(&m, 0);
	mem_free(m.batches);
	*ret_powers += m.powers;
	*ret_corrupt += m.corrupt;
}

static void a_log_is_a_list_of_batches_through_every_crash(void **state)
{
	const char *chosen = getenv("SEED");
	unsigned powers = 0, corrupt = 0;

	(void)state;
	if (chosen) {
		run(strtoull(chosen, NULL, 10), &powers, &corrupt);
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed, &powers, &corrupt);
	print_message("%u power cuts, %u needlessly corrupt\n", powers, corrupt);
	assert_true(powers > 10 * SEEDS);
	assert_true(corrupt * 10 < powers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_is_a_list_of_batches_through_every_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
