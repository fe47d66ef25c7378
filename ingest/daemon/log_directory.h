/* log_directory.h - the daemon's directory: made, locked and published in <dir>/logportd.run.
 *
 * The run file (mode 0600) tells clients of this directory how to reach the daemon:
 * {"pid":1,"control":"127.0.0.1:40123","token":"<64 hex>","directory":"<16 hex>"}.  `directory` is
 * the identity of the directory (file_status.id), so that a copy of the directory does not name the
 * daemon of the original.
 *
 * About once a second a worker checks that directory, lock, run file and state/settings.json (the
 * settings of listeners, for readers) still exist.  What was deleted or moved away is made again,
 * with a new token, and reported.  Owner only. */
#ifndef INGEST_DAEMON_LOG_DIRECTORY_H
#define INGEST_DAEMON_LOG_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/port.h"

#define RUN_FILE_NAME "logportd.run"

struct log_directory;

/* Makes <path> and <path>/state and locks the latter: blocking, before serving.  Says what is
 * wrong. ERR_BUSY: another daemon holds the lock.  path is not copied. */
int log_directory_open(struct port *port, const char *path, struct log_directory **directory);
/* Writes the run file, blocking, and keeps it there from now on.  A full disk is not an error: the
 * run file is written when there is room. */
int log_directory_publish(struct log_directory *directory, uint32_t process_id,
                          const struct port_address *control);
/* Keeps `text` in state/settings.json: written at the next look, and by log_directory_publish.  "":
 * there is no such file.  malloc'd; the directory frees it. */
void log_directory_record(struct log_directory *directory, char *text);
/* Does `text` begin with the published token and a space?  Takes equally long for every wrong
 * token. Returns what follows, or NULL. */
const char *log_directory_accept(const struct log_directory *directory, const char *text);

/* Removes the run file and releases the lock: another daemon may take the directory. */
void log_directory_close(struct log_directory *directory);
bool log_directory_idle(const struct log_directory *directory); /* no op is in flight */
void log_directory_free(struct log_directory *directory);       /* closed and idle */

#endif
