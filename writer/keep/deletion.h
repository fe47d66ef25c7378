/* deletion.h - deletes a closed segment in three steps: the manifest announces the deletion, the
 * file is removed, the manifest records that.  A crash between any two steps is repaired later.
 *
 * Meanwhile another thread may index, re-pack or move the segment.  In the log directory its name
 * is removed with the manifest's lock held, and these jobs are notified: none of them creates the
 * segment again.  Blocking; for a file in an archive, call it in that archive's lane. */
#ifndef WRITER_KEEP_DELETION_H
#define WRITER_KEEP_DELETION_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/keep/manifest.h"

struct deletion {
    struct files *files;
    struct manifest *manifest;
    const char *reason; /* at most MANIFEST_REASON_MAX - 1 bytes */
    int64_t now_ns;     /* wall clock */
};

/* record: the segment's last line in the manifest, or the result of manifest_describe; replaced by
 * the last line, if there is a newer one.  A deletion that is already announced with the same reason
 * is not announced again.  path_here: of the file in the log directory; NULL: it is not there.
 * ERR_NOT_FOUND: it has moved to an archive meanwhile. */
int deletion_announce(const struct deletion *deletion, const char *path_here,
                      struct manifest_record *record);
/* Removes the announced segment from its stream's folder; succeeds if it is gone already.  here:
 * the folder is in the log directory.  *open: another thread's job is giving a copy its name in an
 * archive; that job will remove the copy and record the deletion.  ERR_NOT_FOUND: the segment was
 * moved meanwhile.  Another error: it still exists. */
int deletion_remove(const struct deletion *deletion, const struct segment_name *name,
                    const char *folder, const char *path, bool here, bool *open);
/* Records that the segment was deleted from all places.  ERR_NOT_FOUND: the manifest has no line
 * about it. */
int deletion_record(const struct deletion *deletion, const struct segment_name *name);

#endif
