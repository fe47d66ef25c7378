/* select_internal.h - what the parts of a search share: select.c (files in their order, threads),
 * select_segment.c, select_by_time.c, select_newest.c and select_return.c.  No other file includes
 * it.  All calls are made by the calling thread, but for select_is_careful. */
#ifndef TOOLS_QUERY_SELECT_INTERNAL_H
#define TOOLS_QUERY_SELECT_INTERNAL_H

#include "port/port.h"
#include "tools/query/cut.h"
#include "tools/query/piece.h"
#include "tools/query/select.h"
#include "tools/query/waiting.h"

struct range {
    uint64_t begin, end;
};

/* A piece of a file of another program, which can only be read forwards. */
struct kept_piece {
    uint8_t *bytes;
    size_t size;
};

/* A segment that is open until its last piece has been returned. */
struct open_segment {
    struct cutter cutter;
    uint32_t uses;
    bool read_rest; /* the index is wrong: at last, what it has left out is read, too */
    bool reported;
    struct range *returned; /* pieces found by the index */
    uint64_t returned_count, returned_room;
    uint64_t place; /* by_time: of its next piece */
};

struct search_job {
    struct port_op op; /* first: an op is cast to its job */
    struct piece piece;
    struct open_segment *open;
    bool gap;               /* selection.gap */
    uint64_t place;         /* selection.place */
    int64_t first_ns;       /* selection.first_ns */
    enum piece_check check; /* PIECE_NOT_AS_INDEXED: it was not searched */
    bool done;              /* searched */
};

struct select {
    const struct read_request *request;
    const struct query *query;
    const struct select_settings *settings;
    struct select_report *report;
    select_visit *visit;
    void *context;
    const struct segment_list *list;
    uint32_t next_file;               /* how many were opened */
    struct open_segment *open;        /* the segment being cut, or NULL */
    const struct segment_file *shown; /* the last one opened, reading forwards */
    bool gap;         /* a file or the end of one was skipped since the last piece */
    struct cut *cuts; /* newest first: all pieces of the open segment */
    uint64_t cut_count, cut_room;
    struct kept_piece *kept; /* of the same pieces, if the file is of another program */
    uint64_t kept_bytes;
    struct waiting waiting; /* by_time: what is still to be read */
    uint32_t *ranks;        /* of the files, by stream and sequence */
    int64_t from_ns, to_ns; /* settings.near: groups outside are left out */
    uint64_t place;         /* of the piece that is returned, and the times of the selection */
    int64_t first_ns, next_ns;
    struct progress *progress;
    uint64_t bytes_passed;
    const struct segment_file *visited; /* segment of the last returned piece */
    bool several_streams;
    bool enough;
    bool gave_up;
    struct port *port; /* NULL: not open yet, or threads are not available */
    uint64_t pieces;
    struct search_job *jobs;
    uint8_t *memory;                 /* the initial buffers of all jobs */
    uint32_t job_count, first, used; /* ring of jobs */
    uint32_t threads;
};

/* ---- select_segment.c ---- */

/* Opens a segment, with one use.  NULL: it cannot be read, or nothing in it is wanted.  shown: as for
 * report_unopened. */
struct open_segment *select_open_file(struct select *s, const struct segment_file *segment,
                                      const struct segment_file *shown);
/* Ends a use.  After the last one, reads what a wrong index has left out, and closes the segment. */
void select_release(struct select *s, struct open_segment *open);

/* ---- select_by_time.c ---- */

void select_begin_by_time(struct select *s);
/* The next piece, whose file remains in use for it.  NULL: there are no more that are wanted. */
struct open_segment *select_take_waiting(struct select *s, struct search_job *job);
/* The first time of what follows the oldest piece. */
int64_t select_next_time(const struct select *s);
/* What was not needed counts as skipped by time. */
void select_end_by_time(struct select *s);

/* ---- select_newest.c ---- */

/* For newest_first: finds all pieces of the open segment, to take them in reverse. */
void select_find_cuts(struct select *s, struct buffer *packed);
/* Takes the next one.  False: there are no more. */
bool select_take_cut(struct select *s, struct piece *piece);
/* While the segment is still open, if there is one. */
void select_close_cuts(struct select *s);

/* ---- select_return.c ---- */

/* Must the calling thread read it, frame by frame?  Any thread. */
bool select_is_careful(const struct piece *piece);
/* Returns the result of a searched piece to the caller; s->place and the times after it are set. */
void select_deliver(struct select *s, struct search_job *job);
/* All frames of the segment that were not returned. */
void select_read_rest(struct select *s, struct open_segment *open);

#endif
