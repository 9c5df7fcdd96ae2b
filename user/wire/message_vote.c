/* Owns the tables of Vote. */
#include "wire/message_vote.h"
#include "wire/table.h"

#define OWNER struct vote_request_partition
static const struct wire_field vote_request_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(replica_epoch, INT32, FROM(0)),
	FIELD(replica_id, INT32, FROM(0)),
	FIELD(replica_directory_id, UUID, FROM(1)),
	FIELD(voter_directory_id, UUID, FROM(1)),
	FIELD(last_offset_epoch, INT32, FROM(0)),
	FIELD(last_offset, INT64, FROM(0)),
	FIELD(pre_vote, BOOL, FROM(2)),
};
#undef OWNER
WIRE_SCHEMA(vote_request_partition);

#define OWNER struct vote_request_topic
static const struct wire_field vote_request_topic_fields[] = {
	FIELD(topic_name, STRING, FROM(0)),
	STRUCTS(partitions, vote_request_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(vote_request_topic);

#define OWNER struct vote_request
static const struct wire_field vote_request_fields[] = {
	FIELD(cluster_id, STRING, FROM(0), NULLABLE(0)),
	FIELD(voter_id, INT32, FROM(1), MISSING(-1)),
	STRUCTS(topics, vote_request_topic, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(vote_request);

#define OWNER struct vote_response_partition
static const struct wire_field vote_response_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(leader_id, INT32, FROM(0)),
	FIELD(leader_epoch, INT32, FROM(0)),
	FIELD(vote_granted, BOOL, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(vote_response_partition);

#define OWNER struct vote_response_topic
static const struct wire_field vote_response_topic_fields[] = {
	FIELD(topic_name, STRING, FROM(0)),
	STRUCTS(partitions, vote_response_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(vote_response_topic);

#define OWNER struct vote_response_node_endpoint
static const struct wire_field vote_response_node_endpoint_fields[] = {
	FIELD(node_id, INT32, FROM(1)),
	FIELD(host, STRING, FROM(1)),
	FIELD(port, UINT16, FROM(1)),
};
#undef OWNER
WIRE_SCHEMA(vote_response_node_endpoint);

#define OWNER struct vote_response
static const struct wire_field vote_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	STRUCTS(topics, vote_response_topic, FROM(0)),
	STRUCTS(node_endpoints, vote_response_node_endpoint, FROM(1), TAG(0)),
};
#undef OWNER
WIRE_SCHEMA(vote_response);

WIRE_API(vote, "Vote", 52, 0, 2, 0);
