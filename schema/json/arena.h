/* arena.h - arena allocator: everything is freed together.  Holds a compiled schema.
 * One thread at a time. */
#ifndef SCHEMA_JSON_ARENA_H
#define SCHEMA_JSON_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t taken;               /* bytes allocated, in total */
};

/* Zeroed, aligned for any type, valid until arena_free.  NULL: out of memory. */
void *arena_take(struct arena *arena, size_t size);
/* A copy of the bytes, followed by `padding` zeros.  NULL: out of memory. */
char *arena_copy(struct arena *arena, const void *bytes, size_t size, size_t padding);
/* Frees everything; the arena is empty and may be used again. */
void arena_free(struct arena *arena);

#endif
