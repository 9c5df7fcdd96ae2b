/* What a loop counts. Each worker owns its counters and is their only writer, so a count is a plain
 * add; user/broker/metrics.c collects copies of them.
 *
 * To add a counter: one line in COUNTERS, one in the table of deploy/dashboards/metrics.md, and
 * counter_add() where it happens. */
#pragma once

#include "base/histogram.h"
#include "replica/mirror_counts.h"

/* X(ID, NAME, LABEL, VALUE, HELP): the sample bellwether_NAME_total{LABEL="VALUE"}, or without a
 * label when LABEL is NULL. Lines of one NAME stand together; the first one's HELP is the
 * family's. */
#define COUNTERS(X)                                                                                \
	X(CONNECTIONS_PLAIN, "connections_accepted", "listener", "plain",                          \
	  "Connections that became sessions: the internal listener's after their handshake")       \
	X(CONNECTIONS_SLOT, "connections_accepted", "listener", "slot", NULL)                      \
	X(CONNECTIONS_INTERNAL, "connections_accepted", "listener", "internal", NULL)              \
	X(CLOSED_PLAIN, "connections_closed", "listener", "plain", "Sessions that ended")          \
	X(CLOSED_SLOT, "connections_closed", "listener", "slot", NULL)                             \
	X(CLOSED_INTERNAL, "connections_closed", "listener", "internal", NULL)                     \
	X(AUTHENTICATIONS_FAILED, "authentications_failed", NULL, NULL,                            \
	  "Connections whose other side could not prove who it is")                                \
	X(RECEIVED_BYTES, "received_bytes", NULL, NULL, "Bytes that sessions received")            \
	X(SENT_BYTES, "sent_bytes", NULL, NULL, "Bytes that sessions sent")                        \
	X(REPLICATION_IN_BYTES, "replication_in_bytes", NULL, NULL,                                \
	  "Bytes of records that were appended here as a follower")                                \
	X(REPLICATION_OUT_BYTES, "replication_out_bytes", NULL, NULL,                              \
	  "Bytes of records that were sent to followers")                                          \
	X(FORWARDED, "forwarded_connections", "outcome", "forwarded",                              \
	  "Connections to slots held elsewhere that came here and were carried in user space, "    \
	  "became local or were reset")                                                            \
	X(FORWARD_LOCAL, "forwarded_connections", "outcome", "local", NULL)                        \
	X(FORWARD_RESET, "forwarded_connections", "outcome", "reset", NULL)                        \
	X(FORWARD_UP_BYTES, "forwarded_bytes", "direction", "to_holder",                           \
	  "Bytes carried in user space between clients and the holders of their slots")            \
	X(FORWARD_DOWN_BYTES, "forwarded_bytes", "direction", "to_client", NULL)                   \
	X(FORWARD_ARRIVED, "forwarded_arrivals", "outcome", "served",                              \
	  "Connections that other brokers forwarded to this one")                                  \
	X(FORWARD_ARRIVED_RESET, "forwarded_arrivals", "outcome", "reset", NULL)

enum counter {
#define COUNTER_ENUM(id, name, label, value, help) COUNTER_##id,
	COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
		COUNTER_COUNT
};

/* X(ID, VALUE, SENTENCE): why a connection is closed because of what came over it: the samples
 * bellwether_connections_refused_total{reason="VALUE"}, and the line in the log. */
#define REFUSALS(X)                                                                                \
	X(UNKNOWN_API, "unknown_api", "unknown API or version")                                    \
	X(MALFORMED, "malformed", "malformed request")                                             \
	X(TOO_LONG, "too_long", "a request longer than socket.request.max.bytes")                  \
	X(NO_PREFACE, "no_preface", "no preface of a forwarded connection")                        \
	X(HANDSHAKE_LATE, "handshake_late", "internal listener: no handshake in time")             \
	X(HANDSHAKE_ENDED, "handshake_ended", "internal listener: it ended before the handshake")  \
	X(NO_HANDSHAKE, "no_handshake", "internal listener: not a handshake")                      \
	X(NOT_A_BROKER, "not_a_broker", "internal listener: not a broker of this cluster")         \
	X(OTHER_CLUSTER, "other_cluster", "internal listener: another cluster")                    \
	X(WRONG_SECRET, "wrong_secret", "internal listener: wrong cluster secret")

enum refusal {
#define REFUSAL_ENUM(id, value, sentence) REFUSAL_##id,
	REFUSALS(REFUSAL_ENUM)
#undef REFUSAL_ENUM
		REFUSAL_COUNT
};

enum { COUNTED_APIS = 48 }; /* api_table's rows, at most */

struct counters {
	uint64_t counts[COUNTER_COUNT];
	uint64_t refusals[REFUSAL_COUNT];
	struct mirror_counts mirror;
	struct histogram requests[COUNTED_APIS]; /* by place in api_table: arrival to answer */
};

static inline void counter_add(struct counters *counters, enum counter counter, uint64_t more)
{
	counters->counts[counter] += more;
}

/* Adds what `from` has counted. */
void counters_merge(struct counters *into, const struct counters *from);
