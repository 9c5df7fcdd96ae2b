/* How a connection to the internal listener begins (S9); nothing else is read before it is done.
 *
 *  HandshakeHello (1000): who I am, what for, and a nonce; answered by the same of the other side
 *  with its proof. HandshakeProof (1001): my proof; answered by the verdict. On a connection with
 *  purpose forward ForwardPreface (1002) follows (S5), and after its answer the client's bytes. */
#pragma once

#include "wire/codec.h"

enum handshake_purpose {
	HANDSHAKE_PEER = 0,    /* requests between brokers */
	HANDSHAKE_FORWARD = 1, /* one client's connection: client APIs only */
};

struct handshake_hello_request {
	struct wire_string cluster_id;
	int32_t node_id; /* the sender */
	struct uuid directory_id;
	struct uuid incarnation;
	int8_t purpose; /* enum handshake_purpose */
	int32_t lane;   /* which of the sender's connections this is */
	struct wire_bytes nonce;
};

struct handshake_hello_response {
	int16_t error_code;
	int32_t node_id;
	struct uuid incarnation;
	struct wire_bytes nonce;
	struct wire_bytes proof;
};

struct handshake_proof_request {
	struct wire_bytes proof;
};

struct handshake_proof_response {
	int16_t error_code;
};

struct forward_preface_request {
	int32_t slot;
	int64_t metadata_offset;       /* of the sender's image */
	struct wire_bytes client_host; /* 16 bytes, as in struct net_address */
	int32_t client_port;
};

struct forward_preface_response {
	int16_t error_code;
};

extern const struct wire_api wire_handshake_hello;
extern const struct wire_api wire_handshake_proof;
extern const struct wire_api wire_forward_preface;
