/* volumes.h - how much space is free where segments are stored, for `logport status`.
 *
 * Measured when serving begins and every 10 s: the streams' folders on a thread of their own, each
 * configured archive in its lane.  So a volume that hangs delays nothing, and only its own figure
 * becomes old.  Owner only. */
#ifndef INGEST_DAEMON_VOLUMES_H
#define INGEST_DAEMON_VOLUMES_H

#include "ingest/config/config.h"
#include "port/port.h"
#include "writer/keep/archive_lanes.h"

struct volumes;

/* directory: the log directory; not copied.  lanes: NULL without archives.  ERR_NO_MEMORY. */
int volumes_open(struct port *port, const char *directory, struct archive_lanes *lanes,
                 struct volumes **volumes);
/* Measures the folders of these streams and rejects, and the configured archives.  Called when
 * serving begins and after each reload; nothing is kept of the arguments. */
void volumes_set(struct volumes *volumes, const char *const *streams, uint32_t stream_count,
                 const struct config *config);
/* Measures no more; never waits for a volume that hangs. */
void volumes_stop(struct volumes *volumes);
bool volumes_quiet(const struct volumes *volumes);
void volumes_free(struct volumes *volumes); /* quiet */

/* The member "volumes":{FOLDER:{...},...} without a terminating 0 of more than `size` bytes; a
 * folder for which there is no room is left out.  Returns its length. */
#define VOLUMES_TEXT_MAX 32768
size_t volumes_write(const struct volumes *volumes, char *text, size_t size);

#endif
