/* Owns meta.properties and the first records of the metadata log. */
#include "broker/data_folder.h"

#include "base/mem.h"
#include "base/small_file.h"
#include "meta/controller.h"

#include <errno.h>
#include <string.h>

enum { META_MOST_BYTES = 64 * 1024 };
static const char meta_name[] = "meta.properties";

char *data_folder_metadata(const struct broker_settings *settings)
{
	return mem_format("%s/__cluster_metadata-0", settings->log_dirs);
}

char *data_folder_partition(const struct broker *broker, const char *topic, int32_t partition)
{
	return mem_format("%s/%s-%d", broker->settings->log_dirs, topic, partition);
}

int data_folder_write_clean(const struct broker *broker, struct env *env)
{
	return small_file_write(env, broker->settings->log_dirs, "clean-shutdown", "1\n", 2);
}

/* ---- meta.properties ---- */

struct meta_file {
	int64_t version;
	char *cluster_id;
	int64_t node_id;
	char *directory_id;
	char *voters;
};

static const struct setting meta_settings[] = {
	{.name = "version",
	 .type = SETTING_INT,
	 .offset = offsetof(struct meta_file, version),
	 .default_value = "0",
	 .most = INT64_MAX},
	{.name = "cluster.id",
	 .type = SETTING_TEXT,
	 .offset = offsetof(struct meta_file, cluster_id)},
	{.name = "node.id",
	 .type = SETTING_INT,
	 .offset = offsetof(struct meta_file, node_id),
	 .default_value = "0",
	 .most = IMAGE_SLOT_ID_BASE - 1},
	{.name = "directory.id",
	 .type = SETTING_TEXT,
	 .offset = offsetof(struct meta_file, directory_id)},
	{.name = "voters", .type = SETTING_TEXT, .offset = offsetof(struct meta_file, voters)},
};
static const struct settings_table meta_table = {
	meta_settings, sizeof(meta_settings) / sizeof(*meta_settings), NULL, NULL};

static int take_meta(struct env *env, const struct meta_file *meta, struct identity *identity)
{
	char error[SETTINGS_ERROR_BYTES];
	int rc;

	if (meta->version != DATA_FOLDER_FORMAT) {
		env_log(env, LOG_ERROR,
			"meta.properties: format version %lld, this program knows %d: it is "
			"left untouched; start the version that wrote it",
			(long long)meta->version, DATA_FOLDER_FORMAT);
		return -EINVAL;
	}
	if (!meta->cluster_id || strlen(meta->cluster_id) >= sizeof(identity->cluster_id) ||
	    !meta->directory_id || uuid_parse(meta->directory_id, &identity->directory_id) < 0 ||
	    !meta->voters) {
		env_log(env, LOG_ERROR,
			"meta.properties: cluster.id, directory.id or voters is missing or "
			"malformed; restore the file from a copy");
		return -EINVAL;
	}
	strcpy(identity->cluster_id, meta->cluster_id);
	identity->node_id = (int32_t)meta->node_id;
	rc = broker_parse_voters("voters", meta->voters, identity->voters, error);
	if (rc < 0) {
		env_log(env, LOG_ERROR, "meta.properties: %s", error);
		return rc;
	}
	identity->voter_count = rc;
	return 0;
}

void identity_done(struct identity *identity)
{
	for (int i = 0; i < QUORUM_MOST_VOTERS; i++)
		image_endpoint_done(&identity->voters[i].endpoint);
}

/* Returns 0, -ENOENT, or -errno after an error line. */
static int read_meta(struct env *env, const struct broker_settings *settings,
		     struct identity *identity)
{
	char *path = mem_format("%s/%s", settings->log_dirs, meta_name),
	     error[SETTINGS_ERROR_BYTES];
	struct buffer text = {0};
	struct meta_file meta;
	int rc = small_file_read(env, path, META_MOST_BYTES, &text);

