/* The vote file: this node's epoch and whom it voted for in it, one write (R44, R49). Control
 * thread; both calls WAIT. */
#pragma once

#include "quorum/quorum_step.h"

/* A file that is missing or damaged gives present = false: the vote is lost (R50). Returns 0 or
 * -errno when it cannot be read at all. */
int quorum_vote_read(struct env *env, const char *folder, struct quorum_vote *ret_vote);

/* On disk when it returns 0; after -errno nobody knows which vote is there. */
int quorum_vote_write(struct env *env, const char *folder, const struct quorum_vote *vote);
