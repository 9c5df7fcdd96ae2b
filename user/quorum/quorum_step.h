/* The metadata quorum's protocol as a pure step function: state and one input in, effects out.
 * No I/O, clock, thread or allocation: the driver (quorum.c) or the simulator executes the effects.
 * Sources: KIP-595 (followers pull, truncation by epoch), KIP-996 (pre-vote), Ongaro's thesis.
 *
 *           due, evidence            majority of pre-votes          majority of votes
 *  FOLLOWER ------------> PROSPECTIVE -----------------> CANDIDATE ------------------> LEADER
 *     ^   begin_pre_vote()    ^         begin_election()     |        begin_leading()    |
 *     |                       +------ due: begin_pre_vote() -+                           |
 *     +---- higher epoch, an answer of the leader, R51, resigned: quorum_become_follower() --+
 *
 * What the driver does with an output, in this order; a failure of any of it is QUORUM_IN_FAILED:
 *   1. fatal: end the process, do nothing else.
 *   2. persist: write epoch and vote and fsync them, before anything below (R49).
 *   3. send: hand the messages to the network. Records of a response are read from the log then.
 *   4. truncate_to, append, begin_epoch: change the log, then step with QUORUM_IN_WRITTEN at once.
 *      The step never sends anything that depends on the change before that.
 *   5. Whatever is in the log and not durable: flush it, and step with QUORUM_IN_DURABLE after.
 *   6. Apply what is below state->high_watermark; compare role, leader and quorum_step_leads(). */
#pragma once

#include "quorum/quorum.h"

enum {
	QUORUM_MOST_FETCHERS = 128, /* nodes whose fetches a leader keeps; ids come and go */
	QUORUM_MOST_PULLS = 8,
	QUORUM_MOST_SENDS = QUORUM_MOST_FETCHERS + 6 * QUORUM_MOST_VOTERS + 2 * QUORUM_MOST_PULLS,
	/* Between two rounds of an election: 50 to 150 ms, more after candidacies in vain. */
	QUORUM_RETRY_LEAST_US = 50 * 1000,
	QUORUM_RETRY_SPREAD_US = 100 * 1000,
	/* S11: from evidence of death to the pre-vote, at most. */
	QUORUM_EVIDENCE_SPREAD_US = 20 * 1000,
	/* A pre-vote request waits so long for evidence. */
	QUORUM_EVIDENCE_WAIT_US = 500 * 1000,
	/* Without a leader: between two questions to voters. */
	QUORUM_DISCOVER_LEAST_US = 25 * 1000,
	QUORUM_DISCOVER_SPREAD_US = 25 * 1000,
	/* From a broken connection to the leader to the next fetch: it may be refused at once. */
	QUORUM_RECONNECT_US = 10 * 1000,
};

#define QUORUM_NEVER_US UINT64_MAX

enum quorum_role { QUORUM_FOLLOWER, QUORUM_PROSPECTIVE, QUORUM_CANDIDATE, QUORUM_LEADER };

/* The log as it is when the step is taken. */
struct quorum_log_view {
	int64_t end_offset, durable_offset;
	int32_t last_epoch; /* of the last record, -1 in an empty log */
	/* The largest epoch <= leader_epoch that has records, and where it ends; -1 and 0: none. */
	void (*epoch_end)(const void *context, int32_t leader_epoch, int32_t *ret_epoch,
			  int64_t *ret_end_offset);
	const void *context;
};

enum quorum_in_type {
	QUORUM_IN_TICK,         /* next_tick_us has come; harmless at any time */
	QUORUM_IN_MESSAGE,
	QUORUM_IN_WRITTEN,      /* the log has changed: what an output asked for, or proposals */
	QUORUM_IN_DURABLE,      /* the durable offset has moved */
	QUORUM_IN_EVIDENCE,     /* node_id is dead, or not */
	QUORUM_IN_DISCONNECTED, /* requests to, and responses from, node_id are lost */
	QUORUM_IN_RESIGN,
	QUORUM_IN_FAILED,       /* a write, truncation or flush failed (R46) */
};

struct quorum_in {
	enum quorum_in_type type;
	uint64_t now_us;
	struct quorum_log_view log;
	const struct quorum_message *message;
	int32_t node_id;
	bool dead;
};

struct quorum_send {
	struct quorum_message message;
	bool with_records; /* fill in what the log has from message.end_offset on */
};