	settings_init(&meta_table, &meta);
	if (rc == 0) {
		buffer_put_i8(&text, 0);
		rc = settings_parse(&meta_table, &meta, path, (const char *)text.data, error);
		if (rc < 0)
			env_log(env, LOG_ERROR, "%s", error);
		else
			rc = take_meta(env, &meta, identity);
	} else if (rc != -ENOENT) {
		env_log(env, LOG_ERROR, "%s: %s", path, strerror(-rc));
	}
	settings_done(&meta_table, &meta);
	buffer_done(&text);
	mem_free(path);
	return rc;
}

static char *format_voters(const struct format_options *options)
{
	char *text = mem_string("");

	for (int32_t i = 0; i < options->voter_count; i++) {
		const struct voter_address *voter = &options->voters[i];
		char id[UUID_TEXT_BYTES], address[NET_ADDRESS_TEXT_BYTES];
		char *longer = mem_format("%s%s%d@%s:%s", text, i ? "," : "", voter->voter.id,
					  net_address_format(&voter->endpoint.address, address),
					  uuid_format(voter->voter.directory_id, id));

		mem_free(text);
		text = longer;
	}
	return text;
}

static int write_meta(struct env *env, const struct broker_settings *settings,
		      const struct format_options *options, struct uuid directory_id)
{
	char id[UUID_TEXT_BYTES], *voters = format_voters(options);
	char *text =
		mem_format("version=%d\ncluster.id=%s\nnode.id=%lld\ndirectory.id=%s\nvoters=%s\n",
			   DATA_FOLDER_FORMAT, options->cluster_id, (long long)settings->node_id,
			   uuid_format(directory_id, id), voters);
	int rc = small_file_write(env, settings->log_dirs, meta_name, text, strlen(text));

	mem_free(text);
	mem_free(voters);
	return rc;
}

/* ---- formatting ---- */

static int format_log(struct env *env, const struct broker_settings *settings,
		      const struct broker_addresses *addresses,
		      const struct format_options *options)
{
	int32_t brokers[QUORUM_MOST_VOTERS];
	struct controller_seed seed = {
		.slot_count = (int32_t)settings->slot_count,
		.addresses = addresses->slots,
		.addresses_per_slot = addresses->per_slot,
		.brokers = brokers,
		.broker_count = options->voter_count,
	};
	char *folder = data_folder_metadata(settings);
	struct change change;
	size_t size;
	int rc;

	for (int32_t i = 0; i < options->voter_count; i++)
		brokers[i] = options->voters[i].voter.id;
	/* Timestamp 0: the same bytes on every node. */
	change_begin(&change, 0);
	controller_seed(&seed, &change);
	size = change_end(&change);
	rc = quorum_format(env, folder, change.records.data, size);
	change_done(&change);
	mem_free(folder);
	return rc;
}

static const struct voter_address *find_voter(const struct format_options *options, int64_t node_id)
{
	for (int32_t i = 0; i < options->voter_count; i++)
		if (options->voters[i].voter.id == node_id)
			return &options->voters[i];
	return NULL;
}

static struct uuid random_uuid(struct env *env)
{
	uint8_t random[16];

	env_random_bytes(env, random, sizeof(random));
	return uuid_from_random(random);
}

/* Makes the folder, and makes it this process's. */
static int lock_folder(struct env *env, const struct broker_settings *settings)
{
	int rc = env_folder_create(env, settings->log_dirs);

	if (rc == 0)
		rc = env_folder_lock(env, settings->log_dirs);
	if (rc < 0) {
		env_log(env, LOG_ERROR, "%s: %s", settings->log_dirs,
			rc == -EBUSY ? "another broker runs in it" : strerror(-rc));
	}
	return rc;
}

/* In a folder that is locked. */
static int format_folder(struct env *env, const struct broker_settings *settings,
			 const struct broker_addresses *addresses,
			 const struct format_options *options)
{
	const struct voter_address *self = find_voter(options, settings->node_id);
	struct identity there = {0};
	int rc = read_meta(env, settings, &there);

	if (rc == 0) {
		env_log(env, LOG_ERROR,
			"%s is formatted already, for cluster %s; use an empty directory",
			settings->log_dirs, there.cluster_id);
		rc = -EEXIST;
	}
	identity_done(&there);
	if (rc != -ENOENT)
		return rc;
	rc = format_log(env, settings, addresses, options);
	/* meta.properties last: only a folder that is whole counts as formatted. */
	if (rc == 0)
		rc = write_meta(env, settings, options,
				self ? self->voter.directory_id : random_uuid(env));
	if (rc < 0)
		env_log(env, LOG_ERROR, "%s: formatting failed: %s", settings->log_dirs,
			strerror(-rc));
	return rc;
}

