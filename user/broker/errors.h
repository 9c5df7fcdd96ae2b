/* The one place where our results become Kafka's error codes. */
#pragma once

#include "replica/replica.h"
#include "wire/errors.h"

enum kafka_error kafka_error_of_replica(enum replica_error error);

struct worker;

/* What makes a client jump (OFFSET_OUT_OF_RANGE). A leader that has been replaced without knowing
 * it yet lacks what its successor took, and must not say such a thing: without somebody who
 * vouches for this broker it is NOT_LEADER. */
enum replica_error replica_error_if_vouched(const struct worker *worker, enum replica_error error);
/* What makes a producer give up (OUT_OF_ORDER_SEQUENCE, INVALID_PRODUCER_EPOCH): api_produce.c has
 * it confirmed by the controller first. */
bool replica_error_is_verdict(enum replica_error error);
