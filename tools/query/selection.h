/* selection.h - what a search over segments (select.h) is given, what it returns piece by piece,
 * and what it reports at the end. */
#ifndef TOOLS_QUERY_SELECTION_H
#define TOOLS_QUERY_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/record/facts.h"
#include "tools/query/record.h"
#include "tools/query/sorter.h"
#include "tools/query/unrecognised.h"
#include "writer/segment/counts.h"
#include "writer/segment/segment_list.h"

struct query_state;
struct selection;

/* What the workers do with the matching lines of each piece before the caller gets them: rendering,
 * extracting, counting.  A state holds the results of one piece, as the caller needs them in `visit`
 * (selection.worked), and is used by one thread at a time.  There are at most four states for each
 * core, 64 at most, and one for the calling thread; a piece has a few MiB of lines, or a single
 * line.  Which lines make a piece does not depend on the number of workers, and pieces are returned
 * in order: results that are merged in `visit` do not depend on it either. */
struct select_work {
    void *context;
    void *(*open)(void *context); /* on the calling thread */
    /* On the calling thread, before a worker gets the piece: what the caller knows by then.  NULL:
     * nothing. */
    void (*begin)(void *state);
    /* On any thread: replaces the results in `state` by those of these lines.  They are those that
     * `visit` gets, unless settings.max ends the search in this piece: then it is called again, with
     * fewer lines.  Of the selection, file_begins and gap are not set yet.  JSON_PADDING bytes after
     * the lines are readable. */
    void (*run)(void *state, const struct selection *selection, struct query_state *query_state);
    void (*close)(void *state); /* on the calling thread */
};

struct select_settings {
    /* NULL: nothing; not with `count`. */
    const struct select_work *work;
    bool count;             /* only numbers are needed, no lines */
    bool context;           /* return all lines that are read, not only matching ones */
    uint64_t before, after; /* context: lines around a match that must be read */
    bool newest_first;      /* return pieces, and the lines of each piece, in reverse order */
    bool times;             /* select_line.time_ns is needed */
    /* With times: it is the time that the line has if it says none; the caller reads the others. */
    bool untimed;
    /* Implies times.  Return pieces in the order of their first possible times (newest_first: last
     * ones), as far as indexes know them; what no index knows comes first.  The lines of a piece
     * stay in the order of storage.  With `context`, everything is read, and `lines` are all lines. */
    bool by_time;
    /* by_time with context, oldest first: all matches have times of [near_first_ns, near_last_ns];
     * leave out groups that cannot hold the lines before and after them. */
    bool near;
    int64_t near_first_ns, near_last_ns;
    /* by_time: leave out what is beyond it, and end where nothing else can follow.  NULL: none.
     * Changes between visits only. */
    const struct sorter_limit *limit;
    bool all_frames;     /* do not use indexes */
    bool tally;          /* count what the matching lines hold, on the worker threads */
    bool results_at_end; /* the caller prints nothing before the end (progress_begin) */
    uint64_t max;        /* stop after this many matches, in the order in which they are returned */
};

struct select_line {
    size_t begin, end; /* in the selection's text; includes the newline */
    /* Event time; if the line has none, about when it was received, or INT64_MIN if that is not
     * known. */
    int64_t time_ns;
    bool other; /* by_time with context: it does not match */
};

/* The result of one piece of a segment, some hundred KiB of lines. */
struct selection {
    const struct segment_file *segment;
    const struct facts_rules *facts; /* how its times and levels are read */
    bool several_streams;            /* the searched files belong to more than one stream */
    bool file_begins;                /* the first piece of this file */
    bool gap;                        /* lines were skipped before this piece */
    bool foreign;                    /* lines may be text; see is_record.h */
    const uint8_t *text; /* context: all lines; otherwise the matching ones, concatenated */
    size_t text_size;
    const struct select_line *lines; /* the matching ones; by_time with context: all */
    uint64_t count;
    uint64_t frames; /* includes frames skipped by their lids, but not those skipped by an index */
    /* by_time.  Pieces in the order of streams, sequences and lines have rising places; files of
     * other programs come first, in the order in which they were named. */
    uint64_t place;
    int64_t first_ns; /* no line of this piece or of a later one comes before this time ... */
    int64_t next_ns;  /* ... and none of a later one before this */
    const struct counts *tally; /* settings.tally: of the matching lines */
    uint64_t tally_bytes;       /* size of the matching lines, including newlines */
    void *worked;               /* settings.work: the state with the results of this piece */
};

/* Reads a line of the selection, for settings.work: RECORD_OBJECT, or it has no fields. */
void selection_record(const struct selection *selection, const struct select_line *line,
                      struct record *record);

struct select_report {
    uint64_t found; /* at most settings.max */
    bool failed;    /* something could not be read or is damaged; a message was printed */
    /* With --level: records that pass everything else, but have an unrecognised level. */
    struct unrecognised unrecognised;
    /* For --explain. */
    uint64_t files, files_indexed, files_skipped, bytes, bytes_read;
    uint64_t groups;
    /* Skipped, by reason; condition: by what it says of @time and @level. */
    uint64_t groups_by_time, groups_by_level, groups_by_filter, groups_by_condition;
    uint64_t groups_counted; /* not read, because the index knows the number of their matches */
    uint64_t frames_by_time, frames_by_level, frames_by_condition; /* skipped by their lids */
    uint64_t frames_read, raw_bytes_read;
};

/* Return false to stop. */
typedef bool select_visit(void *context, const struct selection *selection);

#endif
