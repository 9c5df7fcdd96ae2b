/* Owns processes: hosts that go up and down, and the programs that start and end on them.
 *
 *     host up, nothing runs --sim_process_start--> running --pause/resume--> running
 *            ^                                        |
 *            +---- sim_process_kill, _exit -----------+
 *            +---- sim_process_start -- host down <---+ sim_process_power_cut
 *
 * Invariants:
 *  1. A program ends between rounds, never inside one.
 *  2. After the end nothing of it runs: its rounds, posts and tickets are taken out of the queue
 *     before `gone` frees its memory. */
#include "sim/sim_int.h"

#include "base/mem.h"
#include "sim/sim_disk.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

enum { MOST_BOOT_US = 1000000000 };

/* ---- log lines ---- */

static void log_write(struct log *log, enum log_level level, const char *line)
{
	struct sim_process *process = SIM_CONTAINER(log, struct sim_process, log);

	sim_write_line(process->world, process->name, log_level_name(level), line);
}

/* ---- hosts ---- */

static void make_folders(struct sim_disk *disk, const char *path)
{
	char *copy = mem_string(path);

	for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		sim_disk_folder_create(disk, copy);
		*at = '/';
	}
	mem_free(copy);
}

static void sync_folders(struct sim_disk *disk, const char *path)
{
	char *copy = mem_string(path), *slash;

	while ((slash = strrchr(copy, '/'))) {
		*slash = 0;
		sim_disk_folder_sync(disk, *copy ? copy : "/");
	}
	mem_free(copy);
}

void sim_process_put_file(struct sim_process *process, const char *path, const void *bytes,
			  size_t size)
{
	struct iovec piece = {(void *)bytes, size}; /* only read */
	struct env_file *file;

	make_folders(process->disk, path);
	if (sim_disk_open(process->disk, path, ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE,
			  &file) < 0)
		assert(!"a file of the scenario's");
	sim_disk_write(file, &piece, 1, 0);
	sim_disk_sync(file);
	sim_disk_unref(file);
	sync_folders(process->disk, path);
}

/* What the kernel says about this boot, where programs look for it. */
static void write_boot_id(struct sim_process *process)
{
	struct sim_random *random = &process->world->random;
	char text[64];

	snprintf(text, sizeof(text), "%08x-0000-4000-8000-%012llx\n",
		 (unsigned)sim_random_next(random),
		 (unsigned long long)(sim_random_next(random) >> 16));
	sim_process_put_file(process, "/proc/sys/kernel/random/boot_id", text, strlen(text));
}

static void boot(struct sim_process *process)
{
	struct sim_world *world = process->world;

	process->host_is_up = true;
	process->boot_us = (int64_t)sim_random_between(&world->random, 1000, MOST_BOOT_US);
	write_boot_id(process);
}

static void exit_event(struct sim_event *event);

struct sim_process *sim_process_new(struct sim_world *world, const char *name,
				    const char *const *addresses, unsigned address_count)
{
	struct sim_process *process = mem_alloc(sizeof(*process));

	assert(world->process_count < SIM_MOST_PROCESSES && address_count <= SIM_MOST_ADDRESSES);
	process->world = world;
	process->name = mem_string(name);
	process->number = world->process_count;
	process->address_count = address_count;
	for (unsigned i = 0; i < address_count; i++)
		if (net_address_parse_host(addresses[i], 0, &process->addresses[i]) < 0)
			assert(!"an address of a simulated process");
	process->disk = sim_disk_new();
	process->log =
		(struct log){.write = log_write, .level = world->verbose ? LOG_DEBUG : LOG_INFO};
	process->disk_slowness = 1;
	process->exit.run = exit_event;
	world->processes[world->process_count++] = process;
	boot(process);
	return process;
}

/* ---- the program's end ---- */

static void stop_loops(struct sim_process *process)
{
	for (unsigned i = 0; i < process->program.loops; i++) {
		assert(!process->loops[i].in_turn); /* invariant 1 */
		sim_event_stop(process->world, &process->loops[i].turn);
	}
	sim_event_stop(process->world, &process->exit);
	sim_posts_cancel(process);
}

static void free_program(struct sim_process *process, bool exited)
{
	if (process->program.gone)
		process->program.gone(process, exited, process->program.context);
	sim_sockets_free(process);
	for (unsigned i = 0; i < process->program.loops; i++)
		sim_loop_done(&process->loops[i]);
	mem_free(process->loops);
	process->loops = NULL;
}

