/* Owns the translation of results, and which of them need a leader that is sure of itself. */
#include "broker/errors.h"

#include "broker/worker.h"

enum kafka_error kafka_error_of_replica(enum replica_error error)
{
	switch (error) {
	case REPLICA_OK:
		return KAFKA_NONE;
	case REPLICA_NOT_LEADER:
		return KAFKA_NOT_LEADER_OR_FOLLOWER;
	case REPLICA_FENCED_EPOCH:
		return KAFKA_FENCED_LEADER_EPOCH;
	case REPLICA_UNKNOWN_EPOCH:
		return KAFKA_UNKNOWN_LEADER_EPOCH;
	case REPLICA_NOT_ASSIGNED:
		return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	case REPLICA_STALE_BROKER_EPOCH:
		return KAFKA_NOT_LEADER_OR_FOLLOWER;
	case REPLICA_NOT_ENOUGH:
		return KAFKA_NOT_ENOUGH_REPLICAS;
	case REPLICA_NOT_ENOUGH_AFTER:
		return KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
	case REPLICA_OFFSET_OUT_OF_RANGE:
		return KAFKA_OFFSET_OUT_OF_RANGE;
	case REPLICA_OFFSET_NOT_AVAILABLE:
		return KAFKA_OFFSET_NOT_AVAILABLE;
	case REPLICA_OUT_OF_ORDER_SEQUENCE:
		return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
	case REPLICA_INVALID_PRODUCER_EPOCH:
		return KAFKA_INVALID_PRODUCER_EPOCH;
	case REPLICA_STORAGE:
		return KAFKA_KAFKA_STORAGE_ERROR;
	case REPLICA_TIMED_OUT:
		return KAFKA_REQUEST_TIMED_OUT;
	case REPLICA_COLD:
		break;
	}
	return KAFKA_UNKNOWN_SERVER_ERROR;
}

bool replica_error_is_verdict(enum replica_error error)
{
	return error == REPLICA_OUT_OF_ORDER_SEQUENCE || error == REPLICA_INVALID_PRODUCER_EPOCH;
}

enum replica_error replica_error_if_vouched(const struct worker *worker, enum replica_error error)
{
	if (error == REPLICA_OFFSET_OUT_OF_RANGE &&
	    env_now_us(worker->env) > worker->broker->vouched_until_us)
		return REPLICA_NOT_LEADER;
	return error;
}
