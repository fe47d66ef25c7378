/* repack.h - packs a closed segment's lines once more, smaller: larger frames by LZ4 HC, with an
 * index of their own.  Same lines, same order, same line numbers; a digest of all lines shows
 * it before anybody may take the copy for the segment.  Blocking. */
#ifndef WRITER_KEEP_REPACK_H
#define WRITER_KEEP_REPACK_H

#include <stdatomic.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/index/index.h"

#define REPACK_LEVEL_DEFAULT 4
/* What it takes at most, beside the two indexes, for segments as the daemon writes them. */
#define REPACK_MEMORY_BYTES  (40u << 20)

struct repack_options {
    int level;               /* LZ4 HC's, 3 to 12; 0: REPACK_LEVEL_DEFAULT */
    const atomic_bool *stop; /* once true it gives up soon, with ERR_CANCELLED; NULL: nobody does */
    const atomic_bool *deleted; /* the same: `from` has been deleted meanwhile; NULL: never */
};

/* Writes all lines of `from`, whose index is `index`, to the empty file `to`, then `to`'s index;
 * compares what was read back for it, and syncs.  Lids say of each group what the index knows of it.
 * ERR_INVALID: `from` is damaged, or what was read back is not what was written; ERR_CANCELLED.
 * On an error `to` is of no use, and `from` is as it was. */
int repack(struct file *from, const struct segment_index *index, struct file *to,
           const struct repack_options *options);

/* The file at copy_path becomes the segment at `path` in one step; the caller syncs the folder.  On
 * Windows `path` must not be open.  Where another thread may delete the segment, both hold the
 * manifest's lock.  ERR_NOT_FOUND: it was deleted meanwhile.  On an error the copy is still there. */
int repack_take_place(struct files *files, const char *copy_path, const char *path);

#endif
