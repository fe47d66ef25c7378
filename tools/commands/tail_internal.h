/* tail_internal.h - what the parts of tail share: tail.c (the command, and streams across segments),
 * tail_list.c, tail_lines.c, tail_segment.c, tail_replaced.c and tail_foreign.c.  No other file
 * includes it. */
#ifndef TOOLS_COMMANDS_TAIL_INTERNAL_H
#define TOOLS_COMMANDS_TAIL_INTERNAL_H

#include "tools/commands/command.h"
#include "tools/commands/held.h"
#include "tools/commands/last_lines.h"
#include "tools/query/foreign/foreign.h"
#include "tools/query/query.h"
#include "tools/query/received.h"
#include "tools/query/sorter.h"
#include "tools/render/render.h"
#include "writer/segment/segment_reader.h"

/* A missing segment is skipped after this many listings without it. */
#define GAP_LISTINGS 3
/* A link may be switched back to a directory that was followed before: its last segments are
 * remembered. */
#define PLACES_MAX   16

/* How far a segment was read. */
struct place {
    uint64_t sequence;
    int64_t opened_ns;
    uint64_t hash; /* of its first line; 0: unknown */
    uint64_t offset, frame_number;
};

/* A stream in a folder, or a file whose name is not a segment's. */
struct tailed {
    char stream[STREAM_NAME_MAX + 1];
    char *key; /* the path without the parts that differ between segments */
    struct segment_reader reader;
    struct received received; /* of the open segment; only if needed */
    const struct facts_rules *facts;
    bool open;
    bool begun; /* `sequence` is set */
    bool stuck; /* damage: the rest of this segment cannot be read */
    uint64_t sequence;
    int64_t opened_ns;       /* of the open segment, from its name */
    uint64_t replaced_since; /* the listing that showed only older segments first; 0: none */
    struct foreign *foreign; /* a file of another program */
    bool ended;              /* a pipe, or a file that cannot be read: it will not grow */
    uint64_t id;             /* of the open file */
    struct place places[PLACES_MAX]; /* of the last segments that were left; a ring */
    uint32_t place_count;
    struct foreign *older; /* the file of this name before, read until older_until_ns */
    int64_t older_until_ns;
    int64_t last_ns;        /* --sort: of the last record of the file, for lines without a time */
    struct last_lines last; /* not printed yet */
    uint64_t gap_to;        /* sequence of the segment after a gap */
    uint64_t gap_since;     /* the listing that showed the gap first */
    uint64_t skip;          /* lines to skip */
    uint64_t left;          /* lines still to print; UINT64_MAX: no limit */
};

struct tail {
    struct call *call;
    struct render render;
    struct query query;
    struct query_state state;
    uint8_t *wanted; /* matching lines of a frame */
    size_t wanted_room;
    uint64_t lines;
    uint32_t poll_ms;
    bool follow;
    bool failed;
    bool any; /* a record was printed */
    /* --sort: the first records are sorted, later ones are held for a while. */
    bool sort, following;
    struct sorter sorter;
    struct held held;
    uint64_t numbers; /* of the next record */
    struct segment_list list;
    uint64_t listings;
    int64_t list_next_ns;
    struct tailed *tailed;
    uint32_t count, room;
};

/* ---- tail_list.c ---- */

/* Lists all files again, and adds the streams that are new.  first: reports what is missing. */
void tail_list(struct tail *tail, bool first);
/* Is it a file of this stream? */
bool tail_belongs(const struct tailed *t, const struct segment_file *file);
/* The file in the list with the sequence of the open segment, or NULL. */
const struct segment_file *tail_current(const struct tail *tail, const struct tailed *t);
/* The oldest segment newer than the open one, or NULL. */
const struct segment_file *tail_newer(const struct tail *tail, const struct tailed *t);
/* Does any newer segment contain a readable line? */
bool tail_newer_has_lines(const struct tail *tail, const struct tailed *t);

/* ---- tail_lines.c ---- */

struct tail_lines {
    const uint8_t *begin, *end;
    uint64_t count;
};
/* The matching ones of these lines, valid until the next call. */
struct tail_lines tail_wanted_of(struct tail *tail, const struct tailed *t, const uint8_t *p,
                                 size_t size);
/* Those of the current frame. */
struct tail_lines tail_wanted(struct tail *tail, const struct tailed *t);
/* Prints whole lines; with --sort, they are kept until their turn comes. */
void tail_print(struct tail *tail, struct tailed *t, const uint8_t *lines, size_t size);
/* For the sorter and what is held; `context` is the struct tail. */
bool tail_print_sorted(void *context, const struct sorted_record *record);

/* ---- tail_segment.c ---- */

/* Reports and skips a segment that cannot be read; one that another program has locked is tried
 * again later.  shown: as for report_unopened.  True: it is open. */
bool tail_open_segment(struct tail *tail, struct tailed *t, const struct segment_file *file,
                       const struct segment_file *shown);
void tail_close_segment(struct tailed *t); /* nothing may be open */
/* Prints the segment up to its present end.  last: nothing more will be appended. */
void tail_print_segment(struct tail *tail, struct tailed *t, bool last);
/* Goes back through the open segment for *needed lines, subtracts what it finds, and leaves the
 * reader at the frame where they begin. */
void tail_look_back(struct tail *tail, struct tailed *t, const struct segment_file *file,
                    uint64_t *needed);

/* ---- tail_replaced.c ---- */

/* Are the segments of this stream others than before? */
bool tail_is_replaced(struct tail *tail, struct tailed *t);
/* Finishes what is open, and continues with the segments that are there now. */
void tail_begin_again(struct tail *tail, struct tailed *t);
/* Closes the open segment, which may be followed again later. */
void tail_leave_segment(struct tailed *t);

/* ---- tail_foreign.c ---- */

/* False: it is a segment, or cannot be read. */
bool tail_open_foreign(struct tail *tail, struct tailed *t, const struct segment_file *file);
void tail_close_foreign(struct tail *tail, struct foreign **foreign); /* NULL in it: nothing */
/* Keeps the last lines.  With -f, all lines of a pipe are new: it has no present end. */
void tail_find_last_lines(struct tail *tail, struct tailed *t);
/* Prints the last lines that were kept, and with -f what is new. */
void tail_print_foreign(struct tail *tail, struct tailed *t);

#endif
