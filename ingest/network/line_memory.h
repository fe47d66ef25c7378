/* line_memory.h - where the beginnings of unfinished lines wait for their ends.
 *
 * A bounded pool of 1 KiB chunks, as many at the default size as there may be
 * connections, so that a short half line finds room however many there are.
 * When it is empty the longest unfinished line gives way.  Owner only. */
#ifndef INGEST_NETWORK_LINE_MEMORY_H
#define INGEST_NETWORK_LINE_MEMORY_H

#include <stdint.h>

#define LINE_CHUNK_BYTES  1008 /* with its link and malloc's own, about 1 KiB */
#define LINE_MEMORY_BYTES (16u << 20)

struct line_chunk {
    struct line_chunk *next;
    uint8_t bytes[LINE_CHUNK_BYTES];
};

struct framing;

struct line_memory {
    struct line_chunk *chunks, *free;
    uint32_t chunk_count, used; /* chunks[used..) were never touched */
    /* The framings that hold so many chunks, so that the longest is found at once. */
    struct framing **holders; /* [chunk_count + 1] */
    uint32_t longest;         /* none holds more chunks than this */
};

int line_memory_create(uint32_t bytes, struct line_memory *memory);
void line_memory_free(struct line_memory *memory);

#endif
