/* One machine for one log: a simulated disk that outlives crashes, a clock that stands until the
 * test moves it, and flushes that stay under way until the test lets them end. */
#pragma once

#include "base/mem.h"
#include "plog/plog.h"
#include "sim/sim_env_single.h"

#include <errno.h>

#define WORLD_FOLDER "data/orders-0"

struct world {
	struct sim_disk *disk;
	struct sim_env_single *single; /* NULL: the machine is off */
	uint64_t crashes;
};

static inline struct env *world_env(struct world *w)
{
	return sim_env_single_env(w->single);
}

static inline void world_boot(struct world *w)
{
	w->single = sim_env_single_new(w->disk);
	sim_env_single_hold_flushes(w->single, true);
}

static inline struct world *world_new(void)
{
	struct world *w = mem_alloc(sizeof(*w));

	w->disk = sim_disk_new();
	sim_disk_folder_create(w->disk, "data");
	sim_disk_folder_sync(w->disk, ".");
	world_boot(w);
	return w;
}

/* Opens the log, on a new env when the one before has crashed. NULL: it cannot be opened, or has
 * lost what it had said to be durable. */
static inline struct plog *world_open(struct world *w)
{
	/* Small, so that truncations meet several segments. */
	struct plog_options options = {.segment_bytes = 1024,
				       .index_interval_bytes = 128,
				       .producer_expiry_ms = 1000 * 1000};
	struct uuid topic_id = {.bytes = {7}};
	struct plog_opening opening;
	struct plog *log;

	if (!w->single)
		world_boot(w);
	if (plog_open(world_env(w), WORLD_FOLDER, topic_id, &options, false, &opening, &log) < 0)
		return NULL;
	return opening.corrupt ? NULL : log;
}

/* Lets every flush end. */
static inline void world_run(struct world *w)
{
	sim_env_single_settle(w->single);
	while (sim_env_single_flush_one(w->single))
		sim_env_single_settle(w->single);
}

static inline void world_advance(struct world *w, uint64_t microseconds)
{
	sim_env_single_advance(w->single, microseconds);
}

static inline void world_off(struct world *w, struct plog *log)
{
	plog_close(log);
	sim_env_single_free(w->single);
	w->single = NULL;
}

static inline void world_power_cut(struct world *w, struct plog *log)
{
	sim_disk_crash(w->disk, SIM_POWER, w->crashes++);
	world_off(w, log);
}

static inline void world_kill(struct world *w, struct plog *log)
{
	sim_disk_crash(w->disk, SIM_KILL, w->crashes++);
	world_off(w, log);
}

/* The next flush that begins will fail. */
static inline void world_fail_disk(struct world *w)
{
	sim_disk_fail_next(w->disk, SIM_SYNC, 0, -EIO);
}

static inline void world_free(struct world *w, struct plog *log)
{
	if (w->single)
		world_off(w, log);
	sim_disk_free(w->disk);
	mem_free(w);
}
