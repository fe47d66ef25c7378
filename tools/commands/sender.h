/* sender.h - shared by the commands send and replay.  Messages start with `command`. */
#ifndef TOOLS_COMMANDS_SENDER_H
#define TOOLS_COMMANDS_SENDER_H

#include "port/client.h"

/* The largest payload of a datagram over IPv4. */
#define DATAGRAM_MAX 65507

/* Parses or resolves HOST:PORT. 0, or an ERR_ after a message. */
int sender_resolve(const char *command, const char *where, struct port_address *address);
/* What a receiver that does not accept records has answered: "" if these bytes do not say that, else
 * half a sentence in `text`. */
#define SENDER_REFUSAL_MAX 320
void sender_refusal(const uint8_t *bytes, size_t size, char text[SENDER_REFUSAL_MAX]);
/* Sending has failed with this error: says why, with what the receiver has answered, if anything. */
void sender_say_failed(const char *command, struct client *client, const char *where, int error,
                       uint64_t sent);
/* Call it when everything has been sent over TCP: waits until the daemon closes the connection,
 * which it does after it has read everything.  0, or an ERR_ after a message; ERR_REFUSED: it has said
 * that it does not accept this. */
int sender_wait_for_close(const char *command, struct client *client, const char *where);
/* UDP: waits until `sent` datagrams at `rate` per second since begun_ns are due; rate 0: returns at
 * once. */
void sender_keep_pace(uint64_t rate, int64_t begun_ns, uint64_t sent);
/* UDP: the only answer is a refusal, if no program listens. 0, or that ERR_. */
int sender_check_refused(struct client *client);

#endif
