/* selection.h - what a search over segments (select.h) is given, what it returns piece by piece, and
 * what it reports at the end. */
#ifndef TOOLS_QUERY_SELECTION_H
#define TOOLS_QUERY_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "writer/segment/counts.h"
#include "writer/segment/segment_list.h"

struct select_settings {
    bool count;             /* numbers only: no lines come back */
    bool context;           /* all lines of what is read come back, not only the wanted ones */
    uint64_t before, after; /* context: so many lines around a wanted one are always read */
    bool newest_first;      /* the lines of each piece, and the pieces, from the last on */
    bool times;             /* select_line.time_ns is needed */
    bool all_frames;        /* no index is used */
    bool tally;             /* what the wanted lines say is counted, by the threads */
    bool results_at_end;    /* nothing is printed before the end (progress_begin) */
    uint64_t max;           /* no more than this are wanted, in the order in which they come back */
};

struct select_line {
    size_t begin, end; /* in the selection's text; the newline is in it */
    int64_t time_ns;   /* event time; receive time, about, where it has none */
};

/* What a piece of a segment came to: some hundred KiB of lines. */
struct selection {
    const struct segment_file *segment;
    bool file_begins;    /* no piece of this file came before */
    bool gap;            /* lines were passed over before this piece */
    const uint8_t *text; /* context: all lines; else the wanted ones, one behind the other */
    size_t text_size;
    const struct select_line *lines; /* the wanted ones */
    uint64_t count;
    uint64_t frames;            /* those passed over as their lids say, too; not by an index */
    const struct counts *tally; /* settings.tally: of the wanted lines */
    uint64_t tally_bytes;       /* theirs, newlines included */
};

struct select_report {
    uint64_t found; /* at most settings.max */
    bool failed;    /* something could not be read, or is damaged; it has been said */
    /* For --explain. */
    uint64_t files, files_indexed, files_skipped, bytes, bytes_read;
    uint64_t groups, groups_by_time, groups_by_level, groups_by_filter; /* passed over, and why */
    uint64_t frames_by_time, frames_by_level;                           /* the same by lids */
    uint64_t frames_read, raw_bytes_read;
};

/* False: no more is wanted. */
typedef bool select_visit(void *context, const struct selection *selection);

#endif
