/* index.h - a closed segment's own index: built once, when it is closed, read by search.
 *
 * After the last lines of a segment, filters, an index and a footer are stored as skippable frames
 * (FORMAT.md).  Other readers skip them, and a file whose index is torn or damaged is still a whole
 * segment, without an index.  The index describes the segment as groups: consecutive frames of
 * about 1 MiB of lines.  Blocking. */
#ifndef WRITER_INDEX_INDEX_H
#define WRITER_INDEX_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/index/segment_index.h"

/* Finds the index through the footer at the end of the file.  ERR_NOT_FOUND: there is none, or it
 * is of a later version, or its checksum is wrong, or it says what cannot be true of this file; read
 * the lines then.  Every value is in its limits: groups are in order, inside the file and hold at
 * most FRAME_RAW_MAX of lines each, and no sum overflows.  But only index_compare shows that it is
 * an index of these lines.  On an error there is nothing to free. */
int index_load(struct file *file, struct segment_index *index);

#define INDEX_CANDIDATES_BYTES(groups) (((size_t)(groups) + 7) / 8)
static inline bool index_candidate(const uint8_t *candidates, uint32_t group) {
    return candidates[group / 8] >> (group % 8) & 1;
}
/* Sets bit g % 8 of candidates[g / 8] (INDEX_CANDIDATES_BYTES) for each group that may hold all of
 * these tokens (tokens_of_literal's hashes), and clears it for all others.  One read for each token
 * and section.  A filter that fails its checksum leaves its groups candidates.  Negative: reading
 * failed; every group is a candidate then. */
int index_candidates(struct file *file, const struct segment_index *index, const uint64_t *hashes,
                     uint32_t count, uint8_t *candidates);

/* Checks every byte of filters, index and footer.  0: sound; ERR_NOT_FOUND: the file has none;
 * ERR_INVALID: it has an index or a part of one, damaged at *offset. */
int index_check(struct file *file, uint64_t *offset);

/* Reads all lines and compares them with what the index says about them: groups, frames, lines,
 * levels, times, and with `filters` every token.  0: it is the index of these lines; ERR_INVALID: it
 * is not, and *offset is a group's that is wrong, or the index's.  Groups that hold damage are not
 * compared.  ERR_CANCELLED: *stop (NULL: never). */
int index_compare(struct file *file, const struct segment_index *index, bool filters,
                  const atomic_bool *stop, uint64_t *offset);

struct index_options {
    /* What is known of the lines after the last lid; NULL: nothing, so their times and levels are
     * read from the lines. */
    const struct span *rest;
    /* Once it is true, index_append gives up soon.  Any thread may set it; NULL: never. */
    const atomic_bool *stop;
    const atomic_bool *deleted; /* the same: the segment has been deleted meanwhile; NULL: never */
    bool repacked;
    bool replace; /* an index that the file has already; otherwise the file stays as it is */
};

/* Reads the segment's lines once and appends its index to the file; nothing else may write to it
 * meanwhile.  options may be NULL.  First cuts off what an earlier try left after the last lines,
 * but never anything that holds a line.  The caller syncs.  ERR_CANCELLED: *options->stop
 * or *options->deleted; ERR_INVALID: damage that recovery or repair should handle first.  After an
 * error the file is as before, or ends after its lines: a whole segment without an index, at worst
 * with a torn one. */
int index_append(struct file *file, const struct index_options *options);

#endif
