/* recover.h - puts a stream's folder in order before anything is appended.
 *
 * What a crash left is a `.part` segment whose last append may be torn. Every
 * whole frame is kept, the torn rest is cut off, what is damaged in the middle is
 * set aside (readers pass over it, nothing behind it is lost), and the segment
 * gets its final name; one without a frame goes.  One that cannot be read at all stays as it is,
 * for it must not keep the daemon from starting.  Blocking: before serving. */
#ifndef WRITER_LIVE_RECOVER_H
#define WRITER_LIVE_RECOVER_H

#include <stdint.h>

#include "port/files.h"

struct recovery {
    uint64_t segments;      /* that a crash had left open */
    uint64_t lines, frames; /* kept in them */
    uint64_t bytes_cut;     /* torn, from their ends */
    uint64_t frames_aside;  /* damaged stretches */
    uint64_t last_sequence; /* the highest ever given out, from names and state together */
};

/* `directory` is the daemon's; its state folder and the stream's are made if need be.
 * Says on stderr what it kept and cut, a line a segment. */
int recover_stream(struct files *files, const char *directory, const char *stream,
                   struct recovery *recovery);

#endif
