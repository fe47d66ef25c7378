/* deletion.h - deletes a closed segment in steps that survive a crash between any two of them: the
 * manifest announces the deletion, the file goes, the manifest records that.
 *
 * A segment may be indexed, re-packed or moved meanwhile by another thread.  In the log directory its
 * name is removed with the manifest's lock held, and those jobs learn of it: none brings it back.
 * Blocking; where the file is in an archive, in that archive's lane. */
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

/* record: what the manifest says about the segment, or what manifest_describe does.  A deletion that
 * is announced for the same reason already is not announced again. */
int deletion_announce(const struct deletion *deletion, struct manifest_record *record);
/* Removes the announced segment from the folder of its stream; one that is gone is as good.  here:
 * the folder is the log directory's.  *open: a job of another thread is giving a copy its name in an
 * archive, and will remove it and call deletion_record.  ERR_NOT_FOUND: it was moved meanwhile.
 * Another error: it is still there. */
int deletion_remove(const struct deletion *deletion, const struct segment_name *name,
                    const char *folder, const char *path, bool here, bool *open);
/* It is gone from all places.  ERR_NOT_FOUND: the manifest does not know it. */
int deletion_record(const struct deletion *deletion, const struct segment_name *name);

#endif
