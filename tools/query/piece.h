/* piece.h - one piece of a segment, unpacked and searched: what a thread does.  Pure. */
#ifndef TOOLS_QUERY_PIECE_H
#define TOOLS_QUERY_PIECE_H

#include "tools/query/cut.h"
#include "tools/query/query.h"
#include "tools/query/selection.h"

struct piece {
    const struct query *query;
    const struct select_settings *settings;
    struct cut cut;
    struct buffer packed;
    struct query_state state;
    struct buffer frame; /* a frame's lines */
    /* What came of it. */
    struct buffer text; /* selection.text */
    struct select_line *lines;
    uint64_t line_room, count;
    uint64_t frames, raw_bytes;
    struct counts tally; /* settings.tally */
    uint64_t tally_bytes;
    uint64_t by_time, by_level; /* frames that were passed over, by their lids */
    bool damaged; /* a frame is not what its checksum says: to be read again, carefully */
};

int piece_open(struct piece *piece, const struct query *query,
               const struct select_settings *settings); /* or ERR_NO_MEMORY */
void piece_close(struct piece *piece);

/* Forgets what came of the last one. */
void piece_begin(struct piece *piece);
/* Searches all of packed. */
void piece_search(struct piece *piece);
/* Searches these lines, behind those that were searched already. */
void piece_add(struct piece *piece, const uint8_t *raw, size_t size);

#endif
