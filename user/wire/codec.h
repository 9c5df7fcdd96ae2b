/* Kafka's wire format: bytes <-> structs.
 *
 * Each message is described once, by a table of its fields (message_NAME.c, table.h); this one
 * codec walks the tables, for every version. Nothing else in the tree knows what a compact string
 * or a tagged field looks like. Source: Kafka's protocol guide; KIP-482 for flexible versions.
 *
 * In a message's header "12+" beside a member means from version 12 on, "to 3" up to version 3; a
 * version without the field decodes to its `missing` value and does not encode it.
 *
 * Memory: decoded strings, bytes and records point into the frame that was decoded; arrays lie in
 * the arena. Both must outlive the struct. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/env.h"
#include "base/uuid.h"

/* Text on the wire is not zero-terminated. data NULL is null. */
struct wire_string {
	const char *data;
	int32_t size;
};

struct wire_bytes {
	const uint8_t *data; /* NULL is null */
	int32_t size;
};

/* A `records` field: bytes in memory, or, when encoding, a piece of a file. data NULL and file NULL
 * is null. */
struct wire_records {
	const uint8_t *data;
	int32_t size;
	struct env_file *file; /* borrowed; the encoder takes its own reference */
	int64_t position;
};

/* An array field: WIRE_ARRAY(struct produce_topic) topics; count -1 is null. */
#define WIRE_ARRAY(type)                                                                          \
	struct {                                                                                  \
		type *items;                                                                      \
		int32_t count;                                                                    \
	}
struct wire_array { /* what every WIRE_ARRAY looks like to the codec */
	void *items;
	int32_t count;
};

enum wire_type {
	WIRE_BOOL,   /* bool */
	WIRE_INT8,   /* int8_t */
	WIRE_INT16,  /* int16_t */
	WIRE_UINT16, /* uint16_t */
	WIRE_INT32,  /* int32_t */
	WIRE_INT64,  /* int64_t */
	WIRE_UUID,   /* struct uuid */
	WIRE_STRING, /* struct wire_string */
	WIRE_BYTES,  /* struct wire_bytes */
	WIRE_RECORDS, /* struct wire_records */
	WIRE_STRUCT, /* the element's struct, in place */
};

enum { WIRE_NEVER = INT16_MAX, WIRE_ALWAYS = INT16_MAX - 1 };

struct wire_schema;

struct wire_field {
	const char *name;
	enum wire_type type;   /* of one element, when is_array */
	bool is_array;         /* the member is a WIRE_ARRAY of it */
	bool is_nullable;      /* strings, bytes, records, arrays: from version nullable_from on */
	bool is_tagged;        /* with number tag; left out when it has its `missing` value */
	uint16_t offset;       /* in the struct */
	int16_t first, last;   /* the versions that have it; last WIRE_ALWAYS: all later ones */
	int16_t nullable_from;
	int32_t tag;
	int64_t missing;       /* value of a number that a version does not carry or a tag leaves
				* out; strings and arrays are then null if nullable, else empty */
	const struct wire_schema *element; /* WIRE_STRUCT */
};

struct wire_schema {
	const char *name;
	const struct wire_field *fields;
	size_t field_count;
	size_t size; /* of the struct */
};

/* One API: its request and its response. */
struct wire_api {
	const char *name;
	int16_t key;
	int16_t first, last;   /* versions that we decode and encode */
	int16_t first_flexible; /* WIRE_NEVER: none */
	const struct wire_schema *request;
	const struct wire_schema *response;
};

static inline bool wire_is_flexible(const struct wire_api *api, int16_t version)
{
	return version >= api->first_flexible;
}

/* Fills every field with its `missing` value. */
void wire_init(const struct wire_schema *schema, void *message);

/* Decodes one struct; unknown tagged fields are skipped, bytes after the struct are left in the
 * reader. Every length is checked against the bytes that remain, before anything is allocated.
 * Returns 0, -EBADMSG, or -ENOMEM past the arena's limit; after a failure the message is rubbish.
 */
int wire_decode(const struct wire_schema *schema, int16_t version, bool flexible,
		struct reader *in, struct arena *arena, void *ret_message);

/* A piece of a file costs system calls, and a packet more that wakes the peer for half an answer:
 * records that the page cache has are read into a response instead, as long as it is no larger. */
enum { WIRE_COPIED_BYTES = 128 << 10 };

/* A response on its way out: bytes, with pieces of files between them that leave by sendfile. */
struct wire_splice {
	size_t at; /* the piece goes before bytes.data[at] */
	/* One reference, until wire_output_done() or whoever takes it over. */
	struct env_file *file;
	int64_t position;
	size_t size;
};

struct wire_output {
	struct buffer bytes;
	struct wire_splice *splices;
	size_t splice_count;
	size_t splice_capacity;
	struct env *env; /* for files; NULL when there can be none */
};

void wire_output_done(struct wire_output *out);

/* Appends everything of `from`, which is then empty (and keeps its memory). */
void wire_output_move(struct wire_output *out, struct wire_output *from);

/* Appends one struct. A field that `version` does not carry is left out, a null that it does not
 * know becomes empty. Text longer than 32767 bytes in a version that is not flexible, and records
 * from a file in a tagged field, are our own bugs: asserts. */
void wire_encode(const struct wire_schema *schema, int16_t version, bool flexible,
		 const void *message, struct wire_output *out);

/* ---- whole frames: int32 size, header, body ---- */

struct wire_request_header {
	int16_t api_key;
	int16_t api_version;
	int32_t correlation_id;
	struct wire_string client_id;
};

/* Reads the request header (v1 or v2 as the API's version demands). `api` is found by the caller
 * from the first two fields: see wire_peek_request(). Returns 0 or -EBADMSG. */
int wire_decode_request_header(const struct wire_api *api, struct reader *in,
			       struct wire_request_header *ret_header);

/* Reads api_key, api_version and correlation_id only, which every request begins with; the reader
 * is not advanced. Returns 0 or -EBADMSG. */
int wire_peek_request(const struct reader *in, struct wire_request_header *ret_header);

/* Decodes the request's body, after its header. Returns 0, -EBADMSG or -ENOMEM. */
int wire_decode_request(const struct wire_api *api, int16_t version, struct reader *in,
			struct arena *arena, void *ret_request);

/* Appends a whole response frame: size, header v0 or v1 (ApiVersions: always v0), body. */
void wire_encode_response(const struct wire_api *api, int16_t version, int32_t correlation_id,
			  const void *response, struct wire_output *out);

/* Appends a whole request frame. */
void wire_encode_request(const struct wire_api *api, int16_t version, int32_t correlation_id,
			 const char *client_id, const void *request, struct wire_output *out);

/* Decodes a response frame's header and body (after its size). Returns 0, -EBADMSG or -ENOMEM. */
int wire_decode_response(const struct wire_api *api, int16_t version, struct reader *in,
			 struct arena *arena, int32_t *ret_correlation_id, void *ret_response);

/* ---- small helpers ---- */
bool wire_string_equal(struct wire_string a, struct wire_string b);
struct wire_string wire_string_of(const char *text); /* NULL gives null */
