/* Owns the two connections of hostile that behave: a peer that knows the secret, and a client that
 * goes on producing and fetching while others misbehave. */
#include "hostile.h"

#include "base/mem.h"
#include "broker/handshake.h"
#include "wire/batch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the handshake ---- */

static void weak_random(struct env *env, void *bytes, size_t size)
{
	(void)env;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = (uint8_t)rand();
}

static int read_identity(struct identity *ret_identity)
{
	const char *cluster = getenv("CLUSTER"), *secret = getenv("SECRET");
	FILE *file = secret ? fopen(secret, "re") : NULL;
	size_t count = 0;

	*ret_identity = (struct identity){.node_id = HOSTILE_NODE};
	if (file) {
		count = fread(ret_identity->secret, 1, sizeof(ret_identity->secret), file);
		fclose(file);
	}
	if (!cluster || count != sizeof(ret_identity->secret)) {
		fprintf(stderr, "hostile: CLUSTER and SECRET name the cluster and its secret\n");
		return -1;
	}
	snprintf(ret_identity->cluster_id, sizeof(ret_identity->cluster_id), "%s", cluster);
	memset(ret_identity->incarnation.bytes, 7, sizeof(ret_identity->incarnation.bytes));
	return 0;
}

static int exchange(int fd, struct wire_output *out, struct buffer *frame)
{
	enum client_result result = client_send(fd, out->bytes.data, out->bytes.size);

	out->bytes.size = 0;
	return result == CLIENT_OK && client_receive(fd, frame) == CLIENT_OK ? 0 : -1;
}

int hostile_handshake(int fd, int8_t purpose, int32_t lane, uint64_t seed)
{
	static const struct env_ops ops = {.random_bytes = weak_random};
	const char *node = getenv("NODE");
	struct env env = {.ops = &ops};
	struct wire_output out = {0};
	struct buffer frame = {0};
	struct identity identity;
	struct handshake h;
	int rc = read_identity(&identity);

	srand((unsigned)seed);
	if (rc == 0) {
		handshake_hello(&h, &env, &identity, purpose, lane, &out);
		rc = exchange(fd, &out, &frame);
	}
	if (rc == 0)
		rc = handshake_take_hello(&h, &identity, node ? atoi(node) : 1, frame.data,
					  frame.size, &out);
	if (rc == 0)
		rc = exchange(fd, &out, &frame);
	if (rc == 0)
		rc = handshake_take_verdict(frame.data, frame.size);
	wire_output_done(&out);
	buffer_done(&frame);
	return rc < 0 ? -1 : 0;
}

int hostile_impose(int fd, int8_t purpose)
{
	static const struct env_ops ops = {.random_bytes = weak_random};
	static const uint8_t forged[32];
	struct handshake_proof_request proof = {.proof = {forged, sizeof(forged)}};
	struct env env = {.ops = &ops};
	struct wire_output out = {0};
	struct buffer frame = {0};
	struct identity identity;
	struct handshake h;
	int rc = read_identity(&identity);

	handshake_hello(&h, &env, &identity, purpose, LANE_CONTROL, &out);
	if (rc == 0 && exchange(fd, &out, &frame) == 0) {
		/* It says who it is and proves it; that does not prove who we are. */
		rc = handshake_take_hello(&h, &identity, 1, frame.data, frame.size, &out);
		out.bytes.size = 0;
		wire_encode_request(&wire_handshake_proof, 0, 1, NULL, &proof, &out);
		client_send(fd, out.bytes.data, out.bytes.size);
		rc = rc == -EPERM && client_receive(fd, &frame) == CLIENT_CLOSED ? 0 : -1;
	} else if (rc == 0) {
		rc = client_is_closed(fd) ? 0 : -1;
	}
	wire_output_done(&out);
	buffer_done(&frame);
	return rc;
}

/* ---- the client that goes on ---- */

enum { ARENA_BYTES = 1 << 20, PAUSE_NS = 2000000, PATIENCE_MS = 3000 };

static volatile sig_atomic_t is_ended;

static void end(int signal_number)
{
	(void)signal_number;
	is_ended = 1;
}

struct steady {
	int fd;
	struct arena arena;
	struct buffer frame, batch;
	int64_t next_offset;
};

static int steady_produce(struct steady *s)
{
	struct produce_request_partition partition = {
		.records = {.data = s->batch.data, .size = (int32_t)s->batch.size}};
	struct produce_request_topic topic = {.name = wire_string_of("steady"),
					      .partition_data = {&partition, 1}};
	struct produce_request request;
	struct produce_response response;
	const struct produce_response_partition *answer;

	wire_init(wire_produce.request, &request);
	request.acks = -1;
	request.timeout_ms = PATIENCE_MS;
	request.topic_data.items = &topic;
	request.topic_data.count = 1;
	if (client_call(s->fd, &wire_produce, 9, &request, &s->arena, &s->frame, &response) !=
	    CLIENT_OK)
		return -1;
	answer = &response.responses.items[0].partition_responses.items[0];
	s->next_offset = answer->base_offset;
	return answer->error_code;
}

static int steady_fetch(struct steady *s)
{
	struct fetch_request_partition partition = {
		.current_leader_epoch = -1,
		.fetch_offset = s->next_offset,
		.last_fetched_epoch = -1,
		.partition_max_bytes = 1 << 20,
	};
	struct fetch_request_topic topic = {.topic = wire_string_of("steady"),
					    .partitions = {&partition, 1}};
	struct fetch_request request;
	struct fetch_response response;
	const struct fetch_response_partition *answer;

	wire_init(wire_fetch.request, &request);
	request.replica_id = -1;
	request.max_bytes = 1 << 20;
	request.session_epoch = -1;
	request.topics.items = &topic;
	request.topics.count = 1;
	if (client_call(s->fd, &wire_fetch, 12, &request, &s->arena, &s->frame, &response) !=
	    CLIENT_OK)
		return -1;
	answer = &response.responses.items[0].partitions.items[0];
	return answer->error_code || answer->records.size != (int32_t)s->batch.size;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int hostile_steady(const char *address)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct steady s = {.fd = client_open(address)};
	struct batch_builder builder;
	int64_t longest_ms = 0, rounds = 0;
	int rc = s.fd < 0;

	signal(SIGTERM, end);
	arena_init(&s.arena, ARENA_BYTES);
	batch_begin(&builder, &s.batch, 0, 1700000000000);
	batch_add(&builder, NULL, 0, "steady", 6);
	batch_end(&builder);
	while (rc == 0 && !is_ended) {
		int64_t begin_ms = now_ms();

		arena_reset(&s.arena);
		rc = steady_produce(&s);
		if (rc == 0)
			rc = steady_fetch(&s);
		if (now_ms() - begin_ms > longest_ms)
			longest_ms = now_ms() - begin_ms;
		rounds++;
		nanosleep(&pause, NULL);
	}
	printf("steady: %lld rounds, the longest took %lld ms%s\n", (long long)rounds,
	       (long long)longest_ms, rc ? "; the last one failed" : "");
	client_close(s.fd);
	arena_done(&s.arena);
	buffer_done(&s.frame);
	buffer_done(&s.batch);
	return rc || rounds < 10 || longest_ms > PATIENCE_MS ? EXIT_FAILURE : EXIT_SUCCESS;
}
