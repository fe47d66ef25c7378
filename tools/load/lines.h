/* lines.h - the lines that logport-load sends.  Each carries its connection and its number on it
 * ("conn", "seq", both from 0).  Lines are a pure function of struct load_lines, connection and
 * number, so any of them can be generated again from the options.
 *
 * Lines are generated in blocks.  In a reused block only the digits of seq and the seconds of ts
 * are rewritten, a few nanoseconds per line; a line whose number gains a digit is generated again,
 * about 2,000 ns. */
#ifndef TOOLS_LOAD_LINES_H
#define TOOLS_LOAD_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_LINE_BYTES_MIN 192

struct load_lines {
    uint64_t seed;
    const char *id;           /* NULL: none */
    uint64_t bad_percent;     /* percentage of lines that are not JSON */
    size_t line_bytes;        /* of each line, including its newline */
    uint32_t block_lines_max; /* the lines of a block share one second */
};

struct load_block {
    uint32_t connection;
    uint8_t *bytes; /* caller's memory: block_lines_max lines and a NUL */
    uint32_t lines; /* number of lines in it; 0: none yet */
    uint64_t seq;   /* number of the first line */
};

/* Fills the block with `lines` lines starting at number `seq`, a multiple of block_lines_max. */
void load_block_fill(const struct load_lines *kind, struct load_block *block, uint64_t seq,
                     uint32_t lines);

/* Is the line at this place of a connection's blocks valid JSON? */
bool load_line_is_valid(const struct load_lines *kind, uint32_t connection, uint32_t place);

#endif
