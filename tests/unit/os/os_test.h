/* What the unit tests of user/os share. */
#pragma once

#include "os/os_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_US = 20 * 1000 * 1000 };

/* Runs rounds of the process's control loop until condition holds; fails after PATIENCE_US. */
#define TURN_UNTIL(process, condition)                                                             \
	do {                                                                                       \
		struct env *turn_env_ = os_process_env(process, 0);                                \
		uint64_t turn_end_ = env_now_us(turn_env_) + PATIENCE_US;                          \
		bool turn_held_;                                                                   \
		while (!(turn_held_ = (condition)) && env_now_us(turn_env_) < turn_end_)           \
			os_process_turn(process, 50000);                                           \
		if (!turn_held_)                                                                   \
			fail_msg("in vain: %s", #condition);                                       \
	} while (0)

/* A sink that counts lines. */
struct counting_log {
	struct log log;
	unsigned lines;
};

static inline void counting_log_write(struct log *log, enum log_level level, const char *line)
{
	(void)level;
	(void)line;
	OS_CONTAINER(log, struct counting_log, log)->lines++;
}

/* A process of one loop, driven by TURN_UNTIL. */
static inline struct os_process *process_of(struct os_options options)
{
	struct os_process *process = NULL;

	assert_int_equal(os_process_new(&options, 1, &process), 0);
	return process;
}

/* A new folder under the temporary folder; free() its name after removing it. */
static inline char *folder_new(void)
{
	const char *base = getenv("TMPDIR");
	char *path = NULL;

	assert_true(asprintf(&path, "%s/bellwether-os-XXXXXX", base ? base : "/tmp") > 0);
	assert_non_null(mkdtemp(path));
	return path;
}
