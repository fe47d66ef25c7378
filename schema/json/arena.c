/* arena.c - see arena.h.  Allocates chunks of 64 KiB; large requests get a chunk of their own. */
#include "schema/json/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 65536

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

void *arena_take(struct arena *arena, size_t size) {
    const size_t unit = alignof(max_align_t);
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + unit - 1) / unit * unit;
    struct arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        const size_t chunk_size = size > CHUNK_BYTES / 4 ? size : CHUNK_BYTES;
        chunk = calloc(1, sizeof *chunk + chunk_size);
        if (!chunk) return NULL;
        chunk->size = chunk_size;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *taken = chunk->bytes + chunk->used;
    chunk->used += size;
    arena->taken += size;
    return taken;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t size, size_t padding) {
    char *copy = arena_take(arena, size + padding);
    if (copy && size > 0) memcpy(copy, bytes, size);
    return copy;
}

void arena_free(struct arena *arena) {
    for (struct arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *arena = (struct arena){0};
}
