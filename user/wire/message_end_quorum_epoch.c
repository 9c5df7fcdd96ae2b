/* Owns the tables of EndQuorumEpoch. */
#include "wire/message_end_quorum_epoch.h"
#include "wire/table.h"

#define OWNER struct end_quorum_epoch_request_candidate
static const struct wire_field end_quorum_epoch_request_candidate_fields[] = {
	FIELD(candidate_id, INT32, FROM(1)),
	FIELD(candidate_directory_id, UUID, FROM(1)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_request_candidate);

#define OWNER struct end_quorum_epoch_request_partition
static const struct wire_field end_quorum_epoch_request_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(leader_id, INT32, FROM(0)),
	FIELD(leader_epoch, INT32, FROM(0)),
	LIST(preferred_successors, INT32, WITHIN(0, 0)),
	STRUCTS(preferred_candidates, end_quorum_epoch_request_candidate, FROM(1)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_request_partition);

#define OWNER struct end_quorum_epoch_request_topic
static const struct wire_field end_quorum_epoch_request_topic_fields[] = {
	FIELD(topic_name, STRING, FROM(0)),
	STRUCTS(partitions, end_quorum_epoch_request_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_request_topic);

#define OWNER struct end_quorum_epoch_request_leader_endpoint
static const struct wire_field end_quorum_epoch_request_leader_endpoint_fields[] = {
	FIELD(name, STRING, FROM(1)),
	FIELD(host, STRING, FROM(1)),
	FIELD(port, UINT16, FROM(1)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_request_leader_endpoint);

#define OWNER struct end_quorum_epoch_request
static const struct wire_field end_quorum_epoch_request_fields[] = {
	FIELD(cluster_id, STRING, FROM(0), NULLABLE(0)),
	STRUCTS(topics, end_quorum_epoch_request_topic, FROM(0)),
	STRUCTS(leader_endpoints, end_quorum_epoch_request_leader_endpoint, FROM(1)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_request);

#define OWNER struct end_quorum_epoch_response_partition
static const struct wire_field end_quorum_epoch_response_partition_fields[] = {
	FIELD(partition_index, INT32, FROM(0)),
	FIELD(error_code, INT16, FROM(0)),
	FIELD(leader_id, INT32, FROM(0)),
	FIELD(leader_epoch, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_response_partition);

#define OWNER struct end_quorum_epoch_response_topic
static const struct wire_field end_quorum_epoch_response_topic_fields[] = {
	FIELD(topic_name, STRING, FROM(0)),
	STRUCTS(partitions, end_quorum_epoch_response_partition, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_response_topic);

#define OWNER struct end_quorum_epoch_response_node_endpoint
static const struct wire_field end_quorum_epoch_response_node_endpoint_fields[] = {
	FIELD(node_id, INT32, FROM(1)),
	FIELD(host, STRING, FROM(1)),
	FIELD(port, UINT16, FROM(1)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_response_node_endpoint);

#define OWNER struct end_quorum_epoch_response
static const struct wire_field end_quorum_epoch_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	STRUCTS(topics, end_quorum_epoch_response_topic, FROM(0)),
	STRUCTS(node_endpoints, end_quorum_epoch_response_node_endpoint, FROM(1), TAG(0)),
};
#undef OWNER
WIRE_SCHEMA(end_quorum_epoch_response);

WIRE_API(end_quorum_epoch, "EndQuorumEpoch", 54, 1, 1, 1);
