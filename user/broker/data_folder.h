/* The data folder: whose it is, what runs in it, and where things lie in it.
 *
 *     meta.properties      cluster id, node id, directory id, voters, format version
 *     clean-shutdown       there after a clean shutdown: the broker epoch (R38)
 *     last-run             flush mode and boot id of the run that is under way or ended last (R38)
 *     __cluster_metadata-0/, <topic>-<n>/ */
#pragma once

#include "broker/broker.h"

enum { DATA_FOLDER_FORMAT = 1 };

/* Locks the folder and reads whose it is into identity. Without meta.properties: formats it when no
 * voters are configured (a cluster of one), else refuses with the command to run. WAITS. Returns 0
 * or -errno after an error line. */
int data_folder_open(struct env *env, const struct broker_settings *settings,
		     const struct broker_addresses *addresses, struct identity *ret_identity);
/* Frees what an identity holds. */
void identity_done(struct identity *identity);

struct format_options {
	const char *cluster_id;
	const struct voter_address *voters; /* with directory ids */
	int32_t voter_count;
};
/* --format: meta.properties and the first metadata records, the same on every node. Refuses a
 * folder that is formatted already. WAITS. Returns 0 or -errno after an error line. */
int data_folder_format(struct env *env, const struct broker_settings *settings,
		       const struct broker_addresses *addresses,
		       const struct format_options *options);

/* Reads cluster.secret.file into identity. WAITS. Returns 0 or -errno after an error line. */
int data_folder_read_secret(struct env *env, const struct broker_settings *settings,
			    struct identity *identity);

/* "<data>/__cluster_metadata-0" and "<data>/<topic>-<n>"; the caller frees them. */
char *data_folder_metadata(const struct broker_settings *settings);
char *data_folder_partition(const struct broker *broker, const char *topic, int32_t partition);

/* R38: every log is closed cleanly. WAITS. */
int data_folder_write_clean(const struct broker *broker, struct env *env);
