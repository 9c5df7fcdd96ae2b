/* The one place where our results become Kafka's error codes. */
#pragma once

#include "replica/replica.h"
#include "wire/errors.h"

enum kafka_error kafka_error_of_replica(enum replica_error error);
