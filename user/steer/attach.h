/* The steering programs: chosen, loaded, attached, and gone when this process is. */
#pragma once

#include "base/log.h"
#include "steer/link.h"
#include "steer/maps.h"

enum attach_wish { ATTACH_AUTO, ATTACH_XDP, ATTACH_TC, ATTACH_OFF };

enum { ATTACH_ERROR_BYTES = 384 };

struct attach_options {
	enum attach_wish wish;
	const char *interface;
	const char *instance;
	const struct link *link;
	uint64_t grace_us; /* S10 */
};

struct attachment;

/* Removes a stale filter of an earlier life, then loads and attaches. The choice and its reason are
 * logged once. Returns 0, or -errno with one sentence and its remedy in error. */
int attach_new(const struct attach_options *options, struct log *log, struct attachment **ret,
	       char error[static ATTACH_ERROR_BYTES]);
/* Detaches; NULL is fine. Pinned maps stay. */
void attach_free(struct attachment *a);

enum steer_mode attach_mode(const struct attachment *a);
/* The steering maps; all descriptors are -1 in mode off. */
struct maps attach_maps(const struct attachment *a);
