/* Owns nothing: how the quorum reads and writes a plog. */
#include "quorum/quorum_log.h"

#include "wire/message_metadata_records.h"

#include <errno.h>

enum {
	SEGMENT_BYTES = 256 * 1024 * 1024,
	INDEX_INTERVAL_BYTES = 64 * 1024,
	READ_TRIES = 64, /* each brings a piece into memory that the next finds */
};

/* Kafka's id of __cluster_metadata, the same in every cluster. */
static const struct uuid metadata_topic_id = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

static int check_opening(struct env *env, const char *folder, const struct plog_opening *opening,
			 const struct plog *log)
{
	if (opening->corrupt) {
		env_log(env, LOG_ERROR,
			"%s: records that were flushed are damaged at offset %lld; set the data "
			"directory aside and format a new one (--format), to rejoin under a new "
			"directory id",
			folder, (long long)opening->corrupt_offset);
		return -EBADMSG;
	}
	if (plog_start_offset(log) != 0) {
		env_log(env, LOG_ERROR,
			"%s: R52: the metadata log begins at offset %lld and there is no snapshot "
			"before it", folder, (long long)plog_start_offset(log));
		return -EBADMSG;
	}
	if (opening->cut)
		env_log(env, LOG_WARN,
			"%s: %lld bytes at the end had not been flushed and are cut off", folder,
			(long long)opening->cut_bytes);
	return 0;
}

int quorum_log_open(struct env *env, const char *folder, bool clean, struct plog **ret_log)
{
	static const struct plog_options options = {
		.segment_bytes = SEGMENT_BYTES,
		.index_interval_bytes = INDEX_INTERVAL_BYTES,
		.producer_expiry_ms = INT64_MAX,
		.flush_ack = true,
	};
	struct plog_opening opening = {0};
	struct plog *log;
	int rc = plog_open(env, folder, metadata_topic_id, &options, clean, &opening, &log);

	if (rc < 0)
		return rc;
	rc = check_opening(env, folder, &opening, log);
	if (rc < 0)
		plog_close(log);
	else
		*ret_log = log;
	return rc;
}

static void epoch_end(const void *context, int32_t epoch, int32_t *ret_epoch,
		      int64_t *ret_end_offset)
{
	const struct plog *log = context;
	int32_t last = plog_last_epoch(log);

	/* R20 calls an epoch above the last one unknown; the step wants the largest there is. */
	plog_epoch_end(log, epoch > last ? last : epoch, ret_epoch, ret_end_offset);
	if (*ret_epoch < 0)
		*ret_end_offset = 0;
}

struct quorum_log_view quorum_log_view(const struct plog *log)
{
	return (struct quorum_log_view){
		.end_offset = plog_end_offset(log),
		.durable_offset = plog_durable_offset(log),
		.last_epoch = plog_last_epoch(log),
		.epoch_end = epoch_end,
		.context = log,
	};
}

static int read_slice(struct env *env, struct plog_slice *slice, struct buffer *ret_bytes)
{
	size_t size = (size_t)slice->size_bytes;
	ssize_t count;

	ret_bytes->size = 0;
	if (!slice->file)
		return 0;
	count = env_file_read(env, slice->file, buffer_reserve(ret_bytes, size), size,
			      slice->position);
	env_file_unref(env, slice->file);
	if (count < 0)
		return (int)count;
	ret_bytes->size = (size_t)count;
	return (size_t)count == size ? 0 : -EIO;
}

int quorum_log_read(struct env *env, struct plog *log, int64_t offset, int64_t bound_offset,
		    struct buffer *ret_bytes)
{
	for (int i = 0; i < READ_TRIES; i++) {
		struct plog_slice slice = {0};
		int found = plog_read(log, offset, bound_offset, QUORUM_RECORDS_BYTES, true,
				      &slice);
		int rc;

		if (found < 0 && found != -EAGAIN)
			return found;
		rc = read_slice(env, &slice, ret_bytes);
		if (found == 0 || rc < 0)
			return rc;
	}
	return -EIO;
}

int quorum_log_append(struct plog *log, const uint8_t *bytes, size_t size, int32_t epoch)
{
	int64_t rc = plog_append_as_follower(log, bytes, size, epoch, true);

	if (plog_is_offline(log))
		return -EROFS;
	return rc < 0 ? (int)rc : 0;
}

void quorum_log_leader_change(const struct quorum_state *s, int64_t offset, int64_t timestamp_ms,
			      struct buffer *out)
{
	struct control_record_key key = {.version = 0, .type = CONTROL_LEADER_CHANGE};
	int32_t voters[QUORUM_MOST_VOTERS];
	struct leader_change_message value = {
		.leader_id = s->node_id,
		.voters = {voters, s->voter_count},
	};
	struct wire_output encoded_key = {0}, encoded = {0};
	struct batch_builder builder;

	for (int i = 0; i < s->voter_count; i++)
		voters[i] = s->voters[i].id;
	wire_encode(&control_record_key_schema, 0, false, &key, &encoded_key);
	wire_encode(&leader_change_message_schema, 0, true, &value, &encoded);
	batch_begin(&builder, out, offset, timestamp_ms);
	builder.header.attributes |= BATCH_CONTROL;
	builder.header.leader_epoch = s->epoch;
	batch_add(&builder, encoded_key.bytes.data, (int32_t)encoded_key.bytes.size,
		  encoded.bytes.data, (int32_t)encoded.bytes.size);
	batch_end(&builder);
	wire_output_done(&encoded_key);
	wire_output_done(&encoded);
}
