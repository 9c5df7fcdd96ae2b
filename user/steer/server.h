/* The Unix socket on which brokers connect: SOCK_SEQPACKET, their user checked (SO_PEERCRED). */
#pragma once

#include <sys/types.h>

enum { SERVER_ERROR_BYTES = 256 };

/* Listens at path; a stale socket file is removed, a served one is an error. Returns a descriptor
 * or -errno with one sentence in error. */
int server_listen(const char *path, char error[static SERVER_ERROR_BYTES]);

/* Takes one connection, never waiting. Returns a descriptor, -EAGAIN, -EPERM for a user who may not
 * connect (*ret_user is filled in), or another -errno. */
int server_accept(int listener, uid_t allowed, uid_t *ret_user);

/* A user's number from its name or number. Returns 0, or -ENOENT. */
int server_find_user(const char *text, uid_t *ret_user);
