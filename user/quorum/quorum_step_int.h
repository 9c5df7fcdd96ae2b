/* Between quorum_step.c (epochs, votes), quorum_lead.c (the leader's side of fetching) and
 * quorum_pull.c (the follower's side). */
#pragma once

#include "quorum/quorum_step.h"

/* ---- quorum_step.c ---- */
int quorum_place_of(const struct quorum_state *s, int32_t node_id); /* -1: no voter */
int quorum_majority(const struct quorum_state *s);
uint64_t quorum_random_below(struct quorum_state *s, uint64_t bound);
/* Is the sender the voter that has this id and this directory (R50)? */
bool quorum_from_voter(const struct quorum_state *s, const struct quorum_message *m);

/* The message to fill in; epoch, leader and sender are set. */
struct quorum_message *quorum_send_request(struct quorum_state *s, struct quorum_out *out,
					   enum quorum_message_type type, int32_t to);
struct quorum_message *quorum_send_response(const struct quorum_state *s, struct quorum_out *out,
					    const struct quorum_message *request,
					    enum quorum_error error);

/* Whatever we were: a follower in `epoch` (>= ours) of leader_id, which may be -1. */
void quorum_become_follower(struct quorum_state *s, const struct quorum_in *in,
			    struct quorum_out *out, int32_t epoch, int32_t leader_id);
/* What a response says about epoch and leader. */
void quorum_learn_leader(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out,
			 const struct quorum_message *m);
/* The leader of this epoch will not be followed any more; an election is due after delay_us. */
void quorum_abandon_leader(struct quorum_state *s, const struct quorum_in *in,
			   struct quorum_out *out, uint64_t delay_us);

/* ---- quorum_lead.c ---- */
void quorum_lead_begin(struct quorum_state *s, const struct quorum_in *in);
void quorum_lead_receive_fetch(struct quorum_state *s, const struct quorum_in *in,
			       struct quorum_out *out);
/* Advances the commit point and answers the fetches that can be answered. */
void quorum_lead_settle(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out);
/* Answers every parked fetch: ask somebody else. */
void quorum_lead_release(struct quorum_state *s, struct quorum_out *out);
void quorum_lead_disconnected(struct quorum_state *s, int32_t node_id);
/* R51's number: when had a majority, ourselves included, been heard from? */
void quorum_lead_count_heard(struct quorum_state *s, uint64_t now_us);
uint64_t quorum_lead_next_tick(const struct quorum_state *s);

/* ---- quorum_pull.c ---- */
/* Answers to fetches that are on their way count no more. */
void quorum_pull_forget(struct quorum_state *s);
void quorum_pull_receive(struct quorum_state *s, const struct quorum_in *in,
			 struct quorum_out *out);
/* Moves the high watermark and sends the fetches that are due. */
void quorum_pull_settle(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out);
void quorum_pull_disconnected(struct quorum_state *s, const struct quorum_in *in);
uint64_t quorum_pull_next_tick(const struct quorum_state *s, uint64_t now_us);
