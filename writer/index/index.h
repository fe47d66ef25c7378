/* index.h - a closed segment's own index: built once, when it is closed, read by search.
 *
 * Behind the last lines of a segment stand filters, an index and a footer (FORMAT.md), as
 * skippable frames: other readers pass over them, and a file whose index is torn or damaged is
 * still a whole segment, without an index.  The index knows the segment as a row of groups:
 * consecutive frames of about 1 MiB of lines.  Blocking. */
#ifndef WRITER_INDEX_INDEX_H
#define WRITER_INDEX_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/index/segment_index.h"

/* Finds the index through the footer at the end of the file.  ERR_NOT_FOUND: there is none, or it
 * is of a later version, or what there is fails its checksum; the segment is read as it is then.
 * On an error nothing is to be freed. */
int index_load(struct file *file, struct segment_index *index);

#define INDEX_CANDIDATES_BYTES(groups) (((size_t)(groups) + 7) / 8)
static inline bool index_candidate(const uint8_t *candidates, uint32_t group) {
    return candidates[group / 8] >> (group % 8) & 1;
}
/* Sets bit g % 8 of candidates[g / 8] (INDEX_CANDIDATES_BYTES) for each group that may hold all of
 * these tokens (tokens_of_literal's hashes), and clears it for all others.  One read a token and
 * section.  A filter that fails its checksum leaves its groups candidates.  Negative: reading
 * failed; every group is a candidate then. */
int index_candidates(struct file *file, const struct segment_index *index, const uint64_t *hashes,
                     uint32_t count, uint8_t *candidates);

/* Checks filters, index and footer, every byte.  0: sound; ERR_NOT_FOUND: the file has none;
 * ERR_INVALID: there is something of an index, and it is damaged; *offset is where. */
int index_check(struct file *file, uint64_t *offset);

struct index_options {
    /* What is known of the lines behind the last lid; NULL: nothing, then their times and
     * levels are looked up in the lines. */
    const struct span *rest;
    /* Once it is true (any thread may set it; NULL: nobody does) index_append gives up soon. */
    const atomic_bool *stop;
    const atomic_bool *deleted; /* the same: the segment has been deleted meanwhile; NULL: never */
    bool repacked;
};

/* Reads the segment's lines once and appends its index to the file, which nobody else writes to.
 * options may be NULL.
 * What stands behind the last lines from an earlier try is cut off first; a file that has its
 * index already stays as it is.  The caller syncs.  ERR_CANCELLED: *options->stop; ERR_INVALID: what recovery or repair should
 * see first.  On an error the file is as long as before or ends behind its lines: a whole
 * segment without an index, at worst a torn one. */
int index_append(struct file *file, const struct index_options *options);

#endif
