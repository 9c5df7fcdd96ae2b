/* Owns the tables of the internal listener's first messages. */
#include "wire/message_handshake.h"
#include "wire/table.h"

#define OWNER struct handshake_hello_request
static const struct wire_field handshake_hello_request_fields[] = {
	FIELD(cluster_id, STRING, FROM(0)),
	FIELD(node_id, INT32, FROM(0)),
	FIELD(directory_id, UUID, FROM(0)),
	FIELD(incarnation, UUID, FROM(0)),
	FIELD(purpose, INT8, FROM(0)),
	FIELD(lane, INT32, FROM(0)),
	FIELD(nonce, BYTES, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(handshake_hello_request);

#define OWNER struct handshake_hello_response
static const struct wire_field handshake_hello_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
	FIELD(node_id, INT32, FROM(0)),
	FIELD(incarnation, UUID, FROM(0)),
	FIELD(nonce, BYTES, FROM(0)),
	FIELD(proof, BYTES, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(handshake_hello_response);

WIRE_API(handshake_hello, "HandshakeHello", 1000, 0, 0, 0);

#define OWNER struct handshake_proof_request
static const struct wire_field handshake_proof_request_fields[] = {
	FIELD(proof, BYTES, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(handshake_proof_request);

#define OWNER struct handshake_proof_response
static const struct wire_field handshake_proof_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(handshake_proof_response);

WIRE_API(handshake_proof, "HandshakeProof", 1001, 0, 0, 0);

#define OWNER struct forward_preface_request
static const struct wire_field forward_preface_request_fields[] = {
	FIELD(slot, INT32, FROM(0)),
	FIELD(metadata_offset, INT64, FROM(0)),
	FIELD(client_host, BYTES, FROM(0)),
	FIELD(client_port, INT32, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(forward_preface_request);

#define OWNER struct forward_preface_response
static const struct wire_field forward_preface_response_fields[] = {
	FIELD(error_code, INT16, FROM(0)),
};
#undef OWNER
WIRE_SCHEMA(forward_preface_response);

WIRE_API(forward_preface, "ForwardPreface", 1002, 0, 0, 0);
