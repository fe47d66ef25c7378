/* control.h - how `logport status|rotate|reload|stop|replay` reach the daemon.
 *
 * A listener on a free loopback port, which the run file names with a random token
 * (log_directory.h).  A client sends "<token> <command>\n" and reads one line of JSON until the
 * daemon closes.  The number of clients and their time are limited, so that they cannot exhaust
 * the daemon.  Owner only. */
#ifndef INGEST_DAEMON_CONTROL_H
#define INGEST_DAEMON_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/daemon/log_directory.h"
#include "port/port.h"

struct control;

#define CONTROL_REPLY_MAX (48u << 10) /* the counters and volumes, or an error */

/* Writes the reply to a command, or leaves it to control_reply_later.  request: its number, which
 * rises. */
enum control_answer { CONTROL_NOW, CONTROL_LATER };
typedef enum control_answer control_command(void *context, const char *command, uint64_t request,
                                            char *reply, size_t size);
#define CONTROL_ALL UINT64_MAX

/* Listens.  The directory outlives it. */
int control_open(struct port *port, const struct log_directory *directory, control_command *command,
                 void *context, struct control **control);
const struct port_address *control_address(const struct control *control);
/* Sends this line to every client that waits for this command and whose request has this number or
 * a lower one; CONTROL_ALL: whatever its number. */
void control_reply_later(struct control *control, const char *command, uint64_t request,
                         const char *reply);
/* Takes no more commands; replies under way are still sent. */
void control_close(struct control *control);
bool control_idle(const struct control *control); /* no op is in flight */
void control_free(struct control *control);       /* closed and idle */

#endif
