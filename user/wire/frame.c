/* Owns what lies around a message: the frame's size and the headers.
 *
 *  request    int32 size · int16 api key · int16 version · int32 correlation id ·
 *             client id (int16 length, also where versions are flexible) · [tags] · body
 *  response   int32 size · int32 correlation id · [tags] · body
 *
 * Tags are there when the version is flexible; ApiVersions answers without them always, because a
 * client that asks cannot know yet what we speak (KIP-511). */
#include "wire/codec.h"

#include <assert.h>
#include <errno.h>

enum { SIZE_BYTES = 4, KEY_API_VERSIONS = 18 };

/* A header's tags are those of a struct without fields. */
static const struct wire_schema header_tags = {.name = "header", .size = 1};

static bool response_header_is_flexible(const struct wire_api *api, int16_t version)
{
	return api->key != KEY_API_VERSIONS && wire_is_flexible(api, version);
}

static int decode_header_tags(bool flexible, struct reader *in)
{
	char nothing;

	/* No field, no array: no arena is asked. */
	return wire_decode(&header_tags, 0, flexible, in, NULL, &nothing);
}

int wire_peek_request(const struct reader *in, struct wire_request_header *ret_header)
{
	struct reader r = *in;
	struct wire_request_header header = {
		.api_key = reader_i16(&r),
		.api_version = reader_i16(&r),
		.correlation_id = reader_i32(&r),
	};

	if (r.failed)
		return -EBADMSG;
	*ret_header = header;
	return 0;
}

int wire_decode_request_header(const struct wire_api *api, struct reader *in,
			       struct wire_request_header *ret_header)
{
	struct wire_request_header header = {
		.api_key = reader_i16(in),
		.api_version = reader_i16(in),
		.correlation_id = reader_i32(in),
	};
	int16_t size = reader_i16(in);

	if (size >= 0) {
		header.client_id.data = (const char *)reader_take(in, (size_t)size);
		header.client_id.size = size;
	}
	if (in->failed || size < -1 ||
	    decode_header_tags(wire_is_flexible(api, header.api_version), in) < 0)
		return -EBADMSG;
	*ret_header = header;
	return 0;
}

int wire_decode_request(const struct wire_api *api, int16_t version, struct reader *in,
			struct arena *arena, void *ret_request)
{
	return wire_decode(api->request, version, wire_is_flexible(api, version), in, arena,
			   ret_request);
}

int wire_decode_response(const struct wire_api *api, int16_t version, struct reader *in,
			 struct arena *arena, int32_t *ret_correlation_id, void *ret_response)
{
	int32_t correlation_id = reader_i32(in);
	int rc = decode_header_tags(response_header_is_flexible(api, version), in);

	if (rc == 0)
		rc = wire_decode(api->response, version, wire_is_flexible(api, version), in, arena,
				 ret_response);
	if (rc == 0)
		*ret_correlation_id = correlation_id;
	return rc;
}

/* A frame that is being appended. */
struct frame {
	size_t start;
	size_t splices; /* how many the output had before */
};

static struct frame frame_begin(struct wire_output *out)
{
	struct frame frame = {.start = out->bytes.size, .splices = out->splice_count};

	buffer_put_i32(&out->bytes, 0);
	return frame;
}

static void frame_end(struct frame frame, struct wire_output *out)
{
	size_t size = out->bytes.size - frame.start - SIZE_BYTES;

	for (size_t i = frame.splices; i < out->splice_count; i++)
		size += out->splices[i].size;
	assert(size <= INT32_MAX);
	bytes_store_u32(out->bytes.data + frame.start, (uint32_t)size);
}

void wire_encode_response(const struct wire_api *api, int16_t version, int32_t correlation_id,
			  const void *response, struct wire_output *out)
{
	struct frame frame = frame_begin(out);

	buffer_put_i32(&out->bytes, correlation_id);
	wire_encode(&header_tags, 0, response_header_is_flexible(api, version), "", out);
	wire_encode(api->response, version, wire_is_flexible(api, version), response, out);
	frame_end(frame, out);
}

void wire_encode_request(const struct wire_api *api, int16_t version, int32_t correlation_id,
			 const char *client_id, const void *request, struct wire_output *out)
{
	struct frame frame = frame_begin(out);
	struct wire_string id = wire_string_of(client_id);

	assert(id.size <= INT16_MAX);
	buffer_put_i16(&out->bytes, api->key);
	buffer_put_i16(&out->bytes, version);
	buffer_put_i32(&out->bytes, correlation_id);
	buffer_put_i16(&out->bytes, id.data ? (int16_t)id.size : -1);
	buffer_put(&out->bytes, id.data, (size_t)id.size);
	wire_encode(&header_tags, 0, wire_is_flexible(api, version), "", out);
	wire_encode(api->request, version, wire_is_flexible(api, version), request, out);
	frame_end(frame, out);
}
