/* What the process knows of itself and of its disk, as Prometheus reads it: process_* as its client
 * libraries name them, and how long flushes took. */
#pragma once

#include "base/buffer.h"
#include "os/os_env.h"

/* Appends it. Any thread. */
void os_process_write_metrics(struct os_process *process, struct buffer *out);
