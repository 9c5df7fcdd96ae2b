/* Writes metrics as Prometheus reads them (text format 0.0.4: prometheus.io/docs/instrumenting/
 * exposition_formats). A family is its HELP and TYPE lines and then, without another family between
 * them, its samples.
 *
 * Names follow Prometheus' rules: base units, _seconds and _bytes spelled out, _total behind
 * counters, no colons; `promtool check metrics` looks at them in the tests. */
#pragma once

#include "base/buffer.h"
#include "base/histogram.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
	const char *name;
	enum metric_type type;
	const char *help; /* one sentence; no backslash, no line end */
};

/* A label; its value is any text, and is escaped as it is written. */
struct label {
	const char *name, *value;
};

/* The labels of one sample, ended by an empty one. */
#define LABELS(...) ((const struct label[]){__VA_ARGS__, {0}})
#define NO_LABELS   ((const struct label[]){{0}})

/* Begins a family. */
void exposition_begin(struct buffer *out, const struct metric *metric);

void exposition_value(struct buffer *out, const struct metric *metric, const struct label *labels,
		      int64_t value);
/* A duration or a time, written in seconds. */
void exposition_seconds(struct buffer *out, const struct metric *metric, const struct label *labels,
			int64_t value_us);
void exposition_histogram(struct buffer *out, const struct metric *metric,
			  const struct label *labels, const struct histogram *histogram);

/* A family of one sample without labels. */
void exposition_one(struct buffer *out, const struct metric *metric, int64_t value);
