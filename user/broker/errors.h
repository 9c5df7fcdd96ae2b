/* The one place where our results become Kafka's error codes. */
#pragma once

#include "replica/replica.h"
#include "wire/errors.h"

enum kafka_error kafka_error_of_replica(enum replica_error error);

struct worker;

/* What decides for a client whether it gives up (OUT_OF_ORDER_SEQUENCE) or jumps
 * (OFFSET_OUT_OF_RANGE). A leader that has been replaced without knowing it yet lacks what its
 * successor took, and must not say such a thing: without somebody who vouches for this broker it is
 * NOT_LEADER. */
enum replica_error replica_error_if_vouched(const struct worker *worker, enum replica_error error);
/* Whether a producer gives up at this error. */
bool replica_error_is_verdict(enum replica_error error);
