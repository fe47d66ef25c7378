/* late_recovery.h - recovers the segments that could not be recovered when their stream was opened.
 *
 * Such a segment of an earlier run is usually open in another program, such as a virus scanner: it
 * stays a `.part` until that program closes it.  Tries again after 2 s, 4 s, ... up to a minute, on
 * the idle lane, until none is left.  Every call and callback: the port's owner. */
#ifndef WRITER_KEEP_LATE_RECOVERY_H
#define WRITER_KEEP_LATE_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"

struct late_recovery;

struct late_recovery_options {
    const char *folder;               /* of the stream's segments; must outlive it */
    uint64_t last_sequence;           /* segments with a higher one are of this run */
    uint32_t left;                    /* by recover_stream; 0: there is nothing to do */
    void (*recovered)(void *context); /* at least one segment has got its final name */
    void *context;
};

int late_recovery_open(struct port *port, const struct late_recovery_options *options,
                       struct late_recovery **recovery);
/* Segments that are not recovered yet. */
uint32_t late_recovery_left(const struct late_recovery *recovery);
/* Starts no more tries; a running one ends soon.  The next start recovers what is left. */
void late_recovery_stop(struct late_recovery *recovery);
/* After late_recovery_stop: false once a running try has ended. */
bool late_recovery_busy(const struct late_recovery *recovery);
void late_recovery_free(struct late_recovery *recovery); /* stopped, and not busy */

#endif
