/* piece.h - decompresses and searches one piece of a segment; the work of one thread.  Pure. */
#ifndef TOOLS_QUERY_PIECE_H
#define TOOLS_QUERY_PIECE_H

#include "tools/query/cut.h"
#include "tools/query/query.h"
#include "tools/query/selection.h"

struct piece {
    const struct query *query;
    const struct select_settings *settings;
    struct cut cut;
    const struct segment_file *segment;
    bool several_streams;
    struct buffer packed;
    struct query_state state;
    struct sorter_limit limit; /* settings.limit when the piece began */
    int64_t untimed_ns;        /* settings.times: the time of lines without one */
    struct buffer frame;       /* the lines of one frame */
    /* Results. */
    struct buffer text; /* selection.text */
    struct select_line *lines;
    uint64_t line_room, count;
    uint64_t frames, raw_bytes;
    struct counts tally; /* settings.tally */
    uint64_t tally_bytes;
    uint64_t by_time, by_level, by_condition; /* frames skipped by their lids */
    void *worked;                             /* settings.work: its state */
    bool damaged; /* a frame does not match its checksum: read the piece again, frame by frame */
};

int piece_open(struct piece *piece, const struct query *query,
               const struct select_settings *settings); /* 0 or ERR_NO_MEMORY */
void piece_close(struct piece *piece);

/* Discards the previous results. */
void piece_begin(struct piece *piece);
/* Is `packed` what the index says of it (cut.frames, cut.raw_size)?  What it does not say, and what
 * comes after a damaged header, agrees with it. */
enum piece_check {
    PIECE_AS_INDEXED,
    PIECE_BEGINS_BADLY, /* no frame begins where the index says: damage, or a wrong index */
    PIECE_NOT_AS_INDEXED
};
enum piece_check piece_check(const struct piece *piece);
/* Searches everything in `packed`. */
void piece_search(struct piece *piece);
/* Searches these lines, which follow those already searched. */
void piece_add(struct piece *piece, const uint8_t *raw, size_t size);
/* All of its lines are searched: puts them into the order in which they are returned, and does
 * settings.work. */
void piece_finish(struct piece *piece);
/* Leaves only the first `count` lines. */
void piece_cut_short(struct piece *piece, uint64_t count);
/* The result, but for file_begins and gap. */
struct selection piece_selection(const struct piece *piece);

#endif
