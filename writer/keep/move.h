/* move.h - moves a closed segment to an archive: copied, synced, compared, named, recorded in the
 * manifest, and only then deleted here.
 *
 * The temporary file is on the archive's own volume, so that no rename ever crosses volumes.  An end
 * between two steps leaves the segment here or, the same, in both places; the next move continues
 * from there.  A segment that is deleted here meanwhile does not come back: its copy is removed.
 *
 * Blocking, for ever if the archive hangs: it runs in the archive's lane.  It holds the manifest's
 * lock only while it touches the log directory. */
#ifndef WRITER_KEEP_MOVE_H
#define WRITER_KEEP_MOVE_H

#include <stdatomic.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/keep/archive_lanes.h"
#include "writer/keep/manifest.h"
#include "writer/segment/archives.h"

struct move {
    struct files *files;
    struct manifest *manifest;
    const char *directory;   /* the log directory */
    const char *archive;     /* must be a path that holds everywhere, for the manifest tells it */
    const uint8_t *chance;   /* archives_claim's */
    const atomic_bool *stop; /* once true it gives up soon; may be NULL */
    struct lane_progress *progress; /* archive_lanes.h; may be NULL */
    int64_t now_ns;
    /* What an error is about; filled in where one comes back. */
    bool of_archive;
};

/* 0: it is in the archive alone.  Unless of_archive (then archives_error_text explains it):
 * ERR_NOT_FOUND: it was deleted meanwhile, and is gone; ERR_EXISTS: a segment with other lines has
 * its name in the archive; ERR_BUSY: it was re-packed meanwhile, or another program has it open;
 * ERR_CANCELLED: stopped, or the manifest was closed. */
int move_segment(struct move *move, const struct segment_name *name);
/* What an error means that is not of_archive. */
const char *move_error_text(int error);

/* Removes the copy that an interrupted move has left, if any.  An error: as archives_check's, or it
 * is still there. */
int move_clear(struct files *files, const char *directory, const char *archive, const char *stream);

#endif
