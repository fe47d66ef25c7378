/* move.h - moves a closed segment to an archive: copies, syncs, compares and renames it there,
 * records that in the manifest, and only then deletes the original.
 *
 * The temporary file is on the archive's own volume, so that no rename crosses volumes.  A crash
 * between two steps leaves the segment in the log directory, or the same lines in both places; the
 * next move continues from there.  If the original is deleted meanwhile, its copy is removed too.
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
    const char *directory;          /* the log directory */
    const char *archive;            /* an absolute path: the manifest records it */
    const uint8_t *chance;          /* for archives_prepare */
    const atomic_bool *stop;        /* once true, the move stops soon; may be NULL */
    struct lane_progress *progress; /* archive_lanes.h; may be NULL */
    int64_t now_ns;
    bool of_archive; /* set on an error: it is about the archive */
};

/* 0: the segment is in the archive only.  Errors that are of_archive are explained by
 * archives_error_text.  Others: ERR_NOT_FOUND: it was deleted meanwhile.  ERR_EXISTS: a segment
 * with other lines has its name in the archive.  ERR_BUSY: it was re-packed meanwhile, or another
 * program has it open.  ERR_CANCELLED: stopped, or the manifest was closed. */
int move_segment(struct move *move, const struct segment_name *name);
/* Explains an error that is not of_archive. */
const char *move_error_text(int error);

/* Removes the temporary file that an interrupted move may have left.  On an error, that of
 * archives_check or of the removal, it may still exist. */
int move_clear(struct files *files, const char *directory, const char *archive, const char *stream);

#endif
