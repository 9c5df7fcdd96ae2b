/* Every message that we know, and the list of APIs: what tests, the fuzzer and traces walk. The
 * broker's own table says which of them it serves, to whom, and with which function. */
#pragma once

#include "wire/message_accept_loss.h"
#include "wire/message_allocate_producer_ids.h"
#include "wire/message_alter_partition.h"
#include "wire/message_api_versions.h"
#include "wire/message_begin_quorum_epoch.h"
#include "wire/message_broker_heartbeat.h"
#include "wire/message_broker_registration.h"
#include "wire/message_create_topics.h"
#include "wire/message_delete_topics.h"
#include "wire/message_describe_cluster.h"
#include "wire/message_end_quorum_epoch.h"
#include "wire/message_envelope.h"
#include "wire/message_fetch.h"
#include "wire/message_find_coordinator.h"
#include "wire/message_handshake.h"
#include "wire/message_init_producer_id.h"
#include "wire/message_list_offsets.h"
#include "wire/message_metadata.h"
#include "wire/message_metadata_records.h"
#include "wire/message_offset_for_leader_epoch.h"
#include "wire/message_produce.h"
#include "wire/message_share_flows.h"
#include "wire/message_slots.h"
#include "wire/message_vote.h"

/* The last one is NULL. */
extern const struct wire_api *const wire_apis[];

/* NULL for an API that we do not know. */
const struct wire_api *wire_find_api(int16_t key);
