/* last_lines.c - see last_lines.h. */
#include "tools/commands/last_lines.h"

#include <stdlib.h>
#include <string.h>

#include "tools/query/allocate.h"
#include "tools/query/read.h"

/* Lines are dropped when there are more than twice N and more than these. */
#define SPARE_LINES 4096

void last_lines_add(struct last_lines *last, const uint8_t *lines, size_t size, uint64_t count) {
    if (last->max == 0 || size == 0) return;
    if (count >= last->max) last->size = last->count = 0; /* none of the older ones is needed */
    if (last->room - last->size < size) {
        last->room = last->size + size + last->room / 2;
        last->bytes = reallocate(last->bytes, last->room);
    }
    memcpy(last->bytes + last->size, lines, size);
    last->size += size;
    last->count += count;
    if (last->count > SPARE_LINES && last->count / 2 > last->max) last_lines_cut(last);
}

void last_lines_cut(struct last_lines *last) {
    const uint8_t *from = last->bytes;
    for (; last->count > last->max; last->count--)
        from = line_end(from, last->bytes + last->size);
    if (from == last->bytes) return;
    last->size -= (size_t)(from - last->bytes);
    memmove(last->bytes, from, last->size);
}

void last_lines_free(struct last_lines *last) {
    free(last->bytes);
    *last = (struct last_lines){0};
}