int data_folder_format(struct env *env, const struct broker_settings *settings,
		       const struct broker_addresses *addresses,
		       const struct format_options *options)
{
	int rc = lock_folder(env, settings);

	return rc < 0 ? rc : format_folder(env, settings, addresses, options);
}

/* Only a start without any configuration formats by itself: a cluster of one. */
static int format_alone(struct env *env, const struct broker_settings *settings,
			const struct broker_addresses *addresses)
{
	struct voter_address self = {.voter = {.id = (int32_t)settings->node_id}};
	char cluster_id[UUID_TEXT_BYTES];
	struct format_options options = {
		.cluster_id = cluster_id, .voters = &self, .voter_count = 1};

	self.voter.directory_id = random_uuid(env);
	self.endpoint.address = addresses->listeners[IMAGE_PLAIN].address;
	uuid_format(random_uuid(env), cluster_id);
	return format_folder(env, settings, addresses, &options);
}

/* ---- opening ---- */

int data_folder_read_secret(struct env *env, const struct broker_settings *settings,
			    struct identity *identity)
{
	struct buffer secret = {0};
	int rc;

	if (!settings->cluster_secret_file) {
		env_log(env, LOG_ERROR,
			"cluster.secret.file is needed with an INTERNAL listener: make one with "
			"head -c 32 /dev/urandom > FILE; chmod 600 FILE, the same on every broker");
		return -EINVAL;
	}
	rc = small_file_read(env, settings->cluster_secret_file, 4096, &secret);
	if (rc == 0 && secret.size != sizeof(identity->secret))
		rc = -EINVAL;
	if (rc == 0) {
		memcpy(identity->secret, secret.data, sizeof(identity->secret));
		identity->has_secret = true;
	} else {
		env_log(env, LOG_ERROR, "cluster.secret.file=%s: %s", settings->cluster_secret_file,
			rc == -EINVAL ? "must hold exactly 32 bytes" : strerror(-rc));
	}
	buffer_done(&secret);
	return rc;
}

static int check_identity(struct env *env, const struct broker_settings *settings,
			  const struct identity *identity)
{
	if (identity->node_id != settings->node_id) {
		env_log(env, LOG_ERROR,
			"%s belongs to node.id=%d, the settings say %lld; give each broker its "
			"own directory",
			settings->log_dirs, identity->node_id, (long long)settings->node_id);
		return -EINVAL;
	}
	return 0;
}

int data_folder_open(struct env *env, const struct broker_settings *settings,
		     const struct broker_addresses *addresses, struct identity *ret_identity)
{
	struct identity identity = {0};
	int rc = lock_folder(env, settings);

	if (rc < 0)
		return rc;
	rc = read_meta(env, settings, &identity);
	if (rc == -ENOENT && addresses->voter_count == 0 &&
	    !addresses->listeners[IMAGE_INTERNAL].host) {
		rc = format_alone(env, settings, addresses);
		if (rc == 0)
			rc = read_meta(env, settings, &identity);
	} else if (rc == -ENOENT) {
		env_log(env, LOG_ERROR,
			"%s is not formatted; run bellwether --format --cluster-id ID "
			"--initial-controllers NODE@HOST:PORT:DIRECTORY-ID,... --config FILE",
			settings->log_dirs);
	}
	if (rc == 0)
		rc = check_identity(env, settings, &identity);
	if (rc == 0 && addresses->listeners[IMAGE_INTERNAL].host)
		rc = data_folder_read_secret(env, settings, &identity);
	if (rc < 0) {
		identity_done(&identity);
		return rc;
	}
	identity.incarnation = random_uuid(env);
	*ret_identity = identity;
	return 0;
}
