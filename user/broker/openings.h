/* The logs that a shard's next image needs, opened where waiting for a disk is allowed; and folders
 * of dropped topics, destroyed there. On the shard's loop. */
#pragma once

#include "broker/shard.h"

struct openings;

/* None yet; `done` is called on the shard's loop once they have been opened. */
struct openings *openings_new(struct shard *shard, void (*done)(struct shard *shard));
/* Takes the folder's name over. `clean` as plog_open() has it. */
void openings_add(struct openings *openings, const struct hosted_key *key, char *folder,
		  bool clean);
size_t openings_count(const struct openings *openings);
void openings_start(struct openings *openings);

/* One that has been opened: 0 and the log, which is the caller's now, or why it could not be; or
 * -ENOENT: it was not among them. */
int openings_take(struct openings *openings, const struct hosted_key *key,
		  struct plog_opening *ret_opening, struct plog **ret_log);

/* Closes what was not taken. While they are being opened: nobody is told, and they free themselves.
 * NULL is fine. */
void openings_free(struct openings *openings);

/* Nobody waits for it. Takes the folder's name over. */
void openings_destroy(struct shard *shard, struct uuid topic_id, char *folder);
