/* A network for one test: namespaces n1 and n2 (nodes), cl (client) and sw (a bridge), with names
 * that carry our process id. Nodes are 10.77.0.1 and .2, the client is .250. Needs root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum small_net_place { PLACE_NODE1, PLACE_NODE2, PLACE_CLIENT, PLACE_SWITCH, PLACE_COUNT };

/* for_xdp: pass programs on the switch's ports, checksums made by the client itself (KERNEL.md). */
void small_net_up(bool for_xdp);
void small_net_down(void);

/* A shell command with %s for the namespace's name. Returns its exit status. */
int small_net_run(enum small_net_place place, const char *format);
/* socket() in that place. */
int small_net_socket(enum small_net_place place, int type);
/* Starts a program there, from the current folder; what it prints goes to our own output. */
pid_t small_net_start(enum small_net_place place, char *const arguments[]);

const char *small_net_name(enum small_net_place place, char text[static 32]);
