/* The table of APIs that this broker serves: ApiVersions and dispatch both read it. */
#pragma once

#include "wire/messages.h"

struct request;

enum api_place {
	API_HERE,       /* on the loop of its connection */
	API_CONTROLLER, /* on the control thread of the controller, wherever that is */
};

struct api_versions_range {
	int16_t first, last; /* last -1: not on these listeners */
};

struct api {
	const struct wire_api *wire;
	struct api_versions_range clients; /* plain, slot and forwarded connections */
	struct api_versions_range brokers; /* peer connections (S9) */
	int16_t advertised_first; /* lower than clients.first when a client wants to see it */
	enum api_place place;
	bool borrows_frame; /* done with the frame when handle() returns */
	void (*handle)(struct request *request);
	/* The controller could not be asked: answers with an error. API_CONTROLLER only. */
	void (*refuse)(struct request *request, int16_t error);
};

extern const struct api api_table[];
extern const size_t api_count;

/* NULL: we do not serve it. */
const struct api *api_find(int16_t key);

/* One function each, in api_<name>.c. */
void api_versions(struct request *request);
void api_metadata(struct request *request);
void api_produce(struct request *request);
void api_fetch(struct request *request);
void api_list_offsets(struct request *request);
void api_offset_for_leader_epoch(struct request *request);
void api_find_coordinator(struct request *request);
void api_describe_cluster(struct request *request);
void api_init_producer_id(struct request *request);
void api_describe_slots(struct request *request);
void api_accept_loss(struct request *request);
void api_create_topics(struct request *request);
void api_create_topics_refuse(struct request *request, int16_t error);
void api_delete_topics(struct request *request);
void api_delete_topics_refuse(struct request *request, int16_t error);
void api_move_slot(struct request *request);
void api_move_slot_refuse(struct request *request, int16_t error);
void api_vote(struct request *request);
void api_end_quorum_epoch(struct request *request);
void api_broker_registration(struct request *request);
void api_broker_heartbeat(struct request *request);
void api_alter_partition(struct request *request);
void api_allocate_producer_ids(struct request *request);
void api_envelope(struct request *request);
void api_share_flows(struct request *request);
