/* The APIs that this broker serves. Ranges: a version is listed only when every field of it is
 * right. Groups and transactions are not here yet; FindCoordinator is, because librdkafka
 * compresses with lz4 only for brokers that list it. */
#include "broker/api.h"

#include "broker/counters.h"

#define NOBODY                                                                                     \
	{                                                                                          \
		0, -1                                                                              \
	}

const struct api api_table[] = {
	{.wire = &wire_produce,
	 .clients = {3, 9},
	 .brokers = NOBODY,
	 .advertised_first = 0,
	 .borrows_frame = true,
	 .handle = api_produce},
	{.wire = &wire_fetch,
	 .clients = {4, 12},
	 .brokers = {16, 17},
	 .advertised_first = 4,
	 .handle = api_fetch},
	{.wire = &wire_list_offsets,
	 .clients = {1, 6},
	 .brokers = NOBODY,
	 .advertised_first = 1,
	 .handle = api_list_offsets},
	{.wire = &wire_metadata, .clients = {0, 12}, .brokers = NOBODY, .handle = api_metadata},
	{.wire = &wire_find_coordinator,
	 .clients = {0, 2},
	 .brokers = NOBODY,
	 .handle = api_find_coordinator},
	{.wire = &wire_api_versions, .clients = {0, 4}, .brokers = {0, 4}, .handle = api_versions},
	{.wire = &wire_create_topics,
	 .clients = {2, 7},
	 .brokers = NOBODY,
	 .advertised_first = 2,
	 .place = API_CONTROLLER,
	 .handle = api_create_topics,
	 .refuse = api_create_topics_refuse},
	{.wire = &wire_delete_topics,
	 .clients = {1, 6},
	 .brokers = NOBODY,
	 .advertised_first = 1,
	 .place = API_CONTROLLER,
	 .handle = api_delete_topics,
	 .refuse = api_delete_topics_refuse},
	{.wire = &wire_init_producer_id,
	 .clients = {0, 4},
	 .brokers = NOBODY,
	 .handle = api_init_producer_id},
	{.wire = &wire_offset_for_leader_epoch,
	 .clients = {2, 4},
	 .brokers = NOBODY,
	 .advertised_first = 2,
	 .handle = api_offset_for_leader_epoch},
	{.wire = &wire_describe_cluster,
	 .clients = {0, 1},
	 .brokers = NOBODY,
	 .handle = api_describe_cluster},
	/* ours, for bwctl */
	{.wire = &wire_describe_slots,
	 .clients = {0, 0},
	 .brokers = NOBODY,
	 .handle = api_describe_slots},
	{.wire = &wire_move_slot,
	 .clients = {0, 0},
	 .brokers = NOBODY,
	 .place = API_CONTROLLER,
	 .handle = api_move_slot,
	 .refuse = api_move_slot_refuse},
	{.wire = &wire_accept_loss,
	 .clients = {0, 0},
	 .brokers = NOBODY,
	 .handle = api_accept_loss},
	/* between brokers, on the control thread */
	{.wire = &wire_vote, .clients = NOBODY, .brokers = {2, 2}, .handle = api_vote},
	{.wire = &wire_end_quorum_epoch,
	 .clients = NOBODY,
	 .brokers = {1, 1},
	 .handle = api_end_quorum_epoch},
	{.wire = &wire_broker_registration,
	 .clients = NOBODY,
	 .brokers = {4, 4},
	 .handle = api_broker_registration},
	{.wire = &wire_broker_heartbeat,
	 .clients = NOBODY,
	 .brokers = {1, 1},
	 .handle = api_broker_heartbeat},
	{.wire = &wire_alter_partition,
	 .clients = NOBODY,
	 .brokers = {3, 3},
	 .handle = api_alter_partition},
	{.wire = &wire_allocate_producer_ids,
	 .clients = NOBODY,
	 .brokers = {0, 0},
	 .handle = api_allocate_producer_ids},
	{.wire = &wire_envelope, .clients = NOBODY, .brokers = {0, 0}, .handle = api_envelope},
	{.wire = &wire_share_flows,
	 .clients = NOBODY,
	 .brokers = {0, 0},
	 .handle = api_share_flows},
};

const size_t api_count = sizeof(api_table) / sizeof(*api_table);

_Static_assert(sizeof(api_table) / sizeof(*api_table) <= COUNTED_APIS, "each API is counted");

const struct api *api_find(int16_t key)
{
	for (size_t i = 0; i < api_count; i++)
		if (api_table[i].wire->key == key)
			return &api_table[i];
	return NULL;
}
