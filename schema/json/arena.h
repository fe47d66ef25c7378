/* arena.h - memory that is given back all at once: what a compiled schema lives in.
 * Pure but for malloc; one thread at a time. */
#ifndef SCHEMA_JSON_ARENA_H
#define SCHEMA_JSON_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* the newest first */
    size_t taken;               /* bytes handed out, all together */
};

/* Zeroed, aligned for anything; it stays until arena_free.  NULL: no memory. */
void *arena_take(struct arena *arena, size_t size);
/* A copy of the bytes, with `padding` zeros behind it. */
char *arena_copy(struct arena *arena, const void *bytes, size_t size, size_t padding);
void arena_free(struct arena *arena);

#endif
