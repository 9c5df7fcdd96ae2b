/* How the files of a partition's folder are called: 20 digits of an offset, then what it is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEGMENT_SUFFIX ".log"
#define INDEX_SUFFIX ".index"
#define TIME_INDEX_SUFFIX ".timeindex"
#define SNAPSHOT_SUFFIX ".snapshot"
#define CUT_SUFFIX ".cut"
#define ASIDE_SUFFIX ".log.cut"
#define EPOCHS_NAME "leader-epoch-checkpoint"
#define POINT_NAME "recovery-point"
#define METADATA_NAME "partition.metadata"
#define CORRUPT_NAME "corrupt"

enum { FILE_NAME_DIGITS = 20 };

/* FOLDER/NAME and FOLDER/<offset>SUFFIX; the caller frees with mem_free(). */
char *file_name_in(const char *folder, const char *name);
char *file_name_at(const char *folder, int64_t offset, const char *suffix);

/* Is `name` 20 digits and then exactly suffix? */
bool file_name_parse(const char *name, const char *suffix, int64_t *ret_offset);
