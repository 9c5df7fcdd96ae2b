/* bwsteer at work: one thread, one poll loop, until it is told to stop. */
#pragma once

#include "base/log.h"
#include "steer/config.h"

/* Runs until SIGTERM or SIGINT (0), or until it cannot go on (-errno, already logged). `ready` is
 * called once, when programs are attached and the socket is there. On the way out programs are
 * detached and addresses withdrawn; connections stay (F10). */
int daemon_run(const struct config *config, uid_t broker_user, void (*ready)(void),
	       struct log *log);
