/* move.h - takes a closed segment to an archive: copied, synced, compared, named, written into the
 * manifest, and only then deleted here.
 *
 * The temporary file lies on the archive's own volume, so that no name ever crosses one.  Whatever
 * ends it between two steps leaves the segment here, or in both places, the same: moving it once
 * more goes on from there.  Blocking; the caller holds the manifest. */
#ifndef WRITER_KEEP_MOVE_H
#define WRITER_KEEP_MOVE_H

#include <stdatomic.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/keep/manifest.h"
#include "writer/segment/archives.h"

struct move {
    struct files *files;
    struct manifest *manifest;
    const char *directory;   /* the log directory */
    const char *archive;     /* must be a path that holds everywhere, for the manifest tells it */
    const uint8_t *chance;   /* archives_claim's */
    const atomic_bool *stop; /* once true it gives up soon; may be NULL */
    int64_t now_ns;
    /* What an error is about; filled in where one comes back. */
    bool of_archive;
};

/* 0: it has gone.  ERR_NOT_FOUND: it was deleted meanwhile, and does not come back; ERR_EXISTS:
 * other lines have its name in the archive (both unless of_archive: archives_error_text). */
int move_segment(struct move *move, const struct segment_name *name);
/* What an error means that is not of_archive. */
const char *move_error_text(int error);

/* Removes the copy that an interrupted move has left, if any.  An error: as archives_check's, or it
 * is still there. */
int move_clear(struct files *files, const char *directory, const char *archive, const char *stream);

#endif
