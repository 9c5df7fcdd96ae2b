/* Owns the clock, the queue of events and the trace.
 *
 * Invariants:
 *  1. queue[i]->place == i, and no event is before the one at half its place; events of the same
 *     time run in the order in which they were started.
 *  2. The clock never goes back.
 *  3. The hash covers the time, kind and numbers of whatever was traced, and nothing else. */
#include "sim/sim_int.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the queue ---- */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

static void put(struct sim_world *world, size_t place, struct sim_event *event)
{
	world->queue[place] = event;
	event->place = place;
}

static void sift(struct sim_world *world, size_t place)
{
	struct sim_event *event = world->queue[place];

	while (place > 1 && is_before(event, world->queue[place / 2])) {
		put(world, place, world->queue[place / 2]);
		place /= 2;
	}
	for (size_t child = place * 2; child <= world->queued; child = place * 2) {
		if (child < world->queued &&
		    is_before(world->queue[child + 1], world->queue[child]))
			child++;
		if (!is_before(world->queue[child], event))
			break;
		put(world, place, world->queue[child]);
		place = child;
	}
	put(world, place, event);
}

void sim_event_start(struct sim_world *world, struct sim_event *event, uint64_t at_us)
{
	event->at_us = at_us > world->now_us ? at_us : world->now_us;
	event->sequence = world->next_sequence++;
	if (event->place == 0) {
		if (world->queued + 1 >= world->queue_capacity) {
			world->queue_capacity =
				world->queue_capacity ? world->queue_capacity * 2 : 256;
			world->queue = mem_resize(world->queue,
						  world->queue_capacity * sizeof(*world->queue));
		}
		put(world, ++world->queued, event);
	}
	sift(world, event->place);
}

void sim_event_stop(struct sim_world *world, struct sim_event *event)
{
	size_t place = event->place;
	struct sim_event *last;

	if (place == 0)
		return;
	event->place = 0;
	last = world->queue[world->queued--];
	if (last != event) {
		put(world, place, last);
		sift(world, place);
	}
}

/* ---- running ---- */

bool sim_world_step(struct sim_world *world)
{
	struct sim_event *event;

	if (world->queued == 0)
		return false;
	event = world->queue[1];
	sim_event_stop(world, event);
	world->now_us = event->at_us;
	world->events++;
	event->run(event);
	return true;
}

void sim_world_run_until(struct sim_world *world, uint64_t until_us)
{
	while (world->queued > 0 && world->queue[1]->at_us <= until_us)
		sim_world_step(world);
	if (until_us > world->now_us)
		world->now_us = until_us;
}

void sim_world_run_for(struct sim_world *world, uint64_t duration_us)
{
	sim_world_run_until(world, world->now_us + duration_us);
}

bool sim_world_run_while_not(struct sim_world *world, bool (*done)(void *context), void *context,
			     uint64_t limit_us)
{
	uint64_t until_us = world->now_us + limit_us;
	bool is_done = done(context);

	while (!is_done && world->queued > 0 && world->queue[1]->at_us <= until_us) {
		sim_world_step(world);
		is_done = done(context);
	}
	if (!is_done && until_us > world->now_us)
		world->now_us = until_us;
	return is_done;
}

/* ---- the trace ---- */

static void mix(struct sim_world *world, uint64_t value)
{
	struct sim_random step = {world->hash ^ value};

	world->hash = sim_random_next(&step);
}

static void mix_text(struct sim_world *world, const char *text)
{
	uint64_t sum = 0xcbf29ce484222325; /* FNV-1a */

	for (; *text; text++)
		sum = (sum ^ (uint8_t)*text) * 0x100000001b3;
	mix(world, sum);
}

void sim_trace(struct sim_world *world, const char *kind, uint64_t a, uint64_t b, uint64_t c)
{
	mix(world, world->now_us);
	mix_text(world, kind);
	mix(world, a);
	mix(world, b);
	mix(world, c);
	if (world->trace)
		fprintf(stderr, "%10.6f %-8s %llu %llu %llu\n", (double)world->now_us / 1e6, kind,
			(unsigned long long)a, (unsigned long long)b, (unsigned long long)c);
}

void sim_write_line(struct sim_world *world, const char *who, const char *level, const char *line)
{
	mix(world, world->now_us);
	mix_text(world, who);
	mix_text(world, line);
	if (world->verbose)
		fprintf(stderr, "%10.6f %-8s %s%s%s\n", (double)world->now_us / 1e6, who, level,
			*level ? " " : "", line);
}

void sim_say(struct sim_world *world, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	sim_write_line(world, "world", "", line);
}

/* ---- life ---- */

struct sim_world *sim_world_new(const struct sim_world_options *options)
{
	struct sim_world *world = mem_alloc(sizeof(*world));

	world->random.state = options->seed;
	world->hash = options->seed;
	world->verbose = options->verbose;
	world->trace = options->trace;
	return world;
}

void sim_world_free(struct sim_world *world)
{
	if (!world)
		return;
	sim_processes_free(world);
	sim_net_free(world);
	mem_free(world->queue);
	mem_free(world);
}

uint64_t sim_world_now_us(const struct sim_world *world)
{
	return world->now_us;
}

struct sim_random *sim_world_random(struct sim_world *world)
{
	return &world->random;
}

uint64_t sim_world_hash(const struct sim_world *world)
{
	return world->hash;
}

uint64_t sim_world_events(const struct sim_world *world)
{
	return world->events;
}
