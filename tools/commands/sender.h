/* sender.h - what the commands that send to a daemon share. */
#ifndef TOOLS_COMMANDS_SENDER_H
#define TOOLS_COMMANDS_SENDER_H

#include "port/address.h"
#include "port/system.h"

/* What a datagram over IPv4 can hold. */
#define DATAGRAM_MAX 65507

/* HOST:PORT, looked up if it is a name. 0, or an ERR_, which is said in the name of `command`. */
int sender_resolve(const char *command, const char *where, struct port_address *address);
/* All is sent over TCP: waits until the daemon has closed its side, which it does when it has
 * read everything.  0, or an ERR_, said. */
int sender_wait_for_close(const char *command, struct client *client, const char *where);
/* Over UDP: waits until it is the turn of the datagram behind `sent` others, at `rate` a second
 * since begun_ns; 0: at once. */
void sender_keep_pace(uint64_t rate, int64_t begun_ns, uint64_t sent);
/* Over UDP nobody answers but a system where nobody listens. 0, or that ERR_. */
int sender_check_refused(struct client *client);

#endif
