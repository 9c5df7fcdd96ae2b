/* Owns the formatting of log lines; leaves the writing to the sink. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LOG_LINE_BYTES = 1024 };

void log_line(struct log *log, enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_BYTES];
	va_list arguments;

	if (level > log->level)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	log->write(log, level, line);
}

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	return names[level];
}
