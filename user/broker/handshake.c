/* Owns the proofs. Holds no connection: peer.c and internal_listener.c carry the frames. */
#include "broker/handshake.h"

#include "base/arena.h"

#include <errno.h>
#include <string.h>

static void make_proof(const struct handshake *h, const struct identity *identity, const char *side,
		       uint8_t ret_proof[static HMAC_BYTES])
{
	struct buffer message = {0};

	buffer_put(&message, side, strlen(side));
	buffer_put(&message, h->client_nonce, sizeof(h->client_nonce));
	buffer_put(&message, h->server_nonce, sizeof(h->server_nonce));
	buffer_put_i32(&message, (int32_t)strlen(identity->cluster_id));
	buffer_put(&message, identity->cluster_id, strlen(identity->cluster_id));
	buffer_put_i32(&message, h->client_node);
	buffer_put_i32(&message, h->server_node);
	buffer_put(&message, h->client_incarnation.bytes, sizeof(h->client_incarnation.bytes));
	buffer_put(&message, h->server_incarnation.bytes, sizeof(h->server_incarnation.bytes));
	buffer_put_i8(&message, h->purpose);
	buffer_put_i32(&message, h->lane);
	hmac_sha256(identity->secret, sizeof(identity->secret), message.data, message.size,
		    ret_proof);
	buffer_done(&message);
}

static bool proof_holds(const struct handshake *h, const struct identity *identity,
			const char *side, struct wire_bytes proof)
{
	uint8_t expected[HMAC_BYTES];

	make_proof(h, identity, side, expected);
	return proof.size == HMAC_BYTES && hmac_equal(expected, proof.data);
}

/* Decodes a handshake request of the one version there is. */
static int decode_request(const struct wire_api *api, const uint8_t *frame, size_t size,
			  struct arena *arena, void *ret_request)
{
	struct reader in = reader_of(frame, size);
	struct wire_request_header header;

	if (wire_peek_request(&in, &header) < 0 || header.api_key != api->key ||
	    header.api_version != 0 || wire_decode_request_header(api, &in, &header) < 0)
		return -EBADMSG;
	return wire_decode(api->request, 0, true, &in, arena, ret_request) < 0 ? -EBADMSG : 0;
}

static int decode_response(const struct wire_api *api, const uint8_t *frame, size_t size,
			   void *ret_response)
{
	struct reader in = reader_of(frame, size);
	int32_t correlation_id;
	struct arena arena;
	int rc;

	arena_init(&arena, HANDSHAKE_MOST_BYTES);
	rc = wire_decode_response(api, 0, &in, &arena, &correlation_id, ret_response);
	arena_done(&arena); /* handshake messages have no arrays */
	return rc < 0 ? -EBADMSG : 0;
}

void handshake_hello(struct handshake *h, struct env *env, const struct identity *identity,
		     int8_t purpose, int32_t lane, struct wire_output *out)
{
	struct handshake_hello_request hello;

	*h = (struct handshake){
		.client_node = identity->node_id,
		.client_incarnation = identity->incarnation,
		.purpose = purpose,
		.lane = lane,
	};
	env_random_bytes(env, h->client_nonce, sizeof(h->client_nonce));
	hello = (struct handshake_hello_request){
		.cluster_id = wire_string_of(identity->cluster_id),
		.node_id = identity->node_id,
		.directory_id = identity->directory_id,
		.incarnation = identity->incarnation,
		.purpose = purpose,
		.lane = lane,
		.nonce = {h->client_nonce, sizeof(h->client_nonce)},
	};
	wire_encode_request(&wire_handshake_hello, 0, 0, NULL, &hello, out);
}

int handshake_take_hello(struct handshake *h, const struct identity *identity,
			 int32_t expected_node, const uint8_t *frame, size_t size,
			 struct wire_output *out)
{
	struct handshake_hello_response response;
	struct handshake_proof_request request;
	uint8_t proof[HMAC_BYTES];

	if (decode_response(&wire_handshake_hello, frame, size, &response) < 0 ||
	    response.nonce.size != HANDSHAKE_NONCE_BYTES)
		return -EBADMSG;
	memcpy(h->server_nonce, response.nonce.data, sizeof(h->server_nonce));
	h->server_node = response.node_id;
	h->server_incarnation = response.incarnation;
	if (response.error_code != 0 || response.node_id != expected_node ||
	    !proof_holds(h, identity, "server", response.proof))
		return -EPERM;
	make_proof(h, identity, "client", proof);
	request.proof = (struct wire_bytes){proof, sizeof(proof)};
	wire_encode_request(&wire_handshake_proof, 0, 1, NULL, &request, out);
	return 0;
}

int handshake_take_verdict(const uint8_t *frame, size_t size)
{
	struct handshake_proof_response response;

	if (decode_response(&wire_handshake_proof, frame, size, &response) < 0)
		return -EPERM;
	return response.error_code == 0 ? 0 : -EPERM;
}

int handshake_answer_hello(struct handshake *h, struct env *env, const struct identity *identity,
			   const uint8_t *frame, size_t size, struct wire_output *out)
{
	struct handshake_hello_request hello;
	struct handshake_hello_response response;
	uint8_t proof[HMAC_BYTES];
	struct arena arena;
	int rc;

	arena_init(&arena, HANDSHAKE_MOST_BYTES);
	rc = decode_request(&wire_handshake_hello, frame, size, &arena, &hello);
	arena_done(&arena);
	if (rc < 0 || hello.nonce.size != HANDSHAKE_NONCE_BYTES)
		return -EBADMSG;
	if (!wire_string_equal(hello.cluster_id, wire_string_of(identity->cluster_id)))
		return -EPERM;
	*h = (struct handshake){
		.client_node = hello.node_id,
		.server_node = identity->node_id,
		.client_incarnation = hello.incarnation,
		.server_incarnation = identity->incarnation,
		.client_directory = hello.directory_id,
		.purpose = hello.purpose,
		.lane = hello.lane,
	};
	memcpy(h->client_nonce, hello.nonce.data, sizeof(h->client_nonce));
	env_random_bytes(env, h->server_nonce, sizeof(h->server_nonce));
	make_proof(h, identity, "server", proof);
	response = (struct handshake_hello_response){
		.node_id = identity->node_id,
		.incarnation = identity->incarnation,
		.nonce = {h->server_nonce, sizeof(h->server_nonce)},
		.proof = {proof, sizeof(proof)},
	};
	wire_encode_response(&wire_handshake_hello, 0, 0, &response, out);
	return 0;
}

int handshake_answer_proof(const struct handshake *h, const struct identity *identity,
			   const uint8_t *frame, size_t size, struct wire_output *out)
{
	struct handshake_proof_request request;
	struct handshake_proof_response response = {0};
	struct arena arena;
	int rc;

	arena_init(&arena, HANDSHAKE_MOST_BYTES);
	rc = decode_request(&wire_handshake_proof, frame, size, &arena, &request);
	arena_done(&arena);
	if (rc < 0)
		return -EBADMSG;
	if (!proof_holds(h, identity, "client", request.proof))
		return -EPERM;
	wire_encode_response(&wire_handshake_proof, 0, 1, &response, out);
	return 0;
}