struct quorum_out {
	const char *fatal; /* a sentence, or NULL */
	bool persist;      /* state->epoch, voted_id, voted_directory */
	int64_t truncate_to; /* -1: no */
	bool append;       /* in->message->records: whole batches, at LEO, of epochs up to
			    * state->epoch; bytes that do not fit are left out */
	bool begin_epoch;  /* append the leader's first record, at LEO, in state->epoch */
	int32_t want_evidence; /* -1: no */
	uint64_t next_tick_us;
	int send_count;
	struct quorum_send sends[QUORUM_MOST_SENDS];
};

/* What a leader knows of one voter; of itself the log view says it. */
struct quorum_progress {
	int64_t durable_offset; /* of the prefix that was verified against this log */
	uint64_t heard_us;
};

struct quorum_ballot {
	uint64_t id; /* of the request */
	bool granted;
};

struct quorum_fetcher { /* a node that fetches here */
	int32_t node_id;
	bool parked;
	bool verified;                  /* the parked request's offset, by R23 */
	struct quorum_message request;  /* while parked */
	uint64_t until_us;              /* while parked */
	uint64_t used_us;
	int64_t sent_from;              /* where the latest records went out from; -1 */
	uint64_t sent_us;               /* ... when */
	int64_t told_high_watermark;
};

struct quorum_pull { /* a fetch of ours without an answer */
	bool used;
	uint64_t id;
	int32_t to;
	int64_t offset;
	uint64_t sent_us;
};

struct quorum_waiting { /* a pre-vote request that waits for evidence */
	bool used;
	struct quorum_message request;
	uint64_t until_us;
};

struct quorum_state {
	/* who we are */
	int32_t node_id;
	struct uuid directory_id;
	struct quorum_voter voters[QUORUM_MOST_VOTERS];
	int voter_count;
	int place;      /* ours among the voters; -1: observer, or another directory (R50) */
	bool may_vote;  /* R50 */
	uint64_t election_timeout_us, fetch_wait_us;
	uint64_t random;
	bool failed;    /* R46: nothing happens any more */

	/* on disk */
	int32_t epoch;
	int32_t voted_id; /* in epoch; -1 nobody */
	struct uuid voted_directory;

	/* everybody */
	enum quorum_role role;
	int32_t leader_id;    /* -1 unknown */
	int32_t abandoned_id; /* this epoch's leader that we gave up: only its own answer counts */
	int64_t high_watermark; /* the commit point; never falls */
	uint64_t next_id;
	struct quorum_waiting waiting[QUORUM_MOST_VOTERS];

	/* elections */
	uint64_t election_due_us;
	unsigned candidacies; /* since a leader was known */
	struct quorum_ballot ballots[QUORUM_MOST_VOTERS];

	/* follower, observer */
	uint64_t leader_heard_us;
	int64_t leader_high_watermark;
	struct quorum_pull pulls[QUORUM_MOST_PULLS];
	uint64_t first_valid_id; /* answers to older fetches are void (R25) */
	int64_t told_offset, told_durable_offset; /* by the latest fetch */
	uint64_t pull_due_us; /* no fetch before it */
	uint64_t discover_due_us;
	int discover_next;

	/* leader; fetchers also while a candidate */
	int64_t epoch_start_offset;
	uint64_t majority_heard_us;
	struct quorum_progress progress[QUORUM_MOST_VOTERS];
	struct quorum_fetcher fetchers[QUORUM_MOST_FETCHERS];
	int fetcher_count;
};

/* The vote file's content, or present = false when it is lost or was never made. */
struct quorum_vote {
	bool present;
	int32_t epoch;
	int32_t voted_id;
	struct uuid voted_directory;
};

/* Start of a process's life. log_last_epoch: of the log as it was opened. The first step should be
 * a tick at once. */
void quorum_step_init(struct quorum_state *s, const struct quorum_options *options,
		      const struct quorum_vote *vote, int32_t log_last_epoch, uint64_t now_us,
		      uint64_t random);

/* Every field of out is set; sends only up to send_count. */
void quorum_step(struct quorum_state *s, const struct quorum_in *in, struct quorum_out *out);

/* May records be proposed? Once the epoch's own first record is committed. */
static inline bool quorum_step_leads(const struct quorum_state *s)
{
	return s->role == QUORUM_LEADER && !s->failed && s->high_watermark > s->epoch_start_offset;
}
