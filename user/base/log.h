/* Log lines. Where they go and what time they carry is the owner's business: the sink of a process
 * writes to standard error, the simulator's into its trace. */
#pragma once

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
	/* One whole line without its end. Called on any thread of the process. */
	void (*write)(struct log *log, enum log_level level, const char *line);
	enum log_level level; /* lines above it are dropped */
};

void log_line(struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

const char *log_level_name(enum log_level level);
