/* segment_index.h - a segment's index in memory: what index.h loads and format.h encodes. */
#ifndef WRITER_INDEX_SEGMENT_INDEX_H
#define WRITER_INDEX_SEGMENT_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "writer/segment/counts.h"
#include "writer/segment/span.h"

struct index_group {
    uint64_t offset; /* of its first data frame; damaged frames belong to a group too */
    uint64_t size;   /* to the end of its last frame, skippable frames in between included */
    uint64_t first_frame,
        first_line; /* as segment_reader_next counts them: reader.frame_number, line_number */
    uint32_t raw_size, frames;
    struct span span;
    struct counts counts; /* of its lines; the span may know more, from the daemon */
    bool damaged;         /* a frame could not be read: open it, so that the damage is reported */
    bool filtered;        /* false: it has no filter, and is always a candidate */
    bool parts;           /* the filter has the parts of words (word_parts.h) */
};

/* Filters of equal size, of consecutive groups: one frame in the file. */
struct index_section {
    uint64_t offset; /* of its first row in the file */
    uint32_t first_group, groups;
    uint32_t rows;          /* each one cache line of every group's filter, and a checksum */
    uint32_t probes;        /* bits that a token sets, all in one cache line */
    uint32_t window_probes; /* and a window of a long one; the same before version 2 */
    bool by_group;          /* a token has other bits in each group: since version 2 */
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
    bool counted;          /* false: the groups' counts are by the rules of an older version */
    bool decoded;          /* false: the filters know the lines' bytes only (line_tokens.h) */
    bool repacked;         /* by repack.h, from a segment as the daemon writes them */
};

void index_free(struct segment_index *index); /* all zero: nothing happens */

#endif
