/* The metadata quorum: a replicated log of cluster facts whose leader is elected by votes and whose
 * followers pull (KIP-595; pre-vote as in KIP-996). Runs on the control thread.
 *
 * quorum_step.h holds the protocol as a pure step function; this is its driver: it keeps the vote
 * file and the log (a plog that is always flushed before it counts), turns tickets into inputs and
 * outputs into calls. Everybody else sees only this header.
 *
 * Who is in it: the voters (ids with directory ids: a voter that comes back with an empty directory
 * has another identity and may not vote, R50), and observers: every other broker pulls the same
 * log and never votes. */
#pragma once

#include "base/env.h"
#include "base/uuid.h"
#include "wire/batch.h"

struct quorum;

enum { QUORUM_MOST_VOTERS = 7 };

struct quorum_voter {
	int32_t id;
	struct uuid directory_id;
};

struct quorum_options {
	int32_t node_id;
	struct uuid directory_id;
	const char *folder; /* of the log: "<data>/__cluster_metadata-0" */
	struct quorum_voter voters[QUORUM_MOST_VOTERS];
	int voter_count;
	uint64_t election_timeout_us; /* R51, and without a leader before a pre-vote; 1 s */
	uint64_t fetch_wait_us;       /* how long the leader parks an empty fetch; 50 ms: its
				       * answers and the next fetches are the signs of life */
};

/* Messages between nodes. The broker carries them in Vote and Fetch on the internal listener; the
 * pieces that point at bytes live as long as the call they are passed to. */
enum quorum_message_type {
	QUORUM_VOTE_REQUEST,
	QUORUM_VOTE_RESPONSE,
	QUORUM_FETCH_REQUEST,
	QUORUM_FETCH_RESPONSE,
	QUORUM_END_EPOCH_REQUEST, /* a leader that resigns says who should stand */
	QUORUM_END_EPOCH_RESPONSE,
};

enum quorum_error { /* in responses */
	QUORUM_OK,
	QUORUM_NOT_LEADER,     /* leader_id and epoch say who is, as far as known */
	QUORUM_FENCED_EPOCH,   /* the request's epoch is lower than mine */
	QUORUM_UNKNOWN_EPOCH,  /* ... higher than mine */
	QUORUM_WRONG_VOTER,    /* a vote for another directory id, from an unknown one, or from me,
				* who may not vote (R50) */
};

struct quorum_message {
	enum quorum_message_type type;
	int32_t from, to;
	uint64_t id;     /* of a request: set by the quorum that asks. Whoever carries the response
			  * back to it fills the id in again (by correlation id, say: it need not
			  * travel) */
	uint64_t tag;    /* of a request: its deliverer's, echoed in the response */
	int32_t epoch;   /* the sender's leader epoch (a vote: the candidate's) */
	int32_t leader_id; /* the sender's idea, -1 unknown */
	enum quorum_error error;

	bool pre_vote, granted;      /* votes */
	struct uuid from_directory;  /* of the sender of a vote or fetch request: a fetch counts
				      * for a voter only from that voter's directory (R50) */
	struct uuid to_directory;    /* vote request: the voter that is meant */
	int32_t last_epoch;          /* vote, fetch (R23): of the sender's last record */
	int64_t end_offset;          /* vote: the candidate's LEO; fetch: the fetch offset */
	int64_t durable_offset;      /* fetch request: what the follower has flushed (R49) */
	int32_t diverging_epoch;     /* fetch response (R24), -1 none */
	int64_t diverging_end_offset;
	int64_t high_watermark;      /* fetch response */
	int32_t successor_id;        /* end epoch: who should stand */
	const uint8_t *records;      /* fetch response: whole batches */
	size_t records_size;
};

/* From inside a callback only quorum_propose() and quorum_describe() may be called; whoever has an
 * answer for the quorum at once posts it to this loop. */
