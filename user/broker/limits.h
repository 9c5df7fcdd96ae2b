/* Every limit of the broker that is not a setting. */
#pragma once

enum broker_limits {
	/* A connection's bytes are received here first; most requests are served out of it. */
	SCRATCH_BYTES = 256 * 1024,
	/* An input buffer that has grown past this is given back when it is empty. */
	SESSION_KEEPS_BYTES = 128 * 1024,
	/* A connection whose peer does not read is not read from either. */
	SESSION_MOST_UNSENT_BYTES = 4 * 1024 * 1024,
	/* How long answers that nobody waits for are held to leave with another one, and how many
	 * of them. */
	SESSION_PATIENCE_US = 1000,
	SESSION_PATIENT_ANSWERS = 5,
	/* A follower's: those answers, the Fetch that is parked, and two under way. */
	FETCHER_MOST_OUTSTANDING = SESSION_PATIENT_ANSWERS + 3,
	/* Rounds of receiving for one event, so that one connection cannot starve the others. */
	SESSION_ROUNDS = 4,
	/* Connections that are refused are counted, and one in so long a time is named in the log:
	 * a stranger must not fill the disk. */
	REFUSAL_LOG_MS = 1000,
	/* Nothing longer is read before the handshake is done (S9). */
	HANDSHAKE_MOST_BYTES = 4096,
	HANDSHAKE_NONCE_BYTES = 32,
	HANDSHAKE_MOST_MS = 2000,
	/* What decoding a request may take: so much and a multiple of the frame. */
	REQUEST_ARENA_BYTES = 1024 * 1024,
	REQUEST_ARENA_TIMES = 16,
	/* Requests kept for reuse by each loop. */
	REQUEST_POOL = 256,
	/* An answer's memory up to this size is kept with them. */
	REQUEST_KEEPS_BYTES = 4096,
	/* Pieces handed to one send. */
	SEND_PIECES = 64,
	/* How long an unfinished topic creation or a request to the controller is waited for. */
	CONTROLLER_CALL_MS = 5000,
	CONTROLLER_RETRY_MS = 20,
	/* Reconnecting to another broker. */
	PEER_RECONNECT_MS = 20,
	PEER_RESPONSE_MOST_BYTES = 64 * 1024 * 1024,
	/* What S5 reads from a client whose holder cannot be reached. */
	FORWARD_HELD_BYTES = 64 * 1024,
	/* What was forwarded is said so often at most. */
	FORWARD_REPORT_MS = 5000,
	/* A whole Fetch response. */
	FETCH_MOST_BYTES = 55 * 1024 * 1024,
	PEER_FETCH_MOST_BYTES = 10 * 1024 * 1024,
	/* Topics that one Metadata request may bring into being. */
	METADATA_MOST_CREATED = 1000,
	/* Buffers of datagrams that one receive may fill. */
	MIRROR_DATAGRAMS_AT_ONCE = 8,
	/* Mirrored bundles, of 56 KiB at most, on their way from a shard's socket to another's. */
	MIRROR_WAITING_BUNDLES = 64,
	REPLICA_TICK_MS = 100,
	METRICS_PERIOD_MS = 1000,
	/* A verdict on a producer waits for the next heartbeat's answer, looked for so often. */
	VERDICT_LOOK_MS = 20,
	VERDICT_MOST_MS = 300,
	/* Active reset: so many clients of a broker are known to others, about 130 bytes each. */
	FLOWS_MOST = 16384,
	FLOWS_PER_REQUEST = 2048,
	/* A client's first answer waits so long at most until others know of it. */
	FLOW_UNKNOWN_MOST_MS = 50,
	FLOWS_RECONNECT_MS = 500,
};

_Static_assert(HANDSHAKE_MOST_BYTES < SCRATCH_BYTES, "a handshake fits in one receive");
_Static_assert(PEER_FETCH_MOST_BYTES < PEER_RESPONSE_MOST_BYTES, "a fetch answer is a legal one");
