/* repack.h - compresses a closed segment again, smaller: larger frames by LZ4 HC, with a new index.
 * The lines, their order and their numbers stay the same; a digest of all lines proves that before
 * the copy may replace the segment.  Blocking. */
#ifndef WRITER_KEEP_REPACK_H
#define WRITER_KEEP_REPACK_H

#include <stdatomic.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/index/index.h"

#define REPACK_LEVEL_DEFAULT 4
/* Limit of its memory, in addition to the two indexes, for segments as the daemon writes them. */
#define REPACK_MEMORY_BYTES  (40u << 20)

struct repack_options {
    int level; /* of LZ4 HC, 3 to 12; 0: REPACK_LEVEL_DEFAULT */
    /* Either one becoming true makes it return ERR_CANCELLED soon.  May be NULL. */
    const atomic_bool *stop;
    const atomic_bool *deleted; /* set when `from` is deleted */
};

/* Writes all lines of `from`, whose index is `index`, to the empty file `to`, reads them back to
 * append `to`'s index, compares the digests of both indexes, and syncs.  Each group's lid holds the
 * span that `index` has for it; receipts (span.h) keep the receive times of the lids of `from`.
 * ERR_INVALID: `from` is damaged, or what was read back differs from what was written.
 * ERR_CANCELLED: stopped.  On an error `to` is unusable, and `from` unchanged. */
int repack(struct file *from, const struct segment_index *index, struct file *to,
           const struct repack_options *options);

/* Replaces the segment at `path` by the file at copy_path in one step; the caller syncs the folder.
 * On Windows `path` must not be open.  If another thread may delete the segment, both hold the
 * manifest's lock.  ERR_NOT_FOUND: it was deleted meanwhile.  On an error the copy still exists. */
int repack_take_place(struct files *files, const char *copy_path, const char *path);

#endif