struct quorum_callbacks {
	void *context;
	/* Hands a message to the network; may be lost. Requests to one node keep their order. */
	void (*send)(void *context, const struct quorum_message *message);
	/* One committed batch, in order, exactly once in this process's life; control batches are
	 * left out. The next fact begins at batch_last_offset() + 1. */
	void (*apply)(void *context, const struct batch *batch);
	/* All that was committed when this process became leader has been applied, with the epoch's
	 * own first record: it may propose. Or: it leads no more. */
	void (*leadership)(void *context, bool leads, int32_t epoch);
	/* Another leader, or none (-1), is known. */
	void (*leader_changed)(void *context, int32_t leader_id, int32_t epoch);
	/* S11: is that node dead? The answer comes by quorum_evidence(). */
	void (*want_evidence)(void *context, int32_t node_id);
	/* The process must end: its log cannot be trusted or written any more. */
	void (*fatal)(void *context, const char *sentence);
};

/* Makes what a voter or observer starts from: the first records (whole batches from offset 0 on,
 * epoch 0, the same on every node; may be none) and a vote file without a vote. WAITS. Returns 0,
 * -EEXIST when there is a vote file already, or -errno. */
int quorum_format(struct env *env, const char *folder, const uint8_t *records, size_t records_size);

/* Opens vote file and log and begins to take part. `clean` as in plog_open(). A node without a vote
 * file, or whose directory id is not the one that the voter set has for its id, only pulls: it
 * neither votes nor stands (R50). A single voter leads when this returns. WAITS.
 * Returns 0, -errno, or -EBADMSG when R52 refuses the log (a sentence has been logged). */
int quorum_open(struct env *env, const struct quorum_options *options,
		const struct quorum_callbacks *callbacks, bool clean, struct quorum **ret_quorum);
/* Cancels what is proposed, flushes and closes the log (clean, R38). WAITS. NULL is fine. */
void quorum_close(struct quorum *q);

/* A message has arrived. For a request, the response goes to callbacks.send, at once or later. */
void quorum_receive(struct quorum *q, const struct quorum_message *message);

/* The connection to a node broke, or could not be made: requests to it are lost. Every time, also
 * while there is none: the next fetch goes out a little later. */
void quorum_disconnected(struct quorum *q, int32_t node_id);

/* Death by evidence (S11): the followers of a dead leader begin a pre-vote at once; a pre-vote
 * request that waited for evidence is answered. */
void quorum_evidence(struct quorum *q, int32_t node_id, bool dead);

struct quorum_proposal {
	/* offset >= 0: committed, and applied here; last_offset of the batch. -ECANCELED: the
	 * leadership was lost or the quorum closed; it may or may not be committed. */
	void (*done)(struct quorum_proposal *proposal, int64_t offset);
	int64_t last_offset;          /* set by quorum_propose() */
	struct quorum_proposal *next; /* the queue's */
};

/* Appends one batch (a whole one, as batch_end() leaves it; offset and epoch are set here) in
 * `epoch`. Proposals of one loop round share a write and a flush. bytes may be freed afterwards.
 * Returns the batch's base offset, or -ESTALE: not leader in that epoch, nothing was written and
 * done is not called. */
int64_t quorum_propose(struct quorum *q, int32_t epoch, uint8_t *bytes, size_t size,
		       struct quorum_proposal *proposal);

/* Resigns in favour of the most caught-up voter; for shutdown. */
void quorum_resign(struct quorum *q);

struct quorum_description {
	int32_t leader_id, epoch; /* leader -1: unknown */
	int64_t end_offset, high_watermark, durable_offset;
	bool leads;               /* and has called leadership(true) */
	/* Leader: the latest time at which a majority of the voters, itself among them, had been
	 * heard from. R51, S2, S11 count from it. */
	uint64_t majority_heard_us;
	uint64_t leader_heard_us; /* follower: the last response of the leader */
};
void quorum_describe(const struct quorum *q, struct quorum_description *ret);

/* Leader: what a voter has made durable of the log as this one knows it, -1 for a node that is no
 * voter. For metrics. */
int64_t quorum_voter_durable_offset(const struct quorum *q, int32_t node_id);
