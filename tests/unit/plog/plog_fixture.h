/* A log on a simulated disk, batches to put into it, and what to look at afterwards. */
#pragma once

#include "base/mem.h"
#include "plog/plog.h"
#include "plog/plog_int.h"
#include "sim/sim_env_single.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define FOLDER "data/orders-0"

struct fixture {
	struct sim_disk *disk;
	struct sim_env_single *single;
	struct env *env;
	struct plog *log;
	struct plog_options options;
	struct plog_opening opening;
	struct uuid topic_id;
	int durable_calls;
	int durable_result;
	bool closed; /* by the test: nothing to close at the end */
};

static inline void on_durable(void *context, int result)
{
	struct fixture *f = context;

	f->durable_calls++;
	f->durable_result = result;
}

static inline int fixture_try_open(struct fixture *f, bool clean)
{
	int rc = plog_open(f->env, FOLDER, f->topic_id, &f->options, clean, &f->opening, &f->log);

	f->closed = rc < 0;
	if (rc == 0)
		plog_on_durable(f->log, on_durable, f);
	return rc;
}

static inline void fixture_open(struct fixture *f, bool clean)
{
	assert_int_equal(fixture_try_open(f, clean), 0);
}

static inline void fixture_boot(struct fixture *f)
{
	f->single = sim_env_single_new(f->disk);
	f->env = sim_env_single_env(f->single);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	f->disk = sim_disk_new();
	f->topic_id = (struct uuid){{1, 2, 3}};
	f->options = (struct plog_options){
		.segment_bytes = 1 << 20,
		.index_interval_bytes = 256,
		.producer_expiry_ms = 1000 * 1000,
		.flush_ack = true,
	};
	fixture_boot(f);
	sim_disk_folder_create(f->disk, "data");
	sim_disk_folder_sync(f->disk, ".");
	fixture_open(f, false);
	*state = f;
	return 0;
}

static inline void fixture_shut(struct fixture *f)
{
	if (!f->closed)
		plog_close(f->log);
	f->closed = true;
	sim_env_single_free(f->single);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	fixture_shut(f);
	sim_disk_free(f->disk);
	mem_free(f);
	return 0;
}

/* The broker dies; nothing is open afterwards. */
static inline void fixture_crash(struct fixture *f, enum sim_crash how, uint64_t seed)
{
	sim_disk_crash(f->disk, how, seed);
	fixture_shut(f);
	fixture_boot(f);
}

static inline void fixture_close_clean(struct fixture *f)
{
	assert_int_equal(plog_close_clean(f->log), 0);
	f->closed = true;
}

static inline void fixture_settle(struct fixture *f)
{
	sim_env_single_settle(f->single);
}

static inline void fixture_flush(struct fixture *f)
{
	plog_flush(f->log);
	fixture_settle(f);
}

/* ---- batches ---- */

struct given {
	int records;
	int value_bytes;      /* 0: 10 */
	int64_t timestamp_ms; /* 0: 1000 */
	int64_t producer_id;  /* 0: none; else the id */
	int16_t producer_epoch;
	int32_t base_sequence;
};

static inline void fixture_batch(struct buffer *out, int64_t base_offset, int32_t epoch,
				 struct given given)
{
	uint8_t value[4096] = {0};
	struct batch_builder builder;
	int size = given.value_bytes ? given.value_bytes : 10;

	batch_begin(&builder, out, base_offset, given.timestamp_ms ? given.timestamp_ms : 1000);
	builder.header.leader_epoch = epoch;
	if (given.producer_id) {
		builder.header.producer_id = given.producer_id;
		builder.header.producer_epoch = given.producer_epoch;
		builder.header.base_sequence = given.base_sequence;
	}
	for (int i = 0; i < given.records; i++) {
		int64_t number = base_offset + i;

		memcpy(value, &number, sizeof(number));
		batch_add(&builder, NULL, 0, value, size);
	}
	batch_end(&builder);
}

static inline int fixture_lead_given(struct fixture *f, int32_t epoch, struct given given,
				     struct plog_appended *ret)
{
	struct buffer bytes = {0};
	struct reader in;
	struct batch batch;
	int rc;

	fixture_batch(&bytes, 0, -1, given);
	in = reader_of(bytes.data, bytes.size);
	assert_int_equal(batch_next_produced(&in, &batch), BATCH_OK);
	rc = plog_append_as_leader(f->log, bytes.data, &batch, epoch, ret);
	buffer_done(&bytes);
	return rc;
}

/* Appends `batches` batches of `records` records as leader of epoch. */
static inline void fixture_lead(struct fixture *f, int32_t epoch, int batches, int records)
{
	struct plog_appended appended;

	for (int i = 0; i < batches; i++)
		assert_int_equal(fixture_lead_given(f, epoch, (struct given){.records = records},
						    &appended), 0);
}

/* ---- looking ---- */

/* All of the log from offset on, in one buffer; checks every CRC and that offsets follow. */
static inline void fixture_read_all(struct fixture *f, int64_t offset, struct buffer *ret)
{
	int64_t next = offset;

	while (next < plog_end_offset(f->log)) {
		struct plog_slice slice;
		struct reader in;
		struct batch batch;
		size_t before = ret->size;

		if (plog_read(f->log, next, INT64_MAX, 1 << 20, true, &slice) == -EAGAIN) {
			sim_disk_warm(slice.file, slice.position, (size_t)slice.size_bytes);
			env_file_unref(f->env, slice.file);
			continue;
		}
		assert_non_null(slice.file);
		assert_int_equal(env_file_read(f->env, slice.file,
					       buffer_reserve(ret, (size_t)slice.size_bytes),
					       (size_t)slice.size_bytes, slice.position),
				 slice.size_bytes);
		ret->size += (size_t)slice.size_bytes;
		env_file_unref(f->env, slice.file);
		in = reader_of(ret->data + before, ret->size - before);
		while (batch_next(&in, &batch) == BATCH_OK) {
			assert_true(batch_last_offset(&batch) >= next); /* there may be holes */
			next = batch_last_offset(&batch) + 1;
		}
		assert_int_equal(reader_left(&in), 0);
	}
}

static inline bool fixture_exists(struct fixture *f, const char *path)
{
	struct env_file *file;

	if (env_file_open(f->env, path, ENV_OPEN_READ, &file) < 0)
		return false;
	env_file_unref(f->env, file);
	return true;
}

static inline bool fixture_has(struct fixture *f, int64_t offset, const char *suffix)
{
	char *path = file_name_at(FOLDER, offset, suffix);
	bool has = fixture_exists(f, path);

	mem_free(path);
	return has;
}

static inline int64_t fixture_size(struct fixture *f, int64_t offset, const char *suffix)
{
	char *path = file_name_at(FOLDER, offset, suffix);
	struct env_file *file;
	int64_t size;

	assert_int_equal(env_file_open(f->env, path, ENV_OPEN_READ, &file), 0);
	size = env_file_size(f->env, file);
	env_file_unref(f->env, file);
	mem_free(path);
	return size;
}

static inline void fixture_flip(struct fixture *f, int64_t segment, int64_t position)
{
	char *path = file_name_at(FOLDER, segment, SEGMENT_SUFFIX);

	assert_int_equal(sim_disk_flip(f->disk, path, position), 0);
	mem_free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
