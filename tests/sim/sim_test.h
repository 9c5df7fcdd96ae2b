/* Stories about clusters. Each runs from several seeds; a check that fails prints where, what, and
 * SEED= to replay it. */
#pragma once

#include "sim/sim_cluster.h"

#include <inttypes.h>
#include <stdio.h>

struct sim_story {
	const char *name;
	void (*tell)(struct sim *s, unsigned *failures);
	struct sim_cluster_options options; /* seed and verbosity are the runner's */
};

#define SIM_TEST(name_) static void name_(struct sim *s, unsigned *failures)
#define SIM_STORY(name_, ...)                                                                      \
	{                                                                                          \
		.name = #name_, .tell = name_, .options = { __VA_ARGS__ }                          \
	}

#define CHECK_EQ(actual_, expected_)                                                               \
	do {                                                                                       \
		int64_t is_ = (int64_t)(actual_), shall_ = (int64_t)(expected_);                   \
\
		if (is_ != shall_) {                                                               \
			printf("  %s:%d: %s is %" PRId64 ", not %" PRId64 "\n", __FILE__,          \
			       __LINE__, #actual_, is_, shall_);                                   \
			++*failures;                                                               \
		}                                                                                  \
	} while (0)
#define CHECK(condition_) CHECK_EQ((condition_) ? 1 : 0, 1)
