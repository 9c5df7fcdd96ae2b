/* Owns the reading of /proc/self for metrics. What cannot be read is left out. */
#include "os/os_metrics.h"

#include "base/exposition.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MICROSECONDS = 1000000 };

static const struct metric cpu = {"process_cpu_seconds_total", METRIC_COUNTER,
				  "CPU time that the process has used"};
static const struct metric start_time = {"process_start_time_seconds", METRIC_GAUGE,
					 "When the process was started, since 1970"};
static const struct metric resident = {"process_resident_memory_bytes", METRIC_GAUGE,
				       "Memory that the process has in RAM"};
static const struct metric virtual = {"process_virtual_memory_bytes", METRIC_GAUGE,
				      "Address space of the process"};
static const struct metric open_fds = {"process_open_fds", METRIC_GAUGE, "Open file descriptors"};
static const struct metric max_fds = {"process_max_fds", METRIC_GAUGE,
				      "File descriptors that the process may have"};
static const struct metric flushes = {
	"bellwether_flush_duration_seconds", METRIC_HISTOGRAM,
	"How long flushes to the disk took: fdatasync of one file, or syncfs for many"};
static const struct metric flush_failures = {
	"bellwether_flush_failures_total", METRIC_COUNTER,
	"Flushes that failed; the broker ends after the first one"};

static void write_cpu(struct buffer *out)
{
	struct timespec used;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) < 0)
		return;
	exposition_begin(out, &cpu);
	exposition_seconds(out, &cpu, NO_LABELS,
			   (int64_t)used.tv_sec * MICROSECONDS + used.tv_nsec / 1000);
}

/* The 22nd field of /proc/self/stat, in ticks since boot. The second one is the program's name in
 * parentheses, which may hold anything. Returns false when it cannot be read. */
static bool read_start_ticks(unsigned long long *ret_ticks)
{
	FILE *file = fopen("/proc/self/stat", "re");
	char line[1024];
	const char *at;
	size_t size;

	if (!file)
		return false;
	size = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[size] = 0;
	at = strrchr(line, ')');
	return at && sscanf(at + 1,
			    " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			    "%*d %*d %llu",
			    ret_ticks) == 1;
}

static void write_start_time(struct buffer *out)
{
	unsigned long long ticks, ticks_per_s = (unsigned long long)sysconf(_SC_CLK_TCK);
	struct timespec boot, wall;
	int64_t booted_us;

	if (!read_start_ticks(&ticks))
		return;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &wall);
	booted_us = (int64_t)(wall.tv_sec - boot.tv_sec) * MICROSECONDS +
		    (wall.tv_nsec - boot.tv_nsec) / 1000;
	exposition_begin(out, &start_time);
	exposition_seconds(out, &start_time, NO_LABELS,
			   booted_us + (int64_t)(ticks * MICROSECONDS / ticks_per_s));
}

static void write_memory(struct buffer *out)
{
	FILE *file = fopen("/proc/self/statm", "re");
	int64_t page = sysconf(_SC_PAGESIZE), size, rss;

	if (!file)
		return;
	if (fscanf(file, "%" SCNd64 " %" SCNd64, &size, &rss) == 2) {
		exposition_one(out, &virtual, size * page);
		exposition_one(out, &resident, rss * page);
	}
	fclose(file);
}

static void write_fds(struct buffer *out)
{
	DIR *folder = opendir("/proc/self/fd");
	struct rlimit limit;
	int64_t count = -3; /* ., .. and the folder itself */

	if (!folder)
		return;
	while (readdir(folder))
		count++;
	closedir(folder);
	exposition_one(out, &open_fds, count);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		exposition_one(out, &max_fds, (int64_t)limit.rlim_cur);
}

static void write_flushes(struct os_process *process, struct buffer *out)
{
	struct os_flush_counts counts;

	os_process_flush_counts(process, &counts);
	exposition_begin(out, &flushes);
	exposition_histogram(out, &flushes, LABELS({"call", "fdatasync"}), &counts.fdatasync_time);
	exposition_histogram(out, &flushes, LABELS({"call", "syncfs"}), &counts.syncfs_time);
	exposition_one(out, &flush_failures, (int64_t)counts.failures);
}

void os_process_write_metrics(struct os_process *process, struct buffer *out)
{
	write_flushes(process, out);
	write_cpu(out);
	write_start_time(out);
	write_memory(out);
	write_fds(out);
}
