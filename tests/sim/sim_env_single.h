/* An env of one loop for unit tests: a simulated disk, a clock that stands until the test moves it,
 * timers, messages to oneself, and flush tickets that the test may hold back. No network. */
#pragma once

#include "sim/sim_disk.h"

struct sim_env_single;

/* The disk outlives the env: a crash is to free the env and make a new one. */
struct sim_env_single *sim_env_single_new(struct sim_disk *disk);
void sim_env_single_free(struct sim_env_single *single);
struct env *sim_env_single_env(struct sim_env_single *single);

/* Runs messages, finished flushes and due timers until nothing is left to do now. */
void sim_env_single_settle(struct sim_env_single *single);

/* Moves the clock, then settles. */
void sim_env_single_advance(struct sim_env_single *single, uint64_t microseconds);

/* While held, tickets stay under way; sim_env_single_flush_one() ends the oldest. Returns whether
 * there was one. */
void sim_env_single_hold_flushes(struct sim_env_single *single, bool hold);
bool sim_env_single_flush_one(struct sim_env_single *single);

/* Log lines at LOG_ERROR so far: most tests want none. */
unsigned sim_env_single_errors(const struct sim_env_single *single);
