/* sender_tls.h - TLS over the blocking socket of a command that sends.  Messages start with
 * "send". */
#ifndef TOOLS_COMMANDS_SENDER_TLS_H
#define TOOLS_COMMANDS_SENDER_TLS_H

#include <stddef.h>

#include "port/client.h"
#include "port/files.h"

struct sender_tls_files {
    const char *issuers;           /* NULL: those of the system */
    const char *certificate, *key; /* NULL: none */
    const char *server_name;       /* NULL: the host of `where` */
};

struct sender_tls;
/* Shakes hands.  0, or an ERR_ after a message. */
int sender_tls_open(struct files *files, const struct sender_tls_files *from, struct client *client,
                    const char *where, struct sender_tls **tls);
void sender_tls_close(struct sender_tls *tls); /* NULL: nothing */
/* Sends all of it.  0, or an ERR_ without a message. */
int sender_tls_send(struct sender_tls *tls, const void *bytes, size_t size);
/* Sends a close_notify and waits until the daemon closes.  0, or an ERR_ after a message. */
int sender_tls_finish(struct sender_tls *tls, const char *where);
/* What the daemon has said instead of taking more; "": nothing. */
const char *sender_tls_alert(struct sender_tls *tls);

#endif
