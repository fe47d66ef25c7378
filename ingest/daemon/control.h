/* control.h - how `logport status|rotate|reload|stop` reach the daemon.
 *
 * A listener on a free loopback port, named in <dir>/logportd.run (mode 0600)
 * with a random token: {"pid":1,"control":"127.0.0.1:40123","token":"<64 hex>"}.
 * (`logport replay` asks for the listeners.)  A client sends "<token> <command>\n" and reads one
 * line of JSON until we close.  Few at a time, each for a short time: it cannot be used to harm.
 * Owner only. */
#ifndef INGEST_DAEMON_CONTROL_H
#define INGEST_DAEMON_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "port/port.h"

struct control;

#define CONTROL_REPLY_MAX 16384 /* the counters, or an error */

/* Answers a command, or leaves that to control_reply_later. */
enum control_answer { CONTROL_NOW, CONTROL_LATER };
typedef enum control_answer control_command(void *context, const char *command, char *reply,
                                            size_t size);

/* Listens and writes <directory>/logportd.run. */
int control_open(struct port *port, const char *directory, control_command *command, void *context,
                 struct control **control);
/* Everybody who waits for this command to be over gets this line. */
void control_reply_later(struct control *control, const char *command, const char *reply);
/* Removes the run file and takes no more commands; replies under way are still sent. */
void control_close(struct control *control);
/* No op is in flight: it may be freed. */
bool control_quiet(const struct control *control);
void control_free(struct control *control);

#endif
