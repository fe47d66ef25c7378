/* recover.h - recovers a stream's folder before anything is appended.
 *
 * A crash leaves a `.part` segment whose last append may be torn.  Every whole frame is kept, the
 * torn end is cut off, damage in the middle is hidden in skippable frames (readers skip it, and
 * lose nothing after it), and the segment gets its final name; one without a whole frame is
 * removed.  A segment that cannot be recovered, because another program has it open or it cannot be
 * read, is left as it is: it must not keep the daemon from starting.  recover_left tries again
 * (late_recovery.h).  Blocking: before serving, or on a worker. */
#ifndef WRITER_LIVE_RECOVER_H
#define WRITER_LIVE_RECOVER_H

#include <stdatomic.h>
#include <stdint.h>

#include "port/files.h"

enum sequence_file { SEQUENCE_SOUND, SEQUENCE_MISSING, SEQUENCE_DAMAGED };

struct recovery {
    uint64_t segments;      /* left open by a crash */
    uint64_t lines, frames; /* kept in them */
    uint64_t bytes_cut;     /* torn, from their ends */
    uint64_t frames_aside;  /* damaged stretches */
    uint32_t left;          /* segments that could not be recovered */
    enum sequence_file sequence;
    int sequence_error;       /* why SEQUENCE_DAMAGED cannot be read; 0: it makes no sense */
    uint64_t stored_sequence; /* in the file */
    uint64_t last_sequence;   /* the highest that the file and the names show (last_sequence.h) */
    char failed_path[PATH_BYTES_MAX]; /* after an error: what it is about */
};

/* directory: the log directory; its state folder and the stream's are made if missing.  Reports
 * what was kept and cut off, one line per segment; an error is left to the caller to report. */
int recover_stream(struct files *files, const char *directory, const char *stream,
                   struct recovery *recovery);

/* Tries again to recover the `.part` segments in a stream's folder up to a sequence, while the daemon
 * writes later ones.  Reports those that are recovered, and sets `left` to the number of the others.
 * Becomes true, from any thread: *stop, and it ends soon with ERR_CANCELLED. */
int recover_left(struct files *files, const char *folder, uint64_t last_sequence,
                 const atomic_bool *stop, uint32_t *left);

#endif
