/* What the broker says of itself to Prometheus. Once a second every shard is asked for a copy of
 * its figures (metrics_shard.h), bwsteer for the kernel's; when all have come the text is written
 * and given to broker->publish_metrics. On the control loop; shards never wait for it. */
#pragma once

struct control;
struct metrics;

/* NULL when nobody wants them. */
struct metrics *metrics_new(struct control *control);
/* With everything that it waits for: no message arrives any more. NULL is fine. */
void metrics_free(struct metrics *metrics);
