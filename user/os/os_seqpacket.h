/* Unix sockets of type SOCK_SEQPACKET as env sockets: how the broker reaches bwsteer. */
#pragma once

#include "base/env.h"

/* Connects to the listener at path. The socket watches nothing; env_socket_send() of one message is
 * one datagram, whole or -EAGAIN, and env_socket_receive() takes one (cut off at size). Never
 * blocks. Returns 0, -ENAMETOOLONG, or what connect(2) says: -ENOENT, -ECONNREFUSED, -EACCES, and
 * -EAGAIN when the listener's queue is full. */
int os_seqpacket_connect(struct env *env, const char *path, env_socket_ready *ready, void *context,
			 struct env_socket **ret);
