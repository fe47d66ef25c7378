/* last_lines.h - keeps the last N of many lines, in memory for at most about 2 N. */
#ifndef TOOLS_COMMANDS_LAST_LINES_H
#define TOOLS_COMMANDS_LAST_LINES_H

#include <stddef.h>
#include <stdint.h>

struct last_lines {
    uint64_t max; /* N; the rest starts as all zero */
    uint8_t *bytes;
    size_t size, room;
    uint64_t count; /* of the lines in `bytes`, which may be more than N */
};

/* Whole lines, each ended by a newline. */
void last_lines_add(struct last_lines *last, const uint8_t *lines, size_t size, uint64_t count);
/* Drops all but the last N; then bytes and size are theirs. */
void last_lines_cut(struct last_lines *last);
void last_lines_free(struct last_lines *last);

#endif
