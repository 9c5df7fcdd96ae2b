/* A log on real files through the real env: what the simulated disk may have got wrong. */
#include "base/mem.h"
#include "os/os_env.h"
#include "plog/plog_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { PATIENCE_US = 20 * 1000 * 1000, BATCHES = 500 };

static void remove_one(void *context, const char *name)
{
	char *path = mem_format("%s/%s", (const char *)context, name);

	unlink(path);
	mem_free(path);
}

static void append(struct plog *log, int batches)
{
	for (int i = 0; i < batches; i++) {
		struct plog_appended appended;
		struct batch_builder builder;
		struct buffer bytes = {0};
		struct reader in;
		struct batch batch;

		batch_begin(&builder, &bytes, 0, 1000);
		batch_add(&builder, "key", 3, "value", 5);
		batch_end(&builder);
		in = reader_of(bytes.data, bytes.size);
		assert_int_equal(batch_next_produced(&in, &batch), BATCH_OK);
		assert_int_equal(plog_append_as_leader(log, bytes.data, &batch, 1, &appended), 0);
		buffer_done(&bytes);
	}
}

static void check_read(struct env *env, struct plog *log)
{
	struct plog_slice slice;

	for (int64_t offset = 0; offset < plog_end_offset(log); offset++) {
		assert_int_equal(plog_read(log, offset, INT64_MAX, 1, true, &slice), 0);
		assert_int_equal(slice.base_offset, offset);
		env_file_unref(env, slice.file);
	}
}

static void finish_rounds(struct os_process *process, struct plog *log)
{
	uint64_t end_us = env_now_us(log->env) + PATIENCE_US;

	while (log->round.running && env_now_us(log->env) < end_us)
		os_process_turn(process, 50000);
	assert_false(log->round.running);
}

static void a_log_on_real_files(void **state)
{
	const struct os_options options = {.log_level = LOG_ERROR};
	const struct plog_options small = {.segment_bytes = 4096, .index_interval_bytes = 256,
					   .producer_expiry_ms = 1000};
	char root[] = "/tmp/bellwether-plog-XXXXXX", *folder;
	struct os_process *process;
	struct plog_opening opening;
	struct plog *log;
	struct env *env;

	(void)state;
	assert_non_null(mkdtemp(root));
	folder = mem_format("%s/orders-0", root);
	assert_int_equal(os_process_new(&options, 1, &process), 0);
	env = os_process_env(process, 0);
	assert_int_equal(plog_open(env, folder, (struct uuid){{1}}, &small, false, &opening, &log),
			 0);
	assert_true(opening.created);
	append(log, BATCHES);
	plog_flush(log);
	finish_rounds(process, log);
	assert_int_equal(plog_durable_offset(log), BATCHES);
	assert_int_equal(plog_truncate(log, BATCHES - 70), 0);
	append(log, 70);
	finish_rounds(process, log); /* a ticket that is never answered would keep its memory */
	assert_int_equal(plog_close_clean(log), 0);
	for (int clean = 1; clean >= 0; clean--) {
		assert_int_equal(plog_open(env, folder, (struct uuid){{1}}, &small, clean,
					   &opening, &log), 0);
		assert_false(opening.created || opening.cut || opening.corrupt);
		assert_int_equal(plog_end_offset(log), BATCHES);
		check_read(env, log);
		plog_close(log);
	}
	assert_int_equal(plog_destroy(env, folder, (struct uuid){{1}}), 0);
	env_folder_list(env, root, remove_one, root);
	assert_int_equal(rmdir(root), 0);
	os_process_free(process);
	mem_free(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_on_real_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
