/* Owns the list of all APIs, by key. */
#include "wire/messages.h"

const struct wire_api *const wire_apis[] = {
	&wire_produce,
	&wire_fetch,
	&wire_list_offsets,
	&wire_metadata,
	&wire_find_coordinator,
	&wire_api_versions,
	&wire_create_topics,
	&wire_delete_topics,
	&wire_init_producer_id,
	&wire_offset_for_leader_epoch,
	&wire_vote,
	&wire_begin_quorum_epoch,
	&wire_end_quorum_epoch,
	&wire_alter_partition,
	&wire_envelope,
	&wire_describe_cluster,
	&wire_broker_registration,
	&wire_broker_heartbeat,
	&wire_allocate_producer_ids,
	&wire_handshake_hello,
	&wire_handshake_proof,
	&wire_forward_preface,
	&wire_describe_slots,
	&wire_move_slot,
	&wire_accept_loss,
	&wire_share_flows,
	NULL,
};

const struct wire_api *wire_find_api(int16_t key)
{
	for (const struct wire_api *const *api = wire_apis; *api; api++)
		if ((*api)->key == key)
			return *api;
	return NULL;
}
