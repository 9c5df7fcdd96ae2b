/* Carries the quorum's messages in Vote, EndQuorumEpoch and Fetch of the metadata topic, on the
 * internal listener (S9). On the control thread. */
#pragma once

#include "broker/request.h"
#include "quorum/quorum.h"

struct control;
struct quorum_channel;

struct quorum_channel *quorum_channel_new(struct control *control);
void quorum_channel_free(struct quorum_channel *channel);

/* quorum_callbacks.send; context is the control. */
void quorum_channel_send(void *context, const struct quorum_message *message);

/* A Fetch on the control thread is the metadata log's: takes it over and returns true. */
bool quorum_channel_takes_fetch(struct request *request);
