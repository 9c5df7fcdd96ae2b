/* Owns the form of a process's log lines. Invariant: a line is one write(2), so lines of different
 * threads do not mix, and holds one line break, its last byte, so no peer's text forges one. */
#include "os/os_env.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OS_LOG_LINE_BYTES = 1200 };

static size_t put_prefix(char *line, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm utc;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
	return used + (size_t)snprintf(line + used, size - used, ".%03uZ %s ",
				       (unsigned)(now.tv_nsec / 1000000), log_level_name(level));
}

static void os_log_write(struct log *log, enum log_level level, const char *text)
{
	struct os_log *sink = (struct os_log *)((char *)log - offsetof(struct os_log, log));
	char line[OS_LOG_LINE_BYTES];
	size_t size = put_prefix(line, sizeof(line), level);

	for (; *text && size < sizeof(line) - 1; text++)
		line[size++] = (unsigned char)*text < ' ' || *text == 127 ? '?' : *text;
	line[size++] = '\n';
	while (write(sink->fd, line, size) < 0 && errno == EINTR)
		;
}

void os_log_init(struct os_log *log, int fd, enum log_level level)
{
	*log = (struct os_log){.log = {.write = os_log_write, .level = level}, .fd = fd};
}
