/* Telling the service manager how we are, as sd_notify(3) describes: one datagram to the Unix
 * socket that $NOTIFY_SOCKET names. Any thread; never waits. */
#pragma once

/* state: "READY=1", "STOPPING=1". Does nothing where nobody wants to know, and nothing about a
 * manager that does not listen. */
void os_notify(const char *state);
