/* lines.h - the lines that logport-load sends.
 * Each says which connection it goes over and its number on it ("conn", "seq", both from 0).
 * They are a pure function of what stands in struct load_lines, the connection and the number,
 * so that whoever knows the options can make any of them again.
 *
 * They are made a block at a time.  In a block that is filled again only the digits of seq and
 * the seconds of ts are written anew, which costs a few nanoseconds a line; a line whose number
 * has more digits than the one before is made anew, which costs two thousand. */
#ifndef TOOLS_LOAD_LINES_H
#define TOOLS_LOAD_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_LINE_BYTES_MIN 192

struct load_lines {
    uint64_t seed;
    const char *id;           /* NULL: none */
    uint64_t bad_percent;     /* so many of the lines are not JSON */
    size_t line_bytes;        /* of each, its newline included */
    uint32_t block_lines_max; /* a block's lines are of one second */
};

struct load_block {
    uint32_t connection;
    uint8_t *bytes; /* the caller's: block_lines_max lines and a NUL */
    uint32_t lines; /* how many are in it; 0: none was made yet */
    uint64_t seq;   /* of the first line */
};

/* Fills the block with `lines` lines from number `seq` on, a multiple of block_lines_max. */
void load_block_fill(const struct load_lines *kind, struct load_block *block, uint64_t seq,
                     uint32_t lines);

/* Whether the line at that place of a connection's blocks is JSON. */
bool load_line_is_good(const struct load_lines *kind, uint32_t connection, uint32_t place);

#endif