static void end_program(struct sim_process *process, enum sim_crash how, bool exited)
{
	uint64_t seed = sim_random_next(&process->world->random);

	if (!process->is_running) {
		sim_disk_crash(process->disk, how, seed);
		return;
	}
	process->is_running = process->is_paused = false;
	stop_loops(process);
	if (how == SIM_POWER)
		sim_net_forget(process);
	else
		sim_net_close_later(process);
	sim_disk_crash(process->disk, how, seed);
	sim_files_cancel(process);
	free_program(process, exited);
}

static void exit_event(struct sim_event *event)
{
	struct sim_process *process = SIM_CONTAINER(event, struct sim_process, exit);

	sim_say(process->world, "%s exits", process->name);
	end_program(process, SIM_KILL, true);
}

void sim_process_exit(struct sim_process *process)
{
	if (process->exit.place == 0)
		sim_event_start(process->world, &process->exit, process->world->now_us);
}

void sim_process_kill(struct sim_process *process)
{
	if (!process->is_running)
		return;
	sim_say(process->world, "kill -9 %s", process->name);
	end_program(process, SIM_KILL, false);
}

void sim_process_power_cut(struct sim_process *process)
{
	if (!process->host_is_up)
		return;
	sim_say(process->world, "power cut of %s", process->name);
	end_program(process, SIM_POWER, false);
	sim_net_forget(process); /* what an earlier program left in the kernel */
	process->host_is_up = false;
}

/* ---- its start, its pauses ---- */

int sim_process_start(struct sim_process *process, const struct sim_program *program)
{
	int rc;

	assert(!process->is_running && program->loops > 0 && program->loops <= SIM_MOST_LOOPS);
	if (!process->host_is_up)
		boot(process);
	sim_net_close_now(process); /* a process has ended only when the kernel has closed all */
	sim_say(process->world, "%s starts", process->name);
	process->program = *program;
	memset(process->loop_waits, 0, sizeof(process->loop_waits));
	process->loops = mem_alloc(program->loops * sizeof(*process->loops));
	for (unsigned i = 0; i < program->loops; i++)
		sim_loop_init(&process->loops[i], process, i);
	process->is_running = true;
	rc = program->start(process, program->context);
	if (rc < 0)
		end_program(process, SIM_KILL, true);
	for (unsigned i = 0; rc >= 0 && i < program->loops; i++) {
		process->loops[i].spent_us = 0;
		sim_loop_wake(&process->loops[i]);
	}
	return rc;
}

void sim_process_pause(struct sim_process *process)
{
	if (!process->is_running || process->is_paused)
		return;
	sim_say(process->world, "SIGSTOP %s", process->name);
	process->is_paused = true;
}

void sim_process_resume(struct sim_process *process)
{
	if (!process->is_paused)
		return;
	sim_say(process->world, "SIGCONT %s", process->name);
	process->is_paused = false;
	for (unsigned i = 0; i < process->program.loops; i++) {
		process->loops[i].wants_turn = false;
		sim_loop_wake(&process->loops[i]);
	}
}

void sim_processes_free(struct sim_world *world)
{
	for (unsigned i = 0; i < world->process_count; i++)
		end_program(world->processes[i], SIM_POWER, false);
	for (unsigned i = 0; i < world->process_count; i++) {
		struct sim_process *process = world->processes[i];

		sim_net_forget(process);
		sim_disk_free(process->disk);
		mem_free(process->name);
		mem_free(process);
	}
	world->process_count = 0;
}

/* ---- what it is ---- */

bool sim_process_is_running(const struct sim_process *process)
{
	return process->is_running;
}

bool sim_process_is_paused(const struct sim_process *process)
{
	return process->is_paused;
}

bool sim_process_host_is_up(const struct sim_process *process)
{
	return process->host_is_up;
}

const char *sim_process_name(const struct sim_process *process)
{
	return process->name;
}

unsigned sim_process_number(const struct sim_process *process)
{
	return process->number;
}

struct sim_world *sim_process_world(const struct sim_process *process)
{
	return process->world;
}

struct sim_disk *sim_process_disk(struct sim_process *process)
{
	return process->disk;
}

struct env *sim_process_env(struct sim_process *process, unsigned shard)
{
	return &process->loops[shard].env;
}

struct sim_process *sim_process_of(struct env *env)
{
	return sim_process_here(env);
}

void sim_process_set_disk_slowness(struct sim_process *process, unsigned times)
{
	process->disk_slowness = times;
}

unsigned sim_process_loop_waits(const struct sim_process *process, unsigned shard)
{
	return process->loop_waits[shard];
}

void sim_process_shift_wall_clock(struct sim_process *process, int64_t shift_ms)
{
	process->wall_shift_ms += shift_ms;
}
