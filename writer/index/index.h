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
#include "writer/segment/counts.h"
#include "writer/segment/span.h"

struct index_group {
    uint64_t offset; /* of its first data frame; frames that are damaged lie in a group too */
    uint64_t size;   /* to the end of its last frame; what is skipped in between included */
    uint64_t first_frame,
        first_line; /* as segment_reader_next counts them: reader.frame_number, line_number */
    uint32_t raw_size, frames;
    struct span span;
    struct counts counts; /* of its lines; the span may know more, from the daemon */
    bool damaged;         /* a frame could not be read: open it, so that this is told */
    bool filtered;        /* false: it has no filter, and is always a candidate */
};

/* Filters of equal size, of consecutive groups: one frame in the file. */
struct index_section {
    uint64_t offset; /* of its first row in the file */
    uint32_t first_group, groups;
    uint32_t rows;          /* each one cache line of every group's filter, and a checksum */
    uint32_t probes;        /* bits that a token sets, all in one cache line */
    uint32_t window_probes; /* and a window of a long one; the same before version 2 */
    bool by_group;          /* which they are differs from group to group: since version 2 */
};

struct segment_index {
    struct index_group *groups;
    uint32_t count;
    struct index_section *sections;
    uint32_t section_count;
    uint64_t lines, raw_size, frames;
    struct span span;      /* of all groups */
    uint64_t data_size;    /* where the lines end, and the filters begin */
    uint64_t index_bytes;  /* what filters, index and footer take */
    uint64_t lines_digest; /* of all lines that could be read (digest.h) */
    bool repacked;         /* by repack.h, from a segment as the daemon writes them */
};

/* Finds the index through the footer at the end of the file.  ERR_NOT_FOUND: there is none, or it
 * is of a later version, or what there is fails its checksum; the segment is read as it is then.
 * On an error nothing is to be freed. */
int index_load(struct file *file, struct segment_index *index);
void index_free(struct segment_index *index); /* all zero: nothing happens */

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
