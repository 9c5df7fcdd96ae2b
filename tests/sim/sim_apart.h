/* Seeds run in processes of their own: an assertion, a crash or a hang fails one seed, and what a
 * killed broker left in memory goes with it. */
#pragma once

#include <stdbool.h>

/* Runs `run` in a child for at most limit_s of real time. Returns whether it returned true; says on
 * standard output when it ended by a signal. */
bool sim_run_apart(bool (*run)(void *context), void *context, unsigned limit_s);
